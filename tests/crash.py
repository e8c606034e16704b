"""Worker processes that can be killed at a chosen moment, for the crash tests and the soak."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from datetime import datetime
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import redis
from flask import Flask
from sqlalchemy import text

from integrations.sandbox import SandboxServer
from jobs import work
from models import Attempt, Link, Order, Transfer, db, utcnow

from . import forked

LEASE = 2
COMMAND = ["rq", "worker", "-q", "-S", "json", "-w", "jobs.worker.HubWorker", "high", "default", "low"]


class Workers:
    """Real RQ workers on the app's database and broker."""

    def __init__(self, app: Flask, log: Path) -> None:
        hub = app.config["HUB"]
        self.log = log
        self.environ = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ} | {
            "DATA_DIR": str(hub.data_dir),
            "DATABASE_URL": hub.database_url.replace("postgresql+psycopg", "postgresql"),
            "REDIS_URL": hub.redis_url,
            "SECRET_KEY": hub.secret_key,
            "ENCRYPTION_KEYS": ",".join(hub.encryption_keys),
            "SANDBOX_URL": hub.sandbox_url,
            "LEASE_SECONDS": str(hub.lease_seconds),
            "LOG_LEVEL": "WARNING",
        }
        self.running: list[ForkServerProcess] = []

    def start(self, n: int = 1) -> None:
        for _ in range(n):
            self.running.append(forked.start([*COMMAND, "-u", self.environ["REDIS_URL"]], self.environ, self.log))

    def kill(self, worker: ForkServerProcess | None = None) -> None:
        """kill -9: no goodbye, no clean-up."""
        for dead in [worker] if worker else list(self.running):
            dead.kill()
            dead.join()
            dead.close()
            self.running.remove(dead)

    def revive(self, wanted: int) -> None:
        self.running = [w for w in self.running if w.is_alive()]
        self.start(wanted - len(self.running))

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: Any) -> None:
        self.kill()


def wait_until(condition: Callable[[], Any], seconds: float = 40, sweep: bool = True) -> None:
    """Poll, sweeping as the scheduler would; AssertionError when it never comes true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        if sweep:
            work.sweep()
        time.sleep(0.1)
    raise AssertionError("it never came true")


def open_transfers() -> int:
    n = db.session.scalar(
        db.select(db.func.count()).select_from(Transfer).where(Transfer.state.in_(("waiting", "working")))
    )
    db.session.rollback()
    return n or 0


def check_exactly_once(sandbox: SandboxServer) -> None:
    """The vendor holds each of our orders once, linked to the right copy, and every transfer is final."""
    stored = sandbox.vendor("retailcrm").account("sandbox-token").table("orders").values()
    theirs: dict[str, list[str]] = {}
    for order in stored:
        theirs.setdefault(order["externalId"], []).append(str(order["id"]))
    ours = dict(db.session.execute(db.select(Order.key, Link.external_id).join(Link, Link.order_id == Order.id)).all())
    wrong = {key for key in theirs.keys() | ours.keys() if theirs.get(key) != [ours.get(key)]}
    told = {key: (theirs.get(key), ours.get(key), _told_of(key)) for key in wrong}
    assert told == {}, told  # said here: the soak is no test that pytest explains
    states = set(db.session.scalars(db.select(Transfer.state).distinct()))
    assert states == {"done"}, states
    db.session.rollback()


def _told_of(key: str) -> list[tuple[Any, ...]]:
    """What became of the order's transfers, for whoever reads why a check failed."""
    columns = (Transfer.state, Transfer.tries, Transfer.uncertain, Transfer.fault, Transfer.detail)
    query = db.select(*columns).join(Order, Order.id == Transfer.order_id).where(Order.key == key)
    return [tuple(row) for row in db.session.execute(query)]


class RowLock:
    """Holds what a worker needs for its commit, so that it can be killed just before."""

    def __init__(self) -> None:
        self.connection = db.engine.connect()

    def __enter__(self) -> RowLock:
        if self.connection.dialect.name == "sqlite":
            self.connection.begin()  # BEGIN IMMEDIATE: the write lock
        else:
            self.connection.execute(text("LOCK TABLE transfers IN SHARE ROW EXCLUSIVE MODE"))
        return self

    def __exit__(self, *_: Any) -> None:
        self.connection.rollback()
        self.connection.close()


FAULTS = ("lost", "drop", "error500", "rate_limited", "garbage", "late")


def soak(app: Flask, sandbox: SandboxServer, connection_id: int, new_orders: Callable[[int], list[int]], log: Path, *,
         kills: int, seed: int = 1, say: Callable[[str], None] = lambda _: None) -> None:  # fmt: skip
    """Two workers under load, killed at random moments, the broker emptied now and then, the vendor misbehaving."""
    from orders import work as requests

    chance, hits, killed = random.Random(seed), 0, utcnow()
    broker = redis.Redis.from_url(app.config["HUB"].redis_url)
    vendor = sandbox.vendor("retailcrm")
    with Workers(app, log) as workers:
        for n in range(kills):
            workers.revive(2)
            requests.request_send(new_orders(chance.randint(1, 40)), connection_id, "soak")
            db.session.commit()
            if chance.random() < 0.5:
                vendor.fault(chance.choice(FAULTS), times=chance.randint(1, 2), seconds=chance.random() * 3)
            if chance.random() < 0.7:  # most die with a call under way, the others whenever it comes
                _wait_for_a_call(8, killed)
            time.sleep(chance.choice((0.01, 0.05, 0.2, 1.0)) * chance.random())
            work.sweep()
            if chance.random() < 0.1:
                broker.flushall()
            hits += _in_call(killed)
            workers.kill(chance.choice(workers.running))
            killed = utcnow()
            if n % 20 == 19:
                stored = vendor.count("orders", "sandbox-token")
                say(f"{n + 1} kills, {hits} with a call under way, {stored} orders stored, {open_transfers()} open")
        vendor.clear_faults()
        workers.revive(2)
        wait_until(_hurry, seconds=240)
    broker.close()


def _in_call(since: datetime) -> bool:
    """A worker has written down that it calls, and not yet what came of it. Whoever was killed before leaves such a
    note, too: without a new call between two kills nothing would get anywhere."""
    query = db.select(Attempt.id).where(Attempt.outcome.is_(None), Attempt.started_at > since).limit(1)
    found = db.session.scalar(query)
    db.session.rollback()
    return found is not None


def _wait_for_a_call(seconds: float, since: datetime) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not _in_call(since):
        time.sleep(0.02)
        if int(time.monotonic() * 50) % 25 == 0:
            work.sweep()


def _hurry() -> bool:
    """No need to sit out the waits of the retry schedule."""
    db.session.execute(db.update(Transfer).where(Transfer.state == "waiting").values(not_before=utcnow()))
    db.session.commit()
    return open_transfers() == 0
