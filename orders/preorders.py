"""Pre-orders: a basket that staff put together and the customer completes behind a link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from models import Order, OrderLink, Product, Shop, Source, Status, db

from . import creation, editing, order_links
from .timeline import Actor


@dataclass(frozen=True)
class Wanted:
    """A product of the catalogue and how many of it. The price is the catalogue's."""

    product: Product
    quantity: Decimal


def currency_of(wanted: Sequence[Wanted], shop: Shop | None) -> str:
    """The products' currency; the shop's while there are none."""
    return wanted[0].product.currency if wanted else shop.currency if shop else "UAH"


def create(wanted: Sequence[Wanted], shop: Shop | None, number: str, actor: Actor) -> OrderLink:
    """Make the order with status Pre-order, and its link, in the caller's transaction. Raises editing.Invalid."""
    if not wanted:
        raise editing.Invalid({"lines": "no_lines"})
    currency = currency_of(wanted, shop)
    if any(one.product.currency != currency for one in wanted):
        raise editing.Invalid({"lines": "mixed_currencies"})
    lines = [_line(one) for one in wanted]
    row, errors = editing.preview(_blank(number, currency, shop), lines, None)
    if errors:
        raise editing.Invalid(errors)
    draft = creation.Draft(row, lines)
    order_id = creation.insert_many([draft], actor)[0]
    return order_links.issue(order_id, actor)


def _line(one: Wanted) -> dict[str, Any]:
    product = one.product
    return {
        "product_id": product.id,
        "sku": product.sku,
        "name": product.name,
        "quantity": one.quantity,
        "price": product.price,
        "discount": Decimal(0),
        "weight": product.weight,
    }


def _blank(number: str, currency: str, shop: Shop | None) -> dict[str, Any]:
    return {
        "number": number,
        "shop_id": shop.id if shop else None,
        "source_id": db.session.scalar(db.select(Source.id).where(Source.key == "manual")),
        "status_id": status().id,
        "currency": currency,
        "country": creation.HOME.get(currency, "UA"),
        "auto_weight": True,
    }


def status() -> Status:
    """The status that pre-orders have."""
    found = db.session.scalar(db.select(Status).where(Status.key == "preorder"))
    if found is None:
        raise LookupError("statuses: the row 'preorder' is missing; run the migrations")
    return found


def is_preorder(order: Order) -> bool:
    return order.status.group == "preorder"
