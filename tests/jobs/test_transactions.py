"""Waiting for a vendor never holds a transaction open: others can write, and the server sees nobody idle in one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from integrations.sandbox import SandboxServer
from jobs import claims, connections, results, runs, work
from jobs.calls import Caller
from models import Connection, Option, Run, Transfer, db, utcnow

from .. import crash
from .conftest import make_orders
from .test_transfers import drain_batch, send, states

pytestmark = pytest.mark.usefixtures("unlimited")


def beside(app: Flask, job: Callable[[], object]) -> threading.Thread:
    """Run the job as a worker would, in a thread with a session of its own."""

    def carry_out() -> None:
        with app.app_context():
            job()

    thread = threading.Thread(target=carry_out)
    thread.start()
    return thread


def check_nobody_waits_in_a_transaction(sandbox: SandboxServer, key: str, before: int) -> None:
    """Called once the vendor has got the slow request, which it answers two seconds later. Beside the call a drain may
    be looking for more work, in a transaction of a moment: one that waits for the vendor stays."""
    vendor = sandbox.vendor(key)
    for _ in range(3000):
        if vendor.requests > before:
            break
        threading.Event().wait(0.01)
    assert vendor.requests > before
    if db.engine.dialect.name == "postgresql":
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND pid <> pg_backend_pid()"
        )
        until = time.monotonic() + 1
        while (found := db.session.scalar(db.text(query))) and time.monotonic() < until:
            db.session.rollback()
            time.sleep(0.01)
        assert found == 0
        db.session.rollback()
    else:
        with db.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout=300")  # fails at once if somebody holds the lock
            connection.execute(db.insert(Option.__table__).values(key="free", value=1))
            connection.rollback()


def somebody_waits_for_a_lock() -> bool:
    if db.engine.dialect.name != "postgresql":
        return True  # of SQLite's only write lock, as soon as it begins
    with db.engine.connect() as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        return bool(connection.execute(db.text(query)).scalar())


def test_a_late_worker_and_the_sweeper_dont_lock_each_other_out(
    context: Flask, crm: Connection, sandbox: SandboxServer
) -> None:
    send(make_orders(2), crm)
    batch = drain_batch(work.Drain(crm.id), claims.claim(crm.id, 50), crm)
    report = Caller(connections.open_connector(crm), set()).call(batch)
    db.session.execute(db.update(Transfer).values(lease_until=utcnow() - timedelta(seconds=1)))
    db.session.commit()
    crm_id, failed = crm.id, []

    def write() -> None:
        try:
            results.write(crm_id, batch, report)
        except OperationalError as error:
            failed.append(error)

    db.session.execute(db.select(Transfer.id).with_for_update()).all()  # the sweeper has begun
    thread = beside(context, write)
    crash.wait_until(somebody_waits_for_a_lock, sweep=False)
    assert claims.free_expired() == {crm_id}
    thread.join()
    assert failed == []
    assert states() == {"waiting": 2}, "looked up by the next worker: the late one writes nothing"


@pytest.mark.parametrize("job", ["send", "pull", "references", "test"])
def test_no_transaction_while_the_vendor_thinks(
    context: Flask, crm: Connection, prom: Connection, sandbox: SandboxServer, job: str
) -> None:
    key = "retailcrm" if job in ("send", "test") else "prom"
    sandbox.vendor(key).fault("slow", times=1, seconds=2)
    if job == "send":
        send(make_orders(3), crm)
    made = runs.request(prom.id, "orders" if job == "pull" else "references", "Tester")
    db.session.commit()
    assert made is not None
    run_id, crm_id, before = made.id, crm.id, sandbox.vendor(key).requests
    db.session.rollback()
    jobs: dict[str, Callable[[], object]] = {
        "send": lambda: work.drain(crm_id),
        "pull": lambda: runs.carry_out(run_id),
        "references": lambda: runs.carry_out(run_id),
        "test": lambda: connections.test(db.session.get_one(Connection, crm_id)),
    }
    thread = beside(context, jobs[job])
    try:
        check_nobody_waits_in_a_transaction(sandbox, key, before)
    finally:
        thread.join()
    ran = job in ("pull", "references")
    assert db.session.get_one(Run, run_id, populate_existing=True).state == ("done" if ran else "waiting")


def test_what_is_changed_while_a_run_is_under_way_is_looked_at_once_more(
    context: Flask, prom: Connection, sandbox: SandboxServer
) -> None:
    vendor = sandbox.vendor("prom")
    vendor.fault("slow", times=1, seconds=2)
    made = runs.request_anew(prom.id, "references", "Tester")
    db.session.commit()
    assert made is not None
    run_id, prom_id, before = made.id, prom.id, vendor.requests
    db.session.rollback()
    thread = beside(context, lambda: runs.carry_out(run_id))
    crash.wait_until(lambda: vendor.requests > before, sweep=False)
    assert runs.request_anew(prom_id, "references", "Olena") is None
    db.session.commit()
    thread.join()
    done, following = db.session.scalars(db.select(Run).order_by(Run.id)).all()
    assert (done.id, done.state, following.state, following.requested_by) == (run_id, "done", "waiting", "Olena")
    next_id = following.id
    db.session.rollback()
    runs.carry_out(next_id)
    assert {row.state for row in db.session.scalars(db.select(Run))} == {"done"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_commit_is_on_the_disk_before_it_counts(context: Flask) -> None:
    """A power cut can't be tried here. What it takes: SQLite's own word for it."""
    full = 2
    with db.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == full
