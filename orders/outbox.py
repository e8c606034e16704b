"""Events that other programs are told of: a row for each endpoint that wants one, written by the transaction that makes
the event. The timeline calls `record`; the jobs send."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from models import Prepared, WebhookDelivery, WebhookEndpoint, add_rows, db, utcnow

EVENTS = ("order.created", "order.status_changed", "order.updated")
#: kinds of the timeline -> events
_OF_KIND = {
    "created": "order.created",
    "imported": "order.created",
    "status": "order.status_changed",
    "undone": "order.status_changed",
    "edited": "order.updated",
    "payment": "order.updated",
}
_endpoints = WebhookEndpoint.__table__
_LISTENING = Prepared(db.select(_endpoints.c.id, _endpoints.c.events).where(_endpoints.c.enabled), same_plan=True)


def record(rows: Sequence[Mapping[str, Any]], kind: str) -> None:
    """Write the deliveries of these timeline rows. Costs one look at a tiny table while nobody listens."""
    event = _OF_KIND.get(kind)
    if event is None or not rows:
        return
    there = [endpoint.id for endpoint in _LISTENING.rows() if event in endpoint.events]
    if there:
        add_rows(WebhookDelivery, [delivery(i, event, row["order_id"], row["detail"]) for row in rows for i in there])
        wake(there)


def delivery(endpoint_id: int, event: str, order_id: int | None, detail: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a new delivery."""
    now = utcnow()
    return {
        "endpoint_id": endpoint_id,
        "order_id": order_id,
        "message": f"msg_{secrets.token_hex(12)}",
        "event": event,
        "detail": dict(detail),
        "body": None,
        "created_at": now,
        "not_before": now,
        "lease_until": None,
        "finished_at": None,
    }


def wake(endpoint_ids: Sequence[int]) -> None:
    """Have workers look after the commit."""
    db.session().info.setdefault("jobs", set()).update(("webhook", endpoint_id) for endpoint_id in endpoint_ids)


def forget(before: datetime, most: int) -> int:
    """Drop deliveries that are over and made before then, `most` at once. Returns how many."""
    old = (
        db.select(WebhookDelivery.id)
        .where(WebhookDelivery.created_at < before, WebhookDelivery.state.in_(("done", "failed")))
        .order_by(WebhookDelivery.created_at)
        .limit(most)
    )
    query = (
        db.delete(WebhookDelivery).where(WebhookDelivery.id.in_(old.scalar_subquery())).returning(WebhookDelivery.id)
    )
    return len(db.session.scalars(query.execution_options(synchronize_session=False)).all())
