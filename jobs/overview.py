"""What the settings pages tell about connections beside their health: failures of the day, next runs, last calls."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from models import Attempt, Connection, Link, ReferenceItem, Run, Schedule, db


def failures(since: datetime) -> dict[int, int]:
    """Connection id -> attempts since then that did not end well."""
    query = (
        db.select(Attempt.connection_id, db.func.count())
        .where(Attempt.started_at >= since, Attempt.outcome.is_not(None), Attempt.outcome != "done")
        .group_by(Attempt.connection_id)
    )
    return {connection_id: n for connection_id, n in db.session.execute(query)}


def next_runs() -> dict[int, Schedule]:
    """Connection id -> the schedule that comes first, paused ones left out."""
    query = db.select(Schedule).where(~Schedule.paused).order_by(Schedule.next_at.desc())
    return {row.connection_id: row for row in db.session.scalars(query)}


def schedules(connection_id: int) -> list[tuple[Schedule, Run | None]]:
    """The schedules of one connection, each with its last run."""
    last = (
        db.select(db.func.max(Run.id))
        .where(Run.connection_id == Schedule.connection_id, Run.task == Schedule.task)
        .correlate(Schedule)
        .scalar_subquery()
    )
    query = (
        db.select(Schedule, Run)
        .outerjoin(Run, Run.id == last)
        .where(Schedule.connection_id == connection_id)
        .order_by(Schedule.id)
    )
    return [(schedule, run) for schedule, run in db.session.execute(query)]


def runs(connection_id: int, limit: int = 20) -> Sequence[Run]:
    """The newest first."""
    query = db.select(Run).where(Run.connection_id == connection_id).order_by(Run.id.desc()).limit(limit)
    return db.session.scalars(query).all()


def open_run(connection_id: int, task: str) -> Run | None:
    query = db.select(Run).where(
        Run.connection_id == connection_id, Run.task == task, Run.state.in_(("waiting", "working"))
    )
    return db.session.scalar(query)


def lists(connection_id: int, keys: Collection[str]) -> dict[str, list[tuple[str, str]]]:
    """Of each of the connection's reference lists the entries (code, name); none where it isn't here yet."""
    found: dict[str, list[tuple[str, str]]] = {key: [] for key in keys}
    query = db.select(ReferenceItem.list, ReferenceItem.code, ReferenceItem.name)
    query = query.where(ReferenceItem.connection_id == connection_id, ReferenceItem.list.in_(found))
    for key, code, name in db.session.execute(query.order_by(ReferenceItem.list, ReferenceItem.position)):
        found[key].append((code, name or code))
    return found


def attempts(connection_id: int, limit: int = 50) -> Sequence[Any]:
    """The newest first, without their exchanges."""
    query = (
        db.select(
            Attempt.id, Attempt.verb, Attempt.started_at, Attempt.ms, Attempt.outcome, Attempt.fault, Attempt.detail
        )
        .where(Attempt.connection_id == connection_id)
        .order_by(Attempt.id.desc())
        .limit(limit)
    )
    return db.session.execute(query).all()


def linked_orders(connection_id: int) -> int:
    """Orders that have a copy there or came from there."""
    query = db.select(db.func.count()).select_from(Link).where(Link.connection_id == connection_id)
    return db.session.scalar(query) or 0


def name_taken(name: str, but: int = 0) -> bool:
    query = db.select(Connection.id).where(Connection.name == name, Connection.id != but)
    return db.session.scalar(query) is not None
