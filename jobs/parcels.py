"""Parcels that were not made here: their numbers were typed in or came with the order, and a connected service that
knows such numbers is asked for their states. They go the way of statuses read back: the row shows them, rules hear of
them, and a mapping can make them our statuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from integrations import connectors
from integrations.base import Connector, Tracks
from integrations.errors import VendorError
from integrations.fields import CARRIERS
from integrations.types import StatusChange
from integrations.values import chunks
from models import Connection, DeliveryMethod, Link, Order, Run, Status, TrackedParcel, db, insert_into, utcnow
from orders import statuses
from orders.timeline import Actor

from . import attempts, connections, drafts, incoming_changes, tracking, vendor_names, wake

ASKED = 500  # parcels between two signs of life
FOLLOWED = timedelta(days=60)  # from the order's arrival on
OVERLAP = timedelta(minutes=2)  # a transaction may end that long after its time of change
OVER = ("cancelled", "deleted")


def follow(run_id: int, connection: Connection, keep: Callable[..., None]) -> None:
    """Take up new numbers, and read the states of all that are still on their way. Raises VendorError."""
    cls = connectors()[connection.kind]
    if not cls.can(Tracks):
        return
    connection_id = connection.id
    take_up(connection, cls)
    numbers = _live(connection_id, cls)
    seen = changed = 0
    for some in chunks(numbers, ASKED):
        told = _ask(connection_id, some)
        seen, changed = seen + len(told), changed + apply(connection_id, told)
        run = db.session.get(Run, run_id, populate_existing=True)
        keep(run_id, **{**(run.counts if run else {}), "parcels": seen, "moved": changed})
        db.session.commit()


def _ask(connection_id: int, numbers: Sequence[str]) -> Sequence[StatusChange]:
    opened: Any = connections.open_connector(db.session.get_one(Connection, connection_id))
    db.session.commit()
    try:
        told: Sequence[StatusChange] = opened.track(numbers)
    except VendorError as error:
        attempts.record(connection_id, "statuses", opened.http.exchanges(), error)
        raise
    return told


def plain(number: str) -> str:
    """As services know it: without the blanks and dashes that people put in."""
    return re.sub(r"[\s-]", "", number)


def take_up(connection: Connection, cls: type[Connector]) -> int:
    """Orders changed since the last time whose number is one of this service's, and no copy's. Commits."""
    since, now = (connection.cursor or {}).get("parcels"), utcnow()
    start = datetime.fromisoformat(since) - OVERLAP if since else now - FOLLOWED
    rows = [
        {"order_id": order_id, "connection_id": connection.id, "number": plain(number),
         "external_status": "", "external_status_name": "", "synced_at": None}
        for order_id, number, method in db.session.execute(_changed(start))
        if re.fullmatch(cls.number_pattern, plain(number)) and not of_another(method or "", cls.carrier)
    ]  # fmt: skip
    for some in chunks(rows, 200):
        query = insert_into(TrackedParcel).values(some)
        new = {name: query.excluded[name] for name in some[0] if name != "order_id"}
        query = query.on_conflict_do_update(
            index_elements=["order_id"], set_=new, where=TrackedParcel.number != query.excluded.number
        )
        db.session.execute(query)
    connection.cursor = {**(connection.cursor or {}), "parcels": now.isoformat()}
    db.session.commit()
    return len(rows)


def _changed(start: datetime) -> Any:
    """(order, number, its delivery method's name)"""
    copy = db.select(Link.id).where(Link.order_id == Order.id, Link.external_number == Order.ttn)
    query = db.select(Order.id, Order.ttn, DeliveryMethod.name).outerjoin(DeliveryMethod).join(Status)
    query = query.where(Order.updated_at >= start, Order.ttn != "", Order.created_at >= utcnow() - FOLLOWED)
    return query.where(Status.group.not_in(OVER), ~copy.exists())


def of_another(method: str, carrier: str) -> bool:
    """Whether a delivery method is named after another carrier than this one."""
    spoken = method.strip().casefold()
    return any(spoken.startswith(names) for key, names in CARRIERS.items() if key != carrier)


def _live(connection_id: int, cls: type[Connector]) -> list[str]:
    """Numbers that are still their orders', of parcels whose state may change."""
    query = db.select(TrackedParcel.number, Order.ttn).join(Order).join(Status, Status.id == Order.status_id)
    query = query.where(TrackedParcel.connection_id == connection_id, Status.group.not_in(OVER))
    query = query.where(TrackedParcel.external_status.not_in(cls.final_statuses))
    query = query.where(Order.created_at >= utcnow() - FOLLOWED).order_by(Order.id.desc())
    return list(dict.fromkeys(number for number, ttn in db.session.execute(query) if plain(ttn) == number))


def apply(connection_id: int, changes: Sequence[StatusChange]) -> int:
    """Take over states; commits. Returns how many orders changed."""
    if not changes:
        return 0
    connection = db.session.get_one(Connection, connection_id, populate_existing=True)
    told = {change.external_id: change for change in changes}
    maker, names = drafts.Maker(connection), vendor_names.statuses(connection_id)
    query = db.select(TrackedParcel).where(
        TrackedParcel.connection_id == connection_id, TrackedParcel.number.in_(list(told))
    )
    moved = 0
    for parcel in db.session.scalars(query):
        moved += _move(connection, parcel, told[parcel.number], names, maker)
    if moved:
        wake.changed()
    db.session.commit()
    return moved


def _move(
    connection: Connection, parcel: TrackedParcel, change: StatusChange, names: Mapping[str, str], maker: drafts.Maker
) -> bool:
    order, actor = parcel.order, Actor("job", connection.name)
    parcel.synced_at = utcnow()
    name = change.status_name or names.get(change.status, "")
    if plain(order.ttn) == parcel.number:
        order.ttn_state = (name or change.status)[: tracking.LONGEST]
    if change.status in ("", parcel.external_status):
        return False
    before = parcel.external_status_name or parcel.external_status
    parcel.external_status, parcel.external_status_name = change.status, name
    (status,) = incoming_changes.hear(connection, [(order, [before, change.status, name])], maker, actor)
    if status:
        statuses.change([order.id], status, actor, cause=connection.id)
    order.updated_at = utcnow()
    return True


def of_order(order_id: int) -> list[TrackedParcel]:
    """The parcel of an order's typed-in number, if one is tracked and the number still is the order's."""
    found = db.session.get(TrackedParcel, order_id)
    return [found] if found and plain(found.order.ttn) == found.number else []
