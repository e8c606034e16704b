"""RetailCRM (Simla.com), API v5.

API reference: https://docs.retailcrm.ru/Developers/API/APIVersions/APIv5. What it leaves open follows the vendor's
own clients (github.com/retailcrm/api-client-php and api-client-go): form bodies with JSON in their fields, ten requests
a second, HTTP 503 over that, HTTP 460 for a batch that was taken in part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from wtforms import BooleanField, StringField, URLField
from wtforms.validators import URL

from ..base import Connector, MappingTable, SecretField, SettingsForm, Task, required
from ..errors import Later, Refused, Unknown, VendorError
from ..http import Answer, judge
from ..text import N_
from ..types import Copy, OrderData, ProductData, Reference, Sent, StatusChange, TestResult
from ..values import part
from . import translate

PARTIAL = 460  # some orders of an upload were taken, the others are listed as failed
ASKED_AGAIN = 5  # failed orders of one upload that are sent singly to learn the reason
LOOKED_UP = 50  # external ids in one query: keeps addresses below the 8 KB that servers take
PAGE = 100
#: our list key -> method, key in its answer
LISTS = {
    "statuses": ("statuses", "statuses"),
    "payment": ("payment-types", "paymentTypes"),
    "delivery": ("delivery-types", "deliveryTypes"),
    "sites": ("sites", "sites"),
}
ZONES = timedelta(days=1)  # the account's own time zone is unknown, so its "now" is only known to the day
#: faults that lie with one order; any other stops the whole call
PER_ORDER = ("validation", "not_found", "duplicate")


class RetailCrmSettings(SettingsForm):
    advanced = ("external_id_prefix",)

    api_url = URLField(
        N_("RetailCRM address"),
        [required(), URL(require_tld=False, message=N_("This is not an address: it starts with https://"))],
        description=N_("As you open it in the browser: https://NAME.retailcrm.ru"),
    )
    api_key = SecretField(N_("API key"), [required()])
    site = StringField(
        N_("Shop code"), [required()], description=N_("The symbolic code of the shop that the key is attached to.")
    )
    delivery_code = StringField(
        N_("Delivery type code"),
        description=N_(
            "Fill it in when a delivery module is installed in RetailCRM: tariff and pickup point go to it."
        ),
    )
    duplicate_delivery = BooleanField(N_("Copy delivery data into the manager's comment"))
    copy_number = BooleanField(N_("Copy the order number"))
    external_id_prefix = StringField(
        N_("Prefix of external ids"),
        description=N_("Keeps our orders apart when another shop sends to the same RetailCRM. Don't change it later."),
    )


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
        MappingTable(
            "status_in",
            N_("Statuses read back"),
            "in",
            "statuses",
            "statuses",
            hints=dict.fromkeys(("new", "approval", "assembling", "delivery", "complete"), "transferred")
            | {"cancel": "cancelled"},
        ),
        MappingTable(
            "status_out",
            N_("Statuses when sending"),
            "out",
            "statuses",
            "statuses",
            help=N_("Leave a row empty and RetailCRM keeps its own status for the order."),
        ),
        MappingTable(
            "payment_out",
            N_("Payment types"),
            "out",
            "payment",
            "payment",
            help=N_("Empty: cash for payment on delivery, bank-card for payment on the site."),
            hints={"cash": "cod_cash", "bank-card": "online_card", "bank-transfer": "transfer"},
        ),
        MappingTable(
            "delivery_out",
            N_("Delivery types"),
            "out",
            "delivery",
            "delivery",
            help=N_("Empty: the delivery type code of the settings."),
        ),
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
        allowed = self._call("GET", "credentials")
        scopes = allowed.get("scopes") or ()
        notes = []
        if allowed.get("siteAccess") == "access_selective" and self.settings["site"] not in (
            allowed.get("sitesAvailable") or ()
        ):
            notes.append(
                N_("The key doesn't reach the shop with this code: attach the shop to the key or fix the code.")
            )
        if scopes and not {"order_read", "order_write"} <= set(scopes):
            notes.append(N_("The key may not read and change orders: allow all methods in its settings."))
        return TestResult(ok=not notes, notes=notes)

    def send(self, orders: Sequence[OrderData]) -> Sequence[Sent]:
        """Up to 50 orders in one upload; one order alone by orders/create, which tells what is wrong with it."""
        if len(orders) == 1:
            return [self._per_order(orders[0], partial(self._create, orders[0]))]
        answer = self._post("orders/upload", orders=[translate.new_order(o, self._style) for o in orders])
        body = part(answer.json()) if answer.status == PARTIAL else self._accept(answer)
        listed = (*(body.get("uploadedOrders") or ()), *(body.get("orders") or ()))
        stored = {self._key(o): o for o in listed if part(o).get("id")}
        failed = {self._key(o) for o in body.get("failedOrders") or ()} - stored.keys()
        done = [Sent(o.key, translate.copy(stored[o.key], self.base_url)) for o in orders if o.key in stored]
        silent = [o for o in orders if o.key not in stored and o.key not in failed]
        lost = [Sent(o.key, fault="broken", detail="the answer doesn't mention this order") for o in silent]
        return [*done, *lost, *self._explain([o for o in orders if o.key in failed], body, answer)]

    def update(self, external_id: str, order: OrderData) -> Sent:
        return self._per_order(order, partial(self._edit, external_id, order))

    def find(self, keys: Sequence[str]) -> Mapping[str, Copy]:
        found: dict[str, Copy] = {}
        for chunk in _chunks(keys):
            names = [self._style.prefix + key for key in chunk]
            query = {"filter[externalIds][]": names, "filter[sites][]": self.settings["site"], "limit": PAGE}
            orders = self._call("GET", "orders", params=query).get("orders") or ()
            found |= {self._key(o): translate.copy(o, self.base_url) for o in orders if self._key(o) in keys}
        return found

    def ensure_products(self, products: Sequence[ProductData]) -> Mapping[str, str]:
        known = self._offers([p.sku for p in products])
        absent = [p for p in products if p.sku not in known]
        if not absent:
            return known
        catalog = part(part(self._call("GET", "reference/sites").get("sites")).get(self.settings["site"]))
        for chunk in _chunks(absent):
            items = [translate.product(p, catalog.get("catalogId")) for p in chunk]
            added = self._call("POST", "store/products/batch/create", products=items).get("addedProducts") or ()
            if len(added) == len(chunk):
                known |= {p.sku: str(identity) for p, identity in zip(chunk, added, strict=True)}
            else:  # which of them were added is not told
                known |= self._offers([p.sku for p in chunk])
        return known

    def statuses(self, cursor: Mapping[str, Any], now: datetime) -> tuple[Sequence[StatusChange], Mapping[str, Any]]:
        """Reads orders/history to its end. Cursor: {"since_id": last record read}, or {"start": ISO time} before
        there was a first one."""
        cursor = dict(cursor) or {"start": (now - ZONES).isoformat()}
        changes: list[StatusChange] = []
        while True:
            query = {"limit": PAGE, "page": 1, **translate.history_filter(cursor)}
            body = self._call("GET", "orders/history", params=query)
            records = body.get("history") or ()
            changes += filter(None, (translate.change(r, self._style.prefix) for r in records))
            before, cursor = cursor, {"since_id": max(r["id"] for r in records)} if records else cursor
            if cursor == before or part(body.get("pagination")).get("totalPageCount", 1) <= 1:
                return changes, cursor

    def statuses_of(self, external_ids: Sequence[str]) -> Sequence[StatusChange]:
        read: list[StatusChange] = []
        for chunk in _chunks(external_ids):
            orders = self._call("GET", "orders/statuses", params={"ids[]": chunk}).get("orders") or ()
            read += [translate.status(o, self._style.prefix) for o in orders]
        return read

    def references(self) -> Mapping[str, Sequence[Reference]]:
        return {
            ours: translate.references(self._call("GET", f"reference/{method}").get(key))
            for ours, (method, key) in LISTS.items()
        }

    @property
    def _style(self) -> translate.Style:
        given = self.settings
        return translate.Style(
            prefix=str(given.get("external_id_prefix") or ""),
            delivery_code=str(given.get("delivery_code") or ""),
            duplicate_delivery=bool(given.get("duplicate_delivery")),
            copy_number=bool(given.get("copy_number")),
        )

    def _key(self, theirs: Mapping[str, Any]) -> str:
        return translate.key_of(part(theirs), self._style.prefix)

    def _per_order(self, order: OrderData, write: Callable[[], Mapping[str, Any]]) -> Sent:
        try:
            return Sent(order.key, translate.copy(write(), self.base_url))
        except VendorError as error:
            if error.fault not in PER_ORDER:
                raise
            return Sent(order.key, fault=error.fault, detail=error.detail, field=error.field)

    def _explain(self, failed: Sequence[OrderData], body: Any, answer: Answer) -> Iterator[Sent]:
        """An upload's errors don't say whose they are. The first few orders are sent again singly to learn it."""
        errors = translate.complaints(body)
        words = answer.redact(translate.complaint(body))
        if len(errors) == len(failed) and all(map(translate.is_duplicate, errors)):
            yield from (Sent(o.key, fault="duplicate", detail=words) for o in failed)
            return
        for order in failed[:ASKED_AGAIN]:
            try:
                yield self._per_order(order, partial(self._create, order))
            except VendorError as error:  # the others of the batch are stored: their results must not be lost
                yield Sent(order.key, fault=error.fault, detail=error.detail, field=error.field)
        yield from (Sent(o.key, fault="validation", detail=words) for o in failed[ASKED_AGAIN:])

    def _create(self, order: OrderData) -> Mapping[str, Any]:
        body = self._call("POST", "orders/create", order=translate.new_order(order, self._style))
        return {"id": body.get("id"), **part(body.get("order"))}

    def _edit(self, external_id: str, order: OrderData) -> Mapping[str, Any]:
        changed = translate.changed_order(order, self._style)
        held = part(self._call("POST", f"orders/{external_id}/edit", by="id", order=changed).get("order"))
        if "payments" not in held:
            held = part(self._call("GET", f"orders/{external_id}", params={"by": "id"}).get("order"))
        step = translate.payment_step(held.get("payments"), order, self._style)
        if step:
            path, payment = step
            self._call("POST", path, by="id", payment={**payment, "order": {"id": int(external_id)}})
        return {"id": external_id, **held}

    def _offers(self, skus: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for chunk in _chunks(skus):
            query = {"filter[externalIds][]": chunk, "limit": PAGE}
            offers = self._call("GET", "store/offers", params=query).get("offers") or ()
            found |= {o["externalId"]: str(o["id"]) for o in offers if o.get("externalId") in chunk}
        return found

    def _call(self, method: str, path: str, **kwargs: Any) -> Mapping[str, Any]:
        """GET: kwargs go to the client; POST: they are the form's fields."""
        if method == "POST":
            return self._accept(self._post(path, **kwargs))
        return self._accept(self.http.get(self._url(path), headers=self._headers, **kwargs), write=False)

    def _post(self, path: str, **fields: Any) -> Answer:
        form = {name: value if isinstance(value, str) else translate.encode(value) for name, value in fields.items()}
        return self.http.post(self._url(path), headers=self._headers, data={"site": self.settings["site"], **form})

    def _url(self, path: str) -> str:
        return f"{self.base_url}/api/{'' if path == 'credentials' else 'v5/'}{path}"

    @property
    def _headers(self) -> dict[str, str]:
        return {"X-API-KEY": str(self.settings["api_key"])}

    def _accept(self, answer: Answer, *, write: bool = True) -> Mapping[str, Any]:
        """The answer's object. Raises what its status or its complaint means."""
        body = part(answer.peek())
        words = answer.redact(translate.complaint(body))
        if answer.status == 503:  # how RetailCRM says "too many requests"
            raise Later("rate_limited", words, answer.retry_after)
        if fault := translate.setting_fault(words):
            raise Refused(fault[0], words, field=fault[1])
        if translate.is_duplicate(words):
            raise Unknown("duplicate", words)
        if answer.status == 400 or (answer.ok and body.get("success") is False):
            raise Refused("validation", words or answer.redact(answer.text[:200]), field=translate.field_of(body))
        judge(answer, words, write=write)
        answer.json()  # raises for what is no JSON
        if not body:
            raise Unknown("broken", answer.redact(answer.text[:200]))
        return body


def _chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    yield from (items[start : start + LOOKED_UP] for start in range(0, len(items), LOOKED_UP))
