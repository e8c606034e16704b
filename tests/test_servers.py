"""The servers the other tests stand on."""

from __future__ import annotations

import psycopg
import pytest
import redis

from ops import valkey as broker

from . import servers


def test_postgres_knows_cyrillic(postgres_server):
    with psycopg.connect(servers.create_database(postgres_server, "letters")) as connection:
        connection.execute("CREATE EXTENSION pg_trgm")
        assert connection.execute("SELECT similarity('Коваленко', 'КОВАЛЕНКО')").fetchone() == (1.0,)
    servers.drop_database(postgres_server, "letters")


def test_valkey_asks_for_its_password(valkey, valkey_url):
    valkey.set("key", "value")
    without = valkey_url.split(":")[0] + "://" + valkey_url.split("@")[1]
    with redis.Redis.from_url(without) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_valkey_keeps_its_data_over_a_kill(tmp_path):
    child, url = broker.prepare(tmp_path)
    try:
        for expected in (None, b"value"):
            child.start({})
            broker.wait_ready(child, url, tmp_path)
            with redis.Redis.from_url(url) as client:
                assert client.get("key") == expected
                client.set("key", "value")
            servers.wait_until(
                lambda: b"value" in _log_of_changes(tmp_path), 5, "the change is in the append-only file"
            )
            child.kill_group()
    finally:
        child.kill_group()


def _log_of_changes(folder):
    return b"".join(path.read_bytes() for path in folder.glob("appendonlydir/*.incr.aof"))


def test_a_broker_that_cannot_start_says_where_its_log_is(tmp_path):
    child, url = broker.prepare(tmp_path)
    (tmp_path / "valkey.conf").write_text("no-such-directive 1\n")
    child.start({})
    with pytest.raises(broker.BrokerError, match=r"valkey\.log"):
        broker.wait_ready(child, url, tmp_path, patience=10)
