"""The journal of the work for other systems, a page at a time: transfers, their attempts, runs, what came in.

Lists are walked by id, newest first, from a cursor (see orders.listing.Cursor); every filter has its name in the
address. What can't be read there is left out: an old or mistyped link still gives a page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, Self
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from models import Attempt, AttemptItem, Connection, Incoming, Order, Run, RunChange, RunNote, Schedule, Transfer, db
from models.connections import OPERATIONS
from orders import asked, days
from orders.listing import Cursor
from orders.reports import at_most

from .reports import FAILED, current_failures

#: state filter -> states of rows; "failed" is what a person must see to
TRANSFER_STATES = {
    "open": ("waiting", "working"),
    "waiting": ("waiting",),
    "working": ("working",),
    "done": ("done",),
    "failed": FAILED,
    "refused": ("refused",),
    "parked": ("parked",),
    "cancelled": ("cancelled",),
}
RUN_STATES = ("waiting", "working", "done", "failed")
INCOMING_STATES = ("new", "held", "applied", "echo", "ignored", "refused", "failed", "aside")
CHANNELS = ("pull", "webhook")
ATTEMPTS = 50
START = Cursor()
BULK_LIMIT = 10_000


@dataclass
class Page:
    """Rows of one page and the cursors to its neighbours (None = there is none)."""

    rows: Sequence[Any]
    newer: int | None = None
    older: int | None = None


@dataclass(frozen=True)
class _Filter:
    connection: int | None = None
    state: str = ""

    def query(self, **changes: Any) -> str:
        """The address' query for this filter with some fields changed, without what is empty."""
        changed = replace(self, **changes)
        pairs = {f.name: getattr(changed, f.name) for f in fields(changed)}
        return urlencode({key: value for key, value in pairs.items() if value not in (None, "")})

    @property
    def is_empty(self) -> bool:
        return self == type(self)()


@dataclass(frozen=True)
class TransferFilter(_Filter):
    """`state`: a key of TRANSFER_STATES. `q`: an order's number. `since`, `until`: days on which it was asked for, in
    the hub's zone. `detail`: how the vendor's words begin."""

    operation: str = ""
    fault: str = ""
    q: str = ""
    since: date | None = None
    until: date | None = None
    detail: str = ""

    @classmethod
    def read(cls, args: Mapping[str, str]) -> Self:
        return cls(
            connection=asked.number(args.get("connection")),
            state=asked.one_of(args.get("state"), TRANSFER_STATES),
            operation=asked.one_of(args.get("operation"), OPERATIONS),
            fault=args.get("fault", "")[:20],
            q=args.get("q", "").strip()[:64],
            since=asked.day(args.get("since")),
            until=asked.day(args.get("until")),
            detail=args.get("detail", "")[:80],
        )

    def conditions(self, zone: ZoneInfo) -> list[Any]:
        found = _equal(
            (Transfer.connection_id, self.connection),
            (Transfer.operation, self.operation),
            (Transfer.fault, self.fault),
        )
        if self.state:
            found.append(Transfer.state.in_(TRANSFER_STATES[self.state]))
        if self.q:
            mine = db.select(Order.id).where(db.or_(Order.number == self.q, Order.key == self.q))
            found.append(Transfer.order_id.in_(mine))
        found += days.between(Transfer, self.since, self.until, zone)
        if self.detail:
            found.append(Transfer.detail.startswith(self.detail, autoescape=True))
        return found


@dataclass(frozen=True)
class RunFilter(_Filter):
    task: str = ""

    @classmethod
    def read(cls, args: Mapping[str, str]) -> Self:
        state = asked.one_of(args.get("state"), RUN_STATES)
        return cls(asked.number(args.get("connection")), state, args.get("task", "")[:20])

    def conditions(self) -> list[Any]:
        return _equal((Run.connection_id, self.connection), (Run.state, self.state), (Run.task, self.task))


