"""Our orders and parcels -> Shiptor's shapes, and its answers -> ours. Pure.

Weights are kilograms and sizes centimetres, money is roubles as numbers; answers mix numbers and texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from .. import delivery
from ..fields import same, texts
from ..style import Style
from ..types import Copy, Event, LineData, OrderData, Parcel, Place, Point, ProductData, Quote, Reference
from ..values import alone, filled, money, part, text

LOCAL = ("RU", "KZ", "BY")  # any other country is export
CURRENCY = "RUB"
MOSCOW = timezone(timedelta(hours=3))
LEAST_DECLARED = Decimal(10)
#: the end of a method's category says where the parcel is handed over: -> our kind of delivery
ENDS = {"to-door": "courier", "delivery-point": "pickup", "post-office": "post"}
POST = "russian-post"  # takes cash only, and wants the postal code
RECIPIENT = {"name": "first_name", "surname": "last_name", "settlement": "city", "administrative_area": "region",
             **same("patronymic", "phone", "email", "postal_code", "street", "house"), "apartment": "flat"}  # fmt: skip
ABROAD = {"receiver": "full_name", "settlement": "city", **same("phone", "email", "postal_code")}
SENDER = {"receiver": "sender_name", "phone": "sender_phone", "email": "sender_email"}
COLLECTED = {"administrative_area": "sender_region", "settlement": "sender_settlement", "street": "sender_street",
             "house": "sender_house", "postal_code": "sender_postal_code", "kladr_id": "sender_city"}  # fmt: skip
POINT = {"code": "id", "address": "address", "hours": "work_schedule", "directions": "trip_description",
         "latitude": "gps_location.latitude", "longitude": "gps_location.longitude"}  # fmt: skip
OFFER = {"code": "method.id", "name": "method.name", "carrier": "method.courier", "days": "days",
         "currency": "cost.total.currency"}  # fmt: skip
STATUS = {"external_id": "id", "status": "status"}
STEP = {"at": "date", "text": "description|event"}
CHECKPOINT = {"at": "date", "text": "message", "detail": "details"}
SETTLEMENT = {"code": "kladr_id", "name": "name", "region": "administrative_area|readable_parents",
              "country": "country.code", "kind": "type_short"}  # fmt: skip


def parcel(order: OrderData, place: str, style: Style, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The body of addPackage and editPackage. Raises Refused for what is wrong before they are asked."""
    code, cost = delivery.method_code(order, CURRENCY, r"\d+"), order.delivery.cost
    export, due = order.address.country not in LOCAL, delivery.due(order)
    departure: dict[str, Any] = {"shipping_method": int(code), "address": _address(order, place, export)}
    if not export:
        departure |= {"cashless_payment": order.payment.kind == "cod_card", "comment": order.customer_comment}
        departure |= {"delivery_point": int(there)} if (there := order.delivery.pickup_code).isdecimal() else {}
    body = {**delivery.measures(order, settings), "external_id": style.name(order.key), "departure": departure}
    body["products"] = [_product(line, export) for line in order.lines]
    if export:
        return body
    body |= {"cod": due, "declared_cost": delivery.declared(order, due, LEAST_DECLARED)}
    price = {"shopArticle": text(settings, "delivery_sku"), "count": 1, "price": cost}
    return {**body, "services": [price]} if cost else body


def _address(order: OrderData, place: str, export: bool) -> dict[str, Any]:
    a = order.address
    country = {"country": a.country or "RU"}  # named country_code in their answers
    line = a.text or order.delivery.pickup_address
    if export:
        street = " ".join(filter(None, (a.street, a.house, a.flat))) or line
        return {**country, **delivery.whereto(order, ABROAD), "address_line_1": street}
    there = {**country, **delivery.whereto(order, RECIPIENT), "kladr_id": place}
    return there if a.street or not line else {**there, "address_line_1": line}


