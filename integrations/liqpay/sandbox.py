"""An imitation of LiqPay (https://www.liqpay.ua/en/doc), API version 3, as far as the hub uses it.

Not published, chosen here: a payment is known once the customer has begun to pay; the page of one that is not, made
again with the same order_id, takes the place of the first.
"""

import base64
import binascii
import hashlib
import json
import time
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import urlencode

from werkzeug.routing import Rule

from integrations.sandbox import Request, Response, answer
from integrations.sandbox_pay import PaymentSandbox, amount_of
from integrations.sandbox_store import Account, Thing

WORDS = {"held": "hold_wait", "paid": "success", "declined": "failure", "expired": "error", "refunded": "reversed"}
CURRENCIES = ("UAH", "USD", "EUR")


class LiqPaySandbox(PaymentSandbox):
    key = "liqpay"
    title = "LiqPay"
    errors: ClassVar[Any] = {
        "unauthorized": (200, "invalid_signature", "Invalid signature"),
        "expired": (200, "public_key_not_found", "public_key not found"),
        "denied": (200, "err_access", "Access denied"),
        "refuse": (200, "amount_limit", "Amount is out of limits"),
        "rate_limited": (200, "limit", "Too many requests"),
    }
    codes: ClassVar[Any] = {"error500": "err_internal", "not_found": "err_path", "method": "err_method"}
    demo: ClassVar[dict[str, str]] = {"public_key": "sandbox_i10000000000"}
    rules = (
        *PaymentSandbox.pages,
        Rule("/api/3/checkout", endpoint="page_made", methods=["GET", "POST"]),
        Rule("/api/request", endpoint="action", methods=["POST"]),
    )

    def account_options(self, number: int) -> Thing:
        return {"public_key": f"sandbox_i{10_000_000_000 + number}"}

    def key_of(self, request: Request) -> str | None:
        data, given = _field(request, "data"), _field(request, "signature")
        wanted = _decoded(data).get("public_key")
        for token, account in self.accounts.items():
            if account.options["public_key"] == wanted:
                return token if sign(token, data) == given else None
        return None

    def wrong(self, code: str, words: str) -> Thing:
        return {"result": "error", "status": "error", "err_code": code, "code": code, "err_description": words}

    def notice(self, account: Account, payment: Thing, event: str) -> tuple[bytes, dict[str, str]]:
        data = base64.b64encode(json.dumps(_shown(payment, account)).encode()).decode()
        form = urlencode({"data": data, "signature": sign(account.token, data)})
        return form.encode(), {"Content-Type": "application/x-www-form-urlencoded"}

    def _amount(self, asked: Thing) -> Decimal:
        amount = amount_of(asked.get("amount"))
        if amount <= 0:
            raise self.no("amount_limit", "Amount is out of limits")
        if asked.get("currency") not in CURRENCIES:
            raise self.no("wrong_amount_currency", "Currency is not supported")
        return amount

    # Endpoints

    def page_made(self, request: Request, account: Account) -> Response:
        """The address of the payment page."""
        asked = _decoded(_field(request, "data"))
        if int(asked.get("version") or 0) != 3 or asked.get("action") not in ("pay", "hold"):
            raise self.no("err_action", "Unknown action")
        amount, reference = self._amount(asked), str(asked.get("order_id") or "")
        if not reference or not asked.get("description"):
            raise self.no("order_id_empty", "order_id or description is empty")
        known = self.named(account, "reference", reference)
        if known and known["state"] != "pending":
            raise self.no("order_id_duplicate", "order_id has been used")
        wanted = {
            "reference": reference,
            "amount": str(amount),
            "currency": asked["currency"],
            "description": asked["description"],
            "return_url": asked.get("result_url", ""),
            "callback_url": asked.get("server_url", ""),
        }
        if known:
            account.put("payments", known["id"], known | wanted)
        payment = known or self.add(account, wanted)
        return Response("", 302, {"Location": self.checkout_url(request, payment)})

    def action(self, request: Request, account: Account) -> Response:
        asked = _decoded(_field(request, "data"))
        if asked.get("action") not in ("status", "refund"):
            raise self.no("err_action", "Unknown action")
        if not asked.get("order_id"):
            raise self.no("order_id_empty", "order_id is empty")
        payment = self.named(account, "reference", str(asked["order_id"]))
        if payment is None or payment["state"] == "pending":
            raise self.no("payment_not_found", "Payment not found")
        if asked["action"] == "status":
            return answer(_shown(payment, account))
        try:
            payment = self.refund(payment["id"], asked.get("amount") or payment["amount"])
        except ValueError:
            raise self.no("payment_err_status", "The payment can not be refunded") from None
        status = "reversed" if payment["state"] == "refunded" else "success"
        return answer({"result": "ok", "status": status, "payment_id": payment["id"], "wait_amount": False})


def sign(private_key: str, data: str) -> str:
    return base64.b64encode(hashlib.sha1(f"{private_key}{data}{private_key}".encode()).digest()).decode()  # noqa: S324 - LiqPay's


def _field(request: Request, name: str) -> str:
    return request.fields.get(name) or request.args.get(name, "")


def _decoded(data: str) -> Thing:
    try:
        found = json.loads(base64.b64decode(data))
    except (binascii.Error, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _shown(payment: Thing, account: Account) -> Thing:
    failed = payment["state"] in ("declined", "expired")
    shown: dict[str, Any] = {
        "result": "error" if failed else "ok",
        "action": "pay",
        "version": 3,
        "payment_id": payment["id"],
        "status": WORDS[payment["state"]],
        "type": "buy",
        "paytype": "card",
        "public_key": account.options["public_key"],
        "acq_id": 414963,
        "order_id": payment["reference"],
        "liqpay_order_id": f"LQ{payment['id']}",
        "description": payment["description"],
        "sender_card_mask2": "424242*42",
        "amount": float(payment["amount"]),
        "currency": payment["currency"],
        "create_date": int(payment["at"] * 1000),
        "end_date": int(payment.get("settled", time.time()) * 1000),
        "transaction_id": payment["id"],
    }
    if Decimal(payment["refunded"]):
        shown["refund_amount"] = float(payment["refunded"])
    return shown | ({"err_code": "decline", "err_description": "Declined by the bank"} if failed else {})
