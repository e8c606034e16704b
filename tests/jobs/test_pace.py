"""The pace is shared and a little below the limit; without the broker each process is careful alone."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from integrations.sandbox import SandboxServer
from jobs import connections, retries
from jobs.pace import SLACK, STRETCH, Pace, hold, pace
from models import Connection, utcnow


def calls(paces: Sequence[Pace], lasts: Sequence[float]) -> tuple[list[float], list[float]]:
    """When calls, by one after the other, had their turn, and when they were answered: so many seconds later."""
    begun, ended = [], []
    for pace_, takes in zip(itertools.cycle(paces), lasts, strict=False):
        while (wait := pace_.turn()) > 0:
            time.sleep(wait)
        begun.append(time.monotonic())
        time.sleep(takes)
        ended.append(time.monotonic())
        pace_.answered()
    return begun, ended


def of(valkey: redis.Redis, name: str, per_second: float, counted_over: float = 1.0) -> Pace:
    found = pace(valkey, name, per_second, counted_over)
    assert found is not None
    return found


def test_turns_are_shared_and_no_window_sees_one_too_many(valkey: redis.Redis) -> None:
    times, _ = calls([of(valkey, "7", 10), of(valkey, "7", 10)], [0.0] * 24)
    gaps = [after - before for before, after in zip(times, times[10:], strict=False)]
    assert min(gaps) >= 1.0  # never eleven calls within a second
    assert times[-1] - times[0] < 2 * 1.0 * STRETCH + 1.5  # and most of the limit is used


def test_a_call_that_took_longer_may_have_been_counted_later(valkey: redis.Redis) -> None:
    """Eleven calls never lie within a second, wherever the slow ones spent their time."""
    lasts = [0.01, 0.09, 0.03] * 7
    begun, ended = calls([of(valkey, "7", 10)], lasts)
    counted = [end - min(lasts) for end in ended]
    gaps = [after - before for before, after in zip(counted, begun[10:], strict=False)]
    assert min(gaps) >= 1.0


def test_a_slow_vendor_is_not_asked_less(valkey: redis.Redis) -> None:
    turns = of(valkey, "7", 2)
    assert turns.turn() == 0
    time.sleep(0.21)
    assert turns.turn() == 0  # the first is not answered yet
    assert 0.9 < turns.turn() < 1.0 + SLACK / 1000  # a second after the first must have been counted
    time.sleep(1.12)
    turns.answered()  # too late to matter
    assert turns.turn() == 0


def test_a_vendor_that_counts_over_a_minute_is_asked_in_a_burst_first(valkey: redis.Redis) -> None:
    times, _ = calls([of(valkey, "6", 10, counted_over=2.0)], [0.0] * 22)
    assert times[19] - times[0] < 1.9  # twenty sooner than ten a second would allow
    assert times[20] - times[0] >= 2.0  # and never one more within the two seconds


def test_one_who_waited_too_long_shifts_nothing(valkey: redis.Redis) -> None:
    turns = of(valkey, "8", 2)
    assert turns.turn() == 0
    assert 0 < turns.turn() <= 0.2  # not right on the heels of the last one
    time.sleep(0.25)
    assert turns.turn() == 0
    assert turns.turn() > 0.5  # two in this second already


def test_a_vendor_that_has_had_enough_is_left_alone_for_a_moment(valkey: redis.Redis) -> None:
    turns = of(valkey, "9", 10)
    assert turns.turn() == 0
    hold(valkey, "9", 0.5)
    assert 0.4 < turns.turn() < 0.6
    time.sleep(0.6)
    assert turns.turn() == 0


def test_other_connections_have_their_own(valkey: redis.Redis) -> None:
    one, other = of(valkey, "1", 1), of(valkey, "2", 1)
    assert (one.turn(), other.turn()) == (0, 0)


def test_a_connection_keeps_to_its_vendors_limit(prom: Connection, sandbox: SandboxServer, valkey: redis.Redis) -> None:
    opened, turns = connections.open_connector(prom), list[float]()
    for _ in range(2):
        list(opened.listed("orders/list", "orders", limit=1))
        turns.append(float(valkey.get(f"hub:pace:{prom.id}:last")))
    assert opened.rate == 1
    assert turns[1] - turns[0] >= 1000 * STRETCH


def test_no_published_limit_no_pace(valkey: redis.Redis) -> None:
    assert pace(valkey, "1", None) is None


def test_without_a_broker_half_the_rate() -> None:
    away = redis.Redis(host="127.0.0.1", port=1, retry=Retry(NoBackoff(), 0))
    for broker, name in ((None, "alone"), (away, "away")):
        alone = pace(broker, name, 10)
        assert alone is not None
        assert alone.turn() == 0
        assert alone.turn() > 1 / 10
        alone.answered()
        hold(broker, name, 60)  # nobody to tell the others
        assert alone.turn() < 1


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
