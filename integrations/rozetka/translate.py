"""Rozetka's orders -> ours. Pure; an unknown code goes through as it is, for staff to map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from ..fields import apart, person, texts
from ..types import Address, Delivery, LineData, OrderData, Payment, Person
from ..values import entries, moment, money, part, text

#: times come without a zone; sellers read them as Kyiv's
ZONE = ZoneInfo("Europe/Kyiv")
DONE = "6"
#: payment_type -> our kind
KINDS = {
    "cash": "cod_cash",
    "no cash": "transfer",
    **dict.fromkeys(("card", "privat24", "apple_pay", "google_pay"), "online_card"),
}
#: how the list of payment methods calls them
NAMED = dict.fromkeys(("оплата під час отримання товару", "готівкова", "наличная"), "cod_cash")
RECIPIENT = {"uk": "Отримувач", "ru": "Получатель"}
ORDER = {
    "external_id": "id",
    "number": "id",
    "status": "status",
    "status_name": "status_data.title|status_data.name_uk|status_data.name",
    "customer_comment": "comment",
}
NAMES = {"last_name": "last_name", "first_name": "first_name", "patronymic": "second_name"}
BUYER = {**{ours: f"user_title.{theirs}" for ours, theirs in NAMES.items()}, "phone": "user_phone"}
#: the names at the order's top are older than those of `delivery`; some answers have only them
RECEIVER = {ours: f"delivery.recipient_{theirs}|recipient_title.{theirs}" for ours, theirs in NAMES.items()}
RECEIVER |= {"phone": "delivery.recipient_phone|recipient_phone", "email": "delivery.email"}
DELIVERY = {"code": "delivery_service_id", "name": "delivery_service_name"}
CITY = {"city": "city.name_ua|city.name|city.title", "region": "city.region_title"}
DOOR = {"street": "place_street", "house": "place_house", "flat": "place_flat"}
#: `payment` is what the vendor recommends over the older fields beside it
PAYMENT = {
    "code": "payment.payment_method_id|payment_method_id",
    "name": "payment.payment_method_name|payment_type_name|payment_type_title",
    "state": "payment.payment_status.name|status_payment.name",
}
PAYMENT_TYPE = {"type": "payment.payment_type|payment_type"}
LINE = {
    "sku": "item.article|item.price_offer_id",
    "external_id": "item_id|item.id",
    "name": "item_name|item.name_ua|item.name",
}


def order(body: Mapping[str, Any], language: str) -> OrderData:
    """An order of orders/search or orders/{id}, with `expand`. Money in UAH; the total is what the buyer pays."""
    recipient, buyer = _people(body)
    lines = [_line(entry) for entry in entries(body.get("purchases")) if text(entry, "status") != "0"]
    listed = sum((line.amount for line in lines), Decimal(0))
    goods = money(body.get("amount_with_discount")) or listed
    total = money(body.get("cost_with_discount")) or goods
    address, delivery = _delivery(body, max(total - goods, Decimal(0)))
    named = texts(body, ORDER)
    return OrderData(
        **named,
        placed_at=moment(body.get("created"), ZONE),
        currency="UAH",
        recipient=recipient,
        buyer=buyer,
        address=address,
        delivery=delivery,
        payment=_payment(body),
        lines=lines,
        discount=max(listed - goods, Decimal(0)),
        total=total,
        staff_comment=_comment(recipient, language) if buyer else "",
        utm={"source": "rozetka", "campaign": "promo"} if body.get("is_promo") is True else {},
        do_not_call=text(body, "callback_off") in ("1", "True"),
        fulfilment=body.get("is_fulfillment") is True,
        cancel_text=named["status_name"] if text(body, "status_group") == "3" else "",
    )


def _people(body: Mapping[str, Any]) -> tuple[Person, Person | None]:
    """The recipient, and the buyer where that is somebody else: the vendor's word for it counts, where it has one."""
    place = part(body, "delivery")
    contact = _named(person(body, BUYER, "UA"), part(body, "user").get("contact_fio"))
    found = person(body, RECEIVER, "UA", contact.phone, contact.email)
    recipient = _named(found, place.get("recipient_title"))
    if not recipient.full_name or (place.get("another_recipient") is False and contact.full_name):
        return contact, None
    return recipient, apart(contact, recipient)


def _named(known: Person, whole: Any) -> Person:
    """With the name that some answers have in one piece: surname first; a word alone is a first name."""
    words = text(whole).split(maxsplit=2) if not known.full_name and isinstance(whole, str) else []
    if len(words) < 2:
        return replace(known, first_name=known.first_name or "".join(words))
    return replace(known, **dict(zip(NAMES, words, strict=False)))


def _comment(recipient: Person, language: str) -> str:
    return (
        f"{RECIPIENT.get(language, RECIPIENT['uk'])}: {', '.join(filter(None, (recipient.full_name, recipient.phone)))}"
    )


def _delivery(body: Mapping[str, Any], cost: Decimal) -> tuple[Address, Delivery]:
    """Method 1 is a pickup point: street and house are the point's, not the buyer's."""
    place = part(body, "delivery")
    city, door, number = texts(place, CITY), texts(place, DOOR), text(place, "place_number")
    street = ", ".join(filter(None, door.values()))
    whole = ", ".join(filter(None, (city["city"], f"№{number}" if number else "", street)))
    pickup = text(place, "delivery_method_id") in ("1", "") and bool(number)
    numbers = (text(entry, "ttn") for entry in (body, *entries(body.get("purchases"))))
    return Address(country="UA", **city, **({} if pickup else door), text=whole), Delivery(
        **texts(place, DELIVERY),
        pickup_code=text(place, "ref_id") if pickup else "",
        pickup_address=whole if pickup else "",
        cost=cost,
        tracking_number=next(filter(None, numbers), ""),
    )


def _payment(body: Mapping[str, Any]) -> Payment:
    """Cash has no payment status: an order that is done was handed out and paid."""
    found = texts(body, PAYMENT)
    kind = KINDS.get(texts(body, PAYMENT_TYPE)["type"], "other")
    cod = kind == "cod_cash"
    paid = text(body, "status") == DONE if cod else found["state"] == "paid"
    status = part(part(body, "payment"), "payment_status") or part(body, "status_payment")
    since = moment(status.get("created_at"), ZONE) if paid else None
    return Payment(**found, kind=kind, paid=paid, cod=cod and not paid, paid_at=since)


def _line(entry: Mapping[str, Any]) -> LineData:
    quantity, price = money(entry.get("quantity")), money(entry.get("price"))
    total = money(entry.get("cost_with_discount")) or money(entry.get("cost")) or quantity * price
    return LineData(
        **texts(entry, LINE), quantity=quantity, price=price, discount=max(quantity * price - total, Decimal(0))
    )
