"""Prom.ua (the same API serves satu.kz, deal.by and prom.md).

API reference: https://public-api.docs.prom.ua. Field lists also follow the vendor's example clients
(github.com/evo-company/company-api-example). The rate limit is unpublished: one request a second is what long-lived
clients keep to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from wtforms import BooleanField, SelectField

from .. import sources
from ..base import REFRESH_LISTS, SecretField, SettingsForm, required
from ..errors import Refused
from ..fields import carrier_code, fixed
from ..rest import ListAt
from ..text import N_
from ..types import OrderData, Page, Raw, Reference, StatusChange, TestResult
from . import goods, translate

TERM = N_("It ends after a year at the latest: make a new one before.")
REASONS_HELP = N_("Prom wants a reason with every cancellation, and a text with some reasons.")
REASONS = sources.cancel_extras(translate.CANCEL_REASONS, {"canceled": "buyers_request"})
MEANINGS = {"pending": "new", "received": "confirmed", "paid": "confirmed", "canceled": "cancelled"}
PAYMENTS = {"пром оплата": "online_card", "prom оплата": "online_card"}  # what shops call the vendor's own service
NEEDED = {
    "orders/list": N_("The token has no right to read orders: without it nothing can be taken in."),
    "payment_options/list": N_("The token has no right to read payment options: their list stays empty."),
    "products/list": N_("The token has no right to read products: the catalogue can't be taken in."),
}
LISTS = {k: ListAt(f"{k}_options/list", f"{k}_options", code="id", usable="enabled") for k in ("payment", "delivery")}
DOCUMENTED = {"statuses": fixed(translate.STATUSES), "cancel_reasons": fixed(translate.CANCEL_REASONS)}


class PromSettings(SettingsForm):
    token = SecretField(N_("API token"), [required()], description=TERM)
    import_days = sources.import_days_field()
    language = sources.language_field()
    tell_stock = sources.tell_stock_field()
    stock_by = SelectField(
        N_("Products there are named by"), choices=goods.STOCK_BY, default="id", description=goods.STOCK_BY_HELP
    )
    accept_new = BooleanField(N_("Mark new orders as accepted on Prom as soon as they are here"))


class Prom(goods.Catalogue):
    key = "prom"
    title = "Prom.ua"
    color = "violet"
    summary = N_("Takes orders in every two minutes; gives statuses, cancel reasons and tracking numbers back.")
    countries = ("UA",)
    api_url = "https://my.prom.ua"
    api_path = "/api/v1"
    docs_url = "https://public-api.docs.prom.ua"
    rate = 1.0
    Settings = PromSettings
    mappings = sources.mappings(MEANINGS, sources.statuses_back(REASONS_HELP, REASONS), PAYMENTS)
    stock_batch = 50
    tasks = (sources.TAKE_ORDERS, *sources.CATALOGUE, REFRESH_LISTS, sources.TELL_STOCK)
    complaint = staticmethod(translate.complaint)
    help_steps = (
        N_("Sign in to your Prom cabinet as the owner and open Settings, then API tokens."),
        N_("Create a token: name it after this hub and choose the longest term."),
        N_("Allow it to read and change orders, and to read payment and delivery options and products."),
        N_("Copy the token into the field here, save, and press “Test connection”."),
    )

    def headers(self) -> Mapping[str, str]:
        language = str(self.settings.get("language") or "uk")
        return {"Authorization": f"Bearer {self.settings['token']}", "X-LANGUAGE": language}

    def test(self) -> TestResult:
        """One order and the payment options: a token has its rights section by section."""
        missing = self.missing_rights(NEEDED, limit=1)
        return TestResult(ok="orders/list" not in missing, notes=list(missing.values()))

    def pull(self, cursor: Mapping[str, Any], now: datetime) -> Iterator[Page]:
        """Everything modified since the cursor {"since": ISO time}, newest page first, to the very end.

        `last_id` is inclusive, so each page repeats one order; a page with nothing new in it is the end (a short page
        is not: the vendor's greatest page size is not published). The time takes no offset and its zone isn't
        documented. UTC is safe: read as Kyiv time it lies hours earlier, which costs a few repeats and no order."""
        since = sources.read_from(self.settings, cursor, now).strftime("%Y-%m-%dT%H:%M:%S")
        query: dict[str, Any] = {"limit": goods.PAGE, "sort_dir": "desc", "last_modified_from": since}
        seen: set[int] = set()
        while fresh := {o["id"]: o for o in self.listed("orders/list", "orders", **query) if o["id"] not in seen}:
            yield Page([Raw(str(identity), fresh[identity]) for identity in sorted(fresh)])
            seen |= fresh.keys()
            query["last_id"] = min(seen)
        yield sources.last_page(now)

    def orders_of(self, external_ids: Sequence[str]) -> Sequence[Raw]:
        """A call each: Prom's list can't be asked for given orders."""
        told = ((i, self.call("GET", f"orders/{i}", also=(404,)).get("order")) for i in external_ids)
        return [Raw(identity, body) for identity, body in told if isinstance(body, dict)]

    def read(self, raw: Raw) -> OrderData:
        return translate.order(raw.body)

    def on_arrival(self, order: OrderData) -> StatusChange | None:
        """With `accept_new` on: New becomes Accepted at Prom. The jobs write it once the order is stored."""
        wanted = self.settings.get("accept_new") and order.status == "pending"
        return StatusChange(order.external_id, "received") if wanted else None

    def write_statuses(self, changes: Sequence[StatusChange]) -> Mapping[str, tuple[str, str]]:
        return sources.write_statuses(changes, translate.status_problem, translate.status_request, self._set_status)

    def write_tracking(self, external_id: str, number: str, carrier: str) -> None:
        """Without a carrier that Prom knows, the one that the order was made with counts."""
        known = carrier_code(carrier, translate.CARRIERS)
        code = known or translate.carrier_of(self.call("GET", f"orders/{external_id}"))
        if not code:
            raise Refused("validation", f"Prom takes no tracking numbers of {carrier!r}", field="delivery")
        body = {"order_id": int(external_id), "declaration_id": number, "delivery_type": code}
        self.call("POST", "delivery/save_declaration_id", json=body)

    def references(self) -> Mapping[str, Sequence[Reference]]:
        return self.lists(LISTS) | DOCUMENTED

    def _set_status(self, ids: Sequence[str], request: Mapping[str, Any]) -> Collection[str]:
        body = {"ids": [*map(int, ids)], **request}
        return set(map(str, self.call("POST", "orders/set_status", json=body).get("processed_ids") or ()))
