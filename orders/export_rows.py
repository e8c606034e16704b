"""Reads orders for an export, a batch at a time, as finished cells in columns.

Each batch is a short transaction of its own that goes on from the last id: a file of a million orders holds no
snapshot open for a minute (which would keep PostgreSQL from vacuuming and SQLite's log from being folded), and what
is in memory is one batch.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, repeat
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

from models import Connection, Link, Order, OrderLine, Prepared, Product, among, db, reading
from models.base import SQLITE_CACHE, UtcDateTime

from . import export_cells as cells
from . import listing, search, walks
from .export_cells import Cells, Text
from .export_columns import COD_METHODS, PAYMENT_KINDS, Column, columns
from .export_options import Options
from .filters import OrderFilter, Statuses
from .lists import Lists

BATCH = 2000
_AFTER_ALL = 2**62
#: between the products of an order that share a cell
_BETWEEN = "; "

Values = Mapping[str, Cells]


@dataclass(frozen=True)
class Words:
    """What a file is written with: the reader's language, the hub's zone, and the names of what orders point at."""

    translate: Callable[[str], str]
    zone: ZoneInfo
    lists: Lists

    def names(self, registry: str) -> dict[Any, str]:
        found = {entry.id: self.translate(entry.name) for entry in getattr(self.lists, registry)}
        return {None: "", **found}


@dataclass
class Batch:
    """Some rows of the file, as columns. `numbers`: of the order that each row is of; `orders`: how many there are."""

    columns: list[Cells]
    numbers: Cells
    orders: int


def filtered(options: Options, words: Words) -> OrderFilter:
    return options.filter(datetime.now(words.zone).date())


def count(options: Options, words: Words) -> int:
    """How many orders the file will have."""
    if options.scope == "ids":
        return len(options.ids)
    f, statuses = filtered(options, words), words.lists.statuses
    if search.terms(f.q):
        return len(_found(f, statuses, words.zone))
    if f.counted:
        return listing.total_found(f, statuses, words.zone)[0]
    some = walks.any_order(f, statuses, words.zone, _AFTER_ALL).subquery()
    return db.session.scalar(db.select(db.func.count()).select_from(some)) or 0


def read(options: Options, words: Words, limit: int | None = None) -> Iterator[Batch]:
    """All batches; `limit`: no more orders than this. Each is read in a transaction of its own."""
    form = _Form(options, words)
    size = min(limit, BATCH) if limit else BATCH
    left = limit or _AFTER_ALL
    for rows in _orders(options, words, form, size):
        batch = form.batch(rows)
        db.session.rollback()
        yield batch
        left -= len(rows)
        if left <= 0:
            return


def _orders(options: Options, words: Words, form: _Form, size: int) -> Iterator[list[Any]]:
    """Rows of orders, as many as `size` at once, the last ones fewer."""
    f = filtered(options, words)
    with _only_reading():
        if options.scope == "ids":
            ids: Sequence[int] = sorted(options.ids, reverse=True)
        elif search.terms(f.q):
            ids = _found(f, words.lists.statuses, words.zone)
        else:
            yield from _walk(f, words, form, size)
            return
        query = Prepared(
            lambda: db.select(*form.selected()).where(among(Order.__table__.c.id, "ids")).order_by(Order.id.desc())
        )
        for start in range(0, len(ids), size):
            if rows := query.raw(ids=list(ids[start : start + size])):
                yield rows


def _walk(f: OrderFilter, words: Words, form: _Form, size: int) -> Iterator[list[Any]]:
    """As the list walks, page after page."""
    descending = f.sort == "new"
    after = db.bindparam("after", type_=db.BigInteger)
    statement = walks.ordered(
        form.selected(), f, words.lists.statuses, words.zone, descending=descending, limit=size, after=after
    )
    query, last = Prepared(statement), _AFTER_ALL if descending else 0
    while rows := query.raw(after=last):
        last = rows[-1][0]
        yield rows
        if len(rows) < size:
            return


def _found(f: OrderFilter, statuses: Statuses, zone: ZoneInfo) -> array[int]:
    """The ids that a search finds, newest first; eight bytes each."""
    return array("q", listing.ids(f, statuses, zone, limit=_AFTER_ALL))


class _only_reading:
    """Transactions begun within take no write lock on SQLite; and what is read once is not kept in its cache."""

    def __enter__(self) -> None:
        db.session.rollback()
        self.token = reading.set(True)
        _cache(_SMALL_CACHE)

    def __exit__(self, *error: object) -> None:
        db.session.rollback()
        _cache(SQLITE_CACHE)
        db.session.rollback()
        reading.reset(self.token)


_SMALL_CACHE = 4096


def _cache(kibibytes: int) -> None:
    """Of the session's connection, where it is SQLite's."""
    if db.session.get_bind().dialect.name == "sqlite":
        db.session.connection().exec_driver_sql(f"PRAGMA cache_size = -{kibibytes}")


class _Form:
    """The columns of one export: what has to be read for them, and how it becomes cells."""

    def __init__(self, options: Options, words: Words) -> None:
        self.columns = columns(options.columns)
        self.words = words
        self.typed = options.format == "xlsx"
        self.text = _cell_text(options, words)
        self.of_order = [c for c in self.columns if not c.of_line]
        self.of_line = [c for c in self.columns if c.of_line]
        self.per_line = options.rows == "line" and bool(self.of_line)
        self.needed = list(dict.fromkeys(["id", "number", *chain(*(c.needs for c in self.of_order))]))
        self.line_needed = list(dict.fromkeys(chain(*(c.needs for c in self.of_line))))
        self.makers = _makers(self.text, words, self.typed)
        # in one cell with others it is text in any file
        self.line_makers = self.makers if self.per_line else _makers(_line_text(options, words), words, typed=False)
        self.lines = self._line_query() if self.of_line else None

    def selected(self) -> list[Any]:
        return [_selected(Order.__table__.c[name]) for name in self.needed]

    def _line_query(self) -> Prepared:
        line, product = OrderLine.__table__, Product.__table__
        found = [line.c[name] if name in line.c else product.c[name] for name in self.line_needed]
        there = line
        if any(name not in line.c for name in self.line_needed):
            there = line.outerjoin(product, product.c.id == line.c.product_id)
        query = db.select(line.c.order_id, *found).select_from(there).where(among(line.c.order_id, "ids"))
        return Prepared(query.order_by(line.c.order_id, line.c.position, line.c.id), same_plan=True)

    def batch(self, rows: list[Any]) -> Batch:
        values: dict[str, Cells] = {name: list(map(itemgetter(i), rows)) for i, name in enumerate(self.needed)}
        made = {c.key: self._cells(c, values, self.makers) for c in self.of_order}
        numbers = values["number"]
        if self.lines is not None:
            numbers = self._add_lines(made, values["id"], numbers)
        return Batch([made[c.key] for c in self.columns], numbers, len(rows))

    def _cells(self, column: Column, values: Values, makers: Mapping[str, Callable[..., Cells]]) -> Cells:
        found = makers[column.kind](*(values[name] for name in column.needs))
        return found

    def _add_lines(self, made: dict[str, Cells], ids: Cells, numbers: Cells) -> Cells:
        """Puts the lines' cells beside the orders'; returns the number of the order that each row is of."""
        assert self.lines is not None
        rows = self.lines.raw(ids=list(ids))
        values: dict[str, Cells] = {name: list(map(itemgetter(i), rows)) for i, name in enumerate(self.line_needed, 1)}
        lines = {c.key: self._cells(c, values, self.line_makers) for c in self.of_line}
        spans = _spans([row[0] for row in rows])
        if self.per_line:
            return _side_by_side(made, lines, ids, numbers, spans)
        for key, column in lines.items():
            # an empty one among others keeps its place, so that the cells of a row tell which belong together
            parts = (column[slice(*spans.get(i, (0, 0)))] for i in ids)
            texts = [_BETWEEN.join(part) if any(part) else "" for part in parts]
            made[key] = texts if self.typed else cells.harmless(texts)
        return numbers


def _selected(column: Any) -> Any:
    """Times as text in UTC on both databases: they begin alike, and that is all that is looked at."""
    if isinstance(column.type, UtcDateTime) and db.session.get_bind().dialect.name == "postgresql":
        return db.cast(db.func.timezone("UTC", column), db.Text).label(column.key)
    return column


def _cell_text(options: Options, words: Words) -> Text:
    yes, no = words.translate("Yes"), words.translate("No")
    if options.format == "xlsx":
        return cells.Typed(words.zone, yes, no)
    return _line_text(options, words)


def _line_text(options: Options, words: Words) -> Text:
    point = "," if options.decimal == "comma" else "."
    return Text(point, words.zone, words.translate("Yes"), words.translate("No"))


def _makers(text: Text, words: Words, typed: bool) -> dict[str, Callable[..., Cells]]:
    """Kind of column -> what makes its cells of the fields it needs."""
    plain = (lambda column: column) if typed else cells.harmless

    def mapped(memo: Mapping[Any, Any]) -> Callable[[Cells], Cells]:
        return lambda column: list(map(memo.__getitem__, column))

    def looked_up(names: Mapping[Any, Any]) -> Callable[[Cells], Cells]:
        keep = str if typed else cells.safe
        return mapped(cells.Memo(lambda value: keep(str(names.get(value, value or "")))))

    translated = {code: words.translate(name) for code, name in {**PAYMENT_KINDS, **COD_METHODS}.items()}
    registries = {name: looked_up(words.names(name)) for name in _REGISTRIES}
    return {
        **registries,
        "text": lambda column: plain([cell or "" for cell in column] if None in column else column),
        "joined": lambda *parts: plain(cells.joined(parts)),
        "listed": lambda *parts: plain(cells.joined(parts, ", ")),
        "time": text.times,
        "money": text.money,
        "quantity": mapped(text.quantity),
        "number": mapped(text.number),
        "position": lambda column: [text.number[value + 1] for value in column],
        "line_total": lambda *parts: text.money(cells.line_totals(*parts)),
        "flag": mapped(text.flag),
        "payment_kind": looked_up(translated),
        "cod_method": looked_up(translated),
        "utm": lambda column: plain(list(map(cells.utm, column))),
        "copies": lambda ids: plain(_copies(ids)),
    }


_REGISTRIES = ("types", "statuses", "sources", "shops", "delivery", "payment")


def _spans(order_ids: list[int]) -> dict[int, tuple[int, int]]:
    """Order id -> from where to where its lines lie."""
    found: dict[int, tuple[int, int]] = {}
    start = 0
    for i in range(1, len(order_ids) + 1):
        if i == len(order_ids) or order_ids[i] != order_ids[start]:
            found[order_ids[start]] = (start, i)
            start = i
    return found


def _side_by_side(
    made: dict[str, Cells], lines: dict[str, Cells], ids: Cells, numbers: Cells, spans: dict[int, tuple[int, int]]
) -> Cells:
    """A row for each line, the order's cells repeated; one for an order without lines."""
    at: list[int] = []  # of the order
    of: list[int] = []  # of the line; -1 = none
    for i, order_id in enumerate(ids):
        start, end = spans.get(order_id, (-1, 0))
        at.extend(repeat(i, end - start))
        of.extend(range(start, end))
    for key, column in made.items():
        made[key] = list(map(column.__getitem__, at))
    for key, column in lines.items():
        made[key] = list(map([*column, ""].__getitem__, of))
    return list(map(numbers.__getitem__, at))


_COPIES = Prepared(
    db.select(
        Link.__table__.c.order_id,
        Connection.__table__.c.name,
        db.func.coalesce(db.func.nullif(Link.__table__.c.external_number, ""), Link.__table__.c.external_id, ""),
    )
    .select_from(Link.__table__.join(Connection.__table__))
    .where(among(Link.__table__.c.order_id, "ids"), Link.__table__.c.state == "linked")
    .order_by(Link.__table__.c.order_id, Link.__table__.c.connection_id),
    same_plan=True,
)


def _copies(ids: Cells) -> Cells:
    """The copies that each order has: "name of the connection number; …"."""
    found: dict[int, list[str]] = {}
    for order_id, name, number in _COPIES.raw(ids=list(ids)):
        found.setdefault(order_id, []).append(f"{name} {number}".rstrip())
    return [_BETWEEN.join(found.get(order_id, ())) for order_id in ids]
