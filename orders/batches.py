"""A batch: the transfers that one press of "Send" made. No table of its own: a range of ids says which they are."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from models import Order, Transfer, db, utcnow

from . import work

SHOWN = 50
#: transfers that must have ended before they tell a pace; of small batches, a tenth
BASIS = 10
#: a batch in which nothing has ended for so long has no pace to go by, unless it is slower than that
STILL = timedelta(minutes=1)


@dataclass(frozen=True)
class Batch:
    """Transfers of a connection with ids above `after`, up to `last`. Its text form goes into addresses."""

    connection_id: int
    after: int
    last: int

    def __str__(self) -> str:
        return f"{self.connection_id}-{self.after}-{self.last}"

    @classmethod
    def read(cls, text: str) -> Batch | None:
        found = re.fullmatch(r"(\d{1,18})-(\d{1,18})-(\d{1,18})", text, re.ASCII)
        return cls(*map(int, found.groups())) if found else None

    def conditions(self) -> list[Any]:
        return [
            Transfer.connection_id == self.connection_id,
            Transfer.id > self.after,
            Transfer.id <= self.last,
            Transfer.operation == "send",
        ]


def send(order_ids: Sequence[int], connection_id: int, by: str) -> Batch | None:
    """Ask for the transfers, in the caller's transaction; None when there is nothing to send."""
    if not order_ids:
        return None
    newest = db.select(db.func.coalesce(db.func.max(Transfer.id), 0))
    before = db.session.scalar(newest) or 0
    work.request_send(order_ids, connection_id, by)
    return Batch(connection_id, before, db.session.scalar(newest) or 0)


@dataclass
class Progress:
    """How far a batch is. `waiting`: not yet ended; `withdrawn`: cancelled before anything was sent."""

    total: int = 0
    done: int = 0
    failed: int = 0
    withdrawn: int = 0
    waiting: int = 0
    #: of `waiting`, those that can still be withdrawn by the one who asks
    mine: int = 0
    #: time left in seconds, as soon as the pace is known
    seconds: int | None = None
    #: nothing is under way, and nothing starts before then
    later: datetime | None = None
    #: (number, fault, the vendor's words) of those that failed, the first SHOWN
    problems: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def finished(self) -> int:
        return self.done + self.failed + self.withdrawn


#: states of transfers -> where Progress counts them
_FIELDS = {"done": "done", "refused": "failed", "parked": "failed", "cancelled": "withdrawn"}


def progress(batch: Batch, by: str = "") -> Progress:
    """Two small queries, however large the batch; `by`: who asks."""
    mine = db.case((db.and_(*_withdrawable(by)), 1), else_=0)
    query = db.select(
        *(Transfer.state, db.func.count(), db.func.sum(mine)),
        *(db.func.min(Transfer.created_at), db.func.max(Transfer.finished_at), db.func.min(Transfer.not_before)),
    )
    rows = db.session.execute(query.where(*batch.conditions()).group_by(Transfer.state)).all()
    found = Progress()
    for state, n, withdrawable, *_times in rows:
        name = _FIELDS.get(state, "waiting")
        setattr(found, name, getattr(found, name) + n)
        found.total += n
        found.mine += int(withdrawable)
    _foretell(found, rows)
    if found.failed:
        failed = (
            db.select(Order.number, Transfer.fault, Transfer.detail)
            .join(Order, Order.id == Transfer.order_id)
            .where(*batch.conditions(), Transfer.state.in_(("refused", "parked")))
        )
        found.problems = [
            (number, fault, detail)
            for number, fault, detail in db.session.execute(failed.order_by(Transfer.id).limit(SHOWN))
        ]
    return found


def _foretell(found: Progress, rows: Sequence[Any]) -> None:
    """When it will be over, from how long those that ended have taken together; or when it goes on."""
    sent = found.done + found.failed
    if not found.waiting:
        return
    now, started = utcnow(), min(row[3] for row in rows)
    if not any(row.state == "working" for row in rows):
        due = next(row[5] for row in rows if row.state == "waiting")
        found.later = due if due > now else None
    last = max((row[4] for row in rows if row.state != "cancelled" and row[4]), default=None)
    if last and sent >= min(BASIS, found.total / 10) and not found.later:
        each = max(last - started, timedelta(seconds=1)) / sent
        if now - last < max(STILL, 2 * each):
            found.seconds = math.ceil((each * found.waiting).total_seconds())


def _withdrawable(by: str) -> list[Any]:
    """What this person asked for and of which nothing can have arrived: at a busy moment the range of ids may take in a
    few transfers that others asked for."""
    return [Transfer.state == "waiting", ~Transfer.uncertain, Transfer.requested_by == by]


def withdrawable(batch: Batch, by: str) -> list[int]:
    """Transfers of the batch that may be taken back; the rest is under way or may have arrived."""
    return list(db.session.scalars(db.select(Transfer.id).where(*batch.conditions(), *_withdrawable(by))))
