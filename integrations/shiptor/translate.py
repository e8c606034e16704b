"""Our orders and parcels -> Shiptor's shapes, and its answers -> ours. Pure.

Weights are kilograms and sizes centimetres, money is roubles as numbers; answers mix numbers and texts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ..errors import Refused
from ..fields import same, texts, written
from ..style import Style
from ..types import (
    Address,
    Copy,
    Event,
    LineData,
    OrderData,
    Parcel,
    Place,
    Point,
    ProductData,
    Quote,
    Reference,
    StatusChange,
)
from ..values import entries, filled, moment, money, part, text

LOCAL = ("RU", "KZ", "BY")  # any other country is export
CURRENCY = "RUB"
STANDARD, THROUGH, EXPORT = "standard", "end-to-end", "export"
LEAST_DECLARED = Decimal(10)
#: the end of a method's category says where the parcel is handed over: -> our kind of delivery
ENDS = {"to-door": "courier", "delivery-point": "pickup", "post-office": "post"}
#: from region to region by the courier itself; every other category goes through the warehouse
THROUGH_CATEGORIES = {"delivery-point-to-delivery-point", "delivery-point-to-door", "door-to-door",
                      "door-to-delivery-point"}  # fmt: skip
POST = "russian-post"  # takes cash only, and wants the postal code
PERSON = {"name": "first_name", "surname": "last_name", **same("patronymic", "email", "phone")}
PLACE = {"administrative_area": "region", "settlement": "city", "apartment": "flat",
         **same("postal_code", "street", "house")}  # fmt: skip
SENDER = {"receiver": "sender_name", "phone": "sender_phone", "email": "sender_email"}
COLLECTED = {"administrative_area": "sender_region", "settlement": "sender_settlement", "street": "sender_street",
             "house": "sender_house", "postal_code": "sender_postal_code", "kladr_id": "sender_city"}  # fmt: skip


def complaint(body: Mapping[str, Any]) -> str:
    """Their words, with the code behind them where it isn't the one that all business errors have. `error` may be a
    plain text."""
    error = body.get("error")
    code, words = text(error, "code"), text(error, "message") if part(error) else text(error)
    return f"{words} ({code})" if code not in ("", "-32602") else words


def parcel(order: OrderData, place: str, style: Style, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The body of addPackage and editPackage. Raises Refused for what is wrong before they are asked."""
    if order.currency != CURRENCY:
        raise Refused("validation", f"the order is in {order.currency}, Shiptor takes {CURRENCY} only", "currency")
    method = order.delivery.service_code or order.delivery.code
    if not method.isdecimal():
        raise Refused("validation", "no Shiptor method is chosen for the order", "delivery_method_id")
    export = order.address.country not in LOCAL
    due = order.payment.cod_amount if order.payment.cod and not order.payment.paid else Decimal(0)
    departure: dict[str, Any] = {"shipping_method": int(method), "address": _address(order, place, export)}
    if not export:
        departure |= {"cashless_payment": order.payment.kind == "cod_card", "comment": order.customer_comment}
        departure |= {"delivery_point": int(point)} if (point := order.delivery.pickup_code).isdecimal() else {}
    body = {**size(order, settings), "external_id": style.name(order.key), "departure": departure}
    body["products"] = [_product(line, export) for line in order.lines]
    if export:
        return body
    body |= {"cod": due, "declared_cost": max(order.declared_value, due, LEAST_DECLARED)}
    cost = order.delivery.cost
    return body | ({"services": [{"shopArticle": service(settings), "count": 1, "price": cost}]} if cost else {})


def _address(order: OrderData, place: str, export: bool) -> dict[str, Any]:
    a, who = order.address, order.recipient
    line = a.text or order.delivery.pickup_address
    country = {"country": a.country or "RU"}  # named country_code in their answers
    if export:
        rest = {"receiver": who.full_name, "email": who.email, "phone": who.phone, "postal_code": a.postal_code}
        street = " ".join(filter(None, (a.street, a.house, a.flat))) or line
        return {**country, **filled(rest), "settlement": a.city, "address_line_1": street}
    known = filled({**written(who, PERSON), **written(a, PLACE)})
    return {**country, **known, "kladr_id": place, **({} if a.street else filled({"address_line_1": line}))}


