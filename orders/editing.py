"""Creating and changing one order by hand: the rules applied, the change noted, two editors kept apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from models import DeliveryMethod, Order, OrderLine, PaymentMethod, db, utcnow

from . import counts, creation, search, totals
from .timeline import Actor, note

#: what a person may edit, in the order of the form
FIELDS = (
    "number", "shop_id", "source_id", "type_id",
    "last_name", "first_name", "patronymic", "phone", "email", "buyer_name", "buyer_phone", "buyer_email",
    "country", "region", "city", "street", "house", "flat", "postal_code", "address_text",
    "delivery_method_id", "tariff_code", "tariff_name", "delivery_term", "pickup_code", "pickup_address",
    "delivery_cost",
    "weight", "length", "width", "height", "auto_weight",
    "currency", "discount", "coupon", "declared_value", "cod", "cod_amount", "cod_method", "paid", "payment_method_id",
    "customer_comment", "staff_comment", "do_not_call", "fulfilment", "ttn",
)  # fmt: skip
DERIVED = ("goods_total", "total", "payment_kind")
LINE_FIELDS = ("product_id", "sku", "external_id", "name", "quantity", "price", "discount", "weight", "status")


class Invalid(Exception):
    """The order breaks a rule; `errors`: field -> key of the sentence that says what to do."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(", ".join(f"{k}: {v}" for k, v in errors.items()))
        self.errors = dict(errors)


@dataclass
class Stale(Exception):
    """Someone saved the order meanwhile. `order` is how it stands now; nothing was written."""

    order: Order


def create(values: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], actor: Actor) -> int:
    """Make an order; returns its id. Raises Invalid. Missing fields take their defaults."""
    row = {name: values[name] for name in FIELDS if name in values}
    errors = _taken_number(row.get("number", ""), None)
    new_lines = [_line(line) for line in lines]
    errors |= _settle(row, new_lines, None)
    if errors:
        raise Invalid(errors)
    row |= {k: v for k, v in values.items() if k in ("status_id",)}
    draft = creation.Draft(row, new_lines)
    order_id = creation.insert_many([draft], actor)[0]
    creation.learn_products(new_lines, row.get("currency", "UAH"))
    return order_id


def update(
    order_id: int, version: int, values: Mapping[str, Any], lines: Sequence[Mapping[str, Any]] | None, actor: Actor
) -> Order:
    """Change an order that the editor saw as `version`. Raises Stale or Invalid. `lines` None = as they are."""
    order = db.session.get(Order, order_id, with_for_update=True, populate_existing=True)
    if order is None:
        raise LookupError(order_id)
    if order.version != version:
        raise Stale(order)
    before = snapshot(order)
    counted = creation.counted(vars(order) | {"created_at": order.created_at})
    row = {name: values.get(name, getattr(order, name)) for name in FIELDS}
    new_lines = [_line(line) for line in lines] if lines is not None else [line_values(line) for line in order.lines]
    errors = _taken_number(row["number"], order_id) | _settle(row, new_lines, order)
    if errors:
        raise Invalid(errors)
    for name in (*FIELDS, *DERIVED):
        setattr(order, name, row[name])
    if lines is not None:
        _replace_lines(order, new_lines)
    changes = differences(before, snapshot(order))
    if not changes:
        return order
    now = utcnow()
    order.version += 1
    order.updated_at = now
    order.edited_at = order.edited_at or now
    db.session.flush()
    counts.record([counted], [creation.counted(vars(order) | {"created_at": order.created_at})])
    search.refresh(order)
    creation.learn_products(new_lines, order.currency)
    note(order_id, actor, "edited", changes=changes)
    return order


def _settle(row: dict[str, Any], lines: Sequence[Mapping[str, Any]], order: Order | None) -> dict[str, str]:
    """Derive the derived, and say which rules are broken."""
    method = db.session.get(DeliveryMethod, row.get("delivery_method_id") or 0)
    payment = db.session.get(PaymentMethod, row.get("payment_method_id") or 0)
    before = None
    if order is not None:
        before = totals.Before(order.goods_total, order.total, order.declared_value, order.cod_amount)
    row.setdefault("discount", Decimal(0))
    row.setdefault("delivery_cost", Decimal(0))
    totals.settle(row, lines, payment.kind if payment else "other", before)
    return totals.problems(
        row, method.card_on_delivery if method else True, method.postal_code_required if method else False
    )


def _taken_number(number: str, order_id: int | None) -> dict[str, str]:
    if not number:
        return {"number": "required"}
    other = db.session.scalar(db.select(Order.id).where(Order.number == number, Order.id != (order_id or 0)))
    return {"number": "number_taken"} if other else {}


def _line(line: Mapping[str, Any]) -> dict[str, Any]:
    blank = {"product_id": None, "sku": "", "external_id": "", "name": "", "quantity": Decimal(1), "price": Decimal(0),
             "discount": Decimal(0), "weight": 0, "status": ""}  # fmt: skip
    return {name: line.get(name, blank[name]) for name in LINE_FIELDS}


def line_values(line: OrderLine) -> dict[str, Any]:
    return {name: getattr(line, name) for name in LINE_FIELDS}


def _replace_lines(order: Order, lines: Sequence[dict[str, Any]]) -> None:
    """Reuse rows by position, so that unchanged lines stay the same rows."""
    for position, values in enumerate(lines):
        if position < len(order.lines):
            for name, value in values.items():
                setattr(order.lines[position], name, value)
        else:
            order.lines.append(OrderLine(position=position, **values))
    del order.lines[len(lines) :]


def snapshot(order: Order) -> dict[str, Any]:
    """The order as plain values for comparison; lines as one list."""
    shown = {name: getattr(order, name) for name in (*FIELDS, "total")}
    return {**shown, "lines": [line_values(line) for line in order.lines]}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[list[Any]]:
    """[[field, before, after], …] as JSON values; lines as readable texts."""
    return [
        [name, readable(name, before[name]), readable(name, after[name])]
        for name in before
        if before[name] != after[name]
    ]


def readable(name: str, value: Any) -> Any:
    """A value as the timeline keeps it: names instead of ids, texts instead of lines."""
    if name == "lines":
        return [_line_text(line) for line in value]
    if name.endswith("_id") and value is not None:
        related = getattr(Order, name.removesuffix("_id")).property.mapper.class_
        found = db.session.get(related, value)
        return found.name if found else str(value)
    return value if isinstance(value, bool | int) or value is None else str(value)


def _line_text(line: Mapping[str, Any]) -> str:
    return f"{line['name']} × {line['quantity'].normalize():f} · {line['price']}"
