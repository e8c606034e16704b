"""Work rows: what has to be sent where. Written in the transaction that needs them; the jobs do the sending.

`session.info["wake"]` collects the connections with new work; after the commit the jobs' listener wakes workers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from flask import current_app

from models import (
    Connection,
    Link,
    Mapping,
    Order,
    OrderLine,
    Prepared,
    Status,
    Transfer,
    add_rows,
    adding,
    among,
    committed_at_once,
    db,
    utcnow,
)

from . import routes

CHUNK = 1000


def wake(connection_ids: Iterable[int]) -> None:
    """Remember to wake workers for these connections after the commit."""
    db.session().info.setdefault("wake", set()).update(connection_ids)


def request_send(order_ids: Sequence[int], connection_id: int, by: str, alone: bool = False) -> int:
    """Ask that orders be created or updated at a destination. Asking twice is asking once. Returns how many. An order
    that would reach a delivery service by a second route is stopped (see orders/routes.py). `alone`: the caller writes
    nothing else before its commit, so what is asked in one statement may be committed with it."""
    ids = list(dict.fromkeys(order_ids))
    db.session.flush()  # what does wait to be written begins a transaction, and the ask is a part of it
    with committed_at_once() if alone and len(ids) <= CHUNK else nullcontext():
        asked = _asked_at_once(ids, connection_id, by)
    if not asked:
        if held := routes.stop(ids, connection_id, by):
            ids = [i for i in ids if i not in held]
        _ask(ids, connection_id, by)
    if ids:
        wake([connection_id])
    return len(ids)


def _ask(ids: Sequence[int], connection_id: int, by: str) -> None:
    for start in range(0, len(ids), CHUNK):
        part = ids[start : start + CHUNK]
        blank = {"connection_id": connection_id, "role": "destination", "state": "pending"}
        add_rows(Link, [{"order_id": i, **blank} for i in part], _unless_linked)
        _queue([(i, connection_id, {}) for i in part], "send", by)
        _ASKED.run(ids=part)


def _asked_at_once(ids: Sequence[int], connection_id: int, by: str) -> bool:
    """The same in one statement, where the database can and no routes are said anywhere; else nothing is done."""
    if db.session.get_bind().dialect.name != "postgresql":
        return False
    parts = [list(ids[start : start + CHUNK]) for start in range(0, len(ids), CHUNK)]
    return all(_ASK.run(ids=part, connection=connection_id, by=by, now=utcnow()) for part in parts)


_orders = Order.__table__
#: the orders have changed: open pages show them again (orders/rows.py), and who follows changes is told of them
TOUCH = Prepared(
    db.update(_orders)
    .where(among(_orders.c.id, "ids"))
    .values(updated_at=db.bindparam("now", type_=_orders.c.updated_at.type)),
    same_plan=True,
)
#: something was asked for: open pages show the orders again
_ASKED = Prepared(
    db.update(_orders).where(among(_orders.c.id, "ids")).values(asks=_orders.c.asks + 1),
    same_plan=True,
)


def _unless_linked(query: Any) -> Any:
    return query.on_conflict_do_nothing(index_elements=["order_id", "connection_id"])


def _or_renew(query: Any) -> Any:
    return query.on_conflict_do_update(
        index_elements=["order_id", "connection_id", "operation"],
        index_where=db.text("state = 'waiting'"),
        set_={name: query.excluded[name] for name in ("payload", "not_before", "requested_by")},
    )


def _queue(rows: Sequence[tuple[int, int, dict[str, Any]]], operation: str, by: str, wait: int = 0) -> None:
    """(order id, connection id, payload): a waiting row each; one that waits already takes the new payload. `wait`:
    seconds before which nothing is done."""
    now = utcnow() + timedelta(seconds=wait)
    common = {"operation": operation, "requested_by": by, "not_before": now}
    add_rows(Transfer, [{"order_id": o, "connection_id": c, "payload": payload, **common} for o, c, payload in rows],
             _or_renew)  # fmt: skip


def _ask_at_once() -> Any:
    """Links, then work, then the order, in that order like everywhere else, lest two who write wait for each
    other: each step asks how many rows the one before it wrote."""
    now, wanted = db.bindparam("now", type_=_orders.c.updated_at.type), routes.free_ids("ids").cte("wanted")
    common = {"order_id": wanted.c.id, "connection_id": db.bindparam("connection", type_=Link.connection_id.type)}
    links = adding(Link, wanted, common)
    linked = _unless_linked(links).returning(Link.id).cte("linked")
    by = db.bindparam("by", type_=Transfer.requested_by.type)
    asked = {"payload": db.literal({}, Transfer.payload.type), "requested_by": by, "created_at": now, "not_before": now}
    queue = adding(Transfer, wanted.join(_counted(linked), db.true()), common | asked)
    queued = _counted(_or_renew(queue).returning(Transfer.id).cte("queued"))
    return db.update(_orders).where(_orders.c.id == wanted.c.id, queued.c.n >= 0).values(asks=_orders.c.asks + 1)


def _counted(rows: Any) -> Any:
    return db.select(db.func.count().label("n")).select_from(rows).subquery()


_ASK = Prepared(_ask_at_once, same_plan=True)


def _to_tell(lookup: Any) -> Prepared:
    """Links of orders to enabled systems that want to be told of the status `lookup`, and how it is called there: to
    sources, and to destinations that take a status in a call of its own."""
    return Prepared(
        db.select(Link.order_id, Link.connection_id, Mapping.theirs, Mapping.extra, Order.ttn, Order.fulfilment)
        .join(Mapping, Mapping.connection_id == Link.connection_id)
        .join(Connection, Connection.id == Link.connection_id)
        .join(Order, Order.id == Link.order_id)
        .where(among(Link.order_id, "ids"), Link.state != "deleted")
        .where((Link.role == "source") | among(Connection.kind, "told", str))
        .where(Link.external_id.is_not(None), Mapping.table == "status_out", Mapping.lookup == lookup)
        .where(Mapping.theirs != "", Connection.enabled, Connection.removed_at.is_(None)),
        same_plan=True,
    )


_TO_TELL = _to_tell(db.bindparam("status"))
_TO_TELL_NOW = _to_tell(db.cast(Order.status_id, db.String))


def _told() -> list[str]:
    """Kinds of systems that can be told of statuses: the jobs know the connectors."""
    kinds: list[str] = current_app.extensions["told_kinds"]()
    return kinds


def request_status_push(
    order_ids: Sequence[int], status_id: int, *, cause: int | None, reason: str, text: str, by: str
) -> None:
    """Pass a status on to the systems that these orders came from, where a mapping says to what. Not to `cause`."""
    found = _TO_TELL.rows(ids=list(order_ids), status=str(status_id), told=_told())
    _pass_on([row for row in found if row.connection_id != cause], reason, text, by)


def request_number_push(order_ids: Sequence[int], by: str) -> None:
    """The orders have got a tracking number or another one, and not from where they came: it is passed on to there,
    if they are in a status that is ticked for it."""
    found = _TO_TELL_NOW.rows(ids=list(order_ids), told=_told())
    _pass_on([row for row in found if row.ttn and _ticked(row)], "", "", by, only_numbers=True)


def _ticked(row: Any) -> bool:
    extra = row.extra or {}
    return bool(extra.get("ttn") or extra.get("ttn_along"))


def _pass_on(rows: Sequence[Any], reason: str, text: str, by: str, only_numbers: bool = False) -> None:
    """A mapping's tick "ttn": the number goes in a call of its own; "ttn_along": status and number go in one, once
    there are both. Where the vendor itself packs and sends, the number comes from there and none goes back."""
    statuses, numbers = [], []
    for row in rows:
        extra, number = row.extra or {}, "" if row.fulfilment else row.ttn
        along = bool(extra.get("ttn_along"))
        wanted = bool(number) if along else not only_numbers
        if wanted:
            payload = _status_payload(row.theirs, extra, reason, text)
            statuses.append((row.order_id, row.connection_id, payload | ({"number": number} if along else {})))
        if number and extra.get("ttn"):
            numbers.append((row.order_id, row.connection_id, {"number": number}))
    _queue(statuses, "status", by)
    _queue(numbers, "ttn", by)
    wake({connection_id for _order, connection_id, _payload in (*statuses, *numbers)})


def request_deletion(copies: Sequence[tuple[int, int]], by: str, wait: int) -> None:
    """Have copies deleted, given as (order id, connection id), no sooner than in `wait` seconds."""
    _queue([(order_id, connection_id, {}) for order_id, connection_id in copies], "delete", by, wait)
    if not wait:  # else the sweeper finds them when their time has come
        wake({connection_id for _order_id, connection_id in copies})


def greet(order_id: int, connection_id: int, theirs: str, reason: str, text: str, by: str) -> None:
    """Answer a source's new order with a status of theirs."""
    _queue([(order_id, connection_id, {"status": theirs, "reason": reason, "text": text})], "status", by)
    wake([connection_id])


