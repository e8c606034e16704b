"""Shiptor, a delivery aggregator: JSON-RPC 2.0 over HTTPS POST.

The vendor's own client with requests, models and samples: https://github.com/shiptoreps/shiptor-russia-php-api-client
(1.6.3). It makes at most three requests a second. Business errors are HTTP 200 with code -32602. What a repeated
external_id leads to is not documented, so a parcel is looked up before it is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from wtforms import StringField

from .. import delivery, destinations, rpc
from ..base import required
from ..fields import references, texts
from ..text import N_
from ..types import Copy, Event, OrderData, Parcel, Place, Point, ProductData, Quote, Reference, StatusChange
from ..values import chunks, entries, listed, part, text
from . import translate
from .translate import CURRENCY, LOCAL, STATUS

ASKED = 100  # parcels in one question about statuses
#: their status -> the group of ours it is most likely mapped to
STATUSES = dict.fromkeys(("new", "arrived-to-warehouse", "packed", "sent", "delivered"), "transferred")
STATUSES |= {"removed": "cancelled", "returned": "cancelled", "reported": "cancelled", "lost": "problem"}
#: business errors have one code for all: what they are about is told by their words only
COMPLAINTS = {
    r"\(-3260[34]\)": ("credentials", "api_key"),
    r"\(-32605\)": ("unavailable", ""),
    r"package was not found|already removed": ("not_found", ""),
    r"kladr": ("validation", "city"),
}
SKU = N_("Under this code the delivery price is listed in the parcel.")


class ShiptorSettings(delivery.DeliverySettings):
    delivery_sku = StringField(N_("Code of the delivery service"), [required()], default="delivery", description=SKU)


class Shiptor(rpc.JsonRpc, delivery.DeliveryService):
    key = "shiptor"
    title = "Shiptor"
    color = "teal"
    summary = N_("Counts delivery, takes parcels (standard, end-to-end, export), tells numbers, states and history.")
    countries = LOCAL
    api_url = "https://api.shiptor.ru"
    docs_url = "https://github.com/shiptoreps/shiptor-russia-php-api-client"
    rate = 3.0
    key_header = "X-Authorization-Token"
    rpc_path = "/shipping/v1"
    currency = CURRENCY
    final_statuses = frozenset({"delivered", "removed", "recycled", "reported", "lost"})
    Settings = ShiptorSettings
    mappings = delivery.mappings(STATUSES)
    gone = "package was not found"
    complaint_faults = {**rpc.FAULTS, **COMPLAINTS, **delivery.COMPLAINTS}
    help_steps = (
        N_("In your Shiptor account open Settings, Integrations, API."),
        N_("Copy the API key (40 characters) and enter it here, save, and press “Test connection”."),
        N_("For end-to-end delivery enter the KLADR code (11 digits) of your city, and who hands the parcels over."),
    )

    def make(self, order: OrderData) -> Copy:
        body = self._parcel(order)
        if order.delivery.kind != delivery.THROUGH:
            return translate.copy(self.tell("addPackage", body), self.base_url)
        shipment = translate.shipment(order, self.settings, datetime.now(UTC))
        made = self.tell("addPackages", {"shipment": shipment, "packages": [body]}) or {}
        return translate.copy(made.get("packages"), self.base_url)

    def edit(self, external_id: str, order: OrderData) -> Copy:
        body = {**self._parcel(order), "id": int(external_id)}
        return translate.copy(self.tell("editPackage", body), self.base_url)

    def held(self, name: str) -> Copy:
        return translate.copy(self.ask("getPackage", external_id=name), self.base_url)

    def delete(self, external_id: str) -> None:
        self.tell("removePackage", {"id": int(external_id)})

    def ensure_products(self, products: Sequence[ProductData]) -> Mapping[str, str]:
        return self._ensure("Product", products)

    def _parcel(self, order: OrderData) -> dict[str, Any]:
        """The body of addPackage, with what has to exist for it."""
        body = translate.parcel(order, self.place_code(order), self.style, self.settings)
        self._ensure("Product", delivery.unnamed(order.lines))
        for price in body.get("services", ()):
            price["shopArticle"] = self._service
        return body

    @cached_property
    def _service(self) -> str:
        """What the delivery price is listed under; that it exists is asked once by a connector."""
        sku = str(self.settings["delivery_sku"])
        return sku if self._ensure("Service", [ProductData(sku, "Delivery")]) else ""

    def _ensure(self, kind: str, things: Sequence[ProductData]) -> Mapping[str, str]:
        def found(skus: Sequence[str]) -> dict[str, str]:
            told = listed(self.ask(f"get{kind}s", shopArticle=skus[0]))
            return {text(one, "shopArticle"): text(one, "id") or skus[0] for one in told}

        def added(new: Sequence[ProductData]) -> list[str]:
            return [text(self.tell(f"add{kind}", translate.product(one)), "id") for one in new]

        return destinations.ensure_products(things, found, added, size=1)

    def statuses_of(self, external_ids: Sequence[str]) -> Sequence[StatusChange]:
        asked = ([int(one) for one in ids] for ids in chunks(external_ids, ASKED))
        told = [one for ids in asked for one in entries(self.ask("getPackagesCurrentStatus", ids=ids))]
        return [StatusChange(**texts(one, STATUS), key=self.style.key(text(one, "external_id"))) for one in told]

    def history(self, external_id: str) -> Sequence[Event]:
        return translate.history(self.ask("getPackage", id=int(external_id)))

    def references(self) -> Mapping[str, Sequence[Reference]]:
        methods = [translate.method(one) for one in entries(self.ask("getShippingMethods"))]
        return {"statuses": references(self.ask("getStatusList"), group="code"), "delivery": methods}

    def quote(self, parcel: Parcel, place: Place) -> Sequence[Quote]:
        """Standard offers, and end-to-end ones where a city to send from is set; abroad those for export."""
        asked = translate.calculation(parcel, place, self.settings)
        if place.country not in LOCAL:
            return self._quotes("calculateShippingInternational", asked)
        offers = self._quotes("calculateShipping", asked)
        if city := self.settings.get("sender_city"):
            offers += self._quotes("calculateShipping", {**asked, "kladr_id_from": city})
        return list({offer.code: offer for offer in offers}.values())

    def _quotes(self, method: str, asked: Mapping[str, Any]) -> list[Quote]:
        return [translate.quote(entry) for entry in entries(part(self.ask(method, **asked)).get("methods"))]

    def settlements(self, text: str, country: str) -> Sequence[Place]:
        asked = {"query": text, "country_code": country}
        return [translate.place(entry) for entry in entries(self.rpc("/public/v1", "suggestSettlement", asked))]

    def points(self, place: Place, method: str, parcel: Parcel) -> Sequence[Point]:
        asked = translate.limits(place, method, parcel, self.settings)
        return [translate.point(entry) for entry in entries(self.ask("getDeliveryPoints", **asked))]
