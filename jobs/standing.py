"""Where a reading of a catalogue stands, kept in its run's `memo`: a reading that stopped goes on from there.

memo = {"rule": the rule that is only tried, of a run that tries one; "since": when the reading began; "of": a
fingerprint of what it goes by; "mark": after its last page, as the connector told it; "stood": the mark that the last
worker began with}. What a reading has seen is remembered by its offers (`seen_at`), so a reading that goes on is as
good as one in a piece.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from catalogue.rules import Rule
from models import Connection, Run, Schedule, db, utcnow

#: a catalogue that was read in part is read on within so long; later it is another one
FRESH = timedelta(hours=12)
#: after a reading that broke off on the way, the schedule's next one comes so soon
SOON = timedelta(minutes=10)


def fingerprint(connection: Connection, rule: Rule) -> str:
    """Of what decides what a reading brings: the two parts of one must go by the same."""
    told = json.dumps([connection.settings, rule.as_json()], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def begin(run: Run, connection: Connection, rule: Rule, resumable: bool) -> tuple[dict[str, Any], Counter[str]]:
    """(memo, counts so far): of a run that is taken up again, of an earlier one that didn't come to its end, or new."""
    of = fingerprint(connection, rule)
    head = {key: value for key, value in (run.memo or {}).items() if key == "rule"}
    before = next((row for row in (run, _last(run)) if row and _goes_on(row, of)), None) if resumable else None
    if before is None:
        memo, counts = {"since": utcnow().isoformat(), "of": of, "mark": {}}, Counter[str]()
    else:
        memo, counts = dict(before.memo), Counter(before.counts)
    run.memo = {**memo, **head, "stood": memo["mark"]}
    return dict(run.memo), counts


def since(memo: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(memo["since"])


def _last(run: Run) -> Run | None:
    """The run of this task before."""
    query = db.select(Run).where(Run.connection_id == run.connection_id, Run.task == run.task, Run.id < run.id)
    return db.session.scalars(query.order_by(Run.id.desc()).limit(1)).first()


def _goes_on(run: Run, of: str) -> bool:
    memo = run.memo or {}
    return bool(memo.get("mark")) and memo.get("of") == of and run.state != "done" and utcnow() - since(memo) < FRESH


def has_moved(run: Run) -> bool:
    """Has its last worker come any further? One that dies at the same place twice is given up."""
    memo = run.memo or {}
    return bool(memo.get("mark")) and memo["mark"] != memo.get("stood")


def again_soon(run: Run) -> None:
    """The schedule's next reading goes on where this one broke off. In the caller's transaction."""
    later = (Schedule.connection_id == run.connection_id, Schedule.task == run.task, Schedule.next_at > utcnow() + SOON)
    db.session.execute(db.update(Schedule).where(*later).values(next_at=utcnow() + SOON))