@dataclass(frozen=True)
class IncomingFilter(_Filter):
    """`q`: the sender's id of the thing."""

    channel: str = ""
    q: str = ""

    @classmethod
    def read(cls, args: Mapping[str, str]) -> Self:
        state, channel = asked.one_of(args.get("state"), INCOMING_STATES), asked.one_of(args.get("channel"), CHANNELS)
        return cls(asked.number(args.get("connection")), state, channel, args.get("q", "").strip()[:100])

    def conditions(self) -> list[Any]:
        return _equal(
            (Incoming.connection_id, self.connection),
            (Incoming.state, self.state),
            (Incoming.channel, self.channel),
            (Incoming.external_id, self.q),
        )


_TRANSFER_COLUMNS = (
    *(Transfer.id, Transfer.order_id, Transfer.connection_id, Transfer.operation, Transfer.state),
    *(Transfer.requested_by, Transfer.created_at, Transfer.not_before, Transfer.finished_at, Transfer.tries),
    *(Transfer.uncertain, Transfer.fault, Transfer.detail),
    *(Order.number, Connection.name.label("system"), Connection.kind),
)


def _transfer_rows() -> Any:
    return (
        db.select(*_TRANSFER_COLUMNS)
        .select_from(Transfer)
        .join(Order, Order.id == Transfer.order_id)
        .join(Connection, Connection.id == Transfer.connection_id)
    )


def transfers(f: TransferFilter, zone: ZoneInfo, cursor: Cursor = START, size: int = 50) -> Page:
    return _page(_transfer_rows().where(*f.conditions(zone)), Transfer.id, cursor, size)


def transfers_by_id(ids: Sequence[int]) -> Sequence[Any]:
    """The same rows for given transfers, newest first."""
    return db.session.execute(_transfer_rows().where(Transfer.id.in_(ids)).order_by(Transfer.id.desc())).all()


def failed_ids(f: TransferFilter, zone: ZoneInfo, limit: int = BULK_LIMIT) -> list[int]:
    """The failed transfers that the filter shows and that no later one has replaced: what "retry all" retries."""
    query = current_failures().where(*f.conditions(zone)).limit(limit)
    return list(db.session.scalars(query))


def cancellable_ids(f: TransferFilter, zone: ZoneInfo, limit: int = BULK_LIMIT) -> list[int]:
    """The waiting transfers that the filter shows, without those of which a call may have arrived."""
    query = db.select(Transfer.id).where(Transfer.state == "waiting", ~Transfer.uncertain, *f.conditions(zone))
    return list(db.session.scalars(query.order_by(Transfer.id.desc()).limit(limit)))


def counts(f: TransferFilter, zone: ZoneInfo) -> tuple[int, int]:
    """How many could be retried and how many cancelled, each counted up to a thousand and one more."""
    shown = f.conditions(zone)
    failed = at_most(current_failures().where(*shown))
    waiting = at_most(db.select(Transfer.id).where(Transfer.state == "waiting", ~Transfer.uncertain, *shown))
    row = db.session.execute(db.select(failed, waiting)).one()
    return row[0], row[1]


@dataclass
class Step:
    """An attempt as one transfer saw it: the call's exchanges, and what came of this order in it."""

    attempt: Attempt
    item: AttemptItem
    orders: int  # how many went in the same call


def steps(transfer_id: int, limit: int = ATTEMPTS) -> list[Step]:
    """Newest first."""
    query = (
        db.select(AttemptItem)
        .where(AttemptItem.transfer_id == transfer_id)
        .order_by(AttemptItem.attempt_id.desc())
        .options(db.joinedload(AttemptItem.attempt))
        .limit(limit)
    )
    items = db.session.scalars(query).all()
    n = db.select(AttemptItem.attempt_id, db.func.count()).where(
        AttemptItem.attempt_id.in_([item.attempt_id for item in items])
    )
    together = dict(db.session.execute(n.group_by(AttemptItem.attempt_id)).all()) if items else {}
    return [Step(item.attempt, item, together.get(item.attempt_id, 1)) for item in items]


def runs(f: RunFilter, cursor: Cursor = START, size: int = 50) -> Page:
    query = db.select(Run, Connection.name.label("system"), Connection.kind, Connection.removed_at)
    query = query.join(Connection, Connection.id == Run.connection_id).where(*f.conditions())
    return _page(query, Run.id, cursor, size)


_INCOMING_COLUMNS = (
    *(Incoming.id, Incoming.channel, Incoming.event, Incoming.external_id, Incoming.received_at, Incoming.state),
    *(Incoming.note, Incoming.order_id, Order.number, Connection.name.label("system"), Connection.kind),
)


