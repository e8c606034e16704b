"""Our orders and products -> RetailCRM's shapes, and its answers -> ours. Pure.

Amounts are numbers, weight is in grams, sizes are millimetres, times have no zone (UTC is sent).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from ..types import Copy, LineData, OrderData, ProductData, Reference, StatusChange
from ..values import money, part, text

#: our payment kinds; whatever is settled on delivery is "cash" there
PAYMENT_TYPES = {"online_card": "bank-card", "transfer": "bank-card"}
CASH = "cash"
#: beginning of the vendor's field path -> our field, for the order page to point at
FIELDS = {
    "phone": "phone",
    "email": "email",
    "firstName": "first_name",
    "lastName": "last_name",
    "items": "lines",
    "delivery": "delivery",
    "payments": "payment",
    "status": "status",
    "number": "number",
    "externalId": "number",
}
#: sent with an edit even when empty or 0
CLEARED = frozenset(
    {"firstName", "lastName", "patronymic", "email", "additionalPhone", "customerComment", "discountManualAmount"}
)
_PATH = re.compile(r"^(?:orders?\W+)?(?:\d+\W+)?(\w+)")
_DUPLICATE = re.compile(r"already exist|is already (?:used|taken)|duplicate|not unique|уже существует", re.IGNORECASE)


#: words in a complaint that blame the connection's settings -> (fault, settings field)
SETTING_FAULTS = {
    '"apikey"': ("credentials", "api_key"),
    "access denied": ("credentials", "api_key"),
    "account does not exist": ("misconfigured", "api_url"),
    "site": ("misconfigured", "site"),
}


@dataclass(frozen=True)
class Style:
    """How a connection wants its orders written (its settings)."""

    prefix: str = ""
    delivery_code: str = ""
    duplicate_delivery: bool = False
    copy_number: bool = False


def new_order(order: OrderData, style: Style) -> dict[str, Any]:
    """The `order` object for orders/create and orders/upload."""
    fields = _fields(order, style)
    fields["delivery"]["address"] = _filled(fields["delivery"]["address"])
    paid = {"externalId": payment_key(order, style), **payment(order)}
    return {"externalId": style.prefix + order.key, **_filled(fields), "payments": [paid]}


def changed_order(order: OrderData, style: Style) -> dict[str, Any]:
    """The `order` object for orders/{id}/edit: empty texts stay in, so that what was removed here goes there too.
    Payments can't be edited this way."""
    return {name: value for name, value in _fields(order, style).items() if value or name in CLEARED}


def _fields(order: OrderData, style: Style) -> dict[str, Any]:
    person, buyer, place = order.recipient, order.buyer, order.address
    return {
        "number": order.number if style.copy_number else "",
        "status": order.status,
        "lastName": person.last_name,
        "firstName": person.first_name,
        "patronymic": person.patronymic,
        "phone": person.phone,
        "additionalPhone": buyer.phone if buyer else "",
        "email": person.email or (buyer.email if buyer else ""),
        "countryIso": place.country,
        "customerComment": order.customer_comment,
        "managerComment": _manager_comment(order, style),
        "weight": order.weight,
        "length": order.length,
        "width": order.width,
        "height": order.height,
        # all discounts together: whether a line's amount means one piece or all of them is not documented
        "discountManualAmount": order.discount + sum((line.discount for line in order.lines), Decimal(0)),
        "items": [_item(line) for line in order.lines],
        "delivery": _delivery(order, style),
    }


