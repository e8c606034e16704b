"""Which orders a search finds: statements that are made once for each shape of a search.

All ways give the same orders in the same order, that of ids: those whose text holds each word and
that the filter shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.sql import Select

from models import Order, OrderSearch, Prepared, among, db

from . import digits, rows, search
from .filters import OrderFilter, Statuses, StatusLike
from .rows import Found

#: PostgreSQL: where so many of so many texts from the page's edge on fit, a walk may well fill the page
ENOUGH, SAMPLE = 3, 300
#: SQLite: matches that are sorted afterwards. FTS5 reads its lists backwards at three times the price, so a search with
#: few matches reads them forwards, all of them
FEW = 300
#: of a number, so many of its last packed digits find it among a million
TAIL = 5
_NO_SCAN, _SCAN = (Prepared(db.text(f"SET LOCAL enable_seqscan = {word}")) for word in ("off", "on"))
_FTS = db.table("order_search_fts", db.column("rowid", Order.id.type), db.column("order_search_fts"))


@dataclass(frozen=True, slots=True)
class _Shape:
    """All that a statement depends on but its parameters."""

    f: OrderFilter  # its search left aside
    statuses: tuple[StatusLike, ...]
    zone: ZoneInfo
    words: tuple[tuple[int, bool], ...]  # how many parts each has that may stand for it; must the text be looked at
    descending: bool
    goes_on: bool

    def conditions(self) -> list[Any]:
        return self.f.conditions(self.statuses, self.zone)

    def holds(self, text: Any, only_where_needed: bool = False) -> list[Any]:
        """That the text holds each word."""
        return [
            db.or_(*(text.like(_given(f"part{i}_{j}", db.Text), escape="\\") for j in range(n)))
            for i, (n, needed) in enumerate(self.words)
            if needed or not only_where_needed
        ]

    def asks(self, text: Any) -> list[Any]:
        """The same for PostgreSQL's index, which is asked for no more than is said to it: strpos has none."""
        asked = (db.or_(*(text.like(_given(f"asked{i}_{j}", db.Text), escape="\\") for j in range(n)))
                 for i, (n, _) in enumerate(self.words))  # fmt: skip
        whole = (db.or_(*(db.func.strpos(text, _given(f"whole{i}_{j}", db.Text)) > 0 for j in range(n)))
                 for i, (n, needed) in enumerate(self.words) if needed)  # fmt: skip
        return [*asked, *whole]

    def beyond(self, query: Select[Any], key: Any) -> Select[Any]:
        """From the cursor on."""
        after = _given("after", db.BigInteger)
        return query.where(key < after if self.descending else key > after) if self.goes_on else query

    def page(self, query: Select[Any], key: Any) -> Select[Any]:
        """From the cursor on, up to the limit."""
        query = self.beyond(query, key).order_by(key.desc() if self.descending else key)
        return query.limit(_given("limit", db.BigInteger))


def _given(name: str, kind: Any) -> Any:
    return db.bindparam(name, type_=kind)


_MATCHES = _FTS.c.order_search_fts.op("MATCH")(_given("match", db.Text))


class _Search:
    """One search on its way."""

    def __init__(
        self, f: OrderFilter, statuses: Statuses, zone: ZoneInfo, words: Sequence[str], descending: bool, limit: int,
        after: int | None,
    ) -> None:  # fmt: skip
        parts = [digits.parts(word) for word in words]
        asked = [[_asked(part) for part in some] if len(some[0]) >= digits.LEAST else [] for some in parts]
        shapes = tuple((len(some), some != known) for some, known in zip(map(list, parts), asked, strict=True))
        self.shape = _Shape(replace(f, q=""), tuple(statuses), zone, shapes, descending, after is not None)
        self.given: dict[str, Any] = {"limit": limit, "after": after, "match": _match(filter(None, asked))}
        self.given["depth"] = search.SHORT_TERM_DEPTH
        for i, (some, few) in enumerate(zip(parts, asked, strict=True)):
            self.given |= {f"part{i}_{j}": search.like(part) for j, part in enumerate(some)}
            self.given |= {f"asked{i}_{j}": search.like(part) for j, part in enumerate(few or some)}
            self.given |= {f"whole{i}_{j}": part for j, part in enumerate(some)}
        self.is_short = search.are_short(words)

    def run(self, make: Callable[[_Shape], Prepared], **more: Any) -> list[Any]:
        """What the statement of this shape gives."""
        # dates ask the database for the ids that they end at: such a statement is of now
        f = self.shape.f
        made = _made.__wrapped__(make, self.shape) if f.since or f.until else _made(make, self.shape)
        return made.raw(**self.given, **more)

    def all(self) -> list[Found]:
        """What is found, up to the limit. PostgreSQL takes the matches from the trigram index before anything is
        ordered: with ORDER BY ... LIMIT in one query the planner would walk the whole table by id instead."""
        if self.is_short:
            return self.run(_newest)
        if search.on_sqlite():
            few = self.run(_first_of_fts, few=FEW)
            return self.run(_by_fts) if len(few) == FEW else self.run(_these, ids=[i for (i,) in few]) if few else []
        if all(n == 1 for n, _ in self.shape.words):  # a plan for words that aren't known takes them for rare
            return self.run(_by_trigrams)
        _NO_SCAN.run()
        found = self.run(_by_trigrams)
        _SCAN.run()
        return found

    def walked(self) -> list[Found]:
        """PostgreSQL: those among some thousands from the page's edge on, if the newest say that it may be worth it."""
        ((fitting, edge),) = self.run(_sample)
        if fitting < ENOUGH:
            return []
        return self.run(_walk, edge=edge - search.WALK if self.shape.descending else edge + search.WALK)


