"""Prom's orders and statuses <-> ours. Pure; an unknown code goes through as it is, for staff to map."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from ..text import N_
from ..types import Address, Delivery, LineData, OrderData, Payment, Person, Reference, StatusChange
from ..values import entries, filled, moment, money, part, phone, text

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
#: their carrier code -> how its name begins, in the languages staff use
CARRIERS = {
    "nova_poshta": ("nova", "нова", "новая"),
    "ukrposhta": ("ukr", "укр"),
    "meest": ("meest", "міст", "мист"),
    "justin": ("justin", "джаст"),
}


def order(body: Mapping[str, Any]) -> OrderData:
    """An entry of `orders` as the vendor sends it. Money in UAH; total = goods - discount + delivery."""
    recipient, buyer = _people(body)
    lines = [_line(product) for product in entries(body.get("products"))]
    goods = money(body.get("price")) or sum((e.price * e.quantity - e.discount for e in lines), Decimal(0))
    delivery = _delivery(body)
    discount = _discount(body, goods)
    return OrderData(
        external_id=text(body, "id"),
        number=text(body, "id"),
        status=text(body, "status"),
        status_name=text(body, "status_name"),
        placed_at=moment(body.get("date_created")),
        currency="UAH",
        recipient=recipient,
        buyer=buyer,
        address=_address(body),
        delivery=delivery,
        payment=_payment(body),
        lines=lines,
        discount=discount,
        coupon=text(body, "special_offer_promocode"),
        total=goods - discount + delivery.cost,
        customer_comment=text(body, "client_notes"),
        utm=_utm(body),
        do_not_call=body.get("dont_call_customer_back") is True,
        commission=_commission(part(body, "cpa_commission")),
        cancel_text=text(body, "cancellation", "title"),
    )


def _people(body: Mapping[str, Any]) -> tuple[Person, Person | None]:
    """The recipient, and the buyer where that is somebody else."""
    fields = {name: body.get(f"client_{name}") for name in ("first_name", "last_name", "second_name")}
    contact = _person({**fields, "phone": body.get("phone"), "email": body.get("email")})
    other = _person(part(body, "delivery_recipient"), contact.phone)
    recipient = other if other.full_name else contact
    named = _person(part(body, "client"), contact.phone, contact.email)
    buyer = named if named.full_name else contact
    same = (buyer.full_name.casefold(), buyer.phone) == (recipient.full_name.casefold(), recipient.phone)
    return recipient, None if same else buyer


def _person(fields: Mapping[str, Any], number: str = "", email: str = "") -> Person:
    """`second_name` is the patronymic here, not the surname. `number` and `email` stand in for absent ones."""
    last, first, second = (text(fields, name) for name in ("last_name", "first_name", "second_name"))
    return Person(last, first, second, phone(fields.get("phone"), "UA") or number, text(fields, "email") or email)


def _address(body: Mapping[str, Any]) -> Address:
    """Parts are there for delivery to a door; the free text is always there and is kept whole."""
    place = part(part(body, "delivery_provider_data"), "recipient_address")
    names = {"city": "city_name", "street": "street_name", "house": "building_number", "flat": "apartment_number"}
    parts = {ours: text(place, theirs) for ours, theirs in names.items()}
    return Address(country="UA", text=text(body, "delivery_address"), **parts)


def _delivery(body: Mapping[str, Any]) -> Delivery:
    provider = part(body, "delivery_provider_data")
    branch = text(provider, "recipient_warehouse_id") or text(provider, "recipient_address", "warehouse_id")
    return Delivery(
        code=text(body, "delivery_option", "id"),
        name=text(body, "delivery_option", "name"),
        pickup_code=branch,
        pickup_address=text(body, "delivery_address") if branch else "",
        cost=money(body.get("delivery_cost")),
        tracking_number=text(provider, "declaration_number"),
    )


def _payment(body: Mapping[str, Any]) -> Payment:
    state = text(body, "payment_data", "status")
    paid = state in PAID or body.get("status") == "paid"
    since = moment(part(body, "payment_data").get("status_modified")) if paid else None
    option = part(body, "payment_option")
    return Payment(code=text(option, "id"), name=text(option, "name"), paid=paid, state=state, paid_at=since)


def _line(product: Mapping[str, Any]) -> LineData:
    quantity, price = money(product.get("quantity")), money(product.get("price"))
    total = money(product.get("total_price")) or quantity * price
    names = [text(product, "name"), *map(text, part(product, "name_multilang").values())]
    return LineData(
        name=next(filter(None, names), ""),
        sku=text(product, "sku") or text(product, "external_id"),
        external_id=text(product, "external_id") or text(product, "id"),
        quantity=quantity,
        price=price,
        discount=max(quantity * price - total, Decimal(0)),
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


def status_bodies(changes: Iterable[StatusChange]) -> Sequence[dict[str, Any]]:
    """One request body for all orders that get the same status for the same reason."""
    groups: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for change in changes:
        reason = change.reason if change.status == "canceled" else ""
        words = change.text if reason in REASONS_WITH_TEXT else ""
        fields = filled({"status": change.status, "cancellation_reason": reason, "cancellation_text": words})
        groups.setdefault(tuple(fields.items()), []).append(int(change.external_id))
    return [{"ids": ids, **dict(fields)} for fields, ids in groups.items()]


def carrier(name: str) -> str:
    """Prom's code of a carrier, from that code or from its name; "" when Prom takes no TTN of it."""
    spoken = name.strip().casefold()
    return next((code for code, starts in CARRIERS.items() if spoken.startswith(starts)), "")


def carrier_of(answer: Mapping[str, Any]) -> str:
    """The carrier of an answer of orders/{id}."""
    body = part(answer, "order")
    provider = text(body, "delivery_provider_data", "provider")
    return carrier(provider) or carrier(text(body, "delivery_option", "name"))


def references(options: Any) -> list[Reference]:
    """`payment_options` and `delivery_options`: {id, name, …}; those switched off in the shop are left out."""
    return [Reference(text(e, "id"), text(e, "name")) for e in entries(options) if e.get("enabled", True)]


def fixed(names: Mapping[str, str]) -> list[Reference]:
    return [Reference(code, name) for code, name in names.items()]


def complaint(body: Any) -> str:
    """The vendor's complaint, which may come with HTTP 200 and under any of four names; "" when there is none."""
    fields = part(body)
    failed = fields.get("status") == "error" and (fields.get("message") or "error")
    return text(fields.get("error") or fields.get("errors") or failed or None)
