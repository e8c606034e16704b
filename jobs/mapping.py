"""Mappings between our registries and a connection's own lists: shown, suggested, saved, and remembered from problems.

A row of direction "in" is looked up by their code and gives one of ours (or deliberately nothing); a row of direction
"out" is looked up by our id and gives their code (or deliberately nothing: then nothing is sent).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from integrations import connector
from integrations.base import Extra, MappingTable
from models import REGISTRIES, Connection, Order, ReferenceItem, db, insert_into, utcnow
from models import Mapping as MappingRow
from orders.timeline import Actor

from . import remembered, wake
from .suggestions import Ours, Theirs, likeliest, suggest_in, suggest_out

#: the choice "nothing, on purpose"
NOTHING = "none"
FELL_THROUGH_DAYS = 30
#: how many choices are named where one can't be had
INSTEAD = 4


@dataclass
class Choice:
    value: str
    label: str
    group: str = ""
    barred: bool = False  # it comes from there and can't be written back


@dataclass
class Row:
    """One line of the editor. `chosen`: "" = not mapped, NOTHING, or the value of a Choice."""

    lookup: str
    label: str
    note: str = ""  # their code, or our group
    chosen: str = ""
    suggested: str = ""  # value of a Choice, offered while nothing is chosen
    extra: dict[str, Any] = field(default_factory=dict)
    missed: int = 0  # waiting orders that fell through here in 30 days
    gone: bool = False  # mapped, but no longer in the list it comes from
    barred: str = ""  # mapped to this, which can't be written back


@dataclass
class Editor:
    """One mapping table as the page shows it."""

    table: MappingTable
    rows: list[Row]
    choices: list[Choice]
    fetched_at: datetime | None

    @property
    def total(self) -> int:
        return sum(not row.gone for row in self.rows)

    @property
    def covered(self) -> int:
        return sum(bool(row.chosen) and not row.gone for row in self.rows)

    @property
    def suggestions(self) -> int:
        return sum(bool(row.suggested) for row in self.rows)

    @property
    def missed(self) -> int:
        return sum(row.missed for row in self.rows)

    @property
    def extras(self) -> Sequence[Extra]:
        return self.table.extras

    @property
    def barred(self) -> Sequence[Choice]:
        return [choice for choice in self.choices if choice.barred]

    def choice(self, value: str) -> Choice | None:
        return next((choice for choice in self.choices if choice.value == value), None)


@dataclass(frozen=True)
class Missed:
    """A code that waiting orders brought and nothing is mapped to."""

    table: str
    code: str
    name: str
    orders: int


@dataclass(frozen=True)
class Saved:
    changed: int  # mappings written or removed
    applied: int  # waiting orders that a new mapping completed
    barred: Sequence[Barred] = ()


@dataclass(frozen=True)
class Barred:
    """A pair that was not saved: the vendor lets nobody set `theirs`. `instead`: what can be chosen, likest first."""

    ours: str
    theirs: str
    instead: Sequence[str]


def table_of(connection: Connection, key: str) -> MappingTable:
    """Raises KeyError when the connector has no such table."""
    found = {table.key: table for table in connector(connection.kind).mappings}
    return found[key]


def editors(connection: Connection) -> list[Editor]:
    """All tables of the connection; six queries however many there are."""
    tables = connector(connection.kind).mappings
    theirs = _theirs(connection.id)
    saved = _saved(connection.id)
    missed = fell_through(connection.id)
    ours = {name: _ours(name) for name in {table.ours for table in tables}}
    return [_editor(table, ours[table.ours], theirs, saved.get(table.key, {}), missed) for table in tables]


def editor(connection: Connection, key: str) -> Editor:
    """Raises KeyError when the connector has no such table."""
    table_of(connection, key)
    return next(found for found in editors(connection) if found.table.key == key)


def show(current: Editor, chosen: Mapping[str, str], extras: Mapping[str, Mapping[str, Any]]) -> None:
    """Let the editor show choices that aren't saved."""
    for row in current.rows:
        if row.lookup in chosen:
            row.chosen, row.suggested = chosen[row.lookup], ""
            row.extra = dict(extras.get(row.lookup, {}))


def fell_through(connection_id: int, days: int = FELL_THROUGH_DAYS) -> list[Missed]:
    """The connection's codes that orders of these days wait for, the most frequent first."""
    since = utcnow() - timedelta(days=days)
    query = (
        db.select(Order.unmapped, db.func.count())
        .where(Order.needs_mapping, Order.created_at >= since)
        .group_by(Order.unmapped)
    )
    counted: dict[tuple[str, str], Missed] = {}
    for entries, n in db.session.execute(query):
        for entry in entries or ():
            if entry.get("connection_id") != connection_id:
                continue
            key = (entry.get("table", ""), str(entry.get("code", "")))
            before = counted[key].orders if key in counted else 0
            counted[key] = Missed(*key, str(entry.get("name") or key[1]), before + n)
    return sorted(counted.values(), key=lambda m: -m.orders)


