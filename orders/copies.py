"""The copies of one order in connected systems, the transfers that made them, and cutting the tie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from models import Attempt, AttemptItem, Connection, Incoming, Link, Order, Prepared, Transfer, attached, db, utcnow

from . import routes, work
from .lists import Connected
from .timeline import Actor, note

OPEN = ("waiting", "working")
FAILED = ("refused", "parked")


@dataclass
class Copy:
    """An order's place in one connected system: its link, if there is one, and its latest transfers.

    state: none | pending | working | linked | problem | deleted.
    """

    connection: Connected
    link: Link | None = None
    transfers: list[Transfer] = field(default_factory=list)  # newest first
    #: the copy by which the order reaches the same delivery service already: a copy here needs a reason
    first: routes.First | None = None
    reason: str = ""  # why it was sent here all the same

    @property
    def state(self) -> str:
        if self.open:
            return "working"
        return self.link.state if self.link else "none"

    @property
    def open(self) -> Transfer | None:
        return next((t for t in self.transfers if t.state in OPEN), None)

    @property
    def failed(self) -> Transfer | None:
        """The transfer to repeat: the newest of its operation, and it failed."""
        newest: dict[str, Transfer] = {}
        for transfer in self.transfers:
            newest.setdefault(transfer.operation, transfer)
        return next((t for t in newest.values() if t.state in FAILED), None)

    @property
    def error(self) -> dict[str, Any] | None:
        """{"fault", "detail", "field"} of what went wrong last, while it still matters."""
        if self.link and self.link.error and self.link.state == "problem":
            return self.link.error
        waiting = self.open
        if waiting and waiting.fault:
            return {"fault": waiting.fault, "detail": waiting.detail, "field": ""}
        return None

    @property
    def is_destination(self) -> bool:
        return self.link is None or self.link.role == "destination"

    @property
    def web_address(self) -> str:
        """The copy's page, when it is one that a browser may open."""
        url = self.link.url if self.link else ""
        return url if url.startswith(("https://", "http://")) else ""


_ORDER = db.bindparam("order")


@dataclass(frozen=True, slots=True)
class Standing:
    """What there is about an order besides itself: open transfers, the newest attempt's item (0 = none), whether there
    are transfers, links and messages from outside."""

    open: int
    item: int
    transfers: bool
    links: bool
    incoming: bool


def _standing() -> Any:
    count = db.select(db.func.count()).where(Transfer.order_id == _ORDER, Transfer.state.in_(OPEN))
    newest = db.select(db.func.max(AttemptItem.id)).where(AttemptItem.order_id == _ORDER)
    there = (db.select(model.id).where(model.order_id == _ORDER).exists() for model in (Transfer, Link, Incoming))
    return db.select(count.scalar_subquery(), newest.scalar_subquery(), *there)


_STANDING = Prepared(_standing(), same_plan=True)


def standing(order_id: int) -> Standing:
    """One query; it spares those for what isn't there."""
    waiting, newest, *there = _STANDING.rows(order=order_id)[0]
    return Standing(waiting, newest or 0, *there)


def mark(order: Order, found: Standing) -> str:
    """A text that changes with whatever the card shows of the order besides its form."""
    return f"{order.version}.{order.updated_at.timestamp():.6f}.{order.asks}.{found.open}.{found.item}"


_LINKS = Prepared(db.select(Link.__table__).where(Link.__table__.c.order_id == _ORDER), same_plan=True)
_TRANSFERS = db.select(Transfer).where(Transfer.order_id == _ORDER).order_by(Transfer.id.desc()).limit(50)


def of_order(
    order_id: int, known: Sequence[Connected], destinations: Sequence[Connected], there: Standing
) -> list[Copy]:
    """All links of the order and the destinations it hasn't reached, sources first. At most two queries, one more for
    links to connections that are not among the `known` (removed ones)."""
    asked = {"order": order_id}
    links = [attached(Link, row._asdict()) for row in _LINKS.rows(order=order_id)] if there.links else []
    connections = _connections(known, {link.connection_id for link in links})
    found = {link.connection_id: Copy(connections[link.connection_id], link) for link in links}
    for connection in destinations:
        found.setdefault(connection.id, Copy(connection))
    for transfer in db.session.scalars(_TRANSFERS, asked) if there.transfers else ():
        if copy := found.get(transfer.connection_id):
            copy.transfers.append(transfer)
    return sorted(found.values(), key=lambda c: (c.is_destination, c.link is None, c.connection.name.casefold()))


