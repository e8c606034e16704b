"""A mapping tried on the orders of the last seven days before it is saved: what each row covers, which have none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from integrations.base import MappingTable
from models import Link, Order, Status, db, utcnow

from .mapping import NOTHING, Editor, Row

DAYS = 7
_OURS = {"statuses": Order.status_id, "payment": Order.payment_method_id, "delivery": Order.delivery_method_id}


@dataclass(frozen=True)
class Tried:
    """`counts`: lookup of a row -> orders; the sums are of orders, too."""

    counts: Mapping[str, int]
    covered: int
    empty: int  # deliberately nothing
    without: Sequence[tuple[Row, int]]  # rows that nothing is chosen for, the most orders first
    unset: int  # orders that have none of ours, e.g. no payment method

    @property
    def total(self) -> int:
        return sum(self.counts.values()) + self.unset


def can_try(table: MappingTable) -> bool:
    """Codes of incoming orders aren't kept once they are mapped; the status of a copy is."""
    return table.ours in _OURS if table.direction == "out" else table.ours == "statuses"


def try_on(connection_id: int, editor: Editor, chosen: Mapping[str, str]) -> Tried:
    """What the choices by lookup, as they would be saved, do for last week's orders. Changes nothing."""
    counts = _there(connection_id) if editor.table.direction == "in" else _here(editor.table.ours)
    unset = counts.pop("", 0)
    sums = {"": 0, NOTHING: 0, "some": 0}
    without = []
    rows = {row.lookup: row for row in editor.rows}
    for lookup, n in counts.items():
        row = rows.get(lookup) or Row(lookup, lookup)
        value = chosen.get(lookup, row.chosen)
        sums[value if value in sums else "some"] += n
        if not value:
            without.append((row, n))
    without.sort(key=lambda pair: -pair[1])
    return Tried(counts, sums["some"], sums[NOTHING], without, unset)


def _here(ours: str) -> dict[str, int]:
    """Ours -> orders that have it. Deleted ones are told nobody."""
    column: Any = _OURS[ours]
    query = db.select(column, db.func.count()).join(Status, Status.id == Order.status_id)
    query = query.where(Order.created_at >= _since(), Status.group != "deleted").group_by(column)
    return {"" if value is None else str(value): n for value, n in db.session.execute(query)}


def _there(connection_id: int) -> dict[str, int]:
    """Status of copies there -> orders."""
    query = db.select(Link.external_status, db.func.count()).join(Order, Order.id == Link.order_id)
    query = query.where(Link.connection_id == connection_id, Link.state != "deleted", Order.created_at >= _since())
    return {value or "": n for value, n in db.session.execute(query.group_by(Link.external_status))}


def _since() -> Any:
    return utcnow() - timedelta(days=DAYS)
