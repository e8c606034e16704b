"""RetailCRM (Simla.com), API v5.

API reference: https://docs.retailcrm.ru/Developers/API/APIVersions/APIv5. What it leaves open follows the vendor's
own clients (github.com/retailcrm/api-client-php and api-client-go): form bodies with JSON in their fields, ten requests
a second, HTTP 503 over that, HTTP 460 for a batch that was taken in part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from wtforms import BooleanField, StringField, URLField

from ..base import Connector, MappingTable, SecretField, SettingsForm, Task, an_address, outcome_of, required
from ..errors import Later, Refused, Unknown, failure
from ..http import Answer, judge
from ..text import N_
from ..types import Copy, OrderData, ProductData, Reference, Sent, StatusChange, TestResult
from ..values import chunks, part
from . import translate
from .translate import Style

PARTIAL = 460  # some orders of an upload were taken, the others are listed as failed
ASKED_AGAIN = 5  # failed orders of one upload that are sent singly to learn the reason
ASKED_AT_ONCE = 50  # external ids in one query: keeps addresses below the 8 KB that servers take
PAGE = 100
ZONES = timedelta(days=1)  # the account's own time zone is unknown, so its "now" is only known to the day
#: our list -> method; its answer's key is the same in camelCase
LISTS = {"statuses": "statuses", "payment": "payment-types", "delivery": "delivery-types", "sites": "sites"}
#: their groups of statuses: until it is cancelled, an order there is simply handed over for us
GROUPS = dict.fromkeys(("new", "approval", "assembling", "delivery", "complete"), "transferred") | {
    "cancel": "cancelled"
}
PAYMENT_KINDS = {"cash": "cod_cash", "bank-card": "online_card", "bank-transfer": "transfer"}
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


class RetailCrm(Connector):
    key = "retailcrm"
    title = "RetailCRM"
    color = "orange"
    summary = N_("Gets orders with customers, payments and products; tells their statuses back.")
    countries = ("RU", "KZ", "BY", "UA")
    api_url = ""
    docs_url = "https://docs.retailcrm.ru/Developers/API/APIVersions/APIv5"
    rate = 10.0
    batch_size = 50
    Settings = RetailCrmSettings
    mappings = (
        MappingTable("status_in", N_("Statuses read back"), "in", "statuses", "statuses", hints=GROUPS),
        MappingTable("status_out", N_("Statuses when sending"), "out", "statuses", "statuses", HELP["status_out"]),
        MappingTable(
            "payment_out", N_("Payment types"), "out", "payment", "payment", HELP["payment_out"], hints=PAYMENT_KINDS
        ),
        MappingTable("delivery_out", N_("Delivery types"), "out", "delivery", "delivery", HELP["delivery_out"]),
    )
    tasks = (Task("statuses", N_("Read statuses back"), 300), Task("references", N_("Refresh lists"), 86_400))
    help_steps = (
        N_("In RetailCRM open Settings, Integration, API access keys (the page /admin/api-keys)."),
        N_("Add a key, or open one you have: attach it to the shop that the orders are for, and allow all methods."),
        N_("Find the symbolic code of that shop under Settings, Shops."),
        N_("Enter address, key and shop code here, save, and press “Test connection”."),
    )

    def test(self) -> TestResult:
        """What the key may do and which shops it reaches."""
        allowed = self._get("credentials")
        scopes, sites = allowed.get("scopes") or (), allowed.get("sitesAvailable") or ()
        notes = []
        if allowed.get("siteAccess") == "access_selective" and self.settings["site"] not in sites:
            notes.append(
                N_("The key doesn't reach the shop with this code: attach the shop to the key or fix the code.")
            )
        if scopes and not {"order_read", "order_write"} <= set(scopes):
            notes.append(N_("The key may not read and change orders: allow all methods in its settings."))
        return TestResult(ok=not notes, notes=notes)

    def send(self, orders: Sequence[OrderData]) -> Sequence[Sent]:
        """Up to 50 orders in one upload; one order alone by orders/create, which tells what is wrong with it."""
        if len(orders) == 1:
            return [outcome_of(orders[0].key, partial(self._create, orders[0]))]
        answer = self._post("orders/upload", orders=[translate.new_order(o, self._style) for o in orders])
        body = part(answer.json()) if answer.status == PARTIAL else self._accept(answer)
        listed = (*(body.get("uploadedOrders") or ()), *(body.get("orders") or ()))
        stored = {self._style.key(o): o for o in listed if part(o).get("id")}
        failed = {self._style.key(o) for o in body.get("failedOrders") or ()} - stored.keys()
        done = [Sent(o.key, translate.copy(stored[o.key], self.base_url)) for o in orders if o.key in stored]
        silent = [o.key for o in orders if o.key not in stored.keys() | failed]
        lost = [Sent(key, fault="broken", detail="the answer doesn't mention this order") for key in silent]
        return [*done, *lost, *self._explain([o for o in orders if o.key in failed], body, answer)]

    def update(self, external_id: str, order: OrderData) -> Sent:
        return outcome_of(order.key, partial(self._edit, external_id, order))

    def find(self, keys: Sequence[str]) -> Mapping[str, Copy]:
        style, found = self._style, dict[str, Copy]()
        for chunk in chunks(keys, ASKED_AT_ONCE):
            names = [style.external_id_prefix + key for key in chunk]
            query = {"filter[externalIds][]": names, "filter[sites][]": self.settings["site"], "limit": PAGE}
            orders = self._get("orders", **query).get("orders") or ()
            found |= {style.key(o): translate.copy(o, self.base_url) for o in orders if style.key(o) in chunk}
        return found

    def ensure_products(self, products: Sequence[ProductData]) -> Mapping[str, str]:
        """A product that RetailCRM won't take stays unsettled: only the orders with it are to fail, not the batch."""
        known = self._offers([p.sku for p in products])
        absent = [p for p in products if p.sku not in known]
        site = part(part(self._get("reference/sites"), "sites"), self.settings["site"]) if absent else {}
        for chunk in chunks(absent, ASKED_AT_ONCE):
            try:
                known |= self._add_products(chunk, site.get("catalogId"))
            except Refused as refusal:
                if refusal.fault != "validation":
                    raise
        return known

    def statuses(self, cursor: Mapping[str, Any], now: datetime) -> tuple[Sequence[StatusChange], Mapping[str, Any]]:
        """Reads orders/history to its end. Cursor: the filter to go on with (from a day before the first read on, until
        there is a last record)."""
        cursor = cursor or {"filter[startDate]": (now - ZONES).strftime(translate.TIME)}
        changes: list[StatusChange] = []
        while True:
            body = self._get("orders/history", limit=PAGE, page=1, **cursor)
            records = body.get("history") or ()
            changes += filter(None, (translate.change(r, self._style) for r in records))
            before, cursor = cursor, {"filter[sinceId]": max(r["id"] for r in records)} if records else cursor
            if cursor == before or part(body, "pagination").get("totalPageCount", 1) <= 1:
                return changes, cursor

    def statuses_of(self, external_ids: Sequence[str]) -> Sequence[StatusChange]:
        parts = [self._get("orders/statuses", **{"ids[]": ids}) for ids in chunks(external_ids, ASKED_AT_ONCE)]
        return [translate.status(o, self._style) for body in parts for o in body.get("orders") or ()]

    def references(self) -> Mapping[str, Sequence[Reference]]:
        answers = {ours: self._get(f"reference/{theirs}") for ours, theirs in LISTS.items()}
        return {k: translate.references(body.get(LISTS[k].replace("-t", "T"))) for k, body in answers.items()}

    @property
    def _style(self) -> Style:
        return Style(**{f.name: self.settings[f.name] for f in fields(Style) if self.settings.get(f.name)})

    def _explain(self, failed: Sequence[OrderData], body: Any, answer: Answer) -> Iterator[Sent]:
        """An upload's errors don't say whose they are. The first few orders are sent again singly to learn it."""
        errors, words = translate.complaints(body), answer.redact(translate.complaint(body))
        known = len(errors) == len(failed) and all(translate.fault_of(e) == translate.DUPLICATE for e in errors)
        asked = () if known else failed[:ASKED_AGAIN]
        for order in asked:
            yield outcome_of(order.key, partial(self._create, order), alone=False)
        fault = "duplicate" if known else "validation"
        yield from (Sent(o.key, fault=fault, detail=words) for o in failed[len(asked) :])

    def _create(self, order: OrderData) -> Copy:
        body = self._accept(self._post("orders/create", order=translate.new_order(order, self._style)))
        return translate.copy({"id": body.get("id"), **part(body, "order")}, self.base_url)

    def _edit(self, external_id: str, order: OrderData) -> Copy:
        changed = translate.changed_order(order, self._style)
        held = part(self._accept(self._post(f"orders/{external_id}/edit", by="id", order=changed)), "order")
        if "payments" not in held:
            held = part(self._get(f"orders/{external_id}", by="id"), "order")
        if step := translate.payment_step(held.get("payments"), order, self._style):
            path, payment = step
            self._accept(self._post(path, by="id", payment={**payment, "order": {"id": int(external_id)}}))
        return translate.copy({"id": external_id, **held}, self.base_url)

    def _add_products(self, products: Sequence[ProductData], catalog: Any) -> dict[str, str]:
        items = [translate.product(p, catalog) for p in products]
        added = self._accept(self._post("store/products/batch/create", products=items)).get("addedProducts") or ()
        if len(added) != len(products):  # which of them were added is not told
            return self._offers([p.sku for p in products])
        return {p.sku: str(identity) for p, identity in zip(products, added, strict=True)}

    def _offers(self, skus: Sequence[str]) -> dict[str, str]:
        queries = ({"filter[externalIds][]": chunk, "limit": PAGE} for chunk in chunks(skus, ASKED_AT_ONCE))
        offers = (offer for query in queries for offer in self._get("store/offers", **query).get("offers") or ())
        return {o["externalId"]: str(o["id"]) for o in offers if o.get("externalId") in skus}

    def _get(self, path: str, **query: Any) -> Mapping[str, Any]:
        return self._accept(self._ask("GET", path, params=query), write=False)

    def _post(self, path: str, **form: Any) -> Answer:
        site = {"site": self.settings["site"]}
        return self._ask("POST", path, data=site | {name: translate.encode(value) for name, value in form.items()})

    def _ask(self, method: str, path: str, **kwargs: Any) -> Answer:
        url = f"{self.base_url}/api/{'' if path == 'credentials' else 'v5/'}{path}"
        return self.http.request(method, url, headers={"X-API-KEY": str(self.settings["api_key"])}, **kwargs)

    def _accept(self, answer: Answer, *, write: bool = True) -> Mapping[str, Any]:
        """The answer's object. Raises what its status or its complaint means."""
        body = part(answer.peek())
        words = answer.redact(translate.complaint(body))
        if answer.status == 503:  # how RetailCRM says "too many requests"
            raise Later("rate_limited", words, answer.retry_after)
        if found := translate.fault_of(words):
            raise failure(found[0], words, found[1])
        if answer.status == 400 or (answer.ok and body.get("success") is False):
            raise Refused("validation", words or answer.redact(answer.text[:200]), field=translate.field_of(body))
        judge(answer, words, write=write)
        if not part(answer.json()):
            raise Unknown("broken", answer.redact(answer.text[:200]))
        return body
