"""The timeline of an order: who changed what, with before and after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models import OrderEvent, Prepared, add_rows, db, utcnow

from . import events, outbox

#: kinds of events; pages have a sentence and an icon for each
KINDS = (
    "created",  # {"source": name}
    "imported",  # {"connection": name, "by"?: who did not wait for its payment}
    "edited",  # {"changes": [[field, before, after], …]}
    "status",  # {"changes": [["status", before, after]], "ids": [before, after], "reason"?, "connection"?}
    "requested",  # {"connection": name, "operation": op}
    "sent",  # {"connection": name, "operation": op, "external": number}
    "refused",  # {"connection": name, "operation": op, "fault": class, "detail": text}
    "external",  # {"connection": name, "changes": [["external status", before, after]]}
    "payment",  # {"changes": [["paid", before, after]], "state": text}
    "expense",  # {"changes": [["expense", before, after]]}
    "unlinked",  # {"connection": name}
    "mapped",  # {"table": key, "name": theirs}
    "stopped",  # {"connection": name, "name": the first copy's}: not sent there by a second route
    "second_route",  # {"connection": name, "name": the first copy's, "text": the reason}: sent there all the same
    "merged",  # {"name": number of the order that was merged into this one}
    "merged_into",  # {"changes": [["status", before, after]], "text": number of the order that stayed}
    "not_duplicate",  # {"name": number of the other order}
    "link_made",  # {"days": n}: a link for the customer
    "link_revoked",
    "link_mailed",  # {"name": address}
    "completed",  # by the customer
    "message",  # by a rule: {"channel", "to", "outcome": sent | failed | unknown, "detail"}
    "undone",  # {"changes": [["status", before, after]]}
)


@dataclass(frozen=True)
class Actor:
    """Who does it: a person (their name), the customer, or a job, webhook or rule (the connection's or rule's name)."""

    kind: str
    name: str = ""


def note_many(rows: Iterable[tuple[int, Mapping[str, Any]]], actor: Actor, kind: str) -> None:
    """One event for each (order id, detail); part of the caller's transaction."""
    if kind not in KINDS:
        raise ValueError(f"unknown kind of event: {kind}")
    now = utcnow()
    values = [
        {
            "order_id": order_id,
            "at": now,
            "actor": actor.kind,
            "actor_name": actor.name[:120],
            "kind": kind,
            "detail": detail,  # the same one may be many orders', and is written once then
        }
        for order_id, detail in rows
    ]
    add_rows(OrderEvent, values)
    outbox.record(values, kind)
    events.happened(values, kind)


def note(order_id: int, actor: Actor, kind: str, **detail: Any) -> None:
    note_many([(order_id, detail)], actor, kind)


_event = OrderEvent.__table__
_EVENTS = Prepared(
    db.select(_event)
    .where(_event.c.order_id == db.bindparam("asked"))
    .order_by(_event.c.id.desc())
    .limit(db.bindparam("most", type_=db.Integer)),
    same_plan=True,
)


def of_order(order_id: int, limit: int = 200) -> Sequence[Any]:
    """The newest events first: rows with the columns of OrderEvent."""
    return _EVENTS.rows(asked=order_id, most=limit)
