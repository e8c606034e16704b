"""One pace a connection, shared by all processes through the broker.

Slots are handed out evenly, each a little later than the limit asks: a window that the vendor counts then never sees
one call too many, however the network bunches them. A window counter (as the limits package has) lets a whole second's
calls go at once and can't say how long the next one must wait; hence six lines of Lua.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from redis import Redis
from redis.exceptions import RedisError

#: share of the published limit that is used
MARGIN = 0.96

_RESERVE = """
local t = redis.call('TIME')
local now = t[1] * 1000 + t[2] / 1000
local slot = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
redis.call('SET', KEYS[1], slot + ARGV[1], 'PX', math.ceil(slot - now + ARGV[1]) + 1000)
return tostring(slot - now)
"""


class _Local:
    """The pace of this process alone: while the broker is away, half the rate, as others may be calling too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}

    def reserve(self, name: str, interval: float) -> float:
        with self._lock:
            now = time.monotonic()
            slot = max(now, self._next.get(name, 0.0))
            self._next[name] = slot + 2 * interval
            return slot - now


_local = _Local()


def pace(redis: Redis | None, name: str, per_second: float | None) -> Callable[[], float] | None:
    """A function that reserves the next slot and returns the seconds to wait for it; None = no published limit."""
    if per_second is None:
        return None
    interval = 1 / (per_second * MARGIN)
    key = f"hub:pace:{name}"

    def reserve() -> float:
        if redis is not None:
            try:
                return float(redis.eval(_RESERVE, 1, key, interval * 1000)) / 1000
            except RedisError:
                pass  # slower below, until it is back
        return _local.reserve(key, interval)

    return reserve
