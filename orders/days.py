"""Days as staff live them: from midnight to midnight in the hub's zone. The one place that knows which zone that is.

The counters keep orders by these days (`order_days`), so another zone, or another rule for it in a time zone database,
leaves the days counted so far as they were: `counts.recount()` makes them anew, as migration 0002 did.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Kyiv")


def of(moment: datetime) -> date:
    """The day of this moment."""
    return moment.astimezone(ZONE).date()


def midnight(day: date, zone: ZoneInfo = ZONE) -> datetime:
    """When the day begins there, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)
