"""Supervised children: backoff, order of stopping, words for an ending."""

from __future__ import annotations

import os
import signal
import socket
import sys

from ops.processes import BACKOFF, STEADY, Child, Tree, ending, free_port, listens, port_is_free

from . import servers

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(99)"


def child(name: str, code: str) -> Child:
    return Child(name, [sys.executable, "-c", code])


def test_waits_grow_and_start_over_after_a_steady_life():
    one = child("one", "pass")
    one.started = 1000.0
    assert [one.plan_restart(1001) for _ in range(8)] == [*BACKOFF, BACKOFF[-1], BACKOFF[-1]]
    assert one.plan_restart(1001 + STEADY) == BACKOFF[0]


def test_a_child_that_dies_is_named_and_started_again():
    said: list[str] = []
    tree = Tree(env=dict(os.environ), say=said.append)
    tree.add(child("brief", "raise SystemExit(3)"))
    servers.wait_until(lambda: tree.tend() or len(said) == 2, 20, "it was started again")
    assert said[0] == "brief ended (exit status 3); starting it again in 0.2 s"
    tree.stop((("brief",),), patience=1)


def test_groups_stop_in_order_and_the_deaf_are_killed(tmp_path):
    said: list[str] = []
    tree = Tree(env=dict(os.environ), say=said.append)
    marker = tmp_path / "up"
    tree.add(child("deaf", STUBBORN.replace("print('up', flush=True)", f"open({str(marker)!r}, 'w').close()")))
    tree.add(child("good", "import time; time.sleep(99)"))
    servers.wait_until(marker.exists, 20, "the deaf child ignores SIGTERM by now")
    tree.stop((("good",), ("deaf",)), patience=0.3)
    assert said == ["deaf did not stop in 0.3 s; killed"]
    assert [each.process.returncode for each in tree.children] == [-signal.SIGKILL, -signal.SIGTERM]


def test_a_child_follows_a_killed_parent(tmp_path):
    note = tmp_path / "pid"
    story = (
        "import os, sys, time; from ops.processes import Child;"
        "child = Child('c', [sys.executable, '-c', 'import time; time.sleep(99)']); child.start(dict(os.environ));"
        f"open({str(note)!r}, 'w').write(str(child.process.pid)); time.sleep(99)"
    )
    parent = child("parent", story)
    parent.start(dict(os.environ))
    pid = int(servers.wait_until(lambda: note.exists() and note.read_text(), 20, "the grandchild is there"))
    os.kill(parent.process.pid, signal.SIGKILL)
    parent.process.wait()
    servers.wait_until(lambda: not _runs(pid), 10, "the grandchild is gone")


def _runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_endings_in_words():
    assert (ending(None), ending(1), ending(-9)) == ("running", "exit status 1", "signal SIGKILL")


def test_ports():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not port_is_free("127.0.0.1", port)
        assert listens("127.0.0.1", port)
    port = free_port()
    assert port_is_free("127.0.0.1", port)
    assert not listens("127.0.0.1", port)
