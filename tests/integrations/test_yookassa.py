"""YooKassa: its own quirks, and its official SDK against our imitation."""

from __future__ import annotations

import gc
import json
import os
import uuid
import warnings
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from integrations.sandbox import SandboxServer
from integrations.types import RefundAsked
from integrations.yookassa import translate

from . import pay
from .suite import canned


def _status(word: str, **more: Any) -> Any:
    return translate.state({"status": word, "amount": {"value": "100.00", "currency": "RUB"}, **more})


VENDOR = pay.vendor(
    "yookassa",
    {"shop_id": "100500", "secret_key": "sandbox-token"},
    lambda words: {"type": "error", "id": "1", "code": "invalid_request", "description": words},
    _status,
    "RUB",
)


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ({"status": "pending"}, "pending"),
        ({"status": "waiting_for_capture"}, "waiting"),
        ({"status": "succeeded"}, "paid"),
        ({"status": "succeeded", "refunded_amount": {"value": "99.99"}}, "paid"),
        ({"status": "succeeded", "refunded_amount": {"value": "100.00"}}, "refunded"),
        ({"status": "canceled", "cancellation_details": {"reason": "expired_on_confirmation"}}, "cancelled"),
        ({"status": "canceled", "cancellation_details": {"reason": "insufficient_funds"}}, "failed"),
        ({"status": "canceled", "cancellation_details": "oops", "metadata": []}, "failed"),
        ({}, "pending"),
    ],
)
def test_states(body: dict[str, Any], state: str) -> None:
    assert translate.state({"amount": {"value": "100.00", "currency": "RUB"}, **body}).state == state


def test_a_payment_is_found_by_its_reference_among_many() -> None:
    with SandboxServer(keys=["yookassa"]) as server:
        connection = VENDOR.connect(f"{server.url}/yookassa")
        for n in range(105):
            connection.start_payment(pay.asked(f"B-{n}", currency="RUB"))
        first = connection.read_payment("", "B-0")
        assert (first.reference, first.amount, first.state) == ("B-0", Decimal("1547.36"), "pending")
        assert first.url.startswith(server.url)
        assert pay.fault(connection.read_payment, "", "NEVER") == "not_found"
        again = connection.start_payment(pay.asked("B-0", currency="RUB"))
        assert (again.external_id, again.url) == (first.external_id, first.url)
        assert server.vendor("yookassa").count("payments") == 105
        wanted = RefundAsked(first.external_id, "B-0", Decimal(1), "RUB", "k", Decimal("1547.36"))
        assert pay.fault(connection.refund_payment, wanted) == "validation"


def test_a_refund_that_the_bank_refuses_is_told() -> None:
    with canned((200, {"status": "canceled", "cancellation_details": {"reason": "insufficient_funds"}})) as server:
        assert pay.fault(VENDOR.write, VENDOR.connect(server.url)) == "validation"


def test_notifications_of_the_official_sdk() -> None:
    """Bodies from its tests, where this machine has them; what they are about is understood or left alone."""
    folder = os.environ.get("CONTRACTS")
    path = Path(folder or ".") / "payments" / "yookassa_sdk_test_bodies.json"
    bodies = json.loads(path.read_text()) if folder and path.exists() else []
    known = {"type": "notification", "event": "refund.succeeded", "object": {"id": "r-1", "payment_id": "p-1"}}
    for body in [*(entry["data"] for entry in bodies), known]:
        if isinstance(body, dict) and "event" in body:
            found = VENDOR.connect("http://127.0.0.1:1").notices({}, json.dumps(body).encode())
            assert [notice.event for notice in found] in ([], ["payment"])
    assert found[0].external_id == "p-1"


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_official_sdk_works_with_our_imitation() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the SDK's own
        from yookassa import Configuration, Payment, Refund
        from yookassa.domain.exceptions import BadRequestError, UnauthorizedError
        from yookassa.domain.notification import WebhookNotificationFactory
    with SandboxServer(keys=["yookassa"]) as server:
        sandbox, url = server.vendor("yookassa"), f"{server.url}/yookassa/v3"
        Configuration.configure("100500", "sandbox-token", api_url=url)
        wanted = {"amount": {"value": "250.00", "currency": "RUB"}, "capture": True, "description": "Order 72",
                  "confirmation": {"type": "redirect", "return_url": "https://shop.example"}}  # fmt: skip
        key = str(uuid.uuid4())
        made, again = Payment.create(wanted, key), Payment.create(wanted, key)
        assert (made.status, made.id) == ("pending", again.id)
        assert made.confirmation.confirmation_url.startswith(server.url)
        number = int(made.confirmation.confirmation_url.rsplit("/", 1)[1])
        account = sandbox.account()
        sandbox.settle(number, "pay")
        found = Payment.find_one(made.id)
        assert (found.status, found.paid, found.amount.value) == ("succeeded", True, Decimal(250))
        assert datetime.fromisoformat(found.captured_at)
        body, _headers = sandbox.notice(account, account.table("payments")[number], "paid")
        notice = WebhookNotificationFactory().create(json.loads(body))
        assert (notice.event, notice.object.id) == ("payment.succeeded", made.id)
        refund = Refund.create({"payment_id": made.id, "amount": {"value": "50.00", "currency": "RUB"}})
        assert refund.status == "succeeded"
        assert Payment.list({"limit": 1}).items[0].id == made.id
        with pytest.raises(BadRequestError):
            Refund.create({"payment_id": made.id, "amount": {"value": "250.00", "currency": "RUB"}})
        Configuration.configure("100500", "wrong", api_url=url)
        with pytest.raises(UnauthorizedError):
            Payment.find_one(made.id)
    gc.collect()  # the SDK leaves its connections to the collector
