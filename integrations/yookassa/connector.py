"""YooKassa. API reference: https://yookassa.ru/developers (v3).

Notifications carry no signature: whatever they say, the payment is read again by its id before anything is believed.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from wtforms import BooleanField, SelectField, StringField

from ..base import SecretField, SettingsForm, required
from ..errors import Refused
from ..payments import PaymentService
from ..reading import an_object
from ..text import N_
from ..types import Notice, PaymentAsked, PaymentStarted, PaymentState, RefundAsked, TestResult
from ..values import entries, part, text
from . import receipt, translate

PAGE = 100
#: how far back a payment is looked for by its reference: as long as an Idempotence-Key is remembered
LOOK_BACK = timedelta(hours=24)
RECEIPTS_OFF = N_("This YooKassa shop has a cash register: it refuses payments until receipts are switched on here.")
RECEIPTS_ON = N_("Receipts are switched on here, but this YooKassa shop has no cash register for them.")


class YooKassaSettings(SettingsForm):
    shop_id = StringField(N_("Shop id (shopId)"), [required()])
    secret_key = SecretField(N_("Secret key"), [required()])
    receipts = BooleanField(
        N_("Have YooKassa make receipts (54-FZ)"),
        description=N_("They are sent to the customer's e-mail or phone; receipts by YooKassa itself to e-mail only."),
    )
    vat_code = SelectField(N_("VAT rate"), choices=receipt.VAT, default="1")
    payment_subject = SelectField(N_("What is sold"), choices=receipt.SUBJECTS, default="commodity")
    payment_mode = SelectField(N_("When it is paid"), choices=receipt.MODES, default="full_prepayment")
    tax_system = SelectField(N_("Tax system"), choices=receipt.TAX_SYSTEMS, default="")


class YooKassa(PaymentService):
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
        """What the shop says of its receipts has to fit the settings."""
        fiscalization = part(self.call("GET", "me").get("fiscalization"))
        wanted = fiscalization.get("enabled")
        have = bool(self.settings.get("receipts"))
        return TestResult.of({RECEIPTS_OFF: wanted is True and not have, RECEIPTS_ON: wanted is False and have})

    def start_payment(self, asked: PaymentAsked) -> PaymentStarted:
        found = translate.state(self._post("payments", asked.reference, translate.asked(asked, self.settings)))
        return PaymentStarted(found.external_id, found.url)

    def read_payment(self, external_id: str, reference: str) -> PaymentState:
        body = self.call("GET", f"payments/{external_id}") if external_id else self._find(reference)
        return translate.state(body)

    def release(self, held: PaymentState, external_id: str, reference: str) -> None:
        self._post(f"payments/{held.external_id}/cancel", f"cancel {held.external_id}", {})

    def refund_payment(self, asked: RefundAsked) -> None:
        answer = self._post("refunds", f"refund {asked.key}", translate.refund(asked, self.settings))
        if text(answer, "status") == "canceled":
            raise Refused("validation", text(answer, "cancellation_details", "reason"))

    def notices(self, headers: Mapping[str, str], body: bytes) -> Sequence[Notice]:
        found = translate.notice(an_object(body))
        return [found] if found else []

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
