"""Our orders -> KeyCRM's orders and what they have in common with its cards; its answers -> ours. Pure.

Amounts are numbers in the source's currency, times UTC without a zone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ..fields import same, written
from ..types import Copy, LineData, OrderData, StatusChange
from ..values import entries, filled, moment, text
from .terms import Terms

TIME = "%Y-%m-%d %H:%M:%S"
UTM = ("source", "medium", "campaign", "term", "content")
#: their field <- ours, as it stands
ORDER = {"buyer_comment": "customer_comment", "promocode": "coupon", "shipping_price": "delivery.cost"}
PERSON = {"full_name": "full_name", **same("phone", "email")}
SHIPPING = {
    "shipping_address_city": "address.city",
    "shipping_address_region": "address.region",
    "shipping_address_country": "address.country",
    "shipping_address_zip": "address.postal_code",
    "shipping_receive_point": "delivery.pickup_address",
    "tracking_code": "delivery.tracking_number",
}
_REF = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def new_order(order: OrderData, terms: Terms, branches: frozenset[str] = frozenset()) -> dict[str, Any]:
    """An order for /order and /order/import. `branches`: delivery services there that take a branch of Nova Poshta by
    its own id."""
    placed = order.placed_at
    fields = {
        "manager_comment": staff_comment(order),
        "discount_amount": discount(order),
        "ordered_at": placed.strftime(TIME) if placed else "",
        "shipping": shipping(order, branches),
        "marketing": utm(order),
        **written(order, ORDER),
    }
    return {
        "source_id": int(terms.source),
        "source_uuid": terms.style.name(order.key),
        "buyer": contact(order),
        **filled({**fields, "custom_fields": switches(order, terms)}),
        "products": [product(line) | line_discount(line) for line in order.lines],
        "payments": [payment(order)],
    }


def switches(order: OrderData, terms: Terms, held: Any = ()) -> list[dict[str, str]]:
    """Custom fields of the type switch that are to be set, or to be set back where `held`, those there, say so."""
    there = {text(entry, "uuid"): text(entry, "value").casefold() for entry in entries(held)}
    is_on = there.get(terms.no_call_field, "") in ("1", "true")
    if not terms.no_call_field or is_on == order.do_not_call:
        return []
    return [{"uuid": terms.no_call_field, "value": "1" if order.do_not_call else "0"}]


def contact(order: OrderData) -> dict[str, Any]:
    return filled(written(order.buyer or order.recipient, PERSON))


def utm(order: OrderData) -> dict[str, str]:
    return filled({f"utm_{name}": order.utm.get(name, "") for name in UTM})


def shipping(order: OrderData, branches: frozenset[str]) -> dict[str, Any]:
    """A branch's id goes only where their service is Nova Poshta's: anywhere else it is an error."""
    chosen, recipient = order.delivery, order.recipient
    service = {"delivery_service_id": int(chosen.code)} if chosen.code.isdecimal() else {}
    by_ref = chosen.code in branches and has_ref(order)
    other = {"recipient_full_name": recipient.full_name, "recipient_phone": recipient.phone} if order.buyer else {}
    fields = {
        **written(order, SHIPPING),
        "shipping_secondary_line": street(order),
        "warehouse_ref": chosen.pickup_code if by_ref else "",
        **other,
    }
    return service | filled(fields)


def has_ref(order: OrderData) -> bool:
    """Does the order name its branch by an id as Nova Poshta has them?"""
    return bool(_REF.fullmatch(order.delivery.pickup_code))


def street(order: OrderData) -> str:
    place = order.address
    return ", ".join(filter(None, (place.street, place.house, place.flat))) or place.text


def staff_comment(order: OrderData) -> str:
    """Ours, and the delivery by its name where no service of theirs stands for it."""
    chosen = order.delivery
    named = "" if chosen.code else ", ".join(filter(None, (chosen.name, chosen.tariff_name)))
    return "\n".join(filter(None, (order.staff_comment, named)))


def product(line: LineData) -> dict[str, Any]:
    return filled({"sku": line.sku}) | {"name": line.name, "price": line.price, "quantity": line.quantity}


def line_discount(line: LineData) -> dict[str, Any]:
    """Whether a line's discount is for one piece or for all of them isn't documented: with one piece it is the same,
    any other is part of the order's (`discount`)."""
    return {"discount_amount": line.discount} if line.discount and line.quantity == 1 else {}


def discount(order: OrderData) -> Decimal:
    return order.discount + sum((line.discount for line in order.lines if line.quantity != 1), Decimal(0))


def payment(order: OrderData) -> dict[str, Any]:
    """By the method's id alone: with a name beside it KeyCRM takes "Other". Without a status it would count as paid."""
    given = order.payment
    code = given.code
    method = {"payment_method_id": int(code)} if code.isdecimal() else {"payment_method": given.name or given.kind}
    due = given.cod_amount if given.cod and not given.paid else Decimal(0)
    since = given.paid_at.strftime(TIME) if given.paid and given.paid_at else ""
    state = "paid" if given.paid else "not_paid"
    return {**method, "amount": due or order.total, "status": state, **filled({"payment_date": since})}


def copy(body: Mapping[str, Any], terms: Terms) -> Copy:
    """An order of theirs. It has a page only where the account's address is known."""
    identity = text(body, "id")
    url = f"{terms.account}/app/orders/view/{identity}" if terms.account else ""
    return Copy(identity, identity, text(body, "status_id"), url=url)


def status(body: Mapping[str, Any], terms: Terms) -> StatusChange:
    key = terms.style.key(text(body, "source_uuid"))
    return StatusChange(text(body, "id"), text(body, "status_id"), key=key, at=moment(body.get("updated_at")))
