"""The one function that changes the status of orders, and undoing a bulk change."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Protocol

from models import BulkUndo, Order, Prepared, Status, among, db, utcnow

from . import counts, deletion, duplicates, stock, work
from .timeline import Actor, note_many

UNDO_SECONDS = 60
CHUNK = 500


@dataclass
class Changed:
    """What became of a change: ids changed, and those left alone with the reason (a key of REASONS)."""

    changed: list[int] = field(default_factory=list)
    before: dict[int, int] = field(default_factory=dict)
    skipped: list[tuple[int, str]] = field(default_factory=list)
    groups: dict[int, str] = field(default_factory=dict)  # that they were in before


#: why an order is left alone; pages have the sentence
REASONS = ("same", "by_hand", "gone")


class Settable(Protocol):
    """What has to be known of a status to know who may set it."""

    @property
    def group(self) -> str: ...

    @property
    def active(self) -> bool: ...


class StatusLike(Settable, Protocol):
    """A status: a row of the table or a copy of it."""

    @property
    def id(self) -> int: ...

    @property
    def name(self) -> str: ...


_STATUS = Status.__table__.c
_COPY = db.select(_STATUS.id, _STATUS.name, _STATUS.group, _STATUS.active)
_FOUND = Prepared(_COPY.where(_STATUS.id == db.bindparam("id", type_=_STATUS.id.type)), same_plan=True)
_KEYED = Prepared(_COPY.where(_STATUS.key == db.bindparam("key_", type_=_STATUS.key.type)), same_plan=True)


def find(status_id: int) -> StatusLike | None:
    """A copy of the status, None when there is none: what changing orders needs, at a fifth of the cost of a mapped
    object."""
    found = _FOUND.rows(id=status_id)
    return found[0] if found else None


def keyed(key: str) -> StatusLike | None:
    """The same of one of the hub's own statuses, by its key."""
    found = _KEYED.rows(key_=key)
    return found[0] if found else None


def may_set_by_hand(status: Settable) -> bool:
    """All but Transferred (which a transfer sets) can be set by hand."""
    return status.group != "transferred" and status.active


def change(
    order_ids: Iterable[int],
    status: StatusLike,
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
    stock.follow(result.groups, status.group)  # once for all: products are locked in one order
    return result


_orders, _statuses = Order.__table__, Status.__table__
_LOCK = Prepared(
    db.select(_orders.c.id, _statuses.c.name, _statuses.c.group, *(_orders.c[column.key] for column in counts.COLUMNS))
    .join_from(_orders, _statuses)
    .where(among(_orders.c.id, "ids"))
    .order_by(_orders.c.id)
    .with_for_update(of=_orders),
    same_plan=True,
)


def _set(**more: Any) -> Prepared:
    """`more`: columns and the parameters that they are set to."""
    named = {"status_id": "status", "updated_at": "now", **more}
    values = {column: db.bindparam(name, type_=_orders.c[column].type) for column, name in named.items()}
    return Prepared(db.update(_orders).where(among(_orders.c.id, "ids")).values(values), same_plan=True)


_SET = _set()
_CANCEL = _set(cancel_reason="reason", cancel_text="text")


def _locked(ids: Sequence[int], status: StatusLike) -> list[Any]:
    """Rows of these orders, locked together with all that will change with them."""
    together = duplicates.alike(ids) if status.group in duplicates.OVER else ids
    wanted = set(ids)
    return [row for row in _LOCK.rows(ids=list(together)) if row[0] in wanted]


def _change_some(
    ids: Sequence[int],
    status: StatusLike,
    actor: Actor,
    cause: int | None,
    why: tuple[str, str],
    kind: str,
    result: Changed,
) -> None:
    db.session.flush()
    rows = _locked(ids, status)
    names = {row[0]: row[1] for row in rows}
    found = {row[0]: counts.Counted(*row[3:]) for row in rows}
    result.skipped += [(i, "gone") for i in ids if i not in found]
    result.skipped += [(i, "same") for i, o in found.items() if o.status_id == status.id]
    moved = {i: o for i, o in found.items() if o.status_id != status.id}
    if not moved:
        return
    _write(moved, status, why)
    note_many(_notes(moved, names, status, why), actor, kind)
    _refresh(moved)
    groups = {row[0]: row[2] for row in rows if row[0] in moved}
    _follow(groups, status, actor)
    work.request_status_push(list(moved), status.id, cause=cause, reason=why[0], text=why[1], by=actor.name)
    result.changed += list(moved)
    result.before |= {i: o.status_id for i, o in moved.items()}
    result.groups |= groups


def _notes(
    moved: Mapping[int, counts.Counted], names: Mapping[int, str], status: StatusLike, why: tuple[str, str]
) -> list[tuple[int, dict[str, Any]]]:
    """For the timeline. `names`: of the statuses that the orders had."""
    detail = {key: value for key, value in (("reason", why[0]), ("text", why[1])) if value}
    return [
        (i, {"changes": [["status", names[i], status.name]], "ids": [o.status_id, status.id], **detail})
        for i, o in moved.items()
    ]


def _write(moved: Mapping[int, counts.Counted], status: StatusLike, why: tuple[str, str]) -> None:
    values = {"ids": list(moved), "status": status.id, "now": utcnow()}
    if status.group == "cancelled":
        _CANCEL.run(**values, reason=why[0], text=why[1])
    else:
        _SET.run(**values)
    counts.record(moved.values(), [replace(o, status_id=status.id) for o in moved.values()])


def _follow(before: Mapping[int, str], status: StatusLike, actor: Actor) -> None:
    """What begins or ends with the new status. `before`: the group that each order was in."""
    ids = list(before)
    if status.group in ("cancelled", "deleted"):
        work.withdraw(ids)
        duplicates.over(ids)
    was_deleted = [order_id for order_id, group in before.items() if group == "deleted"]
    if status.group == "deleted":
        deletion.request(ids, actor)
    elif was_deleted:
        deletion.call_off(was_deleted)


def _refresh(moved: Container[int]) -> None:
    """Orders that the session holds as objects are read again when they are next looked at."""
    held = db.session.identity_map
    for key in list(held.keys()):
        if key[0] is Order and key[1][0] in moved and (row := held.get(key)) is not None:
            db.session.expire(row)


def remember(result: Changed, status: StatusLike, user_id: int) -> int | None:
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
        status = find(status_id)
        if status:
            done += len(change(ids, status, actor, kind="undone").changed)
    return done


def undone(undo_id: int) -> list[int]:
    """The orders of a bulk change that was taken back."""
    row = db.session.get(BulkUndo, undo_id)
    return [order_id for order_id, _before, _after in row.orders] if row else []
