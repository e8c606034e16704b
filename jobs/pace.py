"""One pace a connection, shared by all processes through the broker.

Each call asks for its turn just before it is made, and says when it is answered: what it took longer than the quickest
one, it may have been on its way before the vendor counted it. A turn comes a second after the call ten before (at ten a
second) must have been counted, and never right on the heels of the last one. So whatever window the vendor counts, it
sees no call too many, and nearly the whole limit is used. A window counter (as the limits package has) can't say how
long to wait; hence a few lines of Lua.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any
from uuid import uuid4

from redis import Redis
from redis.exceptions import RedisError

#: how much longer than the vendor's window ours is
STRETCH = 1.02
#: milliseconds after its turn at which a call is taken for counted, answered or not: a slow vendor is asked no less
SLACK = 300
#: of the even distance between two calls, what is always kept
CLOSEST = 0.4

#: KEYS: calls by the time at which they are taken for counted; the time of the last turn; set while nobody has one.
#: ARGV: calls a window, window, closest distance, slack (milliseconds), a name for this call
_TURN = """
local held = redis.call('PTTL', KEYS[3])
if held > 0 then return tostring(held) end
local t = redis.call('TIME')
local now = t[1] * 1000 + t[2] / 1000
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
local oldest = redis.call('ZRANGE', KEYS[1], -ARGV[1], -ARGV[1], 'WITHSCORES')
local wait = math.max(last + ARGV[3] - now, (tonumber(oldest[2]) or 0) + ARGV[2] - now)
if wait > 0 then return tostring(wait) end
redis.call('ZADD', KEYS[1], now + ARGV[4], ARGV[5])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -ARGV[1] - 1)
redis.call('SET', KEYS[2], tostring(now))
local kept = math.ceil(ARGV[2] * 2 + ARGV[4])
redis.call('PEXPIRE', KEYS[1], kept)
redis.call('PEXPIRE', KEYS[2], kept)
return '0'
"""

#: KEYS: as above. ARGV: the call, how long ago it was counted at the latest (milliseconds)
_ANSWERED = """
local t = redis.call('TIME')
local counted = t[1] * 1000 + t[2] / 1000 - ARGV[2]
local known = redis.call('ZSCORE', KEYS[1], ARGV[1])
if known and tonumber(known) > counted then redis.call('ZADD', KEYS[1], counted, ARGV[1]) end
"""


class _Local:
    """The pace of this process alone: while the broker is away, half the rate, as others may be calling too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}

    def turn(self, name: str, interval: float) -> float:
        with self._lock:
            now = time.monotonic()
            wait = self._next.get(name, 0.0) - now
            if wait > 0:
                return wait
            self._next[name] = now + 2 * interval
            return 0.0


_local = _Local()


class Pace:
    """Of one connection. A thread makes one call at a time."""

    def __init__(self, redis: Redis | None, name: str, per_second: float, counted_over: float) -> None:
        self._redis, self._keys, self._interval = redis, _keys(name), 1 / per_second
        calls = max(1, int(per_second * counted_over))
        closest = CLOSEST / per_second * 1000 if calls > 1 else 0
        self._limits = (calls, calls / per_second * STRETCH * 1000, closest, SLACK)
        self._call = threading.local()
        self._quickest = float("inf")

    def turn(self) -> float:
        """0 = now, else the seconds after which to ask again."""
        if self._redis is not None:
            call = uuid4().hex
            try:
                wait: Any = self._redis.eval(_TURN, len(self._keys), *self._keys, *self._limits, call)
            except RedisError:
                pass  # slower below, until it is back
            else:
                self._call.made = call, time.monotonic()
                return float(wait) / 1000
        return _local.turn(self._keys[0], self._interval)

    def answered(self) -> None:
        """This thread's call is."""
        made: tuple[str, float] | None = self._call.__dict__.pop("made", None)
        if self._redis is None or made is None:
            return
        call, began = made
        self._quickest = min(self._quickest, time.monotonic() - began)
        with suppress(RedisError):  # it is taken for counted soon in any case
            self._redis.eval(_ANSWERED, 1, self._keys[0], call, round(self._quickest * 1000))


def _keys(name: str) -> tuple[str, str, str]:
    return f"hub:pace:{name}:calls", f"hub:pace:{name}:last", f"hub:pace:{name}:held"


def pace(redis: Redis | None, name: str, per_second: float | None, counted_over: float = 1.0) -> Pace | None:
    """None = no published limit. `counted_over`: the seconds over which the vendor counts; with more of them a few
    calls needn't wait for each other as long as many would."""
    return None if per_second is None else Pace(redis, name, per_second, counted_over)


def hold(redis: Redis | None, name: str, seconds: float) -> None:
    """The vendor says it has had enough for the moment: nobody's turn comes before so many seconds have passed."""
    if redis is not None:
        with suppress(RedisError):  # each process slows down by itself then
            redis.set(_keys(name)[2], 1, px=max(1, round(seconds * 1000)))
