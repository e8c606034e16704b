"""LiqPay's payments -> ours, and what it is asked: `data` is base64 of JSON, the signature is over that text. Pure."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ..payments import number, since_1970, standing
from ..types import PaymentAsked, PaymentState
from ..values import money, text

VERSION = 3
#: wait_accept, wait_compensation: the customer has paid, the shop's account gets it later
STATES = {
    **dict.fromkeys(("success", "wait_compensation", "wait_accept", "subscribed"), "paid"),
    **dict.fromkeys(("failure", "error"), "failed"),
    **dict.fromkeys(("reversed", "refunded"), "refunded"),
    "hold_wait": "waiting",
    "unsubscribed": "cancelled",
}
LANGUAGES = ("uk", "en")


def encoded(body: Mapping[str, Any]) -> str:
    return base64.b64encode(json.dumps(body, ensure_ascii=False).encode()).decode()


def signature(private_key: str, data: str) -> str:
    joined = f"{private_key}{data}{private_key}".encode()
    return base64.b64encode(hashlib.sha1(joined, usedforsecurity=False).digest()).decode()  # theirs; no choice


def asked(payment: PaymentAsked, expires: datetime) -> dict[str, Any]:
    """What the payment page is made from. `expires`: nobody can pay there afterwards."""
    return {
        "action": "pay",
        "amount": number(payment.amount),
        "currency": payment.currency,
        "description": payment.description,
        "order_id": payment.reference,
        "result_url": payment.return_url,
        "server_url": payment.callback_url,
        "language": payment.language if payment.language in LANGUAGES else "uk",
        "expired_date": expires.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
    }


def state(body: Mapping[str, Any], is_test: bool) -> PaymentState:
    """A payment as the action `status` gives it. Payments of test shops end as "sandbox": paid, if ours is one."""
    raw, total = text(body, "status"), money(body.get("amount"))
    given_back = money(body.get("refund_amount"))
    refunded = given_back or (total if STATES.get(raw) == "refunded" else Decimal(0))
    known = {**STATES, "sandbox": "paid"} if is_test else STATES
    return PaymentState(
        state=standing(known, raw, total, refunded),
        amount=total,
        currency=text(body, "currency"),
        refunded=refunded,
        raw=raw,
        at=since_1970(body.get("end_date"), 1000),
        reference=text(body, "order_id"),
        detail=": ".join(filter(None, [text(body, "err_code"), text(body, "err_description")])),
    )