def page(
    f: OrderFilter, statuses: Statuses, zone: ZoneInfo, words: Sequence[str], descending: bool, limit: int,
    after: int | None,
) -> list[Found]:  # fmt: skip
    """Up to `limit` orders in walking order; `after`: beyond this id."""
    asked = _Search(f, statuses, zone, words, descending, limit, after)
    found = [] if asked.is_short or search.on_sqlite() else asked.walked()
    return found if found and len(found) >= limit else asked.all()


def ids(
    f: OrderFilter, statuses: Statuses, zone: ZoneInfo, words: Sequence[str], limit: int, after: int | None = None
) -> list[int]:
    """Ids of up to `limit` orders, newest first; `after`: all below this id."""
    return [order_id for order_id, _ in _Search(f, statuses, zone, words, True, limit, after).all()]


def holding(words: Sequence[str]) -> list[Any]:
    """Conditions on joined search texts: those that hold each word."""
    parts = [digits.parts(word) for word in words]
    return [db.or_(*(OrderSearch.text.like(search.like(part), escape="\\") for part in some)) for some in parts]


def _asked(part: str) -> str:
    """What the index is asked for; the texts that are left are looked at. Each trigram is a list to be read. Those of
    noughts in a row are the longest, in every second text: where something stands before them, it is asked for with two
    of them. Numbers begin alike and differ at the end: else the last digits of a long one find it, what stands before
    them is in every tenth order."""
    before = len(part.rstrip(part[-1]))
    if before >= digits.LEAST and len(part) - before > 1:
        return part[: before + digits.LEAST - 1]
    return part[-TAIL:] if len(part) > TAIL and digits.are_packed(part[-TAIL:]) else part


def _match(asked: Iterable[Sequence[str]]) -> str:
    """In the words of FTS5: one of the parts of each."""
    quoted = (['"' + part.replace('"', '""') + '"' for part in parts] for parts in asked)
    return " AND ".join(f"({' OR '.join(parts)})" for parts in quoted)


@lru_cache(maxsize=400)
def _made(make: Callable[[_Shape], Prepared], shape: _Shape) -> Prepared:
    return make(shape)


def _newest(shape: _Shape) -> Prepared:
    """Among the newest orders, one by one."""
    top = db.select(db.func.max(Order.id)).scalar_subquery()
    query = db.select(*rows.FOUND).where(Order.id > top - _given("depth", db.BigInteger), *shape.conditions())
    query = query.join(OrderSearch, OrderSearch.order_id == Order.id).where(*shape.holds(OrderSearch.text))
    return Prepared(shape.page(query, Order.id))


def _first_of_fts(shape: _Shape) -> Prepared:
    query = shape.beyond(db.select(_FTS.c.rowid).where(_MATCHES), _FTS.c.rowid)
    return Prepared(query.order_by(_FTS.c.rowid).limit(_given("few", db.BigInteger)))


def _these(shape: _Shape) -> Prepared:
    text = db.select(OrderSearch.text).where(OrderSearch.order_id == Order.id).scalar_subquery()
    query = db.select(*rows.FOUND).where(among(Order.id, "ids"), *shape.conditions())
    query = query.where(*shape.holds(text, only_where_needed=True))
    return Prepared(shape.page(query, Order.id))


def _by_fts(shape: _Shape) -> Prepared:
    """FTS5 gives its matches in order of row id, which is the order's id: the walk stops after a page. The order is
    asked of the FTS row id, the only one that SQLite has for free."""
    text = db.select(OrderSearch.text).where(OrderSearch.order_id == _FTS.c.rowid).scalar_subquery()
    query = db.select(*rows.FOUND).select_from(_FTS).join(Order, _FTS.c.rowid == Order.id)
    query = query.where(_MATCHES).where(*shape.holds(text, only_where_needed=True), *shape.conditions())
    return Prepared(shape.page(query, _FTS.c.rowid))


def _sample(shape: _Shape) -> Prepared:
    """How many of a few hundred texts from the page's edge on fit, and the edge."""
    text = db.select(OrderSearch.order_id, OrderSearch.text)
    few = shape.page(text, OrderSearch.order_id).limit(SAMPLE).subquery()
    edge = db.func.max if shape.descending else db.func.min
    fitting = db.func.count().filter(*shape.holds(few.c.text))
    return Prepared(db.select(fitting, edge(few.c.order_id)), same_plan=True)


def _walk(shape: _Shape) -> Prepared:
    edge = _given("edge", db.BigInteger)
    near = Order.id > edge if shape.descending else Order.id < edge
    query = db.select(*rows.FOUND).join(OrderSearch, OrderSearch.order_id == Order.id)
    return Prepared(shape.page(query.where(near, *shape.conditions(), *shape.holds(OrderSearch.text)), Order.id))


def _by_trigrams(shape: _Shape) -> Prepared:
    """The matches as one array: whatever the words are, the orders are looked up by their key."""
    hits = db.select(OrderSearch.order_id).where(*shape.asks(OrderSearch.text)).scalar_subquery()
    query = db.select(*rows.FOUND).where(Order.id == db.any_(db.func.array(hits)), *shape.conditions())
    return Prepared(shape.page(query, Order.id), same_plan=True)
