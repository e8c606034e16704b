"""What a new mapping does to orders that waited for it: the field is filled, the entry goes, the timeline says so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from integrations import connector
from integrations.base import MappingTable, PullsOrders
from models import Connection, Order, PaymentMethod, Status, db, utcnow
from orders import statuses
from orders.timeline import Actor, note_many

CHUNK = 500

Fill = Callable[[Sequence[int]], None]


def complete(connection: Connection, table: MappingTable, code: str, ours_id: int | None, actor: Actor) -> int:
    """Fill `ours_id` in for every order that waits for this code of the connection; returns how many orders.
    Part of the caller's transaction."""
    fill = _filler(connection, table.ours, ours_id, actor)
    done = 0
    for rows in _waiting(connection.id, table.key, code):
        ids = [order_id for order_id, _, _ in rows]
        fill(ids)
        _drop_entry(rows)
        note_many(((i, {"table": table.key, "name": name}) for i, _, name in rows), actor, "mapped")
        done += len(ids)
    return done


def _waiting(connection_id: int, table: str, code: str) -> Iterator[list[tuple[int, list[dict[str, Any]], str]]]:
    """(order id, entries that remain, their name for the code), some hundreds at a time."""
    last = 0
    query = db.select(Order.id, Order.unmapped).where(Order.needs_mapping).order_by(Order.id).limit(CHUNK)
    while found := db.session.execute(query.where(Order.id > last).with_for_update()).all():
        last = found[-1].id
        rows = []
        for order_id, entries in found:
            met = [e for e in entries if (e.get("connection_id"), e.get("table")) == (connection_id, table)]
            met = [e for e in met if str(e.get("code", "")) == code]
            if met:
                rows.append((order_id, [e for e in entries if e not in met], str(met[0].get("name") or code)))
        if rows:
            yield rows


def _drop_entry(rows: Sequence[tuple[int, list[dict[str, Any]], str]]) -> None:
    """Orders with the same entries left are written together."""
    alike: dict[str, list[int]] = {}
    for order_id, left, _ in rows:
        alike.setdefault(json.dumps(left, sort_keys=True), []).append(order_id)
    for text, ids in alike.items():
        left = json.loads(text)
        _write(ids, unmapped=left, needs_mapping=bool(left), version=Order.version + 1, updated_at=utcnow())


def _write(ids: Sequence[int], **values: Any) -> None:
    query = db.update(Order).where(Order.id.in_(ids)).values(values)
    db.session.execute(query.execution_options(synchronize_session=False))
    db.session.expire_all()


def _filler(connection: Connection, registry: str, ours_id: int | None, actor: Actor) -> Fill:
    """`registry`: one that tables of incoming codes lead to."""
    if ours_id is None:
        return lambda ids: None
    if registry == "delivery":
        return lambda ids: _write(ids, delivery_method_id=ours_id)
    if registry == "payment":
        return _payment_filler(db.session.get_one(PaymentMethod, ours_id))
    status = db.session.get_one(Status, ours_id)
    return lambda ids: _set_status(connection, ids, status, actor)


def _payment_filler(method: PaymentMethod) -> Fill:
    """As orders.totals has it: on delivery there is the total to collect, unless it is paid already."""

    def fill(ids: Sequence[int]) -> None:
        _write(ids, payment_method_id=method.id)
        unpaid = list(db.session.scalars(db.select(Order.id).where(Order.id.in_(ids), Order.paid.is_(False))))
        if method.kind in ("cod_cash", "cod_card"):
            declared = db.case((Order.declared_value < Order.total, Order.total), else_=Order.declared_value)
            _write(
                unpaid,
                cod=True,
                cod_method=method.kind.removeprefix("cod_"),
                cod_amount=Order.total,
                declared_value=declared,
                payment_kind=method.kind,
            )
        else:
            kind = method.kind if method.kind in ("online_card", "transfer") else "other"
            without_cod = db.select(Order.id).where(Order.id.in_(ids), Order.cod.is_(False))
            _write(list(db.session.scalars(without_cod)), payment_kind=kind)

    return fill


def _set_status(connection: Connection, ids: Sequence[int], status: Status, actor: Actor) -> None:
    """A source's status counts for orders that staff have not moved on; a destination's status counts as it is read."""
    wanted = list(ids)
    if connector(connection.kind).can(PullsOrders):
        query = db.select(Order.id).join(Status, Status.id == Order.status_id)
        wanted = list(db.session.scalars(query.where(Order.id.in_(ids), Status.group == "new")))
    statuses.change(wanted, status, actor, cause=connection.id, kind="mapped")
