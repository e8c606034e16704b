"""Our orders and products -> RetailCRM's shapes, and its answers -> ours. Pure.

Amounts are numbers, weight is in grams, sizes are millimetres, times have no zone (UTC is sent).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ..fields import same, written
from ..style import Style
from ..types import Copy, LineData, OrderData, ProductData, StatusChange
from ..values import entries, filled, money, part, text

#: our payment kinds; whatever is settled on delivery is "cash" there
PAYMENT_TYPES = {"online_card": "bank-card", "transfer": "bank-card"}
CASH = "cash"
TIME = "%Y-%m-%d %H:%M:%S"
#: their field <- ours, as it stands
PERSON = {"lastName": "last_name", "firstName": "first_name", **same("patronymic", "phone")}
PLACE = {"index": "postal_code", "building": "house", **same("region", "city", "street", "flat")}
TARIFF = {"tariff": "tariff_code", "tariffName": "tariff_name", "pickuppointId": "pickup_code"}
ORDER = {"customerComment": "customer_comment", **same("status", "weight", "length", "width", "height")}
#: sent with an edit even when empty or 0
CLEARED = {"lastName", "firstName", "patronymic", "email", "additionalPhone", "customerComment", "discountManualAmount"}


def new_order(order: OrderData, style: Style) -> dict[str, Any]:
    """The `order` object for orders/create and orders/upload."""
    fields = filled(_fields(order, style))
    fields["delivery"]["address"] = filled(fields["delivery"]["address"])
    paid = {"externalId": f"{style.name(order.key)}-p", **payment(order)}
    return {"externalId": style.name(order.key), **fields, "payments": [paid]}


def changed_order(order: OrderData, style: Style) -> dict[str, Any]:
    """The `order` object for orders/{id}/edit: empty texts stay in, so that what was removed here goes there too.
    Payments can't be edited this way."""
    return {name: value for name, value in _fields(order, style).items() if value or name in CLEARED}


def _fields(order: OrderData, style: Style) -> dict[str, Any]:
    buyer = order.buyer
    return {
        **written(order.recipient, PERSON),
        **written(order, ORDER),
        "number": style.number(order),
        "additionalPhone": buyer.phone if buyer else "",
        "email": order.recipient.email or (buyer.email if buyer else ""),
        "countryIso": order.address.country,
        "managerComment": style.staff_comment(order),
        # all discounts together: whether a line's amount means one piece or all of them is not documented
        "discountManualAmount": order.discount + sum((line.discount for line in order.lines), Decimal(0)),
        "items": [_item(line) for line in order.lines],
        "delivery": _delivery(order, style),
    }


def _item(line: LineData) -> dict[str, Any]:
    item: dict[str, Any] = {"productName": line.name, "quantity": line.quantity, "initialPrice": line.price}
    return {"offer": {"externalId": line.sku}, **item} if line.sku else item


def _delivery(order: OrderData, style: Style) -> dict[str, Any]:
    place, chosen = order.address, order.delivery
    code = style.delivery(order)
    of_module = code and code == style.delivery_code  # other types than the delivery module's take no data
    known = filled({"countryIso": place.country})
    address = {**written(place, PLACE), "text": place.text or chosen.pickup_address, **known}
    data = written(chosen, TARIFF) if of_module else {}
    return {"cost": chosen.cost, "address": address, **filled({"code": code, "data": data})}


def payment(order: OrderData) -> dict[str, Any]:
    """One payment: type, amount, status and when it was paid."""
    given = order.payment
    kind = given.code or (CASH if given.cod else PAYMENT_TYPES.get(given.kind, CASH))
    due = given.cod_amount if given.cod and not given.paid else Decimal(0)
    since = given.paid_at.strftime(TIME) if given.paid and given.paid_at else ""
    state = "paid" if given.paid else "not-paid"
    return {"type": kind, "amount": due or order.total, "status": state, **filled({"paidAt": since})}


def payment_step(held: Any, order: OrderData, style: Style) -> tuple[str, dict[str, Any]] | None:
    """What brings the payments that the CRM holds to ours: (path, `payment` object), or None when there is nothing to
    do. `held`: `payments` of an answer: an object keyed by id, a list, or [] for none.

    Where staff replaced our payment by one of their own it stays theirs: a second one would double the sum."""
    key, wanted, listed = f"{style.name(order.key)}-p", payment(order), entries(held)
    if not listed:
        return "orders/payments/create", {"externalId": key, **wanted}
    mine = next((p for p in listed if p.get("externalId") == key), None)
    unchanged = mine and all(mine.get(name) == wanted[name] for name in ("type", "status"))
    if mine is None or (unchanged and money(mine.get("amount")) == wanted["amount"]):
        return None
    return f"orders/payments/{mine['id']}/edit", wanted


def product(item: ProductData, catalog: Any) -> dict[str, Any]:
    """An entry of store/products/batch/create; `catalog`: id of the shop's catalogue, where the account tells it."""
    fields = {"externalId": item.sku, "article": item.sku, "name": item.name, "type": "product", "active": True}
    return fields | filled({"catalogId": catalog})


def copy(order: Mapping[str, Any], address: str) -> Copy:
    url = f"{address}/orders/{text(order, 'id')}/edit"
    return Copy(text(order, "id"), text(order, "number"), text(order, "status"), url=url)


def status(order: Mapping[str, Any], style: Style) -> StatusChange:
    """An entry of orders/statuses, or the `order` of a record."""
    return StatusChange(text(order, "id"), text(order, "status"), key=style.key(text(order, "externalId")))


def change(record: Mapping[str, Any], style: Style) -> StatusChange | None:
    """A record of orders/history as a status change; None for other fields and for what this key did itself."""
    value = record.get("newValue")
    order = {**part(record, "order"), "status": part(value).get("code") or value}
    own = part(record, "apiKey").get("current")
    return None if record.get("field") != "status" or own or not order.get("id") else status(order, style)
