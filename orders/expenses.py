"""What orders cost the shop: entered by staff, and booked from the commissions that systems tell."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Protocol

from models import Connection, Expense, ExpenseType, Order, add_rows, db, utcnow

from .timeline import Actor, note

COMMISSION = "commission"


class Told(Protocol):
    """An order as its source tells it."""

    @property
    def external_id(self) -> str: ...

    @property
    def commission(self) -> Decimal | None: ...

    @property
    def currency(self) -> str: ...


def book(connection: Connection, told: Sequence[tuple[int, Told]]) -> None:
    """Book the commissions of these orders as the connection says, in the caller's transaction. One that is booked
    already takes the new amount; one that the system gave back goes."""
    if connection.commission_type_id is None:
        return
    rows = [(order_id, _origin(connection, order), order) for order_id, order in told if order.commission is not None]
    now = utcnow()
    common = {"type_id": connection.commission_type_id, "at": now, "note": "", "by": connection.name}
    values = [
        {**common, "order_id": i, "origin": origin, "amount": order.commission, "currency": order.currency}
        for i, origin, order in rows
        if order.commission
    ]
    add_rows(Expense, values, _or_change)
    for order_id, origin, order in rows:
        if not order.commission:
            gone = db.delete(Expense).where(Expense.order_id == order_id, Expense.origin == origin)
            db.session.execute(gone)


def _origin(connection: Connection, order: Told) -> str:
    return f"{COMMISSION}:{connection.id}:{order.external_id}"[:120]


def _or_change(query: Any) -> Any:
    return query.on_conflict_do_update(
        index_elements=["order_id", "origin"],
        set_={name: query.excluded[name] for name in ("amount", "currency")},
    )


def of_order(order_id: int) -> Sequence[Expense]:
    query = db.select(Expense).where(Expense.order_id == order_id).order_by(Expense.at, Expense.id)
    return db.session.scalars(query).all()


def types(chosen: int | None = None) -> Sequence[ExpenseType]:
    """Those that can be chosen: the active ones, and the one that is chosen already."""
    query = db.select(ExpenseType).where(db.or_(ExpenseType.active, ExpenseType.id == chosen))
    return db.session.scalars(query.order_by(ExpenseType.position, ExpenseType.id)).all()


def save(order: Order, row: Expense | None, type_id: int, amount: Decimal, text: str, actor: Actor) -> Expense:
    """Enter an expense of an order, or change one; in the caller's transaction. In the order's currency."""
    before = _shown(row) if row else ""
    if row is None:
        row = Expense(order_id=order.id, currency=order.currency, by=actor.name)
        db.session.add(row)
    row.type_id, row.amount, row.note = type_id, amount, text[:300]
    db.session.flush()
    db.session.refresh(row)
    if before != _shown(row):
        note(order.id, actor, "expense", changes=[["expense", before, _shown(row)]])
    return row


def remove(row: Expense, actor: Actor) -> None:
    note(row.order_id, actor, "expense", changes=[["expense", _shown(row), ""]])
    db.session.delete(row)


def _shown(row: Expense) -> str:
    return f"{row.type.name}: {row.amount} {row.currency}" + (f" ({row.note})" if row.note else "")