def save(
    connection: Connection,
    key: str,
    chosen: Mapping[str, str],
    extras: Mapping[str, Mapping[str, Any]],
    actor: Actor,
) -> Saved:
    """Store the choices by lookup; "" removes a mapping, lookups that aren't given stay. What is neither in our list
    nor in theirs is passed over. Waiting orders get what is new; the caller commits. Raises KeyError: no such table."""
    current = editor(connection, key)
    allowed = {choice.value for choice in current.choices if not choice.barred} | {NOTHING, ""}
    changes: dict[str, tuple[str, dict[str, Any]]] = {}
    barred = []
    for row in current.rows:
        value = chosen.get(row.lookup, row.chosen)
        extra = _completed(current.table, value, extras.get(row.lookup, row.extra))
        if (value, extra) != (row.chosen, row.extra) and (value in allowed or value == row.chosen):
            changes[row.lookup] = (value, extra)
        elif value != row.chosen and (choice := current.choice(value)):
            barred.append(_barred(current, row, choice))
    _store(connection.id, current.table, changes)
    wake.changed()
    return Saved(len(changes), _apply(connection, current, changes, actor), barred)


def _completed(table: MappingTable, value: str, extra: Mapping[str, Any]) -> dict[str, Any]:
    """What stands beside the choice: nothing beside none, and the ticks that their code can't do without."""
    if value in ("", NOTHING):
        return {}
    return dict(extra) | {column.key: True for column in table.extras if value in column.needed}


def _barred(current: Editor, row: Row, choice: Choice) -> Barred:
    table = current.table
    mine: Any = db.session.get(REGISTRIES[table.ours], int(row.lookup))
    ours = Ours(mine.id, mine.key or "", mine.name, group_of(mine))
    open_ones = [Theirs(other.value, other.label, other.group) for other in current.choices if not other.barred]
    instead = likeliest(table.ours, ours, open_ones, {**table.hints, **table.names}, INSTEAD)
    return Barred(row.label, choice.label, [entry.name for entry in instead])


def accept_suggestions(connection: Connection, key: str, actor: Actor) -> Saved:
    """Save every suggestion of the table. Raises KeyError when there is no such table."""
    current = editor(connection, key)
    return save(connection, key, {row.lookup: row.suggested for row in current.rows if row.suggested}, {}, actor)


def suggest_all(connection: Connection, actor: Actor | None = None) -> int:
    """Fill all tables by suggestions, as a first set-up does; returns how many mappings were made."""
    actor = actor or Actor("job", connection.name)
    return sum(
        accept_suggestions(connection, table.key, actor).changed for table in connector(connection.kind).mappings
    )


def remember(connection_id: int, table: str, code: str, ours_id: int | None, actor: Actor) -> int:
    """Map their code to one of ours (None = deliberately nothing) and complete all orders that wait for it; returns how
    many. The caller commits. Raises KeyError: no such table; LookupError: no such connection or row of ours."""
    connection = db.session.get(Connection, connection_id)
    if connection is None:
        raise LookupError(f"connection {connection_id}")
    found = table_of(connection, table)
    if found.direction != "in":
        raise KeyError(table)
    if ours_id is not None and db.session.get(REGISTRIES[found.ours], ours_id) is None:
        raise LookupError(f"{found.ours} {ours_id}")
    _store(connection_id, found, {code: (str(ours_id) if ours_id is not None else NOTHING, {})})
    wake.changed()
    return remembered.complete(connection, found, code, ours_id, actor)


def _theirs(connection_id: int) -> dict[str, list[ReferenceItem]]:
    query = (
        db.select(ReferenceItem)
        .where(ReferenceItem.connection_id == connection_id)
        .order_by(ReferenceItem.list, ReferenceItem.position)
    )
    lists: dict[str, list[ReferenceItem]] = {}
    for item in db.session.scalars(query):
        lists.setdefault(item.list, []).append(item)
    return lists


def _saved(connection_id: int) -> dict[str, dict[str, MappingRow]]:
    rows: dict[str, dict[str, MappingRow]] = {}
    for row in db.session.scalars(db.select(MappingRow).where(MappingRow.connection_id == connection_id)):
        rows.setdefault(row.table, {})[row.lookup] = row
    return rows


def _ours(registry: str) -> list[Any]:
    model: Any = REGISTRIES[registry]
    return list(db.session.scalars(db.select(model).order_by(model.position, model.id)))


def group_of(row: Any) -> str:
    """The group of a status, the kind of a method, "" for registries without either."""
    return str(getattr(row, "group", None) or getattr(row, "kind", None) or "")


