"""What most connectors that take orders in have alike: mapping tables, tasks, the cursor of time, statuses back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from wtforms import BooleanField, IntegerField, SelectChoice, SelectField
from wtforms.validators import NumberRange

from .base import Extra, MappingTable, Task
from .errors import VendorError
from .text import N_
from .types import Page, StatusChange
from .values import encode, text

OVERLAP = timedelta(minutes=10)  # clocks differ, and an order may become visible after its own time stamp
FIRST_DAYS = 14
AGAIN_EVERY, AGAIN_DAYS = timedelta(minutes=30), timedelta(days=7)
SHARED = 5  # rows that two pages have in common
LANGUAGES = [SelectChoice("uk", N_("Ukrainian")), SelectChoice("ru", N_("Russian"))]

#: beside a payment method: minutes that an unpaid order with it is kept back, 30 days at most
WAIT = "wait"
_WAIT_COLUMN = Extra(WAIT, N_("Wait for payment, minutes"), kind="number", most=43_200)
_WAIT_HELP = N_(
    "With minutes beside a method, an unpaid order is not taken in until it is paid or the time is over, "
    "counted from when it was placed. Until then it is listed under “Waiting for payment”."
)

TAKE_ORDERS = Task("orders", N_("Take orders in"), 120)
TAKE_CATALOGUE = Task("catalogue", N_("Take the catalogue in"), 86_400, at_hour=4)
TAKE_PRICES = Task("prices", N_("Take prices and stock in"), 4 * 3600)
CATALOGUE = (TAKE_CATALOGUE, TAKE_PRICES)
#: of systems that are connected for something else first: their products come when staff say so
CATALOGUE_ASKED = tuple(replace(task, asked=True) for task in CATALOGUE)
TELL_STOCK = Task("stock", N_("Tell stock"), 3600)


def mappings(
    statuses: Mapping[str, str],
    back: MappingTable | None = None,
    payment: Mapping[str, str] | None = None,
    help: str = "",
) -> tuple[MappingTable, ...]:
    """The tables of most sources. `statuses`: their code -> our group, as hints, `payment`: their name -> our kind;
    `back`: the table of `statuses_back`, where the vendor takes them; `help`: stands above the table of statuses."""
    return (
        MappingTable("status_in", N_("Statuses of new orders"), "in", "statuses", "statuses", help, hints=statuses),
        *filter(None, [back]),
        MappingTable("delivery_in", N_("Delivery methods"), "in", "delivery", "delivery"),
        MappingTable(
            *("payment_in", N_("Payment methods"), "in", "payment", "payment", _WAIT_HELP, (_WAIT_COLUMN,)),
            names=payment or {},
        ),
    )


def statuses_back(help: str = "", extras: Sequence[Extra] = (), hints: Mapping[str, str] | None = None) -> MappingTable:
    """Our statuses -> the codes to write, with what the vendor wants beside them. `hints`: of a code that means more
    than its name says, our group."""
    title = N_("Statuses to write back")
    return MappingTable("status_out", title, "out", "statuses", "statuses", help, extras, hints or {})


def ttn_along(needed: Collection[str] = ()) -> Extra:
    """The tick for a vendor that takes the tracking number in the same call as the status: with it set, both go as soon
    as the order has both. `needed`: its codes that go in no other way."""
    return Extra("ttn_along", N_("Send the tracking number"), kind="tick", needed=frozenset(needed))


def cancel_extras(reasons: Mapping[str, str], defaults: Mapping[str, str]) -> tuple[Extra, ...]:
    """Columns beside the statuses that are written back, for a vendor that wants reasons {code: name}; `defaults`: its
    status -> the reason that is suggested with it."""
    return (
        Extra("reason", N_("Cancel reason"), tuple(reasons.items()), defaults=defaults),
        Extra("text", N_("Text for the buyer"), kind="text"),
        Extra("ttn", N_("Send the tracking number"), kind="tick"),
    )


def language_field() -> SelectField:
    """The field `language` of a Settings form, for vendors that have names in both."""
    return SelectField(N_("Language of product names"), choices=LANGUAGES, default="uk")


def import_days_field() -> IntegerField:
    """The field `import_days` of a Settings form: how far the first pull goes back."""
    return IntegerField(N_("Days to look back at the first import"), [NumberRange(1, 365)], default=FIRST_DAYS)


def tell_stock_field() -> BooleanField:
    """The field `tell_stock` of a Settings form; the jobs go by it, for connectors that write stock."""
    return BooleanField(
        N_("Tell it how many there are to sell"),
        description=N_("The stock of our products goes to the offers that are matched with them, as it changes."),
    )


def read_from(settings: Mapping[str, Any], cursor: Mapping[str, Any], now: datetime) -> datetime:
    """Where a pull by time begins, in UTC: before the cursor's "since", or `import_days` ago."""
    days = int(settings.get("import_days", FIRST_DAYS))
    since = datetime.fromisoformat(cursor["since"]) - OVERLAP if cursor else now - timedelta(days=days)
    return since.astimezone(UTC)


