"""Rozetka, the marketplace (seller API).

API reference: https://api-seller.rozetka.com.ua/apidoc. The rate limit is unpublished: one request a second is what
long-lived clients keep to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from wtforms import StringField

from .. import sources
from ..base import REFRESH_LISTS, SecretField, SettingsForm, required
from ..errors import Refused
from ..fields import references
from ..text import N_
from ..types import OrderData, Page, ProductPage, Raw, Reference, StatusChange, StockData, TestResult
from ..values import moment, text
from . import goods, steps, translate
from .cabinet import Cabinet

EXPAND = "user,delivery,purchases,payment,payment_type,payment_type_name,status_payment,status_data,is_promo"
STEPS = "status_available,status_available_detailed"
#: once a year an hour happens twice by their clock, which tells no zone
CLOCK = timedelta(hours=1)
GOODS_PAGE = 100
NEEDED = {
    "orders/counts-new": N_("The token or login has no role that lets it see orders: give it one in the cabinet."),
    "goods/all": N_("The token or login has no role that lets it see goods: the catalogue can't be read."),
}
CANCELLED_HELP = N_("What an order gets here when its buyer cancels it is the choice beside “Скасовано покупцем” (45).")
BACK_HELP = N_("A status whose tick is set goes to Rozetka together with the tracking number, once the order has one.")


class RozetkaSettings(SettingsForm):
    login = StringField(N_("Login"), description=N_("Leave it empty if you have an API token."))
    secret = SecretField(N_("Password of this login, or API token"), [required()])
    import_days = sources.import_days_field()
    language = sources.language_field()
    tell_stock = sources.tell_stock_field()


class Rozetka(Cabinet):
    key = "rozetka"
    title = "Rozetka"
    color = "green"
    summary = N_("Takes orders and the catalogue in; gives statuses, tracking numbers and stock back.")
    countries = ("UA",)
    api_url = "https://api-seller.rozetka.com.ua"
    docs_url = "https://api-seller.rozetka.com.ua/apidoc"
    rate = 1.0
    Settings = RozetkaSettings
    mappings = sources.mappings(
        steps.MEANINGS,
        sources.statuses_back(BACK_HELP, [sources.ttn_along(steps.NEEDS_NUMBER)], steps.WRITTEN),
        translate.NAMED,
        help=CANCELLED_HELP,
    )
    tasks = (sources.TAKE_ORDERS, *sources.CATALOGUE, REFRESH_LISTS, sources.TELL_STOCK)
    help_steps = (
        N_("Sign in to the seller's cabinet and open Settings, then API security."),
        N_("Generate an API token; its role must allow orders and goods. It lapses after a day without use."),
        N_("Paste it here and leave the login empty, or enter the login and password that Rozetka gave you."),
        N_("Save, and press “Test connection”."),
    )

    def test(self) -> TestResult:
        missing = self.missing_rights(NEEDED)
        return TestResult(ok="orders/counts-new" not in missing, notes=list(missing.values()))

    def pull(self, cursor: Mapping[str, Any], now: datetime) -> Iterator[Page]:
        """Everything changed since the cursor {"since": ISO time}, newest order first. Pages that move under our feet
        repeat an order and skip none. The cursor is the last change by the vendor's own clock, never ahead of ours:
        whatever zone it has, what comes later is later."""
        begin = sources.read_from(self.settings, cursor, now)
        latest = moment(cursor.get("since")) or begin
        since = (begin - CLOCK).astimezone(translate.ZONE).strftime("%Y-%m-%d %H:%M:%S")
        query: dict[str, Any] = {"types": 1, "changed_from": since, "sort": "-id", "expand": EXPAND}
        for found, _total in self.pages("orders/search", "orders", **query):
            yield Page([Raw(text(body, "id"), body) for body in reversed(found)])
            stamps = (moment(body.get("changed"), translate.ZONE) for body in found)
            latest = max([latest, *filter(None, stamps)])
        yield sources.last_page(min(latest, now))

    def read(self, raw: Raw) -> OrderData:
        return translate.order(raw.body, self.language)

    def orders_of(self, external_ids: Sequence[str]) -> Sequence[Raw]:
        return [Raw(identity, body) for identity in external_ids if (body := self._order(identity, EXPAND))]

    def write_statuses(self, changes: Sequence[StatusChange]) -> Mapping[str, tuple[str, str]]:
        return sources.write_statuses(changes, steps.problem, steps.request, self._set_status)

    def references(self) -> Mapping[str, Sequence[Reference]]:
        expand = {"expand": "status_available"}
        found = [e for page, _ in self.pages("order-statuses/search", "orderStatus", **expand) for e in page]
        services = self.content("GET", "delivery-services/search", params={"pageSize": 0})
        payments = self.content("GET", "market-payment-methods/list")
        return {
            "statuses": steps.listed(found, self.language),
            "delivery": references(services.get("deliveryServices"), "id", "status"),
            "payment": references(payments.get("payment_methods"), "id", "status"),
        }

    def products(self, prices_only: bool = False) -> Iterator[ProductPage]:
        """There is no shorter list of prices."""
        for found, total in self.pages("goods/all", "items", "item_id", pageSize=GOODS_PAGE):
            yield goods.page(found, total)

    def write_stock(self, changes: Sequence[StockData]) -> Mapping[str, tuple[str, str]]:
        """An answer that names items refuses only those."""
        answer = self.call("PUT", "items/mass-update", json=goods.stock(changes))
        refused = goods.refused(answer)
        told = {c.external_id: ("validation", refused[c.external_id]) for c in changes if c.external_id in refused}
        return {c.external_id: ("", "") for c in changes} | told

    def _order(self, identity: str, expand: str) -> Mapping[str, Any]:
        """{} when it is gone."""
        try:
            return self.content("GET", f"orders/{identity}", params={"expand": expand})
        except Refused as refusal:
            if refusal.fault != "not_found":
                raise
        return {}

    def _set_status(self, ids: Sequence[str], asked: Mapping[str, Any]) -> Sequence[str]:
        """Most steps are allowed; only what is refused is looked at, and led through PROCESSED where that helps."""
        [identity], body = ids, asked["body"]
        try:
            self.content("PUT", f"orders/{identity}", json=body)
        except Refused as refusal:
            order = self._order(identity, STEPS) if steps.NO_STEP in refusal.detail else {}
            wanted = text(body, "status")
            if not order or (wanted in steps.following(order) and not steps.is_so(order, body)):
                raise
            if not steps.is_so(order, body):
                self._lead(order, wanted)
                self.content("PUT", f"orders/{identity}", json=body)
        return ids

    def _lead(self, order: Mapping[str, Any], wanted: str) -> None:
        """To PROCESSED, if the wanted status comes after it: an order isn't moved for nothing."""
        query = {"parent_id": steps.PROCESSED, "child_id": wanted}
        there = steps.PROCESSED in steps.following(order) and self.content(
            "GET", "status-availables/search", params=query
        ).get("statusAvailables")
        if not there:
            raise Refused("validation", steps.no_way(order, wanted), field="status")
        self.content("PUT", f"orders/{text(order, 'id')}", json={"status": int(steps.PROCESSED)})
