"""Child processes that never outlive their parent and that come back when they die.

Linux only where it says so: PR_SET_PDEATHSIG, https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html.
Elsewhere an ordinary stop still ends every child; only a kill -9 of the parent leaves them.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

PR_SET_PDEATHSIG = 1
#: Seconds to wait before the first, second… restart of a child that keeps dying; the last one repeats.
BACKOFF = (0.2, 1, 2, 5, 15, 30)
#: A child that lived this many seconds starts again from the first wait.
STEADY = 60


class StartError(Exception):
    """The hub can't start; the message is for the person at the terminal."""


def die_with_parent(sig: int = signal.SIGKILL) -> None:
    """Ask the kernel to send `sig` to this process when its parent ends, kill -9 included. No-op outside Linux."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, sig, 0, 0, 0)


def _bound_to(parent: int, sig: int) -> Callable[[], None]:
    def prepare() -> None:
        die_with_parent(sig)
        if os.getppid() != parent:  # it died between the fork and the request above
            os._exit(1)

    return prepare


@dataclass
class Child:
    """One supervised process: what it runs, and its life so far."""

    name: str
    argv: Sequence[str]
    death_signal: int = signal.SIGKILL  #: what it gets when the supervisor itself is killed
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    restart_at: float | None = None

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, env: dict[str, str], keep_open: Iterable[int] = ()) -> None:
        """Start in a session of its own, so that Ctrl-C reaches the supervisor alone and the order of stopping is ours.

        `keep_open`: file descriptors the child inherits (the lock of DATA_DIR).
        """
        self.process = subprocess.Popen(  # noqa: S603 - argv comes from our own code
            list(self.argv),
            env=env,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=tuple(keep_open),
            # preexec_fn is safe here: the supervisor has one thread
            preexec_fn=_bound_to(os.getpid(), self.death_signal),
        )
        self.started = time.monotonic()
        self.restart_at = None

    def signal(self, sig: int) -> None:
        if self.alive and self.process:
            self.process.send_signal(sig)

    def kill_group(self) -> None:
        """SIGKILL for the child and whatever it started."""
        if self.process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def plan_restart(self, now: float) -> float:
        """Note the death; returns the seconds until the next start."""
        if now - self.started > STEADY:
            self.failures = 0
        wait = BACKOFF[min(self.failures, len(BACKOFF) - 1)]
        self.failures += 1
        self.restart_at = now + wait
        return wait


@dataclass
class Tree:
    """The children in the order they start; they stop in the reverse order of their groups."""

    env: dict[str, str]
    say: Callable[[str], None]
    keep_open: tuple[int, ...] = ()
    children: list[Child] = field(default_factory=list)

    def add(self, child: Child) -> Child:
        child.start(self.env, self.keep_open)
        self.children.append(child)
        return child

    def tend(self) -> None:
        """Restart what died, each after its own backoff. Call it a few times a second."""
        now = time.monotonic()
        for child in self.children:
            if child.alive:
                continue
            if child.restart_at is None and child.process:
                child.kill_group()  # its own children, if any were left
                wait = child.plan_restart(now)
                self.say(f"{child.name} ended ({ending(child.process.returncode)}); starting it again in {wait:g} s")
            elif child.restart_at is not None and now >= child.restart_at:
                child.start(self.env, self.keep_open)

    def stop(self, groups: Sequence[Sequence[str]], patience: float) -> None:
        """End the named children group after group: SIGTERM, at most `patience` seconds each, then SIGKILL."""
        for names in groups:
            members = [child for child in self.children if child.name in names]
            for child in members:
                child.signal(signal.SIGTERM)
            deadline = time.monotonic() + patience
            while any(child.alive for child in members) and time.monotonic() < deadline:
                time.sleep(0.05)
            for child in members:
                if child.alive:
                    self.say(f"{child.name} did not stop in {patience:g} s; killed")
                child.kill_group()


def ending(code: int | None) -> str:
    """A return code in words: 'exit status 1', 'signal SIGKILL'."""
    if code is None:
        return "running"
    if code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit status {code}"


def port_is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A loopback TCP port nobody listens on at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(host: str, port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True