def incoming(f: IncomingFilter, cursor: Cursor = START, size: int = 50) -> Page:
    """Without the bodies: these are read one at a time."""
    query = (
        db.select(*_INCOMING_COLUMNS)
        .select_from(Incoming)
        .join(Connection, Connection.id == Incoming.connection_id)
        .outerjoin(Order, Order.id == Incoming.order_id)
        .where(*f.conditions())
    )
    return _page(query, Incoming.id, cursor, size)


def arrival(incoming_id: int) -> Any:
    """What came in, with its body: (Incoming, system, order number), or None."""
    query = (
        db.select(Incoming, Connection.name.label("system"), Order.number)
        .join(Connection, Connection.id == Incoming.connection_id)
        .outerjoin(Order, Order.id == Incoming.order_id)
        .where(Incoming.id == incoming_id)
    )
    return db.session.execute(query).first()


def run(run_id: int) -> Run | None:
    return db.session.get(Run, run_id, options=[db.joinedload(Run.connection)])


def run_notes(row: Run, limit: int = 200) -> Sequence[RunNote]:
    """What the run left out, and why."""
    return db.session.scalars(db.select(RunNote).filter_by(run_id=row.id).order_by(RunNote.id).limit(limit)).all()


def run_changes(row: Run, kind: str, after: int, limit: int = 100) -> tuple[Sequence[RunChange], bool]:
    """What the run did to products, of one kind, from this id on; and whether there is more."""
    query = db.select(RunChange).where(RunChange.run_id == row.id, RunChange.kind == kind, RunChange.id > after)
    found = db.session.scalars(query.order_by(RunChange.id).limit(limit + 1)).all()
    return found[:limit], len(found) > limit


def run_attempts(row: Run, limit: int = ATTEMPTS) -> Sequence[Attempt]:
    """The calls of a run: those of its connection and its time that belong to no transfer. Oldest first."""
    if row.started_at is None:
        return []
    theirs = db.select(AttemptItem.id).where(AttemptItem.attempt_id == Attempt.id)
    query = db.select(Attempt).where(
        Attempt.connection_id == row.connection_id, Attempt.started_at >= row.started_at, ~theirs.exists()
    )
    if row.finished_at:
        query = query.where(Attempt.started_at <= row.finished_at)
    return db.session.scalars(query.order_by(Attempt.id).limit(limit)).all()


def schedules() -> Sequence[Any]:
    """Schedules of all connections with their last run: (Schedule, system, kind, enabled, Run or None)."""
    last = (
        db.select(Run.id)
        .where(Run.connection_id == Schedule.connection_id, Run.task == Schedule.task)
        .order_by(Run.id.desc())
        .limit(1)
        .correlate(Schedule)
        .scalar_subquery()
    )
    query = (
        db.select(Schedule, Connection.name.label("system"), Connection.kind, Connection.enabled, Run)
        .join(Connection, Connection.id == Schedule.connection_id)
        .outerjoin(Run, Run.id == last)
        .where(Connection.removed_at.is_(None))
        .order_by(Connection.name, Schedule.id)
    )
    return db.session.execute(query).all()


def _page(query: Any, key: Any, cursor: Cursor, size: int) -> Page:
    forward = cursor.way == "next"
    if cursor.id is not None:
        query = query.where(key < cursor.id if forward else key > cursor.id)
    query = query.order_by(key.desc() if forward else key)
    rows = list(db.session.execute(query.limit(size + 1)))
    more, rows = len(rows) > size, rows[:size]
    if not forward:
        rows.reverse()
    if not rows:
        return Page([])
    ids = [_id(rows[0]), _id(rows[-1])]
    has_newer = cursor.id is not None if forward else more
    has_older = more if forward else cursor.id is not None
    return Page(rows, ids[0] if has_newer else None, ids[1] if has_older else None)


def _id(row: Any) -> int:
    return int(row.Run.id if "Run" in row._fields else row.id)


def _equal(*pairs: tuple[Any, Any]) -> list[Any]:
    """Conditions column = value, for those that are given."""
    return [column == value for column, value in pairs if value not in (None, "")]
