"""Prom's orders and statuses <-> ours. Pure; an unknown code goes through as it is, for staff to map."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from ..text import N_
from ..types import Address, Delivery, LineData, OrderData, Payment, Person, Reference, StatusChange
from ..values import moment, money, part, phone, text

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
    """An entry of `orders` as the vendor sends it. Money in UAH."""
    recipient, buyer = _people(body)
    goods = money(body.get("price"))
    discount = _discount(body, goods)
    delivery = _delivery(body)
    return OrderData(
        external_id=text(body.get("id")),
        number=text(body.get("id")),
        status=text(body.get("status")),
        status_name=text(body.get("status_name")),
        placed_at=moment(body.get("date_created")),
        currency="UAH",
        recipient=recipient,
        buyer=buyer,
        address=_address(body),
        delivery=delivery,
        payment=_payment(body),
        lines=[_line(part(product)) for product in body.get("products") or ()],
        discount=discount,
        coupon=text(body.get("special_offer_promocode")),
        total=goods - discount + delivery.cost,
        customer_comment=text(body.get("client_notes")),
        utm=_utm(body),
        do_not_call=body.get("dont_call_customer_back") is True,
        commission=_commission(part(body.get("cpa_commission"))),
        cancel_text=text(part(body.get("cancellation")).get("title")),
    )


def _people(body: Mapping[str, Any]) -> tuple[Person, Person | None]:
    """The recipient, and the buyer where that is somebody else."""
    contact = _person({**{k.removeprefix("client_"): v for k, v in body.items()}, "phone": body.get("phone")})
    other = _person(part(body.get("delivery_recipient")), contact.phone)
    recipient = other if other.full_name else contact
    named = _person(part(body.get("client")), contact.phone, contact.email)
    buyer = named if named.full_name else contact
    same = (buyer.full_name.casefold(), buyer.phone) == (recipient.full_name.casefold(), recipient.phone)
    return recipient, None if same else buyer


def _person(fields: Mapping[str, Any], number: str = "", email: str = "") -> Person:
    """`second_name` is the patronymic here, not the surname."""
    return Person(
        last_name=text(fields.get("last_name")),
        first_name=text(fields.get("first_name")),
        patronymic=text(fields.get("second_name")),
        phone=phone(fields.get("phone"), "UA") or number,
        email=text(fields.get("email")) or email,
    )


def _address(body: Mapping[str, Any]) -> Address:
    """Parts are there for delivery to a door; the free text is always there and is kept whole."""
    place = part(part(body.get("delivery_provider_data")).get("recipient_address"))
    return Address(
        country="UA",
        city=text(place.get("city_name")),
        street=text(place.get("street_name")),
        house=text(place.get("building_number")),
        flat=text(place.get("apartment_number")),
        text=text(body.get("delivery_address")),
    )


def _delivery(body: Mapping[str, Any]) -> Delivery:
    option = part(body.get("delivery_option"))
    provider = part(body.get("delivery_provider_data"))
    place = part(provider.get("recipient_address"))
    branch = text(provider.get("recipient_warehouse_id")) or text(place.get("warehouse_id"))
    return Delivery(
        code=text(option.get("id")),
        name=text(option.get("name")),
        pickup_code=branch,
        pickup_address=text(body.get("delivery_address")) if branch else "",
        cost=money(body.get("delivery_cost")),
        tracking_number=text(provider.get("declaration_number")),
    )


def _payment(body: Mapping[str, Any]) -> Payment:
    option, state = part(body.get("payment_option")), part(body.get("payment_data"))
    paid = state.get("status") in PAID or body.get("status") == "paid"
    return Payment(
        code=text(option.get("id")),
        name=text(option.get("name")),
        paid=paid,
        state=text(state.get("status")),
        paid_at=moment(state.get("status_modified")) if paid else None,
    )


def _line(product: Mapping[str, Any]) -> LineData:
    quantity, price = money(product.get("quantity")), money(product.get("price"))
    total = money(product.get("total_price")) or quantity * price
    external_id = text(product.get("external_id"))
    return LineData(
        name=text(product.get("name")) or next(map(text, part(product.get("name_multilang")).values()), ""),
        sku=text(product.get("sku")) or external_id,
        external_id=external_id or text(product.get("id")),
        quantity=quantity,
        price=price,
        discount=max(quantity * price - total, Decimal(0)),
    )


def _discount(body: Mapping[str, Any], goods: Decimal) -> Decimal:
    """The coupon's discount; where only the lowered price is told, what is missing to the full one."""
    told = money(body.get("special_offer_discount"))
    lowered = money(body.get("price_with_special_offer"))
    return told or (max(goods - lowered, Decimal(0)) if lowered else Decimal(0))


def _utm(body: Mapping[str, Any]) -> dict[str, str]:
    """The vendor's marks; `prosale` holds the campaign's name when the paid catalogue brought the order."""
    marks = {name: text(value) for name, value in part(body.get("utm")).items() if value}
    promotion = part(body.get("ps_promotion"))
    return {**marks, "prosale": text(promotion.get("name")) or "ProSale"} if promotion else marks


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
    if change.reason in REASONS_WITH_TEXT and not change.text:
        return f"the reason {change.reason} needs a text"
    return ""


def status_bodies(changes: Iterable[StatusChange]) -> Sequence[dict[str, Any]]:
    """One request body for all orders that get the same status for the same reason."""
    groups: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for change in changes:
        fields = {"status": change.status}
        if change.status == "canceled":
            fields["cancellation_reason"] = change.reason
            if change.reason in REASONS_WITH_TEXT:
                fields["cancellation_text"] = change.text
        groups.setdefault(tuple(fields.items()), []).append(int(change.external_id))
    return [{"ids": ids, **dict(fields)} for fields, ids in groups.items()]


def carrier(name: str) -> str:
    """Prom's code of a carrier, from that code or from its name; "" when Prom takes no TTN of it."""
    spoken = name.strip().casefold()
    return next((code for code, starts in CARRIERS.items() if spoken.startswith((code, *starts))), "")


def references(entries: Iterable[Any]) -> list[Reference]:
    """`payment_options` and `delivery_options`: {id, name, …}; those switched off in the shop are left out."""
    shown = [e for e in map(part, entries) if e.get("enabled", True)]
    return [Reference(text(e.get("id")), text(e.get("name"))) for e in shown]


def fixed(names: Mapping[str, str]) -> list[Reference]:
    return [Reference(code, name) for code, name in names.items()]


def trouble(body: Any) -> str:
    """The vendor's complaint, which may come with HTTP 200 and under any of four names; "" when there is none."""
    fields = part(body)
    failed = fields.get("status") == "error"
    return text(fields.get("error") or fields.get("errors") or (failed and (fields.get("message") or "error")) or "")
