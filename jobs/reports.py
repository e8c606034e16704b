"""What pages tell about the work for other systems: health, transfers of the week, the queue, counts of problems."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import current_app
from sqlalchemy.orm import aliased

from integrations import connectors
from integrations.base import PullsOrders, ReceivesOrders
from integrations.errors import FAULTS
from models import Connection, Incoming, Run, Schedule, Transfer, db, utcnow
from orders.duplicates import open_pairs
from orders.reports import COUNT_LIMIT, at_most, needs_mapping
from orders.routes import stopped

from . import undelivered, wake

#: the newest transfers that the figures of a week look through
WEEK_DEPTH = 20_000
#: the newest failed transfers that are looked through for problems
FAILED_DEPTH = 5_000
FAILED = ("refused", "parked")


@dataclass
class Health:
    """A connection as its last calls left it. `state`: ok | shaky | broken | off | unused."""

    id: int
    kind: str
    name: str
    title: str
    color: str
    state: str
    is_source: bool
    is_destination: bool
    last_ok_at: datetime | None
    last_pull_at: datetime | None
    last_error_at: datetime | None
    fault: str = ""
    detail: str = ""
    field: str = ""

    @property
    def last(self) -> tuple[str, datetime | None]:
        """What was done last and when: "orders" taken over, "statuses" read back, or just an "answer" of theirs."""
        if self.last_pull_at is None:
            return "answer", self.last_ok_at
        return "orders" if self.is_source else "statuses", self.last_pull_at


_HEALTH_COLUMNS = (
    *(Connection.id, Connection.kind, Connection.name, Connection.enabled),
    *(Connection.last_ok_at, Connection.last_pull_at, Connection.last_error_at, Connection.last_error),
)


def health() -> list[Health]:
    """All connections that are not removed, by name. The secrets are not read."""
    query = db.select(*_HEALTH_COLUMNS).where(Connection.removed_at.is_(None)).order_by(Connection.name)
    return [_health(row) for row in db.session.execute(query)]


def _health(row: Any) -> Health:
    cls = connectors().get(row.kind)
    error = row.last_error or {}
    failing = bool(error) and (row.last_ok_at is None or (row.last_error_at or row.last_ok_at) >= row.last_ok_at)
    return Health(
        id=row.id,
        kind=row.kind,
        name=row.name,
        title=cls.title if cls else row.kind,
        color=cls.color if cls else "grey",
        state=_state(row, failing, error.get("fault", "")),
        is_source=bool(cls and cls.can(PullsOrders)),
        is_destination=bool(cls and cls.can(ReceivesOrders)),
        last_ok_at=row.last_ok_at,
        last_pull_at=row.last_pull_at,
        last_error_at=row.last_error_at,
        fault=error.get("fault", "") if failing else "",
        detail=str(error.get("detail", "")) if failing else "",
        field=str(error.get("field", "")) if failing else "",
    )


def _state(row: Any, failing: bool, fault: str) -> str:
    if not row.enabled:
        return "off"
    if failing:
        return "broken" if FAULTS.get(fault) == "refused" else "shaky"
    return "ok" if row.last_ok_at else "unused"


@dataclass
class Tally:
    """Transfers of one system in the last days."""

    done: int = 0
    failed: int = 0
    open: int = 0

    @property
    def share(self) -> int | None:
        """Failed of all that ended, in percent."""
        ended = self.done + self.failed
        return round(100 * self.failed / ended) if ended else None


def tallies(since: datetime) -> tuple[dict[int, Tally], bool]:
    """Transfers asked for since then, by connection id, and whether that is all of them (only the newest WEEK_DEPTH
    are looked through: they lie together, at the end of the table)."""
    newest = db.select(db.func.max(Transfer.id)).scalar_subquery()
    n = db.func.count()
    first = db.func.min(Transfer.created_at)
    query = (
        db.select(Transfer.connection_id, Transfer.state, n, first)
        .where(Transfer.id > newest - WEEK_DEPTH, Transfer.created_at >= since)
        .group_by(Transfer.connection_id, Transfer.state)
    )
    found: dict[int, Tally] = {}
    total = 0
    for connection_id, state, count, _first in db.session.execute(query):
        tally = found.setdefault(connection_id, Tally())
        total += count
        if state == "done":
            tally.done += count
        elif state in FAILED:
            tally.failed += count
        elif state in ("waiting", "working"):
            tally.open += count
    return found, total < WEEK_DEPTH


def current_failures(*columns: Any, state: str = "", depth: int = FAILED_DEPTH) -> Any:
    """A query for failed transfers that still matter, newest first: no later transfer of the same order, system and
    operation has taken their place, and the connection is still there. Looks at the newest `depth` of each state."""
    parts = [
        db.select(Transfer.id).where(Transfer.state == each).order_by(Transfer.id.desc()).limit(depth).subquery()
        for each in ([state] if state else FAILED)
    ]
    ids = db.union_all(*(db.select(part.c.id) for part in parts)).subquery()
    later = aliased(Transfer)
    newer = (
        db.select(later.id)
        .where(later.order_id == Transfer.order_id, later.connection_id == Transfer.connection_id)
        .where(later.operation == Transfer.operation, later.id > Transfer.id)
        .correlate(Transfer)
    )
    return (
        db.select(*columns or (Transfer.id,))
        .join(Connection, Connection.id == Transfer.connection_id)
        .where(Transfer.id.in_(db.select(ids.c.id)), Connection.removed_at.is_(None), ~newer.exists())
        .order_by(Transfer.id.desc())
    )


@dataclass
class Waiting:
    """What waits for a person; each number is counted up to COUNT_LIMIT and then one more."""

    mapping: int = 0
    refused: int = 0
    parked: int = 0
    broken: int = 0
    runs: int = 0
    unread: int = 0
    second: int = 0
    duplicates: int = 0
    sent: int = 0  # messages, letters, webhooks that reached nobody
    others: tuple[int, ...] = ()

    @property
    def total(self) -> int:
        transfers = self.refused + self.parked + self.second
        return self.mapping + transfers + self.broken + self.runs + self.unread + self.duplicates + self.sent


def waiting(*more: Any) -> Waiting:
    """Counts of all kinds of problems, and of `more` queries, in one round trip."""
    broken = db.select(Connection.id).where(
        Connection.removed_at.is_(None),
        Connection.enabled,
        Connection.last_error_at.is_not(None),
        db.or_(Connection.last_ok_at.is_(None), Connection.last_error_at >= Connection.last_ok_at),
        Connection.last_error["fault"].as_string().in_([f for f, outcome in FAULTS.items() if outcome == "refused"]),
    )
    counted = (
        at_most(needs_mapping()),
        at_most(current_failures(state="refused", depth=2 * COUNT_LIMIT)),
        at_most(current_failures(state="parked", depth=2 * COUNT_LIMIT)),
        at_most(broken),
        at_most(failed_runs(Run.id)),
        at_most(unreadable(Incoming.id)),
        at_most(stopped()),
        at_most(open_pairs()),
        *undelivered.counts(),
        *(at_most(query) for query in more),
    )
    row = db.session.execute(db.select(*counted)).one()
    mapping, refused, parked, shaken, runs, unread, second, duplicates, chats, letters, hooks, *others = row
    sent = chats + letters + hooks
    return Waiting(mapping, refused, parked, shaken, runs, unread, second, duplicates, sent, tuple(others))


def unreadable(*columns: Any) -> Any:
    """A query for what came in and could not be made an order, newest first: it waits raw."""
    return (
        db.select(*columns)
        .join(Connection, Connection.id == Incoming.connection_id)
        .where(Incoming.state == "failed", Connection.removed_at.is_(None))
        .order_by(Incoming.id.desc())
    )


def failed_runs(*columns: Any) -> Any:
    """A query for runs that failed and are the last of their task, of connections that are on."""
    last = (
        db.select(Run.id)
        .where(Run.connection_id == Schedule.connection_id, Run.task == Schedule.task)
        .where(Run.state.in_(("done", "failed")))
        .order_by(Run.id.desc())
        .limit(1)
        .correlate(Schedule)
        .scalar_subquery()
    )
    return (
        db.select(*columns)
        .select_from(Schedule)
        .join(Run, Run.id == last)
        .join(Connection, Connection.id == Run.connection_id)
        .where(Run.state == "failed", Connection.enabled, Connection.removed_at.is_(None))
        .order_by(Run.id.desc())
    )


_FRESH = 2.0  # seconds in which nobody asks again, whatever changes
_KEPT = 60.0  # seconds for which an unchanged revision is believed


def problem_count() -> int:
    """How many problems wait, for the badge on every page: kept in this process until the hub's revision changes."""
    kept = current_app.extensions.get("problem_count")
    now = time.monotonic()
    if kept and now - kept[0] < _FRESH:
        return int(kept[2])
    revision = wake.revision()
    if not kept or kept[1] != revision or now - kept[0] >= (_KEPT if revision is not None else 10):
        return keep_problem_count(waiting().total, revision)
    return int(kept[2])


