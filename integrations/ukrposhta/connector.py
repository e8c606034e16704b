"""Ukrposhta, eCom API 0.0.1 with its address classifier and StatusTracking (https://dev.ukrposhta.ua).

Whether a second shipment with the same external id is refused isn't documented. So the recipient's client carries our
key, too: while there is none, no shipment was made; where there is one, the sender's shipments are looked through. A
copy's id here is the barcode; changing and deleting go by the shipment's uuid, and only until it is handed over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import delivery
from ..errors import Refused, Unknown
from ..text import N_
from ..types import Copy, OrderData, Paper, Reference, TestResult
from ..values import encode, entries, text
from . import translate
from .api import ECOM, FORMS, JSON
from .facts import FINAL, HINTS, STATES
from .places import Places
from .settings import UkrposhtaSettings
from .tracking import LAST, Tracking
from .translate import METHODS

STICKERS = {"sticker": "", "sticker_a4": "SIZE_A4"}


class Ukrposhta(Places, Tracking):
    key = carrier = translate.CARRIER
    title = "Ukrposhta"
    color = "yellow"
    summary = N_("Counts delivery, makes shipments, prints labels, tracks parcels by number.")
    countries = (translate.COUNTRY,)
    docs_url = "https://dev.ukrposhta.ua"
    currency = translate.CURRENCY
    batch_size = find_size = 10
    final_statuses = FINAL
    number_pattern = r"0\d{12}|[A-Z]{2}\d{9}UA"
    papers = {"sticker": N_("Label 100×100"), "sticker_a4": N_("Label on A4")}
    Settings = UkrposhtaSettings
    mappings = delivery.mappings(HINTS)
    help_steps = (
        N_("Conclude a contract with Ukrposhta; its manager gives you the keys and the counterparty token."),
        N_("Enter them with the uuid of your own client there, save, and press “Test connection”."),
    )

    def test(self) -> TestResult:
        self.told_of([f"{0:013}"], "last/", LAST)  # tracking has a key of its own
        return TestResult(bool(translate.postcode(self._sender)))

    # Shipments

    def make(self, order: OrderData) -> Copy:
        return self._copy(self.ecom("POST", "shipments", self._shipment(order)))

    def edit(self, external_id: str, order: OrderData) -> Copy:
        there = self._uuid(external_id)
        return self._copy(self.ecom("PUT", f"shipments/{there}", self._shipment(order)))

    def delete(self, external_id: str) -> None:
        path = f"{ECOM}/shipments/{self._uuid(external_id)}"
        answer = self.http.request(
            "DELETE", self.url(path), params={"token": self.settings["token"]}, headers=self.headers()
        )
        self._judge(answer, body if isinstance(body := answer.json(), dict) else {}, write=True)

    def _copy(self, made: Mapping[str, Any]) -> Copy:
        tracked = "https://track.ukrposhta.ua" if self.base_url == self.api_url else self.base_url
        if not (copy := translate.copy(made, tracked)).external_id:
            raise Unknown("broken", "the answer names no barcode")
        return copy

    def _uuid(self, barcode: str) -> str:
        return text(self.ecom("GET", f"shipments/barcode/{barcode}"), "uuid")

    def _shipment(self, order: OrderData) -> dict[str, Any]:
        """What a shipment is made of, with the recipient that has to exist for it."""
        ends, name = translate.method(order), self.style.name(order.key)
        place = self.call(
            "POST", f"{ECOM}/addresses", content=encode(translate.address(order, ends[1])), headers=JSON, safe=True
        )
        who = translate.recipient(order, place.get("id"), name)
        known = text(self._client(name), "uuid")
        kept = self.ecom("PUT" if known else "POST", f"clients/{known}" if known else "clients", who)
        return translate.shipment(order, ends, self._sender, text(kept, "uuid"), self.settings, name)

    def _client(self, name: str) -> Mapping[str, Any]:
        """The client with this external id of ours; empty where there is none."""
        try:
            return self.ecom("GET", f"clients/external-id/{name}")
        except Refused as refusal:
            if refusal.fault != "not_found":
                raise
            return {}

    def look_up(self, keys: Sequence[str]) -> Mapping[str, Copy]:
        if not any(self._client(self.style.name(key)) for key in keys):
            return {}
        answer = self.http.get(
            self.url(f"{ECOM}/shipments"), headers=self.headers(),
            params={"token": self.settings["token"], "senderUuid": self.settings["sender_uuid"]},
        )  # fmt: skip
        self._judge(answer, {}, write=False)
        if not isinstance(rows := answer.json(), list):
            raise Unknown("broken", "no list of shipments in the answer")
        return {self.style.key(text(row, "externalId")): self._copy(row) for row in entries(rows)}

    def paper(self, external_id: str, kind: str) -> Paper:
        size = {"size": STICKERS[kind]} if STICKERS[kind] else {}
        answer = self.http.get(
            self.url(f"{FORMS}/shipments/{external_id}/sticker"), params={"token": self.settings["token"], **size},
            headers={**self.headers(), "Accept": "application/pdf"},
        )  # fmt: skip
        self._judge(answer, body if isinstance(body := answer.json(), dict) else {}, write=False)
        return delivery.printed(answer, external_id)

    def references(self) -> Mapping[str, Sequence[Reference]]:
        return delivery.lists(STATES, METHODS, self.carrier)
