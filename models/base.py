"""The database handle, column types shared by every table, and what SQLite and PostgreSQL need at connect."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import JSON, BigInteger, DateTime, Engine, Index, Integer, LargeBinary, MetaData, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import Pool
from sqlalchemy.types import TypeDecorator

from . import postgres


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base)

if TYPE_CHECKING:  # the class that Flask-SQLAlchemy makes at run time can't be named to a type checker
    Model = Base
else:
    Model = db.Model

#: 64-bit keys on PostgreSQL; on SQLite only INTEGER makes the key the row id itself.
BigId = BigInteger().with_variant(Integer(), "sqlite")
Json = JSON().with_variant(JSONB(), "postgresql")


def utcnow() -> datetime:
    return datetime.now(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, kept in UTC. A naive one is refused: it hides a guess about the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Any) -> Callable[[Any], Any]:
        return _write_text if dialect.name == "sqlite" else _aware

    def result_processor(self, dialect: Any, coltype: Any) -> Callable[[Any], datetime | None]:
        """In one step: a page reads some hundred times."""
        return _read_text if dialect.name == "sqlite" else _read_time


def _aware(value: datetime | None) -> datetime | None:
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError("naive datetime: give it a zone")
    return value.astimezone(UTC)


def _write_text(value: datetime | None) -> str | None:
    """As SQLAlchemy's own type writes it, without an offset."""
    found = _aware(value)
    return None if found is None else found.isoformat(" ", "microseconds")[:26]


def _read_text(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)


