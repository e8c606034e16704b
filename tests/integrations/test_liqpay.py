"""LiqPay: its own quirks, and the liqpy client against our imitation."""

from __future__ import annotations

import warnings
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import pytest

from integrations.liqpay import translate
from integrations.sandbox import SandboxServer

from . import pay
from .suite import canned


def _status(word: str, is_test: bool = False, **more: Any) -> Any:
    return translate.state({"status": word, "amount": 100, "currency": "UAH", **more}, is_test)


VENDOR = pay.vendor(
    "liqpay",
    {"public_key": "sandbox_i10000000000", "private_key": "sandbox-token"},
    lambda words: {"result": "error", "status": "error", "err_code": "err", "err_description": words},
    _status,
)


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ({"status": "success"}, "paid"),
        ({"status": "wait_compensation"}, "paid"),
        ({"status": "success", "refund_amount": 99.99}, "paid"),
        ({"status": "success", "refund_amount": 100}, "refunded"),
        ({"status": "reversed"}, "refunded"),
        ({"status": "reversed", "refund_amount": 40}, "paid"),
        ({"status": "failure"}, "failed"),
        ({"status": "hold_wait"}, "waiting"),
        ({"status": "otp_verify"}, "pending"),
        ({"status": "sandbox"}, "pending"),
        ({"status": "sandbox", "is_test": True}, "paid"),
        ({"status": "success", "end_date": "never"}, "paid"),
    ],
)
def test_states(body: dict[str, Any], state: str) -> None:
    assert _status(body.pop("status"), **body).state == state


def test_a_payment_that_failed_is_no_failed_question() -> None:
    told = {
        "result": "error",
        "status": "failure",
        "payment_id": 1,
        "order_id": "A-1",
        "err_code": "limit",
        "amount": 5,
    }
    with canned((200, told)) as server:
        found = VENDOR.connect(server.url).read_payment("", "A-1")
        assert (found.state, found.detail) == ("failed", "limit")
        assert pay.fault(VENDOR.write, VENDOR.connect(server.url)) == "validation"


def test_what_is_no_payment_page() -> None:
    for answer, fault in (
        ((200, "<html>"), "broken"),
        ((302, ""), "misconfigured"),
        ((500, "<html>"), "unavailable"),
        ((200, {"result": "error", "err_code": "order_id_duplicate"}), "duplicate"),
    ):
        with canned(answer) as server:
            assert pay.fault(VENDOR.connect(server.url).start_payment, pay.asked()) == fault
    with canned((302, "", {"Location": "/en/checkout/abc"})) as server:
        started = VENDOR.connect(server.url).start_payment(pay.asked())
        assert started.url == f"{server.url}/en/checkout/abc"


def test_notices_are_checked() -> None:
    connection = VENDOR.connect("http://127.0.0.1:1")

    def posted(fields: dict[str, Any], key: str = "sandbox-token", data: str = "") -> bytes:
        data = data or translate.encoded(fields)
        signature = translate.signature(key, data)
        return f"data={data}&signature={signature}".replace("+", "%2B").encode()

    good = {"public_key": "sandbox_i10000000000", "order_id": "A-1", "status": "success"}
    (notice,) = connection.notices({}, posted(good))
    assert (notice.event, notice.reference) == ("payment", "A-1")
    assert connection.notices({}, posted({**good, "order_id": ""})) == []
    assert pay.fault(connection.notices, {}, posted(good, "other")) == "credentials"
    assert pay.fault(connection.notices, {}, posted({**good, "public_key": "another"})) == "credentials"
    assert pay.fault(connection.notices, {}, posted({}, data="%%%")) in ("validation", "credentials")
    assert pay.fault(connection.notices, {}, posted({}, data="abc")) == "validation"
    assert connection.answer([notice]).status == 200


@pytest.mark.filterwarnings("ignore:Using sandbox LiqPay API")
def test_liqpy_works_with_our_imitation() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the client's own
        from liqpy.client import Client
    with SandboxServer(keys=["liqpay"]) as server, Client("sandbox_i10000000000", "sandbox_key") as client:
        sandbox = server.vendor("liqpay")
        account = sandbox.accounts["sandbox_key"] = sandbox.accounts.pop("sandbox-token")
        account.token = "sandbox_key"  # the client wants private keys of test shops to begin like that
        client._client.base_url = f"{server.url}/liqpay"  # it has no setting for that
        url = client.checkout(action="pay", amount=100, currency="UAH", description="Order", order_id="S-1")
        assert url.startswith(server.url)
        number = int(url.rsplit("/", 1)[1])
        sandbox.settle(number, "pay")
        assert client.status("S-1")["status"] == "success"
        assert client.refund("S-1", amount=100)["status"] == "reversed"
        body, _headers = sandbox.notice(account, account.table("payments")[number], "refunded")
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        assert client.callback(**form)["order_id"] == "S-1"
        assert Decimal(str(client.callback(**form)["refund_amount"])) == 100
        with pytest.raises(Exception, match="payment_not_found|not found"):
            client.status("NEVER")


def test_a_page_is_called_off_only_where_money_is_held() -> None:
    with SandboxServer(keys=["liqpay"]) as server:
        connection = VENDOR.connect(f"{server.url}/liqpay")
        connection.start_payment(pay.asked())
        connection.cancel_payment("", "A-1")
        assert pay.fault(connection.read_payment, "", "A-1") == "not_found"
        with canned((500, "")) as broken:
            assert pay.fault(VENDOR.connect(broken.url).cancel_payment, "", "A-1") == "unavailable"
        with canned((200, VENDOR.error("No."))) as refusing:
            assert pay.fault(VENDOR.connect(refusing.url).cancel_payment, "", "A-1") == "validation"
            assert pay.fault(VENDOR.connect(refusing.url).test) == "validation"
