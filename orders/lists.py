"""The registries and connections as the order list needs them: light copies, all of them in one query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from models import (
    Connection,
    DeliveryMethod,
    HeldOrder,
    OrderType,
    PaymentMethod,
    Prepared,
    SavedView,
    Shop,
    Source,
    Status,
    db,
)


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


_VIEWS, _HELD = "views", "held"
#: orders that wait for their payment are counted up to here
MANY_HELD = 100


def _query(*more: Any) -> Any:
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
    return db.union_all(*parts, db.select(*columns).where(there.removed_at.is_(None)), *more)


def _query_around() -> Any:
    """The same with what else stands around the list of one user."""
    blank, zero, nothing, on = db.literal(""), db.literal(0), db.null(), db.literal(True)
    view, held = SavedView.__table__.c, HeldOrder.__table__.c
    seen = db.or_(view.user_id.is_(None), view.user_id == db.bindparam("user", type_=view.user_id.type))
    some, n = db.select(held.id).limit(MANY_HELD).subquery(), db.func.count()
    return _query(
        db.select(db.literal(_VIEWS), view.id, nothing, view.name, on, view.position, view.query, blank).where(seen),
        db.select(db.literal(_HELD), n, nothing, blank, on, zero, blank, blank).select_from(some),
    )


_QUERY = Prepared(_query(), same_plan=True)
_AROUND = Prepared(_query_around(), same_plan=True)


def snapshot() -> Rows:
    """Everything in one query. Equal as long as nothing of it changes, so that what is made of it can be kept."""
    return tuple(_QUERY.raw())


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around a list of orders: the registries (as `snapshot` gives them), the user's saved views as (name,
    filter), and how many orders wait for their payment, MANY_HELD for that many or more."""

    rows: Rows
    views: Sequence[tuple[str, str]]
    held: int


def around(user_id: int) -> Around:
    """All of it in one query."""
    found = _AROUND.raw(user=user_id)
    views = sorted((row for row in found if row[0] == _VIEWS), key=lambda row: (row[5], row[1]))
    held = next(row[1] for row in found if row[0] == _HELD)
    return Around(
        tuple(row for row in found if row[0] not in (_VIEWS, _HELD)), [(row[3], row[6]) for row in views], int(held)
    )


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
