"""What goes onto paper: orders with their lines and the names of their registries, in a few queries."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import joinedload, selectinload

from models import Order, db

#: orders on one PDF: they take some 10 ms each
MOST = 200


def of(order_ids: Sequence[int]) -> list[Order]:
    """The orders in the order asked for, at most MOST."""
    ids = list(dict.fromkeys(order_ids))[:MOST]
    wanted = (joinedload(Order.shop), joinedload(Order.delivery_method), joinedload(Order.payment_method))
    query = db.select(Order).where(Order.id.in_(ids)).options(*wanted, selectinload(Order.lines))
    found = {order.id: order for order in db.session.scalars(query)}
    return [found[order_id] for order_id in ids if order_id in found]


def address(order: Order) -> list[str]:
    """Where it goes, by lines: the pickup point or street, the settlement, the region with the postal code."""
    street = ", ".join(part for part in (order.street, order.house, order.flat) if part)
    place = order.pickup_address or street or order.address_text
    region = ", ".join(part for part in (order.region, order.postal_code) if part)
    return [line for line in (order.city, place, region) if line]