def tell_statuses(wanted: Sequence[tuple[int, str]], connection_id: int, by: str) -> None:
    """Have these orders (id, status of theirs) get their statuses at a system that takes none with a new order."""
    _queue(
        [(order_id, connection_id, _status_payload(theirs, {}, "", "")) for order_id, theirs in wanted], "status", by
    )
    if wanted:
        wake([connection_id])


def _status_payload(theirs: str, extra: dict[str, Any], reason: str, text: str) -> dict[str, Any]:
    return {"status": theirs, "reason": extra.get("reason") or reason, "text": extra.get("text") or text}


_transfers, _links = Transfer.__table__, Link.__table__
_STOP = Prepared(
    db.update(_transfers)
    .where(among(_transfers.c.order_id, "ids"), _transfers.c.operation == "send")
    .where(_transfers.c.state == "waiting", ~_transfers.c.uncertain)
    .values(state="cancelled", finished_at=db.bindparam("now", type_=_transfers.c.finished_at.type))
    .returning(_transfers.c.order_id, _transfers.c.connection_id),
    same_plan=True,
)
#: links that nothing came of yet
_UNBORN = Prepared(
    db.delete(_links)
    .where(among(_links.c.order_id, "ids"), _links.c.connection_id == db.bindparam("connection"))
    .where(_links.c.state == "pending", _links.c.external_id.is_(None)),
    same_plan=True,
)


