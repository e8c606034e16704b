"""WayForPay. API reference: https://wiki.wayforpay.com.

Errors come with HTTP 200 and a `reasonCode`. An invoice is made for each payment, since only those can be called off.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from wtforms import StringField

from ..base import SecretField, SettingsForm, required
from ..errors import Refused
from ..payments import PaymentService, checked, number, posted
from ..reading import an_object
from ..text import N_
from ..types import Notice, PaymentAsked, PaymentStarted, PaymentState, RefundAsked, Reply
from ..values import text
from . import translate

INVOICE_LIVES = 7200  # seconds; our own link makes another
#: accepted, or on its way: 1131 and 1134 wait for the bank, 1151 for the customer
GOOD = ("1100", "1131", "1132", "1134", "1151")
#: wrong signature, unknown payment: the answer is about no payment, whatever fields it has
UNTOLD = ("1113", "1127")


class WayForPaySettings(SettingsForm):
    account = StringField(N_("Merchant login (merchantAccount)"), [required()])
    domain = StringField(N_("Site that is registered there"), [required()])
    secret_key = SecretField(N_("Secret key"), [required()])


class WayForPay(PaymentService):
    key = "wayforpay"
    title = "WayForPay"
    color = "cyan"
    summary = N_("Takes payments by a link: cards, Apple Pay, Google Pay, instalments.")
    countries = ("UA",)
    currencies = ("UAH", "USD", "EUR")
    paid_by = N_("Bank card, Apple Pay, Google Pay, instalments")
    api_url = "https://api.wayforpay.com"
    docs_url = "https://wiki.wayforpay.com"
    Settings = WayForPaySettings
    complaint_faults = {
        r"^(1113|1117|1118)\b": ("credentials", "secret_key"),
        r"^1127\b": ("not_found", ""),
        r"^1112\b": ("duplicate", ""),
    }
    help_steps = (
        N_("Sign in to the WayForPay cabinet and open the settings of your shop."),
        N_("Copy the merchant login and the merchant secret key."),
        N_("Enter the site as it is registered there, without https://."),
        N_("WayForPay is told with each payment where to send its notices: there is nothing to enter there."),
    )

    def complaint(self, body: Mapping[str, Any]) -> str:
        """Code and words, which some answers have the other way round; none of a payment that is told about."""
        code, words = text(body, "reasonCode"), text(body, "reason")
        if not code.isdecimal():
            code, words = words, code
        told = text(body, "transactionStatus") and code not in UNTOLD
        return "" if told or code in GOOD or not (code or words) else f"{code} {words}".strip()

    def start_payment(self, asked: PaymentAsked) -> PaymentStarted:
        body = translate.asked(asked, datetime.now(UTC), INVOICE_LIVES)
        body["merchantDomainName"] = self.settings["domain"]
        made = self._ask("CREATE_INVOICE", translate.CREATED, safe=False, **body)
        return PaymentStarted("", text(made, "invoiceUrl"))

    def read_payment(self, external_id: str, reference: str) -> PaymentState:
        return translate.state(self._ask("CHECK_STATUS", translate.ASKED, orderReference=reference))

    def close_page(self, reference: str) -> None:
        self._ask("REMOVE_INVOICE", translate.ASKED, safe=False, orderReference=reference)

    def refund_payment(self, asked: RefundAsked) -> None:
        moved = {"orderReference": asked.reference, "amount": number(asked.amount), "currency": asked.currency}
        answer = self._ask("REFUND", translate.MOVED, safe=False, **moved, comment="refund")
        if text(answer, "transactionStatus").lower() == "declined":
            raise Refused("validation", text(answer, "reason"))

    def notices(self, headers: Mapping[str, str], body: bytes) -> Sequence[Notice]:
        """JSON in the body, whatever its type is said to be; numbers stay the texts that were signed."""
        found = an_object(_json_of(body), parse_float=str, parse_int=str)
        given = text(found, "merchantSignature")
        checked(given, self._signature(found.get(name) for name in translate.NOTICE))
        mine = text(found, "merchantAccount") == self.settings["account"]
        return posted(hashlib.sha256(body).hexdigest(), mine, text(found, "orderReference"), found)

    def answer(self, notices: Sequence[Notice]) -> Reply:
        """Signed; without it the notice comes again for days."""
        reference = notices[0].reference if notices else ""
        said: dict[str, Any] = {
            "orderReference": reference,
            "status": "accept",
            "time": int(datetime.now(UTC).timestamp()),
        }
        said["signature"] = self._signature(said.values())
        return Reply(headers={"Content-Type": "application/json"}, body=json.dumps(said))

    def _signature(self, values: Any) -> str:
        return translate.signature(str(self.settings["secret_key"]), values)

    def _ask(self, kind: str, signed: Sequence[str], safe: bool = True, **fields: Any) -> Mapping[str, Any]:
        body = {"transactionType": kind, "merchantAccount": self.settings["account"], "apiVersion": 1, **fields}
        body["merchantSignature"] = self._signature(body.get(name) for name in signed)
        return self.call("POST", "/api", safe=safe, json=body)


def _json_of(body: bytes) -> bytes | str:
    """The JSON of a notice: the body itself, or the name of the only field of a form."""
    if body.lstrip()[:1] == b"{":
        return body
    return next(iter(parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20)), "")
