"""A page of the order list: keyset paging, search, what each row shows. At most a handful of queries a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32
from zoneinfo import ZoneInfo

from models import Link, Order, OrderSearch, Prepared, db

from . import counts, finding, rows, search, walks
from .filters import OrderFilter, Statuses, StatusLike
from .rows import Found, Row

COUNT_LIMIT = 10_000


@dataclass
class Page:
    found: list[Found]
    newer: int | None  # cursor of the page before, if there is one
    older: int | None
    at_start: bool
    shallow: bool = False  # a term of one or two letters: only the newest orders were looked through

    @property
    def ids(self) -> list[int]:
        return [order_id for order_id, _ in self.found]

    @property
    def rows(self) -> list[Row]:
        found = {row.o.id: row for row in by_ids(self.ids)}
        return [found[order_id] for order_id in self.ids if order_id in found]


@dataclass(frozen=True)
class Cursor:
    """Where a page starts: after the order with this id, walking on ("next") or back ("prev"); "last" = the end."""

    id: int | None = None
    way: str = "next"

    @classmethod
    def read(cls, text: str) -> Cursor:
        if text == "last":
            return cls(None, "prev")
        way = "prev" if text.startswith("-") else "next"
        digits = text.removeprefix("-")
        return cls(int(digits), way) if digits.isdigit() and len(digits) < 19 else cls()

    @property
    def text(self) -> str:
        """What it is read from; "" at the start."""
        back = self.way == "prev"
        return ("last" if back else "") if self.id is None else f"{'-' if back else ''}{self.id}"


def page(f: OrderFilter, statuses: Statuses, zone: ZoneInfo, cursor: Cursor = Cursor(), size: int = 50) -> Page:
    """The orders that the filter shows, one page from the cursor on."""
    found, shallow = find(f, statuses, zone, cursor, size + 1)
    more = len(found) > size
    found = found[:size]
    if cursor.way == "prev":
        found.reverse()
    forward = cursor.way == "next"
    has_newer = bool(found) and (cursor.id is not None if forward else more)
    has_older = bool(found) and (more if forward else cursor.id is not None)
    newer = found[0][0] if has_newer else None
    return Page(found, newer, found[-1][0] if has_older else None, newer is None, shallow)


def find(f: OrderFilter, statuses: Statuses, zone: ZoneInfo, cursor: Cursor, limit: int) -> tuple[list[Found], bool]:
    """Up to `limit` orders in walking order, and whether only the newest were looked through."""
    descending = (f.sort == "new") == (cursor.way == "next")
    words = search.terms(f.q)
    if words:
        return finding.page(f, statuses, zone, words, descending, limit, cursor.id), search.are_short(words)
    if f.since or f.until:  # dates ask the database for the ids that they end at
        query = walks.ordered(rows.FOUND, f, statuses, zone, descending=descending, limit=limit, after=cursor.id)
        return [(order_id, as_shown) for order_id, as_shown in db.session.execute(query)], False
    walk = _walk_of(f, tuple(statuses), zone, descending, limit, cursor.id is not None)
    return walk.raw(after=cursor.id) if cursor.id is not None else walk.raw(), False


@lru_cache(maxsize=200)
def _walk_of(
    f: OrderFilter, statuses: tuple[StatusLike, ...], zone: ZoneInfo, descending: bool, limit: int, goes_on: bool
) -> Prepared:
    after = db.bindparam("after", type_=Order.id.type) if goes_on else None
    query = walks.ordered(rows.FOUND, f, statuses, zone, descending=descending, limit=limit, after=after)
    return Prepared(query, same_plan=f.is_of_statuses and not f.branches(statuses)[0])


def total_found(f: OrderFilter, statuses: Statuses, zone: ZoneInfo) -> tuple[int, bool]:
    """How many the filter shows, and whether that is exact; past COUNT_LIMIT it stops counting."""
    if f.counted:
        return counted(f, statuses, counts.by_status(f.shop, f.source, f.type)), True
    words = search.terms(f.q)
    if words:
        found = len(finding.ids(f, statuses, zone, words, COUNT_LIMIT + 1))
    else:
        some = walks.any_order(f, statuses, zone, COUNT_LIMIT + 1).subquery()
        found = db.session.scalar(db.select(db.func.count()).select_from(some)) or 0
    return min(found, COUNT_LIMIT), found <= COUNT_LIMIT


def counted(f: OrderFilter, statuses: Statuses, cells: Mapping[int, counts.Cell]) -> int:
    """The total of a filter that the kept counters know: see OrderFilter.counted."""
    return sum(cells[i].n for i in f.status_ids(statuses) if i in cells)


def ids(
    f: OrderFilter, statuses: Statuses, zone: ZoneInfo, limit: int = COUNT_LIMIT, top: int | None = None
) -> list[int]:
    """The ids of the orders that the filter shows ("choose all found"), newest first; `top`: none above this id."""
    after = None if top is None else top + 1
    words = search.terms(f.q)
    if not words:
        query = walks.ordered((Order.id,), f, statuses, zone, descending=True, limit=limit, after=after)
        return list(db.session.scalars(query))
    return finding.ids(f, statuses, zone, words, limit, after)


def fitting(f: OrderFilter, statuses: Statuses, zone: ZoneInfo, order_ids: Sequence[int]) -> set[int]:
    """Which of these orders the filter still shows."""
    query = db.select(Order.id).where(Order.id.in_(order_ids), *f.conditions(statuses, zone))
    if words := search.terms(f.q):
        query = query.join(OrderSearch, OrderSearch.order_id == Order.id).where(*finding.holding(words))
    return set(db.session.scalars(query))


def arrived(f: OrderFilter, statuses: Statuses, zone: ZoneInfo, top: int, limit: int = 100) -> int:
    """How many orders above this id the filter shows; counts no further than `limit`."""
    query = db.select(Order.id).where(Order.id > top, *f.conditions(statuses, zone)).limit(limit)
    if words := search.terms(f.q):
        query = query.join(OrderSearch, OrderSearch.order_id == Order.id).where(*finding.holding(words))
    return db.session.scalar(db.select(db.func.count()).select_from(query.subquery())) or 0


def stamp(looks: str) -> str:
    """A row's `looks`, short enough for an address: what a page holds against what the table says."""
    return format(crc32(looks.encode()), "x")


