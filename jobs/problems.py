"""What waits for a person, in groups by cause, largest first. Each kind is read from its newest rows only, so that a
hundred thousand failures cost no more than a few thousand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import aliased

from integrations import connectors
from integrations.base import MappingTable
from models import REGISTRIES, Connection, Incoming, LikelyDuplicate, Order, Run, SecondRoute, Transfer, db
from orders.duplicates import open_pairs
from orders.reports import at_most, needs_mapping
from orders.routes import stopped

from . import undelivered
from .causes import normal
from .reports import FAILED_DEPTH, Health, current_failures, failed_runs, health, unreadable

#: rows that a group shows; the journal has the rest
SHOWN = 30
PARKED_SHOWN = 200


@dataclass
class Unmapped:
    """One thing that orders name and the hub doesn't know. `ours`: key of the registry that holds the answers; "" when
    the connector has no such table (any more)."""

    connection_id: int
    table: str
    code: str
    name: str
    title: str = ""
    ours: str = ""
    orders: list[tuple[int, str]] = field(default_factory=list)  # (id, number), newest first, up to SHOWN
    n: int = 0


@dataclass
class MappingGroup:
    """All unknown things of one connection."""

    connection: Health
    entries: list[Unmapped]
    n: int  # orders

    @property
    def numbers(self) -> list[str]:
        """Of the newest orders, up to SHOWN."""
        newest = {order_id: number for entry in self.entries for order_id, number in entry.orders}
        return [newest[order_id] for order_id in sorted(newest, reverse=True)[:SHOWN]]


@dataclass
class FailedGroup:
    """Transfers of one system that failed alike. `detail`: the vendor's words for the newest of them."""

    connection: Health
    fault: str
    operation: str
    detail: str
    pattern: str
    rows: list[Any] = field(default_factory=list)  # id, order_id, number, detail, finished_at; up to SHOWN
    n: int = 0
    last_at: datetime | None = None

    @property
    def is_gone(self) -> bool:
        """Their copies were deleted there: the cure is to create them anew."""
        return self.fault == "not_found" and self.operation == "send"

    @property
    def id(self) -> int:
        """Names the group in forms: the newest transfer of it."""
        return int(self.rows[0].id)


@dataclass
class UnreadGroup:
    """Orders of one source that came in and could not be read; they are kept as they came."""

    connection: Health
    rows: list[Any] = field(default_factory=list)  # id, external_id, note, received_at; newest first, up to SHOWN
    n: int = 0


@dataclass
class FailedRun:
    connection: Health
    run: Run


@dataclass
class SecondGroup:
    """Orders that were to reach a delivery service by a second route."""

    connection: Health
    rows: list[Any] = field(default_factory=list)  # id, order_id, number, first, by, at; newest first, up to SHOWN
    n: int = 0


@dataclass
class DuplicateGroup:
    """Orders that look like others."""

    rows: list[Any]  # id (of the pair), number, other (number), why, created_at; newest first, up to SHOWN
    n: int


@dataclass
class Problems:
    mapping: list[MappingGroup]
    refused: list[FailedGroup]
    parked: list[FailedGroup]
    broken: list[Health]
    runs: list[FailedRun]
    unread: list[UnreadGroup]
    second: list[SecondGroup]
    duplicates: list[DuplicateGroup]
    registries: dict[str, list[tuple[int, str]]]
    sent: list[undelivered.SentGroup]
    complete: bool = True  # False: only the newest were looked through

    @property
    def groups(self) -> list[tuple[str, Any]]:
        """(kind, group): connections that don't work first, as they cause much of the rest, then largest first."""
        kinds: dict[str, list[Any]] = {"mapping": self.mapping, "refused": self.refused}
        kinds |= {"parked": self.parked, "unread": self.unread, "second": self.second, "duplicates": self.duplicates}
        sized = [(kind, group) for kind, groups in kinds.items() for group in groups]
        rest = sorted([*sized, *((group.kind, group) for group in self.sent)], key=lambda pair: -pair[1].n)
        return [*(("broken", h) for h in self.broken), *rest, *(("runs", run) for run in self.runs)]

    @property
    def n(self) -> int:
        groups: list[Any] = [*self.mapping, *self.refused, *self.parked, *self.unread, *self.second, *self.duplicates]
        orders = sum(group.n for group in [*groups, *self.sent])
        return orders + len(self.broken) + len(self.runs)


