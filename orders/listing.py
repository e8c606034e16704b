"""A page of the order list: keyset paging, search, what each row shows. At most a handful of queries a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.sql import Select

from models import Connection, Link, Order, OrderLine, OrderLink, OrderSearch, Prepared, Transfer, among, db

from . import counts, search, walks
from .filters import OrderFilter, Statuses, StatusLike

COUNT_LIMIT = 10_000
_ORDER, _LINE, _LINK, _THERE = (model.__table__.c for model in (Order, OrderLine, Link, Connection))
#: what a row shows; the rest of the order is not read
COLUMNS = (
    *(_ORDER.id, _ORDER.number, _ORDER.created_at, _ORDER.updated_at),
    *(_ORDER.shop_id, _ORDER.source_id, _ORDER.type_id, _ORDER.status_id, _ORDER.external_number),
    *(_ORDER.last_name, _ORDER.first_name, _ORDER.phone, _ORDER.city),
    *(_ORDER.delivery_method_id, _ORDER.pickup_address, _ORDER.ttn, _ORDER.ttn_state),
    *(_ORDER.total, _ORDER.currency, _ORDER.paid, _ORDER.likely_duplicate),
    *(_ORDER.do_not_call, _ORDER.fulfilment, _ORDER.needs_mapping, _ORDER.staff_comment, _ORDER.customer_comment),
)
LINK_COLUMNS = (
    *(_LINK.order_id, _LINK.connection_id, _LINK.state, _LINK.url, _LINK.external_number, _LINK.external_status),
    *(_LINK.external_status_name, _LINK.error, _THERE.kind, _THERE.name),
)
_LINES = Prepared(
    db.select(_LINE.order_id, _LINE.name, _LINE.position).where(among(_LINE.order_id, "ids")), same_plan=True
)
_BUSY = (
    db.select(Transfer.__table__.c.id)
    .where(Transfer.order_id == _LINK.order_id, Transfer.connection_id == _LINK.connection_id)
    .where(Transfer.state.in_(("waiting", "working")))
    .exists()
)
_LINKS = Prepared(
    db.select(*LINK_COLUMNS, _BUSY.label("busy"))
    .join_from(Link.__table__, Connection.__table__)
    .where(among(_LINK.order_id, "ids"))
    .order_by(_LINK.role.desc(), _LINK.connection_id),
    same_plan=True,
)
#: orders whose customers are at their page; one look into an index that is nearly always empty
_HERE = Prepared(
    db.select(OrderLink.order_id).where(OrderLink.here, among(OrderLink.__table__.c.order_id, "ids")), same_plan=True
)


@dataclass(frozen=True, slots=True)
class Tile:
    """An external copy in a row: green linked, amber working, red problem, grey not sent. `detail`: of its error."""

    connection_id: int
    kind: str
    name: str
    state: str
    url: str = ""
    number: str = ""
    status: str = ""
    detail: str = ""


@dataclass(slots=True)
class Row:
    """One row: the order's columns as `o`, its first line and how many lines, its tiles."""

    o: Any
    item: str = ""
    items: int = 0
    tiles: list[Tile] = field(default_factory=list)
    here: bool = False  # the customer is filling the order in

    @property
    def recipient(self) -> str:
        return " ".join(part for part in (self.o.last_name, self.o.first_name) if part)


@dataclass
class Page:
    rows: list[Row]
    newer: int | None  # cursor of the page before, if there is one
    older: int | None
    at_start: bool
    shallow: bool = False  # a term of one or two letters: only the newest orders were looked through


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
    rows = decorate(found)
    newer = found[0].id if has_newer else None
    return Page(rows, newer, found[-1].id if has_older else None, newer is None, shallow)


