"""Statuses read back from destinations: what their staff changed becomes ours, and is not sent back to them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from integrations.base import ReadsStatuses
from integrations.errors import VendorError
from integrations.types import StatusChange
from models import Connection, Link, Order, Status, db, utcnow
from orders import work
from orders.timeline import Actor

from . import attempts, connections, drafts, incoming_changes, told, tracking, vendor_names, wake

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
    asked_at = utcnow()
    try:
        changes, after = connector.statuses(cursor, asked_at)
    except VendorError as error:
        attempts.record(connection_id, "statuses", connector.http.exchanges(), error)
        raise
    changed = 0
    for start in range(0, len(changes), CHUNK):
        changed += len(apply(connection_id, changes[start : start + CHUNK], asked_at))
    row = db.session.get_one(Connection, connection_id, populate_existing=True)
    row.cursor = {**(row.cursor or {}), "statuses": dict(after)}
    row.last_pull_at = utcnow()
    keep(run_id, seen=len(changes), changed=changed)
    db.session.commit()
    if changed:
        attempts.record(connection_id, "statuses", connector.http.exchanges())


@dataclass
class Reader:
    """What it takes to make statuses of one connection ours."""

    connection: Connection

    def __post_init__(self) -> None:
        self.maker = drafts.Maker(self.connection)
        self.actor = Actor("job", self.connection.name)
        self.names = vendor_names.statuses(self.connection.id)
        #: held so that the session still has them when they are asked for one by one
        self.statuses = db.session.scalars(db.select(Status)).all()

    def links(self, external_ids: Collection[str]) -> dict[str, Link]:
        """By their number. In one order for all who lock several, so that none waits for another in a circle."""
        query = db.select(Link).where(Link.connection_id == self.connection.id, Link.external_id.in_(external_ids))
        query = query.order_by(Link.id).with_for_update().execution_options(populate_existing=True)
        return {str(link.external_id): link for link in db.session.scalars(query)}

    def take(self, link: Link, ours: Order, change: StatusChange, verdict: str = "") -> bool:
        """True when something changed. `verdict`: what told.judge says, where it has been asked."""
        name = self.met(link, ours, change)
        found = (self.connection, link, ours, change.status, name, self.maker, self.actor, verdict)
        changed = incoming_changes.take_status(*found)
        if changed:
            ours.updated_at = utcnow()
        return changed

    def take_all(self, found: Sequence[tuple[Link, Order, StatusChange, str]]) -> None:
        """The same for many whose verdict is "own" or "news", at most one of an order: for all of them together."""
        if not found:
            return
        news = [
            incoming_changes.News(link, ours, change.status, self.met(link, ours, change), verdict)
            for link, ours, change, verdict in found
        ]
        incoming_changes.take_statuses(self.connection, news, self.maker, self.actor)
        # by a statement: set on an object whose status was just changed it would have each of them read once more
        work.TOUCH.run_columns({"ids": [[link.order_id for link, *_ in found]], "now": [utcnow()]}, 1)

    def met(self, link: Link, ours: Order, change: StatusChange) -> str:
        """Note that a copy was heard of; the name of the status that it has."""
        name = change.status_name or self.names.get(change.status, "")
        link.synced_at = utcnow()
        tracking.moved(self.connection, link, ours, name or change.status)
        return name


def apply(connection_id: int, changes: Sequence[StatusChange], asked_at: datetime | None = None) -> set[str]:
    """Take over statuses, in the order they were made; commits. Returns the copies whose orders changed. `asked_at`:
    when they were asked for."""
    reader = Reader(db.session.get_one(Connection, connection_id, populate_existing=True))
    links = reader.links([change.external_id for change in changes])
    orders = orders_of(links.values())
    changed: set[str] = set()
    for change in changes:
        link = links.get(change.external_id)
        ours = orders.get(link.order_id) if link else None
        if link is not None and ours is not None and _news(reader, link, ours, change, asked_at):
            changed.add(change.external_id)
    if changed:
        wake.changed()
    db.session.commit()
    return changed


def _news(reader: Reader, link: Link, ours: Order, change: StatusChange, asked_at: datetime | None) -> bool:
    """One change of `apply`; True when something changed. What tells since when it is so (`at`) is no journal but how a
    copy stands: it comes again and again, and what is known may be newer. Of a journal's entries none comes twice."""
    verdict = ""
    if change.at:
        if older(change.at, link.external_at):
            return False
        verdict = told.judge(link, change.status, asked_at)
        if verdict in ("open", "old"):  # what ends there now moves the copy's time, so that it is read once more
            return False
    changed = reader.take(link, ours, change, verdict)
    if change.at or changed:
        link.external_at = change.at or asked_at
    return changed


def older(at: datetime, known: datetime | None) -> bool:
    return known is not None and at < known


def _live(connection_id: int, final: Collection[str]) -> list[str]:
    """Copies whose status may still change."""
    query = db.select(Link.external_id).where(
        Link.connection_id == connection_id, Link.state != "deleted", Link.external_id.is_not(None)
    )
    return list(db.session.scalars(query.where(Link.external_status.not_in(final)).order_by(Link.id.desc())))


def orders_of(links: Iterable[Link]) -> dict[int, Order]:
    ids = [link.order_id for link in links]
    return {order.id: order for order in db.session.scalars(db.select(Order).where(Order.id.in_(ids)))}
