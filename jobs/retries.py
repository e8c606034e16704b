"""When to try again. Data, so that it can be read and changed at a glance; the waits live in Transfer.not_before."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

#: seconds to wait after the 1st, 2nd… try that ended "later"; the last one repeats
LATER = (
    5,  # a hiccup
    20,
    60,
    300,  # a restart
    900,
    1800,  # an outage
    3600,
)
#: after so many tries (about a day) it is a person's turn
LATER_TRIES = 30
#: before looking an uncertain order up: the lost call may still be under way at the vendor's
UNKNOWN = (3, 15, 60, 300, 900, 3600)
UNKNOWN_TRIES = 12


#: seconds until the next try of what a vendor had no turn for, where it doesn't say how long
NO_TURN = 1.0


def next_turn(now: datetime, tries: int, retry_after: float | None) -> datetime | None:
    """When to try again after a call too many: in a moment first, by the schedule when it goes on."""
    if tries > 2:
        return later(now, tries - 2, retry_after)
    return now + timedelta(seconds=max(NO_TURN, min(retry_after or 0, 86_400)))


def later(now: datetime, tries: int, retry_after: float | None) -> datetime | None:
    """When to try again after the `tries`-th try; None = enough. The vendor's own Retry-After is obeyed."""
    if tries >= LATER_TRIES:
        return None
    wait = LATER[min(tries, len(LATER)) - 1] * random.uniform(0.8, 1.2)  # noqa: S311 - spreads retries, guards nothing
    return now + timedelta(seconds=max(wait, min(retry_after or 0, 86_400)))


def look_up(now: datetime, tries: int, shows_late: float = 0.0) -> datetime | None:
    """When to look after a lost answer, not before it surely shows; None = a person must settle it."""
    if tries >= UNKNOWN_TRIES:
        return None
    return now + timedelta(seconds=max(UNKNOWN[min(tries, len(UNKNOWN)) - 1], shows_late))
