"""When a transaction begins on PostgreSQL, and what its end does; with a second, real connection that looks on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from models import Option, Prepared, committed_at_once, db

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

_options = Option.__table__
_ADD = Prepared(db.insert(_options), keys=["key", "value"])
_KEYS = Prepared(db.select(_options.c.key).order_by(_options.c.key), same_plan=True)
_LOCKED = Prepared(db.select(_options.c.key).with_for_update(), same_plan=True)


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        db.session.execute(db.delete(_options))
        db.session.commit()
        yield
        db.session.rollback()


@pytest.fixture
def other() -> Iterator[Engine]:
    engine = db.create_engine(db.engine.url)
    yield engine
    engine.dispose()


def driver() -> Any:
    return db.session.connection().connection.driver_connection


def is_begun() -> bool:
    return bool(driver().pgconn.transaction_status != TransactionStatus.IDLE)


def keys() -> list[str]:
    return [row.key for row in _KEYS.rows()]


def seen_by(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(db.select(_options.c.key).order_by(_options.c.key)))


def test_looking_begins_nothing_and_writing_does(other: Engine) -> None:
    keys()
    db.session.scalars(db.select(Option)).all()
    assert not is_begun()
    db.session.add(Option(key="one", value={}))
    db.session.flush()
    assert is_begun()
    assert (keys(), seen_by(other)) == (["one"], [])
    db.session.commit()
    assert not is_begun()
    assert seen_by(other) == ["one"]


@pytest.mark.parametrize(
    "statement", ["SELECT pg_advisory_xact_lock(1)", "SELECT key FROM options FOR UPDATE", "SET LOCAL work_mem = 64"]
)
def test_what_holds_until_the_end_begins(statement: str) -> None:
    db.session.execute(db.text(statement))
    assert is_begun()


def test_a_lock_of_a_prepared_look_begins() -> None:
    _LOCKED.rows()
    assert is_begun()


def test_a_rollback_takes_all_back_and_leaves_prepared_statements(other: Engine) -> None:
    keys()
    _ADD.run(key="one", value={})
    mine = driver()  # the pool may give another the next time
    known = {key: name for key, name in mine._prepared._names.items() if b"options" in key[0]}
    assert known
    db.session.rollback()
    assert keys() == seen_by(other) == []
    assert dict(mine._prepared._names).items() >= known.items()


def test_a_statement_by_itself_is_committed_when_it_ends(other: Engine) -> None:
    with committed_at_once():
        _ADD.run(key="one", value={})
    assert not is_begun()
    assert seen_by(other) == ["one"]
    _ADD.run(key="two", value={})
    db.session.rollback()
    assert keys() == ["one"], "what is written afterwards has a transaction"


def test_in_a_transaction_it_ends_with_that(other: Engine) -> None:
    _ADD.run(key="one", value={})
    with committed_at_once():
        _ADD.run(key="two", value={})
    assert seen_by(other) == []
    db.session.rollback()
    assert keys() == []


def test_rows_may_come_by_and_by() -> None:
    for key in ("one", "two", "three"):
        _ADD.run(key=key, value={})
    db.session.commit()
    with driver().cursor("some") as cursor:
        cursor.execute("SELECT key FROM options ORDER BY key")
        assert is_begun()
        assert (cursor.fetchmany(2), cursor.fetchall()) == ([("one",), ("three",)], [("two",)])


def test_after_an_error_the_transaction_is_over() -> None:
    _ADD.run(key="one", value={})
    with pytest.raises(IntegrityError):
        _ADD.run(key="one", value={})
    db.session.rollback()
    assert keys() == []
    with pytest.raises(ProgrammingError):
        db.session.execute(db.text("SELECT nothing FROM nowhere"))
    db.session.rollback()
    assert keys() == []


def test_a_savepoint_is_in_a_transaction() -> None:
    _ADD.run(key="one", value={})
    with pytest.raises(IntegrityError), db.session.begin_nested():
        _ADD.run(key="one", value={})
    db.session.commit()
    assert keys() == ["one"]


def test_what_is_checked_at_commit_is_an_error_of_its_kind() -> None:
    db.session.execute(db.text("CREATE TEMPORARY TABLE one (n integer UNIQUE DEFERRABLE INITIALLY DEFERRED)"))
    db.session.execute(db.text("INSERT INTO one VALUES (1), (1)"))
    with pytest.raises(IntegrityError, match="one_n_key"):
        db.session.commit()
    db.session.rollback()
    assert keys() == []


@pytest.mark.parametrize("begun", [False, True])
def test_a_server_that_has_gone_is_an_error_once(other: Engine, begun: bool) -> None:
    keys()
    if begun:
        _ADD.run(key="one", value={})
    with other.connect() as connection:
        connection.execute(db.text("SELECT pg_terminate_backend(:pid)"), {"pid": driver().info.backend_pid})
    with pytest.raises(OperationalError):
        _ADD.run(key="two", value={})
    db.session.rollback()
    _ADD.run(key="three", value={})
    db.session.commit()
    assert seen_by(other) == ["three"]
