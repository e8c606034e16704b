"""Days as staff live them: from midnight to midnight in the hub's zone. The one place that knows which zone that is.

The counters keep orders by these days (`order_days`), so another zone, or another rule for it in a time zone database,
leaves the days counted so far as they were: `counts.recount()` makes them anew, as migration 0002 did.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from models import db

ZONE = ZoneInfo("Europe/Kyiv")
#: transactions that overlap may commit ids out of order of their times, by no more than this many
_SKEW = 1000


def of(moment: datetime) -> date:
    """The day of this moment."""
    return moment.astimezone(ZONE).date()


def midnight(day: date, zone: ZoneInfo = ZONE) -> datetime:
    """When the day begins there, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def next_at(hour: int, after: datetime, zone: ZoneInfo = ZONE) -> datetime:
    """The first moment after this one when it strikes this hour there, in UTC. An hour that a change of the clock skips
    is the one that comes instead; of one that it repeats, the first counts."""
    day = after.astimezone(zone).date()
    for ahead in range(3):
        found = datetime.combine(day + timedelta(days=ahead), time(hour), zone).astimezone(UTC)
        if found > after:
            return found
    raise AssertionError("a day without this hour, three times in a row")


def between(model: Any, since: date | None, until: date | None, zone: ZoneInfo = ZONE) -> list[Any]:
    """Conditions for rows made from the one day to the end of the other. Ids follow arrival, so a range of dates is
    also a range of ids: a walk by id then starts and stops there. Needs an index of created_at."""
    found: list[Any] = []
    if since:
        moment = midnight(since, zone)
        first = db.session.scalar(
            db.select(model.id).where(model.created_at >= moment).order_by(model.created_at, model.id).limit(1)
        )
        found += [model.created_at >= moment, model.id >= first - _SKEW if first else db.false()]
    if until:
        moment = midnight(until + timedelta(days=1), zone)
        last = db.session.scalar(
            db.select(model.id)
            .where(model.created_at < moment)
            .order_by(model.created_at.desc(), model.id.desc())
            .limit(1)
        )
        found += [model.created_at < moment, model.id <= last + _SKEW if last else db.false()]
    return found
