"""The pace is shared, even, and a little below the limit; without the broker each process is careful alone."""

from __future__ import annotations

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from jobs import retries
from jobs.pace import MARGIN, pace
from models import utcnow


def test_slots_are_even_and_shared(valkey: redis.Redis) -> None:
    one, two = pace(valkey, "7", 10), pace(valkey, "7", 10)
    assert one is not None
    assert two is not None
    waits = [wait() for _ in range(10) for wait in (one, two)]
    gap = 1 / (10 * MARGIN)
    assert waits[0] == 0
    steps = [after - before for before, after in zip(waits, waits[1:], strict=False)]
    # between two reservations some time passes, so a wait grows by a little less than the gap
    assert all(step <= gap + 0.001 for step in steps)
    assert waits[-1] > 19 * gap * 0.5


def test_other_connections_have_their_own(valkey: redis.Redis) -> None:
    one, other = pace(valkey, "1", 1), pace(valkey, "2", 1)
    assert one is not None
    assert other is not None
    assert (one(), other()) == (0, 0)


def test_no_published_limit_no_pace(valkey: redis.Redis) -> None:
    assert pace(valkey, "1", None) is None


def test_without_a_broker_half_the_rate() -> None:
    away = redis.Redis(host="127.0.0.1", port=1, retry=Retry(NoBackoff(), 0))
    for broker, name in ((None, "alone"), (away, "away")):
        wait = pace(broker, name, 10)
        assert wait is not None
        assert wait() == 0
        assert wait() > 1 / 10


def test_retries_wait_longer_each_time_and_end() -> None:
    now = utcnow()
    waits = [(retries.later(now, n, None) or now) - now for n in range(1, 8)]
    assert all(a < b for a, b in zip(waits, waits[1:], strict=False))
    asked = retries.later(now, 1, 120)
    assert asked is not None
    assert (asked - now).total_seconds() >= 120
    assert retries.later(now, retries.LATER_TRIES, None) is None
    assert retries.look_up(now, retries.UNKNOWN_TRIES) is None
    assert retries.look_up(now, 1) is not None
