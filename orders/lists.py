"""The registries and connections as the order list needs them: light copies, all registries in one query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from models import Connection, DeliveryMethod, OrderType, Shop, Source, Status, db


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of a registry."""

    id: int
    key: str | None
    name: str
    active: bool
    group: str = ""
    color: str = "grey"


@dataclass
class Lists:
    """Every registry that the list shows, in its order; `of` finds an entry by its id."""

    statuses: list[Entry] = field(default_factory=list)
    types: list[Entry] = field(default_factory=list)
    sources: list[Entry] = field(default_factory=list)
    shops: list[Entry] = field(default_factory=list)
    delivery: list[Entry] = field(default_factory=list)
    currency: str = "UAH"  # of the first shop: what sums are shown in when there is nothing to sum

    def of(self, name: str) -> dict[int, Entry]:
        return {entry.id: entry for entry in getattr(self, name)}

    def keyed(self, name: str, key: str) -> Entry | None:
        return next((entry for entry in getattr(self, name) if entry.key == key), None)

    def first_of_group(self, group: str) -> Entry | None:
        """The status that stands for its group: the hub's own, else the first active one."""
        found = [s for s in self.statuses if s.group == group and (s.active or s.key)]
        return next((s for s in found if s.key == group), found[0] if found else None)


_TABLES: tuple[tuple[str, Any], ...] = (
    ("statuses", Status),
    ("types", OrderType),
    ("sources", Source),
    ("shops", Shop),
    ("delivery", DeliveryMethod),
)


def read() -> Lists:
    """All of them, in their order. One query."""
    blank = db.literal("")
    parts = [
        db.select(
            db.literal(name).label("list"),
            model.id,
            model.key,
            model.name,
            model.active,
            model.position,
            getattr(model, "group", blank).label("group"),
            getattr(model, "color", getattr(model, "currency", blank)).label("color"),
        )
        for name, model in _TABLES
    ]
    lists = Lists()
    for row in sorted(db.session.execute(db.union_all(*parts)), key=lambda row: (row.position, row.id)):
        getattr(lists, row.list).append(Entry(row.id, row.key, row.name, row.active, row.group, row.color))
    if lists.shops:
        lists.currency = lists.shops[0].color
    return lists


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection without its settings and secrets, which a list has no use for."""

    id: int
    kind: str
    name: str
    enabled: bool


def connections() -> Sequence[Connected]:
    """The connections that are not removed, by name."""
    query = db.select(Connection.id, Connection.kind, Connection.name, Connection.enabled)
    query = query.where(Connection.removed_at.is_(None)).order_by(Connection.name)
    return [Connected(*row) for row in db.session.execute(query)]
