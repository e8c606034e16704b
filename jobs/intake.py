"""Orders coming in: kept raw first, always; then translated; what can't be mapped is marked, never dropped.

An order is known again by its link (connection, external id), a database constraint: two pulls at once, a replay or
an overlap make no second one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.exc import DataError, IntegrityError

from integrations.base import Connector, GreetsOrders, PullsOrders
from integrations.errors import VendorError
from integrations.types import OrderData, Raw
from models import Connection, Incoming, Link, Prepared, Written, add_rows, among, db, update_rows, utcnow
from orders import creation, editing, expenses, stock, work
from orders.creation import Draft
from orders.timeline import Actor

from . import attempts, connections, drafts, incoming_changes, waiting, wake

log = structlog.get_logger()

CHUNK = 200
#: the first half of the key of our locks on PostgreSQL; the other is the connection's id
_INTAKE = 4711
#: so much of a fingerprint is of the body; behind it may stand the version that it came after
_BODY = 43
_WRITER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, default=str)
#: what came, by (external id, fingerprint)
Bodies = Mapping[tuple[str, str], Any]
#: what a vendor's order may contain that its translation stumbles over; such an order waits, raw, for a person
_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, IndexError)


def pull(run_id: int, connection: Connection, keep: Callable[..., None]) -> None:
    """Get all that is new at the source: page by page, each kept raw and committed before it is worked on."""
    connector = connections.open_connector(connection)
    assert isinstance(connector, PullsOrders)  # others have no such task
    connection_id, cursor = connection.id, dict((connection.cursor or {}).get("orders") or {})
    counts = {"seen": 0, "new": 0, "changed": 0, "failed": 0}
    _add(counts, apply_waiting(connection_id, connector))
    calls = attempts.Log()
    asked_at = utcnow()
    try:
        for page in connector.pull(cursor, asked_at):
            calls.add(connector.http.exchanges())
            counts["seen"] += len(page.orders)
            _add(counts, take(connection_id, connector, page.orders, asked_at))
            keep(run_id, **counts)
            if page.cursor is not None:
                _advance(connection_id, dict(page.cursor))
            db.session.commit()
            asked_at = utcnow()
    except VendorError as error:
        db.session.rollback()
        calls.add(connector.http.exchanges())
        calls.record(connection_id, "pull", error)
        raise
    if counts["new"] or counts["changed"] or counts["failed"]:
        calls.record(connection_id, "pull")


def _add(counts: dict[str, int], more: dict[str, int]) -> None:
    for key, n in more.items():
        counts[key] = counts.get(key, 0) + n


def _advance(connection_id: int, cursor: dict[str, Any]) -> None:
    row = db.session.get_one(Connection, connection_id, populate_existing=True)
    row.cursor = {**(row.cursor or {}), "orders": cursor}
    row.last_pull_at = utcnow()


def take(
    connection_id: int, connector: Connector, orders: Sequence[Raw], asked_at: datetime | None = None
) -> dict[str, int]:
    """Keep a page, and make orders of all that waits; what is kept is not read back. Commits."""
    return apply_waiting(connection_id, connector, store(connection_id, orders, asked_at=asked_at))


def store(
    connection_id: int, orders: Sequence[Raw], channel: str = "pull", event: str = "order",
    asked_at: datetime | None = None,
) -> Bodies:  # fmt: skip
    """Keep what came, raw; what says nothing new is there already. Commits. `asked_at`: when it was asked for, which is
    how it is told from what we have written there meanwhile. Returns the bodies by (external id, fingerprint)."""
    at = asked_at or utcnow()
    ids = [raw.external_id for raw in orders]
    newest = _newest(connection_id, event, ids)
    written = _written(connection_id, list(newest)) if newest else {}
    bodies, values = {}, []
    for raw in orders:
        body = _WRITER.encode(raw.body)
        print_, last = hashlib.sha256(body.encode()).hexdigest(), newest.get(raw.external_id)
        if last is not None:
            written_since = raw.external_id in written and written[raw.external_id] >= last.received_at
            if last.fingerprint[:_BODY] == print_[:_BODY] and not written_since:
                continue
            # an order may become what it was before: that is a version of its own
            print_ = f"{print_[:_BODY]}.{last.id}"
        bodies[(raw.external_id, print_)] = raw.body
        values.append(
            {"connection_id": connection_id, "channel": channel, "event": event, "external_id": raw.external_id,
             "fingerprint": print_, "body": Written(body), "received_at": at}
        )  # fmt: skip
    keep_versions(values)
    db.session.commit()
    return bodies


def keep_versions(values: Sequence[Mapping[str, Any]]) -> None:
    """Add these versions, but for those that somebody else, or the same page twice, has brought meanwhile. PostgreSQL
    takes half as long for rows that nothing is said of; that one is there already hardly ever happens."""
    if db.engine.dialect.name == "postgresql":
        with suppress(IntegrityError), db.session.begin_nested():
            return add_rows(Incoming, values)
    return add_rows(Incoming, values, _unless_there)


_incoming, _tied = Incoming.__table__, Link.__table__
_HERE = (_incoming.c.connection_id == db.bindparam("connection"), among(_incoming.c.external_id, "ids", str))
_VERSIONS = Prepared(
    db.select(_incoming.c.id, _incoming.c.external_id, _incoming.c.fingerprint, _incoming.c.received_at)
    .where(*_HERE, _incoming.c.event == db.bindparam("event"))
    .order_by(_incoming.c.id),
    same_plan=True,
)
_TIED = (_tied.c.connection_id == db.bindparam("connection"), among(_tied.c.external_id, "ids", str))
_WRITTEN = Prepared(
    db.select(_tied.c.external_id, _tied.c.told_at).where(*_TIED, _tied.c.told_at.is_not(None)), same_plan=True
)
_KNOWN = Prepared(db.select(_tied.c.external_id).where(*_TIED), same_plan=True)


def _newest(connection_id: int, event: str, external_ids: Sequence[str]) -> dict[str, Any]:
    """The last version that is kept of each."""
    rows = _VERSIONS.rows(connection=connection_id, event=event, ids=list(external_ids))
    return {row.external_id: row for row in rows}


def _written(connection_id: int, external_ids: Sequence[str]) -> dict[str, datetime]:
    """Those that we have written a status to, and when: what was read before says no longer how they are."""
    return dict(_WRITTEN.rows(connection=connection_id, ids=list(external_ids)))


def _unless_there(query: Any) -> Any:
    return query.on_conflict_do_nothing()


@dataclass(slots=True)
class Kept:
    """A row of `incoming` while it is worked on, and what becomes of it."""

    id: int
    external_id: str
    body: Any
    received_at: datetime | None = None
    is_first: bool = False  # just kept, when no other version of the order was
    state: str = "new"
    order_id: int | None = None
    note: str = ""


_COLUMNS = (_incoming.c.id, _incoming.c.external_id, _incoming.c.fingerprint, _incoming.c.received_at)
_STILL = Prepared(
    db.select(*_COLUMNS).where(_incoming.c.id == db.bindparam("asked"), _incoming.c.state == "new"), same_plan=True
)
_BODIES = Prepared(db.select(_incoming.c.id, _incoming.c.body).where(among(_incoming.c.id, "ids")), same_plan=True)
_WAITING = Prepared(
    db.select(*_COLUMNS)
    .where(_incoming.c.connection_id == db.bindparam("connection"), _incoming.c.id > db.bindparam("after"))
    .where(db.literal_column("state = 'new'"), db.literal_column("event = 'order'"))
    .order_by(_incoming.c.id)
    .limit(CHUNK)
)


def _kept(rows: Sequence[Any], at_hand: Bodies) -> list[Kept]:
    away = [row.id for row in rows if (row.external_id, row.fingerprint) not in at_hand]
    bodies = dict(_BODIES.rows(ids=away)) if away else {}
    return [
        Kept(
            row.id,
            row.external_id,
            bodies[row.id] if row.id in bodies else at_hand[(row.external_id, row.fingerprint)],
            row.received_at,
            row.id not in bodies and "." not in row.fingerprint,
        )
        for row in rows
    ]


def apply_waiting(connection_id: int, connector: Connector, at_hand: Bodies | None = None) -> dict[str, int]:
    """Make orders of all that is kept and not yet worked on, in the order it came; commits as it goes. `at_hand`:
    bodies that need not be read, as `store` returns them."""
    counts = {"new": 0, "changed": 0, "failed": 0}
    after, more = 0, True
    while more:
        _one_by_one(connection_id)
        rows = _WAITING.rows(connection=connection_id, after=after)
        more = len(rows) == CHUNK  # else nothing is left; what comes meanwhile is taken up by those who keep it
        if rows:
            after = rows[-1].id
            _add(counts, _apply(connection_id, connector, rows, at_hand or {}))
    db.session.rollback()
    return counts


def _apply(connection_id: int, connector: Connector, found: Sequence[Any], at_hand: Bodies) -> dict[str, int]:
    """One chunk in one transaction; when something in it clashes, one by one: no order holds up the others. `found`:
    rows of `incoming`, read since `_one_by_one`."""
    try:
        counts = _apply_chunk(connection_id, connector, _kept(found, at_hand))
        db.session.commit()
        return counts
    except (IntegrityError, DataError, editing.Invalid, *_UNREADABLE) as error:
        db.session.rollback()
        if len(found) == 1:
            log.warning("order_not_taken", incoming=found[0].id, error=repr(error))
            _fail(found[0].id, f"{type(error).__name__}: {error}")
            return {"failed": 1}
    total: dict[str, int] = {}
    for row in found:
        _one_by_one(connection_id)
        _add(total, _apply(connection_id, connector, _STILL.rows(asked=row.id), at_hand))
    return total


def _fail(incoming_id: int, note: str) -> None:
    db.session.execute(db.update(Incoming).where(Incoming.id == incoming_id).values(state="failed", note=note[:2000]))
    wake.changed()
    db.session.commit()


def _apply_chunk(connection_id: int, connector: Connector, rows: Sequence[Kept]) -> dict[str, int]:
    connection = db.session.get_one(Connection, connection_id, populate_existing=True)
    read, failed = _read(rows, connection_id, connector)
    maker = drafts.Maker(connection)
    known = _links(connection_id, [order.external_id for _, order in read])
    newer = _applied(connection_id, list(known))
    here_before = [o.external_id for row, o in read if o.external_id not in known and not row.is_first]
    gone = _removed(connection_id, here_before) if here_before else set()
    fresh: dict[str, tuple[list[Kept], OrderData]] = {}
    changed = 0
    for row, order in read:
        link = known.get(order.external_id)
        if link and row.id < newer.get(order.external_id, 0):  # it could not be read when it came
            row.state, row.order_id = "applied", link.order_id
        elif link:
            changed += incoming_changes.apply(connection, maker, row, order, link)
        elif order.external_id in gone:
            row.state, row.note = "applied", incoming_changes.REMOVED
        else:  # of several versions within the chunk the newest makes the order
            versions = fresh[order.external_id][0] if order.external_id in fresh else []
            fresh[order.external_id] = ([*versions, row], order)
    ready, waited = waiting.sort_out(connection_id, maker, list(fresh.values()))
    _create(connection, maker, ready, connector, waited)
    settled = [{"id": row.id, "state": row.state, "order_id": row.order_id, "note": row.note} for row in rows]
    update_rows(Incoming, settled)
    if fresh or changed or failed:
        wake.changed()
    return {"new": len(ready), "changed": changed, "failed": failed}


def _one_by_one(connection_id: int) -> None:
    """Till the end of the transaction what came of a connection is settled by nobody else: a pull and a notice that
    bring the same order would each make it, or settle an older version last. SQLite has one writer anyhow; a lock on
    a row would meet those of the workers that write what became of transfers, and in the other order."""
    if db.engine.dialect.name == "postgresql":
        _LOCK.raw(connection=connection_id)


_LOCK = Prepared(
    db.select(db.func.pg_advisory_xact_lock(_INTAKE, db.bindparam("connection", type_=db.Integer))), same_plan=True
)


def _applied(connection_id: int, external_ids: Sequence[str]) -> dict[str, int]:
    """The newest version that is settled of each."""
    if not external_ids:
        return {}
    query = db.select(Incoming.external_id, db.func.max(Incoming.id)).where(
        Incoming.connection_id == connection_id,
        Incoming.event == "order",
        Incoming.external_id.in_(external_ids),
        Incoming.state == "applied",
    )
    return dict(db.session.execute(query.group_by(Incoming.external_id)).all())


_REMOVED = Prepared(
    db.select(_incoming.c.external_id).where(
        *_HERE,
        *(db.literal_column("event = 'order'"), db.literal_column("state = 'applied'")),
        _incoming.c.order_id.is_(None),
    ),
    same_plan=True,
)


def _removed(connection_id: int, external_ids: Sequence[str]) -> set[str]:
    """Which of these were orders here that staff removed for good: news of them must not bring them back."""
    return {row.external_id for row in _REMOVED.rows(connection=connection_id, ids=list(external_ids))}


def _read(rows: Sequence[Kept], connection_id: int, connector: Connector) -> tuple[list[tuple[Kept, OrderData]], int]:
    """Translate; an order that can't be read is marked so, and the others go on."""
    assert isinstance(connector, PullsOrders)  # `pull` and the webhooks' intake ask before
    read, failed = [], 0
    for row in rows:
        try:
            read.append((row, connector.read(Raw(row.external_id, row.body))))
        except _UNREADABLE as error:
            log.warning("order_unreadable", connection=connection_id, external_id=row.external_id, error=repr(error))
            row.state, row.note = "failed", f"{type(error).__name__}: {error}"[:2000]
            failed += 1
    return read, failed


