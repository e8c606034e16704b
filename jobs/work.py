"""Transfers: `drain` works off what is due for one connection, `sweep` sees to it that nothing is forgotten.

The database is never left in a transaction while a vendor is asked: claims, attempts and results are each committed,
the calls run in threads that hold no session.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from typing import Any

import structlog
from flask import Flask, current_app
from redis.exceptions import LockError, RedisError

from integrations import connector
from integrations.types import OrderData
from models import (
    Attempt,
    AttemptItem,
    Connection,
    ExternalProduct,
    Prepared,
    Transfer,
    add_rows,
    db,
    insert_into,
    utcnow,
)

from . import claims, connections, deletions, orderdata, pace, results, told, upkeep, wake
from .calls import Batch, Caller, Report, Result
from .claims import Claim

log = structlog.get_logger()

_BEGUN = Prepared(
    db.insert(Attempt.__table__).returning(Attempt.__table__.c.id),
    ("connection_id", "verb", "started_at", "exchanges", "fault", "detail"),
)
#: calls of one drain under way at once: while one waits for the vendor, another's results are written
PARALLEL = 6
#: threads that write results. A commit on PostgreSQL keeps the server as busy as us; SQLite has one writer, the drain
WRITERS = {"postgresql": 3}
#: seconds that a thread may keep the interpreter while others want it (Python's own: 0.005). Each statement asks for it
#: twice, so a batch's results waited longer for the threads that write orders than for the database
TURN = 0.0005
#: claims in one round of calls that go one by one
SINGLES = 10
#: a vendor that asks for less patience than this (seconds), and not more often than so in one drain, is waited for
PATIENCE, SLOWED = 5.0, 5
#: seconds that a drain waits for what is due then, rather than leave it to the sweeper
MOMENT = 1.5


def drain(connection_id: int) -> None:
    """Work off all due transfers of a connection. Safe to run twice at once: claims go to one worker each, and a lock
    in the broker keeps a second one from starting where it would only be in the way."""
    wake.clear_mark(connection_id)
    while _drain_alone(connection_id):
        soon = claims.due_in(connection_id)  # work that came while the lock was being given back, or had no turn
        db.session.rollback()
        if soon is None or soon > MOMENT:
            return
        time.sleep(max(soon, 0))


def _drain_alone(connection_id: int) -> bool:
    """Drain under the connection's lock; False when another worker has it."""
    broker = wake.broker()
    seconds = 2 * current_app.config["HUB"].lease_seconds
    lock = broker.lock(f"hub:drain:{connection_id}", timeout=seconds) if broker else None
    try:
        if lock is not None and not lock.acquire(blocking=False):
            return False
    except RedisError:
        lock = None  # the rows' own leases are enough
    try:
        return Drain(connection_id, lock).run()
    finally:
        if lock is not None:
            try:
                lock.release()
            except (LockError, RedisError) as error:
                log.info("drain_lock_gone", connection=connection_id, error=str(error))


