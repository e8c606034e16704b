"""Receipts (54-FZ): what the connector writes, what the imitation takes, what the official SDK makes of both."""

from __future__ import annotations

import warnings
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.errors import Refused
from integrations.payments import spread
from integrations.sandbox import SandboxServer
from integrations.types import Delivery, LineData, OrderData, Person, RefundAsked
from integrations.yookassa import receipt, sandbox_receipt

from . import pay
from .test_yookassa import VENDOR

ON = {"receipts": True, "vat_code": "11", "payment_subject": "commodity", "payment_mode": "full_prepayment"}
PERSON = Person("Тестов", "Пётр", phone="+79161234567", email="petr@shop.example")


def order(*lines: LineData, discount: str = "0", delivery: str = "0", **more: Any) -> OrderData:
    total = sum((line.amount for line in lines), Decimal(0)) - Decimal(discount) + Decimal(delivery)
    given = {"number": "A-1", "currency": "RUB", "recipient": PERSON, "lines": lines, "total": total, **more}
    return OrderData(discount=Decimal(discount), delivery=Delivery(cost=Decimal(delivery)), **given)


def line(price: str, quantity: str = "1", discount: str = "0", name: str = "Чашка") -> LineData:
    return LineData(name, quantity=Decimal(quantity), price=Decimal(price), discount=Decimal(discount))


def printed(made: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(i["description"], i["quantity"], i["amount"]["value"]) for i in made["items"]]


CUP, BAG = line("100", "3"), line("50.50", name="Сумка")


@pytest.mark.parametrize(
    ("wanted", "items"),
    [
        (order(CUP, BAG), [("Чашка", "3.000", "100.00"), ("Сумка", "1.000", "50.50")]),
        (order(CUP, delivery="300"), [("Чашка", "3.000", "100.00"), ("Доставка", "1.000", "300.00")]),
        # 10 kopecks less for three cups: 99.96 2/3 each
        (order(CUP, discount="0.10"), [("Чашка", "1.000", "99.96"), ("Чашка", "2.000", "99.97")]),
        (order(line("33.30", "1.5", name="Чай")), [("Чай × 1.5", "1.000", "49.95")]),
        (order(line("0"), BAG), [("Сумка", "1.000", "50.50")]),  # a gift costs nothing and is not paid for
        (order(line("0.01", "3", "0.01")), [("Чашка × 3", "1.000", "0.02")]),
        (order(total=Decimal(70)), [("№ A-1", "1.000", "70.00")]),
        (order(line("5", name="ч" * 200)), [("ч" * 128, "1.000", "5.00")]),
        (order(line("10", discount="20"), BAG, total=Decimal("40.50")), [("Сумка", "1.000", "40.50")]),
    ],
)
def test_lines(wanted: OrderData, items: list[tuple[str, str, str]]) -> None:
    made = receipt.receipt(wanted, wanted.total, "RUB", ON)
    assert printed(made) == items
    assert not sandbox_receipt.flaw(made, wanted.total, "RUB")


def test_codes() -> None:
    wanted = order(CUP, delivery="200")
    given = {**ON, "vat_code": "2", "payment_subject": "excise", "payment_mode": "full_payment", "tax_system": "3"}
    made = receipt.receipt(wanted, Decimal(500), "RUB", given)
    assert made["tax_system_code"] == 3
    assert [i["payment_subject"] for i in made["items"]] == ["excise", "service"]
    assert {(i["vat_code"], i["payment_mode"], i["measure"]) for i in made["items"]} == {(2, "full_payment", "piece")}
    usual = receipt.receipt(wanted, Decimal(100), "RUB", {"receipts": True})
    assert "tax_system_code" not in usual
    assert {(i["vat_code"], i["payment_mode"]) for i in usual["items"]} == {(1, "partial_prepayment")}


def test_who_gets_it() -> None:
    assert receipt.receipt(order(CUP), Decimal(300), "RUB", ON)["customer"] == {
        "email": "petr@shop.example",
        "phone": "79161234567",
    }
    silent = Person("Без", "Связи", phone="what")
    by_recipient = order(CUP, recipient=replace(PERSON, email=""), buyer=silent)
    assert receipt.receipt(by_recipient, Decimal(300), "RUB", ON)["customer"] == {"phone": "79161234567"}
    with pytest.raises(Refused, match="e-mail or phone") as refusal:
        receipt.receipt(order(CUP, recipient=silent), Decimal(300), "RUB", ON)
    assert (refusal.value.fault, refusal.value.field) == ("validation", "email")


money = st.decimals("0", "99999", places=2)
lines = st.builds(
    LineData,
    name=st.text(max_size=200),
    quantity=st.one_of(st.integers(1, 50).map(Decimal), st.decimals("0.001", "9", places=3)),
    price=money,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(lines, max_size=8), money, money, st.decimals("0.01", "500000", places=2))
