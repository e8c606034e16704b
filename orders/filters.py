"""The filters of the orders page: read from the address, written back to it, turned into conditions."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Protocol
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from models import GROUPS, ImportRow, Link, Order, Transfer, db

from . import asked, days


class StatusLike(Protocol):
    """What the filters need to know of a status; a row of the table or a copy of it."""

    @property
    def id(self) -> int: ...

    @property
    def group(self) -> str: ...


Statuses = Iterable[StatusLike]

#: payment filter -> kinds of payment it takes in (a card paid online is both "card" and "prepaid")
PAYMENTS = {
    "cash": ("cod_cash",),
    "card": ("cod_card", "online_card"),
    "prepaid": ("online_card", "transfer", "other"),
}
#: link states a connection filter can ask for; "none" = no copy there
LINK_FILTERS = ("linked", "working", "problem", "none")
FLAGS = ("mapping", "do_not_call", "fulfilment", "duplicate")


@dataclass(frozen=True)
class OrderFilter:
    """What the page shows. Every field has its name in the address; the default is the New orders."""

    q: str = ""
    status: tuple[int, ...] | None = None  # None = the group New; () = all but Deleted
    group: str = ""  # a status group, e.g. "problem"
    type: int | None = None
    payment: str = ""
    paid: str = ""  # yes | no
    source: int | None = None
    shop: int | None = None
    link: str = ""  # "<connection id>:<state>"
    since: date | None = None
    until: date | None = None
    flag: str = ""  # see FLAGS
    file: int | None = None  # an import: the orders that it made or changed
    sort: str = "new"  # new | old

    @classmethod
    def read(cls, args: Mapping[str, str]) -> OrderFilter:
        """From the address. What can't be read is left out: an old or mistyped link still gives a page."""
        given = {key: value.replace("\0", "").strip() for key, value in args.items()}  # PostgreSQL takes no NUL
        given = {key: value for key, value in given.items() if value}
        return cls(
            q=given.get("q", "")[:200],
            status=_statuses(given),
            group=asked.one_of(given.get("group"), GROUPS),
            type=asked.number(given.get("type")),
            payment=asked.one_of(given.get("payment"), PAYMENTS),
            paid=asked.one_of(given.get("paid"), ("yes", "no")),
            source=asked.number(given.get("source")),
            shop=asked.number(given.get("shop")),
            link=_link(given.get("link", "")),
            since=asked.day(given.get("since")),
            until=asked.day(given.get("until")),
            flag=asked.one_of(given.get("flag"), FLAGS),
            file=asked.number(given.get("file")),
            sort=asked.one_of(given.get("sort"), ("new", "old")) or "new",
        )

    def query(self, **changes: Any) -> str:
        """The address' query for this filter with some fields changed, without the defaults."""
        f = replace(self, **changes)
        pairs = {"q": f.q, "group": f.group, "type": f.type, "payment": f.payment, "paid": f.paid,
                 "source": f.source, "shop": f.shop, "link": f.link, "since": f.since, "until": f.until, "flag": f.flag,
                 "file": f.file, "sort": f.sort if f.sort != "new" else ""}  # fmt: skip
        pairs = {key: value for key, value in pairs.items() if value not in (None, "")}
        if f.status:
            pairs["status"] = ",".join(map(str, f.status))
        elif (f.status is None) == _narrowing(pairs) and not f.group:
            # without a status, an address means the New orders, and all of them as soon as it has another filter
            pairs["status"] = "new" if f.status is None else "all"
        return urlencode(pairs, safe=",:")

    @property
    def is_default(self) -> bool:
        return self == OrderFilter()

    @property
    def is_of_statuses(self) -> bool:
        """Does nothing but the status decide what is shown?"""
        return self == OrderFilter(status=self.status, group=self.group, sort=self.sort)

    @property
    def counted(self) -> bool:
        """Do the kept counters know exactly how many orders this shows?"""
        others = (self.q, self.payment, self.paid, self.link, self.since, self.until, self.flag, self.file)
        return not any(others)

    def status_ids(self, statuses: Statuses) -> set[int]:
        """The ids of the statuses that are shown."""
        if self.status:
            return set(self.status)
        if self.group:
            return {s.id for s in statuses if s.group == self.group}
        if self.status is None:
            return {s.id for s in statuses if s.group == "new"}
        return {s.id for s in statuses if s.group != "deleted"}

    def conditions(self, statuses: Statuses, zone: ZoneInfo, without: Container[str] = ()) -> list[Any]:
        """SQL conditions, all but the search; `without`: fields that the caller sees to in another way."""
        found: list[Any] = []
        if "status" not in without:
            found += _status_condition(self.status_ids(statuses), statuses)
        for column, value in ((Order.type_id, self.type), (Order.source_id, self.source), (Order.shop_id, self.shop)):
            if value is not None:
                # "+ 0" (below, coalesce) keeps SQLite from starting here where the walk goes over the links
                found.append((column + 0 if "link" in without else column) == value)
        if self.payment and "payment" not in without:
            kind = db.func.coalesce(Order.payment_kind, "") if "link" in without else Order.payment_kind
            found.append(kind.in_(PAYMENTS[self.payment]))
        if self.paid:
            found.append(Order.paid if self.paid == "yes" else ~Order.paid)
        found += days.between(Order, self.since, self.until, zone)
        if self.flag:
            found.append(_FLAG_COLUMNS[self.flag])
        found += _file_conditions(self.file)
        if self.link and "link" not in without:
            found.append(_link_condition(self.link))
        return found

    def branches(self, statuses: Statuses) -> tuple[str, list[Any]]:
        """A field with several values, and a condition for each of them. No index gives the orders of all values in
        the order of their ids, but each value has one that does; a list merges them. ("", []) where one walk serves.
        """
        ids = self.status_ids(statuses)
        if len(ids) > 1 and not _is_all_but_deleted(ids, statuses):
            return "status", [Order.status_id == i for i in sorted(ids)]
        kinds = PAYMENTS.get(self.payment, ())
        has_other_walk = len(ids) == 1 or bool(self.paid or self.type or self.source or self.shop)
        if len(kinds) > 1 and not has_other_walk:
            return "payment", [Order.payment_kind == kind for kind in kinds]
        return "", []

    def walks_links(self, statuses: Statuses) -> bool:
        """Is it quicker to go from the copies to their orders than the other way? Copies with a problem are few;
        linked ones are many, so that a single status (but for Transferred) leaves less to look through."""
        state = self.link.partition(":")[2]
        return state == "problem" or (state == "linked" and len(self.status_ids(statuses)) != 1)

    def link_conditions(self) -> list[Any]:
        """Conditions on joined links; see walks_links."""
        connection_id, _, state = self.link.partition(":")
        return [Link.connection_id == int(connection_id), Link.state == state]


