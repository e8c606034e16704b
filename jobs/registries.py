"""The lists that staff keep: added, renamed, put in order, switched off; removed only while nothing uses them.

Here and not in orders/ because mappings use them too, and only connectors know which mapping table means which list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations import connectors
from models import REGISTRIES, Connection, Expense, Order, OrderCount, Status, db
from models import Mapping as MappingRow

from . import wake

#: registry -> columns that staff may change beside the name
FIELDS: dict[str, tuple[str, ...]] = {
    "shops": ("currency", "accent"),
    "sources": ("color",),
    "types": (),
    "delivery": ("kind", "country", "card_on_delivery", "postal_code_required"),
    "payment": ("kind",),
    "statuses": ("group", "color"),
    "expenses": (),
}
#: registry -> the column of an order that points to it
ORDER_COLUMN = {
    "shops": "shop_id",
    "sources": "source_id",
    "types": "type_id",
    "delivery": "delivery_method_id",
    "payment": "payment_method_id",
    "statuses": "status_id",
}
CONNECTION_COLUMNS = {
    "shops": ("shop_id",),
    "sources": ("source_id",),
    "types": ("type_id",),
    "statuses": ("success_status_id", "failure_status_id"),
    "expenses": ("commission_type_id",),
}
NAME_LENGTH = 120


class Refused(Exception):
    """The change isn't possible; `reason`: empty | long | taken | key | used | needed."""

    def __init__(self, reason: str, usage: Usage | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.usage = usage


@dataclass(frozen=True)
class Usage:
    """What points to a row."""

    orders: int = 0
    connections: int = 0
    mappings: int = 0

    def __bool__(self) -> bool:
        return bool(self.orders or self.connections or self.mappings)


def rows(registry: str) -> list[Any]:
    """All rows in their order. Raises KeyError for an unknown registry."""
    model: Any = REGISTRIES[registry]
    return list(db.session.scalars(db.select(model).order_by(model.position, model.id)))


def get(registry: str, row_id: int) -> Any | None:
    return db.session.get(REGISTRIES[registry], row_id)


def order_counts(registry: str) -> dict[int, int]:
    """Orders by row, where the kept counters know it; empty for the other registries."""
    column = getattr(OrderCount, ORDER_COLUMN.get(registry, ""), None)
    if column is None:
        return {}
    query = db.select(column, db.func.sum(OrderCount.n)).where(column.is_not(None)).group_by(column)
    return {row_id: int(n) for row_id, n in db.session.execute(query)}


def add(registry: str, name: str, values: Mapping[str, Any]) -> Any:
    """A new row at the end; the caller commits. Raises Refused: empty, long or taken."""
    existing = rows(registry)
    name = _checked_name(name, existing)
    allowed = {key: value for key, value in values.items() if key in FIELDS[registry]}
    row = REGISTRIES[registry](name=name, position=len(existing), **allowed)
    db.session.add(row)
    db.session.flush()
    _renumber([*existing, row])
    wake.changed()
    return row


def quick_add(registry: str, name: str, values: Mapping[str, Any]) -> tuple[Any, bool]:
    """(row, was it made): the row of this name, or a new one. For lists created from where they are chosen."""
    wanted = name.strip().casefold()
    for row in rows(registry):
        if row.name.casefold() == wanted:
            row.active = True
            return row, False
    return add(registry, name, values), True


def change(registry: str, row: Any, name: str, values: Mapping[str, Any]) -> None:
    """The caller commits. Raises Refused. The group of a status that the hub relies on stays."""
    row.name = _checked_name(name, [other for other in rows(registry) if other.id != row.id])
    for key in FIELDS[registry]:
        if key in values and not (key == "group" and row.key):
            setattr(row, key, values[key])
    wake.changed()


def move(registry: str, row: Any, steps: int) -> None:
    """Up (negative) or down by so many places; the caller commits."""
    order = rows(registry)
    at = order.index(row)
    order.insert(max(0, min(len(order) - 1, at + steps)), order.pop(at))
    _renumber(order)
    wake.changed()


def switch(registry: str, row: Any, active: bool) -> None:
    """Offer the row for new choices, or no longer; the caller commits. Raises Refused: the hub needs it."""
    if not active and is_needed(registry, row):
        raise Refused("needed")
    row.active = active
    wake.changed()


def is_needed(registry: str, row: Any) -> bool:
    """The hub itself gives new orders this row, or knows a stage by it."""
    return bool(row.key) and (registry == "statuses" or (registry, row.key) == ("types", "standard"))


def remove(registry: str, row: Any) -> None:
    """The caller commits. Raises Refused: key (the hub relies on it) or used, with the usage."""
    if row.key:
        raise Refused("key")
    if found := usage(registry, row.id):
        raise Refused("used", found)
    db.session.delete(row)
    db.session.flush()
    wake.changed()


def usage(registry: str, row_id: int) -> Usage:
    in_orders = _count(Order, (ORDER_COLUMN[registry],) if registry in ORDER_COLUMN else (), row_id)
    if registry == "expenses":
        spent = db.select(db.func.count(Expense.order_id.distinct())).where(Expense.type_id == row_id)
        in_orders = db.session.scalar(spent) or 0
    return Usage(
        orders=in_orders,
        connections=_count(Connection, CONNECTION_COLUMNS.get(registry, ()), row_id),
        mappings=_mappings(registry, row_id),
    )


def _count(model: Any, columns: Sequence[str], row_id: int) -> int:
    if not columns:
        return 0
    hit = db.or_(*(getattr(model, column) == row_id for column in columns))
    return db.session.scalar(db.select(db.func.count()).select_from(model).where(hit)) or 0


def _mappings(registry: str, row_id: int) -> int:
    """Mappings of connections that are still there; those of removed ones hold nobody back."""
    pairs = {(kind, t.key) for kind, cls in connectors().items() for t in cls.mappings if t.ours == registry}
    query = (
        db.select(Connection.kind, MappingRow.table, db.func.count())
        .join(Connection, Connection.id == MappingRow.connection_id)
        .where(MappingRow.ours == row_id, Connection.removed_at.is_(None))
        .group_by(Connection.kind, MappingRow.table)
    )
    return sum(n for kind, table, n in db.session.execute(query) if (kind, table) in pairs)


def _checked_name(name: str, others: Sequence[Any]) -> str:
    name = " ".join(name.split())
    if not name:
        raise Refused("empty")
    if len(name) > NAME_LENGTH:
        raise Refused("long")
    if name.casefold() in {other.name.casefold() for other in others}:
        raise Refused("taken")
    return name


def _renumber(order: Sequence[Any]) -> None:
    for position, row in enumerate(order):
        row.position = position


def success_choices() -> list[Status]:
    """Statuses that a transfer may lead to: active ones that are neither cancelled nor deleted."""
    return [row for row in rows("statuses") if row.active and row.group not in ("cancelled", "deleted")]
