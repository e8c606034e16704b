"""Delivery services that orders can reach by two routes: directly, and through a CRM or shop that passes them on.

Which services a connection leads to is data: a row of DeliveryRoute, set on the connection's page. Without one it leads
to itself, known by its name and its kind. A second copy on another route is stopped until a person gives a reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, BigInteger

from models import (
    Connection,
    DeliveryRoute,
    Link,
    Order,
    Prepared,
    SecondRoute,
    Transfer,
    add_rows,
    among,
    db,
    insert_into,
    utcnow,
)

from .timeline import Actor, note_many


@dataclass(frozen=True)
class First:
    """The copy by which an order reaches the service already."""

    connection_id: int
    name: str
    number: str = ""
    url: str = ""


@dataclass(frozen=True)
class _Way:
    services: frozenset[str]  # as set on its page; empty = nothing said
    names: frozenset[str]  # what others may call it


_there, _routes, _links, _seconds, _orders = (
    model.__table__.c for model in (Connection, DeliveryRoute, Link, SecondRoute, Order)
)
_WAYS = Prepared(
    db.select(_there.id, _there.kind, _there.name, _routes.services)
    .join_from(Connection.__table__, DeliveryRoute.__table__, _routes.connection_id == _there.id, isouter=True)
    .where(_there.removed_at.is_(None)),
    same_plan=True,
)


def parts(services: str) -> frozenset[str]:
    """Names with commas between them, as they are compared."""
    return frozenset(" ".join(part.split()).casefold() for part in services.split(",") if part.strip())


def _ways() -> dict[int, _Way]:
    rows = _WAYS.rows()
    if not any(row.services for row in rows):
        return {}
    return {row.id: _Way(parts(row.services or ""), frozenset((row.name.casefold(), row.kind))) for row in rows}


def free_ids(name: str) -> Any:
    """A query for the ids in the list that the parameter `name` brings, on PostgreSQL; for none of them where anything
    is said of any connection."""
    given = db.func.unnest(db.bindparam(name, type_=ARRAY(BigInteger))).column_valued("given")
    said = db.select(_routes.id).exists()
    return db.select(given.label("id")).where(~said)


def rivals(connection_id: int) -> set[int]:
    """The connections whose copies reach a delivery service that copies here reach too."""
    ways = _ways()
    return _rivals(ways, connection_id)


def _rivals(ways: dict[int, _Way], connection_id: int) -> set[int]:
    mine = ways.get(connection_id)
    if mine is None:
        return set()
    return {other_id for other_id, way in ways.items() if other_id != connection_id and _meet(mine, way)}


def _meet(one: _Way, other: _Way) -> bool:
    """Two that nothing is said of never do: two shops in one CRM are two systems."""
    one_names, other_names = (way.services or way.names for way in (one, other))
    return bool((one.services & other_names) | (other.services & one_names))


_transfers = Transfer.__table__.c
#: a send whose outcome nobody knows: the copy may be there
_MAYBE = (
    db.select(_transfers.id)
    .where(_transfers.order_id == _links.order_id, _transfers.connection_id == _links.connection_id)
    .where(_transfers.state == "parked")
    .exists()
)
_FIRST = Prepared(
    db.select(
        *(_links.order_id, _links.connection_id, _there.name),
        *(_links.external_number, _links.external_id, _links.url),
    )
    .join_from(Link.__table__, Connection.__table__)
    .where(among(_links.order_id, "ids"), among(_links.connection_id, "rivals"))
    .where(_links.role == "destination", _links.state != "deleted")
    .where(db.or_(_links.external_id.is_not(None), _links.state == "pending", _MAYBE))
    .order_by(_links.id),
    same_plan=True,
)
#: orders that have a copy here already, or a reason to have a second one
_FREE = Prepared(
    db.union_all(
        db.select(_links.order_id).where(
            among(_links.order_id, "ids"), _links.connection_id == db.bindparam("to"), _links.external_id.is_not(None)
        ),
        db.select(_seconds.order_id).where(
            among(_seconds.order_id, "ids"), _seconds.connection_id == db.bindparam("to"), _seconds.state == "allowed"
        ),
    ),
    same_plan=True,
)


def first_copies(order_ids: Sequence[int], connection_id: int) -> dict[int, First]:
    """Orders that a copy at this connection would double at a delivery service, with the copy that is there already.
    One query where no two routes meet."""
    there = rivals(connection_id)
    if not there or not order_ids:
        return {}
    found = {row.order_id: _first(row) for row in reversed(_FIRST.rows(ids=list(order_ids), rivals=list(there)))}
    for row in _FREE.rows(ids=list(order_ids), to=connection_id) if found else ():
        found.pop(row[0], None)
    return found


def _first(row: Any) -> First:
    return First(row.connection_id, row.name, row.external_number or row.external_id or "", row.url)


def any_set() -> bool:
    """Is anything said of any connection?"""
    return bool(_ways())


def for_order(order_id: int, connection_ids: Iterable[int]) -> dict[int, First]:
    """The same for one order and several connections: connection id -> the first copy."""
    found = {connection_id: first_copies([order_id], connection_id) for connection_id in connection_ids}
    return {connection_id: firsts[order_id] for connection_id, firsts in found.items() if firsts}


_LOCK = Prepared(
    db.select(_orders.id).where(among(_orders.id, "ids")).order_by(_orders.id).with_for_update(), same_plan=True
)


def stop(order_ids: Sequence[int], connection_id: int, by: str) -> set[int]:
    """Which of these orders may not be sent there without a reason; each is kept as a problem. The last gate: whoever
    asks for a send, a page, a rule or a job, comes through here."""
    if not rivals(connection_id):
        return set()
    _LOCK.rows(ids=list(order_ids))  # two requests at once, one for each route: the second sees the first one's link
    found = first_copies(order_ids, connection_id)
    if found:
        keep_stopped(found, connection_id, by)
    return set(found)


def keep_stopped(found: dict[int, First], connection_id: int, by: str) -> None:
    """Remember that a second copy was asked for and not sent."""
    now = utcnow()
    common = {"connection_id": connection_id, "state": "stopped", "by": by[:120], "at": now, "reason": ""}
    rows = [{"order_id": order_id, "first_id": first.connection_id, **common} for order_id, first in found.items()]
    add_rows(SecondRoute, rows, _or_again)
    name = db.session.scalar(db.select(Connection.name).where(Connection.id == connection_id))
    events = [(order_id, {"connection": name, "name": first.name}) for order_id, first in found.items()]
    note_many(events, Actor("job", by), "stopped")


def _or_again(query: Any) -> Any:
    changed = {name: query.excluded[name] for name in ("first_id", "state", "by", "at", "reason")}
    return query.on_conflict_do_update(index_elements=["order_id", "connection_id"], set_=changed)


class NoReason(Exception):
    """A second copy needs a written reason."""


def allow(order_ids: Sequence[int], connection_id: int, reason: str, actor: Actor) -> None:
    """A person says why these orders go there although another copy leads to the same delivery service. Raises
    NoReason. Kept with the order and the connection, and in the timeline."""
    reason = " ".join(reason.split())[:500]
    if len(reason) < 3:
        raise NoReason
    found = first_copies(order_ids, connection_id)
    now = utcnow()
    common = {"connection_id": connection_id, "state": "allowed", "by": actor.name[:120], "at": now, "reason": reason}
    rows = [{"order_id": order_id, "first_id": first.connection_id, **common} for order_id, first in found.items()]
    add_rows(SecondRoute, rows, _or_again)
    name = db.session.scalar(db.select(Connection.name).where(Connection.id == connection_id))
    details = [(i, {"connection": name, "name": first.name, "text": reason}) for i, first in found.items()]
    note_many(details, actor, "second_route")


def reasons(order_id: int) -> dict[int, SecondRoute]:
    """Connection id -> why the order was let through to it."""
    query = db.select(SecondRoute).where(SecondRoute.order_id == order_id, SecondRoute.state == "allowed")
    return {row.connection_id: row for row in db.session.scalars(query)}


def stopped(*columns: Any) -> Any:
    """A query for second copies that were stopped while the first one still leads there, newest first."""
    first = db.select(Link.id).where(
        Link.order_id == SecondRoute.order_id, Link.connection_id == SecondRoute.first_id, Link.state != "deleted"
    )
    query = db.select(*columns or (SecondRoute.id,)).where(
        db.literal_column("second_routes.state = 'stopped'"), first.correlate(SecondRoute).exists()
    )
    return query.order_by(SecondRoute.id.desc())


def set_aside(ids: Sequence[int]) -> int:
    """They stay unsent, and are no problem any more."""
    query = db.update(SecondRoute).where(SecondRoute.id.in_(ids), SecondRoute.state == "stopped")
    rows = db.session.execute(query.values(state="dropped").returning(SecondRoute.id)).all()
    return len(rows)


def services(connection_id: int) -> str:
    """What the connection's page says."""
    found = db.session.scalar(db.select(DeliveryRoute.services).filter_by(connection_id=connection_id))
    return found or ""


def set_services(connection_id: int, names: str) -> None:
    """Names with commas between them; "" = the copies lead nowhere else."""
    cleaned = ", ".join(" ".join(part.split()) for part in names.split(",") if part.strip())[:250]
    if not cleaned:
        db.session.execute(db.delete(DeliveryRoute).where(DeliveryRoute.connection_id == connection_id))
        return
    query = insert_into(DeliveryRoute).values(connection_id=connection_id, services=cleaned)
    db.session.execute(query.on_conflict_do_update(index_elements=["connection_id"], set_={"services": cleaned}))


def suggestions(connection_id: int) -> list[str]:
    """Names for that field: what other connections are called or lead to."""
    found: dict[str, str] = {}
    for row in _WAYS.rows():
        if row.id != connection_id:
            for name in (row.services or "").split(",") if row.services else [row.name]:
                found.setdefault(name.strip().casefold(), name.strip())
    return sorted(name for name in found.values() if name)
