"""Tests do not see each other's rows: the reset gives back what the migrations left, and nothing else."""

from __future__ import annotations

import psycopg
import pytest

from . import reset, servers


@pytest.fixture
def kept(postgres_server):
    url = servers.create_database(postgres_server, "hub_reset")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE statuses (id bigserial PRIMARY KEY, name text)")
        connection.execute("CREATE TABLE orders (id bigserial PRIMARY KEY, status bigint REFERENCES statuses)")
        connection.execute("INSERT INTO statuses (name) VALUES ('New'), ('Done')")
    kept = reset.Kept(url)
    yield kept
    kept.close()
    servers.drop_database(postgres_server, "hub_reset")


def rows(kept, table):
    with psycopg.connect(kept.url) as connection:
        return connection.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()


def test_rows_and_numbers_start_over(kept):
    for _ in range(2):
        with psycopg.connect(kept.url) as connection:
            connection.execute("INSERT INTO statuses (name) VALUES ('Lost')")
            connection.execute("UPDATE statuses SET name = 'Fresh' WHERE id = 1")
            connection.execute("INSERT INTO orders (status) VALUES (3), (1)")
        assert rows(kept, "statuses") == [(1, "Fresh"), (2, "Done"), (3, "Lost")]
        assert rows(kept, "orders") == [(1, 3), (2, 1)]
        kept.reset()
        assert rows(kept, "statuses") == [(1, "New"), (2, "Done")]
        assert rows(kept, "orders") == []


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM statuses WHERE id = 2",
        "UPDATE statuses SET name = NULL WHERE id = 2",
        "INSERT INTO statuses VALUES (3, 'Done')",
        "INSERT INTO orders (status) VALUES (1)",
        "SELECT nextval('orders_id_seq')",
    ],
)
def test_no_change_is_overlooked(kept, change):
    with psycopg.connect(kept.url, autocommit=True) as connection:
        connection.execute(change)
        kept.reset()
        assert rows(kept, "statuses") == [(1, "New"), (2, "Done")]
        assert rows(kept, "orders") == []
        connection.execute("INSERT INTO orders (status) VALUES (2)")
        connection.execute("INSERT INTO statuses (name) VALUES ('Next')")
        assert (rows(kept, "orders"), rows(kept, "statuses")[2:]) == ([(1, 2)], [(3, "Next")])


def test_a_forgotten_transaction_does_not_block(kept):
    forgotten = psycopg.connect(kept.url)
    forgotten.execute("LOCK TABLE orders")
    kept.reset()
    with pytest.raises(psycopg.OperationalError):
        forgotten.execute("SELECT 1")
    forgotten.close()


def test_a_session_that_holds_nothing_goes_on(kept):
    with psycopg.connect(kept.url) as pooled:
        pooled.execute("SELECT FROM orders")
        pooled.rollback()
        kept.reset()
        assert pooled.execute("SELECT count(*) FROM orders").fetchone() == (0,)
