"""One order, with what its card shows of it. The statements are made once: putting them together costs as much as
running them."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm.attributes import set_committed_value

from models import (
    DeliveryMethod,
    Order,
    OrderEvent,
    OrderLine,
    OrderType,
    PaymentMethod,
    Prepared,
    Status,
    attached,
    db,
)

from .creation import HOME
from .lists import Lists

#: field of an order -> the registry it points into
_CHOICES = {
    "shop_id": "shops",
    "source_id": "sources",
    "type_id": "types",
    "delivery_method_id": "delivery",
    "payment_method_id": "payment",
}

#: relationship -> (column of the order, where it leads to): what the card's head shows and the rules ask
_SHOWN: dict[str, tuple[Any, Any]] = {
    "status": (Order.status_id, Status),
    "type": (Order.type_id, OrderType),
    "delivery_method": (Order.delivery_method_id, DeliveryMethod),
    "payment_method": (Order.payment_method_id, PaymentMethod),
}


def _card(column: Any) -> Prepared:
    """An order and what it points to, one after the other in each row."""
    joined: Any = Order.__table__
    columns = list(Order.__table__.c)
    for key, model in _SHOWN.values():
        there = model.__table__
        joined = joined.outerjoin(there, there.c.id == Order.__table__.c[key.key])
        columns += [c.label(f"{there.name}_{c.key}") for c in there.c]
    asked = db.bindparam("asked", type_=column.type)
    return Prepared(db.select(*columns).select_from(joined).where(Order.__table__.c[column.key] == asked), None, True)


_BY_NUMBER, _BY_KEY, _BY_ID = map(_card, (Order.number, Order.key, Order.id))
_LINE = OrderLine.__table__
_LINES = Prepared(
    db.select(_LINE).where(_LINE.c.order_id == db.bindparam("asked")).order_by(_LINE.c.position), same_plan=True
)


def by_number(number: str) -> Order | None:
    """The order with this number, with its lines; failing that, the one that other systems know by it."""
    found = _found(_BY_NUMBER, number) or _found(_BY_KEY, number)
    if found is not None:
        lines = [attached(OrderLine, row._asdict()) for row in _LINES.rows(asked=found.id)]
        set_committed_value(found, "lines", lines)
    return found


def by_id(order_id: int) -> Order | None:
    return _found(_BY_ID, order_id)


def _found(statement: Prepared, asked: Any) -> Order | None:
    rows = statement.rows(asked=asked)
    if not rows:
        return None
    at = len(Order.__table__.c)
    order = attached(Order, dict(zip(Order.__table__.c.keys(), rows[0][:at], strict=True)))
    for name, (_, model) in _SHOWN.items():
        columns = model.__table__.c
        values = dict(zip(columns.keys(), rows[0][at : at + len(columns)], strict=True))
        set_committed_value(order, name, attached(model, values) if values["id"] is not None else None)
        at += len(columns)
    return order


def choices(order: Order | None, lists: Lists) -> dict[str, list[tuple[int, str]]]:
    """(id, name) of what each field of an order may be: entries in use, and the one the order has. Of the delivery
    methods, those for shops of the country whose money the order is in, and those for all."""
    home = home_of(order, lists)
    return {
        field: [
            (e.id, e.name)
            for e in getattr(lists, name)
            if (e.active and not (name == "delivery" and home and e.group not in ("", home)))
            or (order and getattr(order, field) == e.id)
        ]
        for field, name in _CHOICES.items()
    }


def home_of(order: Order | None, lists: Lists) -> str | None:
    """The country of the shop, as far as its currency tells."""
    return HOME.get(order.currency if order else lists.currency)


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
