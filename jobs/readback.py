"""Statuses read back from destinations: what their staff changed becomes ours, and is not sent back to them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from integrations.base import ReadsStatuses
from integrations.errors import VendorError
from integrations.types import StatusChange
from models import Connection, Link, Order, db, utcnow
from orders.timeline import Actor

from . import attempts, connections, drafts, incoming_changes, tracking, vendor_names, wake

CHUNK = 200


def read_statuses(run_id: int, connection: Connection, keep: Callable[..., None]) -> None:
    """Read what changed since the last time and bring our orders in line."""
    connector = connections.open_connector(connection)
    if not isinstance(connector, ReadsStatuses):
        return
    connection_id, cursor = connection.id, dict((connection.cursor or {}).get("statuses") or {})
    if connector.asked_by_id:
        cursor = {"ids": _live(connection_id, connector.final_statuses)}
    db.session.commit()
    try:
        changes, after = connector.statuses(cursor, utcnow())
    except VendorError as error:
        attempts.record(connection_id, "statuses", connector.http.exchanges(), error)
        raise
    changed = 0
    for start in range(0, len(changes), CHUNK):
        changed += apply(connection_id, changes[start : start + CHUNK])
    row = db.session.get(Connection, connection_id, populate_existing=True)
    if row is not None:
        row.cursor = {**(row.cursor or {}), "statuses": dict(after)}
        row.last_pull_at = utcnow()
    keep(run_id, seen=len(changes), changed=changed)
    db.session.commit()
    if changed:
        attempts.record(connection_id, "statuses", connector.http.exchanges())


def apply(connection_id: int, changes: Sequence[StatusChange]) -> int:
    """Take over statuses, in the order they were made; commits. Returns how many orders changed."""
    connection = db.session.get(Connection, connection_id, populate_existing=True)
    if connection is None:
        return 0
    maker, actor = drafts.Maker(connection), Actor("job", connection.name)
    names = vendor_names.statuses(connection_id)
    query = db.select(Link).where(
        Link.connection_id == connection_id, Link.external_id.in_([c.external_id for c in changes])
    )
    links = {link.external_id: link for link in db.session.scalars(query)}
    orders = _orders([link.order_id for link in links.values()])
    changed = 0
    for change in changes:
        link = links.get(change.external_id)
        ours = orders.get(link.order_id) if link else None
        if link is None or ours is None:
            continue
        link.synced_at = utcnow()
        tracking.moved(connection, link, ours, change.status_name or names.get(change.status, change.status))
        name = change.status_name or names.get(change.status, "")
        if incoming_changes.take_status(connection, link, ours, change.status, name, maker, actor):
            ours.updated_at = utcnow()
            changed += 1
    if changed:
        wake.changed()
    db.session.commit()
    return changed


def _live(connection_id: int, final: Collection[str]) -> list[str]:
    """Copies whose status may still change."""
    query = db.select(Link.external_id).where(
        Link.connection_id == connection_id, Link.state != "deleted", Link.external_id.is_not(None)
    )
    return list(db.session.scalars(query.where(Link.external_status.not_in(final)).order_by(Link.id.desc())))


def _orders(ids: Sequence[int]) -> dict[int, Any]:
    return {order.id: order for order in db.session.scalars(db.select(Order).where(Order.id.in_(ids)))}