def _product(line: LineData, export: bool) -> dict[str, Any]:
    item = {"shopArticle": delivery.article(line), "count": line.quantity, "price": delivery.unit_price(line)}
    return item | ({"englishName": line.name} if export else {})


def shipment(order: OrderData, settings: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """How an end-to-end parcel gets to its courier, tomorrow: handed over at a point, or collected. The day is written
    in another way for each, as the vendor's client does."""
    day, common = now.astimezone(MOSCOW) + timedelta(days=1), filled({"courier": order.delivery.carrier})
    if here := text(settings, "sender_point"):
        who = {"address": delivery.sender(settings, SENDER), "delivery_point": int(here)}
        return {"type": "delivery-point", "date": f"{day:%Y-%m-%d}", **common, **who, "comment": ""}
    where = {"country": "RU", **delivery.sender(settings, SENDER | COLLECTED)}
    return {"type": "courier", "date": f"{day:%d.%m.%Y}", **common, "address": where, "comment": ""}


def product(item: ProductData) -> dict[str, Any]:
    known = {"shopArticle": item.sku, "name": item.name, "price": item.price}
    return {**known, **filled({"weight": Decimal(item.weight) / 1000})}


def copy(answer: Any, address: str) -> Copy:
    found = alone(answer)
    number = text(found, "tracking_number")
    return Copy(text(found, "id"), number, text(found, "status"), url=f"{address}/tracking/{number}" if number else "")


def _sort(method: Mapping[str, Any]) -> dict[str, str]:
    """A category that names both ends goes past the warehouse, from region to region. That methods for export have
    "international" in their group is not documented."""
    category = text(method, "category")
    kind = delivery.THROUGH if "-to-" in category else delivery.STANDARD
    there = next((ours for end, ours in ENDS.items() if category.endswith(end)), "courier")
    return {"kind": delivery.EXPORT if "international" in text(method, "group") else kind, "category": there}


def method(one: Mapping[str, Any]) -> Reference:
    return delivery.method(text(one, "id"), text(one, "name"), **_sort(one), carrier=text(one, "courier"))


def calculation(parcel: Parcel, place: Place, settings: Mapping[str, Any]) -> dict[str, Any]:
    declared = delivery.declared(parcel, parcel.cod, LEAST_DECLARED)
    asked: dict[str, Any] = {**delivery.measures(parcel, settings), "declared_cost": declared}
    if place.country not in LOCAL:
        return {**asked, "departure_country_code": "RU", "destination_country_code": place.country}
    there = {"cod": parcel.cod, "kladr_id": place.code, "country_code": place.country}
    return {**asked, **there, **filled({"card": parcel.by_card})}


def quote(entry: Mapping[str, Any]) -> Quote:
    by_post, well = text(entry, "method", "courier") == POST, text(entry, "status") == "ok"
    return Quote(
        **texts(entry, OFFER if well else OFFER | {"why_not": "message|status"}),
        **_sort(part(entry, "method")),
        cost=money(text(entry, "cost", "total", "sum")),
        takes_card=not by_post,
        needs_postal_code=by_post,
    )


def place(entry: Mapping[str, Any]) -> Place:
    return Place(**texts(entry, SETTLEMENT))


def limits(place: Place, method: str, parcel: Parcel, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What getDeliveryPoints is asked."""
    collected = filled({"cod": bool(parcel.cod), "card": parcel.by_card})
    asked = {"kladr_id": place.code, "shipping_method": int(method), "limits": delivery.measures(parcel, settings)}
    return {**asked, **collected}


def point(entry: Mapping[str, Any]) -> Point:
    return Point(**texts(entry, POINT), phone=", ".join(map(str, entry.get("phones") or ())))


def history(answer: Any) -> list[Event]:
    """What happened at Shiptor and, as checkpoints, at the courier."""
    found = alone(answer)
    return delivery.steps((found.get("history"), STEP), (found.get("checkpoints"), CHECKPOINT))
