"""The pace is shared and a little below the limit; without the broker each process is careful alone."""

from __future__ import annotations

import time

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from integrations.sandbox import SandboxServer
from jobs import connections, retries
from jobs.pace import STRETCH, hold, pace
from models import Connection, utcnow


def test_turns_are_shared_and_no_window_sees_one_too_many(valkey: redis.Redis) -> None:
    one, two = pace(valkey, "7", 10), pace(valkey, "7", 10)
    assert one is not None
    assert two is not None
    times: list[float] = []
    while len(times) < 24:
        for turn in (one, two):
            while (wait := turn()) > 0:
                time.sleep(wait)
            times.append(time.monotonic())
    gaps = [after - before for before, after in zip(times, times[10:], strict=False)]
    assert min(gaps) >= 1.0  # never eleven calls within a second
    assert times[-1] - times[0] < 2 * 1.0 * STRETCH + 1.5  # and most of the limit is used


def test_a_vendor_that_counts_over_a_minute_is_asked_in_a_burst_first(valkey: redis.Redis) -> None:
    turn = pace(valkey, "6", 10, counted_over=2.0)
    assert turn is not None
    times: list[float] = []
    while len(times) < 22:
        while (wait := turn()) > 0:
            time.sleep(wait)
        times.append(time.monotonic())
    assert times[19] - times[0] < 1.9  # twenty sooner than ten a second would allow
    assert times[20] - times[0] >= 2.0  # and never one more within the two seconds


def test_one_who_waited_too_long_shifts_nothing(valkey: redis.Redis) -> None:
    turn = pace(valkey, "8", 2)
    assert turn is not None
    assert turn() == 0
    wait = turn()
    assert 0 < wait <= 0.2  # not right on the heels of the last one
    time.sleep(0.25)
    assert turn() == 0
    assert turn() > 0.5  # two in this second already


def test_a_vendor_that_has_had_enough_is_left_alone_for_a_moment(valkey: redis.Redis) -> None:
    turn = pace(valkey, "9", 10)
    assert turn is not None
    assert turn() == 0
    hold(valkey, "9", 0.5)
    assert 0.4 < turn() < 0.6
    time.sleep(0.6)
    assert turn() == 0


def test_other_connections_have_their_own(valkey: redis.Redis) -> None:
    one, other = pace(valkey, "1", 1), pace(valkey, "2", 1)
    assert one is not None
    assert other is not None
    assert (one(), other()) == (0, 0)


def test_a_connection_keeps_to_its_vendors_limit(prom: Connection, sandbox: SandboxServer, valkey: redis.Redis) -> None:
    opened, turns = connections.open_connector(prom), list[float]()
    for _ in range(2):
        list(opened.listed("orders/list", "orders", limit=1))
        turns.append(float(valkey.lindex(f"hub:pace:{prom.id}", 0)))
    assert opened.rate == 1
    assert turns[1] - turns[0] >= 1000 * STRETCH


def test_no_published_limit_no_pace(valkey: redis.Redis) -> None:
    assert pace(valkey, "1", None) is None


def test_without_a_broker_half_the_rate() -> None:
    away = redis.Redis(host="127.0.0.1", port=1, retry=Retry(NoBackoff(), 0))
    for broker, name in ((None, "alone"), (away, "away")):
        wait = pace(broker, name, 10)
        assert wait is not None
        assert wait() == 0
        assert wait() > 1 / 10
        hold(broker, name, 60)  # nobody to tell the others
        assert wait() < 1


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
