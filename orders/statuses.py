"""The one function that changes the status of orders, and undoing a bulk change."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Protocol

from models import BulkUndo, Order, Status, db, utcnow

from . import counts, work
from .timeline import Actor, note_many

UNDO_SECONDS = 60
CHUNK = 500


@dataclass
class Changed:
    """What became of a change: ids changed, and those left alone with the reason (a key of REASONS)."""

    changed: list[int] = field(default_factory=list)
    before: dict[int, int] = field(default_factory=dict)
    skipped: list[tuple[int, str]] = field(default_factory=list)


#: why an order is left alone; pages have the sentence
REASONS = ("same", "by_hand", "gone")


class StatusLike(Protocol):
    """A status: a row of the table or a copy of it."""

    @property
    def group(self) -> str: ...

    @property
    def active(self) -> bool: ...


def may_set_by_hand(status: StatusLike) -> bool:
    """All but Transferred (which a transfer sets) can be set by hand."""
    return status.group != "transferred" and status.active


def change(
    order_ids: Iterable[int],
    status: Status,
    actor: Actor,
    *,
    cause: int | None = None,
    reason: str = "",
    text: str = "",
    kind: str = "status",
) -> Changed:
    """Give orders a status, in the caller's transaction: order, timeline, counters, and the rows that pass the
    change on to the systems the orders came from. `cause`: the connection whose news this is; nothing is sent back
    there. A person can't set what only the hub may set: those orders are skipped as "by_hand"."""
    result = Changed()
    ids = list(dict.fromkeys(order_ids))
    if actor.kind == "person" and kind == "status" and not may_set_by_hand(status):
        result.skipped = [(order_id, "by_hand") for order_id in ids]
        return result
    for start in range(0, len(ids), CHUNK):
        _change_some(ids[start : start + CHUNK], status, actor, cause, (reason, text), kind, result)
    return result


_ids = db.bindparam("ids", expanding=True)
#: made once: for a single order, putting the statement together costs more than running it
_LOCK = (
    db.select(Order.id, Status.name, *counts.COLUMNS)
    .join(Status, Status.id == Order.status_id)
    .where(Order.id.in_(_ids))
    .order_by(Order.id)
    .with_for_update(of=Order)
)
_SET = db.update(Order.__table__).where(Order.__table__.c.id.in_(_ids))


def _change_some(
    ids: Sequence[int],
    status: Status,
    actor: Actor,
    cause: int | None,
    why: tuple[str, str],
    kind: str,
    result: Changed,
) -> None:
    rows = db.session.execute(_LOCK, {"ids": ids}).all()
    names = {row[0]: row[1] for row in rows}
    found = {row[0]: counts.Counted(*row[2:]) for row in rows}
    result.skipped += [(i, "gone") for i in ids if i not in found]
    result.skipped += [(i, "same") for i, o in found.items() if o.status_id == status.id]
    moved = {i: o for i, o in found.items() if o.status_id != status.id}
    if not moved:
        return
    values = {"status_id": status.id, "updated_at": utcnow()}
    if status.group == "cancelled":
        values |= {"cancel_reason": why[0], "cancel_text": why[1]}
    db.session.execute(_SET.values(values), {"ids": list(moved)})
    _refresh(moved)
    counts.record(moved.values(), [replace(o, status_id=status.id) for o in moved.values()])
    detail = {key: value for key, value in (("reason", why[0]), ("text", why[1])) if value}
    note_many(
        [(i, {"changes": [["status", names[i], status.name]], **detail}) for i in moved],
        actor,
        kind,
    )
    if status.group in ("cancelled", "deleted"):
        work.withdraw(list(moved))
    work.request_status_push(list(moved), status, cause=cause, reason=why[0], text=why[1], by=actor.name)
    result.changed += list(moved)
    result.before |= {i: o.status_id for i, o in moved.items()}


def _refresh(moved: Container[int]) -> None:
    """Orders that the session holds as objects are read again when they are next looked at."""
    for row in list(db.session.identity_map.values()):
        if isinstance(row, Order) and row.id in moved:
            db.session.expire(row)


def remember(result: Changed, status: Status, user_id: int) -> int | None:
    """Keep a bulk change for a minute; returns the id to undo it by."""
    if not result.changed:
        return None
    row = BulkUndo(user_id=user_id, orders=[[i, result.before[i], status.id] for i in result.changed])
    db.session.add(row)
    db.session.flush()
    return row.id


def undo(undo_id: int, user_id: int, actor: Actor) -> int | None:
    """Take a bulk change back where nobody has changed the order since. Returns how many, None when too late."""
    row = db.session.get(BulkUndo, undo_id, with_for_update=True)
    too_late = utcnow() - timedelta(seconds=UNDO_SECONDS)
    if row is None or row.user_id != user_id or row.done_at or row.created_at < too_late:
        return None
    row.done_at = utcnow()
    now = dict(
        db.session.execute(db.select(Order.id, Order.status_id).where(Order.id.in_([o[0] for o in row.orders]))).all()
    )
    back: dict[int, list[int]] = {}
    for order_id, before, after in row.orders:
        if now.get(order_id) == after:
            back.setdefault(before, []).append(order_id)
    done = 0
    for status_id, ids in back.items():
        status = db.session.get(Status, status_id)
        if status:
            done += len(change(ids, status, actor, kind="undone").changed)
    return done
