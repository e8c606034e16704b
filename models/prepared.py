"""Statements made once and run often.

For a statement over a few rows SQLAlchemy's work at each call (looking up its compiled form, making a context and a
result) takes several times as long as the database's. Here that work is done once for each database: what is left is
the driver's call. Nothing else differs: it runs in the session's transaction, its events are sent, its errors are
SQLAlchemy's.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import ARRAY, BigInteger, Connection, Dialect, Text, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import bindparam
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import JSON

from .base import db

_LISTS = {
    int: JSON().with_variant(ARRAY(BigInteger), "postgresql"),
    str: JSON().with_variant(ARRAY(Text), "postgresql"),
}


class _Listed(ColumnElement[Any]):
    """The members of a list that is one parameter."""

    inherit_cache = False

    def __init__(self, name: str, of: type) -> None:
        self.list: Any = bindparam(name, type_=_LISTS[of])


@compiles(_Listed)
def _rows_of_json(element: _Listed, compiler: Any, **kw: Any) -> str:
    return f"(SELECT value FROM json_each({compiler.process(element.list, **kw)}))"  # noqa: S608 - a bound parameter


@compiles(_Listed, "postgresql")
def _rows_of_array(element: _Listed, compiler: Any, **kw: Any) -> str:
    return f"(SELECT unnest({compiler.process(element.list, **kw)}))"


def among(column: Any, name: str, of: type = int) -> ColumnElement[bool]:
    """`column` is one of the list that the parameter `name` brings: one statement for lists of any length."""
    return column.op("IN", is_comparison=True)(_Listed(name, of))


class Prepared:
    """A statement over tables (no mapped objects) with named parameters, in the transaction of the session."""

    __slots__ = ("_forms", "keys", "query", "same_plan")

    def __init__(self, query: Any, keys: Sequence[str] | None = None, same_plan: bool = False) -> None:
        """`query`: a statement, or a function that makes it in the words of the session's database. `keys`: of an
        INSERT, the columns that its parameters are. `same_plan`: the way to the rows is the same whatever the
        parameters are (by a key, say), so PostgreSQL may keep its plan; walks with a LIMIT need one each time."""
        self.query = query
        self.keys = keys
        self.same_plan = same_plan or keys is not None
        self._forms: dict[str, _Form] = {}

    def rows(self, **parameters: Any) -> list[Any]:
        """What it returns, as named tuples. What the session has not flushed is not seen."""
        connection = connected()
        form = self._form(connection)
        cursor = _execute(connection, form.text, form.bind(parameters), form.options)
        try:
            return form.read(cursor.fetchall())
        finally:
            cursor.close()

    def raw(self, **parameters: Any) -> list[Any]:
        """The rows as the driver gives them, untouched: for those who read very many and know the columns' types."""
        connection = connected()
        form = self._form(connection)
        cursor = _execute(connection, form.text, form.bind(parameters), form.options)
        try:
            found: list[Any] = cursor.fetchall()
            return found
        finally:
            cursor.close()

    def read(self, found: Iterable[Any]) -> list[Any]:
        """Rows of `raw`, or of any other statement of the same columns, as named tuples."""
        return self._form(connected()).read(found)

    def run(self, **parameters: Any) -> int:
        """Run it; how many rows it touched."""
        db.session.flush()
        connection = connected()
        form = self._form(connection)
        cursor = _execute(connection, form.text, form.bind(parameters), form.options)
        touched: int = cursor.rowcount
        cursor.close()
        return touched

    def run_many(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it for each of the rows."""
        if not rows:
            return
        db.session.flush()
        connection = connected()
        form = self._form(connection)
        bound = [form.bind(row) for row in rows]
        many = len(bound) > 1  # psycopg takes twice as long for a list of one
        _execute(connection, form.text, bound if many else bound[0], {} if many else form.options, many).close()

    def run_columns(self, columns: Mapping[str, Sequence[Any]], n: int) -> None:
        """Run it for each of `n` rows that are given as columns. What the session has not flushed is not seen."""
        connection = connected()
        form = self._form(connection)
        bound = form.bind_columns(columns, n)
        many = n > 1
        _execute(connection, form.text, bound if many else bound[0], {} if many else form.options, many).close()

    def _form(self, connection: Connection) -> _Form:
        name = connection.dialect.name
        if (found := self._forms.get(name)) is None:
            query = self.query() if callable(self.query) else self.query
            found = self._forms[name] = _Form(query, connection.dialect, self.keys)
            found.options = {"prepare": True} if self.same_plan and name == "postgresql" else {}
        return found


class _Form:
    """A statement in the words of one database."""

    options: Mapping[str, Any]  # for the driver

    def __init__(self, query: Any, dialect: Dialect, keys: Sequence[str] | None) -> None:
        compiled = query.compile(dialect=dialect, column_keys=keys)
        asked = {name for name, bind in compiled.binds.items() if bind.required}
        state = compiled.construct_expanded_state(dict.fromkeys(asked))
        found = {k: processor(b.type, dialect) for k, b in compiled.binds.items()}
        processors = {**found, **state.processors}
        self.text = state.statement
        self.by_name = state.positiontup is None
        names: Iterable[str] = state.parameters if state.positiontup is None else state.positiontup
        #: of each value the driver wants: (name, what makes it fit, None = as it is); of fixed ones (None, value)
        self.values = [
            (name, processors.get(name))
            if name in asked
            else (None, _fit(processors.get(name), state.parameters[name]))
            for name in names
        ]
        self.names = list(names)
        columns = list(query.exported_columns.values()) if query.is_select or query.is_dml else []
        self.make = _maker([c.key for c in columns])
        readers = [c.type.dialect_impl(dialect).result_processor(dialect, None) for c in columns]
        self.readers = [(i, reader) for i, reader in enumerate(readers) if reader]

    def bind(self, given: Mapping[str, Any]) -> Any:
        """What the driver wants. Raises KeyError when a parameter is missing."""
        values = [fit if name is None else fit(given[name]) if fit else given[name] for name, fit in self.values]
        return dict(zip(self.names, values, strict=True)) if self.by_name else values

    def bind_columns(self, given: Mapping[str, Sequence[Any]], n: int) -> list[Any]:
        """The same for `n` rows."""
        columns = [
            [fit] * n if name is None else fitted(given[name], fit) if fit else given[name] for name, fit in self.values
        ]
        rows = list(zip(*columns, strict=True))
        return [dict(zip(self.names, row, strict=True)) for row in rows] if self.by_name else rows

    def read(self, found: Iterable[Any]) -> list[Any]:
        make = self.make
        if not self.readers:
            return [make(row) for row in found]
        rows = []
        for row in found:
            values = list(row)
            for i, reader in self.readers:
                values[i] = reader(values[i])
            rows.append(make(values))
        return rows


class Written(str):
    """JSON that is written already, as the value of a JSON column."""

    __slots__ = ()


def processor(kind: Any, dialect: Dialect) -> Callable[[Any], Any] | None:
    """What makes a value of this type what the driver wants; None where it is that already."""
    impl = kind.dialect_impl(dialect)  # lists are arrays on PostgreSQL
    found: Callable[[Any], Any] | None = impl.bind_processor(dialect)
    if found is None or not isinstance(impl, JSON):
        return found
    return lambda value: written(value) or found(value)


def written(value: Any) -> str:
    """A value of a JSON column that takes no writing: what is written already, and nothing, as most are. Else ""."""
    if isinstance(value, Written):
        return str(value)
    return "" if value else _NOTHING.get(type(value), "")


_NOTHING: dict[type, str] = {dict: "{}", list: "[]"}


def connected() -> Connection:
    """The session's, in its transaction. Asked of the session once a transaction: it looks at much else each time."""
    session = db.session()
    now = session.get_nested_transaction() or session.get_transaction()
    known: tuple[Any, Connection] | None = session.info.get("connection")
    if now is not None and known is not None and known[0] is now:
        return known[1]
    found = session.connection()
    session.info["connection"] = (session.get_nested_transaction() or session.get_transaction(), found)
    return found


def _translated(connection: Connection, text: str, error: Any, cursor: Any = None) -> Exception:
    """SQLAlchemy's error for the driver's."""
    if connection.dialect.is_disconnect(error, connection.connection.dbapi_connection, cursor):
        connection.invalidate(error)
    found: Exception = DBAPIError.instance(
        text, None, error, connection.dialect.loaded_dbapi.Error, dialect=connection.dialect
    )
    return found


def _fit(processor: Callable[[Any], Any] | None, value: Any) -> Any:
    return processor(value) if processor else value


def fitted(values: Sequence[Any], fit: Callable[[Any], Any]) -> list[Any]:
    """What `fit` makes of each. Many rows have the same objects (None, a default, the time of now), looked at once."""
    keys = list(map(id, values))
    known = {key: fit(value) for key, value in dict(zip(keys, values, strict=True)).items()}
    return list(map(known.__getitem__, keys))


def _maker(names: Sequence[str]) -> Callable[[Iterable[Any]], Any]:
    made: Any = cast(Any, namedtuple)("Row", names, rename=True)  # its fields are known at run time only
    make: Callable[[Iterable[Any]], Any] = made._make
    return make


def _execute(connection: Connection, text: str, parameters: Any, options: Mapping[str, Any], many: bool = False) -> Any:
    """The driver's cursor after the call. Raises SQLAlchemy's errors."""
    cursor = connection.connection.cursor()
    for listener in connection.dispatch.before_cursor_execute:
        listener(connection, cursor, text, parameters, None, many)
    try:
        (cursor.executemany if many else cursor.execute)(text, parameters, **options)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _translated(connection, text, error, cursor) from error
    return cursor


def copy_in(statement: str, text: str) -> None:
    """PostgreSQL's COPY ... FROM STDIN of this text, in the transaction of the session. Raises SQLAlchemy's errors."""
    connection = connected()
    cursor: Any = connection.connection.cursor()
    for listener in connection.dispatch.before_cursor_execute:
        listener(connection, cursor, statement, (), None, True)
    try:
        with cursor.copy(statement) as copy:
            copy.write(text)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _translated(connection, statement, error, cursor) from error
    finally:
        cursor.close()


def next_ids(model: Any, n: int) -> list[int]:
    """Ids for `n` new rows, which the caller inserts in this transaction. Asked before, they need not be asked back
    row by row."""
    name = model.__tablename__
    if db.session.get_bind().dialect.name == "postgresql":
        drawn = select(func.nextval(func.pg_get_serial_sequence(name, "id"))).select_from(func.generate_series(1, n))
        return list(db.session.scalars(drawn))
    # nobody else inserts until we commit: the transaction holds SQLite's only write lock
    last = db.session.scalar(text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": name}) or 0
    return list(range(last + 1, last + n + 1))
