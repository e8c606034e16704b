"""Horoshop's orders and products <-> ours. Pure; an unknown code goes through as it is, for staff to map."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from .. import names
from ..fields import texts, utm, worded
from ..text import N_
from ..types import Address, Delivery, LineData, OrderData, Payment, Person, ProductData, ProductPage
from ..types import Reference as Entry
from ..values import entries, filled, listed, moment, money, part, phone, text

Settings = Mapping[str, Any]
KYIV = ZoneInfo("Europe/Kyiv")  # a shop's own time; that it is this one is not documented
STATUSES = {"1": N_("New"), "2": N_("In processing"), "3": N_("Delivered"), "4": N_("Not delivered"), "6": N_("Sent")}
WORKED = frozenset({"OK", "WARNING", "EMPTY"})  # statuses of an answer that was no refusal
#: our field of an order and its parts <- their path
ORDER = {"status": "stat_status", "coupon": "coupon_code", "customer_comment": "comment"}
ORDER |= dict.fromkeys(("external_id", "number"), "order_id")
BRANCH = "additional_data.recipient_warehouse_ref"
DELIVERY = {"code": "delivery_type.id", "pickup_code": BRANCH, "tracking_number": "delivery_data.tnNumber"}
#: the field that says "do not call" is not documented: what it may be called
QUIET = re.compile(r"(?:do_?not|dont|not?|without)_?call", re.IGNORECASE)
TRUE = frozenset({"1", "true", "yes"})
#: what shops have in `presence` for what can't be bought, in either language
ABSENT = re.compile(r"^$|нема|нет\b|відсут|отсут|очіку|ожида|знят|снят", re.IGNORECASE)
#: fields of an offer that price and stock are read from, and those that are asked for with the whole catalogue
PRICES = ("article", "article_for_display", "title", "price", "price_old", "currency", "presence", "quantity")
DETAILS = ("parent_article", "parent", "gtin", "brand", "color", "images", "link", "description")


def order(body: Mapping[str, Any], settings: Settings) -> OrderData:
    """An entry of `orders` as the vendor sends it. Total = goods - discount + delivery."""
    lines = _lines(body, settings)
    goods = sum((line.amount for line in lines), Decimal(0))
    discount, delivery = _discount(body, goods), _delivery(body)
    found, percent = texts(body, ORDER), money(body.get("coupon_percent"))
    paid = text(body, "payed").lower() in TRUE
    place = {"city": text(body, "delivery_city"), "street": text(body, "delivery_address")}
    return OrderData(
        **{**found, "coupon": found["coupon"] or (f"{percent:f} %" if percent else "")},
        placed_at=moment(body.get("stat_created"), KYIV),
        currency=text(body, "currency") or "UAH",
        recipient=_recipient(body),
        address=Address(country="UA", city=place["city"], text=", ".join(filled(place).values())),
        delivery=delivery,
        payment=Payment(text(body, "payment_type", "id"), **_title(body, "payment_type"), paid=paid),
        lines=lines,
        discount=discount,
        total=goods - discount + delivery.cost,
        utm=utm(body.get("analytics")),
        do_not_call=_do_not_call(body, text(settings.get("do_not_call_field"))),
    )


def _recipient(body: Mapping[str, Any]) -> Person:
    """The name comes as one text, whoever typed it in whatever order."""
    whole = names.split(text(body, "delivery_name"))
    return Person(*whole, phone=phone(body.get("delivery_phone"), "UA"), email=text(body, "delivery_email"))


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
    return LineData(**_named(product, settings), quantity=quantity, price=price, discount=discount)


def _named(body: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """The article is the vendor's key, so it is the external id; staff may know goods by the one the site shows."""
    sku = "article_for_display|article" if settings.get("article") == "display" else "article"
    return {"name": _words(body, "title", settings), **texts(body, {"sku": sku, "external_id": "article"})}


def _words(body: Mapping[str, Any], name: str, settings: Settings) -> str:
    return worded(body.get(name), "ru" if settings.get("language") == "ru" else "ua")


