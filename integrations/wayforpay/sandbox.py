"""An imitation of WayForPay (https://wiki.wayforpay.com), as far as the hub uses it.

Not published, chosen here: an invoice that was removed is Expired; the answer about an unknown payment has no status.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, ClassVar

import httpx
from werkzeug.routing import Rule

from integrations.sandbox import Request, Response, answer
from integrations.sandbox_pay import PaymentSandbox, amount_of
from integrations.sandbox_store import Account, Thing

PRODUCTS = ("productName", "productCount", "productPrice")
SIGNED = {
    "CREATE_INVOICE": (
        "merchantAccount", "merchantDomainName", "orderReference", "orderDate", "amount", "currency", *PRODUCTS,
    ),
    "CHECK_STATUS": ("merchantAccount", "orderReference"),
    "REMOVE_INVOICE": ("merchantAccount", "orderReference"),
    "REFUND": ("merchantAccount", "orderReference", "amount", "currency"),
}  # fmt: skip
WORDS = {
    "pending": ("Created", 1151, "Waiting for payment"),
    "held": ("WaitingAuthComplete", 1100, "Ok"),
    "paid": ("Approved", 1100, "Ok"),
    "declined": ("Declined", 1101, "Declined To Card Issuer"),
    "expired": ("Expired", 1124, "Payment has expired"),
    "refunded": ("Refunded", 1100, "Ok"),
}
TOLD = (
    "merchantAccount",
    "orderReference",
    "amount",
    "currency",
    "authCode",
    "cardPan",
    "transactionStatus",
    "reasonCode",
)


class WayForPaySandbox(PaymentSandbox):
    key = "wayforpay"
    title = "WayForPay"
    errors: ClassVar[Any] = {
        "unauthorized": (200, 1113, "Invalid signature"),
        "expired": (200, 1117, "Merchant is not allowed to use API"),
        "denied": (200, 1118, "Merchant restriction"),
        "refuse": (200, 1109, "Format error"),
    }
    demo: ClassVar[dict[str, str]] = {"account": "test_merch_n1", "domain": "shop.example"}
    rules = (*PaymentSandbox.pages, Rule("/api", endpoint="api", methods=["POST"]))

    def account_options(self, number: int) -> Thing:
        return {"account": f"test_merch_n{number + 1}"}

    def key_of(self, request: Request) -> str | None:
        body = _json(request)
        names = SIGNED.get(str(body.get("transactionType")), ())
        for token, account in self.accounts.items():
            if account.options["account"] == body.get("merchantAccount"):
                right = sign(token, (body.get(name) for name in names))
                return token if right == body.get("merchantSignature") else None
        return None

    def wrong(self, code: int, words: str) -> Thing:
        return {"reason": words, "reasonCode": code}

    def notice(self, account: Account, payment: Thing, event: str) -> tuple[bytes, dict[str, str]]:
        """JSON that says it is a form, amounts with two digits, as it really comes."""
        said = _shown(payment, account) | {"amount": f"@{Decimal(payment['amount']):.2f}@"}
        said["merchantSignature"] = sign(account.token, (str(said[name]).strip("@") for name in TOLD))
        text = json.dumps(said).replace('"@', "").replace('@"', "")
        return text.encode(), {"Content-Type": "application/x-www-form-urlencoded"}

    def accepts(self, account: Account, response: httpx.Response) -> bool:
        try:
            said = response.json()
            right = sign(account.token, (said["orderReference"], said["status"], said["time"]))
        except (ValueError, KeyError, TypeError):
            return False
        return said["status"] == "accept" and hmac.compare_digest(str(said["signature"]).encode(), right.encode())

    # Endpoints

    def api(self, request: Request, account: Account) -> Response:
        body = _json(request)
        verbs = {
            "CREATE_INVOICE": self._create,
            "CHECK_STATUS": self._status,
            "REMOVE_INVOICE": self._remove,
            "REFUND": self._refund,
        }
        return verbs[body["transactionType"]](request, account, body)

    def _create(self, request: Request, account: Account, body: Thing) -> Response:
        reference, missing = (
            body.get("orderReference"),
            [name for name in SIGNED["CREATE_INVOICE"] if not body.get(name)],
        )
        if missing:
            raise self.no(1115, f"Parameter missing: {missing[0]}")
        if self.named(account, "reference", reference):
            raise self.no(1112, "Duplicate Order ID")
        total = sum(Decimal(str(p)) * n for p, n in zip(body["productPrice"], body["productCount"], strict=True))
        if body["currency"] not in ("UAH", "USD", "EUR"):
            raise self.no(1110, "Currency is not supported")
        if amount_of(body["amount"]) != total or total <= 0:
            raise self.no(1130, "Wrong amount")
        made = {
            "reference": reference,
            "amount": str(total),
            "currency": body["currency"],
            "description": ", ".join(body["productName"]),
            "return_url": "",
            "callback_url": body.get("serviceUrl", ""),
        }
        url = self.checkout_url(request, self.add(account, made))
        return answer({"reason": "Ok", "reasonCode": 1100, "invoiceUrl": url, "qrCode": f"{url}/qr"})

    def _status(self, request: Request, account: Account, body: Thing) -> Response:
        return answer(_shown(self._one(account, body), account))

    def _remove(self, request: Request, account: Account, body: Thing) -> Response:
        payment = self._one(account, body)
        if payment["state"] != "pending":
            raise self.no(1121, "Wrong status")
        self.settle(payment["id"], "expire")
        return answer({"reason": "Ok", "reasonCode": 1100})

    def _refund(self, request: Request, account: Account, body: Thing) -> Response:
        payment = self._one(account, body)
        try:
            payment = self.refund(payment["id"], body["amount"])
        except ValueError:
            raise self.no(1128, "Refund limit exceeded") from None
        said = {"merchantAccount": account.options["account"], "orderReference": payment["reference"]}
        said |= {"transactionStatus": "Refunded", "reason": "Ok", "reasonCode": 1100}
        names = ("merchantAccount", "orderReference", "transactionStatus", "reasonCode")
        return answer(said | {"merchantSignature": sign(account.token, (said[name] for name in names))})

    def _one(self, account: Account, body: Thing) -> Thing:
        payment = self.named(account, "reference", body.get("orderReference"))
        if payment is None:
            raise self.no(1127, "Order Not Found")
        return payment


def sign(secret: str, values: Iterable[Any]) -> str:
    parts = [str(one) for value in values for one in (value if isinstance(value, list) else [value])]
    return hmac.new(secret.encode(), ";".join(parts).encode(), hashlib.md5).hexdigest()


def _json(request: Request) -> Thing:
    body = request.get_json(silent=True)
    return body if isinstance(body, dict) else {}


def _shown(payment: Thing, account: Account) -> Thing:
    status, code, words = WORDS[payment["state"]]
    settled = payment["state"] in ("paid", "held", "refunded")
    shown = {
        "merchantAccount": account.options["account"],
        "orderReference": payment["reference"],
        "amount": float(payment["amount"]),
        "currency": payment["currency"],
        "authCode": "541963" if settled else "",
        "email": "buyer@example.com",
        "createdDate": int(payment["at"]),
        "processingDate": int(payment.get("settled") or payment["at"]),
        "cardPan": "41****8217" if settled else "",
        "cardType": "Visa",
        "transactionStatus": status,
        "reason": words,
        "reasonCode": code,
        "fee": 0,
        "paymentSystem": "card",
    }
    return shown | ({"refundAmount": float(payment["refunded"])} if Decimal(payment["refunded"]) else {})