def find(f: OrderFilter, statuses: Statuses, zone: ZoneInfo, cursor: Cursor, limit: int) -> tuple[list[Any], bool]:
    """Up to `limit` orders in walking order, and whether only the newest were looked through."""
    descending = (f.sort == "new") == (cursor.way == "next")
    words = search.terms(f.q)
    if not words:
        if f.since or f.until:  # dates ask the database for the ids that they end at
            query = walks.ordered(COLUMNS, f, statuses, zone, descending=descending, limit=limit, after=cursor.id)
            return list(db.session.execute(query)), False
        walk = _walk_of(f, tuple(statuses), zone, descending, limit, cursor.id is not None)
        return list(walk.rows(after=cursor.id) if cursor.id is not None else walk.rows()), False
    query = db.select(*COLUMNS).where(*f.conditions(statuses, zone))
    query = query.order_by(Order.id.desc() if descending else Order.id).limit(limit)
    if cursor.id is not None:
        query = query.where(Order.id < cursor.id if descending else Order.id > cursor.id)
    if _are_short(words):
        return list(db.session.execute(_newest_only(query, words))), True
    if _on_sqlite():
        return list(db.session.execute(_fts(query, words, descending))), False
    return _trigram(query, words, cursor, descending, limit), False


@lru_cache(maxsize=200)
def _walk_of(
    f: OrderFilter, statuses: tuple[StatusLike, ...], zone: ZoneInfo, descending: bool, limit: int, goes_on: bool
) -> Prepared:
    after = db.bindparam("after", type_=Order.id.type) if goes_on else None
    return Prepared(walks.ordered(COLUMNS, f, statuses, zone, descending=descending, limit=limit, after=after))


def _on_sqlite() -> bool:
    return db.session.get_bind().dialect.name == "sqlite"


def _are_short(words: Sequence[str]) -> bool:
    return all(len(word) < 3 for word in words)


def _like(words: Sequence[str]) -> list[Any]:
    return [OrderSearch.text.like(search.like(word), escape="\\") for word in words]


def _newest_only(query: Select[Any], words: Sequence[str]) -> Select[Any]:
    """One or two letters say too little for an index: the newest orders are looked through, one by one."""
    top = db.session.scalar(db.select(db.func.max(Order.id))) or 0
    query = query.where(Order.id > top - search.SHORT_TERM_DEPTH)
    return query.join(OrderSearch, OrderSearch.order_id == Order.id).where(*_like(words))


def _fts(query: Select[Any], words: Sequence[str], descending: bool) -> Select[Any]:
    """FTS5 gives its matches in order of row id, which is the order's id: the walk stops after a page. CROSS JOIN
    keeps SQLite from starting at the orders; the order is asked of the FTS row id, the only one it has for free."""
    fts = db.table("order_search_fts", db.column("rowid"), db.column("order_search_fts"))
    match = " AND ".join('"' + word.replace('"', '""') + '"' for word in words if len(word) >= 3)
    query = query.select_from(fts).join(Order, db.literal_column("orders.id") == fts.c.rowid)
    query = query.order_by(None)
    query = query.where(fts.c.order_search_fts.op("MATCH")(match))
    for word in words:
        if len(word) < 3:
            text = db.select(OrderSearch.text).where(OrderSearch.order_id == fts.c.rowid).scalar_subquery()
            query = query.where(text.like(search.like(word), escape="\\"))
    return query.order_by(fts.c.rowid.desc() if descending else fts.c.rowid)


def _trigram(query: Select[Any], words: Sequence[str], cursor: Cursor, descending: bool, limit: int) -> list[Any]:
    """PostgreSQL: a short walk first; it fills the page when the term is common. A rare term gets its matches from
    the trigram index before anything is ordered: with ORDER BY ... LIMIT in one query the planner would walk the
    whole table by id instead."""
    found = list(db.session.execute(_walk(query, words, cursor, descending)))
    if len(found) >= limit:
        return found
    with _trigram_index_only():
        hits = _hits(words)
        return list(db.session.execute(query.join(hits, hits.c.order_id == Order.id)))


def _walk(query: Select[Any], words: Sequence[str], cursor: Cursor, descending: bool) -> Select[Any]:
    """Look through a few thousand orders from the page's edge on."""
    if descending:
        top = cursor.id or (db.session.scalar(db.select(db.func.max(Order.id))) or 0) + 1
        query = query.where(Order.id >= top - search.WALK)
    else:
        query = query.where(Order.id <= (cursor.id or 0) + search.WALK)
    return query.join(OrderSearch, OrderSearch.order_id == Order.id).where(*_like(words))


def _hits(words: Sequence[str]) -> Any:
    found = db.select(OrderSearch.order_id).where(*_like(words))
    return found.cte("hits").prefix_with("MATERIALIZED", dialect="postgresql")