def with_looks_back(
    settings: Mapping[str, Any], cursor: Mapping[str, Any], now: datetime
) -> tuple[datetime, Mapping[str, Any]]:
    """(where a pull begins, the cursor that ends it) at a vendor that tells when an order was made and not when it was
    changed: the orders of the last days are read again every half an hour."""
    since, again = read_from(settings, cursor, now), str(cursor.get("again") or "")
    if not again or now - datetime.fromisoformat(again) >= AGAIN_EVERY:
        since, again = min(since, (now - AGAIN_DAYS).astimezone(UTC)) if cursor else since, now.isoformat()
    return since, {"since": now.isoformat(), "again": again}


def pages(read: Callable[..., Sequence[Mapping[str, Any]]], size: int, key: str) -> Iterator[list[Mapping[str, Any]]]:
    """All that `read(limit=…, offset=…)` has, page by page, told apart by the field `key`. A page begins before the one
    before it ends: should a row vanish between two calls, none is missed; what came twice is left out."""
    offset, before = 0, set[str]()
    while rows := read(limit=size, offset=offset):
        yield [row for row in rows if text(row, key) not in before]
        if len(rows) < size:
            return
        before = {text(row, key) for row in rows} - {""}
        offset += size - SHARED


def last_page(now: datetime) -> Page:
    """The page that ends a pull by time; the next one begins where this one began."""
    return Page((), {"since": now.isoformat()})


def write_statuses(
    changes: Sequence[StatusChange],
    problem: Callable[[StatusChange], str],
    request: Callable[[StatusChange], Mapping[str, Any]],
    write: Callable[[Sequence[str], Mapping[str, Any]], Collection[str]],
) -> dict[str, tuple[str, str]]:
    """Writes the changes and answers for each order, as WritesStatuses asks.

    `problem`: why the vendor would refuse a change, "" for none: such a one isn't sent. `request`: what is to be asked
    of the vendor; orders of which the same is asked go to `write` together. `write` gives the external ids that the
    vendor says it changed. A fault of the call itself is raised as long as nothing was written; later ones are told
    for their orders, so that what was written before isn't lost."""
    results = {c.external_id: ("validation", words) for c in changes if (words := problem(c))}
    written = False
    for ids, asked in _grouped([c for c in changes if c.external_id not in results], request):
        try:
            done = write(ids, asked)
        except VendorError as error:
            if error.fault != "validation" and not written:
                raise
            results |= dict.fromkeys(ids, (error.fault, error.detail))
        else:
            written = True
            results |= {i: ("", "") if i in done else ("validation", "not changed") for i in ids}
    return results


def _grouped(
    changes: Sequence[StatusChange], request: Callable[[StatusChange], Mapping[str, Any]]
) -> list[tuple[list[str], Mapping[str, Any]]]:
    """(external ids, request) in the order in which the requests first come up."""
    groups: dict[str, tuple[list[str], Mapping[str, Any]]] = {}
    for change in changes:
        asked = request(change)
        groups.setdefault(encode(asked), ([], asked))[0].append(change.external_id)
    return list(groups.values())