def _product(line: LineData, export: bool) -> dict[str, Any]:
    price = line.amount / line.quantity if line.discount and line.quantity else line.price
    item = {"shopArticle": article(line), "count": line.quantity, "price": round(price, 2)}
    return item | ({"englishName": line.name} if export else {})


def article(line: LineData) -> str:
    """A product without an SKU goes by its name."""
    return line.sku or f"name-{hashlib.sha256(line.name.encode()).hexdigest()[:12]}"


def service(settings: Mapping[str, Any]) -> str:
    return str(settings.get("delivery_sku") or "delivery")


def size(of: OrderData | Parcel, settings: Mapping[str, Any]) -> dict[str, Decimal]:
    weight = of.weight or money(settings.get("default_weight")) or Decimal(500)
    side = money(settings.get("default_side")) or Decimal(100)
    sides = {name: Decimal(getattr(of, name) or side) / 10 for name in ("length", "width", "height")}
    return {**sides, "weight": Decimal(weight) / 1000}


def shipment(settings: Mapping[str, Any]) -> dict[str, Any]:
    """How an end-to-end parcel gets to its courier: handed over at a point, or collected."""
    who = {theirs: settings.get(ours) or "" for theirs, ours in SENDER.items()}
    if not who["receiver"] or not who["phone"]:
        raise Refused("misconfigured", "an end-to-end parcel needs the sender's name and phone", "sender_name")
    if point := text(settings, "sender_point"):
        return {"type": "delivery-point", "address": filled(who), "delivery_point": int(point), "comment": ""}
    where = {theirs: settings.get(ours) or "" for theirs, ours in COLLECTED.items()}
    return {"type": "courier", "address": {**filled(who), **filled(where), "country": "RU"}, "comment": ""}


def product(item: ProductData) -> dict[str, Any]:
    known: dict[str, Any] = {"shopArticle": item.sku, "name": item.name, "price": item.price}
    return known | filled({"weight": Decimal(item.weight) / 1000})


def listed(answer: Any) -> list[Mapping[str, Any]]:
    """The things of a list, however it is wrapped: [..], {"products": [..]}, or one thing alone."""
    inner = next((v for v in answer.values() if isinstance(v, list)), [answer]) if isinstance(answer, dict) else answer
    return entries(inner)


def copy(package: Any, address: str) -> Copy:
    """A parcel; some answers wrap it in a list."""
    found = part(package[0]) if isinstance(package, list) and package else part(package)
    number = text(found, "tracking_number")
    return Copy(text(found, "id"), number, text(found, "status"), url=f"{address}/tracking/{number}" if number else "")


def status(entry: Mapping[str, Any], style: Style) -> StatusChange:
    return StatusChange(text(entry, "id"), text(entry, "status"), key=style.key(text(entry, "external_id")))


def statuses(answer: Any) -> list[Reference]:
    """getStatusList: {code: {code, name, …}}; older accounts get {code: name}."""
    found = part(answer)
    return [Reference(code, text(e, "name") if part(e) else text(e), code) for code, e in found.items()]


def kind(method: Mapping[str, Any]) -> str:
    """Standard, end-to-end or export. That methods for export have "international" in their group is not documented."""
    if "international" in text(method, "group"):
        return EXPORT
    return THROUGH if text(method, "category") in THROUGH_CATEGORIES else STANDARD


def delivered(method: Mapping[str, Any]) -> str:
    """Our kind of delivery: courier, pickup or post."""
    category = text(method, "category")
    return next((ours for end, ours in ENDS.items() if category.endswith(end)), "courier")


def group(method: Mapping[str, Any]) -> str:
    """ "standard/pickup/cdek": kind, our kind of delivery, carrier."""
    return f"{kind(method)}/{delivered(method)}/{text(method, 'courier')}"


def calculation(parcel: Parcel, place: Place, settings: Mapping[str, Any]) -> dict[str, Any]:
    declared = max(parcel.declared_value, parcel.cod, LEAST_DECLARED)
    asked: dict[str, Any] = {**size(parcel, settings), "declared_cost": declared}
    if place.country not in LOCAL:
        return {**asked, "departure_country_code": "RU", "destination_country_code": place.country}
    asked |= {"cod": parcel.cod, "kladr_id": place.code, "country_code": place.country}
    return asked | ({"card": True} if parcel.cod and parcel.by_card else {})