def name_second_routes(order_id: int, found: Sequence[Copy]) -> None:
    """Say of each place whether a copy there would be the second at a delivery service, or why it was made."""
    if not routes.any_set():
        return
    firsts = routes.for_order(order_id, [c.connection.id for c in found if c.is_destination])
    reasons = routes.reasons(order_id)
    for copy in found:
        copy.first = firsts.get(copy.connection.id)
        if known := reasons.get(copy.connection.id):
            copy.reason = known.reason


def _connections(known: Sequence[Connected], wanted: set[int]) -> dict[int, Connected]:
    found = {connection.id: connection for connection in known}
    if missing := wanted - found.keys():
        query = db.select(Connection.id, Connection.kind, Connection.name, Connection.enabled)
        rows = db.session.execute(query.where(Connection.id.in_(missing)))
        found |= {row.id: Connected(*row) for row in rows}
    return found


_ATTEMPTS = Prepared(
    db.select(
        AttemptItem.outcome,
        AttemptItem.fault,
        AttemptItem.detail,
        Attempt.id,
        Attempt.started_at,
        Attempt.ms,
        Attempt.verb,
        Connection.name,
        Transfer.operation,
    )
    .join(Attempt, Attempt.id == AttemptItem.attempt_id)
    .join(Transfer, Transfer.id == AttemptItem.transfer_id)
    .join(Connection, Connection.id == Attempt.connection_id)
    .where(AttemptItem.order_id == _ORDER)
    .order_by(AttemptItem.id.desc())
    .limit(db.bindparam("most", type_=db.Integer))
)


def attempts(order_id: int, limit: int = 60) -> Sequence[Any]:
    """(item, attempt's id, start, ms, verb, connection's name, transfer's operation), newest first."""
    return _ATTEMPTS.rows(order=order_id, most=limit)


def attempt(order_id: int, attempt_id: int) -> Attempt | None:
    """An attempt that this order was part of."""
    part = db.select(AttemptItem.attempt_id).where(
        AttemptItem.order_id == order_id, AttemptItem.attempt_id == attempt_id
    )
    return db.session.scalar(db.select(Attempt).where(Attempt.id.in_(part)))


_ORIGINALS = Prepared(
    db.select(Incoming.id, Incoming.received_at, Incoming.channel, Incoming.event, Connection.name)
    .join(Connection, Connection.id == Incoming.connection_id)
    .where(Incoming.order_id == _ORDER)
    .order_by(Incoming.id)
    .limit(20)
)


def originals(order_id: int) -> Sequence[Any]:
    """(id, received at, channel, event, connection's name) of what came from outside about the order, oldest first."""
    return _ORIGINALS.rows(order=order_id)


def original(order_id: int, incoming_id: int) -> Incoming | None:
    return db.session.scalar(db.select(Incoming).filter_by(id=incoming_id, order_id=order_id))


def unlink(order: Order, link_id: int, actor: Actor) -> str:
    """Forget the copy in a destination; it stays there. Returns "", or why not: "gone", "source", "busy".

    What waits for that system is called off. A transfer under way, or one whose answer was lost, has to end first:
    the copy it makes would be tied to nothing.
    """
    link = db.session.get(Link, link_id, with_for_update=True)
    if link is None or link.order_id != order.id:
        return "gone"
    if link.role == "source":
        return "source"
    mine = db.select(Transfer).where(Transfer.order_id == order.id, Transfer.connection_id == link.connection_id)
    transfers = db.session.scalars(mine.where(Transfer.state.in_(OPEN + FAILED)).with_for_update()).all()
    if any(t.state == "working" or (t.state == "waiting" and t.uncertain) for t in transfers):
        return "busy"
    for transfer in transfers:
        transfer.state, transfer.finished_at = "cancelled", utcnow()
    note(
        order.id,
        actor,
        "unlinked",
        connection=link.connection.name,
        external=link.external_number or link.external_id or "",
        external_id=link.external_id or "",
    )
    db.session.delete(link)
    order.updated_at = utcnow()
    return ""


def request(order: Order, connection: Connection, actor: Actor) -> str:
    """Ask for the order to be sent. Returns "" or why not: a key of work.BLOCKS, "working" or "unchanged". Where no
    person asks, a second route to a delivery service becomes a problem for one."""
    found = work.preview([order.id], connection.id)
    if found.blocked:
        why = next(iter(found.blocked))
        if why == "second_route" and actor.kind != "person":
            routes.stop([order.id], connection.id, actor.name)
        return why
    if found.working:
        return "working"
    if found.unchanged:
        return "unchanged"
    work.request_send([order.id], connection.id, actor.name[:120])
    note(order.id, actor, "requested", connection=connection.name, operation="send")
    return ""
