"""WayForPay: its own quirks."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest

from integrations.sandbox import SandboxServer
from integrations.wayforpay import translate

from . import pay
from .suite import canned


def _status(word: str, **more: Any) -> Any:
    return translate.state({"transactionStatus": word, "amount": 100, "currency": "UAH", **more})


VENDOR = pay.vendor(
    "wayforpay",
    {"account": "test_merch_n1", "domain": "shop.example", "secret_key": "sandbox-token"},
    lambda words: {"reason": words, "reasonCode": 1109},
    _status,
)


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ({"word": "Approved"}, "paid"),
        ({"word": "inProcessing"}, "pending"),
        ({"word": "InProcessing"}, "pending"),
        ({"word": "WaitingAuthComplete"}, "waiting"),
        ({"word": "Declined"}, "failed"),
        ({"word": "Expired"}, "cancelled"),
        ({"word": "Refunded"}, "refunded"),
        ({"word": "Refunded", "refundAmount": 40}, "paid"),
        ({"word": "Voided"}, "refunded"),
        ({"word": "RefundInProcessing"}, "paid"),
        ({"word": "Approved", "processingDate": "never"}, "paid"),
    ],
)
def test_states(body: dict[str, Any], state: str) -> None:
    assert _status(**body).state == state


def test_the_signed_string_has_names_then_counts_then_prices() -> None:
    """The example of the vendor's documentation of CREATE_INVOICE has the same order of fields."""
    fields = ["acc", "shop.example", "72-1", 1735689600, 1547.36, "UAH", ["Mug", "Cup"], [1, 2], [1000, 273.68]]
    joined = "acc;shop.example;72-1;1735689600;1547.36;UAH;Mug;Cup;1;2;1000;273.68"
    assert translate.signature("key", fields) == translate.signature("key", [joined])
    assert translate.signature("key", ["a", None, "", "b"]) == translate.signature("key", ["a;;;b"])


def test_answers_with_code_and_words_changed_over() -> None:
    for body, fault in (
        ({"reason": "1113", "reasonCode": "Invalid signature"}, "credentials"),
        ({"reason": "Order Not Found", "reasonCode": 1127, "transactionStatus": ""}, "not_found"),
        ({"reason": "Order Not Found", "reasonCode": 1127, "transactionStatus": "Declined"}, "not_found"),
        ({"reason": "Frequency", "reasonCode": 1106, "transactionStatus": "Declined"}, ""),
        ({"reason": "Duplicate", "reasonCode": 1112}, "duplicate"),
    ):
        with canned((200, body)) as server:
            assert pay.fault(VENDOR.read, VENDOR.connect(server.url)) == fault
    with canned((200, {"transactionStatus": "Declined", "reason": "No", "reasonCode": 1128})) as server:
        assert pay.fault(VENDOR.write, VENDOR.connect(server.url)) == "validation"
    with canned((200, VENDOR.error("No."))) as server:
        assert pay.fault(VENDOR.connect(server.url).test) == "validation"


@pytest.mark.parametrize("amount", ["1000", "1000.00", "10.5", "1547.36"])
def test_an_amount_is_signed_as_it_is_sent(amount: str) -> None:
    with SandboxServer(keys=["wayforpay"]) as server:
        connection = VENDOR.connect(f"{server.url}/wayforpay")
        connection.start_payment(pay.asked(amount=amount))
        assert connection.read_payment("", "A-1").amount == Decimal(amount)
        assert pay.fault(connection.start_payment, pay.asked(amount=amount)) == "duplicate"


def test_notices_are_checked_and_answered_signed() -> None:
    connection = VENDOR.connect("http://127.0.0.1:1")
    fields = {"merchantAccount": "test_merch_n1", "orderReference": "A-1", "amount": "1000.00", "currency": "UAH",
              "authCode": "", "cardPan": None, "transactionStatus": "Expired", "reasonCode": "1124"}  # fmt: skip

    def posted(changes: dict[str, Any], key: str = "sandbox-token") -> bytes:
        said = {**fields, **changes}
        signature = translate.signature(key, said.values())
        text = json.dumps({**said, "merchantSignature": signature})
        return text.replace('"1000.00"', "1000.00").replace('"1124"', "1124").encode()

    for body in (posted({}), quote(posted({}).decode()).encode()):
        (notice,) = connection.notices({}, body)
        assert notice.reference == "A-1"
    reply = connection.answer([notice])
    said = json.loads(reply.body)
    assert (said["orderReference"], said["status"]) == ("A-1", "accept")
    assert said["signature"] == translate.signature("sandbox-token", ["A-1", "accept", said["time"]])
    assert connection.answer([]).status == 200
    assert connection.notices({}, posted({"orderReference": ""})) == []
    assert pay.fault(connection.notices, {}, posted({}, "other")) == "credentials"
    assert pay.fault(connection.notices, {}, posted({"merchantAccount": "another"})) == "credentials"
    assert pay.fault(connection.notices, {}, b"") == "validation"
