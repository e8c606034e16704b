"""However long a queue is, each of its rows costs the same, also while PostgreSQL takes it for empty."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event as sql_event

from jobs import claims
from models import Connection, db

from .conftest import make_orders
from .test_transfers import send

pytestmark = pytest.mark.usefixtures("unlimited")

VISITED = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'transfers'"
FLUSH = "SELECT pg_stat_force_next_flush()"


def visited() -> int:
    """How many transfers all transactions have looked at."""
    found = int(db.session.scalar(db.text(VISITED)) or 0)
    db.session.rollback()
    return found


@contextmanager
def counted_at_once() -> Iterator[None]:
    """PostgreSQL adds up what each connection did a second later, or when its transaction asks for it."""

    def ask(connection: Any) -> None:
        connection.connection.cursor().execute(FLUSH).close()

    sql_event.listen(db.engine, "commit", ask)
    try:
        yield
    finally:
        sql_event.remove(db.engine, "commit", ask)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_long_queue_is_not_walked_for_each_of_its_rows(context: Flask, crm: Connection) -> None:
    ids = make_orders(1000)  # of a table of a few pages each look-up may as well read all
    db.session.execute(db.text("ANALYZE"))  # an empty queue, as far as anybody knows
    db.session.commit()
    with counted_at_once():
        send(ids, crm)
        before = visited()
        assert len(claims.claim(crm.id, 300)) == 300
        assert 0 < visited() - before < 10 * 1000
