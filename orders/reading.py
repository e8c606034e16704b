"""One order, with what its card shows of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import joinedload, selectinload

from models import (
    DeliveryMethod,
    Order,
    OrderEvent,
    OrderType,
    PaymentMethod,
    Shop,
    Source,
    Status,
    db,
)

_CARD = (
    *(joinedload(Order.status), joinedload(Order.type), selectinload(Order.lines)),
    *(joinedload(Order.delivery_method), joinedload(Order.payment_method)),  # the rules ask them
)
_CHOICES: dict[str, Any] = {
    "shop_id": Shop,
    "source_id": Source,
    "type_id": OrderType,
    "delivery_method_id": DeliveryMethod,
    "payment_method_id": PaymentMethod,
}


def by_number(number: str) -> Order | None:
    """The order with this number; failing that, the one that other systems know by it."""
    found = db.session.scalar(db.select(Order).filter_by(number=number).options(*_CARD))
    return found or db.session.scalar(db.select(Order).filter_by(key=number).options(*_CARD))


def by_id(order_id: int) -> Order | None:
    return db.session.scalar(db.select(Order).filter_by(id=order_id).options(*_CARD))


def choices(order: Order | None) -> dict[str, list[tuple[int, str]]]:
    """(id, name) of what each field of an order may be: entries in use, and the one the order has. One query."""
    parts = [
        db.select(db.literal(field).label("field"), model.id, model.name, model.position).where(
            db.or_(model.active, model.id == (getattr(order, field) if order else None))
        )
        for field, model in _CHOICES.items()
    ]
    found: dict[str, list[tuple[int, str]]] = {field: [] for field in _CHOICES}
    for field, row_id, name, _position in sorted(db.session.execute(db.union_all(*parts)), key=lambda r: (r[3], r[1])):
        found[field].append((row_id, name))
    return found


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
