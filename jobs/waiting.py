"""Unpaid orders that are kept back until they are paid: which ones, and the rows they have while they are none of ours.

All of it is part of the transaction in which `intake` settles what came, one at a time for a connection.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from sqlalchemy.orm import joinedload

from integrations.types import OrderData
from models import HeldOrder, Incoming, Prepared, among, db, utcnow
from orders import lists

from .drafts import Maker

#: a status of these says that nobody waits for the customer's money any more
_OVER = ("cancelled", "deleted", "transferred")
SHOWN = lists.MANY_HELD


class Version(Protocol):
    """What came of an order; `state` is told what becomes of it."""

    id: int
    state: str


V = TypeVar("V", bound=Version)


def sort_out(
    connection_id: int, maker: Maker, fresh: Sequence[tuple[list[V], OrderData]]
) -> tuple[list[tuple[list[V], OrderData]], dict[str, str]]:
    """Of orders that are not here yet, those to be made now; the others are kept back. And which of those to be made
    were kept back until now, with the name of who would not wait longer, "" for nobody."""
    if not fresh:
        return [], {}
    held = _held(connection_id, [order.external_id for _, order in fresh])
    ready, waited = [], {}
    now = utcnow()
    for rows, order in fresh:
        until = _until(maker, order, held.get(order.external_id), now)
        if until > now:
            _keep(connection_id, held.get(order.external_id), rows, order, until)
            continue
        ready.append((rows, order))
        if order.external_id in held:
            waited[order.external_id] = held[order.external_id].taken_by
    db.session.flush()
    return ready, waited


def _until(maker: Maker, order: OrderData, held: HeldOrder | None, now: datetime) -> datetime:
    """When this order is to be taken in; `now` for at once."""
    minutes = maker.waits.get(order.payment.code) if maker.waits else None
    if not minutes or order.payment.paid or maker.group(order) in _OVER:
        return now
    if held is not None:  # the time is counted once, however often the order changes
        return held.until
    return min(order.placed_at or now, now) + timedelta(minutes=minutes)


def outcome(maker: Maker, order: OrderData) -> str:
    """How the waiting of an order that is taken in now ended: paid | cancelled | unpaid."""
    if order.payment.paid:
        return "paid"
    return "cancelled" if maker.group(order) in ("cancelled", "deleted") else "unpaid"


_held_orders = HeldOrder.__table__
_THERE = Prepared(
    db.select(_held_orders.c.external_id).where(
        _held_orders.c.connection_id == db.bindparam("connection"), among(_held_orders.c.external_id, "ids", str)
    ),
    same_plan=True,
)


def _held(connection_id: int, external_ids: Collection[str]) -> dict[str, HeldOrder]:
    there = [row.external_id for row in _THERE.rows(connection=connection_id, ids=list(external_ids))]
    if not there:  # as mostly
        return {}
    query = db.select(HeldOrder).where(HeldOrder.connection_id == connection_id, HeldOrder.external_id.in_(there))
    rows = db.session.scalars(query.execution_options(populate_existing=True))
    return {row.external_id: row for row in rows}


def _keep(
    connection_id: int, held: HeldOrder | None, rows: Sequence[Version], order: OrderData, until: datetime
) -> None:
    if held is None:
        held = HeldOrder(connection_id=connection_id, external_id=order.external_id, until=until)
        db.session.add(held)
    for row in rows:
        row.state = "held"
    held.incoming_id = rows[-1].id
    held.number = (order.number or order.external_id)[:64]
    held.customer = (order.buyer or order.recipient).full_name[:250]
    held.phone = (order.buyer or order.recipient).phone[:32]
    held.sum, held.currency = order.total, order.currency[:3]
    held.payment = (order.payment.name or order.payment.code)[:160]


def over(connection_id: int, order_ids: Mapping[str, int]) -> None:
    """These are orders of ours now {external id: ours}: their waiting is over, and all that came of them is theirs."""
    these = HeldOrder.external_id.in_(order_ids.keys())
    db.session.execute(db.delete(HeldOrder).where(HeldOrder.connection_id == connection_id, these))
    for external_id, order_id in order_ids.items():
        earlier = db.update(Incoming).where(
            Incoming.connection_id == connection_id,
            Incoming.event == "order",
            Incoming.external_id == external_id,
            Incoming.state == "held",
        )
        db.session.execute(earlier.values(state="applied", order_id=order_id))


_COUNT_OF = Prepared(
    db.select(db.func.count()).select_from(
        db.select(_held_orders.c.id)
        .where(_held_orders.c.connection_id == db.bindparam("connection"))
        .limit(SHOWN)
        .subquery()
    )
)


def count(connection_id: int) -> int:
    """How many wait at this connection; SHOWN for that many or more."""
    return int(_COUNT_OF.raw(connection=connection_id)[0][0])


def rows(connection_id: int | None = None) -> Sequence[HeldOrder]:
    """Those that wait, the next to be taken in first; SHOWN at most."""
    query = db.select(HeldOrder).options(joinedload(HeldOrder.connection)).order_by(HeldOrder.until, HeldOrder.id)
    if connection_id is not None:
        query = query.where(HeldOrder.connection_id == connection_id)
    return db.session.scalars(query.limit(SHOWN)).all()