def withdraw(order_ids: Sequence[int]) -> None:
    """Orders were cancelled or deleted: what waits to be sent of them is not sent. Unless a call may have arrived
    already: that one is still looked up, so that the copy is known."""
    db.session.flush()
    for connection_id, ids in _by_connection(_STOP.rows(ids=list(order_ids), now=utcnow())).items():
        _UNBORN.run(ids=ids, connection=connection_id)


def _by_connection(pairs: Iterable[Any]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for order_id, connection_id in pairs:
        found.setdefault(connection_id, []).append(order_id)
    return found


def retry(transfer_ids: Sequence[int], by: str) -> int:
    """Put refused or parked transfers back into the queue. Where a newer one waits already, that one serves."""
    rows = db.session.scalars(
        db.select(Transfer)
        .where(Transfer.id.in_(transfer_ids), Transfer.state.in_(("refused", "parked")))
        .with_for_update()
    ).all()
    waiting: set[tuple[int, int, str]] = set(
        db.session.execute(
            db.select(Transfer.order_id, Transfer.connection_id, Transfer.operation).where(
                Transfer.state == "waiting", Transfer.order_id.in_([r.order_id for r in rows])
            )
        ).all()
    )
    again: list[int] = []
    for row in rows:
        key = (row.order_id, row.connection_id, row.operation)
        if key in waiting:
            continue
        waiting.add(key)
        row.state, row.not_before, row.tries, row.requested_by, row.finished_at = "waiting", utcnow(), 0, by, None
        again.append(row.order_id)
    _ASKED.run(ids=again)
    wake({row.connection_id for row in rows})
    return len(again)


@dataclass
class Preview:
    """What sending these orders would do, order by order, before anything is done."""

    create: list[int] = field(default_factory=list)
    update: list[int] = field(default_factory=list)
    unchanged: list[int] = field(default_factory=list)  # the copy holds this version already
    working: list[int] = field(default_factory=list)  # a transfer waits or runs: asking again changes nothing
    blocked: dict[str, list[int]] = field(default_factory=dict)  # reason (see BLOCKS) -> ids

    @property
    def sendable(self) -> list[int]:
        return self.create + self.update


#: why an order can't be sent as it is; pages have the sentence and the link to the field
BLOCKS = (
    *("deleted", "cancelled", "preorder", "no_lines", "no_recipient", "needs_mapping"),
    *("deleted_there", "second_route"),
)


def preview(order_ids: Sequence[int], connection_id: int) -> Preview:
    """Sort orders by what a transfer to the connection would do with them."""
    result = Preview()
    ids = list(dict.fromkeys(order_ids))
    for start in range(0, len(ids), CHUNK):
        _preview_some(ids[start : start + CHUNK], connection_id, result)
    return result


def _previewed(ids: Sequence[int], connection_id: int) -> dict[int, Any]:
    """What `_sort_in` looks at, by order."""
    has_lines = db.select(OrderLine.order_id).where(OrderLine.order_id == Order.id).exists()
    query = (
        db.select(
            Order.id,
            Order.version,
            Order.first_name,
            Order.last_name,
            Order.needs_mapping,
            Status.group,
            has_lines.label("lines"),
            Link.external_id,
            Link.sent_version,
            Link.state,
        )
        .join(Status, Status.id == Order.status_id)
        .outerjoin(Link, (Link.order_id == Order.id) & (Link.connection_id == connection_id))
        .where(Order.id.in_(ids))
    )
    return {row.id: row for row in db.session.execute(query)}


def _preview_some(ids: Sequence[int], connection_id: int, result: Preview) -> None:
    rows = _previewed(ids, connection_id)
    open_ids = set(
        db.session.scalars(
            db.select(Transfer.order_id).where(
                Transfer.order_id.in_(ids),
                Transfer.connection_id == connection_id,
                Transfer.operation == "send",
                Transfer.state.in_(("waiting", "working")),
            )
        )
    )
    second = routes.first_copies(ids, connection_id)
    for order_id in ids:
        if row := rows.get(order_id):
            _sort_in(row, order_id in open_ids, order_id in second, result)


def unpaid_online(order_ids: Sequence[int]) -> list[tuple[int, str]]:
    """(id, number) of those that are to be paid online and are not: a parcel of theirs would collect nothing."""
    found: list[tuple[int, str]] = []
    for start in range(0, len(order_ids), CHUNK):
        query = db.select(Order.id, Order.number).where(Order.id.in_(order_ids[start : start + CHUNK]))
        query = query.where(Order.payment_kind == "online_card", ~Order.paid, ~Order.cod).order_by(Order.id.desc())
        found += [(row.id, row.number) for row in db.session.execute(query)]
    return found


def _sort_in(row: Any, is_open: bool, is_second: bool, result: Preview) -> None:
    if block := _block(row) or ("second_route" if is_second else ""):
        result.blocked.setdefault(block, []).append(row.id)
    elif is_open:
        result.working.append(row.id)
    elif not row.external_id:
        result.create.append(row.id)
    elif row.state == "linked" and row.sent_version == row.version:
        result.unchanged.append(row.id)
    else:
        result.update.append(row.id)


def _block(row: Any) -> str:
    if row.group in ("deleted", "cancelled", "preorder"):
        return str(row.group)
    if not row.lines:
        return "no_lines"
    if not (row.first_name or row.last_name):
        return "no_recipient"
    if row.needs_mapping:
        return "needs_mapping"
    return "deleted_there" if row.state == "deleted" else ""
