"""Removing Deleted orders for good: the rows, their search text, their place in the counters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog

from models import Order, OrderSearch, Payment, Status, Transfer, db

from . import counts, payments
from .timeline import Actor

log = structlog.get_logger()

CHUNK = 500


def remove(order_ids: Sequence[int], actor: Actor) -> list[int]:
    """Remove those of the orders that are Deleted, in the caller's transaction; returns their ids. An order stays while
    a copy of it is being made or deleted, or money is on its way: that would be forgotten with it. Everything that
    belongs to them goes with them. What a source sent stays in the journal of incoming orders, so that a repeated
    delivery is still known. The log keeps who did it."""
    gone: list[int] = []
    ids = list(dict.fromkeys(order_ids))
    for start in range(0, len(ids), CHUNK):
        gone += _remove_some(ids[start : start + CHUNK], actor)
    return gone


def _is_busy() -> Any:
    """Work for a copy that a call may be under way for, or a deletion that waits; a payment that the customer may be
    making, or that the service is being asked about."""
    mine = db.select(Transfer.id).where(Transfer.order_id == Order.id)
    waits = (Transfer.state == "waiting") & (Transfer.uncertain | (Transfer.operation == "delete"))
    money = db.select(Payment.id).where(Payment.order_id == Order.id)
    open_ = Payment.reference.is_not(None) & (Payment.state.in_(payments.OPEN) | (Payment.todo != ""))
    return db.or_(mine.where((Transfer.state == "working") | waits).exists(), money.where(open_).exists())


def busy(order_ids: Sequence[int]) -> list[int]:
    """Which of these orders can't be removed for good yet."""
    return list(db.session.scalars(db.select(Order.id).where(Order.id.in_(order_ids), _is_busy())))


def _remove_some(ids: Sequence[int], actor: Actor) -> list[int]:
    query = db.select(Order.id, Order.number, *counts.COLUMNS).join(Status).where(Order.id.in_(ids))
    query = query.where(Status.group == "deleted", ~_is_busy()).order_by(Order.id).with_for_update(of=Order)
    rows = db.session.execute(query).all()
    if not rows:
        return []
    counts.record([counts.Counted(*row[2:]) for row in rows], [])
    found = [row.id for row in rows]
    # the search text first: its trigger keeps the index right, which a cascade need not fire
    for model, column in ((OrderSearch, OrderSearch.order_id), (Order, Order.id)):
        db.session.execute(db.delete(model).where(column.in_(found)), execution_options={"synchronize_session": False})
    db.session.expire_all()
    log.info("orders_removed", numbers=[row.number for row in rows], by=actor.name)
    return found
