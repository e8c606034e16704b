"""YooKassa's payments -> ours, and what it is asked. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ..payments import standing
from ..types import Notice, PaymentAsked, PaymentState, RefundAsked
from ..values import moment, money, part, text
from .receipt import receipt

STATES = {"pending": "pending", "waiting_for_capture": "waiting", "succeeded": "paid", "canceled": "cancelled"}
#: a payment that was called off for any other reason failed
CALLED_OFF = ("canceled_by_merchant", "expired_on_confirmation", "expired_on_capture")
ABOUT = ("payment.", "refund.")


def once(name: str) -> str:
    """The Idempotence-Key for what this names: at most 64 characters, so its digest."""
    return hashlib.sha256(name.encode()).hexdigest()


def amount(value: Decimal, currency: str) -> dict[str, str]:
    return {"value": f"{value:.2f}", "currency": currency}


def asked(payment: PaymentAsked, settings: Mapping[str, Any]) -> dict[str, Any]:
    body = {
        "amount": amount(payment.amount, payment.currency),
        "capture": True,
        "confirmation": {"type": "redirect", "return_url": payment.return_url},
        "description": payment.description[:128],
        "metadata": {"reference": payment.reference, "order": payment.order.number[:512]},
    }
    if settings.get("receipts"):
        body["receipt"] = receipt(payment.order, payment.amount, payment.currency, settings)
    return body


def refund(asked: RefundAsked, settings: Mapping[str, Any]) -> dict[str, Any]:
    """All of a payment at once has its receipt already: YooKassa takes it from the payment."""
    body: dict[str, Any] = {"payment_id": asked.external_id, "amount": amount(asked.amount, asked.currency)}
    if settings.get("receipts") and asked.amount != asked.paid:
        body["receipt"] = receipt(asked.order, asked.amount, asked.currency, settings)
    return body


def state(body: Mapping[str, Any]) -> PaymentState:
    """A payment as `GET /payments/{id}` gives it."""
    total, raw = money(text(body, "amount", "value")), text(body, "status")
    refunded = money(text(body, "refunded_amount", "value"))
    reason = text(body, "cancellation_details", "reason")
    found = standing(STATES, raw, total, refunded)
    return PaymentState(
        state="failed" if found == "cancelled" and reason not in CALLED_OFF else found,
        amount=total,
        currency=text(body, "amount", "currency"),
        refunded=refunded,
        raw=raw,
        at=moment(body.get("captured_at")),
        external_id=text(body, "id"),
        reference=text(body, "metadata", "reference"),
        url=text(body, "confirmation", "confirmation_url"),
        detail=reason,
    )


def notice(body: Mapping[str, Any]) -> Notice | None:
    """What a notification is about; None for news of other things (payouts, deals)."""
    event, thing = text(body, "event"), part(body, "object")
    payment_id = text(thing, "payment_id" if event.startswith("refund.") else "id")
    if not (event.startswith(ABOUT) and payment_id):
        return None
    return Notice(
        "payment", f"{event} {text(thing, 'id')}", payment_id, text(thing, "metadata", "reference"), dict(body)
    )