def _editor(
    table: MappingTable,
    ours: Sequence[Any],
    lists: Mapping[str, Sequence[ReferenceItem]],
    saved: Mapping[str, MappingRow],
    missed: Iterable[Missed],
) -> Editor:
    items = lists.get(table.theirs, ())
    mine = [Ours(row.id, row.key or "", row.name, group_of(row)) for row in ours if row.active]
    theirs = [Theirs(item.code, item.name, item.group) for item in items]
    if table.direction == "in":
        counts = {m.code: m for m in missed if m.table == table.key}
        known = {entry.code for entry in theirs}
        theirs += [Theirs(m.code, m.name) for m in counts.values() if m.code not in known]
        rows = _rows_in(table, mine, theirs, saved, counts)
        choices = [Choice(str(row.id), row.name, group_of(row)) for row in ours if row.active or _used(row, saved)]
    else:
        closed = {item.code for item in items if not item.settable}
        rows = _rows_out(table, ours, mine, [entry for entry in theirs if entry.code not in closed], saved)
        choices = [Choice(e.code, e.name or e.code, e.group, e.code in closed) for e in theirs]
        for row in rows:
            row.barred = row.chosen if row.chosen in closed else ""
        here = {choice.value for choice in choices}
        choices += [Choice(m.theirs, m.theirs) for m in saved.values() if m.theirs and m.theirs not in here]
    return Editor(table, rows, choices, max((item.fetched_at for item in items), default=None))


def _used(row: Any, saved: Mapping[str, MappingRow]) -> bool:
    return any(mapping.ours == row.id for mapping in saved.values())


def _rows_in(
    table: MappingTable,
    mine: Sequence[Ours],
    theirs: Sequence[Theirs],
    saved: Mapping[str, MappingRow],
    counts: Mapping[str, Missed],
) -> list[Row]:
    guesses = suggest_in(table.ours, mine, [t for t in theirs if t.code not in saved], {**table.hints, **table.names})
    rows = []
    for entry in theirs:
        row = Row(entry.code, entry.name or entry.code, note=entry.code if entry.name else "")
        if entry.code in saved:
            held = saved[entry.code]
            row.chosen = NOTHING if held.ours is None else str(held.ours)
            row.extra = dict(held.extra or {})
        elif entry.code in guesses:
            row.suggested = str(guesses[entry.code])
        if entry.code in counts:
            row.missed = counts[entry.code].orders
        rows.append(row)
    here = {row.lookup for row in rows}
    rows += [
        Row(m.lookup, m.lookup, chosen=NOTHING if m.ours is None else str(m.ours), extra=dict(m.extra or {}), gone=True)
        for m in saved.values()
        if m.lookup not in here
    ]
    return rows


def _rows_out(
    table: MappingTable,
    ours: Sequence[Any],
    mine: Sequence[Ours],
    theirs: Sequence[Theirs],
    saved: Mapping[str, MappingRow],
) -> list[Row]:
    open_ones = [row for row in mine if str(row.id) not in saved]
    guesses = suggest_out(table.ours, open_ones, theirs, {**table.hints, **table.names})
    rows = []
    for entry in ours:
        held = saved.get(str(entry.id))
        if not entry.active and held is None:
            continue
        row = Row(str(entry.id), entry.name, gone=not entry.active)
        if held is not None:
            row.chosen, row.extra = held.theirs or NOTHING, dict(held.extra or {})
        else:
            row.suggested = guesses.get(entry.id, "")
            row.extra = {e.key: e.defaults[row.suggested] for e in table.extras if row.suggested in e.defaults}
        rows.append(row)
    return rows


def _store(connection_id: int, table: MappingTable, changes: Mapping[str, tuple[str, dict[str, Any]]]) -> None:
    removed = [lookup for lookup, (value, _) in changes.items() if value == ""]
    if removed:
        db.session.execute(
            db.delete(MappingRow).where(
                MappingRow.connection_id == connection_id, MappingRow.table == table.key, MappingRow.lookup.in_(removed)
            )
        )
    values = [
        {"connection_id": connection_id, "table": table.key, "lookup": lookup, **_columns(table, lookup, value, extra)}
        for lookup, (value, extra) in changes.items()
        if value != ""
    ]
    keep(values)
    db.session.expire_all()


def keep(rows: Sequence[Mapping[str, Any]]) -> None:
    """Mappings as columns of their table; those that are there already are changed."""
    if not rows:
        return
    query = insert_into(MappingRow)
    query = query.on_conflict_do_update(
        index_elements=["connection_id", "table", "lookup"],
        set_={name: query.excluded[name] for name in ("ours", "theirs", "extra")},
    )
    db.session.execute(query, rows)


def _columns(table: MappingTable, lookup: str, value: str, extra: dict[str, Any]) -> dict[str, Any]:
    if table.direction == "in":
        return {"ours": None if value == NOTHING else int(value), "theirs": lookup, "extra": extra}
    return {"ours": int(lookup), "theirs": "" if value == NOTHING else value, "extra": extra}


def _apply(
    connection: Connection, current: Editor, changes: Mapping[str, tuple[str, dict[str, Any]]], actor: Actor
) -> int:
    """Complete the orders that waited for codes which are mapped now."""
    if current.table.direction != "in":
        return 0
    waiting = {row.lookup for row in current.rows if row.missed}
    done = 0
    for lookup, (value, _extra) in changes.items():
        if value and lookup in waiting:
            ours_id = None if value == NOTHING else int(value)
            done += remembered.complete(connection, current.table, lookup, ours_id, actor)
    return done
