"""Connections to PostgreSQL: psycopg's, with three things of our own.

A transaction begins at the first statement that writes or locks: what only looks is spared BEGIN and COMMIT, a trip to
the server each. (Each statement sees what is committed when it starts, in a transaction as well as without one.)
A rollback takes no prepared statements with it. And BEGIN, COMMIT and ROLLBACK are one call of the client library:
psycopg's own way, made for queries that take long, costs as much as such a trip.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus

#: statements that a connection keeps prepared; beyond the driver's hundred it would prepare and forget in turns
PREPARED = 400
#: True around a statement that is a transaction by itself
_sole: ContextVar[bool] = ContextVar("sole", default=False)


def connect(*arguments: Any, **parameters: Any) -> PostgresConnection:
    connection = PostgresConnection.connect(*arguments, **parameters, autocommit=True)
    connection.cursor_factory, connection.server_cursor_factory = _Cursor, _ServerCursor
    connection.prepared_max = PREPARED
    # we prepare what one plan fits (models/prepared)
    connection.do(b"SET plan_cache_mode = force_generic_plan")
    return connection


@contextmanager
def committed_at_once() -> Iterator[None]:
    """A statement within is committed when it ends, unless a transaction is under way. On PostgreSQL only. The
    session's own commit has to follow: its listeners tell the workers."""
    token = _sole.set(True)
    try:
        yield
    finally:
        _sole.reset(token)


class PostgresConnection(psycopg.Connection[Any]):
    """psycopg takes it for one in autocommit: it begins its transactions itself."""

    def begin_for(self, statement: object) -> None:
        """Begin a transaction unless one is under way, or the statement needs none. Raises psycopg.Error."""
        if self.pgconn.transaction_status == TransactionStatus.IDLE and not _sole.get() and not _only_looks(statement):
            self.do(b"BEGIN")

    def commit(self) -> None:
        self._end(b"COMMIT")

    def rollback(self) -> None:
        """psycopg would forget all prepared statements, lest they speak of a table that the rollback took away."""
        self._end(b"ROLLBACK")

    def _end(self, command: bytes) -> None:
        status = self.pgconn.transaction_status
        if status == TransactionStatus.INTRANS:
            self.do(command)
        elif status != TransactionStatus.IDLE:  # after an error, or in the middle of something
            super().rollback() if command == b"ROLLBACK" else super().commit()

    def do(self, command: bytes) -> None:
        """A command without parameters, outside of `begin_for`. Raises psycopg.Error."""
        with self.lock:
            result = self.pgconn.exec_(command)
        if result.status == ExecStatus.COMMAND_OK:
            return
        if self.closed:
            raise psycopg.OperationalError(result.get_error_message())
        raise error_from_result(result)


class _Cursor(psycopg.Cursor[Any]):
    """Everything that is asked of the server comes by here."""

    connection: PostgresConnection

    def execute(self, query: Any, *arguments: Any, **options: Any) -> Any:
        self.connection.begin_for(query)
        return super().execute(query, *arguments, **options)

    def executemany(self, query: Any, *arguments: Any, **options: Any) -> None:
        self.connection.begin_for(query)
        super().executemany(query, *arguments, **options)

    def copy(self, statement: Any, *arguments: Any, **options: Any) -> Any:
        self.connection.begin_for(statement)
        return super().copy(statement, *arguments, **options)


class _ServerCursor(psycopg.ServerCursor[Any]):
    """It lives in a transaction."""

    connection: PostgresConnection

    def execute(self, query: Any, *arguments: Any, **options: Any) -> Any:
        self.connection.begin_for("DECLARE")
        return super().execute(query, *arguments, **options)


def _only_looks(statement: object) -> bool:
    return (
        isinstance(statement, str)
        and statement.startswith("SELECT")
        and " FOR " not in statement
        and "_xact_lock" not in statement
    )
