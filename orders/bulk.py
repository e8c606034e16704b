"""Loading a great many rows: executemany on SQLite, COPY on PostgreSQL, with the search index built afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import TypeDecorator

from models import Order, OrderSearch, committed_at_once, db


def loader(rebuild_index: bool) -> SqliteLoader | PostgresLoader:
    """For the application's database, on a connection of its own. `rebuild_index`: the search index is left alone
    while rows come and made anew at the end, which is quicker when they are more than what is there."""
    kind = SqliteLoader if db.engine.dialect.name == "sqlite" else PostgresLoader
    return kind(rebuild_index)


def constants(table: Any, columns: Sequence[str]) -> dict[str, Any]:
    """The defaults of the columns that rows don't have, as the database keeps them."""
    found = {}
    for column in table.columns:
        if column.name in columns or column.primary_key:
            continue
        if column.default is None or column.default.is_scalar:
            value = getattr(column.default, "arg", None)
            # types of ours only: those of the drivers are for their statements, and rows are copied in
            fit = column.type.bind_processor(db.engine.dialect) if isinstance(column.type, TypeDecorator) else None
            found[column.name] = fit(value) if fit else value
        else:
            raise ValueError(f"{table.name}.{column.name} has no fixed default: rows must have it")
    return found


class _Loader:
    """begin, write table by table, commit: as often as wanted; then finish, whatever happened before."""

    def __init__(self, rebuild_index: bool) -> None:
        self.rebuild_index = rebuild_index
        self.connection = db.engine.raw_connection()
        self.cursor: Any = self.connection.cursor()

    def commit(self) -> None:
        self.connection.commit()

    def close(self) -> None:
        self.connection.close()


class SqliteLoader(_Loader):
    """Needs the write lock for each chunk; others write between two of them."""

    triggers: Sequence[str] = ()

    def reserve(self, n: int) -> int:
        """Take n ids of orders that nobody else will get; returns the first."""
        self.begin()
        table = Order.__tablename__
        found = self.cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
        if found is None:
            self.cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, n))
        else:
            self.cursor.execute("UPDATE sqlite_sequence SET seq = seq + ? WHERE name = ?", (n, table))
        self.commit()
        return (found[0] if found else 0) + 1

    def begin(self) -> None:
        self.cursor.execute("BEGIN IMMEDIATE")

    def drop_index(self) -> None:
        self.cursor.execute("PRAGMA cache_size = -524288")
        if self.rebuild_index:
            query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?"
            found = self.cursor.execute(query, (OrderSearch.__tablename__,)).fetchall()
            self.triggers = [sql for _, sql in found]
            for name, _ in found:
                self.cursor.execute(f"DROP TRIGGER {name}")

    def write(self, table: Any, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
        rest = constants(table, columns)
        tail = tuple(rest.values())
        names = ", ".join(f'"{name}"' for name in (*columns, *rest))
        marks = ", ".join("?" * (len(columns) + len(rest)))
        query = f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})'  # noqa: S608 - names of our own tables
        self.cursor.executemany(query, (row + tail for row in rows))

    def finish(self) -> None:
        if self.triggers:
            self.begin()
            for sql in self.triggers:
                self.cursor.execute(sql)
            self.cursor.execute("INSERT INTO order_search_fts(order_search_fts) VALUES ('rebuild')")
            self.commit()
        self.cursor.execute("PRAGMA analysis_limit = 1000")
        self.cursor.execute("ANALYZE")
        self.cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")
        self.cursor.execute("PRAGMA cache_size = -65536")


class PostgresLoader(_Loader):
    def reserve(self, n: int) -> int:
        """Take n ids of orders that nobody else will get; returns the first."""
        self.cursor.execute("LOCK TABLE orders IN SHARE ROW EXCLUSIVE MODE")
        query = "SELECT setval(s, nextval(s) + %s - 1) FROM pg_get_serial_sequence('orders', 'id') AS s"
        last = self.cursor.execute(query, (n,)).fetchone()[0]
        self.commit()
        return int(last) - n + 1

    def begin(self) -> None:
        self.cursor.execute("SET LOCAL TIME ZONE 'UTC'")

    def drop_index(self) -> None:
        if self.rebuild_index:
            self.cursor.execute("DROP INDEX IF EXISTS ix_order_search_trigram")
        self.commit()

    def write(self, table: Any, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
        rest = constants(table, columns)
        tail = tuple(rest.values())
        names = ", ".join(f'"{name}"' for name in (*columns, *rest))
        with self.cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row(row + tail)

    def finish(self) -> None:
        self.connection.rollback()
        if self.rebuild_index:
            self.cursor.execute("SET LOCAL maintenance_work_mem = '512MB'")
            self.cursor.execute("CREATE INDEX ix_order_search_trigram ON order_search USING gin (text gin_trgm_ops)")
            self.commit()
        with committed_at_once():  # VACUUM can't run in a transaction
            self.cursor.execute("VACUUM (ANALYZE) orders, order_lines, order_search, order_events, links")
