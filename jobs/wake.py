"""Wakes workers after a commit. Losing the broker delays work until the sweeper's next round, never loses it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from flask import Flask, current_app, g
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import event
from sqlalchemy.orm import Session

from models import db, reading, unchanged
from orders import stock

log = structlog.get_logger()

#: a wake-up already on its way serves all that comes meanwhile; the worker clears the mark before it looks
_MARK_SECONDS = 20
_MARK = "hub:woken:{}"
#: grows with every commit that changed what pages show; open pages ask for it instead of asking the database
_REVISION = "hub:revision"


#: one more change; which of the keys after the first, its number, were not marked yet
_NEWS = """
redis.call('INCR', KEYS[1])
local asleep = {}
for i = 2, #KEYS do
  if redis.call('SET', KEYS[i], 1, 'NX', 'EX', ARGV[1]) then asleep[#asleep + 1] = i end
end
return asleep
"""


def init_app(app: Flask) -> None:
    with app.app_context():
        session_class = db.session.session_factory.class_ if hasattr(db.session, "session_factory") else Session
    stock.watch(session_class)
    if not event.contains(session_class, "after_commit", _after_commit):
        event.listen(session_class, "after_commit", _after_commit)
        event.listen(session_class, "after_rollback", _after_rollback)


def broker() -> Redis | None:
    found: Redis | None = current_app.extensions["broker"]
    return found


def queue(name: str = "default") -> Queue:
    """The RQ queue, where there is a broker."""
    return Queue(name, connection=current_app.extensions["broker"], serializer=JSONSerializer)


def drain_soon(connection_id: int) -> None:
    """Have a worker look for due transfers of this connection."""
    redis = broker()
    if redis is None:
        return
    try:
        if redis.set(_MARK.format(connection_id), 1, nx=True, ex=_MARK_SECONDS):
            _enqueue_drain(connection_id)
    except RedisError as error:
        log.warning("broker_away", error=str(error))


def _enqueue_drain(connection_id: int) -> None:
    queue("high").enqueue("jobs.work.drain", connection_id, result_ttl=0, failure_ttl=86400, job_timeout=900)


def _enqueue_run(run_id: int) -> None:
    queue("default").enqueue("jobs.runs.carry_out", run_id, result_ttl=0, failure_ttl=86400, job_timeout=3600)


def run_next(run_id: int) -> None:
    """Have a worker carry out this run once this transaction is committed."""
    db.session().info.setdefault("runs", set()).add(run_id)


@dataclass(frozen=True)
class Job:
    """Work on one row. `once`: a wake-up on its way serves all that comes meanwhile; its function calls `begun`."""

    function: str
    queue: str
    timeout: int  # seconds
    once: bool = False
    of_a_row: bool = True  # else it is called without an id


#: what a transaction may ask for besides drains and runs
JOBS = {
    "export": Job("jobs.exports.make", "low", 7200),
    "import": Job("jobs.importing.work", "low", 7200),
    "products": Job("jobs.catalogue_files.work", "low", 7200),
    "pictures": Job("jobs.pictures.check", "low", 600),
    "mail": Job("jobs.mail.deliver", "default", 120),
    "payment": Job("jobs.payments.work", "high", 300),
    "notice": Job("jobs.inbox.process", "high", 300),
    "news": Job("jobs.news.work", "high", 300, once=True),
    "held": Job("jobs.held.take_due", "high", 600, once=True),
    "webhook": Job("jobs.webhooks.deliver", "low", 900, once=True),
    "rules": Job("jobs.automation.work", "default", 900, once=True, of_a_row=False),
    "stock": Job("jobs.stock_due.start", "default", 120, once=True),
    "tie": Job("jobs.notices.look_for_code", "high", 60),
    "messages": Job("jobs.messages.deliver", "default", 900, once=True, of_a_row=False),
}


def soon(kind: str, row_id: int) -> None:
    """Have a worker do a job of JOBS once this transaction is committed."""
    db.session().info.setdefault("jobs", set()).add((kind, row_id))


def now(kind: str, row_id: int, once_in: int = 0) -> None:
    """Have a worker do a job of JOBS; with `once_in`, not more often than once in so many seconds."""
    redis, job = broker(), JOBS[kind]
    if redis is None:
        return
    seconds = once_in or (_MARK_SECONDS if job.once else 0)
    try:
        if not seconds or redis.set(_MARK.format(f"{kind}:{row_id}"), 1, nx=True, ex=seconds):
            named = (row_id,) if job.of_a_row else ()
            queue(job.queue).enqueue(job.function, *named, result_ttl=0, failure_ttl=86400, job_timeout=job.timeout)
    except RedisError as error:
        log.warning("broker_away", error=str(error))


def begun(kind: str, row_id: int) -> None:
    """The job looks now: what comes from here on needs a wake-up of its own."""
    _forget(f"{kind}:{row_id}")


def clear_mark(connection_id: int) -> None:
    _forget(connection_id)


def _forget(mark: str | int) -> None:
    """A broker that is away holds no mark for longer than its time."""
    redis = broker()
    if redis is None:
        return
    try:
        redis.delete(_MARK.format(mark))
    except RedisError as error:
        log.warning("broker_away", error=str(error))


def changed() -> None:
    """Note that what pages show has changed; told to them after the commit."""
    db.session().info["changed"] = True


def revision() -> int | None:
    """The number of the last change, None when the broker can't tell. A request that only reads asks once, before it
    looks at the database (app._begin, security): else a change in between would be in its number and not on its page.
    A page asks the broker only if something was committed; the number may be smaller than it is then, since it grows
    after the commit, so who looks for news asks in any case."""
    if not reading.get():
        return _revision()
    if "revision" not in g:
        g.revision = unchanged(_REVISION, _revision, first=True)
    found: int | None = g.revision
    return found


def _revision() -> int | None:
    redis = broker()
    if redis is None:
        return None
    try:
        return int(redis.get(_REVISION) or 0)
    except RedisError:
        return None


def _after_commit(session: Session) -> None:
    ids, runs = session.info.pop("wake", set()), session.info.pop("runs", set())
    news, jobs = session.info.pop("changed", False), session.info.pop("jobs", set())
    if ids or runs or news:
        _tell(sorted(ids), sorted(runs))
    for kind, row_id in sorted(jobs):
        now(kind, row_id)


def _tell(connection_ids: Sequence[int], run_ids: Sequence[int]) -> None:
    """Pages and workers, in one round trip where everybody is awake already."""
    redis = broker()
    if redis is None:
        return
    try:
        marks = [_MARK.format(connection_id) for connection_id in connection_ids]
        asleep: Any = redis.eval(_NEWS, 1 + len(marks), _REVISION, *marks, _MARK_SECONDS)
        for place in asleep:
            _enqueue_drain(connection_ids[place - 2])
        for run_id in run_ids:
            _enqueue_run(run_id)
    except RedisError as error:
        log.warning("broker_away", error=str(error))


def _after_rollback(session: Session) -> None:
    for key in ("wake", "runs", "changed", "jobs"):
        session.info.pop(key, None)