def _filled(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def _item(line: LineData) -> dict[str, Any]:
    item: dict[str, Any] = {"productName": line.name, "quantity": line.quantity, "initialPrice": line.price}
    return {"offer": {"externalId": line.sku}, **item} if line.sku else item


def _delivery(order: OrderData, style: Style) -> dict[str, Any]:
    place, chosen = order.address, order.delivery
    address = {
        "index": place.postal_code,
        "region": place.region,
        "city": place.city,
        "street": place.street,
        "building": place.house,
        "flat": place.flat,
        "text": place.text or chosen.pickup_address,
    }
    parts: dict[str, Any] = {"cost": chosen.cost, "address": address}
    if place.country:
        address["countryIso"] = place.country
    if code := chosen.code or style.delivery_code:
        parts["code"] = code
    if code and code == style.delivery_code:  # the type of the delivery module: only such a type takes data
        parts["data"] = {
            "tariff": chosen.tariff_code,
            "tariffName": chosen.tariff_name,
            "pickuppointId": chosen.pickup_code,
            "pickuppointAddress": chosen.pickup_address,
        }
    return parts


def _manager_comment(order: OrderData, style: Style) -> str:
    """Our comment, a buyer who isn't the recipient, and the delivery as staff there will read it: values only, since
    nobody here knows the language they read."""
    lines = [order.staff_comment]
    if order.buyer:
        lines.append(", ".join(filter(None, (order.buyer.full_name, order.buyer.phone, order.buyer.email))))
    if style.duplicate_delivery:
        chosen = order.delivery
        cost = f"{chosen.cost:f} {order.currency}" if chosen.cost else ""
        method = " ".join(filter(None, (chosen.name, chosen.tariff_name)))
        lines.append("; ".join(filter(None, (method, chosen.term, cost, chosen.pickup_code, chosen.pickup_address))))
    return "\n".join(filter(None, lines))


def payment(order: OrderData) -> dict[str, Any]:
    """One payment: type, amount, status and when it was paid."""
    given = order.payment
    due = given.cod_amount if given.cod and not given.paid else Decimal(0)
    fields: dict[str, Any] = {
        "type": given.code or (CASH if given.cod else PAYMENT_TYPES.get(given.kind, CASH)),
        "amount": due or order.total,
        "status": "paid" if given.paid else "not-paid",
    }
    if given.paid and given.paid_at:
        fields["paidAt"] = given.paid_at.strftime("%Y-%m-%d %H:%M:%S")
    return fields


def payment_key(order: OrderData, style: Style) -> str:
    return f"{style.prefix}{order.key}-p"


def payment_step(held: Any, order: OrderData, style: Style) -> tuple[str, dict[str, Any]] | None:
    """What brings the payments that the CRM holds to ours: (path, `payment` object), or None when there is nothing to
    do. `held`: `payments` of an answer: an object keyed by id, a list, or [] for none.

    Where staff replaced our payment by one of their own it stays theirs: a second one would double the sum."""
    listed = list(held.values() if isinstance(held, Mapping) else held or ())
    key, wanted = payment_key(order, style), payment(order)
    if not listed:
        return "orders/payments/create", {"externalId": key, **wanted}
    mine = next((p for p in map(part, listed) if p.get("externalId") == key), None)
    if mine is None or (mine.get("type"), mine.get("status"), money(mine.get("amount"))) == (
        wanted["type"],
        wanted["status"],
        wanted["amount"],
    ):
        return None
    return f"orders/payments/{mine['id']}/edit", wanted


def product(item: ProductData, catalog: Any) -> dict[str, Any]:
    fields = {"externalId": item.sku, "article": item.sku, "name": item.name, "type": "product", "active": True}
    return {**fields, "catalogId": catalog} if catalog else fields


def copy(order: Mapping[str, Any], address: str) -> Copy:
    identity = text(order.get("id"))
    url = f"{address}/orders/{identity}/edit"
    return Copy(identity, text(order.get("number")), text(order.get("status")), url=url)


def change(record: Mapping[str, Any], prefix: str) -> StatusChange | None:
    """A record of orders/history as a status change; None for other fields and for what this key did itself."""
    order = part(record.get("order"))
    own = part(record.get("apiKey")).get("current")
    if record.get("field") != "status" or own or not order.get("id"):
        return None
    value = record.get("newValue")
    return StatusChange(text(order["id"]), text(part(value).get("code") or value), key=key_of(order, prefix))


def status(order: Mapping[str, Any], prefix: str) -> StatusChange:
    """An entry of orders/statuses."""
    return StatusChange(text(order.get("id")), text(order.get("status")), key=key_of(order, prefix))


def key_of(order: Mapping[str, Any], prefix: str) -> str:
    """Our name of their order; "" when it isn't one of ours."""
    held = text(order.get("externalId"))
    return held.removeprefix(prefix) if held.startswith(prefix) else ""


def references(entries: Any) -> Sequence[Reference]:
    """A dictionary: an object keyed by code, or [] when it is empty. Inactive entries can't be used in orders."""
    listed: Iterable[Any] = entries.values() if isinstance(entries, Mapping) else entries or ()
    shown = [e for e in map(part, listed) if e.get("active", True)]
    return [Reference(text(e.get("code")), text(e.get("name")), text(e.get("group"))) for e in shown]


def complaint(body: Any) -> str:
    """errorMsg and errors (an object field -> text, or an array) in one line; "" when there are none."""
    return "; ".join(filter(None, [text(part(body).get("errorMsg")), *complaints(body)]))


def complaints(body: Any) -> list[str]:
    errors = part(body).get("errors")
    if isinstance(errors, Mapping):
        return [f"{name}: {text(said)}" for name, said in errors.items()]
    return [text(said) for said in errors or ()]


def is_duplicate(said: str) -> bool:
    return bool(_DUPLICATE.search(said))


def field_of(body: Any) -> str:
    """Which of our fields the first complaint is about; "" when it doesn't say."""
    found = (_PATH.match(said) for said in complaints(body))
    return next((FIELDS[path[1]] for path in found if path and path[1] in FIELDS), "")


def setting_fault(said: str) -> tuple[str, str] | None:
    words = said.casefold()
    return next((fault for sign, fault in SETTING_FAULTS.items() if re.search(rf"(?<!\w){sign}(?!\w)", words)), None)


def history_filter(cursor: Mapping[str, Any]) -> dict[str, Any]:
    if "since_id" in cursor:
        return {"filter[sinceId]": cursor["since_id"]}
    return {"filter[startDate]": datetime.fromisoformat(cursor["start"]).strftime("%Y-%m-%d %H:%M:%S")}


def encode(value: Any) -> str:
    """A form field's value: JSON with numbers for Decimals."""
    return json.dumps(value, default=float, ensure_ascii=False)
