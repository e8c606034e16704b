"""The rules of money and weight, as properties: whatever an order holds, they keep."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders import totals

money = st.decimals(0, 10**7, places=2, allow_nan=False, allow_infinity=False)
pieces = st.decimals(Decimal("0.001"), 1000, places=3, allow_nan=False, allow_infinity=False)


@st.composite
def order_lines(draw):
    line = {
        "price": draw(money),
        "quantity": draw(pieces),
        "discount": Decimal(0),
        "weight": draw(st.integers(0, 10**5)),
    }
    if draw(st.booleans()):
        line["discount"] = (totals.line_total(line) * draw(st.integers(0, 100)) / 100).quantize(totals.CENT)
    return line


@st.composite
def orders(draw):
    order = {
        "discount": draw(money),
        "delivery_cost": draw(money),
        "cod": draw(st.booleans()),
        "cod_method": draw(st.sampled_from(["cash", "card"])),
        "paid": draw(st.booleans()),
        "auto_weight": draw(st.booleans()),
        "weight": draw(st.integers(0, 10**6)),
        "declared_value": draw(st.none() | money),
        "cod_amount": draw(st.none() | money),
    }
    return order


def test_a_discount_of_the_whole_line_leaves_nothing():
    line = {"price": Decimal("1.00"), "quantity": Decimal("0.155"), "discount": Decimal("0.16"), "weight": 0}
    assert totals.line_total(line) == 0


lists = st.lists(order_lines(), max_size=6)
befores = st.none() | st.builds(totals.Before, money, money, money, money)
kinds = st.sampled_from(["cod_cash", "cod_card", "online_card", "transfer", "other"])


@given(orders(), lists, befores, kinds)
def test_what_always_holds(order, lines, before, kind):
    typed = dict(order)
    totals.settle(order, lines, kind, before)
    assert order["goods_total"] == sum((totals.line_total(line) for line in lines), Decimal(0))
    assert order["total"] == order["goods_total"] - order["discount"] + order["delivery_cost"]
    assert order["declared_value"] >= order["cod_amount"]
    if order["cod"]:
        assert order["paid"] is False
        assert order["payment_kind"] == f"cod_{order['cod_method']}"
    else:
        assert order["cod_amount"] == 0
        assert order["paid"] is typed["paid"]
        assert order["payment_kind"] in ("online_card", "transfer", "other")
    if typed["auto_weight"]:
        assert order["weight"] == totals.total_weight(lines)
    else:
        assert order["weight"] == typed["weight"]


@given(orders(), lists, kinds)
def test_settling_twice_changes_nothing(order, lines, kind):
    totals.settle(order, lines, kind)
    once = dict(order)
    before = totals.Before(once["goods_total"], once["total"], once["declared_value"], once["cod_amount"])
    totals.settle(order, lines, kind, before)
    assert order == once


@given(lists, lists)
def test_with_collection_the_amounts_follow_the_goods(first, second):
    order = {"cod": True, "discount": Decimal(0), "delivery_cost": Decimal(50)}
    totals.settle(order, first)
    before = totals.Before(order["goods_total"], order["total"], order["declared_value"], order["cod_amount"])
    totals.settle(order, second, before=before)
    assert order["cod_amount"] == order["total"]
    assert order["declared_value"] == max(order["goods_total"], order["cod_amount"])


@given(lists, lists)
def test_without_collection_the_declared_value_stays(first, second):
    order = {"cod": False}
    totals.settle(order, first)
    assert order["declared_value"] == order["goods_total"]  # by default: what the goods cost
    kept = order["declared_value"]
    before = totals.Before(order["goods_total"], order["total"], kept, Decimal(0))
    totals.settle(order, second, before=before)
    assert order["declared_value"] == kept


def settled(before=None, **order):
    line = {"price": Decimal(100), "quantity": Decimal(2), "discount": Decimal(0), "weight": 250}
    totals.settle(order, [line], "other", before)
    return order


def test_an_amount_typed_stays_typed():
    before = totals.Before(Decimal(150), Decimal(150), Decimal(150), Decimal(150))
    assert settled(before, cod=True, cod_amount=Decimal(120), declared_value=Decimal(300))["cod_amount"] == 120
    assert settled(before, cod=True, cod_amount=Decimal(120), declared_value=Decimal(300))["declared_value"] == 300


def test_the_declared_value_is_never_below_what_is_collected():
    assert settled(cod=True, cod_amount=Decimal(500), declared_value=Decimal(10))["declared_value"] == 500


def test_an_empty_amount_means_the_total():
    assert settled(cod=True, cod_amount=None, delivery_cost=Decimal(30))["cod_amount"] == 230


def test_weight_is_rounded_up_to_a_gram():
    line = {"price": Decimal(1), "quantity": Decimal("0.333"), "weight": 100}
    assert totals.total_weight([line]) == 34


def test_money_is_rounded_half_up():
    line = {"price": Decimal("0.05"), "quantity": Decimal("0.5"), "discount": 0}
    assert totals.line_total(line) == Decimal("0.03")


@pytest.mark.parametrize(
    ("order", "card", "postal", "found"),
    [
        ({"cod": True, "cod_method": "card"}, False, False, {"cod_method": "card_impossible"}),
        ({"cod": False, "cod_method": "card"}, False, False, {}),
        ({"cod": True, "cod_method": "cash"}, False, False, {}),
        ({"postal_code": ""}, True, True, {"postal_code": "postal_code_required"}),
        ({"postal_code": "01001"}, True, True, {}),
        ({"discount": Decimal(5), "goods_total": Decimal(4)}, True, False, {"discount": "discount_above_goods"}),
        ({"weight": totals.HEAVIEST + 1}, True, False, {"weight": "weight_too_large"}),
        ({"total": totals.DEAREST + 1}, True, False, {"lines": "sum_too_large"}),
    ],
)
def test_what_is_refused(order, card, postal, found):
    assert totals.problems(order, card, postal) == found


def test_a_discount_larger_than_its_line_is_refused():
    line = {"price": Decimal(10), "quantity": Decimal(1), "discount": Decimal(11)}
    assert totals.problems({}, True, False, [line]) == {"lines": "line_discount_above"}