def find() -> Problems:
    """Everything that waits for a person, at most FAILED_DEPTH rows of a kind."""
    systems = {h.id: h for h in health()}
    mapping, all_mapped = _mapping(systems)
    refused = _failed("refused", systems)
    parked = _failed("parked", systems)
    broken = [h for h in systems.values() if h.state == "broken"]
    known = {h.id for h in broken}
    runs = [FailedRun(systems[run.connection_id], run) for run in _runs() if run.connection_id not in known]
    needed = {entry.ours for group in mapping for entry in group.entries if entry.ours}
    complete = all_mapped and sum(g.n for g in refused) < FAILED_DEPTH
    unread = _unread(systems)
    second, duplicates, lists = _second(systems), _duplicates(), _registries(needed)
    sent = undelivered.find()
    return Problems(mapping, refused, parked, broken, runs, unread, second, duplicates, lists, sent, complete)


def _unread(systems: dict[int, Health]) -> list[UnreadGroup]:
    columns = (Incoming.id, Incoming.connection_id, Incoming.external_id, Incoming.note, Incoming.received_at)
    groups: dict[int, UnreadGroup] = {}
    for row in db.session.execute(unreadable(*columns).limit(FAILED_DEPTH)):
        group = groups.setdefault(row.connection_id, UnreadGroup(systems[row.connection_id]))
        group.n += 1
        if len(group.rows) < SHOWN:
            group.rows.append(row)
    return list(groups.values())


def _second(systems: dict[int, Health]) -> list[SecondGroup]:
    first = aliased(Connection)
    columns = (SecondRoute.id, SecondRoute.order_id, SecondRoute.connection_id, SecondRoute.by, SecondRoute.at)
    query = stopped(*columns, Order.number, first.name.label("first"))
    query = query.join(Order, Order.id == SecondRoute.order_id).join(first, first.id == SecondRoute.first_id)
    groups: dict[int, SecondGroup] = {}
    for row in db.session.execute(query.limit(FAILED_DEPTH)):
        if row.connection_id in systems:
            group = groups.setdefault(row.connection_id, SecondGroup(systems[row.connection_id]))
            group.n += 1
            if len(group.rows) < SHOWN:
                group.rows.append(row)
    return list(groups.values())


def _duplicates() -> list[DuplicateGroup]:
    one, other = aliased(Order), aliased(Order)
    columns = (LikelyDuplicate.id, LikelyDuplicate.why, LikelyDuplicate.created_at)
    query = open_pairs(*columns, one.number, other.number.label("other"))
    query = query.join(one, one.id == LikelyDuplicate.order_id).join(other, other.id == LikelyDuplicate.other_id)
    rows = db.session.execute(query.limit(SHOWN)).all()
    n = len(rows)
    if n == SHOWN:
        n = db.session.scalar(db.select(at_most(open_pairs(), FAILED_DEPTH))) or 0
    return [DuplicateGroup(list(rows), n)] if rows else []


def second_of(connection_id: int) -> list[int]:
    """Ids of the stopped second copies of this connection."""
    query = stopped(SecondRoute.id).where(SecondRoute.connection_id == connection_id).limit(FAILED_DEPTH)
    return list(db.session.scalars(query))


def unread_of(connection_id: int) -> list[int]:
    """Ids of what came from this connection and could not be read."""
    query = unreadable(Incoming.id).where(Incoming.connection_id == connection_id).limit(FAILED_DEPTH)
    return list(db.session.scalars(query))


def set_unread_aside(incoming_ids: Sequence[int]) -> int:
    """They are kept as they came and not asked about again; the caller commits."""
    query = db.update(Incoming).where(Incoming.id.in_(incoming_ids), Incoming.state == "failed")
    query = query.values(state="aside").returning(Incoming.id)
    return len(db.session.scalars(query.execution_options(synchronize_session=False)).all())


def _runs() -> Iterable[Run]:
    return db.session.scalars(failed_runs(Run)).all()


