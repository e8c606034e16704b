"""YooKassa. API reference: https://yookassa.ru/developers (v3).

Notifications carry no signature: whatever they say, the payment is read again by its id before anything is believed.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from wtforms import StringField

from ..base import SecretField, SettingsForm, required
from ..errors import Refused
from ..payments import read_json
from ..rest import RestConnector
from ..text import N_
from ..types import Notice, PaymentAsked, PaymentStarted, PaymentState, Reply, TestResult
from ..values import entries, text
from . import translate

PAGE = 100
#: how far back a payment is looked for by its reference: as long as an Idempotence-Key is remembered
LOOK_BACK = timedelta(hours=24)


class YooKassaSettings(SettingsForm):
    shop_id = StringField(N_("Shop id (shopId)"), [required()])
    secret_key = SecretField(N_("Secret key"), [required()])


class YooKassa(RestConnector):
    key = "yookassa"
    title = "YooKassa"
    color = "indigo"
    summary = N_("Takes payments by a link: cards, SBP, wallets.")
    countries = ("RU",)
    currencies = ("RUB",)
    paid_by = N_("Bank card, SBP, SberPay, YooMoney")
    api_url = "https://api.yookassa.ru"
    api_path = "/v3"
    docs_url = "https://yookassa.ru/developers"
    Settings = YooKassaSettings
    help_steps = (
        N_("Open your YooKassa cabinet; the shop id stands beside the shop's name, in Settings, Shop."),
        N_("In Integration, API keys, make a secret key and copy it: it is shown once."),
        N_("Save here, then copy the webhook link of this connection."),
        N_("In Integration, HTTP notifications, enter that link and tick the events of payments and refunds."),
    )

    def headers(self) -> Mapping[str, str]:
        pair = f"{self.settings['shop_id']}:{self.settings['secret_key']}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    def complaint(self, body: Mapping[str, Any]) -> str:
        """Only errors complain: a payment has a description, too."""
        if text(body, "type") != "error":
            return ""
        return ", ".join(filter(None, [text(body, "description"), text(body, "parameter")])) or text(body, "code")

    def test(self) -> TestResult:
        return TestResult(ok=bool(self.call("GET", "me")))

    def start_payment(self, asked: PaymentAsked) -> PaymentStarted:
        found = translate.state(self._post("payments", asked.reference, translate.asked(asked)))
        return PaymentStarted(found.external_id, found.url)

    def read_payment(self, external_id: str, reference: str) -> PaymentState:
        body = self.call("GET", f"payments/{external_id}") if external_id else self._find(reference)
        return translate.state(body)

    def cancel_payment(self, external_id: str, reference: str) -> None:
        """Only money that is held can be let go; a page that nobody has paid on closes by itself within the hour."""
        if self.read_payment(external_id, reference).state == "waiting":
            self._post(f"payments/{external_id}/cancel", f"cancel {external_id}", {})

    def refund_payment(self, external_id: str, reference: str, amount: Decimal, currency: str, key: str) -> None:
        wanted = {"payment_id": external_id, "amount": translate.amount(amount, currency)}
        answer = self._post("refunds", f"refund {key}", wanted)
        if text(answer, "status") == "canceled":
            raise Refused("validation", text(answer, "cancellation_details", "reason"))

    def notices(self, headers: Mapping[str, str], body: bytes) -> Sequence[Notice]:
        found = translate.notice(read_json(body))
        return [found] if found else []

    def answer(self, notices: Sequence[Notice]) -> Reply:
        return Reply()

    def _post(self, path: str, name: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return self.call("POST", path, json=body, headers={"Idempotence-Key": translate.once(name)})

    def _find(self, reference: str) -> Mapping[str, Any]:
        """The payment with this reference in its metadata: there is no search, so the last day's are gone through."""
        query: dict[str, Any] = {"created_at.gte": (datetime.now(UTC) - LOOK_BACK).isoformat(), "limit": PAGE}
        while True:
            page = self.call("GET", "payments", params=query)
            for body in entries(page.get("items")):
                if text(body, "metadata", "reference") == reference:
                    return self.call("GET", f"payments/{text(body, 'id')}")  # with the address where it is paid
            if not page.get("next_cursor"):
                raise Refused("not_found", reference)
            query["cursor"] = page["next_cursor"]
