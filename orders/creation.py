"""Making orders, many at once: the one way in for forms, imports and the demo's filler alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from models import Order, OrderLine, OrderType, Prepared, Product, Status, add_rows, among, db, next_ids, utcnow

from . import counts, duplicates, numbers, search
from .timeline import Actor, note_many

#: the country of shops that count in this currency
HOME = {"UAH": "UA", "RUB": "RU", "KZT": "KZ", "PLN": "PL", "BYN": "BY"}


@dataclass
class Draft:
    """An order to be made: columns of Order (derived ones settled already) and of its lines."""

    values: dict[str, Any]
    lines: list[dict[str, Any]] = field(default_factory=list)
    event: dict[str, Any] = field(default_factory=dict)  # detail of the first timeline entry


def default_number(now: datetime, zone: ZoneInfo) -> str:
    """The number of an order made by hand: its date and time."""
    return now.astimezone(zone).strftime("%y%m%d-%H%M%S")


def insert_many(drafts: Sequence[Draft], actor: Actor, kind: str = "created") -> list[int]:
    """Make the orders in the caller's transaction; returns their ids in the same order. A taken number gets "-2"."""
    if not drafts:
        return []
    _number(drafts)
    defaults = {"status_id": default_status_id(), "type_id": default_type_id()}
    now = utcnow()
    common = {**_blank(), **defaults, "created_at": now, "updated_at": now, "placed_at": now}
    ids = next_ids(Order, len(drafts))
    rows = [_complete(common, d.values, order_id) for d, order_id in zip(drafts, ids, strict=True)]
    add_rows(Order, rows)
    lines = [
        {**_BLANK_LINE, **line, "order_id": order_id, "position": position}
        for order_id, d in zip(ids, drafts, strict=True)
        for position, line in enumerate(d.lines)
    ]
    add_rows(OrderLine, lines)
    search.add((i, search.text_of(row, d.lines)) for i, row, d in zip(ids, rows, drafts, strict=True))
    counts.record([], [counted(row) for row in rows])
    note_many(zip(ids, (d.event for d in drafts), strict=True), actor, kind)
    duplicates.look(ids, rows, [d.lines for d in drafts])
    return ids


_BLANK_LINE = {
    "product_id": None,
    "sku": "",
    "external_id": "",
    "name": "",
    "quantity": 1,
    "price": 0,
    "discount": 0,
    "weight": 0,
    "status": "",
}


@lru_cache(maxsize=1)
def _blank() -> dict[str, Any]:
    """Every column with its default, so that all rows of one INSERT have the same shape."""
    found: dict[str, Any] = {"unmapped": [], "utm": {}}
    for column in Order.__table__.columns:
        if column.default is not None and column.default.is_scalar:
            found[column.name] = column.default.arg
        elif column.nullable:
            found[column.name] = None
    return found


def _complete(common: Mapping[str, Any], values: Mapping[str, Any], order_id: int) -> dict[str, Any]:
    row = {**common, **values, "id": order_id}
    row.setdefault("key", row["number"])
    return row


def counted(row: dict[str, Any]) -> counts.Counted:
    return counts.Counted(
        row.get("shop_id"),
        row.get("source_id"),
        row["type_id"],
        row["status_id"],
        row["currency"],
        row["total"],
        row["created_at"],
    )


_orders, _products = Order.__table__.c, Product.__table__.c
_TAKEN = Prepared(
    db.select(_orders.number, _orders.key)
    .where(among(_orders.number, "numbers", str))
    .union_all(db.select(_orders.number, _orders.key).where(among(_orders.key, "numbers", str))),
    same_plan=True,
)
_KNOWN = Prepared(db.select(_products.sku).where(among(_products.sku, "skus", str)), same_plan=True)


def _number(drafts: Sequence[Draft]) -> None:
    for d in drafts:
        d.values["number"] = numbers.fitting(d.values["number"])
    db.session.flush()
    taken = {name for row in _TAKEN.rows(numbers=[d.values["number"] for d in drafts]) for name in row}
    for d in drafts:
        number = base = d.values["number"]
        n = 1
        while number in taken:
            n += 1
            number = f"{base[:58]}-{n}"
            if n == 2 or n % 50 == 0:  # rarely reached: see what else is taken under this base
                like = Order.number.like(search.like(base[:58])[1:], escape="\\")
                taken |= set(db.session.scalars(db.select(Order.number).where(like)))
        d.values["number"] = number
        taken.add(number)


def default_status_id() -> int:
    return _first(Status, "new")


def default_type_id() -> int:
    return _first(OrderType, "standard")


def _first(model: Any, key: str) -> int:
    found = _keyed(model).rows(key=key)
    if not found:
        raise LookupError(f"{model.__tablename__}: the row {key!r} is missing; run the migrations")
    return int(found[0].id)


@lru_cache
def _keyed(model: Any) -> Prepared:
    table = model.__table__
    return Prepared(db.select(table.c.id).where(table.c.key == db.bindparam("key")), same_plan=True)


def learn_products(lines: Sequence[dict[str, Any]], currency: str) -> None:
    """Remember products seen in lines, so that they can be found when an order is made by hand."""
    seen = {line["sku"]: line for line in lines if line.get("sku") and line.get("name")}
    known = {row.sku for row in _KNOWN.rows(skus=list(seen))}
    values = [
        {
            "sku": sku,
            "name": line["name"],
            "price": line["price"],
            "currency": currency,
            "weight": line.get("weight", 0),
            "search_text": product_text(sku, line["name"]),
        }
        for sku, line in seen.items()
        if sku not in known
    ]
    add_rows(Product, values, _unless_known)


def _unless_known(query: Any) -> Any:
    return query.on_conflict_do_nothing(index_elements=["sku"])


def product_text(sku: str, name: str) -> str:
    return search.normal(f"{sku} {name}")[:500]
