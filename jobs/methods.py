"""A shop's delivery methods: those that its services offer, each on or off."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from models import Connection, ReferenceItem, db
from orders import quotes

KINDS = ("standard", "end-to-end", "export")
#: quick choice -> which methods it leaves on, by kind ("standard") or by kind of delivery ("pickup")
PRESETS = ("all", "none", "standard", "end-to-end", "export", "courier", "pickup", "post")


@dataclass(frozen=True)
class Method:
    """`group` of the reference list says the rest: "standard/pickup/cdek"."""

    code: str
    name: str
    kind: str
    category: str
    carrier: str
    on: bool


def of(shop_id: int, row: Connection) -> list[Method]:
    """The service's methods as the shop uses them, in the service's order."""
    off = quotes.switched_off(shop_id, row.id)
    query = db.select(ReferenceItem).where(ReferenceItem.connection_id == row.id, ReferenceItem.list == "delivery")
    found = []
    for item in db.session.scalars(query.order_by(ReferenceItem.position)):
        kind, category, carrier = (*item.group.split("/"), "", "")[:3]
        found.append(Method(item.code, item.name, kind or "standard", category, carrier, item.code not in off))
    return found


def chosen_by(preset: str, methods: Sequence[Method]) -> set[str]:
    """Codes that a quick choice leaves on. "without-x" takes the methods of kind x off and leaves the rest."""
    if preset.startswith("without-"):
        return {m.code for m in methods if m.on and m.kind != preset.removeprefix("without-")}
    return {m.code for m in methods if preset == "all" or preset in (m.kind, m.category)}


def save(shop_id: int, row: Connection, on: Collection[str]) -> None:
    quotes.switch(shop_id, row.id, [m.code for m in of(shop_id, row)], on)
