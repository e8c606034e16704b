"""What orders brought and what they cost, for orders made within some days: by source, shop, type of expense or time.

Totals are those of orders that stand: cancelled and deleted ones and pre-orders bring nothing. Expenses count whatever
became of their order, since they were paid. Currencies are never added up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from models import Expense, ExpenseType, Order, Shop, Source, Status, db

from . import days

BY = ("source", "shop", "type", "time")
#: groups of statuses whose orders bring nothing
NOTHING = ("cancelled", "deleted", "preorder")
ZERO = Decimal(0)
#: a report by time has a line a day up to here, a month beyond
DAYS = 62


@dataclass
class Sums:
    """In one currency. The totals are None where a line has no orders of its own (types of expenses)."""

    currency: str
    orders: int | None = 0
    total: Decimal | None = ZERO
    expenses: Decimal = ZERO

    @property
    def left(self) -> Decimal | None:
        return None if self.total is None else self.total - self.expenses


@dataclass
class Line:
    """`name` "" = orders without one. `since`: the first day of a line by time."""

    name: str
    sums: list[Sums] = field(default_factory=list)
    since: date | None = None


@dataclass(frozen=True)
class Report:
    lines: Sequence[Line]
    totals: Sequence[Sums]


def report(by: str, since: date, until: date) -> Report:
    """Lines by name (or time), and the sums of all of them, each by currency."""
    span = days.between(Order, since, until)
    names, key = _keys(by, since, until)
    cells: dict[tuple[Any, str], Sums] = {}
    if by != "type":
        for found, currency, n, total in db.session.execute(_orders(key, span)):
            cells[found, currency] = Sums(currency, n, total or ZERO)
    for found, currency, amount in db.session.execute(_expenses(key, span)):
        blank = Sums(currency, None, None) if by == "type" else Sums(currency)
        cells.setdefault((found, currency), blank).expenses = amount or ZERO
    lines: dict[Any, Line] = {}
    for (found, _currency), sums in sorted(cells.items(), key=lambda cell: cell[0][1]):
        start = names.get(found) if by == "time" else None
        line = lines.setdefault(found, Line("" if by == "time" else str(names.get(found) or ""), [], start))
        line.sums.append(sums)
    order = sorted(lines, key=lambda k: lines[k].since or date.min) if by == "time" else sorted(lines, key=_by(lines))
    return Report([lines[k] for k in order], _totals(by, span))


def _by(lines: Mapping[Any, Line]) -> Any:
    return lambda key: (not lines[key].name, lines[key].name.casefold())


def _totals(by: str, span: Sequence[Any]) -> list[Sums]:
    """Of all orders and expenses of these days."""
    one = db.literal(1)
    cells = {c: Sums(c, n, total or ZERO) for _, c, n, total in db.session.execute(_orders(one, span))}
    for _, currency, amount in db.session.execute(_expenses(one, span)):
        cells.setdefault(currency, Sums(currency)).expenses = amount or ZERO
    return [cells[currency] for currency in sorted(cells)]


def _orders(key: Any, span: Sequence[Any]) -> Any:
    key = key.label("key")
    query = db.select(key, Order.currency, db.func.count(), db.func.sum(Order.total)).join(Status)
    return query.where(*span, Status.group.not_in(NOTHING)).group_by(key, Order.currency)


def _expenses(key: Any, span: Sequence[Any]) -> Any:
    key = key.label("key")
    query = db.select(key, Expense.currency, db.func.sum(Expense.amount)).join(Order, Order.id == Expense.order_id)
    return query.where(*span).group_by(key, Expense.currency)


def _keys(by: str, since: date, until: date) -> tuple[Mapping[Any, Any], Any]:
    """What a line's key means, and the expression of it."""
    if by == "time":
        begins = _begins(since, until)
        cases = [(Order.created_at < days.midnight(day), n) for n, day in enumerate(begins[1:])]
        last = db.literal(len(begins) - 1)
        return dict(enumerate(begins)), db.case(*cases, else_=last) if cases else last
    named: dict[str, tuple[Any, Any]] = {
        "source": (Source, Order.source_id),
        "shop": (Shop, Order.shop_id),
        "type": (ExpenseType, Expense.type_id),
    }
    model, column = named[by]
    return dict(db.session.execute(db.select(model.id, model.name)).all()), column


def _begins(since: date, until: date) -> list[date]:
    """The first day of each line by time."""
    if (until - since).days < DAYS:
        return [since + timedelta(days=n) for n in range((until - since).days + 1)]
    found = [since]
    while (following := (found[-1].replace(day=1) + timedelta(days=32)).replace(day=1)) <= until:
        found.append(following)
    return found
