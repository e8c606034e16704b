"""How products of a connection come in, as staff set it: regularly or not, of which categories, by a rule that may be
tried first. All in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from catalogue import rules
from catalogue.rules import Rule
from models import OfferCategory, Run, Schedule, db, utcnow

from . import runs

WHOLE = ("catalogue", "prices")


def schedules(connection_id: int) -> dict[str, Schedule]:
    """Task -> its schedule: of the whole catalogue and of prices, where the connection has them."""
    query = db.select(Schedule).where(Schedule.connection_id == connection_id, Schedule.task.in_(WHOLE))
    return {row.task: row for row in db.session.scalars(query)}


def is_regular(connection_id: int) -> bool:
    return any(not row.paused for row in schedules(connection_id).values())


def regular(connection_id: int, on: bool) -> None:
    """Switch the regular readings on or off. When they begin, the whole comes first: prices of what isn't known yet say
    nothing."""
    if is_regular(connection_id) == on:
        return
    for task, row in schedules(connection_id).items():
        if on:
            row.next_at = utcnow() + timedelta(seconds=0 if task == "catalogue" else row.every)
        row.paused = not on


def categories(connection_id: int, chosen: Sequence[str]) -> list[str]:
    """The paths to choose from; what was chosen and isn't there any more stays among them."""
    known = db.session.scalars(db.select(OfferCategory.path).where(OfferCategory.connection_id == connection_id))
    return sorted({*known, *chosen}, key=str.casefold)


def rehearse(connection_id: int, rule: Rule, by: str) -> Run | None:
    """Try a rule on the whole catalogue. None when another is being tried."""
    return runs.request(connection_id, "rehearse", by, {"rule": rule.as_json()})


def tried(run: Run) -> Rule | None:
    """The rule that a run has tried."""
    kept = (run.memo or {}).get("rule")
    return Rule.from_json(kept) if kept else None


def adopt(connection_id: int, rule: Rule, by: str) -> Run | None:
    """Keep a rule and take the catalogue in by it."""
    rules.save(connection_id, rule)
    return runs.request(connection_id, "catalogue", by)
