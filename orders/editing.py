"""Creating and changing one order by hand: the rules applied, the change noted, two editors kept apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy.exc import IntegrityError

from models import DeliveryMethod, Link, Order, OrderLine, OrderType, PaymentMethod, Status, db, utcnow

from . import counts, creation, numbers, parcels, search, stock, totals, work
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
    new_lines = [_line(line) for line in lines]
    errors = _settle(row, new_lines, None) | _number_problem(row.get("number", ""), None)
    if errors:
        raise Invalid(errors)
    row |= {k: v for k, v in values.items() if k in ("status_id", "external_number", "placed_at", "utm")}
    row.setdefault("currency", "UAH")
    draft = creation.Draft(row, new_lines)
    try:
        order_id = creation.insert_many([draft], actor)[0]
    except IntegrityError:  # another order took the number between our look and our write
        db.session.rollback()
        raise Invalid({"number": "number_taken"}) from None
    creation.learn_products(new_lines, row["currency"])
    stock.arrived([order_id])
    return order_id


def update(
    order_id: int,
    version: int,
    values: Mapping[str, Any],
    lines: Sequence[Mapping[str, Any]] | None,
    actor: Actor,
    before: totals.Before | None = None,
) -> Order:
    """Change an order that the editor saw as `version`. Raises Stale or Invalid. What a source says of its own order is
    taken as it is: rules such as the postal code that a post wants are for staff to meet before they send it on.

    `lines` None = as they are; a line with an "id" is that row, its missing fields stay. `before`: what the derived
    amounts were when the editor last saw them settled; default: as they are stored.
    """
    order = _locked(order_id, version)
    shown = snapshot(order)
    counted = creation.counted(vars(order) | {"created_at": order.created_at})
    row, new_lines = _edited(order, values, lines)
    by_staff = actor.kind == "person"
    errors = _settle(row, new_lines, before or stored_amounts(order)) | _not_allowed(order, row)
    if errors and by_staff:
        raise Invalid(errors)
    _write(order, row)
    if lines is not None:
        _replace_lines(order, lines, new_lines)
    if changes := differences(shown, snapshot(order)):
        _saved(order, counted, new_lines, by_staff=by_staff)
        note(order_id, actor, "edited", changes=changes)
        _pass_on(order, {change[0] for change in changes}, actor)
    return order


def _locked(order_id: int, version: int) -> Order:
    order = db.session.get(Order, order_id, with_for_update=True, populate_existing=True)
    if order is None:
        raise LookupError(order_id)
    if order.version != version:
        raise Stale(order)
    return order


def _write(order: Order, row: Mapping[str, Any]) -> None:
    if row["ttn"] != order.ttn:
        order.ttn_state = ""  # it was another parcel's
    for name in (*FIELDS, *DERIVED):
        setattr(order, name, row[name])


def _edited(
    order: Order, values: Mapping[str, Any], lines: Sequence[Mapping[str, Any]] | None
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    row = {name: values.get(name, getattr(order, name)) for name in FIELDS}
    kept = {line.id: line_values(line) for line in order.lines}
    if lines is None:
        return row, list(kept.values())
    return row, [_line(line, kept.get(line.get("id") or 0)) for line in lines]


def _saved(order: Order, counted: counts.Counted, lines: Sequence[dict[str, Any]], by_staff: bool) -> None:
    """What follows a change: version, times, counters, search text, products learned, mapping questions answered."""
    now = utcnow()
    order.version += 1
    order.updated_at = now
    if by_staff:  # from now on imports leave the contents alone
        order.edited_at = order.edited_at or now
    _answer_mapping(order)
    try:
        db.session.flush()
    except IntegrityError:  # another order took the number between our look and our write
        db.session.rollback()
        raise Invalid({"number": "number_taken"}) from None
    counts.record([counted], [creation.counted(vars(order) | {"created_at": order.created_at})])
    search.refresh(order)
    creation.learn_products(lines, order.currency)


def _pass_on(order: Order, changed: set[str], actor: Actor) -> None:
    """What others are told of it, or do because of it."""
    if "ttn" in changed and order.ttn and actor.kind != "job":  # a job brings what the source says
        work.request_number_push([order.id], actor.name)
    if "lines" in changed:
        stock.edited(order.id)


def stored_amounts(order: Order) -> totals.Before:
    return totals.Before(order.goods_total, order.total, order.declared_value, order.cod_amount)


def _settle(row: dict[str, Any], lines: Sequence[Mapping[str, Any]], before: totals.Before | None) -> dict[str, str]:
    """Derive the derived, and say which rules are broken."""
    method = _row_of(DeliveryMethod, row.get("delivery_method_id"))
    payment = _row_of(PaymentMethod, row.get("payment_method_id"))
    row["discount"] = row.get("discount") or Decimal(0)
    row["delivery_cost"] = row.get("delivery_cost") or Decimal(0)
    totals.settle(row, lines, payment.kind if payment else "other", before)
    parcels.follow(row, lines)
    card, postal = (method.card_on_delivery, method.postal_code_required) if method else (True, False)
    return totals.problems(row, card, postal, lines)


def _row_of(model: Any, row_id: int | None) -> Any:
    return db.session.get(model, row_id) if row_id else None


def preview(
    values: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], before: totals.Before | None
) -> tuple[dict[str, Any], dict[str, str]]:
    """How an order with these values would be settled, and what would be refused; nothing is written."""
    row = dict(values)
    errors = _settle(row, [_line(line) for line in lines], before)
    return row, errors


def _not_allowed(order: Order, row: Mapping[str, Any]) -> dict[str, str]:
    """What this order, in its state, can't have changed."""
    found = _number_problem(row["number"], order.id) if row["number"] != order.number else {}
    if is_locked(order):
        found["status"] = "locked"
    if row["delivery_method_id"] != order.delivery_method_id and keeps_method(order):
        found["delivery_method_id"] = "method_locked"
    return found


