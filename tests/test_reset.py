"""Tests do not see each other's rows: the reset gives back what the migrations left, and nothing else."""

from __future__ import annotations

import psycopg
import pytest

from . import reset, servers


@pytest.fixture
def url(postgres_server):
    url = servers.create_database(postgres_server, "hub_reset")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE statuses (id bigserial PRIMARY KEY, name text)")
        connection.execute("CREATE TABLE orders (id bigserial PRIMARY KEY, status bigint REFERENCES statuses)")
        connection.execute("INSERT INTO statuses (name) VALUES ('New'), ('Done')")
    reset.prepare(url)
    yield url
    servers.drop_database(postgres_server, "hub_reset")


def rows(url, table):
    with psycopg.connect(url) as connection:
        return connection.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()


def test_rows_and_numbers_start_over(url):
    for _ in range(2):
        with psycopg.connect(url) as connection:
            connection.execute("INSERT INTO statuses (name) VALUES ('Lost')")
            connection.execute("UPDATE statuses SET name = 'Fresh' WHERE id = 1")
            connection.execute("INSERT INTO orders (status) VALUES (3), (1)")
        assert rows(url, "statuses") == [(1, "Fresh"), (2, "Done"), (3, "Lost")]
        assert rows(url, "orders") == [(1, 3), (2, 1)]
        reset.reset(url)
        assert rows(url, "statuses") == [(1, "New"), (2, "Done")]
        assert rows(url, "orders") == []


def test_a_forgotten_transaction_does_not_block(url):
    forgotten = psycopg.connect(url)
    forgotten.execute("LOCK TABLE orders")
    reset.reset(url)
    with pytest.raises(psycopg.OperationalError):
        forgotten.execute("SELECT 1")
    forgotten.close()
