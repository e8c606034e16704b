"""Many rows at once, added or changed: column by column, in the form that each database reads quickest.

SQLite is given tuples. PostgreSQL's driver takes longer to send a row than the database to keep it, so there columns
travel as texts that are made here: by COPY where rows are only added, else as a list a column.

Tables that FTS5 follows get their rows in one statement on SQLite, too: it writes what it has gathered at the end of
each, so that rows one by one would leave a segment each, to be merged with others over and over.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    Dialect,
    LargeBinary,
    String,
    Text,
    cast,
    func,
    literal,
    literal_column,
    select,
    true,
    update,
)
from sqlalchemy.sql import bindparam
from sqlalchemy.types import TypeEngine

from .base import db, insert_into
from .prepared import Prepared, copy_in, fitted, processor, written

#: from so many rows on COPY, which isn't prepared, costs less than lists
COPIED = 8
#: of a table (`info`): triggers keep an FTS5 index of it
SEARCHED = {"searched": True}
Clause = Callable[[Any], Any]
Columns = Mapping[str, Sequence[Any]]


def add_rows(model: Any, rows: Sequence[Mapping[str, Any]], clause: Clause | None = None) -> None:
    """Insert rows given as columns, alike in all of them; defaults fill what is absent. `clause`: a function that adds
    to the INSERT what to do on conflict; its statement is kept, so it has to be the same function each time."""
    if rows:
        _inserting(model.__table__, tuple(rows[0]), clause).run(rows)


def update_rows(model: Any, rows: Sequence[Mapping[str, Any]], keys: tuple[str, ...] = ("id",)) -> None:
    """Change rows that are found by the columns `keys`, which each of the `rows` has beside those to be set: the one
    that the fewest rows share first, further ones hold numbers."""
    if rows:
        _updating(model.__table__, tuple(rows[0]), keys).run(rows)


@dataclass(frozen=True)
class _Many:
    """A statement for many rows of a table's columns."""

    table: Any
    given: Mapping[str, str]  # column -> its parameter
    rows: Prepared  # a row at a time
    lists: Prepared  # all at once: a list a column, on SQLite a list of rows
    defaults: Sequence[tuple[str, Callable[[], Any]]] = ()
    adds: bool = False  # rows, and changes none
    copied: bool = False  # where nothing else is to be done

    def run(self, rows: Sequence[Mapping[str, Any]]) -> None:
        n, made = len(rows), {name: make() for name, make in self.defaults}
        columns = {name: [row[name] for row in rows] for name in self.given if name not in made}
        columns |= {name: [value] * n for name, value in made.items()}
        db.session.flush()
        dialect = db.session.get_bind().dialect
        on_sqlite = dialect.name == "sqlite"
        if n > 1 and on_sqlite and self.adds and self.table.info.get("searched"):
            self._at_once(columns, dialect)
        elif n == 1 or on_sqlite:
            self.rows.run_columns({parameter: columns[name] for name, parameter in self.given.items()}, n)
        elif self.copied and n >= COPIED:
            self._copy(columns, dialect)
        else:
            self.lists.run(**{name: _list(self._texts(name, columns[name], dialect)) for name in self.given})

    def _at_once(self, columns: Columns, dialect: Dialect) -> None:
        fits = [processor(self.table.c[name].type, dialect) for name in self.given]
        made = [
            fitted(columns[name], fit) if fit else columns[name] for name, fit in zip(self.given, fits, strict=True)
        ]
        self.lists.run(rows=json.dumps(list(zip(*made, strict=True)), ensure_ascii=False))

    def _copy(self, columns: Columns, dialect: Dialect) -> None:
        made = [_escaped(self._texts(name, columns[name], dialect)) for name in self.given]
        text = "\n".join(map("\t".join, zip(*made, strict=True)))
        quote = dialect.identifier_preparer.quote
        copy_in(f"COPY {quote(self.table.name)} ({', '.join(map(quote, self.given))}) FROM STDIN", f"{text}\n")

    def _texts(self, name: str, values: Sequence[Any], dialect: Dialect) -> Sequence[str | None]:
        kind = self.table.c[name].type
        if isinstance(kind, String) and _TEXTS.issuperset(map(type, values)):
            return values
        return fitted(values, _writer(kind, dialect))


_TEXTS = frozenset((str, type(None)))


@lru_cache(maxsize=500)
def _writer(kind: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], str | None]:
    """What makes a value the text that PostgreSQL reads, None for none. Raises TypeError for bytes: no such table has
    many rows."""
    if isinstance(kind, LargeBinary) or isinstance(getattr(kind, "impl", None), LargeBinary):
        raise TypeError(f"{kind!r} has no text here")
    impl = kind.dialect_impl(dialect)
    if isinstance(impl, JSON):
        return _json
    process = impl.bind_processor(dialect)
    if process is None:
        return lambda value: None if value is None else str(value)

    def write(value: Any) -> str | None:
        fit = None if value is None else process(value)
        return None if fit is None else str(fit)

    return write


