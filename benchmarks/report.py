"""One line a goal: number, where, ratio, both bars, what they say, and what was measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .goals import GOALS
from .hub import short

DATABASES = ("SQLite", "PostgreSQL")
ANYWHERE = "any"  # of goals in which no database has a part


@dataclass
class Report:
    lines: list[str] = field(default_factory=list)
    said: dict[str, set[str]] = field(default_factory=dict)  # database -> goals that have a line

    def add(self, number: str, where: str, ratio: float, how: str, size: int = 0) -> None:
        """`size`: orders in the hub; a goal set for more of them says so."""
        goal = GOALS[number]
        sign = "≥" if goal.at_least else "≤"
        note = f", goal is for {short(goal.stated_at)}" if size and size < goal.stated_at else ""
        line = (
            f"goal {number:3} {where:16} {ratio:8.3f}  A {sign} {goal.a:<5g} B {sign} {goal.b:<5g} "
            f"{goal.verdict(ratio):8} {goal.text} / {goal.against}: {how}{note}"
        )
        self.lines.append(line)
        self.said.setdefault(where.split()[0], set()).add(number)
        print(line, flush=True)

    def silent(self, goals: Iterable[str]) -> list[str]:
        """Of these goals, those without a line for one of the databases."""
        wanted = {number for number in goals if not GOALS[number].anywhere}
        absent = [f"{number} on {where}" for where in DATABASES for number in wanted - self.said.get(where, set())]
        return sorted([*absent, *(set(goals) - wanted - self.said.get(ANYWHERE, set()))])

    def say(self, text: str) -> None:
        self.lines.append(text)
        print(text, flush=True)