def test_a_receipt_adds_up_to_the_kopeck(found: list[LineData], off: Decimal, cost: Decimal, amount: Decimal) -> None:
    wanted = order(*found, discount=str(off), delivery=str(cost))
    made = receipt.receipt(wanted, amount, "RUB", ON)
    assert sandbox_receipt.flaw(made, amount, "RUB") == ""


@given(st.integers(0, 10**10), st.lists(st.decimals("0", "100000", places=3), min_size=1, max_size=30))
def test_a_sum_is_spread_without_a_rest(amount: int, weights: list[Decimal]) -> None:
    parts = spread(amount, weights)
    assert sum(parts) == (amount if any(weights) else 0)
    for weight, part in zip(weights, parts, strict=True):
        assert abs(part - (amount * weight / (sum(weights) or 1))) < 1


GOOD = receipt.receipt(order(CUP), Decimal(300), "RUB", ON)
ITEM = GOOD["items"][0]


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        (None, "receipt"),
        ({**GOOD, "customer": {}}, "receipt.customer"),
        ({**GOOD, "customer": {"phone": "+7 916"}}, "receipt.customer"),
        ({**GOOD, "items": []}, "receipt.items"),
        ({**GOOD, "items": [{**ITEM, "quantity": "2.000"}]}, "receipt.items"),
        ({**GOOD, "items": [{**ITEM, "vat_code": 13}]}, "receipt.items[0].vat_code"),
        ({**GOOD, "items": [{**ITEM, "description": "x" * 129}]}, "receipt.items[0].description"),
        ({**GOOD, "items": [{**ITEM, "quantity": "many"}]}, "receipt.items[0].quantity"),
        ({**GOOD, "tax_system_code": 7}, "receipt.tax_system_code"),
        (GOOD, ""),
    ],
)
def test_what_the_imitation_refuses(wrong: Any, where: str) -> None:
    assert sandbox_receipt.flaw(wrong, Decimal(300), "RUB") == where


def test_a_shop_with_a_cash_register() -> None:
    """Payments and refunds of a part have their receipts; a refund of all needs none; the test says what is amiss."""
    with SandboxServer(keys=["yookassa"]) as server:
        sandbox, url = server.vendor("yookassa"), f"{server.url}/yookassa"
        without, having = VENDOR.connect(url), VENDOR.connect(url, **ON)
        assert (without.test().ok, having.test().ok) == (True, False)
        sandbox.control_receipts({"on": True})
        assert (without.test().ok, having.test().ok) == (False, True)
        wanted = order(CUP, BAG, discount="0.07", delivery="199.99")
        asked = pay.asked("R-1", str(wanted.total), "RUB", order=wanted)
        with pytest.raises(Refused, match="Receipt is missing or illegal"):
            without.start_payment(asked)
        started = having.start_payment(asked)
        (kept,) = sandbox.account().table("payments").values()
        assert kept["receipt"]["customer"]["email"] == "petr@shop.example"
        sandbox.settle(kept["id"], "pay", notify=False)
        refund = RefundAsked(started.external_id, "R-1", Decimal("100.01"), "RUB", "k1", wanted.total, wanted)
        with pytest.raises(Refused, match="Receipt"):
            without.refund_payment(refund)
        having.refund_payment(refund)
        whole = pay.asked("R-2", str(wanted.total), "RUB", order=wanted)
        second = having.start_payment(whole)
        sandbox.settle(kept["id"] + 1, "pay", notify=False)
        without.refund_payment(replace(refund, external_id=second.external_id, amount=wanted.total, key="k2"))
        assert having.read_payment(second.external_id, "R-2").state == "refunded"


def test_the_official_sdk_reads_our_receipt() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the SDK's own
        from yookassa.domain.models.receipt import Receipt
        from yookassa.domain.request.payment_request import PaymentRequest
        from yookassa.domain.request.refund_request import RefundRequest
    wanted = order(CUP, BAG, discount="0.07", delivery="199.99")
    made = receipt.receipt(wanted, wanted.total, "RUB", {**ON, "tax_system": "1"})
    read = Receipt(made)
    assert sum(item.quantity * item.amount.value for item in read.items) == wanted.total
    assert {(i.vat_code, i.payment_mode, i.measure) for i in read.items} == {(11, "full_prepayment", "piece")}
    amount = {"value": str(wanted.total), "currency": "RUB"}
    PaymentRequest({"amount": amount, "receipt": made}).validate()
    RefundRequest({"payment_id": "2" * 36, "amount": amount, "receipt": made}).validate()
    nobody = {**made, "customer": {}}
    with pytest.raises(ValueError, match="customer"):
        PaymentRequest({"amount": amount, "receipt": nobody}).validate()