def _read_time(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


class _Scaled(TypeDecorator[Decimal]):
    """A Decimal kept as a whole number, so that sums are exact on both databases."""

    impl = BigInteger
    cache_ok = True
    places = 0

    def bind_processor(self, dialect: Any) -> Callable[[Any], int | None]:
        factor = Decimal(10**self.places)

        def write(value: Decimal | int | None) -> int | None:
            if value is None:
                return None
            return round(value * factor) if value else 0  # half to even; most amounts of an order are nought

        return write

    def result_processor(self, dialect: Any, coltype: Any) -> Callable[[Any], Decimal | None]:
        unit = Decimal(1).scaleb(-self.places)

        def read(value: int | Decimal | None) -> Decimal | None:
            return None if value is None else int(value) * unit

        return read


class Money(_Scaled):
    """Amount in hundredths of the row's currency."""

    cache_ok = True
    places = 2


class Quantity(_Scaled):
    """Pieces, kilograms or metres, to a thousandth."""

    cache_ok = True
    places = 3


_keys: MultiFernet | None = None


def use_encryption_keys(keys: tuple[str, ...]) -> None:
    """Set the keys of every Encrypted column; the first encrypts, all decrypt."""
    global _keys
    _keys = MultiFernet([Fernet(key) for key in keys])


class SecretsUnreadable(Exception):
    """Stored secrets don't open with the ENCRYPTION_KEYS of this start."""


class Encrypted(TypeDecorator[dict[str, str]]):
    """A dict of secrets as one encrypted value: the only kind of column a secret may live in."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: dict[str, str] | None, dialect: Any) -> bytes | None:
        return None if value is None else _fernet().encrypt(json.dumps(value).encode())

    def process_result_value(self, value: bytes | None, dialect: Any) -> dict[str, str] | None:
        if value is None:
            return None
        try:
            return json.loads(_fernet().decrypt(value))
        except InvalidToken:
            raise SecretsUnreadable("ENCRYPTION_KEYS don't open the stored secrets: bring back the old key") from None


def _fernet() -> MultiFernet:
    if _keys is None:
        raise RuntimeError("use_encryption_keys() comes before the first secret")
    return _keys


#: True while a request only reads: each statement sees what is committed when it starts. Otherwise SQLite gives the
#: write lock at BEGIN: a transaction that reads first and writes later would fail at once with SQLITE_BUSY_SNAPSHOT if
#: another wrote in between.
reading: ContextVar[bool] = ContextVar("reading", default=False)


@contextmanager
def only_reading() -> Iterator[None]:
    """A transaction of its own that writes nothing, so that nobody waits for it; over at the end. None is open yet."""
    token = reading.set(True)
    try:
        yield
    finally:
        db.session.rollback()
        reading.reset(token)


#: seconds that a transaction which writes waits for SQLite's only write lock, and between two tries. Left to itself
#: SQLite tries ever more seldom, after a while ten times a second: between two who write a lot, a third got in by luck
PATIENCE, TRY_EVERY = 15, 0.004

_synchronous = "FULL"


def use_synchronous(level: str) -> None:
    """How SQLite commits from the next connection on. "FULL": on the disk before it counts, so that after a power cut
    no call is made twice; "NORMAL": soon after."""
    global _synchronous
    _synchronous = level


#: KiB of pages that each connection keeps
SQLITE_CACHE = 65_536


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: Any, _record: Any) -> None:
    if type(connection).__module__.split(".")[0] != "sqlite3":
        return
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        f"synchronous={_synchronous}",
        "foreign_keys=ON",
        f"busy_timeout={PATIENCE * 1000}",
        f"cache_size=-{SQLITE_CACHE}",
        "mmap_size=268435456",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@event.listens_for(Engine, "do_connect")
def _connect_postgres(dialect: Any, _record: Any, arguments: Any, parameters: Any) -> Any:
    return postgres.connect(*arguments, **parameters) if dialect.driver == "psycopg" else None


#: a connection that lay idle for so many seconds is tried before it is given out: its server may be gone meanwhile.
#: Trying each time, as the pool can, costs a page as much as a query.
IDLE_SECONDS = 5


@event.listens_for(Pool, "checkin")
def _note_idle(connection: Any, record: Any) -> None:
    record.info["idle_since"] = time.monotonic()


@event.listens_for(Pool, "checkout")
def _try_if_idle(connection: Any, record: Any, _proxy: Any) -> None:
    since = record.info.get("idle_since")
    if since is None or time.monotonic() - since < IDLE_SECONDS or not isinstance(connection, psycopg.Connection):
        return
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except psycopg.Error as error:
        raise DisconnectionError from error  # the pool makes a new one


@event.listens_for(Engine, "begin")
def _begin(connection: Any) -> None:
    """A request that only reads is spared BEGIN, and stands in nobody's way."""
    if connection.dialect.name == "sqlite" and not reading.get():
        _begin_to_write(connection.connection.cursor())


#: what changes nothing, whatever follows
_LOOK = re.compile(r"\s*(SELECT|PRAGMA|EXPLAIN)\b", re.IGNORECASE)


@event.listens_for(Engine, "before_cursor_execute")
def _begin_after_all(_connection: Any, cursor: Any, statement: str, *_more: Any) -> None:
    """What is more than a look (a lock, a setting, a change) begins the transaction that was spared."""
    driver = cursor.connection
    if isinstance(driver, sqlite3.Connection) and not driver.in_transaction and not _LOOK.match(statement):
        _begin_to_write(driver.cursor())


def _begin_to_write(cursor: Any) -> None:
    """Raises sqlite3.OperationalError when somebody else holds the write lock for longer than PATIENCE."""
    until = time.monotonic() + PATIENCE
    cursor.execute("PRAGMA busy_timeout=0")
    try:
        while True:
            try:
                cursor.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(TRY_EVERY)
            else:
                return
    finally:
        cursor.execute(f"PRAGMA busy_timeout={PATIENCE * 1000}")


#: of a row that is its own queue: it is to be done, or a worker has it
OPEN_STATES = ("waiting", "working")


class OfWorkers:
    """What rows have that a worker claims with a lease. The table adds `state`."""

    state: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index of the rows that meet `where`, SQL that means the same on both databases."""
    rows = db.text(where)
    return Index(name, *columns, unique=unique, sqlite_where=rows, postgresql_where=rows)


def insert_into(model: Any) -> Any:
    """An INSERT that knows ON CONFLICT, for whichever of the two databases the session talks to. Of the table, not of
    the mapped class: many rows cost a third less without the ORM in between."""
    dialect = db.session.get_bind().dialect.name
    table = getattr(model, "__table__", model)
    return (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)
