"""The benchmarks run, on both databases, and say something of every goal. What they find is not judged here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.goals import GOALS, Goal
from benchmarks.report import Report
from benchmarks.timing import Clock, best

ROOT = Path(__file__).parent.parent
LINE = re.compile(
    r"goal (\S+)\s+(SQLite|PostgreSQL) \S+\s+[\d.]+ +A [≤≥] [\d.]+ +B [≤≥] [\d.]+ +(?:meets [AB]|neither)"
)


@pytest.mark.parametrize("half", ["pages", "work"])
def test_every_goal_has_a_line_for_both_databases(half: str, tmp_path: Path) -> None:
    env = {**os.environ, "TMPDIR": str(tmp_path), "BENCH_SIZE": ""}
    tmp_path.chmod(0o755)
    command = [sys.executable, "-m", "benchmarks", "--small", "--only", half]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    of_work = {number for number in GOALS if number[0] == "L" or int(re.sub(r"\D", "", number)) >= 17}
    expected = of_work if half == "work" else set(GOALS) - of_work
    for database in ("SQLite", "PostgreSQL"):
        found = [number for number, where in LINE.findall(done.stdout) if where == database]
        assert sorted(found) == sorted(expected), database


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
