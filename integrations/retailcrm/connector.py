"""RetailCRM (Simla.com), API v5.

API reference: https://docs.retailcrm.ru/Developers/API/APIVersions/APIv5. What it leaves open follows the vendor's
own clients (github.com/retailcrm/api-client-php and api-client-go): form bodies with JSON in their fields, ten requests
a second, HTTP 503 over that, HTTP 460 for a batch that was taken in part.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from wtforms import BooleanField, StringField, URLField

from .. import destinations
from ..base import REFRESH_LISTS, SecretField, SettingsForm, an_address, required
from ..fields import same
from ..rest import ListAt
from ..text import N_
from ..types import Copy, OrderData, ProductData, Reference, Sent, StatusChange, TestResult
from ..values import chunks, entries, part, text
from . import translate

PAGE = 100
PARTIAL = 460  # some orders of an upload were taken, the others are listed as failed
ZONES = timedelta(days=1)  # the account's own time zone is unknown, so its "now" is only known to the day
LISTS = {
    "statuses": ListAt("reference/statuses", "statuses"),
    "payment": ListAt("reference/payment-types", "paymentTypes"),
    "delivery": ListAt("reference/delivery-types", "deliveryTypes"),
    "sites": ListAt("reference/sites", "sites"),
}
#: their groups of statuses: until it is cancelled, an order there is simply handed over for us
GROUPS = dict.fromkeys(("new", "approval", "assembling", "delivery", "complete"), "transferred")
GROUPS |= {"cancel": "cancelled"}
PAYMENT_KINDS = {"cash": "cod_cash", "bank-card": "online_card", "bank-transfer": "transfer"}
#: a complaint that isn't about an order's contents -> (fault, settings field)
COMPLAINTS = {
    r"already exist|is already (?:used|taken)|duplicate|not unique|уже существует": ("duplicate", ""),
    r'"apikey"|access denied': ("credentials", "api_key"),
    r"account does not exist": ("misconfigured", "api_url"),
    r"(?:^|; )site\b|'site'|\bsite (?:code )?\S+ (?:is|does|not)\b": ("misconfigured", "site"),
}
#: a name in a complaint's field path -> our field, for the order page to point at
FIELDS = {"firstName": "first_name", "lastName": "last_name", "items": "lines", "payments": "payment"}
FIELDS |= same("phone", "email", "delivery", "status", "number")
NO_SITE = N_("The key doesn't reach the shop with this code: attach the shop to the key or fix the code.")
NO_RIGHT = N_("The key may not read and change orders: allow all methods in its settings.")
HELP = {
    "address": N_("As you open it in the browser: https://NAME.retailcrm.ru"),
    "site": N_("The symbolic code of the shop that the key is attached to."),
    "code": N_("Fill it in when a delivery module is installed in RetailCRM: tariff and pickup point go to it."),
    "prefix": N_("Keeps our orders apart when another shop sends to the same RetailCRM. Don't change it later."),
    "status_out": N_("Leave a row empty and RetailCRM keeps its own status for the order."),
    "payment_out": N_("Empty: cash for payment on delivery, bank-card for payment on the site."),
    "delivery_out": N_("Empty: the delivery type code of the settings."),
}


class RetailCrmSettings(SettingsForm):
    advanced = ("external_id_prefix",)

    api_url = URLField(N_("RetailCRM address"), [required(), an_address()], description=HELP["address"])
    api_key = SecretField(N_("API key"), [required()])
    site = StringField(N_("Shop code"), [required()], description=HELP["site"])
    delivery_code = StringField(N_("Delivery type code"), description=HELP["code"])
    duplicate_delivery = BooleanField(N_("Copy delivery data into the manager's comment"))
    copy_number = BooleanField(N_("Copy the order number"))
    external_id_prefix = StringField(N_("Prefix of external ids"), description=HELP["prefix"])


class RetailCrm(destinations.RestDestination):
    key = "retailcrm"
    title = "RetailCRM"
    color = "orange"
    summary = N_("Gets orders with customers, payments and products; tells their statuses back.")
    countries = ("RU", "KZ", "BY", "UA")
    api_url = ""
    api_path = "/api/v5"
    docs_url = "https://docs.retailcrm.ru/Developers/API/APIVersions/APIv5"
    rate = 10.0
    batch_size = 50
    Settings = RetailCrmSettings
    mappings = destinations.mappings(GROUPS, PAYMENT_KINDS, HELP)
    tasks = (destinations.READ_STATUSES, REFRESH_LISTS)
    status_faults = {503: "rate_limited"}
    complaint_faults = COMPLAINTS
    key_header = "X-API-KEY"
    success = "success"
    message = "errorMsg"
    error_fields = FIELDS
    help_steps = (
        N_("In RetailCRM open Settings, Integration, API access keys (the page /admin/api-keys)."),
        N_("Add a key, or open one you have: attach it to the shop that the orders are for, and allow all methods."),
        N_("Find the symbolic code of that shop under Settings, Shops."),
        N_("Enter address, key and shop code here, save, and press “Test connection”."),
    )

    def test(self) -> TestResult:
        """What the key may do and which shops it reaches."""
        allowed = self.call("GET", "/api/credentials")
        scopes, sites = allowed.get("scopes") or (), allowed.get("sitesAvailable") or ()
        reached = allowed.get("siteAccess") != "access_selective" or self.settings["site"] in sites
        writable = not scopes or {"order_read", "order_write"} <= set(scopes)
        return TestResult.of({NO_SITE: not reached, NO_RIGHT: not writable})

    def send(self, orders: Sequence[OrderData]) -> Sequence[Sent]:
        """Up to 50 orders in one upload; one order alone by orders/create, which tells what is wrong with it."""
        if len(orders) == 1:
            return super().send(orders)
        written = [translate.new_order(order, self.style) for order in orders]
        body = self._write("orders/upload", also={PARTIAL}, orders=written)
        listed = [*entries(body.get("uploadedOrders")), *entries(body.get("orders"))]
        failed = {self.style.key(text(o, "externalId")) for o in entries(body.get("failedOrders"))}
        return self.batch_outcome(orders, self._copies(o for o in listed if o.get("id")), failed, body)

    def create(self, order: OrderData) -> Copy:
        body = self._write("orders/create", order=translate.new_order(order, self.style))
        return translate.copy({"id": body.get("id"), **part(body, "order")}, self.base_url)

    def edit(self, external_id: str, order: OrderData) -> Copy:
        changed = translate.changed_order(order, self.style)
        held = part(self._write(f"orders/{external_id}/edit", by="id", order=changed), "order")
        if "payments" not in held:
            held = part(self.call("GET", f"orders/{external_id}", params={"by": "id"}), "order")
        if step := translate.payment_step(held.get("payments"), order, self.style):
            path, payment = step
            self._write(path, by="id", payment={**payment, "order": {"id": int(external_id)}})
        return translate.copy({"id": external_id, **held}, self.base_url)

    def look_up(self, keys: Sequence[str]) -> Mapping[str, Copy]:
        names = [self.style.name(key) for key in keys]
        query = {"filter[externalIds][]": names, "filter[sites][]": self.settings["site"], "limit": PAGE}
        return self._copies(self.listed("orders", "orders", **query))

    def ensure_products(self, products: Sequence[ProductData]) -> Mapping[str, str]:
        return destinations.ensure_products(products, self._offers, self._add_products, self.find_size)

    def statuses(self, cursor: Mapping[str, Any], now: datetime) -> tuple[Sequence[StatusChange], Mapping[str, Any]]:
        """Cursor: the filter to go on with (from a day before the first read on, until there is a last record)."""
        cursor = cursor or {"filter[startDate]": (now - ZONES).strftime(translate.TIME)}
        records, cursor = self.journal("orders/history", "history", cursor, "filter[sinceId]", limit=PAGE, page=1)
        return [change for r in records if (change := translate.change(r, self.style))], cursor

    def statuses_of(self, external_ids: Sequence[str]) -> Sequence[StatusChange]:
        queries = ({"ids[]": ids} for ids in chunks(external_ids, self.find_size))
        found = (order for query in queries for order in self.listed("orders/statuses", "orders", **query))
        return [translate.status(order, self.style) for order in found]

    def references(self) -> Mapping[str, Sequence[Reference]]:
        return self.lists(LISTS)

    def _copies(self, orders: Iterable[Mapping[str, Any]]) -> dict[str, Copy]:
        return {self.style.key(text(o, "externalId")): translate.copy(o, self.base_url) for o in orders}

    def _add_products(self, products: Sequence[ProductData]) -> Sequence[Any]:
        items = [translate.product(p, self._catalog) for p in products]
        return self._write("store/products/batch/create", products=items).get("addedProducts") or ()

    @cached_property
    def _catalog(self) -> Any:
        site = part(part(self.call("GET", "reference/sites"), "sites"), self.settings["site"])
        return site.get("catalogId")

    def _offers(self, skus: Sequence[str]) -> dict[str, str]:
        offers = self.listed("store/offers", "offers", **{"filter[externalIds][]": skus, "limit": PAGE})
        return {text(o, "externalId"): text(o, "id") for o in offers}

    def _write(self, path: str, *, also: Collection[int] = (), **fields: Any) -> Mapping[str, Any]:
        return self.post_form(path, {"site": self.settings["site"], **fields}, also=also)
