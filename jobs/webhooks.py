"""Webhooks going out: delivered, signed, tried again, given up. The rows that orders/outbox.py wrote are the queue.

Signed by the Standard Webhooks scheme (https://github.com/standard-webhooks/standard-webhooks, specification 1.0.0):
webhook-signature = "v1," + base64(HMAC-SHA256(secret, id + "." + timestamp + "." + body)). A receiver may see an
event twice (its answer was lost) and out of order; webhook-id is the same in every try.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from flask import current_app
from sqlalchemy.orm import selectinload

from integrations.errors import VendorError
from integrations.http import Answer, HttpClient
from models import Order, WebhookAttempt, WebhookDelivery, WebhookEndpoint, db, utcnow
from orders import outbox, wire

from . import wake

log = structlog.get_logger()

#: seconds to wait after the 1st, 2nd… try that failed; after the last one it is over (about three days in all)
RETRIES = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
#: an endpoint without one success for so long is switched off
GIVE_UP = timedelta(days=5)
#: an endpoint that has just failed is left alone for so long at most, whatever waits for it
PAUSE = 300
TIMEOUT = 15.0
LEASE = timedelta(seconds=90)  # longer than a call can take
#: deliveries in a row before other work has its turn
STINT = 200
#: the secret before the last is still used for so long, so that receivers can change over
OVERLAP = timedelta(hours=24)
_PREFIX = "whsec_"


def new_secret() -> str:
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(secret: str, message: str, timestamp: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    signed = b".".join((message.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def valid_secrets(kept: Mapping[str, str], now: datetime) -> list[str]:
    """The secret, and the one before as long as receivers may still use it."""
    found = [kept["current"]]
    if kept.get("previous") and datetime.fromisoformat(kept["until"]) > now:
        found.append(kept["previous"])
    return found


# ---- endpoints


def create(url: str, events: Sequence[str]) -> tuple[WebhookEndpoint, str]:
    """A new endpoint, in the caller's transaction, and its secret."""
    secret = new_secret()
    row = WebhookEndpoint(url=url, events=list(events), secrets={"current": secret})
    db.session.add(row)
    db.session.flush()
    return row, secret


def rotate(row: WebhookEndpoint) -> str:
    """A new secret; for a day, events are signed with the old one as well."""
    secret = new_secret()
    until = (utcnow() + OVERLAP).isoformat()
    row.secrets = {"current": secret, "previous": row.secrets["current"], "until": until}
    return secret


def switch(row: WebhookEndpoint, enabled: bool) -> None:
    """On or off. What waits for an endpoint that is off, waits; switched on, it is tried at once."""
    row.enabled = enabled
    if enabled:
        row.given_up_at = row.failing_since = None
        row.not_before = utcnow()
        outbox.wake([row.id])


def resend(delivery: WebhookDelivery) -> None:
    """Send it once more, from the first try on, now."""
    delivery.state, delivery.tries, delivery.not_before = "waiting", 0, utcnow()
    delivery.finished_at = None
    delivery.endpoint.not_before = utcnow()
    outbox.wake([delivery.endpoint_id])


def send_test(row: WebhookEndpoint) -> None:
    """An event that says nothing but hello."""
    db.session.add(WebhookDelivery(**outbox.delivery(row.id, "webhook.test", None, {})))
    row.not_before = utcnow()
    outbox.wake([row.id])


def endpoints() -> Sequence[WebhookEndpoint]:
    return db.session.scalars(db.select(WebhookEndpoint).order_by(WebhookEndpoint.id)).all()


def waiting() -> dict[int, int]:
    """How many deliveries wait, by endpoint."""
    open_ = WebhookDelivery.state.in_(("waiting", "working"))
    query = db.select(WebhookDelivery.endpoint_id, db.func.count()).where(open_).group_by(WebhookDelivery.endpoint_id)
    return {row[0]: row[1] for row in db.session.execute(query)}


def log_page(endpoint_id: int, before: int, limit: int) -> Sequence[WebhookDelivery]:
    """Deliveries of an endpoint, the newest first, with their attempts; `before`: an id, 0 = from the newest on."""
    query = (
        db.select(WebhookDelivery)
        .options(selectinload(WebhookDelivery.attempts))
        .where(WebhookDelivery.endpoint_id == endpoint_id)
    )
    if before:
        query = query.where(WebhookDelivery.id < before)
    return db.session.scalars(query.order_by(WebhookDelivery.id.desc()).limit(limit)).all()


def order_numbers(deliveries: Sequence[WebhookDelivery]) -> dict[int, str]:
    ids = {delivery.order_id for delivery in deliveries if delivery.order_id}
    rows = db.session.execute(db.select(Order.id, Order.number).where(Order.id.in_(ids)))
    return {row.id: row.number for row in rows}


# ---- delivery


@dataclass
class _Claim:
    """A delivery that this worker holds, with all that the call needs."""

    id: int
    fence: int
    tries: int
    url: str
    secrets: list[str]
    message: str
    body: bytes


@dataclass
class _Result:
    status: int | None  # None = no answer
    detail: str
    ms: int
    retry_after: float | None = None

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def deliver(endpoint_id: int) -> None:
    """The job: send what is due for this endpoint, one after another, until it fails or nothing is left."""
    wake.begun("webhook", endpoint_id)
    for _ in range(STINT):
        claim = _claim(endpoint_id)
        if claim is None:
            return
        result = _call(claim)
        _settle(endpoint_id, claim, result)
        if not result.ok:
            return
    outbox.wake([endpoint_id])
    db.session.commit()


