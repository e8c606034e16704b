"""The registries and connections as the order list needs them: light copies, all of them in one query."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from models import Connection, DeliveryMethod, OrderType, PaymentMethod, Prepared, Shop, Source, Status, db


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of a registry."""

    id: int
    key: str | None
    name: str
    active: bool
    group: str = ""  # of a delivery method: the country whose shops it is for, "" = all
    color: str = "grey"


@dataclass(eq=False)
class Lists:
    """Every registry that orders point into, in its order; `of` finds an entry by its id."""

    statuses: list[Entry] = field(default_factory=list)
    types: list[Entry] = field(default_factory=list)
    sources: list[Entry] = field(default_factory=list)
    shops: list[Entry] = field(default_factory=list)
    delivery: list[Entry] = field(default_factory=list)
    payment: list[Entry] = field(default_factory=list)
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
    ("payment", PaymentMethod),
)


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection without its settings and secrets, which a list has no use for."""

    id: int
    kind: str
    name: str
    enabled: bool


#: what `snapshot` reads, as the driver gives it: (list, id, key, name, active, position, group, color); a connection's
#: key is its kind
Rows = tuple[Any, ...]
_CONNECTIONS = "connections"


def _query() -> Any:
    blank, zero = db.literal(""), db.literal(0)
    parts = [
        db.select(
            db.literal(name).label("list"),
            *(table.c.id, table.c.key, table.c.name, table.c.active, table.c.position),
            table.c.get("group", table.c.get("country", blank)).label("group"),
            table.c.get("color", table.c.get("currency", blank)).label("color"),
        )
        for name, table in ((name, model.__table__) for name, model in _TABLES)
    ]
    there = Connection.__table__.c
    columns = (db.literal(_CONNECTIONS), there.id, there.kind, there.name, there.enabled, zero, blank, blank)
    return db.union_all(*parts, db.select(*columns).where(there.removed_at.is_(None)))


_QUERY = Prepared(_query(), same_plan=True)


def snapshot() -> Rows:
    """Everything in one query. Equal as long as nothing of it changes, so that what is made of it can be kept."""
    return tuple(_QUERY.raw())


def of(rows: Rows) -> tuple[Lists, list[Connected]]:
    """The registries in their order, and the connections that are not removed, by name."""
    lists, there = Lists(), []
    for row in sorted(_QUERY.read(rows), key=lambda row: (row.position, row.id)):
        if row.list == _CONNECTIONS:
            there.append(Connected(row.id, row.key, row.name, row.active))
        else:
            getattr(lists, row.list).append(Entry(row.id, row.key, row.name, row.active, row.group, row.color))
    if lists.shops:
        lists.currency = lists.shops[0].color
    return lists, sorted(there, key=lambda connected: connected.name)


def read() -> Lists:
    """The registries. One query."""
    return of(snapshot())[0]
