"""What was read is kept as long as nobody commits, and never longer; on both databases, with two real connections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from models import Option, Prepared, Shown, db, note_shown, only_reading, unchanged

_options = Option.__table__
_FIRST = Prepared(db.select(db.func.count().label("n"), Shown().label("shown")).select_from(_options))
_KEYS = Prepared(db.select(_options.c.key).order_by(_options.c.key))


class Page:
    """Reads like a request: one query that says what the database shows, then what is kept."""

    def __init__(self) -> None:
        self.asked = 0

    def show(self, meanwhile: Callable[[], None] = lambda: None) -> list[str]:
        with only_reading():
            note_shown(_FIRST.rows()[0].shown)
            meanwhile()
            return unchanged("keys", self._read)

    def _read(self) -> list[str]:
        self.asked += 1
        return [row.key for row in _KEYS.rows()]


@pytest.fixture
def page(app: Flask) -> Iterator[Page]:
    with app.app_context():
        yield Page()


@pytest.fixture
def other(page: Page) -> Iterator[Engine]:
    """Somebody else's connection."""
    engine = db.create_engine(db.engine.url)
    yield engine
    engine.dispose()


@contextmanager
def changing(engine: Engine) -> Iterator[Callable[[str], None]]:
    with engine.connect() as connection:
        yield lambda key: connection.execute(text("INSERT INTO options (key, value) VALUES (:key, '{}')"), {"key": key})
        connection.commit()


def add(engine: Engine, key: str) -> None:
    with changing(engine) as put:
        put(key)


def test_it_is_read_once_as_long_as_nothing_is_committed(page: Page) -> None:
    asked = []
    for _ in range(20):  # PostgreSQL's own housekeeping commits now and then, too
        page.show()
        asked.append(page.asked)
    assert len(set(asked)) <= 5


def test_what_somebody_else_commits_is_seen_at_once(page: Page, other: Engine) -> None:
    before = page.show()
    with changing(other) as put:
        put("new")
        assert page.show() == before  # not committed yet
    assert page.show() == sorted([*before, "new"])
    add(other, "newer")
    assert page.show() == sorted([*before, "new", "newer"])


def test_what_this_process_commits_is_seen_at_once(page: Page) -> None:
    before = page.show()
    for key in ("one", "two"):
        db.session.add(Option(key=key, value={}))
        db.session.commit()
        assert key in page.show()
    db.session.delete(db.session.get(Option, "one"))
    db.session.flush()
    db.session.rollback()
    assert page.show() == sorted([*before, "one", "two"])


def test_a_commit_after_the_first_query_is_not_lost(page: Page, other: Engine) -> None:
    before = page.show()
    as_it_began = page.show(lambda: add(other, "new"))
    assert as_it_began in (before, sorted([*before, "new"]))
    assert page.show() == sorted([*before, "new"])


def test_what_came_while_it_was_read_is_not_taken_for_what_comes_next(page: Page, other: Engine) -> None:
    add(other, "first")  # so that nothing of this state is kept
    page.show(lambda: add(other, "new"))  # PostgreSQL may read "new" already
    add(other, "newer")
    assert {"first", "new", "newer"} <= set(page.show())


def test_whoever_writes_reads_for_himself(page: Page) -> None:
    page.show()
    note_shown("whatever")
    assert unchanged("keys", lambda: "asked") == "asked"
    db.session.rollback()


def test_another_transaction_of_the_same_request_reads_for_itself(page: Page) -> None:
    page.show()
    with only_reading():
        note_shown(_FIRST.rows()[0].shown)
        db.session.rollback()
        assert unchanged("keys", lambda: "asked") == "asked"
