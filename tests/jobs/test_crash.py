"""kill -9 at each step of a transfer, lost answers, a lost broker, two workers at once: each order exactly once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import redis
from flask import Flask

from integrations.sandbox import SandboxServer
from jobs import work
from jobs.pace import hold
from models import Connection, Transfer, db
from orders import work as requests

from .. import crash
from ..crash import RowLock, Workers, check_exactly_once, open_transfers, wait_until
from .conftest import make_orders


@pytest.fixture
def extra_env(sandbox: SandboxServer) -> dict[str, str]:
    return {"SANDBOX_URL": sandbox.url, "LEASE_SECONDS": str(crash.LEASE)}


@pytest.fixture
def workers(context: Flask, tmp_path: Path):
    with Workers(context, tmp_path / "workers.log") as found:
        yield found


def ask(n: int, crm: Connection) -> None:
    requests.request_send(make_orders(n), crm.id, "Tester")
    db.session.commit()


def working() -> bool:
    found = db.session.scalar(db.select(Transfer.id).where(Transfer.uncertain, Transfer.state == "working").limit(1))
    db.session.rollback()
    return found is not None


def settle(workers: Workers, sandbox: SandboxServer) -> None:
    workers.start()
    wait_until(crash._hurry)
    check_exactly_once(sandbox)


def test_killed_before_the_call(
    context: Flask, crm: Connection, sandbox: SandboxServer, workers: Workers, valkey: redis.Redis
) -> None:
    # the connection's next turn is far away: the attempt is written, the call waits for it
    hold(valkey, str(crm.id), 600)
    ask(3, crm)
    workers.start()
    wait_until(working, sweep=False)
    workers.kill()
    assert sandbox.vendor("retailcrm").count() == 0
    hold(valkey, str(crm.id), 0)
    settle(workers, sandbox)


def test_killed_after_the_vendor_stored_it(
    context: Flask, crm: Connection, sandbox: SandboxServer, workers: Workers
) -> None:
    sandbox.vendor("retailcrm").fault("late", times=1, path="orders/upload", seconds=5)
    ask(3, crm)
    workers.start()
    wait_until(lambda: sandbox.vendor("retailcrm").count() == 3, sweep=False)
    workers.kill()
    assert working()
    settle(workers, sandbox)


def test_killed_while_the_call_is_under_way(
    context: Flask, crm: Connection, sandbox: SandboxServer, workers: Workers
) -> None:
    sandbox.vendor("retailcrm").fault("slow", times=1, path="orders/upload", seconds=2)
    ask(3, crm)
    workers.start()
    wait_until(working, sweep=False)
    workers.kill()
    settle(workers, sandbox)


def test_killed_before_our_commit(context: Flask, crm: Connection, sandbox: SandboxServer, workers: Workers) -> None:
    sandbox.vendor("retailcrm").fault("late", times=1, path="orders/upload", seconds=1)
    ask(3, crm)
    workers.start()
    wait_until(lambda: sandbox.vendor("retailcrm").count() == 3, sweep=False)
    with RowLock():
        time.sleep(1.5)  # the answer is there now, its results can't be written
        workers.kill()
    assert working()
    settle(workers, sandbox)


def test_a_lost_answer(context: Flask, crm: Connection, sandbox: SandboxServer, workers: Workers) -> None:
    sandbox.vendor("retailcrm").fault("lost", times=2, path="orders/upload")
    ask(60, crm)
    settle(workers, sandbox)


def test_a_flushed_broker_loses_nothing(
    context: Flask, crm: Connection, sandbox: SandboxServer, workers: Workers, valkey: redis.Redis
) -> None:
    ask(20, crm)
    valkey.flushall()
    assert open_transfers() == 20
    settle(workers, sandbox)


def test_two_workers_at_once(
    context: Flask, crm: Connection, sandbox: SandboxServer, workers: Workers, valkey: redis.Redis
) -> None:
    workers.start(2)
    for _ in range(6):
        ask_more(10, crm)
        valkey.delete(f"hub:drain:{crm.id}")  # as if the lock were lost: only the rows' claims keep them apart
        work.sweep()
        time.sleep(0.2)
    wait_until(crash._hurry)
    check_exactly_once(sandbox)


def ask_more(n: int, crm: Connection) -> None:
    requests.request_send(more(n), crm.id, "Tester")
    db.session.commit()


def more(n: int) -> list[int]:
    """n more orders, numbered on."""
    return make_orders(n)


def test_random_kills_under_load(context: Flask, crm: Connection, sandbox: SandboxServer, tmp_path: Path) -> None:
    crash.soak(context, sandbox, crm.id, more, tmp_path / "workers.log", kills=6)
    check_exactly_once(sandbox)
