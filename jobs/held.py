"""Orders whose time to be paid is over, or that somebody wants now: read once more, then taken in as they are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from integrations import connectors
from integrations.base import Connector, ReadsOrders
from integrations.errors import VendorError
from models import Connection, HeldOrder, Incoming, db, utcnow

from . import attempts, connections, intake, wake

#: at a time: some systems tell one order a call, and one call a second
STINT = 50


def tick() -> None:
    """Every few seconds: wake workers for the connections that have orders whose time is over."""
    due = db.session.scalars(db.select(HeldOrder.connection_id).where(HeldOrder.until <= utcnow()).distinct()).all()
    db.session.rollback()
    for connection_id in due:
        wake.now("held", connection_id)


def take_now(by: str, held_id: int | None = None, connection_id: int | None = None) -> int:
    """Have one taken in at once, or all, of a connection if one is named; in the caller's transaction. Returns how
    many."""
    query = db.update(HeldOrder).where(HeldOrder.until > utcnow()).values(until=utcnow(), taken_by=by[:120])
    for column, value in ((HeldOrder.id, held_id), (HeldOrder.connection_id, connection_id)):
        if value is not None:
            query = query.where(column == value)
    asked = db.session.scalars(query.returning(HeldOrder.connection_id)).all()
    for one in set(asked):
        wake.soon("held", one)
    wake.changed()
    return len(asked)


def take_due(connection_id: int) -> None:
    """Take in what waits no longer. Nothing keeps it back: neither that the connection is switched off or removed, nor
    that the source can't be asked; then what was last read of it counts. Commits as it goes."""
    wake.begun("held", connection_id)
    connection = db.session.get_one(Connection, connection_id)
    if connection.kind not in connectors():  # nothing here could read it; it stays where it is
        return
    now = utcnow()
    due = _due(connection_id, now)
    connector = connections.open_connector(connection)
    usable = connections.usable(connection)
    db.session.commit()
    if not due:
        return
    if usable:
        _read_again(connection_id, connector, due)
    _release(connection_id, now, due)
    intake.apply_waiting(connection_id, connector)
    _drop_failed(connection_id, now)
    if len(due) == STINT:
        wake.now("held", connection_id)


def _due(connection_id: int, now: datetime) -> Sequence[str]:
    query = db.select(HeldOrder.external_id).where(HeldOrder.connection_id == connection_id, HeldOrder.until <= now)
    return db.session.scalars(query.order_by(HeldOrder.until, HeldOrder.id).limit(STINT)).all()


def _read_again(connection_id: int, connector: Connector, external_ids: Sequence[str]) -> None:
    """A payment may have come since they were last read."""
    if not isinstance(connector, ReadsOrders):
        return
    asked_at = utcnow()
    try:
        found = connector.orders_of(external_ids)
    except VendorError as error:
        attempts.record(connection_id, "pull", connector.http.exchanges(), error)
        return
    intake.store(connection_id, found, asked_at=asked_at)


def _release(connection_id: int, now: datetime, external_ids: Sequence[str]) -> None:
    """Have the newest version that was kept of each worked on once more: its time is over now."""
    over = db.select(HeldOrder.incoming_id).where(
        HeldOrder.connection_id == connection_id, HeldOrder.until <= now, HeldOrder.external_id.in_(external_ids)
    )
    again = db.update(Incoming).where(Incoming.id.in_(over), Incoming.state == "held")
    db.session.execute(again.values(state="new"))
    db.session.commit()


def _drop_failed(connection_id: int, now: datetime) -> None:
    """What can't be made an order waits for a person among the problems, where all that could not be read does."""
    failed = (
        db.select(HeldOrder.id)
        .join(Incoming, Incoming.id == HeldOrder.incoming_id)
        .where(HeldOrder.connection_id == connection_id, HeldOrder.until <= now, Incoming.state == "failed")
    )
    db.session.execute(db.delete(HeldOrder).where(HeldOrder.id.in_(failed)))
    db.session.commit()
