"""The schedules of all connections for the page that looks after them: by connection, those that need a look first."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from integrations import connectors
from models import Run, Schedule, utcnow

from . import journal

#: a task that is due is started within seconds; one that is not after so long is late
GRACE = timedelta(minutes=2)
#: what needs a look, the worst first; then what doesn't
STATES = ("failing", "late", "paused", "running", "well", "off")
NEEDS_A_LOOK = STATES[:3]


@dataclass(frozen=True)
class Task:
    """One schedule with its last run. `state`: one of STATES."""

    schedule: Schedule
    run: Run | None
    state: str


@dataclass
class Group:
    """The tasks of one connection, the worst first."""

    connection_id: int
    name: str
    title: str  # what kind of system it is
    color: str
    enabled: bool
    tasks: list[Task] = field(default_factory=list)

    @property
    def state(self) -> str:
        return min((task.state for task in self.tasks), key=STATES.index)

    @property
    def needs_a_look(self) -> bool:
        return self.state in NEEDS_A_LOOK

    def count(self, state: str) -> int:
        return sum(task.state == state for task in self.tasks)

    @property
    def next_at(self) -> datetime | None:
        """When something of it runs next; None where nothing does."""
        times = [task.schedule.next_at for task in self.tasks if not task.schedule.paused]
        return min(times) if times and self.enabled else None


def groups(part: str = "") -> list[Group]:
    """All that have schedules, those that need a look first, each lot by name. `part`: of a connection's name or of
    its kind's."""
    now = utcnow()
    found: dict[int, Group] = {}
    for row in journal.schedules():
        schedule, run = row.Schedule, row.Run
        group = found.get(schedule.connection_id)
        if group is None:
            cls = connectors().get(row.kind)
            title, color = (cls.title, cls.color) if cls else (row.kind, "grey")
            group = Group(schedule.connection_id, row.system, title, color, row.enabled)
            found[schedule.connection_id] = group
        group.tasks.append(Task(schedule, run, _state(schedule, run, row.enabled, now)))
    for group in found.values():
        group.tasks.sort(key=lambda task: STATES.index(task.state) if task.state in NEEDS_A_LOOK else len(STATES))
    wanted = " ".join(part.split()).casefold()
    shown = [group for group in found.values() if wanted in f"{group.name}\n{group.title}".casefold()]
    return sorted(shown, key=_rank)


def _state(schedule: Schedule, run: Run | None, enabled: bool, now: datetime) -> str:
    if not enabled:
        return "off"
    if schedule.paused:
        return "paused"
    if run and run.state == "waiting" and now - run.created_at > GRACE:
        return "late"
    if run and run.state in ("waiting", "working"):
        return "running"
    if run and run.state == "failed":
        return "failing"
    return "late" if now - schedule.next_at > GRACE else "well"


def _rank(group: Group) -> tuple[int, str]:
    rank = STATES.index(group.state) if group.needs_a_look or group.state == "off" else len(NEEDS_A_LOOK)
    return rank, group.name.casefold()
