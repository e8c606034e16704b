"""Connections as a file: moved to another hub, or kept beside a backup. Our rows go by key or name, never by id.

{"version": 1, "connections": [{"kind", "name", "enabled", "settings": {…}, "secrets": {…} or absent,
  "defaults": {"shop_id": name, …}, "schedules": {task: {"every", "paused"}},
  "services": names of delivery services, with commas (only where set),
  "mappings": {table: [{"lookup" (their code) or "ours" (our row), "theirs", "extra"}]}}]}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from integrations import connector, connectors
from integrations.base import MASK
from models import REGISTRIES, Connection, Schedule, db
from models import Mapping as MappingRow
from orders import routes

from . import connections, mapping, registries, wake

VERSION = 1
DEFAULTS = {
    "shop_id": "shops",
    "source_id": "sources",
    "type_id": "types",
    "success_status_id": "statuses",
    "failure_status_id": "statuses",
}


class BadFile(Exception):
    """The file can't be read; the message says where and why."""


def export(with_secrets: bool = False) -> dict[str, Any]:
    """All connections that are not removed. Without the secrets unless they are asked for."""
    return {"version": VERSION, "connections": [_export_one(row, with_secrets) for row in connections.active()]}


def load(content: Any) -> list[str]:
    """Make or change connections by name, in the caller's transaction; returns a line about each.
    Raises BadFile, or connections.InvalidSettings."""
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise BadFile(f"not a file of connections of version {VERSION}")
    entries = content.get("connections")
    if not isinstance(entries, list) or not all(isinstance(e, dict) and e.get("name") for e in entries):
        raise BadFile("no list of connections with names")
    return [_load_one(entry) for entry in entries]


def _export_one(row: Connection, with_secrets: bool) -> dict[str, Any]:
    names = _names()
    schedules = db.session.scalars(db.select(Schedule).where(Schedule.connection_id == row.id))
    entry = {
        "kind": row.kind,
        "name": row.name,
        "enabled": row.enabled,
        "settings": row.settings or {},
        "defaults": {
            column: names[registry].get(getattr(row, column))
            for column, registry in DEFAULTS.items()
            if getattr(row, column)
        },
        "schedules": {s.task: {"every": s.every, "paused": s.paused} for s in schedules},
        "mappings": _export_mappings(row, names),
    }
    if services := routes.services(row.id):
        entry["services"] = services
    return entry | ({"secrets": row.secrets or {}} if with_secrets else {})


def _names() -> dict[str, dict[int, str]]:
    return {name: {row.id: row.key or row.name for row in registries.rows(name)} for name in REGISTRIES}


def _export_mappings(row: Connection, names: Mapping[str, Mapping[int, str]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    if row.kind not in connectors():
        return found
    tables = {table.key: table for table in connector(row.kind).mappings}
    query = db.select(MappingRow).where(MappingRow.connection_id == row.id).order_by(MappingRow.id)
    for held in db.session.scalars(query):
        table = tables.get(held.table)
        if table is None:
            continue
        ours = names[table.ours].get(held.ours) if held.ours is not None else None
        pair = {"lookup": held.lookup} if table.direction == "in" else {"theirs": held.theirs}
        found.setdefault(held.table, []).append({**pair, "ours": ours, "extra": held.extra or {}})
    return found


def _load_one(entry: Mapping[str, Any]) -> str:
    kind, name = entry.get("kind"), str(entry["name"])
    if kind not in connectors():
        raise BadFile(f"{name}: there is no integration {kind!r}")
    row = db.session.scalar(db.select(Connection).where(Connection.name == name))
    if row is not None and (row.kind != kind or row.removed_at):
        raise BadFile(f"{name}: the name belongs to another connection")
    secrets = entry.get("secrets") or {}
    line = f"{name}: changed" if row else f"{name}: added"
    if row is not None:
        kept = dict.fromkeys(row.secrets or {}, MASK)
        connections.change(row, {**(entry.get("settings") or {}), **kept, **secrets})
        row.enabled = bool(entry.get("enabled", True))
    elif secrets:
        row = connections.create(kind, name, {**(entry.get("settings") or {}), **secrets})
        row.enabled = bool(entry.get("enabled", True))
    else:
        row = Connection(kind=kind, name=name, settings=entry.get("settings") or {}, secrets={}, enabled=False)
        db.session.add(row)
        db.session.flush()
        connections.follow_tasks(row)
        line = f"{name}: added without its key, and off until the key is entered"
    _load_rest(row, entry)
    wake.changed()
    return line


def _load_rest(row: Connection, entry: Mapping[str, Any]) -> None:
    ids = {name: {text: row_id for row_id, text in known.items()} for name, known in _names().items()}
    for column, registry in DEFAULTS.items():
        setattr(row, column, ids[registry].get(str((entry.get("defaults") or {}).get(column))))
    db.session.flush()
    routes.set_services(row.id, str(entry.get("services") or ""))
    for schedule in db.session.scalars(db.select(Schedule).where(Schedule.connection_id == row.id)):
        if given := (entry.get("schedules") or {}).get(schedule.task):
            schedule.every, schedule.paused = int(given["every"]), bool(given["paused"])
    for table in connector(row.kind).mappings:
        _load_mappings(row, table, (entry.get("mappings") or {}).get(table.key, ()), ids[table.ours])


def _load_mappings(row: Connection, table: Any, pairs: Sequence[Mapping[str, Any]], ids: Mapping[str, int]) -> None:
    values = []
    for pair in pairs:
        ours = ids.get(pair.get("ours") or "")
        if pair.get("ours") and ours is None:
            continue  # a row that this hub does not have: left for staff to map
        lookup = str(pair.get("lookup", "")) if table.direction == "in" else str(ours or "")
        if lookup:
            theirs = lookup if table.direction == "in" else str(pair.get("theirs") or "")
            extra = dict(pair.get("extra") or {})
            values.append(
                {
                    "connection_id": row.id,
                    "table": table.key,
                    "lookup": lookup,
                    "ours": ours,
                    "theirs": theirs,
                    "extra": extra,
                }
            )
    mapping.keep(values)
