"""The rules of an order's money and weight. Pure: given the order's fields and its lines, nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

CENT = Decimal("0.01")


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def line_total(line: Mapping[str, Any]) -> Decimal:
    """What the pieces cost, less the discount. Rounded before it: half a cent less than nothing is not a cent less."""
    return cents(Decimal(line["price"] * line["quantity"])) - line.get("discount", 0)


def goods_total(lines: Sequence[Mapping[str, Any]]) -> Decimal:
    return sum((line_total(line) for line in lines), Decimal(0))


def total_weight(lines: Sequence[Mapping[str, Any]]) -> int:
    """Grams, rounded up: carriers charge by started gram."""
    exact = sum((Decimal(line.get("weight", 0)) * line["quantity"] for line in lines), Decimal(0))
    return int(exact.to_integral_value(rounding="ROUND_CEILING"))


@dataclass(frozen=True)
class Before:
    """What the order said before the edit; None for a new one."""

    goods_total: Decimal
    total: Decimal
    declared_value: Decimal
    cod_amount: Decimal


def settle(
    order: dict[str, Any], lines: Sequence[Mapping[str, Any]], payment_kind: str = "other", before: Before | None = None
) -> None:
    """Bring the derived fields of `order` in line with the rest, in place.

    * goods_total and total follow the lines, the discount and the delivery cost.
    * weight follows the lines while auto_weight is on.
    * cod off: nothing to collect. cod on: the amount is as typed, and follows the total as long as it equalled it.
    * declared_value: the goods' total by default, as typed afterwards; follows changed lines only with cod on; never
      below the amount to collect.
    * paid only with cod off.
    * payment_kind: how the payment filter sees the order.
    """
    goods = goods_total(lines)
    order["goods_total"] = goods
    order["total"] = goods - order.get("discount", Decimal(0)) + order.get("delivery_cost", Decimal(0))
    if order.get("auto_weight", True):
        order["weight"] = total_weight(lines)
    cod = bool(order.get("cod"))
    order["cod_amount"] = _cod_amount(order, before) if cod else Decimal(0)
    order["declared_value"] = max(_declared(order, goods, cod, before), order["cod_amount"])
    if cod:
        order["paid"] = False
    order["payment_kind"] = (
        f"cod_{order.get('cod_method') or 'cash'}" if cod else payment_kind_without_cod(payment_kind)
    )


def payment_kind_without_cod(kind: str) -> str:
    return kind if kind in ("online_card", "transfer") else "other"


def _cod_amount(order: Mapping[str, Any], before: Before | None) -> Decimal:
    typed = order.get("cod_amount")
    if not typed:
        return order["total"]
    if before and typed == before.cod_amount == before.total:
        return order["total"]
    return typed


def _declared(order: Mapping[str, Any], goods: Decimal, cod: bool, before: Before | None) -> Decimal:
    typed = order.get("declared_value")
    if typed is None:
        return goods
    untouched = before is not None and typed == before.declared_value
    if cod and untouched and before is not None and goods != before.goods_total:
        return goods
    return typed


#: grams and money beyond which a typing error is certain (and columns end)
HEAVIEST = 1_000_000_000
DEAREST = Decimal(10) ** 12


def problems(
    order: Mapping[str, Any],
    card_on_delivery: bool,
    postal_code_required: bool,
    lines: Sequence[Mapping[str, Any]] = (),
) -> dict[str, str]:
    """Field -> what is wrong, a key of MESSAGES in the form that shows it."""
    found = {}
    if order.get("cod") and order.get("cod_method") == "card" and not card_on_delivery:
        found["cod_method"] = "card_impossible"
    if postal_code_required and not order.get("postal_code"):
        found["postal_code"] = "postal_code_required"
    if order.get("discount", Decimal(0)) > order.get("goods_total", Decimal(0)):
        found["discount"] = "discount_above_goods"
    if any(line_total(line) < 0 for line in lines):
        found["lines"] = "line_discount_above"
    if order.get("weight", 0) > HEAVIEST:
        found["weight"] = "weight_too_large"
    if max(order.get("total", Decimal(0)), order.get("declared_value") or Decimal(0)) > DEAREST:
        found["lines"] = "sum_too_large"
    return found
