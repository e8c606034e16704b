"""One order, with what its card shows of it."""

from __future__ import annotations

from sqlalchemy.orm import joinedload, selectinload

from models import Order, OrderEvent, Status, db

_CARD = (joinedload(Order.status), joinedload(Order.type), selectinload(Order.lines))


def by_number(number: str) -> Order | None:
    """The order with this number; failing that, the one that other systems know by it."""
    found = db.session.scalar(db.select(Order).filter_by(number=number).options(*_CARD))
    return found or db.session.scalar(db.select(Order).filter_by(key=number).options(*_CARD))


def by_id(order_id: int) -> Order | None:
    return db.session.scalar(db.select(Order).filter_by(id=order_id).options(*_CARD))


def statuses() -> list[Status]:
    """All that are in use, in the order of the registry."""
    query = db.select(Status).where(Status.active).order_by(Status.position, Status.id)
    return list(db.session.scalars(query))


def status_before(order_id: int) -> str:
    """The name of the status that the order had before its last change of status; "" when there was none."""
    query = db.select(OrderEvent.detail).where(
        OrderEvent.order_id == order_id, OrderEvent.kind.in_(("status", "undone"))
    )
    detail = db.session.scalar(query.order_by(OrderEvent.id.desc()).limit(1)) or {}
    changes = detail.get("changes") or [["status", "", ""]]
    return str(changes[0][1])