@contextmanager
def _trigram_index_only() -> Iterator[None]:
    """For the queries within. After a failed one there is nothing to set back: the transaction is lost anyway."""
    db.session.execute(db.text("SET LOCAL enable_seqscan = off"))
    yield
    db.session.execute(db.text("SET LOCAL enable_seqscan = on"))


def total_found(f: OrderFilter, statuses: Statuses, zone: ZoneInfo) -> tuple[int, bool]:
    """How many the filter shows, and whether that is exact; past COUNT_LIMIT it stops counting."""
    if f.counted:
        return counted(f, statuses, counts.by_status(f.shop, f.source, f.type)), True
    words = search.terms(f.q)
    if words:
        query = db.select(Order.id).where(*f.conditions(statuses, zone)).limit(COUNT_LIMIT + 1)
        found = len(_matching_ids(query, words))
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
    query = db.select(Order.id).where(*f.conditions(statuses, zone)).order_by(Order.id.desc()).limit(limit)
    if after is not None:
        query = query.where(Order.id < after)
    return _matching_ids(query, words)


def _matching_ids(query: Select[Any], words: Sequence[str]) -> list[int]:
    if _are_short(words):
        return list(db.session.scalars(_newest_only(query, words)))
    if _on_sqlite():
        return list(db.session.scalars(_fts(query, words, descending=True)))
    with _trigram_index_only():
        hits = _hits(words)
        return list(db.session.scalars(query.join(hits, hits.c.order_id == Order.id)))


def fitting(f: OrderFilter, statuses: Statuses, zone: ZoneInfo, order_ids: Sequence[int]) -> set[int]:
    """Which of these orders the filter still shows."""
    query = db.select(Order.id).where(Order.id.in_(order_ids), *f.conditions(statuses, zone))
    if words := search.terms(f.q):
        query = query.join(OrderSearch, OrderSearch.order_id == Order.id).where(*_like(words))
    return set(db.session.scalars(query))


def arrived(f: OrderFilter, statuses: Statuses, zone: ZoneInfo, top: int, limit: int = 100) -> int:
    """How many orders above this id the filter shows; counts no further than `limit`."""
    query = db.select(Order.id).where(Order.id > top, *f.conditions(statuses, zone)).limit(limit)
    if words := search.terms(f.q):
        query = query.join(OrderSearch, OrderSearch.order_id == Order.id).where(*_like(words))
    return db.session.scalar(db.select(db.func.count()).select_from(query.subquery())) or 0


def stamp(moment: datetime) -> str:
    """When a row was last changed, short enough for an address: what a page holds against what the table says."""
    return format(int(moment.timestamp() * 1_000_000) & 0xFFFFFFFFFF, "x")


def changed(seen: Mapping[int, str]) -> tuple[list[Row], list[int]]:
    """Of the rows that a page shows (id -> stamp): those that changed since, and the ids that are gone."""
    now = dict(db.session.execute(db.select(Order.id, Order.updated_at).where(Order.id.in_(seen))).all())
    other = [order_id for order_id, moment in now.items() if stamp(moment) != seen[order_id]]
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
    query = db.select(*COLUMNS).where(Order.id.in_(order_ids)).order_by(Order.id.desc())
    return decorate(list(db.session.execute(query)))


def decorate(found: Sequence[Any]) -> list[Row]:
    """Add lines and external copies: two queries, however many rows."""
    rows = {o.id: Row(o) for o in found}
    if not rows:
        return []
    ids = list(rows)
    first: dict[int, int] = {}  # positions; sorting them all in the database would take longer
    for order_id, name, position in _LINES.rows(ids=ids):
        row = rows[order_id]
        row.items += 1
        if row.items == 1 or position < first[order_id]:
            row.item, first[order_id] = name, position
    for link in _LINKS.rows(ids=ids):
        rows[link.order_id].tiles.append(_tile(link))
    for found_here in _HERE.rows(ids=ids):
        rows[found_here.order_id].here = True
    return list(rows.values())


def _tile(link: Any) -> Tile:
    return Tile(
        link.connection_id,
        link.kind,
        link.name,
        "working" if link.busy else link.state,
        link.url,
        link.external_number,
        link.external_status_name or link.external_status,
        str(link.error.get("detail") or "") if link.state == "problem" and link.error else "",
    )
