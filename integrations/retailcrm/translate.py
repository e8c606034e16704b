"""Our orders and products -> RetailCRM's shapes, and its answers -> ours. Pure.

Amounts are numbers, weight is in grams, sizes are millimetres, times have no zone (UTC is sent).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..types import Copy, LineData, OrderData, ProductData, Reference, StatusChange
from ..values import entries, filled, money, part, text

#: our payment kinds; whatever is settled on delivery is "cash" there
PAYMENT_TYPES = {"online_card": "bank-card", "transfer": "bank-card"}
CASH = "cash"
TIME = "%Y-%m-%d %H:%M:%S"
#: their name in an address or a delivery's data <- ours
PLACE = {"index": "postal_code", "region": "region", "city": "city", "street": "street", "building": "house"}
TARIFF = {"tariff": "tariff_code", "tariffName": "tariff_name", "pickuppointId": "pickup_code"}
#: their name of an order's field <- ours, as it stands
SAME = {"status": "status", "customerComment": "customer_comment", "weight": "weight"} | {
    side: side for side in ("length", "width", "height")
}
#: sent with an edit even when empty or 0
CLEARED = {"lastName", "firstName", "patronymic", "email", "additionalPhone", "customerComment", "discountManualAmount"}
#: where a complaint's field path begins -> our field, for the order page to point at
FIELDS = {"firstName": "first_name", "lastName": "last_name", "items": "lines", "payments": "payment"} | {
    name: name for name in ("phone", "email", "delivery", "status", "number")
}
_PATH = re.compile(r"^(?:orders?\W+)?(?:\d+\W+)?(\w+)")
DUPLICATE = ("duplicate", "")
#: a complaint that isn't about an order's contents (a pattern, in lower case) -> (fault, settings field)
COMPLAINTS = {
    r"already exist|is already (?:used|taken)|duplicate|not unique|уже существует": DUPLICATE,
    r'"apikey"|access denied': ("credentials", "api_key"),
    r"account does not exist": ("misconfigured", "api_url"),
    r"(?:^|; )site\b|'site'|\bsite (?:code )?\S+ (?:is|does|not)\b": ("misconfigured", "site"),
}


@dataclass(frozen=True)
class Style:
    """How a connection wants its orders written: the settings of these names."""

    external_id_prefix: str = ""
    delivery_code: str = ""
    duplicate_delivery: bool = False
    copy_number: bool = False

    def name(self, order: OrderData) -> str:
        return self.external_id_prefix + order.key

    def key(self, theirs: Mapping[str, Any]) -> str:
        """Our name of their order; "" when it isn't one of ours."""
        held = text(theirs, "externalId")
        return held.removeprefix(self.external_id_prefix) if held.startswith(self.external_id_prefix) else ""


def new_order(order: OrderData, style: Style) -> dict[str, Any]:
    """The `order` object for orders/create and orders/upload."""
    fields = filled(_fields(order, style))
    fields["delivery"]["address"] = filled(fields["delivery"]["address"])
    paid = {"externalId": f"{style.name(order)}-p", **payment(order)}
    return {"externalId": style.name(order), **fields, "payments": [paid]}


def changed_order(order: OrderData, style: Style) -> dict[str, Any]:
    """The `order` object for orders/{id}/edit: empty texts stay in, so that what was removed here goes there too.
    Payments can't be edited this way."""
    return {name: value for name, value in _fields(order, style).items() if value or name in CLEARED}


def _fields(order: OrderData, style: Style) -> dict[str, Any]:
    person, buyer = order.recipient, order.buyer
    return {
        "number": order.number if style.copy_number else "",
        "lastName": person.last_name,
        "firstName": person.first_name,
        "patronymic": person.patronymic,
        "phone": person.phone,
        "additionalPhone": buyer.phone if buyer else "",
        "email": person.email or (buyer.email if buyer else ""),
        "countryIso": order.address.country,
        **{theirs: getattr(order, ours) for theirs, ours in SAME.items()},
        "managerComment": _manager_comment(order, style),
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
    address = {theirs: getattr(place, ours) for theirs, ours in PLACE.items()}
    address |= {
        "flat": place.flat,
        "text": place.text or chosen.pickup_address,
        **filled({"countryIso": place.country}),
    }
    code = chosen.code or style.delivery_code
    tariff = {theirs: getattr(chosen, ours) for theirs, ours in TARIFF.items()}
    of_module = code and code == style.delivery_code  # other types than the delivery module's take no data
    return {"cost": chosen.cost, "address": address} | filled({"code": code, "data": tariff if of_module else {}})


def _manager_comment(order: OrderData, style: Style) -> str:
    """Our comment, a buyer who isn't the recipient, and the delivery as staff there will read it: values only, since
    nobody here knows the language they read."""
    buyer, chosen = order.buyer, order.delivery
    cost = f"{chosen.cost:f} {order.currency}" if chosen.cost else ""
    delivery = (chosen.name, chosen.tariff_name, chosen.term, cost, chosen.pickup_code, chosen.pickup_address)
    lines = [
        order.staff_comment,
        ", ".join(filter(None, (buyer.full_name, buyer.phone, buyer.email))) if buyer else "",
        "; ".join(filter(None, delivery)) if style.duplicate_delivery else "",
    ]
    return "\n".join(filter(None, lines))


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
    key, wanted, listed = f"{style.name(order)}-p", payment(order), entries(held)
    if not listed:
        return "orders/payments/create", {"externalId": key, **wanted}
    mine = next((p for p in listed if p.get("externalId") == key), None)
    if mine is None:
        return None
    same = (mine.get("type"), mine.get("status")) == (wanted["type"], wanted["status"])
    if same and money(mine.get("amount")) == wanted["amount"]:
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
    return StatusChange(text(order, "id"), text(order, "status"), key=style.key(order))


def change(record: Mapping[str, Any], style: Style) -> StatusChange | None:
    """A record of orders/history as a status change; None for other fields and for what this key did itself."""
    value = record.get("newValue")
    order = {**part(record, "order"), "status": part(value).get("code") or value}
    own = part(record, "apiKey").get("current")
    return None if record.get("field") != "status" or own or not order.get("id") else status(order, style)


def references(dictionary: Any) -> list[Reference]:
    """An object keyed by code, or [] when it is empty. Inactive entries can't be used in orders."""
    shown = [e for e in entries(dictionary) if e.get("active", True)]
    return [Reference(text(e, "code"), text(e, "name"), text(e, "group")) for e in shown]


def complaints(body: Any) -> list[str]:
    """`errors`: an object field -> text, or an array."""
    errors = part(body).get("errors") or ()
    return [f"{k}: {v}" for k, v in errors.items()] if isinstance(errors, Mapping) else [str(said) for said in errors]


def complaint(body: Any) -> str:
    """errorMsg and errors in one line; "" when there are none."""
    return "; ".join(filter(None, [text(body, "errorMsg"), *complaints(body)]))


def field_of(body: Any) -> str:
    """Which of our fields the first complaint is about; "" when it doesn't say."""
    found = (_PATH.match(said) for said in complaints(body))
    return next((FIELDS[path[1]] for path in found if path and path[1] in FIELDS), "")


def fault_of(said: str) -> tuple[str, str] | None:
    return next((found for pattern, found in COMPLAINTS.items() if re.search(pattern, said.casefold())), None)


def encode(value: Any) -> str:
    """A form field's value: text as it is, anything else as JSON with numbers for Decimals."""
    return value if isinstance(value, str) else json.dumps(value, default=float, ensure_ascii=False)
