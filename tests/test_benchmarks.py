"""What the benchmarks' lines say. That they run and say something of every goal is seen to by `make bench` itself."""

from __future__ import annotations

import pytest

from benchmarks.__main__ import goals_of
from benchmarks.goals import GOALS, Goal
from benchmarks.report import Report
from benchmarks.timing import Clock, best


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
