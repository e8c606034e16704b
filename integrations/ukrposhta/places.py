"""Settlements, post offices and prices: the address classifier and the price of domestic deliveries
(https://dev.ukrposhta.ua)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from .. import delivery
from ..errors import Refused
from ..fields import texts
from ..types import Parcel, Place, Point, Quote
from ..values import encode, entries, filled, moment, money, part, text
from . import translate
from .api import ECOM, JSON, Api
from .tracking import KYIV
from .translate import CARRIER, COUNTRY, CURRENCY, METHODS, TO_DOOR

CLASSIFIER = "/address-classifier-ws"
PLACE = {"code": "CITY_ID", "name": "CITY_UA", "kind": "SHORTCITYTYPE_UA"}
POINT = {"code": "POSTCODE|POSTINDEX", "phone": "PHONE", "latitude": "LATTITUDE", "longitude": "LONGITUDE"}


def listed(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The classifier's rows: it writes an only one without a list, and none as nothing."""
    rows = part(answer, "Entries").get("Entry")
    return [part(rows)] if isinstance(rows, Mapping) else entries(rows)


def place(row: Mapping[str, Any]) -> Place:
    region = delivery.region(text(row, "REGION_UA"), text(row, "DISTRICT_UA"))
    return Place(**texts(row, PLACE), region=region, country=COUNTRY)


def works(row: Mapping[str, Any]) -> bool:
    """Whether this post office is open to everybody."""
    return text(row, "LOCK_CODE") in ("", "0") and text(row, "IS_SECURITY") != "1"


def point(row: Mapping[str, Any]) -> Point:
    where = (text(row, "PO_SHORT") or text(row, "POSTOFFICE_UA"), text(row, "ADDRESS") or text(row, "STREET_UA_VPZ"))
    known = texts(row, POINT)
    return Point(**known, address=", ".join(filter(None, (known["code"], *where))))


def question(of: Parcel, method: str, ends: tuple[str, str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """What POST /domestic/delivery-price is asked. `ends`: the postal codes."""
    kind, _, way = method.partition("-")
    sized = translate.parcel(of, delivery.declared(of, of.cod, Decimal(1)), settings)
    codes = {"addressFrom": {"postcode": ends[0]}, "addressTo": {"postcode": ends[1]}}
    return {**codes, "type": kind, "deliveryType": way, "parcels": [sized], **filled({"postPay": of.cod})}


def quote(method: str, answer: Mapping[str, Any], now: datetime, why_not: str = "") -> Quote:
    name, category = METHODS[method]
    arrives = moment(text(answer, "deliveryDate"), KYIV)
    days = str(max((arrives - now).days + 1, 1)) if arrives else ""
    return Quote(method, name, category, delivery.STANDARD, CARRIER, money(answer.get("deliveryPrice")), CURRENCY,
                 days, needs_postal_code=category == "courier", why_not=why_not)  # fmt: skip


class Places(Api):
    """The part of the connector that knows places and prices."""

    def quote(self, parcel: Parcel, place: Place) -> Sequence[Quote]:
        """Prices go by postal codes: that of the settlement's first post office stands for it."""
        offices, now = self.points(place, "", parcel), datetime.now(UTC)
        ends = (translate.postcode(self._sender), offices[0].code if offices else "")
        return [self._price(code, ends, parcel, now) for code in METHODS] if all(ends) else []

    def _price(self, method: str, ends: tuple[str, str], parcel: Parcel, now: datetime) -> Quote:
        body = encode(question(parcel, method, ends, self.settings))
        try:
            told = self.call("POST", f"{ECOM}/domestic/delivery-price", content=body, headers=JSON, safe=True)
        except Refused as refusal:
            if refusal.fault != "validation":
                raise
            return quote(method, {}, now, refusal.detail)
        return quote(method, told, now)

    def settlements(self, text: str, country: str) -> Sequence[Place]:
        path = f"{CLASSIFIER}/get_city_by_region_id_and_district_id_and_city_ua"
        return [place(row) for row in listed(self.call("GET", path, params={"city_ua": text}))]

    def points(self, place: Place, method: str, parcel: Parcel) -> Sequence[Point]:
        if method.endswith(TO_DOOR):
            return []
        path = f"{CLASSIFIER}/get_postoffices_by_city_id"
        rows = listed(self.call("GET", path, params={"city_id": place.code}))
        return [point(row) for row in rows if works(row)]