def _claim(endpoint_id: int) -> _Claim | None:
    """Take the delivery that is due first, and commit."""
    now = utcnow()
    endpoint = db.session.get(WebhookEndpoint, endpoint_id, populate_existing=True)
    if endpoint is None or not endpoint.enabled or endpoint.not_before > now:
        db.session.rollback()
        return None
    due = (
        db.select(WebhookDelivery)
        .where(WebhookDelivery.endpoint_id == endpoint_id, _open(), WebhookDelivery.not_before <= now)
        .where(db.or_(WebhookDelivery.state == "waiting", WebhookDelivery.lease_until < now))
        .order_by(WebhookDelivery.not_before, WebhookDelivery.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = db.session.scalar(due.execution_options(populate_existing=True))
    if row is None:
        db.session.rollback()
        return None
    row.state, row.fence, row.tries, row.lease_until = "working", row.fence + 1, row.tries + 1, now + LEASE
    if row.body is None:
        row.body = _body(row)
    claim = _Claim(row.id, row.fence, row.tries, endpoint.url, valid_secrets(endpoint.secrets, now), row.message,
                   row.body.encode())  # fmt: skip
    db.session.commit()
    return claim


def _open() -> Any:
    """Written out, so that SQLite uses the partial index."""
    return db.text("webhook_deliveries.state IN ('waiting', 'working')")


def _body(row: WebhookDelivery) -> str:
    """The event with the order as it stands now."""
    found = {"type": row.event, "timestamp": wire.utc(row.created_at), "data": {}}
    if row.order_id:
        query = db.select(Order).where(Order.id == row.order_id).options(selectinload(Order.lines))
        orders = wire.orders_json(db.session.scalars(query.execution_options(populate_existing=True)).all())
        found["data"] = {"order": orders[0] if orders else None, "changes": row.detail.get("changes", [])}
    return json.dumps(found, ensure_ascii=False)


def _call(claim: _Claim) -> _Result:
    stamp = int(time.time())
    signed = " ".join(signature(secret, claim.message, stamp, claim.body) for secret in claim.secrets)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": claim.message,
        "webhook-timestamp": str(stamp),
        "webhook-signature": signed,
    }
    client = HttpClient(current_app.extensions["policy"], secrets=claim.secrets)
    started = time.monotonic()
    try:
        answer = client.request("POST", claim.url, content=claim.body, headers=headers, timeout=TIMEOUT)
    except VendorError as error:
        return _Result(None, f"{error.fault}: {error.detail}"[:500], _since(started))
    return _Result(answer.status, _start(answer), _since(started), answer.retry_after)


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _start(answer: Answer) -> str:
    return answer.redact(answer.text[:400]).replace("\0", "")


def _settle(endpoint_id: int, claim: _Claim, result: _Result) -> None:
    """Write what came of it, in one transaction. Whoever's claim has run out writes nothing but the attempt; where the
    endpoint was deleted meanwhile, its deliveries went with it."""
    endpoint = db.session.get(WebhookEndpoint, endpoint_id, with_for_update=True, populate_existing=True)
    if endpoint is None:
        db.session.rollback()
        return
    now = utcnow()
    told = {"ms": result.ms, "status": result.status, "detail": result.detail}
    db.session.add(WebhookAttempt(delivery_id=claim.id, at=now, **told))
    values: dict[str, Any] = {"state": "done", "finished_at": now}
    if not result.ok:
        values = _next_try(claim.tries, result.retry_after, now)
    mine = db.update(WebhookDelivery).where(WebhookDelivery.id == claim.id, WebhookDelivery.fence == claim.fence)
    db.session.execute(mine.values(lease_until=None, **values).execution_options(synchronize_session=False))
    _note_health(endpoint, result, now)
    wake.changed()
    db.session.commit()


def _next_try(tries: int, retry_after: float | None, now: datetime) -> dict[str, Any]:
    if tries > len(RETRIES):
        return {"state": "failed", "finished_at": now}
    wait = RETRIES[tries - 1] * random.uniform(1.0, 1.2)  # noqa: S311 - spreads retries, guards nothing
    return {"state": "waiting", "not_before": now + timedelta(seconds=max(wait, min(retry_after or 0, 86_400)))}


def _note_health(endpoint: WebhookEndpoint, result: _Result, now: datetime) -> None:
    if result.ok:
        endpoint.last_ok_at, endpoint.failing_since, endpoint.not_before = now, None, now
        return
    endpoint.failing_since = endpoint.failing_since or now
    failing = now - endpoint.failing_since
    pause = min(max(5.0, failing.total_seconds() / 4, result.retry_after or 0), PAUSE)
    endpoint.not_before = now + timedelta(seconds=pause)
    if result.status == 410 or failing > GIVE_UP:
        endpoint.enabled, endpoint.given_up_at = False, now
        log.warning("webhook_endpoint_off", endpoint=endpoint.id, status=result.status)


def sweep() -> None:
    """Every few seconds: wake workers for endpoints with something due, a dead worker's deliveries among it."""
    now = utcnow()
    due = (
        db.select(WebhookDelivery.endpoint_id)
        .join(WebhookEndpoint, WebhookEndpoint.id == WebhookDelivery.endpoint_id)
        .where(WebhookEndpoint.enabled, WebhookEndpoint.not_before <= now, _open(), WebhookDelivery.not_before <= now)
        .where(db.or_(WebhookDelivery.state == "waiting", WebhookDelivery.lease_until < now))
        .distinct()
    )
    outbox.wake(db.session.scalars(due).all())
    db.session.commit()
