"""Horoshop's orders <-> ours. Pure; an unknown code goes through as it is, for staff to map."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from .. import names
from ..fields import texts, utm, worded
from ..text import N_
from ..types import Address, Delivery, LineData, OrderData, Payment, Person, Reference
from ..values import entries, listed, moment, money, part, phone, text

Settings = Mapping[str, Any]
KYIV = ZoneInfo("Europe/Kyiv")  # a shop's own time; that it is this one is not documented
STATUSES = {"1": N_("New"), "2": N_("In processing"), "3": N_("Delivered"), "4": N_("Not delivered"), "6": N_("Sent")}
#: our field of an order and its parts <- their path
ORDER = {"status": "stat_status", "coupon": "coupon_code", "customer_comment": "comment"}
ORDER |= dict.fromkeys(("external_id", "number"), "order_id")
BRANCH = {"pickup_code": "additional_data.recipient_warehouse_ref", "tracking_number": "delivery_data.tnNumber"}
CONTACT = ("delivery_city", "delivery_address", "delivery_email", "payed")
#: the field that says "do not call" is not documented: what it may be called
QUIET = re.compile(r"(?:do_?not|dont|not?|without)_?call", re.IGNORECASE)
TRUE = frozenset({"1", "true", "yes"})


def order(body: Mapping[str, Any], settings: Settings) -> OrderData:
    """An entry of `orders` as the vendor sends it. Total = goods - discount + delivery."""
    lines = _lines(body, settings)
    goods = sum((line.amount for line in lines), Decimal(0))
    discount, delivery = _discount(body, goods), _delivery(body)
    found, percent = texts(body, ORDER), money(body.get("coupon_percent"))
    city, street, email, paid = (text(body, name) for name in CONTACT)
    quiet = [settings["do_not_call_field"]] if settings.get("do_not_call_field") else filter(QUIET.search, body)
    return OrderData(
        **{**found, "coupon": found["coupon"] or (f"{percent:f} %" if percent else "")},
        placed_at=moment(body.get("stat_created"), KYIV),
        currency=text(body, "currency") or "UAH",
        recipient=Person(*names.split(text(body, "delivery_name")), phone(body.get("delivery_phone"), "UA"), email),
        address=Address(country="UA", city=city, text=", ".join(filter(None, (city, street)))),
        delivery=delivery,
        payment=Payment(*_chosen(body, "payment_type"), paid=paid.lower() in TRUE),
        lines=lines,
        discount=discount,
        total=goods - discount + delivery.cost,
        utm=utm(body.get("analytics")),
        do_not_call=any(text(body, *name.split(".")).lower() in TRUE for name in quiet),
    )


def _lines(body: Mapping[str, Any], settings: Settings) -> list[LineData]:
    """Members of a set are billed with it, unless the totals say that they are not."""
    sold = entries(body.get("products"))
    lines = [_line(product, settings) for product in sold]
    told = money(body.get("total_default")) or money(body.get("total_sum"))
    if sum(line.amount for line in lines) <= told:
        return lines
    free, members = Decimal(0), [product.get("type") == "set_item" for product in sold]
    return [replace(a, price=free, discount=free) if member else a for a, member in zip(lines, members, strict=True)]


def _line(product: Mapping[str, Any], settings: Settings) -> LineData:
    quantity, price = money(product.get("quantity")), money(product.get("price"))
    told = product.get("total_price")
    discount = Decimal(0) if told is None else max(quantity * price - money(told), Decimal(0))
    return LineData(**named(product, settings), quantity=quantity, price=price, discount=discount)


def named(body: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """The article is the vendor's key, so it is the external id; staff may know goods by the one the site shows."""
    sku = "article_for_display|article" if settings.get("article") == "display" else "article"
    return {"name": title(body, "title", settings), **texts(body, {"sku": sku, "external_id": "article"})}


def title(body: Mapping[str, Any], name: str, settings: Settings) -> str:
    """A field with a text for each language, in that of the settings."""
    return worded(body.get(name), "ru" if settings.get("language") == "ru" else "ua")


def _discount(body: Mapping[str, Any], goods: Decimal) -> Decimal:
    """Off the whole order: what the goods cost more than `total_sum`, which is without delivery. Discounts of single
    products are in their prices already; a coupon is not, whatever its fields say."""
    told = text(body, "total_sum")
    off = goods - money(told) if re.search(r"\d", told) else money(body.get("coupon_discount_value"))
    return min(max(off, Decimal(0)), goods)


def _delivery(body: Mapping[str, Any]) -> Delivery:
    """A price of -1 was not worked out."""
    found, cost = texts(body, BRANCH), max(money(body.get("delivery_price")), Decimal(0))
    address = text(body, "delivery_address") if found["pickup_code"] else ""
    return Delivery(*_chosen(body, "delivery_type"), **found, pickup_address=address, cost=cost)


def _chosen(body: Mapping[str, Any], name: str) -> tuple[str, str]:
    """Code and name of a way to pay or to deliver."""
    return text(body, name, "id"), worded(part(body, name).get("title"))


def references(answer: Mapping[str, Any], settings: Settings) -> list[Reference]:
    """Entries {id, title, enabled} of the one list in an answer, without those that are switched off."""
    usable = [e for e in listed(answer) if e.get("enabled", 1) and "id" in e]
    return [Reference(text(entry, "id"), title(entry, "title", settings)) for entry in usable]


def outcomes(asked: Sequence[Mapping[str, Any]], answer: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """What became of each order of an orders/update. The log has an entry for each, in the order they were sent; some
    versions name the order in it."""
    log, numbers = entries(part(answer, "response").get("log")), [str(update["order_id"]) for update in asked]
    found = {text(entry, "order_id") or number: entry for number, entry in zip(numbers, log, strict=False)}
    return {number: _outcome(found.get(number, {}), text(answer, "status")) for number in numbers}


def _outcome(entry: Mapping[str, Any], whole: str) -> tuple[str, str]:
    """Of an order that the log leaves out, only "all went well" says anything. The words are under either name."""
    if (text(entry, "status") or whole) == "OK":
        return "", ""
    said = text(entry, "message") or text(entry, "messages")
    return ("validation", said or "not changed") if entry else ("broken", "the answer says nothing about this order")
