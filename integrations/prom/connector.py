"""Prom.ua (the same API serves satu.kz, deal.by and prom.md).

API reference: https://public-api.docs.prom.ua. Field lists also follow the vendor's example clients
(github.com/evo-company/company-api-example). The rate limit is unpublished: one request a second is what long-lived
clients keep to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from wtforms import BooleanField, SelectChoice, SelectField

from .. import sources
from ..base import REFRESH_LISTS, SecretField, SettingsForm, required
from ..errors import Refused
from ..fields import carrier_code, fixed
from ..rest import ListAt, RestConnector
from ..text import N_
from ..types import OrderData, Page, ProductPage, Raw, Reference, StatusChange, StockData, TestResult
from . import goods, translate

PAGE = 100
TERM = N_("It ends after a year at the latest: make a new one before.")
REASONS_HELP = N_("Prom wants a reason with every cancellation, and a text with some reasons.")
REASONS = sources.cancel_extras(translate.CANCEL_REASONS, {"canceled": "buyers_request"})
MEANINGS = {"pending": "new", "received": "confirmed", "paid": "confirmed", "canceled": "cancelled"}
PAYMENTS = {"пром оплата": "online_card", "prom оплата": "online_card"}  # what shops call the vendor's own service
STOCK_BY = [SelectChoice("id", N_("Prom's own number")), SelectChoice("own", N_("The id that the shop gave them"))]
STOCK_BY_HELP = N_("As the offers of the catalogue are: a catalogue by link may hold either.")
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
    stock_by = SelectField(N_("Products there are named by"), choices=STOCK_BY, default="id", description=STOCK_BY_HELP)
    accept_new = BooleanField(N_("Mark new orders as accepted on Prom as soon as they are here"))


class Prom(RestConnector):
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
        query: dict[str, Any] = {"limit": PAGE, "sort_dir": "desc", "last_modified_from": since}
        seen: set[int] = set()
        while fresh := {o["id"]: o for o in self.listed("orders/list", "orders", **query) if o["id"] not in seen}:
            yield Page([Raw(str(identity), fresh[identity]) for identity in sorted(fresh)])
            seen |= fresh.keys()
            query["last_id"] = min(seen)
        yield sources.last_page(now)

    def orders_of(self, external_ids: Sequence[str]) -> Sequence[Raw]:
        """A call each: Prom's list can't be asked for given orders."""
        found = []
        for external_id in external_ids:
            answer = self.call("GET", f"orders/{external_id}", also=(404,)).get("order")
            found += [Raw(external_id, answer)] if isinstance(answer, dict) else []
        return found

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

    def products(self, prices_only: bool = False) -> Iterator[ProductPage]:
        """All products that aren't deleted, newest first. Nothing quicker tells prices and stock."""
        groups = {group["id"]: group for page in self._walk("groups/list", "groups") for group in page}
        for page in self._walk("products/list", "products"):
            made, broken = [], []
            for body in page:
                try:
                    made += [goods.product(body, groups)] if body.get("status") not in goods.GONE else []
                except (TypeError, ValueError) as error:
                    broken.append((str(body["id"]), str(error)))
            yield ProductPage(made, broken=broken)

    def _walk(self, path: str, name: str) -> Iterator[list[Mapping[str, Any]]]:
        """The pages of a list, ids descending; `last_id` is inclusive, and a page with nothing below it is the end."""
        query: dict[str, Any] = {"limit": PAGE, "sort_dir": "desc"}
        while page := [e for e in self.listed(path, name, **query) if e["id"] < query.get("last_id", e["id"] + 1)]:
            yield page
            query["last_id"] = min(e["id"] for e in page)

    def write_stock(self, changes: Sequence[StockData]) -> Mapping[str, tuple[str, str]]:
        """HTTP 200 whatever became of the products: the answer tells it for each."""
        own = self.settings.get("stock_by") == "own"
        named = {c.external_id: name for c in changes if (name := goods.stock_id(c, own))}
        rows = [goods.stock_row(named[c.external_id], c.quantity) for c in changes if c.external_id in named]
        path = "products/edit_by_external_id" if own else "products/edit"
        answer = self.call("POST", path, json=rows) if rows else {}
        said = {identity: goods.stock_result(answer, name) for identity, name in named.items()}
        nameless = ("validation", goods.NO_NUMBER)
        return {c.external_id: said.get(c.external_id, nameless) for c in changes}

    def references(self) -> Mapping[str, Sequence[Reference]]:
        return self.lists(LISTS) | DOCUMENTED

    def _set_status(self, ids: Sequence[str], request: Mapping[str, Any]) -> Collection[str]:
        body = {"ids": [int(identity) for identity in ids], **request}
        done = self.call("POST", "orders/set_status", json=body).get("processed_ids")
        return {str(identity) for identity in done or ()}
