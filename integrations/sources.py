"""What most connectors that take orders in have alike: mapping tables, tasks, the cursor of time, statuses back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from wtforms import IntegerField, SelectChoice, SelectField
from wtforms.validators import NumberRange

from .base import Extra, MappingTable, Task
from .errors import VendorError
from .text import N_
from .types import Page, StatusChange
from .values import encode

OVERLAP = timedelta(minutes=10)  # clocks differ, and an order may become visible after its own time stamp
FIRST_DAYS = 14
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


def mappings(
    statuses: Mapping[str, str], back: MappingTable | None = None, payment: Mapping[str, str] | None = None
) -> tuple[MappingTable, ...]:
    """The tables of most sources. `statuses`: their code -> our group, as hints, `payment`: their name -> our kind;
    `back`: the table of `statuses_back`, where the vendor takes them."""
    return (
        MappingTable("status_in", N_("Statuses of new orders"), "in", "statuses", "statuses", hints=statuses),
        *filter(None, [back]),
        MappingTable("delivery_in", N_("Delivery methods"), "in", "delivery", "delivery"),
        MappingTable(
            *("payment_in", N_("Payment methods"), "in", "payment", "payment", _WAIT_HELP, (_WAIT_COLUMN,)),
            names=payment or {},
        ),
    )


def statuses_back(help: str = "", extras: Sequence[Extra] = ()) -> MappingTable:
    """Our statuses -> the codes to write, with what the vendor wants beside them."""
    return MappingTable("status_out", N_("Statuses to write back"), "out", "statuses", "statuses", help, extras)


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


def read_from(settings: Mapping[str, Any], cursor: Mapping[str, Any], now: datetime) -> datetime:
    """Where a pull by time begins, in UTC: before the cursor's "since", or `import_days` ago."""
    days = int(settings.get("import_days", FIRST_DAYS))
    since = datetime.fromisoformat(cursor["since"]) - OVERLAP if cursor else now - timedelta(days=days)
    return since.astimezone(UTC)


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