def keep_problem_count(n: int, revision: int | None) -> int:
    """A page has counted them itself: the badge of the next pages says the same."""
    current_app.extensions["problem_count"] = (time.monotonic(), revision, n)
    return n


def forget_problem_count() -> None:
    """After a page has changed what it counts."""
    current_app.extensions.pop("problem_count", None)


@dataclass
class Queue:
    """Open transfers of one system. `seconds`: about how long they take; `later`: none may start before then."""

    connection_id: int
    name: str
    waiting: int
    working: int
    seconds: int
    later: datetime | None = None


def queues() -> list[Queue]:
    """Systems with open transfers, longest queue first."""
    waits = _open_counts("waiting")
    works = _open_counts("working")
    ids = sorted({*waits, *works})
    if not ids:
        return []
    names = {
        row.id: row
        for row in db.session.execute(
            db.select(Connection.id, Connection.name, Connection.kind).where(Connection.id.in_(ids))
        )
    }
    now = utcnow()
    found = []
    for connection_id in ids:
        n, first = waits.get(connection_id, (0, None))
        busy = works.get(connection_id, (0, None))[0]
        row = names[connection_id]
        later = first if first and first > now and not busy else None
        found.append(Queue(connection_id, row.name, n, busy, _seconds(row.kind, n + busy), later))
    return sorted(found, key=lambda queue: -queue.waiting)


