"""What watches over the hub: /healthz (this process answers), /readyz (all parts work), /metrics (Prometheus).

Metrics are read from the database and the broker at scrape time, so that any web process of any machine answers for
the whole hub. Request durations are the one thing each process counts itself; gunicorn's processes pool them in
PROMETHEUS_MULTIPROC_DIR (see ops/gunicorn.conf.py).
"""

from __future__ import annotations

import hmac
import ipaddress
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
from flask import Blueprint, Flask, Response, abort, current_app, g, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from rq import Queue, worker_registration
from rq.cron_scheduler_registry import get_registry_key
from rq.utils import utcparse
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from jobs.cron import SILENCE
from models import Attempt, Run, Transfer, db, utcnow

bp = Blueprint("health", __name__)

QUEUES = ("high", "default", "low")
#: Transfer states worth a gauge: what is finished well only grows and is told by the attempts.
STATES = ("waiting", "working", "refused", "parked")
RECENT = timedelta(minutes=5)

LOCAL = CollectorRegistry()
REQUESTS = Histogram(
    "perron_http_request_seconds",
    "Time to answer a request, by endpoint and class of status",
    ["endpoint", "status"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=LOCAL,
)


@bp.before_app_request
def _start_clock() -> None:
    g.request_started = time.perf_counter()


@bp.after_app_request
def _count_request(response: Response) -> Response:
    if started := g.get("request_started"):
        labels = (request.endpoint or "none", f"{response.status_code // 100}xx")
        REQUESTS.labels(*labels).observe(time.perf_counter() - started)
    return response


@bp.get("/healthz")
def healthz() -> Response:
    """200 as long as this process answers; looks at nothing else."""
    return Response("ok\n", mimetype="text/plain")


@bp.get("/readyz")
def readyz() -> tuple[Response, int]:
    """200 and every part "ok", or 503 with what is wrong in a few words."""
    checks: dict[str, Callable[[], str]] = {
        "database": _database,
        "broker": _broker,
        "worker": _worker,
        "scheduler": _scheduler,
    }
    parts = {name: check() for name, check in checks.items()}
    ready = all(state == "ok" for state in parts.values())
    return jsonify(ready=ready, **parts), 200 if ready else 503


def _database() -> str:
    try:
        db.session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return "does not answer"
    return "ok"


def _broker() -> str:
    try:
        broker(current_app).ping()
    except redis.RedisError:
        return "does not answer"
    return "ok"


def _worker() -> str:
    try:
        return "ok" if live_workers(broker(current_app)) else "no live worker"
    except redis.RedisError:
        return "unknown: the broker does not answer"


def _scheduler() -> str:
    try:
        alive = broker(current_app).zcount(get_registry_key(), time.time() - SILENCE, "+inf")
    except redis.RedisError:
        return "unknown: the broker does not answer"
    return "ok" if alive else "no live scheduler"


def broker(app: Flask) -> redis.Redis:
    """The broker with short timeouts: a probe must not hang with what it probes. One client a process."""
    url = app.config["HUB"].redis_url
    if not url:
        raise redis.ConnectionError("REDIS_URL is not set and no embedded broker is running")
    if "health_broker" not in app.extensions:
        app.extensions["health_broker"] = redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
    return app.extensions["health_broker"]


def live_workers(connection: redis.Redis) -> int:
    """Workers with a fresh heartbeat. One in the middle of a job beats only at its start: RQ's expiry speaks for it."""
    keys = sorted(worker_registration.get_keys(connection=connection))
    with connection.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.hmget(key, "last_heartbeat", "state")
        rows = pipeline.execute()
    return sum(_is_live(*row) for row in rows)


def _is_live(heartbeat: bytes | None, state: bytes | None) -> bool:
    if heartbeat is None:
        return False
    return state == b"busy" or utcnow() - _aware(utcparse(heartbeat.decode())) < timedelta(seconds=SILENCE)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@bp.get("/metrics")
def metrics() -> Response:
    """Prometheus text, for this machine or for who shows METRICS_TOKEN as a bearer token; 403 otherwise."""
    if not _may_read_metrics():
        abort(403)
    registry = CollectorRegistry()
    registry.register(HubCollector(broker(current_app)))
    body = generate_latest(registry) + generate_latest(_request_registry())
    return Response(body, content_type=CONTENT_TYPE_LATEST)


def _may_read_metrics() -> bool:
    token = current_app.config["HUB"].metrics_token
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token:
        return hmac.compare_digest(given.encode(), token.encode())
    if "X-Forwarded-For" in request.headers or not request.remote_addr:
        return False  # a proxy on this machine makes everybody loopback; the header it adds tells them apart
    return ipaddress.ip_address(request.remote_addr).is_loopback


def _request_registry() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return LOCAL
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return registry


class HubCollector:
    """The hub's state as gauges, read when collected. Needs an application context."""

    def __init__(self, connection: redis.Redis) -> None:
        self.connection = connection

    def collect(self) -> Iterator[Metric]:
        yield _gauge("perron_transfers", "Transfers that are not done, by state", "state", _transfers())
        yield GaugeMetricFamily(
            "perron_oldest_due_seconds", "How long the oldest due transfer has been waiting", value=_oldest_due()
        )
        yield _gauge("perron_attempts_5m", "Closed attempts of 5 minutes, by outcome", "outcome", _attempts())
        yield GaugeMetricFamily("perron_runs_failed_5m", "Failed runs of 5 minutes", value=_failed_runs())
        yield _gauge("perron_queue_jobs", "Jobs waiting in the broker, by queue", "queue", self._queues())
        yield GaugeMetricFamily("perron_workers", "Live workers", value=live_workers(self.connection))

    def _queues(self) -> dict[str, int]:
        return {name: Queue(name, connection=self.connection).count for name in QUEUES}


def _gauge(name: str, help_text: str, label: str, values: dict[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _counts(query: Any) -> dict[str, int]:
    return {key: count for key, count in db.session.execute(query)}


def _transfers() -> dict[str, int]:
    query = select(Transfer.state, func.count()).where(Transfer.state.in_(STATES)).group_by(Transfer.state)
    return dict.fromkeys(STATES, 0) | _counts(query)


def _oldest_due() -> float:
    oldest = db.session.scalar(select(func.min(Transfer.not_before)).where(Transfer.state == "waiting"))
    return max(0.0, (utcnow() - oldest).total_seconds()) if oldest else 0.0


def _attempts() -> dict[str, int]:
    recent = Attempt.started_at > utcnow() - RECENT
    query = select(Attempt.outcome, func.count()).where(recent, Attempt.outcome.is_not(None)).group_by(Attempt.outcome)
    return dict.fromkeys(("done", "refused", "later", "unknown", "mixed"), 0) | _counts(query)


def _failed_runs() -> int:
    query = select(func.count()).where(Run.state == "failed", Run.finished_at > utcnow() - RECENT)
    return db.session.scalar(query) or 0
