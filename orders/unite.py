"""Two orders become one: the one that stays takes over what the other had, the other is cancelled and points to it."""

from __future__ import annotations

from typing import Any

from models import (
    AttemptItem,
    Incoming,
    LikelyDuplicate,
    Link,
    Order,
    OrderEvent,
    SecondRoute,
    Status,
    Transfer,
    db,
    utcnow,
)

from . import duplicates, editing, payments, search, statuses, work
from .timeline import Actor, note

#: which lines the order that stays has afterwards: its own; its own and those it lacks; all of both
LINES = ("keep", "lacking", "all")
REASON = "duplicate"
#: texts that the order that stays takes over where its own are empty
_FILLED = ("email", "ttn", "patronymic", "address_text")
#: table -> what becomes of the rows of the order that goes. moves: they are the other's; with_link: so are those of a
#: connection whose link moves; by_hand: see below; stays. A test finds tables that nobody has decided about.
FATES = {
    "payments": "moves",
    "pay_links": "moves",  # a link that the customer has leads to the order that is to be paid
    "order_links": "moves",
    "messages": "moves",  # with the timeline, which tells of them
    "rule_runs": "moves",
    "expenses": "moves",  # what was paid for the order that goes was paid all the same
    "links": "with_link",
    "transfers": "with_link",
    "attempt_items": "with_link",
    "incoming": "with_link",
    "second_routes": "with_link",  # why there is a second copy
    "order_events": "by_hand",
    "order_lines": "by_hand",
    "likely_duplicates": "by_hand",
    "order_search": "stays",
    "stock_taken": "stays",  # given back as that order is cancelled; the lines that moved are taken for the other
    "tracked_parcels": "stays",  # where the number is taken over, it is found again
    "delivery_choices": "stays",  # what was agreed to for that parcel
    "rule_events": "stays",  # they and what follows tell of that order, under its own number
    "rule_waits": "stays",
    "webhook_deliveries": "stays",
    "import_rows": "stays",  # of a file, which had them as two
    "imported_orders": "stays",  # the number in the file is taken as long as either is there
}


