"""Nova Poshta, API 2.0: one address, model and method in the body, business errors with HTTP 200
(https://developers.novaposhta.ua/documentation). Its calls: api.py. What it makes: waybills.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

from .. import delivery
from ..http import judge
from ..text import N_
from ..types import Event, Paper, Parcel, Place, Point, Quote, Reference, StatusChange, TestResult
from ..values import alone, entries, text
from . import places, translate
from .facts import BRANCH, CARRIER, COUNTRY, CURRENCY, DOORS, FINAL, HINTS, LOCKER, METHODS, STATES
from .settings import NovaPoshtaSettings
from .waybills import Waybills

PAGE = 500  # rows of a directory's page


class NovaPoshta(Waybills):
    key = carrier = CARRIER
    title = "Nova Poshta"
    color = "red"
    summary = N_("Counts delivery, makes waybills, prints labels, tracks parcels by number.")
    countries = (COUNTRY,)
    api_url = "https://api.novaposhta.ua"
    docs_url = "https://developers.novaposhta.ua"
    currency = CURRENCY
    batch_size = 10
    final_statuses = FINAL
    number_pattern = r"(?:20|59|1\d)\d{12}"
    papers = {"printMarking100x100": N_("Label 100×100"), "printDocument": N_("Waybill")}
    Settings = NovaPoshtaSettings
    mappings = delivery.mappings(HINTS)
    help_steps = (
        N_("In your Nova Poshta business account open Settings, Security, and create an API key."),
        N_("Enter it here with the city and the branch that you send from, save, and press “Test connection”."),
    )

    def test(self) -> TestResult:
        return TestResult(bool(self._sender))

    # Tracking

    def track(self, numbers: Sequence[str]) -> Sequence[StatusChange]:
        return [translate.change(row, self.style.key(text(row, "ClientBarcode"))) for row in self.states_of(numbers)]

    def statuses_of(self, external_ids: Sequence[str]) -> Sequence[StatusChange]:
        return self.track(external_ids)

    def history(self, external_id: str) -> Sequence[Event]:
        return [event for row in self.states_of([external_id]) for event in translate.history(row)]

    def paper(self, external_id: str, kind: str) -> Paper:
        path = f"/orders/{kind}/orders[]/{external_id}/type/pdf/apiKey/{self.settings['api_key']}"
        answer = self.http.get(f"{self._host('my.novaposhta.ua')}{path}")
        judge(answer)
        return delivery.printed(answer, external_id)

    # Prices and places

    def references(self) -> Mapping[str, Sequence[Reference]]:
        return delivery.lists(STATES, METHODS, self.carrier)

    def quote(self, parcel: Parcel, place: Place) -> Sequence[Quote]:
        now, offers = datetime.now(UTC), []
        for code in (BRANCH, DOORS):
            ends = {"CitySender": self._city, "CityRecipient": place.code, "ServiceType": code}
            price = self.ask("InternetDocument", "getDocumentPrice", **translate.question(parcel, ends, self.settings))
            day = self.ask("InternetDocument", "getDocumentDeliveryDate", **ends, DateTime=translate.day(now))
            same = (code, LOCKER) if code == BRANCH else (code,)
            offers += [translate.quote(one, price, day, parcel, self.settings, now) for one in same]
        return offers

    def settlements(self, text: str, country: str) -> Sequence[Place]:
        found = alone(self.ask("Address", "searchSettlements", CityName=text, Limit="50", Page="1"))
        return [place for place in map(places.place, entries(found.get("Addresses"))) if place.code]

    def points(self, place: Place, method: str, parcel: Parcel) -> Sequence[Point]:
        weight = delivery.measures(parcel, self.settings)["weight"]
        found: list[Mapping[str, Any]] = []
        for page in count(1):
            rows = self.ask("Address", "getWarehouses", CityRef=place.code, Page=str(page), Limit=str(PAGE))
            found += rows
            if len(rows) < PAGE:
                break
        return [places.point(row) for row in found if places.takes(row, weight, method == LOCKER)]
