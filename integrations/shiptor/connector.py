"""Shiptor, a delivery aggregator: JSON-RPC 2.0 over HTTPS POST.

The vendor's own client with requests, models and samples: https://github.com/shiptoreps/shiptor-russia-php-api-client
(1.6.3). It makes at most three requests a second. Business errors are HTTP 200 with code -32602. What a repeated
external_id leads to is not documented, so a parcel is looked up before it is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from wtforms import StringField

from .. import destinations
from ..base import REFRESH_LISTS, SecretField, SettingsForm, required
from ..errors import Refused, Unknown
from ..text import N_
from ..types import (
    Copy,
    Event,
    OrderData,
    Parcel,
    Place,
    Point,
    ProductData,
    Quote,
    Reference,
    StatusChange,
    TestResult,
)
from ..values import chunks, encode, entries, text
from . import translate
from .translate import CURRENCY, LOCAL, THROUGH

ID = "perron"
ASKED = 100  # parcels in one question about statuses
GONE = ("package was not found", "already removed")
#: their status -> the group of ours it is most likely mapped to
STATUSES = dict.fromkeys(("new", "arrived-to-warehouse", "packed", "sent", "delivered"), "transferred")
STATUSES |= {"removed": "cancelled", "returned": "cancelled", "reported": "cancelled", "lost": "problem"}
#: business errors have one code for all: what they are about is told by their words only
COMPLAINTS = {
    r"\(-3260[34]\)": ("credentials", "api_key"),
    r"\(-32605\)": ("unavailable", ""),
    r"\(-32[78]00\)|\(-3260[01]\)": ("misconfigured", "api_url"),
    r"package was not found": ("not_found", ""),
    r"cashless": ("validation", "cod_method"),
    r"delivery.?point": ("validation", "pickup_code"),
    r"declared": ("validation", "declared_value"),
    r"cash-on-delivery|\bcod\b": ("validation", "cod_amount"),
    r"kladr|settlement": ("validation", "city"),
    r"postal": ("validation", "postal_code"),
    r"shipping.?method": ("validation", "delivery_method_id"),
    r"phone": ("validation", "phone"),
    r"address|street": ("validation", "street"),
}
HELP = {
    "city": N_("The KLADR code (11 digits) of the city you send from. Empty: no end-to-end delivery is offered."),
    "point": N_("The number of the point where you hand end-to-end parcels over. Empty: a courier collects them."),
    "sku": N_("Under this code the delivery price is listed in the parcel."),
    "weight": N_("Used for the price when an order has no weight. Grams."),
    "side": N_("Used for the price when an order has no sizes. Millimetres, each side."),
    "prefix": N_("Keeps our orders apart when another shop sends to the same account. Don't change it later."),
    "sender": N_("Needed for end-to-end parcels, with the address when a courier collects them."),
}


class ShiptorSettings(SettingsForm):
    advanced = ("api_url", "sender_region", "sender_settlement", "sender_street", "sender_house", "sender_postal_code",
                "delivery_sku", "default_weight", "default_side", "external_id_prefix")  # fmt: skip

    api_key = SecretField(N_("API key"), [required()])
    sender_city = StringField(N_("City you send from"), description=HELP["city"])
    sender_point = StringField(N_("Hand-over point"), description=HELP["point"])
    sender_name = StringField(N_("Sender"), description=HELP["sender"])
    sender_phone = StringField(N_("Sender's phone"))
    sender_email = StringField(N_("Sender's e-mail"))
    sender_region = StringField(N_("Sender's region"))
    sender_settlement = StringField(N_("Sender's city"))
    sender_street = StringField(N_("Sender's street"))
    sender_house = StringField(N_("Sender's house"))
    sender_postal_code = StringField(N_("Sender's postal code"))
    delivery_sku = StringField(N_("Code of the delivery service"), default="delivery", description=HELP["sku"])
    default_weight = StringField(N_("Usual weight"), default="500", description=HELP["weight"])
    default_side = StringField(N_("Usual side"), default="100", description=HELP["side"])
    external_id_prefix = StringField(N_("Prefix of external ids"), description=HELP["prefix"])


class Shiptor(destinations.RestDestination):
    key = "shiptor"
    title = "Shiptor"
    color = "teal"
    summary = N_("Counts delivery, takes parcels (standard, end-to-end, export), tells numbers, states and history.")
    countries = ("RU", "KZ", "BY")
    api_url = "https://api.shiptor.ru"
    docs_url = "https://github.com/shiptoreps/shiptor-russia-php-api-client"
    rate = 3.0
    delivers = True
    currency = CURRENCY
    asked_by_id = True
    final_statuses = frozenset({"delivered", "removed", "recycled", "reported", "lost"})
    find_size = 1
    Settings = ShiptorSettings
    mappings = tuple(
        table for table in destinations.mappings(STATUSES, {}, {}) if table.key in ("status_in", "delivery_out")
    )
    tasks = (destinations.READ_STATUSES, REFRESH_LISTS)
    complaint_faults = COMPLAINTS
    help_steps = (
        N_("In your Shiptor account open Settings, Integrations, API."),
        N_("Copy the API key (40 characters) and enter it here, save, and press “Test connection”."),
        N_("For end-to-end delivery enter the city you send from, and who hands the parcels over."),
    )

    def headers(self) -> Mapping[str, str]:
        return {"X-Authorization-Token": str(self.settings["api_key"]), "Content-Type": "application/json"}

    def complaint(self, body: Mapping[str, Any]) -> str:
        return translate.complaint(body)

    def rpc(self, method: str, params: Mapping[str, Any], *, safe: bool = True, api: str = "shipping") -> Any:
        """The `result` of a call. `safe`: it changes nothing. Raises VendorError."""
        asked = {"jsonrpc": "2.0", "id": ID, "method": method, "params": params}
        body = self.call("POST", f"/{api}/v1", content=encode(asked), safe=safe)
        if "result" not in body or body.get("id") != ID:
            raise Unknown("broken", self.http.redact(f"{method}: no result in the answer"))
        return body["result"]

    def test(self) -> TestResult:
        self.rpc("getStatusList", {})
        return TestResult(True)

    # Parcels

    def create(self, order: OrderData) -> Copy:
        if held := self.look_up([order.key]):
            raise Unknown("duplicate", f"parcel {held[order.key].number} has this external_id")
        body = self._parcel(order)
        if order.delivery.kind == THROUGH:
            params = {"shipment": translate.shipment(self.settings), "packages": [body]}
            made = (self.rpc("addPackages", params, safe=False) or {}).get("packages")
        else:
            made = self.rpc("addPackage", body, safe=False)
        return translate.copy(made, self.base_url)

    def edit(self, external_id: str, order: OrderData) -> Copy:
        body = {**self._parcel(order), "id": int(external_id)}
        return translate.copy(self.rpc("editPackage", body, safe=False), self.base_url)

    def look_up(self, keys: Sequence[str]) -> Mapping[str, Copy]:
        try:
            found = self.rpc("getPackage", {"external_id": self.style.name(keys[0])})
        except Refused as refusal:
            if GONE[0] not in refusal.detail.lower():
                raise
            return {}
        return {keys[0]: translate.copy(found, self.base_url)}

    def delete(self, external_id: str) -> None:
        try:
            self.rpc("removePackage", {"id": int(external_id)}, safe=False)
        except Refused as refusal:
            if not any(words in refusal.detail.lower() for words in GONE):
                raise

    def ensure_products(self, products: Sequence[ProductData]) -> Mapping[str, str]:
        return destinations.ensure_products(products, self._products, self._add_products, size=1)

    def _parcel(self, order: OrderData) -> dict[str, Any]:
        """The body of addPackage, with what has to exist for it."""
        place = order.delivery.settlement
        if not place and order.address.country in LOCAL:
            place = self._place(order)
        unnamed = [ProductData(translate.article(x), x.name, x.price, x.weight) for x in order.lines if not x.sku]
        body = translate.parcel(order, place, self.style, self.settings)
        if unnamed:
            self.ensure_products(unnamed)
        if body.get("services"):
            assert self._service
        return body

    def _place(self, order: OrderData) -> str:
        """The settlement that the order's city can only be."""
        return translate.only_place(self.settlements(order.address.city, order.address.country), order.address)

    @cached_property
    def _service(self) -> bool:
        """That the delivery price has its service: asked once by a connector."""
        sku = {"shopArticle": translate.service(self.settings)}
        known = translate.listed(self.rpc("getServices", sku))
        if not any(text(one, "shopArticle") == sku["shopArticle"] for one in known):
            self.rpc("addService", {**sku, "name": "Delivery", "price": 0}, safe=False)
        return True

    def _products(self, skus: Sequence[str]) -> dict[str, str]:
        found = translate.listed(self.rpc("getProducts", {"shopArticle": skus[0]}))
        return {text(p, "shopArticle"): text(p, "id") or text(p, "shopArticle") for p in found}

    def _add_products(self, products: Sequence[ProductData]) -> Sequence[Any]:
        made = [self.rpc("addProduct", translate.product(product), safe=False) for product in products]
        return [text(one, "id") for one in made]

    # Statuses and history

    def statuses(self, cursor: Mapping[str, Any], now: datetime) -> tuple[Sequence[StatusChange], Mapping[str, Any]]:
        return self.statuses_of(cursor.get("ids", ())), {}

    def statuses_of(self, external_ids: Sequence[str]) -> Sequence[StatusChange]:
        asked = ({"ids": [int(one) for one in ids]} for ids in chunks(external_ids, ASKED))
        told = [entry for ids in asked for entry in entries(self.rpc("getPackagesCurrentStatus", ids))]
        return [translate.status(entry, self.style) for entry in told]

    def history(self, external_id: str) -> Sequence[Event]:
        return translate.history(self.rpc("getPackage", {"id": int(external_id)}))

    def references(self) -> Mapping[str, Sequence[Reference]]:
        listed = entries(self.rpc("getShippingMethods", {}))
        methods = [Reference(text(m, "id"), text(m, "name"), translate.group(m)) for m in listed]
        return {"statuses": translate.statuses(self.rpc("getStatusList", {})), "delivery": methods}

    # Delivery

    def quote(self, parcel: Parcel, place: Place) -> Sequence[Quote]:
        """Standard offers, and end-to-end ones where a city to send from is set; abroad those for export."""
        asked = translate.calculation(parcel, place, self.settings)
        if place.country not in LOCAL:
            return translate.quotes(self.rpc("calculateShippingInternational", asked))
        found = list(translate.quotes(self.rpc("calculateShipping", asked)))
        if city := self.settings.get("sender_city"):
            found += translate.quotes(self.rpc("calculateShipping", {**asked, "kladr_id_from": city}))
        return list({offer.code: offer for offer in found}.values())

    def settlements(self, text: str, country: str) -> Sequence[Place]:
        asked = {"query": text, "country_code": country}
        return translate.places(self.rpc("suggestSettlement", asked, api="public"))

    def points(self, place: Place, method: str, parcel: Parcel) -> Sequence[Point]:
        asked = translate.points_wanted(place, method, parcel, self.settings)
        return translate.points(self.rpc("getDeliveryPoints", asked))