def quotes(answer: Any) -> list[Quote]:
    return [_quote(entry) for entry in entries(part(answer).get("methods"))]


def _quote(entry: Mapping[str, Any]) -> Quote:
    method, total = part(entry, "method"), part(part(entry, "cost"), "total")
    carrier, well = text(method, "courier"), text(entry, "status") == "ok"
    return Quote(
        code=text(method, "id"),
        name=text(method, "name"),
        category=delivered(method),
        kind=kind(method),
        carrier=carrier,
        cost=money(total.get("sum")),
        currency=text(total, "currency") or CURRENCY,
        days=text(entry, "days"),
        min_days=int(money(entry.get("min_days"))),
        max_days=int(money(entry.get("max_days"))),
        takes_card=carrier != POST,
        needs_postal_code=carrier == POST,
        why_not="" if well else text(entry, "message") or text(entry, "status"),
    )


def places(answer: Any) -> list[Place]:
    """suggestSettlement."""
    found = []
    for entry in entries(answer):
        region = text(entry, "administrative_area") or text(entry, "readable_parents")
        country, kind = text(entry, "country", "code"), text(entry, "type_short")
        found.append(Place(text(entry, "kladr_id"), text(entry, "name"), region, country, kind))
    return found


def bare(name: str) -> str:
    """A settlement's name without "г.", "пос." and the like, for comparing."""
    words = name.casefold().replace("ё", "е").split()
    return " ".join(words[1:] if len(words) > 1 and (words[0].endswith(".") or len(words[0]) < 3) else words)


def only_place(found: Sequence[Place], a: Address) -> str:
    """The code of the one settlement that a typed city can mean. Raises Refused when there are several or none."""
    same_name = [place for place in found if bare(place.name) == bare(a.city)]
    near = [p for p in same_name if a.region and bare(p.region)[:5] == bare(a.region)[:5]]
    if len(near or same_name) != 1:
        raise Refused("validation", f"which settlement is {a.city!r}? Choose it from the list", "city")
    return (near or same_name)[0].code


def points_wanted(place: Place, method: str, parcel: Parcel, settings: Mapping[str, Any]) -> dict[str, Any]:
    asked = {"kladr_id": place.code, "shipping_method": int(method), "limits": size(parcel, settings)}
    return asked | ({"cod": True} if parcel.cod else {}) | ({"card": True} if parcel.cod and parcel.by_card else {})


POINT = {"code": "id", "hours": "work_schedule", "directions": "trip_description", "carrier": "courier",
         "address": "address", "latitude": "gps_location.latitude", "longitude": "gps_location.longitude"}  # fmt: skip


def points(answer: Any) -> list[Point]:
    found = []
    for entry in entries(answer):
        methods = entry.get("shipping_methods") or ([m] if (m := entry.get("shipping_method")) else [])
        phones = ", ".join(map(str, entry.get("phones") or ()))
        takes: dict[str, Any] = {
            "takes_cod": entry.get("cod") is not False,
            "takes_card": entry.get("card") is not False,
        }
        found.append(Point(**texts(entry, POINT), phone=phones, methods=[str(m) for m in methods], **takes))
    return found


def history(package: Any) -> list[Event]:
    """What happened at Shiptor and, as checkpoints, at the courier; the same step told twice counts once."""
    found = part(package[0]) if isinstance(package, list) and package else part(package)
    steps = [(e, text(e, "description") or text(e, "event"), "") for e in entries(found.get("history"))]
    steps += [(e, text(e, "message"), text(e, "details")) for e in entries(found.get("checkpoints"))]
    told: dict[tuple[datetime | None, str], str] = {}
    for entry, words, detail in steps:
        told.setdefault((moment(entry.get("date")), words), detail)
    undated = datetime.min.replace(tzinfo=UTC)
    return [Event(at, words, told[at, words]) for at, words in sorted(told, key=lambda step: step[0] or undated)]
