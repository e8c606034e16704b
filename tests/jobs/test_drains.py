"""What may come between while transfers are worked off: the broker, its lock, tries that are enough, an edit."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from flask import Flask
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import event as sql_event

from integrations import connectors
from integrations.sandbox import SandboxServer
from jobs import claims, retries, runs, wake, work
from models import Connection, Order, Run, Transfer, db
from orders import editing
from orders.timeline import Actor

from .conftest import make_orders, queued
from .test_transfers import make_due, rename_all, send, states, status_names, stored, stored_orders

pytestmark = pytest.mark.usefixtures("unlimited")

AWAY = redis.Redis(host="127.0.0.1", port=1, retry=Retry(NoBackoff(), 0))


def lock_key(connection: Connection) -> str:
    return f"hub:drain:{connection.id}"


@contextmanager
def meanwhile(action: Any, seconds: float = 0.3) -> Iterator[None]:
    """Something happens while a slow call is under way."""

    def later() -> None:
        time.sleep(seconds)
        action()

    thread = threading.Thread(target=later)
    thread.start()
    yield
    thread.join()


def test_while_one_worker_drains_another_leaves_it_alone(
    context: Flask, crm: Connection, sandbox: SandboxServer
) -> None:
    send(make_orders(1), crm)
    with wake.broker().lock(lock_key(crm), timeout=60):
        work.drain(crm.id)
        assert (states(), stored(sandbox)) == ({"waiting": 1}, [])
    work.drain(crm.id)
    assert states() == {"done": 1}


def test_a_broker_that_is_away_stops_no_drain(context: Flask, crm: Connection, sandbox: SandboxServer) -> None:
    ids = make_orders(2)
    send(ids, crm)
    there, context.extensions["broker"] = context.extensions["broker"], AWAY
    work.drain(crm.id)
    context.extensions["broker"] = there
    assert (states(), len(stored(sandbox))) == ({"done": 2}, 2)


@pytest.mark.parametrize("is_there", [True, False], ids=["lock_taken_away", "no_broker"])
def test_a_lock_that_is_gone_stops_no_drain(
    context: Flask, crm: Connection, sandbox: SandboxServer, is_there: bool
) -> None:
    """A slow call, in the midst of which the leases are kept alive."""
    broker, ids = wake.broker(), make_orders(2)
    key = lock_key(crm)
    send(ids, crm)
    sandbox.app.latency = 2
    if not is_there:
        context.extensions["broker"] = None
    with meanwhile(lambda: broker.delete(key)):
        work.drain(crm.id)
    context.extensions["broker"] = broker
    assert (states(), len(stored(sandbox))) == ({"done": 2}, 2)


def test_what_is_not_called_any_more_is_given_back(context: Flask, crm: Connection, sandbox: SandboxServer) -> None:
    """Updates go singly: when the vendor goes away, most of those that were taken have not begun."""
    ids = make_orders(90)
    send(ids, crm)
    work.drain(crm.id)
    rename_all()
    sandbox.vendor("retailcrm").fault("rate_limited", times=0, path="/edit", retry_after=60)
    send(ids, crm)
    work.drain(crm.id)
    assert states() == {"done": 90, "waiting": 90}
    tried = db.session.scalars(db.select(Transfer.tries).where(Transfer.state == "waiting")).all()
    assert set(tried) == {0, 1}, "what was given back has not been tried"
    sandbox.vendor("retailcrm").clear_faults()
    make_due()
    work.drain(crm.id)
    assert states() == {"done": 180}


@pytest.mark.parametrize(("fault", "state"), [("rate_limited", "refused"), ("lost", "parked")])
def test_enough_is_enough(
    context: Flask, crm: Connection, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, fault: str, state: str
) -> None:
    """After so many tries a person has to look; where a call may have arrived, at the vendor first."""
    monkeypatch.setattr(retries, "UNKNOWN_TRIES", 1)
    ids = make_orders(1)
    send(ids, crm)
    db.session.execute(db.update(Transfer).values(tries=retries.LATER_TRIES + 2 if state == "refused" else 0))
    db.session.commit()
    sandbox.vendor("retailcrm").fault(fault, times=1, path="orders/", retry_after=60)
    work.drain(crm.id)
    assert states() == {state: 1}
    assert status_names(ids) == {"problem"}


def test_a_copy_that_is_found_is_brought_up_to_date(context: Flask, crm: Connection, sandbox: SandboxServer) -> None:
    """The answer was lost, and the order was edited before anybody looked."""
    (order_id,) = make_orders(1)
    sandbox.vendor("retailcrm").fault("lost", times=1, path="orders/")
    send([order_id], crm)
    work.drain(crm.id)
    order = db.session.get_one(Order, order_id)
    editing.update(order_id, order.version, {"first_name": "Марія"}, None, Actor("person", "Tester"))
    db.session.commit()
    for _ in range(3):
        make_due()
        work.drain(crm.id)
    assert states() == {"done": 1}
    assert [stored_order["firstName"] for stored_order in stored_orders(sandbox)] == ["Марія"]


def test_done_without_a_copy_is_not_believed(
    context: Flask, crm: Connection, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = connectors()["retailcrm"]
    forgets = {"send": lambda self, orders: [type(sent)(sent.key) for sent in kind.send(self, orders)]}  # type: ignore[attr-defined]  # it can
    monkeypatch.setitem(connectors(), "retailcrm", type("Forgetful", (kind,), forgets))
    send(make_orders(2), crm)
    work.drain(crm.id)
    assert (states(), len(stored(sandbox))) == ({"waiting": 2}, 2)
    make_due()
    work.drain(crm.id)
    assert (states(), len(stored(sandbox))) == ({"done": 2}, 2)


def test_a_status_that_was_removed_meanwhile_is_not_set(context: Flask, crm: Connection) -> None:
    ids = make_orders(1)
    send(ids, crm)
    db.session.execute(db.update(Transfer).values(payload={"success": 9_999}))
    db.session.commit()
    work.drain(crm.id)
    assert (states(), status_names(ids)) == ({"done": 1}, {"new"})


def test_an_order_removed_after_its_claim_is_not_sent(context: Flask, crm: Connection) -> None:
    ids = make_orders(2)
    send(ids, crm)
    taken = claims.claim(crm.id, 50)
    drain = work.Drain(crm.id)
    drain.size = 50
    (batch,) = drain._batches(taken, {ids[1]: (1, None)})  # type: ignore[dict-item]  # only which are there counts
    assert [claim.order_id for claim in batch.claims] == ids[1:]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_run_that_ends_while_a_person_asks_is_followed_by_another(context: Flask, prom: Connection) -> None:
    """Between two looks of one request. On SQLite there is one writer at a time."""
    begun = runs.request(prom.id, "orders", "a")
    assert begun is not None
    begun.state = "working"
    db.session.commit()
    begun_id = begun.id

    def ends(_conn: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if "FROM runs" in statement and "FOR UPDATE" in statement and not ended:
            ended.append(begun_id)
            with db.engine.begin() as other:
                other.execute(db.update(Run).where(Run.id == begun_id).values(state="done"))

    ended: list[int] = []
    sql_event.listen(db.engine, "before_cursor_execute", ends)
    asked = runs.request_anew(prom.id, "orders", "Olena")
    sql_event.remove(db.engine, "before_cursor_execute", ends)
    db.session.commit()
    assert asked is not None
    assert (ended, asked.requested_by) == ([begun_id], "Olena")
    assert "jobs.runs.carry_out" in queued()
