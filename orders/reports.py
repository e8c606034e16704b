"""Figures of the dashboard: the day against the same day a week ago, the month by source, what waits too long.

Each function asks a bounded question: how many orders the hub holds makes no difference.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from models import Order, Source, Status, db

from . import counts
from .days import midnight

DAYS = 30
#: orders of one day that are counted exactly
DAY_LIMIT = 50_000
#: what is counted to show "more than a thousand"
COUNT_LIMIT = 1000


@dataclass
class Figures:
    """Orders that arrived in a stretch of time: how many, and the sums by currency."""

    n: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    sums: dict[str, Decimal] = field(default_factory=dict)

    @property
    def currency(self) -> str:
        """The one that most orders have."""
        return max(self.counts, key=lambda code: self.counts[code], default="UAH")

    def average(self, currency: str) -> Decimal | None:
        n = self.counts.get(currency, 0)
        return (self.sums[currency] / n).quantize(Decimal("0.01")) if n else None


@dataclass
class Day:
    """Today until now, and the same weekday of last week until the same hour. `date` in the hub's time zone."""

    date: date
    now: Figures
    before: Figures


def deleted_ids(statuses: Sequence[Status]) -> list[int]:
    return [s.id for s in statuses if s.group == "deleted"]


def day(moment: datetime, zone: ZoneInfo, statuses: Sequence[Status]) -> Day:
    """The day of this moment. Orders with a Deleted status count nowhere, as in the list that opens on a click."""
    local = moment.astimezone(zone)
    start = midnight(local.date(), zone)
    week_ago = datetime.combine(local.date() - timedelta(days=7), local.time(), zone).astimezone(UTC)
    week_start = midnight(local.date() - timedelta(days=7), zone)
    gone = deleted_ids(statuses)
    return Day(local.date(), arrived(start, None, gone), arrived(week_start, week_ago, gone))


def arrived(since: datetime, until: datetime | None, without: Collection[int] = ()) -> Figures:
    """Orders that arrived in [since, until), those with a status of `without` left out."""
    some = db.select(Order.currency, Order.total).where(Order.created_at >= since)
    if until is not None:
        some = some.where(Order.created_at < until)
    if without:
        some = some.where(Order.status_id.not_in(without))
    part = some.limit(DAY_LIMIT).subquery()
    query = db.select(part.c.currency, db.func.count(), db.func.sum(part.c.total)).group_by(part.c.currency)
    found = Figures()
    for currency, n, total in db.session.execute(query):
        found.n += n
        found.counts[currency] = n
        found.sums[currency] = total
    return found


@dataclass
class SourceLine:
    """A source's orders, day by day (as many values as the chart has days)."""

    source_id: int | None
    name: str
    values: list[int]

    @property
    def n(self) -> int:
        return sum(self.values)


@dataclass
class Month:
    days: list[date]
    lines: list[SourceLine]  # largest first

    @property
    def n(self) -> int:
        return sum(line.n for line in self.lines)


def month(today: date, statuses: Sequence[Status], days: int = DAYS) -> Month:
    """The last `days` days by source, from the kept counters."""
    span = [today - timedelta(days=back) for back in range(days - 1, -1, -1)]
    at = {day: index for index, day in enumerate(span)}
    gone = set(deleted_ids(statuses))
    names = dict(db.session.execute(db.select(Source.id, Source.name)).all())
    lines: dict[int | None, SourceLine] = {}
    for arrival, source_id, status_id, _currency, n, _total in counts.by_day(span[0]):
        if arrival in at and status_id not in gone:
            blank = SourceLine(source_id, names.get(source_id, "") if source_id else "", [0] * days)
            lines.setdefault(source_id, blank).values[at[arrival]] += n
    return Month(span, sorted((line for line in lines.values() if line.n), key=lambda line: -line.n))


def at_most(query: Any, limit: int = COUNT_LIMIT) -> Any:
    """A scalar subquery: how many rows the query gives, no more than limit + 1 of them counted."""
    some = query.order_by(None).limit(limit + 1)
    return db.select(db.func.count()).select_from(some.subquery()).scalar_subquery()


def needs_mapping(*columns: Any) -> Any:
    """Orders that name something unknown, those with a Deleted status left out. The column stands bare so that SQLite
    recognises the partial index (`= 1` it does not)."""
    deleted = db.select(Status.id).where(Status.group == "deleted")
    return db.select(*columns or (Order.id,)).where(
        db.literal_column("orders.needs_mapping"), Order.status_id.not_in(deleted)
    )


def waiting_new(statuses: Sequence[Status], before: datetime) -> Any:
    """A query for the New orders that arrived before this moment."""
    ids = [s.id for s in statuses if s.group == "new"]
    return db.select(Order.id).where(Order.status_id.in_(ids), Order.created_at < before)