class CannotUnite(Exception):
    """`reason`: gone | busy (something of the other one is being sent) | over (one of them is cancelled or deleted)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def unite(keep_id: int, drop_id: int, lines: str, actor: Actor, pair: LikelyDuplicate | None = None) -> list[str]:
    """Merge `drop_id` into `keep_id`, in the caller's transaction. Returns the names of systems that hold a copy of
    both: those of the dropped order stay with it. Raises CannotUnite, editing.Invalid (the order that stays breaks a
    rule that has to be mended first)."""
    keep, drop = _locked(keep_id, drop_id)
    work.withdraw([drop_id])
    _check_idle(drop_id)
    left = _move(keep, drop)
    _take_over(keep, drop, lines, actor)
    _move_history(keep_id, drop_id, drop.number)
    note(keep_id, actor, "merged", name=drop.number)
    if pair is not None:
        duplicates.settle(pair, "merged", actor, keep_id)
    _cancel(drop_id, keep.number, actor)
    return left


def _locked(keep_id: int, drop_id: int) -> tuple[Order, Order]:
    query = db.select(Order).where(Order.id.in_((keep_id, drop_id))).order_by(Order.id).with_for_update()
    found = {row.id: row for row in db.session.scalars(query.execution_options(populate_existing=True))}
    if len(found) != 2:
        raise CannotUnite("gone")
    groups = db.session.scalars(db.select(Status.group).where(Status.id.in_([o.status_id for o in found.values()])))
    if set(groups) & set(duplicates.OVER):
        raise CannotUnite("over")
    return found[keep_id], found[drop_id]


def _check_idle(order_id: int) -> None:
    query = db.select(Transfer.id).where(
        Transfer.order_id == order_id, Transfer.state.in_(("waiting", "working", "parked"))
    )
    query = query.where(db.or_(Transfer.state != "waiting", Transfer.uncertain))
    if db.session.scalar(query.limit(1)) is not None:
        raise CannotUnite("busy")


def _move(keep: Order, drop: Order) -> list[str]:
    """Links with all that was sent and received through them, and all else that moves. A system that has both orders
    keeps them apart: its link stays where it is."""
    mine = set(db.session.scalars(db.select(Link.connection_id).where(Link.order_id == keep.id)))
    links = db.session.scalars(db.select(Link).where(Link.order_id == drop.id)).all()
    left = [link.connection.name for link in links if link.connection_id in mine]
    for link in links:
        if link.connection_id in mine:
            continue
        link.order_id = keep.id
        link.sent_version = None  # what it holds is the other order's
        db.session.flush()
        _move_work(keep.id, drop.id, link)
    for table in (db.metadata.tables[name] for name, fate in FATES.items() if fate == "moves"):
        _put(table, table.c.order_id == drop.id, keep.id)
    return left


def _move_work(keep_id: int, drop_id: int, link: Link) -> None:
    there = (Transfer.order_id == drop_id) & (Transfer.connection_id == link.connection_id)
    part = AttemptItem.transfer_id.in_(db.select(Transfer.id).where(there))
    _put(AttemptItem, part, keep_id)
    _put(Transfer, there, keep_id)
    _put(Incoming, (Incoming.order_id == drop_id) & (Incoming.connection_id == link.connection_id), keep_id)
    said = db.select(SecondRoute.id).where(
        SecondRoute.order_id == keep_id, SecondRoute.connection_id == link.connection_id
    )
    there = (SecondRoute.order_id == drop_id) & (SecondRoute.connection_id == link.connection_id)
    _put(SecondRoute, there & ~said.exists(), keep_id)


def _put(model: Any, condition: Any, order_id: int) -> None:
    query = db.update(model).where(condition).values(order_id=order_id)
    db.session.execute(query.execution_options(synchronize_session=False))


def _take_over(keep: Order, drop: Order, lines: str, actor: Actor) -> None:
    """Lines, comments, the payment, and texts that the order that stays has not."""
    values: dict[str, Any] = {
        name: _both(getattr(keep, name), getattr(drop, name)) for name in ("customer_comment", "staff_comment")
    }
    values |= {name: getattr(keep, name) or getattr(drop, name) for name in _FILLED}
    was_paid = drop.paid and not keep.paid
    editing.update(keep.id, keep.version, values, _lines(keep, drop, lines), actor)
    if was_paid and max(drop.total, payments.of_order(keep).paid) >= keep.total:  # else the rest is still to be paid
        editing.update(keep.id, keep.version, {"paid": True, "cod": False}, None, actor)
    if drop.external_number and not keep.external_number:
        keep.external_number = drop.external_number
        db.session.flush()
        search.refresh(keep)


def _both(one: str, other: str) -> str:
    return one if not other or other in one else f"{one}\n{other}".strip()


def _lines(keep: Order, drop: Order, how: str) -> list[dict[str, Any]] | None:
    if how == "keep":
        return None
    own = [{"id": line.id} for line in keep.lines]
    known = {_goods(line) for line in keep.lines} if how == "lacking" else set()
    return [*own, *(editing.line_values(line) for line in drop.lines if _goods(line) not in known)]


def _goods(line: Any) -> str:
    return search.normal(line.sku or line.name)


def _move_history(keep_id: int, drop_id: int, number: str) -> None:
    """The other order's events, each with its number."""
    for event in db.session.scalars(db.select(OrderEvent).where(OrderEvent.order_id == drop_id)):
        event.order_id = keep_id
        event.detail = {**(event.detail or {}), "order": (event.detail or {}).get("order") or number}
    db.session.flush()


def _cancel(order_id: int, number: str, actor: Actor) -> None:
    query = db.select(Status).where(Status.group == "cancelled").order_by(Status.key != "cancelled", Status.position)
    status = db.session.scalars(query.limit(1)).one()
    # as the hub's own change: a status that staff may no longer choose serves, too
    statuses.change([order_id], status, actor, reason=REASON, text=number, kind="merged_into")
    db.session.execute(db.update(Order).where(Order.id == order_id).values(updated_at=utcnow()))


def merged_into(order_id: int) -> str:
    """The number of the order that this one was merged into; "" when it was not."""
    query = (
        db.select(Order.number)
        .join(LikelyDuplicate, LikelyDuplicate.kept_id == Order.id)
        .where(db.or_(LikelyDuplicate.order_id == order_id, LikelyDuplicate.other_id == order_id))
        .where(LikelyDuplicate.state == "merged", LikelyDuplicate.kept_id != order_id)
    )
    return db.session.scalar(query.order_by(LikelyDuplicate.settled_at.desc()).limit(1)) or ""
