"""A batch: the transfers that one press of "Send" made. No table of its own: a range of ids says which they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from models import Order, Transfer, db

from . import work

SHOWN = 50


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
    """How far a batch is."""

    total: int = 0
    done: int = 0
    failed: int = 0
    waiting: int = 0
    #: (number, fault, the vendor's words) of those that failed, the first SHOWN
    problems: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def finished(self) -> int:
        return self.done + self.failed


def progress(batch: Batch) -> Progress:
    """Two small queries, however large the batch."""
    query = db.select(Transfer.state, db.func.count()).where(*batch.conditions()).group_by(Transfer.state)
    found = Progress()
    for state, n in db.session.execute(query):
        found.total += n
        if state == "done":
            found.done += n
        elif state in ("refused", "parked"):
            found.failed += n
        else:
            found.waiting += n
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