class Drain:
    """One run over a connection's due transfers."""

    def __init__(self, connection_id: int, lock: object = None) -> None:
        self.connection_id = connection_id
        self.lock = lock
        self.ready: deque[Batch] = deque()
        self.flying: dict[Future[Report], Batch] = {}
        self.writing: dict[Future[None], Batch] = {}
        self.writers: ThreadPoolExecutor | None = None
        self.kept = time.monotonic()
        self.halted = False  # the vendor is away: the rest waits for the sweeper
        self.slowed = 0  # how often it said "too many calls"

    def run(self) -> bool:
        """True when all that was due is done, False when there is no use in going on now."""
        row = db.session.get(Connection, self.connection_id, populate_existing=True)
        if row is None or not connections.usable(row):
            db.session.rollback()
            return False
        self.size = connector(row.kind).batch_size
        self.caller = Caller(connections.open_connector(row), self._known_products())
        writers = WRITERS.get(db.engine.dialect.name, 0)
        db.session.rollback()
        with ExitStack() as stack:
            stack.enter_context(_short_turns())
            pool = stack.enter_context(ThreadPoolExecutor(PARALLEL, thread_name_prefix="call"))
            if writers:
                self.writers = stack.enter_context(ThreadPoolExecutor(writers, thread_name_prefix="write"))
            while self._fill(pool):
                self._collect()
        return not self.halted

    def _known_products(self) -> set[str]:
        query = db.select(ExternalProduct.sku).where(ExternalProduct.connection_id == self.connection_id)
        return set(db.session.scalars(query))

    def _fill(self, pool: ThreadPoolExecutor) -> bool:
        """Keep the threads busy; False when nothing is under way any more."""
        while len(self.flying) < PARALLEL > len(self.writing) and (self.ready or self._claim()):
            batch = self.ready.popleft()
            self._open_attempt(batch)
            self.flying[pool.submit(self.caller.call, batch)] = batch
        return bool(self.flying or self.writing)

    def _claim(self) -> bool:
        if self.halted:
            return False
        taken = claims.claim(self.connection_id, max(self.size, SINGLES) * PARALLEL)
        taken = deletions.still_wanted(taken)
        ids = [claim.order_id for claim in taken if claim.operation == "send"]
        orders = orderdata.load(ids, self.connection_id) if ids else {}
        db.session.rollback()
        self.ready += self._batches(taken, orders)
        self.caller.expect(order for _, order in orders.values())
        return bool(self.ready)

    def _batches(self, taken: list[Claim], orders: Mapping[int, tuple[int, OrderData]]) -> list[Batch]:
        """Sort claims into calls. An order removed for good since its claim took its transfer along."""
        by_verb: dict[str, list[Claim]] = {}
        for claim in taken:
            if claim.operation != "send" or claim.order_id in orders:
                by_verb.setdefault(_verb(claim), []).append(claim)
        found = []
        for verb, group in by_verb.items():
            size = {"send": self.size, "find": max(self.size, SINGLES), "status": 50}.get(verb, SINGLES)
            found += [Batch(verb, group[i : i + size], orders) for i in range(0, len(group), size)]
        return found

    def _open_attempt(self, batch: Batch) -> None:
        """Write down that the call is about to be made, before it is made."""
        if batch.verb == "send":
            self._mark_uncertain(batch)
        elif batch.verb == "delete":
            deletions.mark_begun(batch.claims)
        elif batch.verb == "status":
            told.begun(self.connection_id, batch.claims)
        known = {"connection_id": self.connection_id, "verb": batch.verb, "started_at": utcnow()}
        batch.attempt_id = _BEGUN.rows(**known, exchanges=[], fault="", detail="")[0].id
        items = [{"attempt_id": batch.attempt_id, "transfer_id": c.id, "order_id": c.order_id} for c in batch.claims]
        add_rows(AttemptItem, items)
        db.session.commit()

    def _mark_uncertain(self, batch: Batch) -> None:
        by_version: dict[int, list[int]] = {}
        for claim in batch.claims:
            by_version.setdefault(batch.orders[claim.order_id][0], []).append(claim.id)
        for version, ids in by_version.items():
            claims.set_values(ids, uncertain=True, sent_version=version)

    def _collect(self) -> None:
        """Wait for calls to end and write what came of them; meanwhile keep the leases of all that is held."""
        every = current_app.config["HUB"].lease_seconds / 4
        under_way: list[Future[Any]] = [*self.flying, *self.writing]
        ended, _ = wait(under_way, timeout=every, return_when=FIRST_COMPLETED)
        if time.monotonic() - self.kept > every:
            self._keep()
        for future in ended:
            if future in self.writing:
                del self.writing[future]
                future.result()  # what went wrong there is raised here
            else:
                self._write(self.flying.pop(future), future.result())

    def _write(self, batch: Batch, report: Report) -> None:
        if away := next((r for r in report.results.values() if r.outcome == "later"), None):
            self._slow_down(away)  # before it is written: no more calls meanwhile
        if report.products:
            self._remember_products(report.products)
        if self.writers is None:
            results.write(self.connection_id, batch, report)
        else:
            app = current_app._get_current_object()  # type: ignore[attr-defined]  # Flask's way to hand it to a thread
            self.writing[self.writers.submit(_write_there, app, self.connection_id, batch, report)] = batch

    def _keep(self) -> None:
        self.kept = time.monotonic()
        batches = (*self.flying.values(), *self.writing.values(), *self.ready)
        held = [claim for batch in batches for claim in batch.claims]
        claims.keep(held)
        if self.lock is not None:
            try:
                self.lock.reacquire()  # type: ignore[attr-defined]  # redis.lock.Lock
            except (LockError, RedisError) as error:
                log.info("drain_lock_gone", connection=self.connection_id, error=str(error))

    def _slow_down(self, away: Result) -> None:
        """One call too many costs a moment; a vendor that is away, or goes on complaining, is left alone."""
        moment = max(away.retry_after or 1.0, 1.0)
        self.slowed += 1
        if away.fault == "rate_limited" and moment <= PATIENCE and self.slowed <= SLOWED:
            pace.hold(wake.broker(), str(self.connection_id), moment)
        else:
            self._halt()

    def _halt(self) -> None:
        """The vendor is away or has had enough: give back what is claimed and not yet sent."""
        self.halted = True
        waiting = claims.supersede([claim.id for batch in self.ready for claim in batch.claims])
        self.ready.clear()
        if waiting:
            back = db.update(Transfer).where(Transfer.id.in_(waiting), Transfer.state == "working")
            values = {"state": "waiting", "lease_until": None, "tries": Transfer.tries - 1}
            db.session.execute(back.values(values).execution_options(synchronize_session=False))
            db.session.commit()

    def _remember_products(self, found: dict[str, str]) -> None:
        query = insert_into(ExternalProduct).on_conflict_do_nothing(index_elements=["connection_id", "sku"])
        values = [
            {"connection_id": self.connection_id, "sku": sku, "external_id": external}
            for sku, external in found.items()
        ]
        db.session.execute(query, values)
        db.session.commit()


@contextmanager
def _short_turns() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _write_there(app: Flask, connection_id: int, batch: Batch, report: Report) -> None:
    """In a thread, with a session of its own."""
    with app.app_context():
        results.write(connection_id, batch, report)


def _verb(claim: Claim) -> str:
    if claim.operation != "send":
        return claim.operation
    if claim.uncertain:
        return "find"
    return "update" if claim.external_id else "send"


def sweep() -> None:
    """Every few seconds: free what dead workers held, wake workers for all that is due, tidy up."""
    claims.free_expired()
    for connection_id in claims.due_connections():
        wake.drain_soon(connection_id)
    db.session.rollback()
    upkeep.tidy()
