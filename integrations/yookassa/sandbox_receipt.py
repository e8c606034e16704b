"""What the imitation of YooKassa wants of a receipt, written by its documentation and not by our connector."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from integrations.sandbox_pay import amount_of

MOST = 100  # lines
MODES = (
    "full_prepayment", "partial_prepayment", "advance", "full_payment", "partial_payment", "credit", "credit_payment",
)  # fmt: skip
SUBJECTS = (
    "commodity", "excise", "job", "service", "gambling_bet", "gambling_prize", "lottery", "lottery_prize",
    "intellectual_activity", "payment", "agent_commission", "composite", "another",
)  # fmt: skip


def flaw(receipt: Any, amount: Decimal, currency: str) -> str:
    """The parameter that is wrong with a receipt for this sum; "" when nothing is."""
    if not isinstance(receipt, dict):
        return "receipt"
    customer, items = receipt.get("customer") or {}, receipt.get("items") or []
    if not (_is_mail(customer.get("email")) or re.fullmatch(r"\d{7,15}", str(customer.get("phone") or ""))):
        return "receipt.customer"
    if not 1 <= len(items) <= MOST:
        return "receipt.items"
    if receipt.get("tax_system_code", 1) not in range(1, 7):
        return "receipt.tax_system_code"
    for number, item in enumerate(items):
        if wrong := _flaw_of_item(item, currency):
            return f"receipt.items[{number}].{wrong}"
    total = sum(Decimal(item["quantity"]) * Decimal(item["amount"]["value"]) for item in items)
    return "" if total == amount else "receipt.items"


def _flaw_of_item(item: dict[str, Any], currency: str) -> str:
    price = item.get("amount") or {}
    checks = {
        "description": 1 <= len(item.get("description") or "") <= 128,
        "quantity": amount_of(item.get("quantity")) > 0,
        "amount.value": bool(re.fullmatch(r"\d+\.\d\d", str(price.get("value")))) and amount_of(price["value"]) > 0,
        "amount.currency": price.get("currency") == currency,
        "vat_code": item.get("vat_code") in range(1, 13),
        "payment_mode": item.get("payment_mode", MODES[0]) in MODES,
        "payment_subject": item.get("payment_subject", SUBJECTS[0]) in SUBJECTS,
        "measure": item.get("measure", "piece") in ("piece", "gram", "kilogram", "another"),
    }
    return next((name for name, fits in checks.items() if not fits), "")


def _is_mail(given: Any) -> bool:
    return bool(re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", str(given or "")))
