"""What happens to orders, written down for the automation's rules in the transaction of the change.

The timeline calls `happened` with its rows. Where no enabled rule listens to a kind nothing is written and nothing is
asked: what is listened to is known for two seconds at a time. So a rule takes effect in other processes two seconds
after it is switched on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from flask import current_app

from models import Option, Prepared, Rule, RuleEvent, add_rows, db

#: event of a rule -> kinds of the timeline that may be it
LISTENS: Mapping[str, tuple[str, ...]] = {
    "created": ("created",),
    "imported": ("imported",),
    "status": ("status", "undone"),
    "paid": ("payment", "edited"),
    "external": ("external",),
    "waited": ("created", "imported", "status", "undone"),
    "schedule": (),
}
PAUSED = "automation_paused"
SECONDS = 2.0

_rules, _options = Rule.__table__, Option.__table__
_LISTENING = Prepared(
    db.select(_rules.c.event)
    .where(_rules.c.enabled, ~db.select(_options.c.key).where(_options.c.key == PAUSED).exists())
    .distinct(),
    same_plan=True,
)


def listening() -> frozenset[str]:
    """Kinds of the timeline that an enabled rule waits for; none while everything is paused."""
    known = current_app.extensions.get("rules_listening")
    now = time.monotonic()
    if known is None or known[0] < now:
        kinds = frozenset(kind for row in _LISTENING.rows() for kind in LISTENS.get(row.event, ()))
        known = current_app.extensions["rules_listening"] = (now + SECONDS, kinds)
    found: frozenset[str] = known[1]
    return found


def forget_listening() -> None:
    """Rules have changed: look again."""
    current_app.extensions.pop("rules_listening", None)


def happened(rows: Sequence[Mapping[str, Any]], kind: str) -> None:
    """Rows of the timeline, of one kind, in the caller's transaction."""
    if not rows or kind not in listening():
        return
    told = [row for row in rows if kind != "edited" or became_paid(row["detail"])]
    chain = list(current_chain())
    add_rows(RuleEvent, [_event(row["order_id"], kind, row["detail"], chain, row["at"]) for row in told])
    if told:
        wake()


def _event(order_id: int, kind: str, detail: Mapping[str, Any], chain: list[int], at: Any) -> dict[str, Any]:
    kept = {name: detail[name] for name in ("ids", "changes", "connection") if name in detail}
    return {"order_id": order_id, "kind": kind, "detail": kept, "chain": chain, "at": at, "rule_id": None}


def became_paid(detail: Mapping[str, Any]) -> bool:
    return any(len(row) == 3 and row[0] == "paid" and row[2] is True for row in detail.get("changes", []))


def current_chain() -> tuple[int, ...]:
    """The rules that led to what is being done now, the last one at the end."""
    found: tuple[int, ...] = db.session().info.get("chain", ())
    return found


@contextmanager
def caused_by(chain: Sequence[int]) -> Iterator[None]:
    """Whatever happens to orders inside is the doing of these rules."""
    info = db.session().info
    before = info.get("chain", ())
    info["chain"] = tuple(chain)
    try:
        yield
    finally:
        info["chain"] = before


def wake() -> None:
    """Have a worker ask the rules after the commit."""
    db.session().info.setdefault("jobs", set()).add(("rules", 0))


def wake_messages() -> None:
    """Have a worker send what waits after the commit."""
    db.session().info.setdefault("jobs", set()).add(("messages", 0))