#: FLAGS -> the column that has an index of just the orders where it is set
_FLAG_COLUMNS = {
    "mapping": Order.needs_mapping,
    "do_not_call": Order.do_not_call,
    "fulfilment": Order.fulfilment,
    "duplicate": Order.likely_duplicate,
}


def _is_all_but_deleted(ids: set[int], statuses: Statuses) -> bool:
    return ids >= {s.id for s in statuses if s.group != "deleted"}


def _status_condition(ids: set[int], statuses: Statuses) -> list[Any]:
    """Nearly all orders: said by what is left out, lest SQLite look them up status by status and sort them."""
    others = sorted({s.id for s in statuses} - ids)
    if not others:
        return []
    if len(ids) == 1:
        return [Order.status_id == next(iter(ids))]
    if _is_all_but_deleted(ids, statuses):
        return [Order.status_id != others[0] if len(others) == 1 else Order.status_id.not_in(others)]
    return [Order.status_id.in_(sorted(ids))]


def _statuses(given: Mapping[str, str]) -> tuple[int, ...] | None:
    text = given.get("status", "")
    if text == "new":
        return None
    if given.get("group") in GROUPS:
        return ()
    ids = tuple(sorted({int(part) for part in text.split(",") if part.isdecimal() and len(part) < 12}))
    if ids:
        return ids
    if "all" in text.split(","):
        return ()
    return () if _narrowing(given) else None


#: parts of the address beside which the New orders are still meant
_BESIDE = ("sort", "type", "cursor", "view")


def _narrowing(given: Mapping[str, Any]) -> bool:
    return any(key not in _BESIDE for key in given)


def _link_condition(text: str) -> Any:
    connection_id, state = int(text.split(":")[0]), text.split(":")[1]
    mine = db.select(Link.id).where(Link.order_id == Order.id, Link.connection_id == connection_id)
    if state == "none":
        return ~mine.exists()
    if state == "working":  # few at any time: their ids first
        return Order.id.in_(
            db.select(Transfer.order_id).where(
                Transfer.connection_id == connection_id, Transfer.state.in_(("waiting", "working"))
            )
        )
    return mine.where(Link.state == state).exists()


def _file_conditions(import_id: int | None) -> list[Any]:
    if import_id is None:
        return []
    rows = db.select(ImportRow.order_id).where(ImportRow.import_id == import_id, ImportRow.done)
    return [Order.id.in_(rows.where(ImportRow.order_id.is_not(None)))]


def _link(text: str) -> str:
    connection_id, _, state = text.partition(":")
    return text if asked.number(connection_id) and state in LINK_FILTERS else ""
