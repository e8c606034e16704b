"""What the benchmarks' lines say. That they run and say something of every goal is seen to by `make bench` itself."""

from __future__ import annotations

import argparse
import subprocess
import sys

import psycopg
import pytest

from benchmarks import bench_peers, oscar_fill
from benchmarks.__main__ import goals_beside, goals_of
from benchmarks.goals import GOALS, Goal
from benchmarks.report import Report
from benchmarks.timing import Clock, best
from orders import invented, words


def test_a_goal_that_nothing_is_said_of_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    report.add("17", "SQLite 10k", 0.5, "1 / 2")
    report.add("17", "PostgreSQL 10k", 0.5, "1 / 2")
    report.add("L1", "SQLite", 0.5, "1 / 2")
    assert report.silent({"17", "L1"}) == ["L1 on PostgreSQL"]
    assert goals_of("work") | goals_of("pages") == goals_of(None) == set(GOALS)
    assert "L2" in goals_of("work")
    assert {"1a", "Q1"} <= goals_of("pages")


def test_a_verdict_names_the_better_bar() -> None:
    below = Goal("a", "b", 0.3, 0.1)
    assert [below.verdict(x) for x in (0.1, 0.3, 0.31)] == ["meets B", "meets A", "neither"]
    above = Goal("a", "b", 0.5, 0.8, at_least=True)
    assert [above.verdict(x) for x in (0.8, 0.5, 0.49)] == ["meets B", "meets A", "neither"]


def test_a_line_says_when_the_goal_is_for_more_orders(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    report.add("4b", "SQLite 10k", 1.1, "2 ms / 2 ms", 10_000)
    report.add("4b", "SQLite 1M", 1.1, "2 ms / 2 ms", 1_000_000)
    printed = capsys.readouterr().out.splitlines()
    assert printed == report.lines
    assert printed[0].endswith("goal is for 1M")
    assert printed[1].endswith("2 ms / 2 ms")


def test_what_is_compared_runs_in_turns() -> None:
    order: list[str] = []
    found = best(Clock(), lambda: order.append("a"), lambda: order.append("b"), rounds=3)
    assert order == ["a", "b"] * 5  # two rounds to warm up
    assert len(found) == 2


def test_a_process_that_ends_meanwhile_takes_no_time_off_the_clock() -> None:
    code = "import sys; print(sum(range(10**6)), flush=True); sys.stdin.read()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    clock = Clock(child.pid)
    clock.refresh()
    assert clock.time(child.communicate) >= 0


def test_goals_are_measured_beside_the_peer_of_that_size_where_it_is_asked_for() -> None:
    for only, peers, measured in ((None, False, False), (None, True, True), ("work", True, False),
                                  ("pages", True, True), ("peers", False, True)):  # fmt: skip
        found = goals_beside(argparse.Namespace(only=only, peers=peers), 100_000)
        assert found == (bench_peers.goals_at(100_000) if measured else set())
    few, many = bench_peers.goals_at(100_000), bench_peers.goals_at(1_000_000)
    assert (few - many, many - few) == ({"1a"}, {"1b"})
    assert few | many <= set(GOALS)


def test_the_peers_orders_are_like_ours(postgres_server: str) -> None:
    n = 2 * invented.RARE_EVERY
    with psycopg.connect(f"{postgres_server}/postgres") as connection:
        oscar_fill.invent(connection, n)
        one = connection.execute(
            "SELECT count(*), count(DISTINCT number), min(lines), max(lines), avg(lines), count(DISTINCT given),"
            " count(DISTINCT surname), count(DISTINCT status), avg((surname LIKE %s)::int),"
            " avg((status = 'transferred')::int) FROM invented",
            [f"{oscar_fill.COMMON}%"],
        ).fetchone()
        rare = connection.execute("SELECT i FROM invented WHERE surname = %s ORDER BY i", [words.RARE[1]]).fetchall()
        days = connection.execute("SELECT max(placed) - min(placed) FROM invented").fetchone()
    assert one is not None
    assert days is not None
    assert one[:4] == (n, n, 1, 5)
    assert one[4] == pytest.approx(3, abs=0.03)
    assert one[5:8] == (60, 433, 7)  # the rare surname is one more
    assert float(one[8]) == pytest.approx(1 / 12, abs=0.006)
    assert float(one[9]) == pytest.approx(invented.SHARES["transferred"] / 100, abs=0.01)
    assert 364 <= days[0].days <= 366
    assert rare == [(invented.RARE_EVERY,), (n,)]