def changed(seen: Mapping[int, str]) -> tuple[list[Row], list[int]]:
    """Of the rows that a page shows (id -> stamp): those that changed since, and the ids that are gone."""
    now = dict(db.session.execute(db.select(*rows.FOUND).where(Order.id.in_(seen))).all())
    other = [order_id for order_id, looks in now.items() if stamp(looks) != seen[order_id]]
    return by_ids(other) if other else [], [order_id for order_id in seen if order_id not in now]


def numbers(order_ids: Sequence[int]) -> dict[int, str]:
    """Id -> number."""
    return dict(db.session.execute(db.select(Order.id, Order.number).where(Order.id.in_(order_ids))).all())


def status_of(order_ids: Sequence[int]) -> dict[int, int]:
    """Id -> status id, newest first."""
    query = db.select(Order.id, Order.status_id).where(Order.id.in_(order_ids)).order_by(Order.id.desc())
    return dict(db.session.execute(query).all())


def linked_connections(order_ids: Sequence[int]) -> set[int]:
    """The connections that hold a copy of any of these orders."""
    query = db.select(Link.connection_id).where(Link.order_id.in_(order_ids), Link.state == "linked").distinct()
    return set(db.session.scalars(query))


def by_ids(order_ids: Sequence[int]) -> list[Row]:
    """Rows of given orders, newest first (for refreshing what a page shows)."""
    return rows.read(rows.of(order_ids))
