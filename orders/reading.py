"""One order, with what its card shows of it. The statements are made once: putting them together costs as much as
running them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select
from sqlalchemy.orm import joinedload
from sqlalchemy.orm.attributes import set_committed_value

from models import Order, OrderEvent, OrderLine, Status, db

from .lists import Lists

#: field of an order -> the registry it points into
_CHOICES = {
    "shop_id": "shops",
    "source_id": "sources",
    "type_id": "types",
    "delivery_method_id": "delivery",
    "payment_method_id": "payment",
}

_ASKED = db.bindparam("asked")


def _card(condition: Any) -> Select[Order]:
    """With what the head shows and the rules ask."""
    wanted = (Order.status, Order.type, Order.delivery_method, Order.payment_method)
    return db.select(Order).where(condition).options(*(joinedload(one) for one in wanted))


_BY_NUMBER, _BY_KEY, _BY_ID = (_card(column == _ASKED) for column in (Order.number, Order.key, Order.id))
_LINES = db.select(OrderLine).where(OrderLine.order_id == _ASKED).order_by(OrderLine.position)


def by_number(number: str) -> Order | None:
    """The order with this number, with its lines; failing that, the one that other systems know by it."""
    asked = {"asked": number}
    found = db.session.scalar(_BY_NUMBER, asked) or db.session.scalar(_BY_KEY, asked)
    if found is not None:
        set_committed_value(found, "lines", db.session.scalars(_LINES, {"asked": found.id}).all())
    return found


def by_id(order_id: int) -> Order | None:
    return db.session.scalar(_BY_ID, {"asked": order_id})


def choices(order: Order | None, lists: Lists) -> dict[str, list[tuple[int, str]]]:
    """(id, name) of what each field of an order may be: entries in use, and the one the order has."""
    return {
        field: [(e.id, e.name) for e in getattr(lists, name) if e.active or (order and getattr(order, field) == e.id)]
        for field, name in _CHOICES.items()
    }


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