def _links(connection_id: int, external_ids: Sequence[str]) -> dict[str, Link]:
    known = [row.external_id for row in _KNOWN.rows(connection=connection_id, ids=list(external_ids))]
    if not known:
        return {}
    query = db.select(Link).where(Link.connection_id == connection_id, Link.external_id.in_(known))
    return {str(link.external_id): link for link in db.session.scalars(query)}


def _create(
    connection: Connection,
    maker: drafts.Maker,
    pairs: Sequence[tuple[list[Kept], OrderData]],
    connector: Connector,
    waited: Mapping[str, str],
) -> None:
    """`waited`: those that waited for their payment until now, and who would not wait longer."""
    if not pairs:
        return
    made: list[Draft] = [maker.draft(order) for _, order in pairs]
    for draft, (_, order) in zip(made, pairs, strict=True):
        if order.external_id in waited:
            draft.event = draft.event | {"by": waited[order.external_id], "waited": waiting.outcome(maker, order)}
    ids = creation.insert_many(made, Actor("job", connection.name), "imported")
    creation.learn_products([line for draft in made for line in draft.lines], made[0].values["currency"])
    now = utcnow()
    common = {"connection_id": connection.id, "role": "source", "state": "linked", "synced_at": now}
    links = [
        {**common, "order_id": order_id, "external_id": order.external_id, "external_number": order.number,
         "external_status": order.status, "external_status_name": order.status_name}
        for order_id, (_, order) in zip(ids, pairs, strict=True)
    ]  # fmt: skip
    add_rows(Link, links)
    stock.arrived(ids)
    expenses.book(connection, [(i, order) for i, (_, order) in zip(ids, pairs, strict=True)])
    if waited:
        orders = {str(link["external_id"]): int(str(link["order_id"])) for link in links}
        waiting.over(connection.id, {external_id: orders[external_id] for external_id in waited})
    _settle(connection, connector, zip(ids, pairs, strict=True))


def _settle(
    connection: Connection, connector: Connector, made: Iterable[tuple[int, tuple[list[Kept], OrderData]]]
) -> None:
    """What came is applied; the source hears what it wants to hear of a new order."""
    greeter = connector if isinstance(connector, GreetsOrders) else None  # takes longer to ask than an order to read
    for order_id, (rows, order) in made:
        for row in rows:
            row.state, row.order_id = "applied", order_id
        answer = greeter.on_arrival(order) if greeter else None
        if answer and connection.removed_at is None:
            work.greet(order_id, connection.id, answer.status, answer.reason, answer.text, connection.name)


def retry_failed(incoming_ids: Sequence[int]) -> set[int]:
    """Put back what could not be read (after an update of the hub, say), in the caller's transaction. Returns the
    connections whose next pull takes them up."""
    again = db.update(Incoming).where(Incoming.id.in_(incoming_ids), Incoming.state == "failed")
    return set(db.session.scalars(again.values(state="new", note="").returning(Incoming.connection_id)))
