"""Copies of deleted orders in other systems: what will become of them, having them deleted, taking that back.

An order with a Deleted status is deleted wherever a system lets the hub do so. The jobs know which systems do, and say
so through `app.extensions["deleting_kinds"]`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import current_app

from models import Connection, Link, Order, Prepared, Status, Transfer, among, db, utcnow

from . import work
from .timeline import Actor

CHUNK = 500
#: seconds that a copy is left alone after a person deleted its order: a slip of the hand costs nothing
GRACE = 10


def kinds() -> frozenset[str]:
    """The kinds of systems that can delete an order."""
    found: frozenset[str] = current_app.extensions["deleting_kinds"]()
    return found


_links, _there, _transfers, _orders = (model.__table__.c for model in (Link, Connection, Transfer, Order))
_COPIES = Prepared(
    db.select(_links.order_id, _links.connection_id, _there.kind)
    .join_from(Link.__table__, Connection.__table__)
    .where(among(_links.order_id, "ids"), _links.role == "destination", _links.state != "deleted")
    .where(_links.external_id.is_not(None), _there.enabled, _there.removed_at.is_(None)),
    same_plan=True,
)


def request(order_ids: Sequence[int], actor: Actor) -> int:
    """Orders were deleted: have their copies deleted where that is possible. Returns how many copies that are."""
    able = kinds()
    if not able:
        return 0
    db.session.flush()
    rows = [row for row in _COPIES.rows(ids=list(order_ids)) if row.kind in able]
    pairs = [(row.order_id, row.connection_id) for row in rows]
    work.request_deletion(pairs, actor.name[:120], GRACE if actor.kind == "person" else 0)
    return len(pairs)


def request_late(order_ids: Sequence[int], connection: Connection, actor: Actor) -> None:
    """Copies came to be while their orders were being deleted here."""
    if connection.kind not in kinds():
        return
    deleted = db.select(Status.id).where(Status.group == "deleted")
    query = db.select(Order.id).where(Order.id.in_(order_ids), Order.status_id.in_(deleted))
    if late := list(db.session.scalars(query)):
        request(late, actor)


#: a deletion that nobody has begun, or that was refused: it can be called off
_OFF = Prepared(
    db.update(Transfer.__table__)
    .where(among(_transfers.order_id, "ids"), _transfers.operation == "delete")
    .where(
        db.or_(
            (_transfers.state == "waiting") & ~_transfers.uncertain,
            _transfers.state.in_(("refused", "parked")),
        )
    )
    .values(state="cancelled", finished_at=db.bindparam("now", type_=_transfers.finished_at.type))
    .returning(_transfers.order_id, _transfers.connection_id),
    same_plan=True,
)
_failed_send = (
    db.select(_transfers.id)
    .where(_transfers.order_id == _links.order_id, _transfers.connection_id == _links.connection_id)
    .where(_transfers.state.in_(("refused", "parked")))
    .exists()
)
_WELL = Prepared(
    db.update(Link.__table__)
    .where(among(_links.order_id, "ids"), _links.connection_id == db.bindparam("connection"))
    .where(_links.state == "problem", ~_failed_send)
    .values(state="linked", error=db.bindparam("none", type_=_links.error.type)),
    same_plan=True,
)


def call_off(order_ids: Sequence[int]) -> None:
    """Orders were restored: deletions of their copies that nobody has begun are not done. Those under way go on; after
    them the order is in the hub only."""
    db.session.flush()
    by_connection: dict[int, list[int]] = {}
    for order_id, connection_id in _OFF.rows(ids=list(order_ids), now=utcnow()):
        by_connection.setdefault(connection_id, []).append(order_id)
    for connection_id, ids in by_connection.items():
        _WELL.run(ids=ids, connection=connection_id, none=None)


#: what deleting an order does to a copy of it
FATES = ("delete", "late", "called_off", "stays", "stays_off", "arrives")


@dataclass(frozen=True)
class Fate:
    """`what`: delete (it is deleted there), late (it is being sent; deleted as soon as it is there), called_off (it is
    not sent), stays (that system deletes no orders), stays_off (its connection is off), arrives (it is being sent, and
    stays)."""

    order_id: int
    connection_id: int
    name: str
    what: str


def fates(order_ids: Sequence[int]) -> list[Fate]:
    """What would become of the copies of these orders if they were deleted now."""
    found: list[Fate] = []
    ids = list(dict.fromkeys(order_ids))
    for start in range(0, len(ids), CHUNK):
        found += _fates(ids[start : start + CHUNK])
    return found


def _fates(ids: Sequence[int]) -> list[Fate]:
    begun = (
        db.select(Transfer.id)
        .where(Transfer.order_id == Link.order_id, Transfer.connection_id == Link.connection_id)
        .where(Transfer.operation == "send")
        .where(db.or_(Transfer.state.in_(("working", "parked")), (Transfer.state == "waiting") & Transfer.uncertain))
        .exists()
    )
    query = (
        db.select(
            *(Link.order_id, Link.connection_id, Link.external_id, Connection.kind, Connection.name),
            (Connection.enabled & Connection.removed_at.is_(None)).label("on"),
            begun.label("begun"),
        )
        .join(Connection, Connection.id == Link.connection_id)
        .where(Link.order_id.in_(ids), Link.role == "destination", Link.state != "deleted")
        .order_by(Link.connection_id, Link.order_id.desc())
    )
    able = kinds()
    return [
        Fate(row.order_id, row.connection_id, row.name, _fate(row, row.kind in able))
        for row in db.session.execute(query)
    ]


def _fate(row: Any, able: bool) -> str:
    if row.external_id is not None:
        return ("delete" if row.on else "stays_off") if able else "stays"
    if row.begun:
        return "late" if able else "arrives"
    return "called_off"


@dataclass(frozen=True)
class Deletions:
    """The deletions that one press of a button asked for: of its person, with ids above `after`, up to `last`."""

    after: int
    last: int

    def __bool__(self) -> bool:
        return self.last > self.after


def newest() -> int:
    """The id after which transfers are new."""
    return db.session.scalar(db.select(db.func.coalesce(db.func.max(Transfer.id), 0))) or 0


@dataclass
class Outcome:
    """What came of deletions in one system. `refused`: (number, fault, the vendor's words), the first few."""

    connection_id: int
    name: str
    done: int = 0
    waiting: int = 0
    withdrawn: int = 0
    failed: int = 0
    refused: list[tuple[str, str, str]] = field(default_factory=list)


SHOWN = 20
#: Transfer.state -> the figure of an Outcome that it counts in
_KINDS = {"done": "done", "waiting": "waiting", "working": "waiting", "cancelled": "withdrawn"}


def outcomes(asked: Deletions, by: str) -> list[Outcome]:
    """By system, in the order of their names."""
    mine = (
        *(Transfer.id > asked.after, Transfer.id <= asked.last),
        *(Transfer.operation == "delete", Transfer.requested_by == by[:120]),
    )
    n = db.func.count()
    query = db.select(Transfer.connection_id, Connection.name, Transfer.state, n).join(
        Connection, Connection.id == Transfer.connection_id
    )
    found: dict[int, Outcome] = {}
    for connection_id, name, state, count in db.session.execute(
        query.where(*mine).group_by(Transfer.connection_id, Connection.name, Transfer.state).order_by(Connection.name)
    ):
        outcome = found.setdefault(connection_id, Outcome(connection_id, name))
        kind = _KINDS.get(state, "failed")
        setattr(outcome, kind, getattr(outcome, kind) + count)
    if any(outcome.failed for outcome in found.values()):
        _name_refused(found, mine)
    return list(found.values())


def _name_refused(found: dict[int, Outcome], mine: Iterable[Any]) -> None:
    query = (
        db.select(Transfer.connection_id, Order.number, Transfer.fault, Transfer.detail)
        .join(Order, Order.id == Transfer.order_id)
        .where(*mine, Transfer.state.in_(("refused", "parked")))
        .order_by(Transfer.id)
        .limit(SHOWN)
    )
    for connection_id, number, fault, detail in db.session.execute(query):
        found[connection_id].refused.append((number, fault, detail))


@dataclass(frozen=True)
class Lost:
    """Of restored orders: copies that are deleted already, and those whose deletion is under way."""

    deleted: int
    deleting: int


def lost(order_ids: Sequence[int]) -> Lost:
    deleted = db.select(db.func.count()).where(Link.order_id.in_(order_ids), Link.state == "deleted")
    deleting = db.select(db.func.count()).where(
        Transfer.order_id.in_(order_ids), Transfer.operation == "delete", Transfer.state.in_(("waiting", "working"))
    )
    return Lost(*db.session.execute(db.select(deleted.scalar_subquery(), deleting.scalar_subquery())).one())
