"""Waybills of Nova Poshta: made, changed, deleted, and found by our key.

`save` knows no idempotency: sent twice it makes two. Our key goes along as the client's own number
(InfoRegClientBarcodes), and the account's list of waybills is searched for it before anything is made. A copy's id here
is the number on the parcel, which everything but changing and deleting goes by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import count
from typing import Any

from .. import delivery
from ..errors import Refused, Unknown
from ..fields import texts
from ..types import Copy, OrderData
from ..values import alone, part, text
from . import places, translate
from .api import Api
from .facts import DOORS, GONE, STATES

LOOKED_BACK = timedelta(days=7)


class Waybills(Api):
    """The part of the connector that writes."""

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
        (row,) = self.states_of([number]) or ({},)
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
        by = {"Ref": code} if places.is_ref(code) else {"CityRef": self.place_code(order), "WarehouseId": code}
        return translate.at_branch(self.ask("Address", "getWarehouses", **by), order, method, self.settings)

    def _street(self, order: OrderData) -> dict[str, str]:
        city, name = self.place_code(order), delivery.bare(order.address.street)
        found = self.ask("Address", "getStreet", CityRef=city, FindByString=name, Page="1", Limit="50")
        return {"city": city, "address": places.street(found, name), "method": DOORS}

    @cached_property
    def _city(self) -> str:
        try:
            return self.only(places.typed(str(self.settings["sender_city"]))).code
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
        silent = self.states_of([number for number, row in rows.items() if "InfoRegClientBarcodes" not in row])
        known = [texts(row, translate.NAMED) for row in (*rows.values(), *silent)]
        return {self.style.key(one["name"]): self._copy([], one["number"]) for one in known if one["name"]}
