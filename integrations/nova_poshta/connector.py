"""Nova Poshta, API 2.0: one address, model and method in the body, business errors with HTTP 200
(https://developers.novaposhta.ua/documentation).

`save` knows no idempotency: sent twice it makes two waybills. Our key goes along as the client's own number
(InfoRegClientBarcodes), and the account's list of waybills is searched for it before anything is made. A copy's id here
is the number on the parcel, which everything but changing and deleting goes by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import count, zip_longest
from typing import Any

from .. import delivery
from ..errors import Refused, Unknown
from ..fields import fixed, texts
from ..http import judge
from ..text import N_
from ..types import Copy, Event, OrderData, Paper, Parcel, Place, Point, Quote, Reference, StatusChange, TestResult
from ..values import alone, encode, entries, part, text
from . import translate
from .facts import COMPLAINTS, FINAL, GONE, HINTS, STATES
from .settings import NovaPoshtaSettings
from .translate import BRANCH, DOORS, LOCKER, METHODS

ASKED, PAGE = 100, 500  # waybills in one question about their states, rows of a directory's page
LOOKED_BACK = timedelta(days=7)
PATH, JSON = "/v2.0/json/", {"Content-Type": "application/json"}


class NovaPoshta(delivery.Carrier):
    key = carrier = translate.CARRIER
    title = "Nova Poshta"
    color = "red"
    summary = N_("Counts delivery, makes waybills, prints labels, tracks parcels by number.")
    countries = (translate.COUNTRY,)
    api_url = "https://api.novaposhta.ua"
    docs_url = "https://developers.novaposhta.ua"
    currency = translate.CURRENCY
    batch_size = 10
    final_statuses = FINAL
    number_pattern = r"(?:20|59|1\d)\d{12}"
    papers = {"printMarking100x100": N_("Label 100×100"), "printDocument": N_("Waybill")}
    Settings = NovaPoshtaSettings
    mappings = delivery.mappings(HINTS)
    success = "success"
    complaint_faults = COMPLAINTS
    help_steps = (
        N_("In your Nova Poshta business account open Settings, Security, and create an API key."),
        N_("Enter it here with the city and the branch that you send from, save, and press “Test connection”."),
    )

    def complaints(self, body: Mapping[str, Any]) -> list[str]:
        said, codes = body.get("errors") or (), body.get("errorCodes") or ()
        words = [*said.values()] if isinstance(said, Mapping) else [*said]
        return [f"{word} ({code})" if code else str(word) for word, code in zip_longest(words, codes, fillvalue="")]

    def ask(self, model: str, method: str, /, **properties: Any) -> list[Mapping[str, Any]]:
        """`data` of a method that changes nothing. Raises VendorError."""
        return self._call(model, method, properties, safe=True)

    def tell(self, model: str, method: str, /, **properties: Any) -> list[Mapping[str, Any]]:
        return self._call(model, method, properties, safe=False)

    def _call(self, model: str, method: str, properties: Mapping[str, Any], safe: bool) -> list[Mapping[str, Any]]:
        asked = {"apiKey": self.settings["api_key"], "modelName": model, "calledMethod": method}
        body = self.call(
            "POST", PATH, content=encode({**asked, "methodProperties": properties}), safe=safe, headers=JSON
        )
        if not isinstance(body.get("data"), list):
            raise Unknown("broken", f"{model}/{method}: no data in the answer")
        return entries(body["data"])

    def test(self) -> TestResult:
        return TestResult(bool(self._sender))

    def _host(self, name: str) -> str:
        """Where parcels are shown and printed; an address of one's own stands for the vendor's other hosts, too."""
        return f"https://{name}" if self.base_url == self.api_url else self.base_url

    # Waybills

    def make(self, order: OrderData) -> Copy:
        return self._copy(self.tell("InternetDocument", "save", **self._waybill(order)))

    def edit(self, external_id: str, order: OrderData) -> Copy:
        there = self._ref(external_id)
        return self._copy(self.tell("InternetDocument", "update", Ref=there, **self._waybill(order)), external_id)

    def delete(self, external_id: str) -> None:
        self.tell("InternetDocument", "delete", DocumentRefs=[self._ref(external_id)])

    def _copy(self, data: Sequence[Mapping[str, Any]], number: str = "") -> Copy:
        number = text(alone(data), "IntDocNumber") or number
        return Copy(number, number, "1", STATES["1"], f"{self._host('novaposhta.ua')}/tracking/{number}")

    def _ref(self, number: str) -> str:
        (row,) = self._rows([number]) or ({},)
        if text(row, "StatusCode") in ("", *GONE):
            raise Refused("not_found", f"there is no waybill {number}")
        if not (ref := text(row, "RefEW")):
            raise Unknown("broken", f"the answer about {number} names no waybill")
        return ref

    def _waybill(self, order: OrderData) -> dict[str, Any]:
        """The properties of `save`, with the recipient that has to exist for it."""
        method = translate.method(order)
        start, there = self._sender, self._street(order) if method == DOORS else self._branch(order, method)
        made = alone(self.tell("Counterparty", "save", **translate.recipient(order)))
        who = {
            "Recipient": text(made, "Ref"),
            "ContactRecipient": text(alone(part(made, "ContactPerson")["data"]), "Ref"),
        }
        if method == DOORS:
            house = {"BuildingNumber": order.address.house, "Flat": order.address.flat}
            saved = self.tell("Address", "save", CounterpartyRef=who["Recipient"], StreetRef=there["address"], **house)
            there = {**there, "address": text(alone(saved), "Ref")}
        body = translate.waybill(order, there, self.settings, datetime.now(UTC))
        return {**body, **start, **who, "InfoRegClientBarcodes": self.style.name(order.key)}

    def _branch(self, order: OrderData, method: str) -> dict[str, str]:
        """City and Ref of the branch or locker, known by its Ref, or by its number in the order's city."""
        if not (code := translate.branch(order)):
            raise Refused("validation", "no branch is chosen for the order", "pickup_code")
        by = {"Ref": code} if translate.is_ref(code) else {"CityRef": self.place_code(order), "WarehouseId": code}
        return translate.at_branch(self.ask("Address", "getWarehouses", **by), order, method, self.settings)

    def _street(self, order: OrderData) -> dict[str, str]:
        city, name = self.place_code(order), delivery.bare(order.address.street)
        found = self.ask("Address", "getStreet", CityRef=city, FindByString=name, Page="1", Limit="50")
        return {"city": city, "address": translate.street(found, name), "method": DOORS}

    @cached_property
    def _city(self) -> str:
        try:
            return self.only(translate.typed(str(self.settings["sender_city"]))).code
        except Refused as refusal:
            if refusal.field != "city":
                raise
            raise Refused("misconfigured", refusal.detail, "sender_city") from None

    @cached_property
    def _sender(self) -> dict[str, str]:
        """Who sends, and from where: asked once by a connector."""
        branch = {"CityRef": self._city, "WarehouseId": self.settings["sender_point"]}
        who = text(alone(self.ask("Counterparty", "getCounterparties", CounterpartyProperty="Sender", Page="1")), "Ref")
        people = self.ask("Counterparty", "getCounterpartyContactPersons", Ref=who, Page="1") if who else []
        return translate.sender(who, people, self.ask("Address", "getWarehouses", **branch), self.settings)

    def look_up(self, keys: Sequence[str]) -> Mapping[str, Copy]:
        """The account's waybills of the last days that have one of our keys as the client's number."""
        now = datetime.now(UTC)
        span = {"DateTimeFrom": translate.day(now - LOOKED_BACK), "DateTimeTo": translate.day(now + timedelta(days=1))}
        rows: dict[str, Mapping[str, Any]] = {}
        for page in count(1):
            told = self.ask("InternetDocument", "getDocumentList", **span, Page=str(page), GetFullList="0")
            fresh = {text(row, "IntDocNumber"): row for row in told if text(row, "IntDocNumber") not in rows}
            if not fresh:  # past the end, or all of them at once whatever the page
                break
            rows |= fresh
        silent = self._rows([number for number, row in rows.items() if "InfoRegClientBarcodes" not in row])
        known = [texts(row, translate.NAMED) for row in (*rows.values(), *silent)]
        return {self.style.key(one["name"]): self._copy([], one["number"]) for one in known if one["name"]}

    # Tracking

    def track(self, numbers: Sequence[str]) -> Sequence[StatusChange]:
        return [translate.change(row, self.style.key(text(row, "ClientBarcode"))) for row in self._rows(numbers)]

    def statuses_of(self, external_ids: Sequence[str]) -> Sequence[StatusChange]:
        return self.track(external_ids)

    def history(self, external_id: str) -> Sequence[Event]:
        return [event for row in self._rows([external_id]) for event in translate.history(row)]

    def _rows(self, numbers: Sequence[str]) -> list[Mapping[str, Any]]:
        def told(some: Sequence[str]) -> list[Mapping[str, Any]]:
            documents = [{"DocumentNumber": number, "Phone": ""} for number in some]
            return self.ask("TrackingDocument", "getStatusDocuments", Documents=documents)

        return delivery.told_of(numbers, told, ASKED)

    def paper(self, external_id: str, kind: str) -> Paper:
        path = f"/orders/{kind}/orders[]/{external_id}/type/pdf/apiKey/{self.settings['api_key']}"
        answer = self.http.get(f"{self._host('my.novaposhta.ua')}{path}")
        judge(answer)
        if not answer.body.startswith(b"%PDF"):
            raise Refused("not_found", f"{external_id} can't be printed")
        return Paper(answer.body)

    # Prices and places

    def references(self) -> Mapping[str, Sequence[Reference]]:
        methods = ((code, name, delivery.STANDARD, kind, self.carrier) for code, (name, kind) in METHODS.items())
        return {"statuses": fixed(STATES), "delivery": [delivery.method(*one) for one in methods]}

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
        return [place for place in map(translate.place, entries(found.get("Addresses"))) if place.code]

    def points(self, place: Place, method: str, parcel: Parcel) -> Sequence[Point]:
        weight = delivery.measures(parcel, self.settings)["weight"]
        found: list[Mapping[str, Any]] = []
        for page in count(1):
            rows = self.ask("Address", "getWarehouses", CityRef=place.code, Page=str(page), Limit=str(PAGE))
            found += rows
            if len(rows) < PAGE:
                break
        return [translate.point(row) for row in found if translate.takes(row, weight, method == LOCKER)]
