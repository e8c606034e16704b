"""WayForPay's payments -> ours, and what it is asked. Signatures are over values joined by ";". Pure."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from ..payments import number, since_1970, standing
from ..types import PaymentAsked, PaymentState
from ..values import filled, money, text

STATES = {
    "approved": "paid",
    "refundinprocessing": "paid",
    "waitingauthcomplete": "waiting",
    "declined": "failed",
    "expired": "cancelled",
    "refunded": "refunded",
    "voided": "refunded",
}
ASKED = ("merchantAccount", "orderReference")
MOVED = ("merchantAccount", "orderReference", "amount", "currency")
NOTICE = (*MOVED, "authCode", "cardPan", "transactionStatus", "reasonCode")
CREATED = ("merchantAccount", "merchantDomainName", "orderReference", "orderDate", "amount", "currency",
           "productName", "productCount", "productPrice")  # fmt: skip
LANGUAGES = {"uk": "UA", "ru": "RU", "en": "EN"}


def signature(secret: str, values: Iterable[Any]) -> str:
    """Lists one value after the other; null as nothing."""
    flat = [one for value in values for one in (value if isinstance(value, list) else [value])]
    joined = ";".join("" if one is None else str(one) for one in flat)
    return hmac.new(secret.encode(), joined.encode(), hashlib.md5).hexdigest()


def asked(payment: PaymentAsked, now: datetime, lives: int) -> dict[str, Any]:
    """An invoice that can be paid for `lives` seconds. One product, the order: the sum is what is left to pay of it."""
    amount, buyer = number(payment.amount), payment.order.buyer or payment.order.recipient
    names = {"clientFirstName": buyer.first_name, "clientLastName": buyer.last_name, "clientEmail": buyer.email}
    return {
        "apiVersion": 1,
        "merchantAuthType": "simpleSignature",
        "language": LANGUAGES.get(payment.language, "UA"),
        "serviceUrl": payment.callback_url,
        "orderReference": payment.reference,
        "orderDate": int(now.timestamp()),
        "orderTimeout": lives,
        "amount": amount,
        "currency": payment.currency,
        "productName": [payment.description],
        "productPrice": [amount],
        "productCount": [1],
        **filled({**names, "clientPhone": buyer.phone.lstrip("+")}),
    }


def state(body: Mapping[str, Any]) -> PaymentState:
    """A payment as CHECK_STATUS gives it."""
    raw, total = text(body, "transactionStatus"), money(body.get("amount"))
    all_of_it = STATES.get(raw.lower()) == "refunded"
    refunded = money(body.get("refundAmount")) or (total if all_of_it else money(0))
    found = standing(STATES, raw, total, refunded)
    return PaymentState(
        state=found,
        amount=total,
        currency=text(body, "currency"),
        refunded=refunded,
        raw=raw,
        at=since_1970(body.get("processingDate")) if found in ("paid", "refunded") else None,
        reference=text(body, "orderReference"),
        detail=text(body, "reason") if found == "failed" else "",
    )