def _open_counts(state: str) -> dict[int, tuple[int, datetime | None]]:
    some = (
        db.select(Transfer.connection_id, Transfer.not_before)
        .where(Transfer.state == state)
        .limit(FAILED_DEPTH * 4)
        .subquery()
    )
    query = db.select(some.c.connection_id, db.func.count(), db.func.min(some.c.not_before)).group_by(
        some.c.connection_id
    )
    return {row[0]: (row[1], row[2]) for row in db.session.execute(query)}


def _seconds(kind: str, n: int) -> int:
    """As many calls as the batches make, at the vendor's rate; without a published one, three a second."""
    cls = connectors().get(kind)
    if cls is None:
        return n
    return math.ceil(math.ceil(n / max(1, cls.batch_size)) / (cls.rate or 3))


def open_runs() -> Sequence[Run]:
    """Runs that wait or work (few: one a connection and task)."""
    query = db.select(Run).where(Run.state.in_(("waiting", "working"))).order_by(Run.id).limit(20)
    return db.session.scalars(query.options(db.joinedload(Run.connection).load_only(Connection.name))).all()


def names() -> list[tuple[int, str]]:
    """(id, name) of the connections that are not removed, for a filter."""
    query = db.select(Connection.id, Connection.name).where(Connection.removed_at.is_(None)).order_by(Connection.name)
    return [(row.id, row.name) for row in db.session.execute(query)]


def exact(n: int) -> bool:
    return n <= COUNT_LIMIT
