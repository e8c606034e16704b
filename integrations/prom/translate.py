"""Prom's orders and statuses <-> ours. Pure; an unknown code goes through as it is, for staff to map."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ..fields import apart, carrier_code, person, same, texts
from ..text import N_
from ..types import Address, Delivery, LineData, OrderData, Payment, Person, StatusChange
from ..values import entries, filled, moment, money, part, text

STATUSES = {
    "pending": N_("New"),
    "received": N_("Accepted"),
    "paid": N_("Paid"),
    "delivered": N_("Delivered"),
    "canceled": N_("Cancelled"),
    "draft": N_("Draft"),
}
CANCEL_REASONS = {
    "not_available": N_("Not available"),
    "price_changed": N_("Price has changed"),
    "buyers_request": N_("At the buyer's request"),
    "not_enough_fields": N_("Not enough details in the order"),
    "duplicate": N_("Duplicate order"),
    "invalid_phone_number": N_("Wrong phone number or no answer"),
    "less_than_minimal_price": N_("Below the minimum order sum"),
    "another": N_("Another reason"),
}
REASONS_WITH_TEXT = frozenset({"price_changed", "not_enough_fields", "another"})
PAID = frozenset({"paid", "paid_out"})
CARRIERS = same("nova_poshta", "ukrposhta", "meest", "justin")
#: our field of an order and its parts <- their path
ORDER = {
    "external_id": "id",
    "number": "id",
    "status": "status",
    "status_name": "status_name",
    "coupon": "special_offer_promocode",
    "customer_comment": "client_notes",
    "cancel_text": "cancellation.title",
}
#: `second_name` is the patronymic here, not the surname
NAMES = {"last_name": "last_name", "first_name": "first_name", "patronymic": "second_name"}
CONTACT = {ours: f"client_{theirs}" for ours, theirs in NAMES.items()}
#: parts are there for delivery to a door; the free text is always there and is kept whole
ADDRESS = {
    "city": "delivery_provider_data.recipient_address.city_name",
    "street": "delivery_provider_data.recipient_address.street_name",
    "house": "delivery_provider_data.recipient_address.building_number",
    "flat": "delivery_provider_data.recipient_address.apartment_number",
    "text": "delivery_address",
}
BRANCH = "delivery_provider_data.recipient_warehouse_id|delivery_provider_data.recipient_address.warehouse_id"
DELIVERY = {
    "code": "delivery_option.id",
    "name": "delivery_option.name",
    "pickup_code": BRANCH,
    "tracking_number": "delivery_provider_data.declaration_number",
}
PAYMENT = {"code": "payment_option.id", "name": "payment_option.name", "state": "payment_data.status"}
NOUGHT = Decimal(0)
LINE = {"sku": "sku|external_id", "external_id": "external_id|id"}


def order(body: Mapping[str, Any]) -> OrderData:
    """An entry of `orders` as the vendor sends it. Money in UAH; total = goods - discount + delivery."""
    recipient, buyer = _people(body)
    lines = [_line(product) for product in entries(body.get("products"))]
    goods = money(body.get("price")) or sum((line.amount for line in lines), Decimal(0))
    delivery, discount = _delivery(body), _discount(body, goods)
    return OrderData(
        **texts(body, ORDER),
        placed_at=moment(body.get("date_created")),
        currency="UAH",
        recipient=recipient,
        buyer=buyer,
        address=Address(country="UA", **texts(body, ADDRESS)),
        delivery=delivery,
        payment=_payment(body),
        lines=lines,
        discount=discount,
        total=goods - discount + delivery.cost,
        utm=_utm(body),
        do_not_call=body.get("dont_call_customer_back") is True,
        commission=_commission(part(body, "cpa_commission")),
    )


def _people(body: Mapping[str, Any]) -> tuple[Person, Person | None]:
    """The recipient, and the buyer where that is somebody else."""
    contact = person(body, CONTACT, "UA")
    other = person(part(body, "delivery_recipient"), NAMES, "UA", contact.phone)
    recipient = other if other.full_name else contact
    named = person(part(body, "client"), NAMES, "UA", contact.phone, contact.email)
    return recipient, apart(named if named.full_name else contact, recipient)


def _delivery(body: Mapping[str, Any]) -> Delivery:
    found = texts(body, DELIVERY)
    address = text(body, "delivery_address") if found["pickup_code"] else ""
    return Delivery(**found, pickup_address=address, cost=money(body.get("delivery_cost")))


def _payment(body: Mapping[str, Any]) -> Payment:
    found = texts(body, PAYMENT)
    paid = found["state"] in PAID or body.get("status") == "paid"
    since = moment(part(body, "payment_data").get("status_modified")) if paid else None
    return Payment(**found, paid=paid, paid_at=since)


def _line(product: Mapping[str, Any]) -> LineData:
    quantity, price = money(product.get("quantity")), money(product.get("price"))
    full = quantity * price
    return LineData(
        **texts(product, LINE),
        name=text(product, "name") or next(filter(None, map(text, part(product, "name_multilang").values())), ""),
        quantity=quantity,
        price=price,
        discount=max(full - (money(product.get("total_price")) or full), NOUGHT),
    )


def _discount(body: Mapping[str, Any], goods: Decimal) -> Decimal:
    """The coupon's discount; where only the lowered price is told, what is missing to the full one."""
    lowered = money(body.get("price_with_special_offer")) or goods
    return money(body.get("special_offer_discount")) or max(goods - lowered, Decimal(0))


def _utm(body: Mapping[str, Any]) -> dict[str, str]:
    """The vendor's marks; `prosale` holds the campaign's name when the paid catalogue brought the order."""
    promotion = part(body, "ps_promotion")
    mark = (text(promotion, "name") or "ProSale") if promotion else ""
    return filled({**{name: text(value) for name, value in part(body, "utm").items()}, "prosale": mark})


def _commission(block: Mapping[str, Any]) -> Decimal | None:
    if not block:
        return None
    return Decimal(0) if block.get("is_refunded") else money(block.get("amount"))


def status_problem(change: StatusChange) -> str:
    """Why Prom would refuse this change, or ""."""
    if not change.external_id.isdecimal():
        return f"{change.external_id!r} is no order number of Prom"
    if change.status != "canceled":
        return ""
    if change.reason not in CANCEL_REASONS:
        return "a cancelled order needs one of Prom's reasons"
    return f"the reason {change.reason} needs a text" if change.reason in REASONS_WITH_TEXT and not change.text else ""


def status_request(change: StatusChange) -> dict[str, str]:
    """The body of orders/set_status but for its ids."""
    reason = change.reason if change.status == "canceled" else ""
    words = change.text if reason in REASONS_WITH_TEXT else ""
    return filled({"status": change.status, "cancellation_reason": reason, "cancellation_text": words})


def carrier_of(answer: Mapping[str, Any]) -> str:
    """The carrier of an answer of orders/{id}; "" when it is none that Prom takes tracking numbers of."""
    body = part(answer, "order")
    named = (text(body, "delivery_provider_data", "provider"), text(body, "delivery_option", "name"))
    return next(filter(None, (carrier_code(name, CARRIERS) for name in named)), "")


def complaint(body: Mapping[str, Any]) -> str:
    """The vendor's complaint, which may come with HTTP 200 and under any of four names; "" when there is none."""
    failed = body.get("status") == "error" and (body.get("message") or "error")
    errors = None if "processed_ids" in body else body.get("errors")  # beside those it is told for each product
    return text(body.get("error") or errors or failed or None)