def _has_copy(order: Order) -> bool:
    copies = db.select(Link.id).where(Link.order_id == order.id, Link.role == "destination").limit(1)
    return db.session.scalar(copies) is not None


def is_locked(order: Order) -> bool:
    """A deleted order that has copies elsewhere stays as it is until it is restored or its links are deleted."""
    status = db.session.get(Status, order.status_id)
    return status is not None and status.group == "deleted" and _has_copy(order)


def keeps_method(order: Order) -> bool:
    """An end-to-end order that was transferred keeps its delivery method."""
    kind = db.session.get(OrderType, order.type_id)
    if kind is None or kind.key != "end-to-end":
        return False
    sent = db.select(Link.id).where(
        Link.order_id == order.id, Link.role == "destination", Link.external_id.is_not(None)
    )
    return db.session.scalar(sent.limit(1)) is not None


def _number_problem(number: str, order_id: int | None) -> dict[str, str]:
    if found := numbers.problem(number):
        return {"number": found}
    taken = db.select(Order.id).where(db.or_(Order.number == number, Order.key == number), Order.id != (order_id or 0))
    return {"number": "number_taken"} if db.session.scalar(taken.limit(1)) else {}


#: fields whose being filled answers a question of mapping: start of the mapping table's key -> field
_ANSWERS = {"delivery": "delivery_method_id", "payment": "payment_method_id"}


def _answer_mapping(order: Order) -> None:
    """What a person has chosen needs no mapping any more (for this order; later ones still ask)."""
    left = [
        entry
        for entry in order.unmapped or []
        if not getattr(order, _ANSWERS.get(str(entry.get("table", "")).split("_")[0], ""), None)
    ]
    if len(left) != len(order.unmapped or []):
        order.unmapped = left
        order.needs_mapping = bool(left)


def answer_status(order: Order) -> None:
    """A person has given the order a status: what the source's code meant is no question any more."""
    left = [entry for entry in order.unmapped or [] if not str(entry.get("table", "")).startswith("status")]
    if len(left) != len(order.unmapped or []):
        order.unmapped, order.needs_mapping = left, bool(left)


def accept_unmapped(order: Order, table: str, code: str, actor: Actor) -> bool:
    """A person says that the order is fine as it is, whatever this code means. False when nobody asks any more."""
    left = [e for e in order.unmapped or [] if (e.get("table"), str(e.get("code"))) != (table, code)]
    if len(left) == len(order.unmapped or []):
        return False
    order.unmapped = left
    order.needs_mapping = bool(left)
    order.updated_at = utcnow()
    note(order.id, actor, "mapped", table=table, name=code)
    return True


def _line(line: Mapping[str, Any], kept: Mapping[str, Any] | None = None) -> dict[str, Any]:
    blank = {"product_id": None, "sku": "", "external_id": "", "name": "", "quantity": Decimal(1), "price": Decimal(0),
             "discount": Decimal(0), "weight": 0, "status": ""}  # fmt: skip
    return {name: line.get(name, (kept or blank)[name]) for name in LINE_FIELDS}


def line_values(line: OrderLine) -> dict[str, Any]:
    return {name: getattr(line, name) for name in LINE_FIELDS}


def _replace_lines(order: Order, given: Sequence[Mapping[str, Any]], lines: Sequence[dict[str, Any]]) -> None:
    """Unchanged lines stay the same rows; what isn't given goes."""
    rows = {line.id: line for line in order.lines}
    kept = []
    for position, (asked, values) in enumerate(zip(given, lines, strict=True)):
        line = rows.pop(asked.get("id") or 0, None) or OrderLine()
        line.position = position
        for name, value in values.items():
            setattr(line, name, value)
        kept.append(line)
    order.lines[:] = kept


def snapshot(order: Order) -> dict[str, Any]:
    """The order as plain values for comparison; lines as one list."""
    shown = {name: getattr(order, name) for name in (*FIELDS, "total")}
    return {**shown, "lines": [line_values(line) for line in order.lines]}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[list[Any]]:
    """[[field, before, after], …] as JSON values; lines as readable texts."""
    changes = [
        [name, readable(name, before[name]), readable(name, after[name])]
        for name in before
        if before[name] != after[name]
    ]
    for change in changes:
        if change[0] == "lines":
            change[1:] = _only_changed(change[1], change[2])
    return changes


def _only_changed(before: list[str], after: list[str]) -> list[list[str]]:
    gone, new = Counter(before) - Counter(after), Counter(after) - Counter(before)
    return [list(gone.elements()), list(new.elements())]


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
