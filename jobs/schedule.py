"""Schedules: rows that staff can change; `tick` starts what is due."""

from __future__ import annotations

from datetime import datetime, timedelta

from models import Connection, Schedule, db, utcnow
from orders import days

from . import connections, runs

DAY = 86_400


def tick() -> None:
    """Every few seconds: a run for each schedule whose time has come. A task still open is not started twice."""
    runs.free_expired()
    now = utcnow()
    due = (
        db.select(Schedule)
        .join(Connection)
        .where(Schedule.next_at <= now, ~Schedule.paused, Connection.enabled, Connection.removed_at.is_(None))
        .with_for_update(skip_locked=True, of=Schedule)
    )
    for row in db.session.scalars(due).all():
        runs.request(row.connection_id, row.task, "schedule")
        # from now, not from when it was due: after a night off one run is enough
        row.next_at = after(row.every, row.at_hour, now)
    db.session.commit()


def after(every: int, at_hour: int | None, now: datetime) -> datetime:
    """When a task that runs every so many seconds is due next. `at_hour` counts for those of whole days."""
    if at_hour is None or every % DAY:
        return now + timedelta(seconds=every)
    return days.next_at(at_hour, now + timedelta(seconds=every - DAY))


def follow() -> None:
    """At start: the schedules of all connections follow their connectors' lists."""
    for row in connections.active():
        if connections.usable(row):
            connections.follow_tasks(row)
    db.session.commit()