def _registries(keys: set[str]) -> dict[str, list[tuple[int, str]]]:
    """(id, name) of the active rows of these registries."""
    found = {}
    for key in sorted(keys):
        model: Any = REGISTRIES[key]
        query = db.select(model.id, model.name).where(model.active).order_by(model.position, model.id)
        found[key] = [(row.id, row.name) for row in db.session.execute(query)]
    return found


def _mapping(systems: dict[int, Health]) -> tuple[list[MappingGroup], bool]:
    query = needs_mapping(Order.id, Order.number, Order.unmapped).order_by(Order.id.desc()).limit(FAILED_DEPTH)
    found: dict[tuple[int, str, str], Unmapped] = {}
    orders: dict[int, set[int]] = {}
    rows = db.session.execute(query).all()
    for order_id, number, unmapped in rows:
        for thing in unmapped or [{}]:
            entry = _entry(thing, found)
            entry.n += 1
            orders.setdefault(entry.connection_id, set()).add(order_id)
            if len(entry.orders) < SHOWN:
                entry.orders.append((order_id, number))
    groups = []
    for connection_id, ids in orders.items():
        entries = sorted((e for e in found.values() if e.connection_id == connection_id), key=lambda e: -e.n)
        system = systems.get(connection_id) or _unknown(connection_id)
        _name_tables(system.kind, entries)
        groups.append(MappingGroup(system, entries, len(ids)))
    return sorted(groups, key=lambda group: -group.n), len(rows) < FAILED_DEPTH


def _entry(thing: dict[str, Any], found: dict[tuple[int, str, str], Unmapped]) -> Unmapped:
    table, code = str(thing.get("table", "")), str(thing.get("code", ""))
    key = (int(thing.get("connection_id") or 0), table, code)
    return found.setdefault(key, Unmapped(*key, name=str(thing.get("name") or "")))


def _unknown(connection_id: int) -> Health:
    """A connection that was removed, or none at all."""
    name = db.session.scalar(db.select(Connection.name).where(Connection.id == connection_id)) or ""
    return Health(connection_id, "", name, "", "grey", "off", False, False, None, None, None)


def _name_tables(kind: str, entries: Iterable[Unmapped]) -> None:
    cls = connectors().get(kind)
    tables: dict[str, MappingTable] = {table.key: table for table in cls.mappings} if cls else {}
    for entry in entries:
        if table := tables.get(entry.table):
            entry.title = table.title
            entry.ours = table.ours if table.ours in REGISTRIES else ""


_FAILED_COLUMNS = (
    *(Transfer.id, Transfer.order_id, Transfer.connection_id, Transfer.operation, Transfer.fault, Transfer.detail),
    *(Transfer.finished_at, Transfer.tries, Order.number),
)


def _failed(state: str, systems: dict[int, Health]) -> list[FailedGroup]:
    query = current_failures(*_FAILED_COLUMNS, state=state).join(Order, Order.id == Transfer.order_id)
    shown = PARKED_SHOWN if state == "parked" else SHOWN
    groups: dict[tuple[int, str, str, str], FailedGroup] = {}
    for row in db.session.execute(query):
        pattern = normal(row.detail)
        key = (row.connection_id, row.fault, row.operation, pattern)
        blank = FailedGroup(systems[row.connection_id], row.fault, row.operation, row.detail, pattern)
        group = groups.setdefault(key, blank)
        group.n += 1
        group.last_at = group.last_at or row.finished_at
        if len(group.rows) < shown:
            group.rows.append(row)
    return sorted(groups.values(), key=lambda group: -group.n)


def alike(transfer_id: int) -> list[int]:
    """The ids of all failed transfers of the group that this one belongs to, newest first."""
    one = db.session.get(Transfer, transfer_id)
    if one is None:
        return []
    query = current_failures(Transfer.id, Transfer.detail, state=one.state if one.state == "parked" else "refused")
    query = query.where(
        Transfer.connection_id == one.connection_id,
        Transfer.fault == one.fault,
        Transfer.operation == one.operation,
    )
    pattern = normal(one.detail)
    return [row.id for row in db.session.execute(query) if normal(row.detail) == pattern]
