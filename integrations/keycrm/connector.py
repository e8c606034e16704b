"""KeyCRM. API reference: https://docs.keycrm.app (Open API 1.2.0).

What it doesn't say, integrators found out: an import's answer names no orders, nothing keeps a number of ours from
being taken twice, and no status can be given with a new order, so that it follows as a change of status.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import destinations, sources
from ..base import REFRESH_LISTS
from ..errors import Refused
from ..fields import references, same
from ..text import N_
from ..types import Copy, OrderData, Reference, Sent, TestResult
from ..values import text
from .cards import is_card, number
from .client import PAGE
from .forms import CARDS, MAPPING_HELP, OFF, PAYMENTS, KeyCrmSettings
from .goods import Catalogue
from .hooks import Hooks
from .states import States

LISTS = {"sources": "/order/source", "payment": "/order/payment-method", "delivery": "/order/delivery-service"}
#: a name in a complaint's field path -> our field, for the order page to point at
FIELDS = {"full_name": "last_name", "products": "lines", "payments": "payment", "shipping": "delivery"}
FIELDS |= same("phone", "email")
NO_SOURCE = N_("Choose the source that the orders come from.")
SOURCE_GONE = N_("The chosen source is no longer among those of the account: choose another.")
NO_PIPELINES = N_("Pipelines are switched off in this KeyCRM account: switch them on there, or send as orders.")
PIPELINE_GONE = N_("The chosen pipeline is no longer among those of the account: choose another.")


class KeyCrm(States, Catalogue, Hooks, destinations.RestDestination):
    key = "keycrm"
    title = "KeyCRM"
    color = "indigo"
    summary = N_("Gets orders, or cards of a pipeline, with statuses both ways; gives its catalogue.")
    countries = ("UA",)
    docs_url = "https://docs.keycrm.app"
    rate = 1.0
    rate_window = 60.0
    batch_size = PAGE
    shows_late = 60.0  # whether an import is carried out before it is answered isn't documented
    Settings = KeyCrmSettings
    mappings = destinations.mappings({}, {}, MAPPING_HELP, PAYMENTS)
    tasks = (destinations.READ_STATUSES, *sources.CATALOGUE_ASKED, REFRESH_LISTS)
    complaint_faults = {r"leads are not enabled": ("misconfigured", "mode")}
    error_fields = FIELDS
    help_steps = (
        N_("In KeyCRM open Settings, Sources, and add a source for this shop: name, address, manager, currency."),
        N_("Open Settings, General, press “Generate API key”, copy the key and press “Save” there."),
        N_("Paste the key here, save, and choose the source and how orders are to be sent."),
    )

    @classmethod
    def takes_orders(cls, settings: Mapping[str, Any]) -> bool:
        return settings.get("mode") != OFF

    def test(self) -> TestResult:
        """The key, and whether what was chosen is still there."""
        listed = self._ids("/order/source")
        if self.mode == OFF:
            return TestResult(ok=True)
        source, pipeline = self.terms.source, self.terms.pipeline
        notes = {NO_SOURCE: not source, SOURCE_GONE: bool(source) and source not in listed}
        if self.mode == CARDS:
            pipelines = self._pipelines()
            gone = pipeline and pipelines and pipeline not in pipelines
            notes |= {NO_PIPELINES: not pipelines, PIPELINE_GONE: bool(gone)}
        return TestResult.of(notes)

    def send(self, orders: Sequence[OrderData]) -> Sequence[Sent]:
        """Cards one by one, several orders in one import; one alone tells by itself what is wrong with it."""
        if self._as_cards():
            return self.send_cards(orders)
        if len(orders) == 1:
            return super().send(orders)
        refused, stored = self.import_orders(orders)
        rest = [order for order in orders if order.key not in refused]
        return [*refused.values(), *self.batch_outcome(rest, stored, (), {})]

    def create(self, order: OrderData) -> Copy:
        return self.create_order(order)

    def edit(self, external_id: str, order: OrderData) -> Copy:
        edit = self.edit_card if is_card(external_id) else self.edit_order
        return edit(number(external_id), order)

    def look_up(self, keys: Sequence[str]) -> Mapping[str, Copy]:
        return self.find_cards(keys) if self._as_cards() else self.find_orders(keys)

    def references(self) -> Mapping[str, Sequence[Reference]]:
        """`statuses` are those of orders or of cards, as which ours are sent."""
        lists = {key: references(self.every(path), "id", "is_active") for key, path in LISTS.items()}
        pipelines = self._pipelines()
        lists["pipelines"] = [Reference(identity, name) for identity, name in pipelines.items()]
        fields = self.custom_fields()
        lists["number_fields"] = _fields(fields, "lead", "text")
        lists["switches"] = _fields(fields, "lead" if self.mode == CARDS else "order", "switcher")
        by_card = self.mode == CARDS and pipelines
        lists["statuses"] = self.card_statuses() if by_card else references(self.every("/order/status"), "id")
        return lists

    def _as_cards(self) -> bool:
        """Raises Refused when the settings don't let orders be sent."""
        if self.mode == OFF:
            raise Refused("misconfigured", "the settings say that no orders are sent", "mode")
        if not self.terms.source.isdecimal():
            raise Refused("misconfigured", "no source is chosen", "source_id")
        return self.mode == CARDS

    def _ids(self, path: str) -> set[str]:
        return {text(entry, "id") for entry in self.every(path)}

    def _pipelines(self) -> dict[str, str]:
        """Id -> name; none where the account has pipelines switched off."""
        try:
            return {text(entry, "id"): text(entry, "name") for entry in self.every("/pipelines")}
        except Refused as refusal:
            if refusal.field != "mode":
                raise
            return {}


def _fields(listed: Sequence[Mapping[str, Any]], model: str, kind: str) -> list[Reference]:
    return references([e for e in listed if (e.get("model"), e.get("type")) == (model, kind)], "uuid")
