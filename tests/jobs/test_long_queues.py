"""However long a queue is, each of its rows costs the same, also while PostgreSQL takes it for empty."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event as sql_event

from jobs import claims
from models import Connection, Transfer, db

from .conftest import make_orders
from .test_transfers import send

pytestmark = pytest.mark.usefixtures("unlimited")

# What this connection has looked at and not yet reported, its open transaction included. The sums of all connections
# won't do: those of earlier tests report up to ten seconds late.
VISITED = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'transfers'"


@contextmanager
def counted() -> Iterator[list[int]]:
    """How many transfers the transaction looks at that ends first; it has begun already."""
    before = db.session.scalar(db.text(VISITED)) or 0
    found: list[int] = []

    def ask(connection: Any) -> None:
        with connection.connection.cursor() as cursor:
            found.append(cursor.execute(VISITED).fetchone()[0] - before)

    sql_event.listen(db.engine, "commit", ask, once=True)
    yield found


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("before", [0, 30])
def test_a_long_queue_is_not_walked_for_each_of_its_rows(context: Flask, crm: Connection, before: int) -> None:
    """`before`: how often it has been as long and was worked off, which leaves its tables and indexes large."""
    ids = make_orders(1000)  # of a table of a few pages each look-up may as well read all
    for _ in range(before):
        send(ids, crm)
        db.session.execute(db.delete(Transfer))
        db.session.commit()
    db.session.execute(db.text("ANALYZE"))  # an empty queue, as far as anybody knows
    db.session.commit()
    send(ids, crm)
    with counted() as visited:
        assert len(claims.claim(crm.id, 300)) == 300
    assert 1000 < visited[0] < 10 * 1000