def _title(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {"name": worded(part(body, name).get("title"))}


def _discount(body: Mapping[str, Any], goods: Decimal) -> Decimal:
    """Off the whole order: what the goods cost more than `total_sum`, which is without delivery. Discounts of single
    products are in their prices already; a coupon is not, whatever its fields say."""
    told = text(body, "total_sum")
    off = goods - money(told) if re.search(r"\d", told) else money(body.get("coupon_discount_value"))
    return min(max(off, Decimal(0)), goods)


def _delivery(body: Mapping[str, Any]) -> Delivery:
    """A price of -1 was not worked out."""
    found, cost = texts(body, DELIVERY), max(money(body.get("delivery_price")), Decimal(0))
    address = text(body, "delivery_address") if found["pickup_code"] else ""
    return Delivery(**found, **_title(body, "delivery_type"), pickup_address=address, cost=cost)


def _do_not_call(body: Mapping[str, Any], field: str) -> bool:
    values = [text(body, *field.split("."))] if field else [text(body, name) for name in body if QUIET.search(name)]
    return any(value.lower() in TRUE for value in values)


def references(answer: Mapping[str, Any], settings: Settings) -> list[Entry]:
    """Entries {id, title, enabled} of the one list in an answer."""
    usable = [entry for entry in listed(answer) if text(entry.get("enabled", 1)).lower() in TRUE]
    return [Entry(text(entry, "id"), _words(entry, "title", settings)) for entry in usable if "id" in entry]


def product_page(rows: Iterable[Mapping[str, Any]], settings: Settings) -> ProductPage:
    found = [_product(row, settings) for row in rows]
    broken = [(offer.name, "no article") for offer in found if not offer.external_id]
    return ProductPage([offer for offer in found if offer.external_id], broken=broken)


def _product(body: Mapping[str, Any], settings: Settings) -> ProductData:
    """An entry of catalog/export. Variants share the article of their parent. A quantity of 0 says nothing of what is
    in stock: shops that count none have it, too."""
    price, old, quantity = (money(body.get(name)) for name in ("price", "price_old", "quantity"))
    available = not ABSENT.search(worded(body.get("presence")))
    return ProductData(
        **_named(body, settings),
        barcode=text(body, "gtin"),
        group=text(body, "parent_article"),
        price=price,
        old_price=old if old > price else None,
        currency=worded(body.get("currency")) or "UAH",
        quantity=quantity if quantity or not available else None,
        available=available,
        category=re.sub(r"\s*\\\s*", " / ", _words(body, "parent", settings)),
        brand=_words(body, "brand", settings),
        description=_words(body, "description", settings),
        url=_words(body, "link", settings),
        pictures=[picture for picture in map(text, body.get("images") or ()) if picture],
        options=filled({"color": _words(body, "color", settings)}),
    )


def outcomes(asked: Sequence[Mapping[str, Any]], answer: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """What became of each order of an orders/update. The log has an entry for each, in the order they were sent; some
    versions name the order in it."""
    log = entries(part(answer, "response").get("log"))
    named = {text(entry, "order_id"): entry for entry in log if text(entry, "order_id")}
    by_place: dict[str, Mapping[str, Any]] = {str(u["order_id"]): e for u, e in zip(asked, log, strict=False)}
    found = {str(update["order_id"]): (named or by_place).get(str(update["order_id"]), {}) for update in asked}
    return {number: _outcome(entry, text(answer, "status")) for number, entry in found.items()}


def _outcome(entry: Mapping[str, Any], whole: str) -> tuple[str, str]:
    """Of an order that the log leaves out, only "all went well" says anything. The words are under either name."""
    if (text(entry, "status") or whole) == "OK":
        return "", ""
    said = text(entry, "message") or text(entry, "messages")
    return ("validation", said or "not changed") if entry else ("broken", "the answer says nothing about this order")


def complaint(body: Mapping[str, Any]) -> str:
    """The vendor's word and its words, which come with HTTP 200; "" when there is none."""
    status = text(body, "status")
    return "" if status in WORKED else ": ".join(filter(None, (status, text(body, "response", "message"))))
