"""LiqPay. API reference: https://www.liqpay.ua/en/doc (API version 3).

Every request is a form of two fields, `data` and `signature`. Errors come with HTTP 200; a payment that failed is no
error of the question how it stands: it is told apart by its payment_id.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urljoin

from wtforms import StringField

from ..base import SecretField, SettingsForm, required
from ..errors import Refused, Unknown
from ..payments import PaymentService, checked, number, posted
from ..reading import an_object
from ..text import N_
from ..types import Notice, PaymentAsked, PaymentStarted, PaymentState, RefundAsked
from ..values import text
from . import translate

#: a payment page works so long; our own link makes another
PAGE_LIVES = timedelta(hours=2)


class LiqPaySettings(SettingsForm):
    public_key = StringField(N_("Public key"), [required()])
    private_key = SecretField(N_("Private key"), [required()])


class LiqPay(PaymentService):
    key = "liqpay"
    title = "LiqPay"
    color = "lime"
    summary = N_("Takes payments by a link: cards, Privat24, Apple Pay, Google Pay.")
    countries = ("UA",)
    currencies = ("UAH", "USD", "EUR")
    paid_by = N_("Bank card, Privat24, Apple Pay, Google Pay")
    api_url = "https://www.liqpay.ua"
    docs_url = "https://www.liqpay.ua/en/doc"
    Settings = LiqPaySettings
    complaint_faults = {
        r"^(invalid_signature|public_key_not_found|err_access|shop_\w+)\b": ("credentials", "private_key"),
        r"^payment_not_found\b": ("not_found", ""),
        r"^order_id_duplicate\b": ("duplicate", ""),
        r"^limit\b": ("rate_limited", ""),
    }
    help_steps = (
        N_("Sign in to liqpay.ua and open the page of your shop."),
        N_("In Settings, API, copy the public and the private key; keys of a test shop begin with sandbox_."),
        N_("LiqPay is told with each payment where to send its notices: there is nothing to enter there."),
    )

    def complaint(self, body: Mapping[str, Any]) -> str:
        if text(body, "result") != "error" or text(body, "payment_id"):
            return ""
        return ": ".join(filter(None, [text(body, "err_code") or text(body, "code"), text(body, "err_description")]))

    def start_payment(self, asked: PaymentAsked) -> PaymentStarted:
        """Makes a page and no payment yet: LiqPay knows the payment when the customer begins to pay."""
        form = self._signed(translate.asked(asked, datetime.now(UTC) + PAGE_LIVES))
        url = self.url("/api/3/checkout")
        answer = self.http.request("POST", url, data=form, safe=True)
        if answer.status not in (302, 303) or not answer.headers.get("location"):
            read = answer.json()
            self._judge(answer, read if isinstance(read, dict) else {}, write=False)
            raise Unknown("broken", f"HTTP {answer.status}, no address of a payment page")
        return PaymentStarted("", urljoin(url, answer.headers["location"]))

    def read_payment(self, external_id: str, reference: str) -> PaymentState:
        return translate.state(self._ask("status", order_id=reference), self._is_test)

    def refund_payment(self, asked: RefundAsked) -> None:
        moved = {"order_id": asked.reference, "amount": number(asked.amount), "currency": asked.currency}
        answer = self._ask("refund", safe=False, **moved)
        if text(answer, "result") == "error":
            raise Refused("validation", text(answer, "err_description") or text(answer, "status"))

    def notices(self, headers: Mapping[str, str], body: bytes) -> Sequence[Notice]:
        form = parse_qs(body.decode("utf-8", "replace"), max_num_fields=20)
        data, given = (form.get(name, [""])[0] for name in ("data", "signature"))
        checked(given, translate.signature(str(self.settings["private_key"]), data))
        try:
            found = an_object(base64.b64decode(data, validate=True))
        except binascii.Error:
            raise Refused("validation", "the data are no base64") from None
        mine = text(found, "public_key") == self.settings["public_key"]
        return posted(given, mine, text(found, "order_id"), found)

    @property
    def _is_test(self) -> bool:
        return str(self.settings["public_key"]).startswith("sandbox_")

    def _signed(self, fields: Mapping[str, Any]) -> dict[str, str]:
        data = translate.encoded({"version": translate.VERSION, "public_key": self.settings["public_key"], **fields})
        return {"data": data, "signature": translate.signature(str(self.settings["private_key"]), data)}

    def _ask(self, action: str, safe: bool = True, **fields: Any) -> Mapping[str, Any]:
        return self.call("POST", "/api/request", safe=safe, data=self._signed({"action": action, **fields}))
