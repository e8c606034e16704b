"""What the tests of payment services share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from integrations.errors import VendorError
from integrations.types import PaymentAsked, RefundAsked

from .suite import Vendor

ORDERS = "A payment service: it keeps payments and no orders."
SKIPS = dict.fromkeys(
    (
        "created_once",
        "lost_answer_found",
        "orders_read",
        "order_written",
        "read_to_the_end",
        "lists_offered",
        "products_made_once",
    ),
    ORDERS,
)


def asked(reference: str = "A-1", amount: str = "1547.36", currency: str = "UAH", **more: Any) -> PaymentAsked:
    back, hook = "https://hub.example/pay/x/back", "http://127.0.0.1:1/hooks/1/x"
    return PaymentAsked(reference, Decimal(amount), currency, "№ A", back, hook, **more)


def vendor(
    key: str,
    settings: Mapping[str, Any],
    error: Callable[[str], Any],
    status: Callable[[str], Any],
    currency: str = "UAH",
    **more: Any,
) -> Vendor:
    """`status`: a payment whose status is this word, translated."""
    secret = next(name for name in settings if name.endswith(("secret_key", "private_key")))
    return Vendor(
        key=key,
        settings=settings,
        changed={secret: "a-newer-key"},
        read=lambda c: c.read_payment("P-1", "A-1"),
        write=lambda c: c.refund_payment(RefundAsked("P-1", "A-1", Decimal(10), currency, "key", Decimal(100))),
        error=error,
        page=lambda c, s: (set(), set()),
        unknown_status=lambda c: status("teleported").raw,
        skips=SKIPS,
        **more,
    )


def fault(call: Callable[..., Any], *args: Any) -> str:
    try:
        call(*args)
    except VendorError as error:
        return error.fault
    return ""
