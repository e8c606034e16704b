"""Runs: periodic or asked-for work of a connection (pull orders, read statuses, fetch lists), one open run a task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy.exc import IntegrityError

from integrations.errors import VendorError
from models import OPEN_STATES, Connection, Run, db, utcnow

from . import catalogue, connections, intake, parcels, readback, standing, stock, wake

log = structlog.get_logger()

#: a run without a sign of life for so long is dead; each page of a pull is one
LEASE = timedelta(minutes=10)
#: tasks that often need no call: they note by themselves how those went that they made
QUIET = ("stock",)
#: in the memo of a run that another one is to follow: who asked for that one
_AGAIN = "again"


def request(connection_id: int, task: str, by: str, memo: Mapping[str, Any] | None = None) -> Run | None:
    """Ask for a run, in the caller's transaction. None when one is open already: that one serves. `memo`: what it is to
    go by."""
    row = Run(connection_id=connection_id, task=task, requested_by=by, counts={}, memo=dict(memo or {}))
    try:
        with db.session.begin_nested():
            db.session.add(row)
            db.session.flush()
    except IntegrityError:
        return None
    wake.run_next(row.id)
    return row


def request_anew(connection_id: int, task: str, by: str) -> Run | None:
    """The same where what is there now has to be seen, as by a person who asks or after a change of settings: a run
    that has begun may be past it, so another one follows it. None there, too."""
    if row := request(connection_id, task, by):
        return row
    mine = (Run.connection_id == connection_id, Run.task == task, Run.state.in_(OPEN_STATES))
    query = db.select(Run).where(*mine).with_for_update().execution_options(populate_existing=True)
    if (begun := db.session.scalar(query)) is None:  # it has ended between our two looks
        return request(connection_id, task, by)
    if begun.state == "working":
        begun.memo = {**begun.memo, _AGAIN: by}
    return None


def carry_out(run_id: int) -> None:
    """Do a run's work. A run that another worker has, or that is over, is left alone."""
    row = db.session.get(Run, run_id, with_for_update=True, populate_existing=True)
    if row is None or row.state != "waiting":
        db.session.rollback()
        return
    now = utcnow()
    row.state, row.started_at, row.lease_until = "working", row.started_at or now, now + LEASE
    row.fence += 1
    connection = row.connection
    task, fence, usable = row.task, row.fence, connections.usable(connection)
    wake.changed()
    db.session.commit()
    if not usable:
        return _finish(run_id, fence, "failed", fault="misconfigured", detail="the connection is off")
    try:
        said = TASKS[task](run_id, connection) or ""
    except VendorError as error:
        db.session.rollback()
        _note_failure(run_id, fence, error)
    except Exception as error:  # a fault of ours: the run must not stay open and block the next
        db.session.rollback()
        log.exception("run_failed", run=run_id, task=task)
        _finish(run_id, fence, "failed", fault="internal", detail=f"{type(error).__name__}: {error}")
    else:
        _finish(run_id, fence, "done", detail=said)


def keep(run_id: int, **counts: int) -> None:
    """A sign of life, with the counts so far; in the caller's transaction."""
    values = {"lease_until": utcnow() + LEASE}
    db.session.execute(db.update(Run).where(Run.id == run_id).values(**values, counts=counts))
    wake.changed()


def _finish(run_id: int, fence: int, state: str, fault: str = "", detail: str = "") -> None:
    """Unless another worker has it meanwhile, or it waits for one."""
    now = utcnow()
    values = {"state": state, "finished_at": now, "lease_until": None, "fault": fault, "detail": detail[:2000]}
    mine = (Run.id == run_id, Run.state == "working", Run.fence == fence)
    db.session.execute(db.update(Run).where(*mine).values(values))
    row = db.session.get(Run, run_id, populate_existing=True)
    if row and state == "done" and row.task not in QUIET:
        row.connection.last_ok_at = now
        row.connection.last_error = None
    if row and row.state == state:
        _follow(row)
    wake.changed()
    db.session.commit()


def _follow(over: Run) -> None:
    """Where the run that is over was too early for somebody, the next one comes at once."""
    memo = dict(over.memo or {})
    if by := memo.pop(_AGAIN, ""):
        over.memo = memo
        db.session.flush()
        request(over.connection_id, over.task, by)


def _note_failure(run_id: int, fence: int, error: VendorError) -> None:
    row = db.session.get_one(Run, run_id)
    row.connection.last_error_at = utcnow()
    row.connection.last_error = {"fault": error.fault, "detail": error.detail[:500], "field": error.field}
    _finish(run_id, fence, "failed", error.fault, error.detail)


def free_expired() -> None:
    """Runs whose worker died go on where they stood, if they had come any further; else they are over, and the schedule
    makes the next one. Runs nobody was woken for are told again."""
    now = utcnow()
    dead = db.select(Run).where(Run.state == "working", Run.lease_until < now).with_for_update(skip_locked=True)
    for row in db.session.scalars(dead):
        row.lease_until = None
        if standing.has_moved(row):
            row.state = "waiting"
            wake.run_next(row.id)
        else:
            row.state, row.finished_at, row.fault = "failed", now, "lease_lost"
            _follow(row)
    waiting = db.select(Run.id).where(Run.state == "waiting", Run.created_at < now - timedelta(seconds=20))
    for run_id in db.session.scalars(waiting):
        wake.run_next(run_id)
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


def _rehearse(run_id: int, connection: Connection) -> None:
    catalogue.take(run_id, connection, keep, dry=True)


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
    "rehearse": _rehearse,
}
