"""Prom.ua (the same API serves satu.kz, deal.by and prom.md).

API reference: https://public-api.docs.prom.ua. Field lists also follow the vendor's example clients
(github.com/evo-company/company-api-example). The rate limit is unpublished: one request a second is what long-lived
clients keep to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from wtforms import BooleanField, IntegerField, SelectChoice, SelectField
from wtforms.validators import NumberRange

from ..base import Connector, Extra, MappingTable, SecretField, SettingsForm, Task, required
from ..errors import Refused, Unknown, VendorError
from ..http import judge
from ..text import N_
from ..types import OrderData, Page, Raw, Reference, StatusChange, TestResult
from . import translate

PAGE = 100
OVERLAP = timedelta(minutes=10)  # clocks differ, and an order may become visible after its own time stamp
FIRST_DAYS = 14
TERM = N_("It ends after a year at the latest: make a new one before.")
LANGUAGES = [SelectChoice("uk", N_("Ukrainian")), SelectChoice("ru", N_("Russian"))]
REASONS = (
    Extra(
        "reason",
        N_("Cancel reason"),
        tuple(translate.CANCEL_REASONS.items()),
        defaults={"canceled": "buyers_request"},
    ),
    Extra("text", N_("Text for the buyer"), kind="text"),
    Extra("ttn", N_("Send the tracking number"), kind="tick"),
)
REASONS_HELP = N_("Prom wants a reason with every cancellation, and a text with some reasons.")
MEANINGS = {"pending": "new", "received": "confirmed", "paid": "confirmed", "canceled": "cancelled"}


class PromSettings(SettingsForm):
    token = SecretField(N_("API token"), [required()], description=TERM)
    import_days = IntegerField(N_("Days to look back at the first import"), [NumberRange(1, 365)], default=FIRST_DAYS)
    language = SelectField(N_("Language of product names"), choices=LANGUAGES, default="uk")
    accept_new = BooleanField(N_("Mark new orders as accepted on Prom as soon as they are here"))


class Prom(Connector):
    key = "prom"
    title = "Prom.ua"
    color = "violet"
    summary = N_("Takes orders in every two minutes; gives statuses, cancel reasons and tracking numbers back.")
    countries = ("UA",)
    api_url = "https://my.prom.ua"
    docs_url = "https://public-api.docs.prom.ua"
    rate = 1.0
    Settings = PromSettings
    mappings = (
        MappingTable("status_in", N_("Statuses of new orders"), "in", "statuses", "statuses", hints=MEANINGS),
        MappingTable(
            "status_out", N_("Statuses to write back"), "out", "statuses", "statuses", REASONS_HELP, extras=REASONS
        ),
        MappingTable("delivery_in", N_("Delivery methods"), "in", "delivery", "delivery"),
        MappingTable("payment_in", N_("Payment methods"), "in", "payment", "payment"),
    )
    tasks = (Task("orders", N_("Take orders in"), 120), Task("references", N_("Refresh lists"), 86_400))
    help_steps = (
        N_("Sign in to your Prom cabinet as the owner and open Settings, then API tokens."),
        N_("Create a token: name it after this hub and choose the longest term."),
        N_("Allow it to read and change orders, and to read payment and delivery options and products."),
        N_("Copy the token into the field here, save, and press “Test connection”."),
    )

    def test(self) -> TestResult:
        """One order and the payment options: a token has its rights section by section."""
        notes = {
            "orders/list": N_("The token has no right to read orders: without it nothing can be taken in."),
            "payment_options/list": N_("The token has no right to read payment options: their list stays empty."),
        }
        refused: dict[str, Refused] = {}
        for path in notes:
            try:
                self._call("GET", path, params={"limit": 1})
            except Refused as refusal:
                refused[path] = refusal
        if len(refused) == len(notes) or any(r.fault != "credentials" for r in refused.values()):
            raise next(iter(refused.values()))  # not one section's right: token, address or request are wrong
        return TestResult(ok="orders/list" not in refused, notes=[notes[path] for path in refused])

    def pull(self, cursor: Mapping[str, Any], now: datetime) -> Iterator[Page]:
        """Everything modified since the cursor {"since": ISO time}, newest page first, to the very end.

        `last_id` is inclusive, so each page repeats one order; a page with nothing new in it is the end (a short page
        is not: the vendor's greatest page size is not published)."""
        query: dict[str, Any] = {"limit": PAGE, "sort_dir": "desc", "last_modified_from": self._since(cursor, now)}
        seen: set[int] = set()
        while fresh := {o["id"]: o for o in self._orders(query) if o["id"] not in seen}:
            yield Page([Raw(str(identity), fresh[identity]) for identity in sorted(fresh)])
            seen |= fresh.keys()
            query["last_id"] = min(seen)
        yield Page((), {"since": now.isoformat()})

    def read(self, raw: Raw) -> OrderData:
        return translate.order(raw.body)

    def on_arrival(self, order: OrderData) -> StatusChange | None:
        """With `accept_new` on: New becomes Accepted at Prom. The jobs write it once the order is stored."""
        wanted = self.settings.get("accept_new") and order.status == "pending"
        return StatusChange(order.external_id, "received") if wanted else None

    def write_statuses(self, changes: Sequence[StatusChange]) -> Mapping[str, tuple[str, str]]:
        results = {c.external_id: ("validation", problem) for c in changes if (problem := translate.status_problem(c))}
        written = False
        for body in translate.status_bodies(c for c in changes if c.external_id not in results):
            ids = [str(identity) for identity in body["ids"]]
            try:
                done = {str(i) for i in self._call("POST", "orders/set_status", json=body).get("processed_ids") or ()}
            except VendorError as error:
                if error.fault != "validation" and not written:
                    raise
                results |= dict.fromkeys(ids, (error.fault, error.detail))
                continue
            written = True
            results |= {i: ("", "") if i in done else ("validation", "not changed") for i in ids}
        return results

    def write_tracking(self, external_id: str, number: str, carrier: str) -> None:
        """Without a carrier that Prom knows, the one that the order was made with counts."""
        code = translate.carrier(carrier) or translate.carrier_of(self._call("GET", f"orders/{external_id}"))
        if not code:
            raise Refused("validation", f"Prom takes no tracking numbers of {carrier!r}", field="delivery")
        body = {"order_id": int(external_id), "declaration_id": number, "delivery_type": code}
        self._call("POST", "delivery/save_declaration_id", json=body)

    def references(self) -> Mapping[str, Sequence[Reference]]:
        lists = {name: self._call("GET", f"{name}_options/list") for name in ("payment", "delivery")}
        read = {name: translate.references(answer.get(f"{name}_options")) for name, answer in lists.items()}
        known = {"statuses": translate.STATUSES, "cancel_reasons": translate.CANCEL_REASONS}
        return read | {name: translate.fixed(codes) for name, codes in known.items()}

    def _since(self, cursor: Mapping[str, Any], now: datetime) -> str:
        """The vendor takes no offset here and doesn't say in which zone it reads the time. UTC is safe: read as
        Kyiv time it lies two or three hours earlier, which costs a few repeats and no order."""
        days = int(self.settings.get("import_days", FIRST_DAYS))
        since = datetime.fromisoformat(cursor["since"]) - OVERLAP if cursor else now - timedelta(days=days)
        return since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")

    def _orders(self, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        orders = self._call("GET", "orders/list", params=query).get("orders")
        if not isinstance(orders, list) or not all(
            isinstance(o, dict) and isinstance(o.get("id"), int) for o in orders
        ):
            raise Unknown("broken", "orders/list: no list of orders in the answer")
        return orders

    def _call(self, method: str, path: str, **kwargs: Any) -> Mapping[str, Any]:
        """The answer's JSON object. Raises what the status means, or Refused for a complaint with HTTP 200."""
        language = str(self.settings.get("language") or "uk")
        headers = {"Authorization": f"Bearer {self.settings['token']}", "X-LANGUAGE": language}
        answer = self.http.request(method, f"{self.base_url}/api/v1/{path}", headers=headers, **kwargs)
        judge(answer, translate.complaint(answer.peek()), write=method == "POST")
        body = answer.json()
        if complaint := translate.complaint(body):
            raise Refused("validation", answer.redact(complaint))
        if not isinstance(body, dict):
            raise Unknown("broken", answer.redact(f"{path}: {answer.text[:200]}"))
        return body