def _json(value: Any) -> str | None:
    return None if value is None else written(value) or json.dumps(value)


def _list(values: Sequence[str | None]) -> str:
    """As PostgreSQL writes an array."""
    whole = "".join(filter(None, values))
    if "\\" in whole or '"' in whole:
        values = [None if v is None else v.replace("\\", "\\\\").replace('"', '\\"') for v in values]
    made = ",".join(["NULL" if v is None else f'"{v}"' for v in values])
    return f"{{{made}}}"


#: what COPY reads otherwise
_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))


def _escaped(values: Sequence[str | None]) -> Sequence[str]:
    """As COPY has it, \\N for NULL."""
    whole = "".join(filter(None, values))
    for char, escape in _ESCAPES:
        if char in whole:
            values = [None if v is None else v.replace(char, escape) for v in values]
    return ["\\N" if v is None else v for v in values]


def _lists(table: Any, names: Sequence[str]) -> Any:
    """Rows made of a parameter a column."""
    lists = [cast(bindparam(name, type_=Text), ARRAY(_unbounded(table.c[name].type), dimensions=1)) for name in names]
    return func.unnest(*lists).table_valued(*names).render_derived()


def _rows_of_json(names: Sequence[str]) -> Any:
    """The same of one parameter that holds all rows as JSON, a list each. For SQLite."""
    row = func.json_each(bindparam("rows", type_=Text)).table_valued("value").c.value
    # without a condition SQLite would take ON CONFLICT for that of a join
    return select(*(func.json_extract(row, f"$[{i}]").label(name) for i, name in enumerate(names))).where(true())


def _unbounded(kind: TypeEngine[Any]) -> Any:
    """Without a length: a cast would cut what is too long, which is an error everywhere else."""
    return Text() if isinstance(kind, String) else kind


@lru_cache(maxsize=200)
def _inserting(table: Any, keys: tuple[str, ...], clause: Clause | None) -> _Many:
    absent = [c for c in table.columns if c.default is not None and c.key not in keys]
    names = [*keys, *(column.key for column in absent)]
    defaults = [(column.key, _default(column.default)) for column in absent]
    end = clause or (lambda query: query)

    def in_lists() -> Any:
        if db.session.get_bind().dialect.name == "sqlite":
            return end(insert_into(table).from_select(names, _rows_of_json(names)))
        rows = _lists(table, names)
        return end(insert_into(table).from_select(names, select(*(rows.c[name] for name in names))))

    rows, lists = Prepared(lambda: end(insert_into(table)), names), Prepared(in_lists, (), True)
    return _Many(table, {name: name for name in names}, rows, lists, defaults, True, clause is None)


@lru_cache(maxsize=50)
def _updating(table: Any, names: tuple[str, ...], keys: tuple[str, ...]) -> _Many:
    set_ones = [name for name in names if name not in keys]

    def one() -> Any:
        # names of their own: those of columns are taken by what is set
        query = update(table).where(*(table.c[key] == bindparam(f"of_{key}", type_=table.c[key].type) for key in keys))
        return query.values(to_set(table, *set_ones))

    def in_lists() -> Any:
        rows = _lists(table, names)
        # only by the first: as long as PostgreSQL's statistics are old, it prefers any index, to walk a connection's
        # thousands of rows for each of ours
        further = (table.c[key] + literal_column("0") == rows.c[key] for key in keys[1:])
        query = update(table).where(table.c[keys[0]] == rows.c[keys[0]], *further)
        return query.values({name: rows.c[name] for name in set_ones})

    given = {name: f"{'of' if name in keys else 'to'}_{name}" for name in names}
    return _Many(table, given, Prepared(one, same_plan=True), Prepared(in_lists, (), True))


def adding(model: Any, rows: Any, values: Mapping[str, Any]) -> Any:
    """INSERT … SELECT from `rows`, for a statement that is kept. `values`: column -> expression; the others get their
    defaults, which have to be constants: what is made anew for each row is to be given."""
    table, given = model.__table__, dict(values)
    for column in table.columns:
        if column.default is not None and column.key not in given:
            given[column.key] = literal(column.default.arg, column.type, literal_execute=True)
    return insert_into(table).from_select(list(given), select(*given.values()).select_from(rows))


def _default(default: Any) -> Callable[[], Any]:
    return (lambda: default.arg(None)) if default.is_callable else (lambda: default.arg)


def to_set(table: Any, *names: str) -> dict[str, Any]:
    """The values of an UPDATE of these columns: parameters to_…, since the columns' own names are taken by it."""
    return {name: bindparam(f"to_{name}", type_=table.c[name].type) for name in names}
