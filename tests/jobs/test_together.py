"""Notices that come at once: kept in one transaction, each once, each answered when its own is committed. What is
wrong with one is that one's affair, and a killed process has answered nothing that it had not kept."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from integrations.sandbox import SandboxServer
from jobs import connections, hooks, inbox
from jobs.together import NotKept, Together
from models import Connection, Incoming, db
from ops.processes import free_port

from .. import forked, servers
from ..crash import Workers
from .conftest import queued
from .test_hooks import SOURCE, told

#: the ids of notices in the order they were kept in, transaction by transaction
Kept = list[list[str]]


# ---- what keeps them


def handed_in(keep: Callable[[Sequence[str]], None], first: str, others: Sequence[str]) -> dict[str, Future[None]]:
    """`keep` is busy with the first when the others come."""
    busy, go_on = threading.Event(), threading.Event()

    def slow(given: Sequence[str]) -> None:
        if first in given:
            busy.set()
            assert go_on.wait(20)
        keep(given)

    together = Together(slow)
    with ThreadPoolExecutor(len(others) + 1) as pool:
        found = {first: pool.submit(together, first)}
        assert busy.wait(20)
        found |= {other: pool.submit(together, other) for other in others}
        wait_for(lambda: len(together._waiting) == len(others))
        assert not any(future.done() for future in found.values())
        go_on.set()
    return found


def wait_for(condition: Callable[[], bool]) -> None:
    servers.wait_until(condition, 20, "all have come")


def test_who_comes_while_one_is_kept_is_kept_together() -> None:
    kept: Kept = []
    found = handed_in(lambda given: kept.append(sorted(given)), "a", ["b", "c", "d"])
    assert [future.exception() for future in found.values()] == [None] * 4
    assert kept == [["a"], ["b", "c", "d"]]


def test_a_bad_one_fails_alone() -> None:
    kept: Kept = []

    def keep(given: Sequence[str]) -> None:
        if "bad" in given:
            raise ValueError("bad")
        kept.append(list(given))

    found = handed_in(keep, "a", ["b", "bad", "c"])
    assert {name for name, future in found.items() if future.exception()} == {"bad"}
    assert isinstance(found["bad"].exception(), ValueError)
    assert sorted(kept) == [["a"], ["b"], ["c"]]


def test_what_was_not_kept_is_not_said_to_be() -> None:
    """The database is away: nobody is told otherwise, and the next one tries again."""

    def away(given: Sequence[str]) -> None:
        raise OSError("away")

    found = handed_in(away, "a", ["b", "c"])
    kinds = sorted(type(future.exception()).__name__ for future in found.values())
    assert kinds == sorted(["OSError", "OSError", NotKept.__name__])  # each of the two transactions has one who made it

    kept: Kept = []
    ill = iter([OSError("away")])

    def mends(given: Sequence[str]) -> None:
        for error in ill:
            raise error
        kept.append(list(given))

    together = Together(mends)
    with pytest.raises(OSError, match="away"):
        together("a")
    together("a")
    assert kept == [["a"]]


# ---- from the address on


@pytest.fixture
def extra_env(sandbox: SandboxServer) -> dict[str, str]:
    return {"SANDBOX_URL": sandbox.url}


def connected(name: str) -> Connection:
    given = {"api_url": "http://127.0.0.1:9", "api_key": "x", "mode": "orders", "source_id": str(SOURCE)}
    return connections.create("keycrm", name, given)


def path_of(connection: Connection) -> str:
    return hooks.address(connection.id).removeprefix("http://localhost")


@contextmanager
def nobody_writes(*statements: str) -> Iterator[None]:
    """Meanwhile; the statements are committed at the end."""
    with db.engine.connect() as connection, connection.begin():  # on SQLite with the only write lock
        if connection.dialect.name == "postgresql":
            connection.execute(text("LOCK TABLE incoming IN EXCLUSIVE MODE"))
        for statement in statements:
            connection.execute(text(statement))
        yield


def kept() -> list[tuple[int, str]]:
    rows = db.session.execute(db.select(Incoming.connection_id, Incoming.external_id).order_by(Incoming.id)).all()
    db.session.rollback()
    return sorted((row.connection_id, row.external_id) for row in rows)


def test_of_many_at_once_each_is_kept_once(context: Flask) -> None:
    """One of them is of a connection that is removed while it waits for its turn."""
    key, gone = connected("Key"), connected("Gone")
    paths, ids = {"key": path_of(key), "gone": path_of(gone)}, (key.id, gone.id)
    db.session.commit()

    def post(name: str, number: int) -> int:
        return int(context.test_client().post(paths[name], json=told(2, number=number)).status_code)

    numbers = [1, 1, 2, 3, 3, 3, 4]
    with ThreadPoolExecutor(10) as pool:
        with nobody_writes(f"DELETE FROM connections WHERE id = {ids[1]}"):
            first = pool.submit(post, "key", 5)
            wait_for(lambda: inbox._together._busy)
            found = [pool.submit(post, "key", number) for number in numbers]
            bad = pool.submit(post, "gone", 6)
            wait_for(lambda: len(inbox._together._waiting) == len(numbers) + 1)
            assert not any(future.done() for future in (first, bad, *found))
        assert [future.result() for future in (first, *found)] == [200] * 8
        assert isinstance(bad.exception(), IntegrityError)
    assert kept() == [(ids[0], str(number)) for number in range(1, 6)]
    assert queued() == ["jobs.news.work"]
    assert post("gone", 6) == 404


def test_a_killed_process_has_kept_what_it_answered(context: Flask, tmp_path: Path) -> None:
    key = connected("Key")
    path, port = path_of(key), free_port()
    db.session.commit()
    environ = Workers(context, tmp_path / "log").environ | {"PORT": str(port), "WEB_WORKERS": "1", "WEB_THREADS": "8"}
    answered: list[int] = []
    numbers = iter(range(1, 100_000))

    def post_on() -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as client:
            for number in numbers:
                try:
                    client.request("POST", path, json.dumps(told(2, number=number)))
                    said = client.getresponse()
                    said.read()
                except (OSError, http.client.HTTPException):
                    return
                assert said.status == 200
                answered.append(number)

    web = forked.start(["gunicorn", "-c", "ops/gunicorn.conf.py", "app:create_app()"], environ, tmp_path / "log")
    try:
        servers.wait_until(lambda: servers.listens("127.0.0.1", port), 60, "the hub listens")
        with ThreadPoolExecutor(6) as pool:
            posting = [pool.submit(post_on) for _ in range(6)]
            servers.wait_until(
                lambda: len(answered) > 100 or any(one.done() for one in posting), 60, "a hundred are answered"
            )
            os.killpg(web.pid, signal.SIGKILL)
        assert [future.exception() for future in posting] == [None] * 6
    finally:
        web.kill()
        web.join()
    ids = [int(number) for _, number in kept()]
    assert len(ids) == len(set(ids))
    assert set(answered) <= set(ids)

    client, tried = context.test_client(), range(1, next(numbers))
    assert {client.post(path, json=told(2, number=number)).status_code for number in tried} == {200}
    assert [int(number) for _, number in kept()] == sorted(tried, key=str)
