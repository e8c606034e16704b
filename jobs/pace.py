"""One pace a connection, shared by all processes through the broker.

Each call asks for its turn just before it is made: the turn comes when the call ten before (at ten a second) is a
little more than a second old, and never right on the heels of the last one. So whatever window the vendor counts, it
sees no call too many, threads that wake late shift nothing, and almost the whole limit is used. A window counter (as
the limits package has) can't say how long to wait; hence a dozen lines of Lua.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from redis import Redis
from redis.exceptions import RedisError

#: how much longer than the vendor's window ours is: what two calls may lose or gain on the way there
STRETCH = 1.1
#: of the even distance between two calls, what is always kept
CLOSEST = 0.4

#: KEYS: the times of the last calls, newest first. ARGV: calls a window, window, closest distance (milliseconds).
_TURN = """
local t = redis.call('TIME')
local now = t[1] * 1000 + t[2] / 1000
local last = tonumber(redis.call('LINDEX', KEYS[1], 0) or '0')
local oldest = tonumber(redis.call('LINDEX', KEYS[1], ARGV[1] - 1) or '0')
local wait = math.max(last + ARGV[3] - now, oldest + ARGV[2] - now)
if wait > 0 then return tostring(wait) end
redis.call('LPUSH', KEYS[1], tostring(now))
redis.call('LTRIM', KEYS[1], 0, ARGV[1] - 1)
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[2] * 2))
return '0'
"""

#: as if a call were made that much later. ARGV: milliseconds
_HOLD = """
local t = redis.call('TIME')
redis.call('LPUSH', KEYS[1], tostring(t[1] * 1000 + t[2] / 1000 + ARGV[1]))
redis.call('PEXPIRE', KEYS[1], ARGV[1] + 60000)
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


def pace(
    redis: Redis | None, name: str, per_second: float | None, counted_over: float = 1.0
) -> Callable[[], float] | None:
    """A function to ask for a turn: 0 = now, else the seconds after which to ask again. None = no published limit.
    `counted_over`: the seconds over which the vendor counts; with more of them a few calls needn't wait for each other
    as long as many would."""
    if per_second is None:
        return None
    calls = max(1, int(per_second * counted_over))
    window = calls / per_second * STRETCH * 1000
    closest = CLOSEST / per_second * 1000 if calls > 1 else 0
    key = f"hub:pace:{name}"

    def turn() -> float:
        if redis is not None:
            try:
                return float(redis.eval(_TURN, 1, key, calls, window, closest)) / 1000
            except RedisError:
                pass  # slower below, until it is back
        return _local.turn(key, 1 / per_second)

    return turn


def hold(redis: Redis | None, name: str, seconds: float) -> None:
    """The vendor says it has had enough for the moment: nobody's turn comes before so many seconds have passed."""
    if redis is not None:
        with suppress(RedisError):  # each process slows down by itself then
            redis.eval(_HOLD, 1, f"hub:pace:{name}", round(seconds * 1000))
