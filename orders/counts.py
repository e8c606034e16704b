"""Kept counters: number and sum of orders by shop, source, type, status and currency, and by day.

Every change of an order's status, type, sum… adds two small rows here in the same transaction (see OrderCount);
reading sums a few hundred rows however many orders there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from models import Order, OrderCount, OrderDay, Prepared, add_rows, db

from . import days

#: rows that may pile up before the sweeper folds them
FOLD_AT = 400


@dataclass(frozen=True)
class Counted:
    """What the counters need to know of an order."""

    shop_id: int | None
    source_id: int | None
    type_id: int
    status_id: int
    currency: str
    total: Decimal
    created_at: datetime


#: the columns that make a Counted, in its order
COLUMNS = (
    Order.shop_id,
    Order.source_id,
    Order.type_id,
    Order.status_id,
    Order.currency,
    Order.total,
    Order.created_at,
)


def record(removed: Iterable[Counted], added: Iterable[Counted]) -> None:
    """Note that orders left the one state and entered the other."""
    numbers: Counter[tuple] = Counter()
    sums: dict[tuple, Decimal] = {}
    day_of = lru_cache(days.of)  # orders that are made together came at the same moment
    for sign, orders in ((-1, removed), (1, added)):
        for o in orders:
            for key in (("total", o.shop_id, o.source_id, o.type_id, o.status_id, o.currency),
                        ("day", day_of(o.created_at), o.source_id, o.status_id, o.currency)):  # fmt: skip
                numbers[key] += sign
                sums[key] = sums.get(key, Decimal(0)) + sign * o.total
    live = [key for key in numbers if numbers[key] or sums[key]]
    totals = [_total_row(key, numbers[key], sums[key]) for key in live if key[0] == "total"]
    daily = [_day_row(key, numbers[key], sums[key]) for key in live if key[0] == "day"]
    add_rows(OrderCount, totals)
    add_rows(OrderDay, daily)


def _total_row(key: tuple, n: int, total: Decimal) -> dict:
    return dict(
        zip(("shop_id", "source_id", "type_id", "status_id", "currency"), key[1:], strict=True), n=n, total=total
    )


def _day_row(key: tuple, n: int, total: Decimal) -> dict:
    return dict(zip(("day", "source_id", "status_id", "currency"), key[1:], strict=True), n=n, total=total)


@dataclass
class Cell:
    """A cell of the statistics strip: how many, and by currency how many and their sums."""

    n: int
    sums: dict[str, Decimal]
    numbers: dict[str, int] = field(default_factory=dict)


@lru_cache(maxsize=8)
def _sums(narrowed_by: tuple[str, ...]) -> Prepared:
    """Counts and sums by status and currency; `narrowed_by`: names of parameters, of shop, source and type."""
    c = OrderCount.__table__.c
    query = db.select(c.status_id, c.currency, db.func.sum(c.n), db.func.sum(c.total))
    for name in narrowed_by:
        query = query.where(c[f"{name}_id"] == db.bindparam(name, type_=c[f"{name}_id"].type))
    return Prepared(query.group_by(c.status_id, c.currency), same_plan=True)


def by_status(shop_id: int | None = None, source_id: int | None = None, type_id: int | None = None) -> dict[int, Cell]:
    """Count and sums of each status id, narrowed by the filters that the counters know."""
    given = {"shop": shop_id, "source": source_id, "type": type_id}
    given = {name: value for name, value in given.items() if value is not None}
    cells: dict[int, Cell] = {}
    for status_id, currency, n, total in _sums(tuple(given)).rows(**given):
        if n:
            cell = cells.setdefault(status_id, Cell(0, {}))
            cell.n += int(n)
            cell.sums[currency] = total
            cell.numbers[currency] = int(n)
    return cells


def by_day(since: date) -> list[tuple[date, int | None, int, str, int, Decimal]]:
    """(day, source id, status id, currency, count, sum) from that day on; see orders.days."""
    key = (OrderDay.day, OrderDay.source_id, OrderDay.status_id, OrderDay.currency)
    query = (
        db.select(*key, db.func.sum(OrderDay.n), db.func.sum(OrderDay.total))
        .where(OrderDay.day >= since)
        .group_by(*key)
    )
    return [(*row[:4], int(row[4]), row[5]) for row in db.session.execute(query.order_by(OrderDay.day))]


def fold() -> int:
    """Replace piled-up rows by their sums; returns how many rows went. Rows that come meanwhile stay untouched."""
    gone = 0
    for model, key in ((OrderCount, ("shop_id", "source_id", "type_id", "status_id", "currency")),
                       (OrderDay, ("day", "source_id", "status_id", "currency"))):  # fmt: skip
        top = db.session.scalar(db.select(db.func.max(model.id)))
        rows = db.session.scalar(db.select(db.func.count()).select_from(model))
        groups = db.session.scalar(
            db.select(db.func.count()).select_from(db.select(*(getattr(model, k) for k in key)).distinct().subquery())
        )
        if top is None or rows < groups + FOLD_AT:
            continue
        columns = [getattr(model, name) for name in key]
        # what is summed is exactly what is deleted: rows of transactions not yet committed may lie below `top`
        dead = db.session.execute(
            db.delete(model).where(model.id <= top).returning(*columns, model.n, model.total)
        ).all()
        sums: dict[tuple, list] = {}
        for row in dead:
            entry = sums.setdefault(tuple(row[: len(key)]), [0, Decimal(0)])
            entry[0] += row[-2]
            entry[1] += row[-1]
        kept = [dict(zip(key, k, strict=True), n=n, total=t) for k, (n, t) in sums.items() if n or t]
        if kept:
            db.session.execute(db.insert(model), kept)
        gone += len(dead) - len(kept)
    return gone


def recount() -> None:
    """Make the counters anew from the orders (after a bulk load, or to check them). Nobody else counts meanwhile."""
    if db.session.get_bind().dialect.name == "postgresql":  # on SQLite the transaction is the only one that writes
        db.session.execute(db.text("LOCK TABLE order_counts, order_days IN SHARE ROW EXCLUSIVE MODE"))
    db.session.execute(db.delete(OrderCount))
    db.session.execute(db.delete(OrderDay))
    n, total = db.func.count(), db.func.sum(Order.total)
    columns = (Order.shop_id, Order.source_id, Order.type_id, Order.status_id, Order.currency)
    names = ["shop_id", "source_id", "type_id", "status_id", "currency", "n", "total"]
    db.session.execute(db.insert(OrderCount).from_select(names, db.select(*columns, n, total).group_by(*columns)))
    first, last = db.session.execute(db.select(db.func.min(Order.created_at), db.func.max(Order.created_at))).one()
    if first is not None:
        _recount_days(days.of(first), days.of(last))


def _recount_days(first: date, last: date) -> None:
    """Day by day: databases know other zones than we do, or none."""
    key = (Order.source_id, Order.status_id, Order.currency)
    names = ["day", "source_id", "status_id", "currency", "n", "total"]
    for step in range((last - first).days + 1):
        day = first + timedelta(days=step)
        rows = db.select(db.literal(day, OrderDay.day.type), *key, db.func.count(), db.func.sum(Order.total))
        rows = rows.where(Order.created_at >= days.midnight(day), Order.created_at < days.midnight(day + _A_DAY))
        db.session.execute(db.insert(OrderDay).from_select(names, rows.group_by(*key)))


_A_DAY = timedelta(days=1)
