"""How long the hub keeps what it noted beside the orders, and the nightly job that drops what is older.

Orders, their contents, their timeline, payments and links are never touched: of what came in and what was sent only the
bodies go. Every batch is small and a transaction of its own, so that nobody waits for it; a night that doesn't get done
within one job goes on in the next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from models import Attempt, Incoming, Option, Run, db, insert_into, utcnow
from orders import days, outbox, rules

log = structlog.get_logger()

DAYS, STATE = "retention", "retention_state"
#: the night begins at this hour, in the hub's zone; a hub that was off then catches up when it is on
HOUR = 3
BATCH = 500
#: seconds that one job takes at most, and that it leaves to others between two batches
BUDGET, PAUSE = 80.0, 0.05
#: old originals that still wait for a person; more are simply met again at the next change of the list
HELD = 2000


@dataclass(frozen=True)
class Kind:
    """`days`: unless the owner says otherwise; `least` and `most`: what may be said."""

    days: int
    least: int
    most: int


KINDS = {
    "originals": Kind(90, 7, 3650),  # bodies of what came from outside
    "exchanges": Kind(30, 1, 3650),  # requests and answers of attempts
    "webhooks": Kind(30, 1, 3650),  # deliveries that are over
    "messages": Kind(90, 7, 3650),  # messages and traces of rules; the preview and the limits of rules look back a week
    "runs": Kind(90, 7, 3650),  # of the schedules; the last of each stays
    "files": Kind(1, 1, 30),  # exports
}


def kept() -> dict[str, int]:
    """Days by kind; asked for once a session."""
    found: dict[str, int] | None = db.session().info.get(DAYS)
    if found is None:
        row = db.session.get(Option, DAYS, populate_existing=True)
        found = db.session().info[DAYS] = _read(row.value if row else {})
    return found


def _read(said: Mapping[str, Any]) -> dict[str, int]:
    return {name: within(name, int(said.get(name, kind.days))) for name, kind in KINDS.items()}


def within(name: str, days_: int) -> int:
    return min(max(days_, KINDS[name].least), KINDS[name].most)


def save(chosen: Mapping[str, int]) -> None:
    """In the caller's transaction."""
    _put(DAYS, {name: within(name, value) for name, value in chosen.items() if name in KINDS})
    db.session().info.pop(DAYS, None)


def last() -> Mapping[str, Any]:
    """What the last night did: {"at": ISO time, "counts": {kind: rows}}; empty before the first."""
    row = db.session.get(Option, STATE)
    return row.value.get("last", {}) if row else {}


def _put(key: str, value: Any) -> None:
    query = insert_into(Option).values(key=key, value=value)
    db.session.execute(query.on_conflict_do_update(index_elements=["key"], set_={"value": value}))


# ---- the nightly job


def night() -> None:
    """Called every few minutes: once a day, after HOUR, drops what is too old."""
    now = utcnow()
    local = now.astimezone(days.ZONE)
    if local.hour < HOUR or _state().get("day") == local.date().isoformat():
        db.session.rollback()
        return
    db.session.rollback()
    until = time.monotonic() + BUDGET
    for name in STEPS:
        while _batch(name, now):
            if time.monotonic() > until:
                return
            time.sleep(PAUSE)
    _over(local.date().isoformat())


def _state() -> dict[str, Any]:
    row = db.session.get(Option, STATE, populate_existing=True)
    return dict(row.value) if row else {}


def _batch(name: str, now: datetime) -> bool:
    """One batch of one kind, committed. True when there may be more."""
    _put_if_new()
    row = db.session.get_one(Option, STATE, with_for_update=True, populate_existing=True)  # one worker at a time
    state = {"cursors": {}, "held": [], "counts": {}, **row.value}
    n, more = STEPS[name](state, now - timedelta(days=kept()[name]))
    state["counts"] = {**state["counts"], name: state["counts"].get(name, 0) + n}
    _put(STATE, state)
    db.session.commit()
    return more


def _put_if_new() -> None:
    db.session.execute(insert_into(Option).values(key=STATE, value={}).on_conflict_do_nothing())


def _over(day: str) -> None:
    state = _state()
    counts = state.get("counts", {})
    _put(STATE, {**state, "day": day, "counts": {}, "last": {"at": utcnow().isoformat(), "counts": counts}})
    db.session.commit()
    log.info("retention", **counts)


def _originals(state: dict[str, Any], before: datetime) -> tuple[int, bool]:
    """Bodies of what was made an order or brought nothing new. What still waits for a person keeps its own, and is
    looked at again each night."""
    rows, more = _passed(Incoming, Incoming.received_at, "originals", state, before)
    ids = [*state["held"], *(row.id for row in rows)]
    over = ("applied", "echo", "aside", "ignored", "refused")
    settled = db.update(Incoming).where(Incoming.id.in_(ids), Incoming.state.in_(over))
    query = settled.values(body={}).returning(Incoming.id).execution_options(synchronize_session=False)
    done = set(db.session.scalars(query))
    waiting = db.select(Incoming.id).where(Incoming.id.in_(ids), Incoming.id.not_in(done)).order_by(Incoming.id)
    state["held"] = list(db.session.scalars(waiting))[:HELD]
    return len(done), more


def _exchanges(state: dict[str, Any], before: datetime) -> tuple[int, bool]:
    rows, more = _passed(Attempt, Attempt.started_at, "exchanges", state, before)
    query = db.update(Attempt).where(Attempt.id.in_([row.id for row in rows])).values(exchanges=[])
    db.session.execute(query.execution_options(synchronize_session=False))
    return len(rows), more


def _passed(model: Any, at: Any, name: str, state: dict[str, Any], before: datetime) -> tuple[list[Any], bool]:
    """The next rows after those of earlier nights that are too old, and whether there may be more. Ids follow time; the
    cursor keeps the emptied ones from being read over and over."""
    cursor = state["cursors"].get(name, 0)
    query = db.select(model.id, at.label("at")).where(model.id > cursor).order_by(model.id).limit(BATCH)
    rows = db.session.execute(query).all()
    old = [row for row in rows if row.at < before]
    young = next((i for i, row in enumerate(rows) if row.at >= before), len(rows))
    if old := old[:young]:
        state["cursors"] = {**state["cursors"], name: old[-1].id}
    return old, len(old) == BATCH


def _webhooks(_state: dict[str, Any], before: datetime) -> tuple[int, bool]:
    n = outbox.forget(before, BATCH)
    return n, n == BATCH


def _messages(_state: dict[str, Any], before: datetime) -> tuple[int, bool]:
    n = rules.forget(before, BATCH)
    return n, n >= BATCH


def _runs(_state: dict[str, Any], before: datetime) -> tuple[int, bool]:
    """The last one of each task tells how it is doing, however old it is."""
    lasting = db.select(db.func.max(Run.id)).group_by(Run.connection_id, Run.task)
    first = db.select(Run.id).order_by(Run.id).limit(BATCH).subquery()
    old = [Run.id.in_(db.select(first.c.id)), Run.created_at < before, Run.state.in_(("done", "failed"))]
    query = db.delete(Run).where(*old, Run.id.not_in(lasting)).returning(Run.id)
    n = len(db.session.scalars(query.execution_options(synchronize_session=False)).all())
    return n, n > 0


STEPS: dict[str, Callable[[dict[str, Any], datetime], tuple[int, bool]]] = {
    "originals": _originals,
    "exchanges": _exchanges,
    "webhooks": _webhooks,
    "messages": _messages,
    "runs": _runs,
}
