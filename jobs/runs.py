"""Runs: periodic or asked-for work of a connection (pull orders, read statuses, fetch lists), one open run a task."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog
from sqlalchemy.exc import IntegrityError

from integrations.errors import VendorError
from models import Connection, Run, db, utcnow

from . import catalogue, connections, intake, parcels, readback, stock, wake

log = structlog.get_logger()

#: a run without a sign of life for so long is dead; each page of a pull is one
LEASE = timedelta(minutes=10)
#: tasks that often need no call: they note by themselves how those went that they made
QUIET = ("stock",)


def request(connection_id: int, task: str, by: str) -> Run | None:
    """Ask for a run, in the caller's transaction. None when one is open already: that one serves."""
    row = Run(connection_id=connection_id, task=task, requested_by=by, counts={})
    try:
        with db.session.begin_nested():
            db.session.add(row)
            db.session.flush()
    except IntegrityError:
        return None
    wake_for(row.id)
    return row


def wake_for(run_id: int) -> None:
    db.session().info.setdefault("runs", set()).add(run_id)


def carry_out(run_id: int) -> None:
    """Do a run's work. A run that another worker has, or that is over, is left alone."""
    row = db.session.get(Run, run_id, with_for_update=True, populate_existing=True)
    if row is None or row.state != "waiting":
        db.session.rollback()
        return
    now = utcnow()
    row.state, row.started_at, row.lease_until = "working", now, now + LEASE
    connection = row.connection
    task, usable = row.task, connections.usable(connection)
    wake.changed()
    db.session.commit()
    if not usable:
        return _finish(run_id, "failed", fault="misconfigured", detail="the connection is off")
    try:
        said = TASKS[task](run_id, connection) or ""
    except VendorError as error:
        db.session.rollback()
        _note_failure(run_id, error)
    except Exception as error:  # a fault of ours: the run must not stay open and block the next
        db.session.rollback()
        log.exception("run_failed", run=run_id, task=task)
        _finish(run_id, "failed", fault="internal", detail=f"{type(error).__name__}: {error}")
    else:
        _finish(run_id, "done", detail=said)


def keep(run_id: int, **counts: int) -> None:
    """A sign of life, with the counts so far; in the caller's transaction."""
    values = {"lease_until": utcnow() + LEASE}
    db.session.execute(db.update(Run).where(Run.id == run_id).values(**values, counts=counts))
    wake.changed()


def _finish(run_id: int, state: str, fault: str = "", detail: str = "") -> None:
    now = utcnow()
    values = {"state": state, "finished_at": now, "lease_until": None, "fault": fault, "detail": detail[:2000]}
    db.session.execute(db.update(Run).where(Run.id == run_id, Run.state == "working").values(values))
    row = db.session.get(Run, run_id, populate_existing=True)
    if row and state == "done" and row.task not in QUIET:
        row.connection.last_ok_at = now
        row.connection.last_error = None
    wake.changed()
    db.session.commit()


def _note_failure(run_id: int, error: VendorError) -> None:
    row = db.session.get(Run, run_id)
    if row is None:
        return
    row.connection.last_error_at = utcnow()
    row.connection.last_error = {"fault": error.fault, "detail": error.detail[:500], "field": error.field}
    _finish(run_id, "failed", error.fault, error.detail)


def free_expired() -> None:
    """Runs whose worker died are over; the schedule makes the next one. Runs nobody was woken for are told again."""
    now = utcnow()
    dead = db.update(Run).where(Run.state == "working", Run.lease_until < now)
    db.session.execute(dead.values(state="failed", finished_at=now, fault="lease_lost", lease_until=None))
    waiting = db.select(Run.id).where(Run.state == "waiting", Run.created_at < now - timedelta(seconds=20))
    for run_id in db.session.scalars(waiting):
        wake_for(run_id)
    db.session.commit()


def _orders(run_id: int, connection: Connection) -> None:
    intake.pull(run_id, connection, keep)


def _statuses(run_id: int, connection: Connection) -> None:
    readback.read_statuses(run_id, connection, keep)
    parcels.follow(run_id, connection, keep)


def _references(run_id: int, connection: Connection) -> None:
    keep(run_id, seen=connections.refresh_references(connection))
    db.session.commit()


def _stock(run_id: int, connection: Connection) -> str:
    return stock.tell(run_id, connection, keep)


def _catalogue(run_id: int, connection: Connection) -> None:
    catalogue.take(run_id, connection, keep)


def _prices(run_id: int, connection: Connection) -> None:
    catalogue.take(run_id, connection, keep, prices_only=True)


def _match(run_id: int, connection: Connection) -> None:
    catalogue.match(run_id, connection, keep)


#: task -> what does it, and tells the run's report what it has to say, if anything
TASKS: dict[str, Callable[[int, Connection], str | None]] = {
    "orders": _orders,
    "statuses": _statuses,
    "references": _references,
    "stock": _stock,
    "catalogue": _catalogue,
    "prices": _prices,
    "match": _match,
}
