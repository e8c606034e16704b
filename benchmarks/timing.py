"""Timing on a machine that does other things too.

What is compared runs in turns, and the quickest round counts. In-process measurements are in CPU time: ours and that
of the database server's processes, read from /proc. On a quiet machine with its data in memory that is the time on the
clock; on a busy one the clock would mostly show who else was running.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Clock:
    """CPU seconds of this process and of the children of some servers. Without /proc: the time on the clock."""

    def __init__(self, *servers: int) -> None:
        self.servers = servers
        self.ran: dict[str, float] = {}  # seconds of each process when it was last there
        self.is_cpu = Path("/proc/self/schedstat").exists()

    def refresh(self) -> None:
        """Look for the servers' processes again: connections come and go."""
        pids = [str(pid) for pid in self.servers]
        if self.servers and self.is_cpu:
            for stat in Path("/proc").glob("[0-9]*/stat"):
                try:
                    parent = int(stat.read_text().rsplit(")", 1)[1].split()[1])
                except OSError:
                    continue
                if parent in self.servers:
                    pids.append(stat.parent.name)
        self.ran = dict.fromkeys(pids, 0.0)

    def theirs(self) -> float:
        """CPU seconds of the servers' processes so far: the difference of two is what they did between them."""
        return self._servers()

    def _servers(self) -> float:
        """One that has ended, as the database's own workers do, has run for as long as it was seen to."""
        for pid, before in self.ran.items():
            self.ran[pid] = max(before, _ran(pid))
        return sum(self.ran.values())

    def time(self, action: Callable[[], Any]) -> float:
        """Seconds that the action takes."""
        if not self.is_cpu:
            began = time.perf_counter()
            action()
            return time.perf_counter() - began
        theirs, ours = self._servers(), time.process_time()
        action()
        ours = time.process_time() - ours
        return ours + self._servers() - theirs


def _ran(pid: str) -> float:
    try:
        with open(f"/proc/{pid}/schedstat") as file:
            return int(file.read().split()[0]) / 1e9
    except OSError:
        return 0.0


def children(pid: int | None = None) -> list[int]:
    """The processes that this one started."""
    pid = pid or os.getpid()
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def best(clock: Clock, *actions: Callable[[], Any], rounds: int = 20, seconds: float = 4, warm: int = 2) -> list[float]:
    """Seconds of the quickest round of each; first `warm` times each. Stops early when it takes long, after 5."""
    for action in actions * warm:
        action()
    clock.refresh()
    found = [float("inf")] * len(actions)
    end = time.perf_counter() + seconds * len(actions)
    for n in range(rounds):
        for i, action in enumerate(actions):
            found[i] = min(found[i], clock.time(action))
        if n >= 4 and time.perf_counter() > end:
            break
    return found


def rate(action: Callable[[], Any], n: int, clock: Clock | None = None) -> float:
    """How often a second, over n times in a row; by the clock on the wall unless another is given."""

    def run() -> None:
        for _ in range(n):
            action()

    if clock is not None:
        return n / clock.time(run)
    began = time.perf_counter()
    run()
    return n / (time.perf_counter() - began)


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"
