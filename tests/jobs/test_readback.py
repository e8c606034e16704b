"""Statuses read back from a destination that is away for a while, and asked of a system that has none to read."""

from __future__ import annotations

import pytest
from flask import Flask

from integrations.sandbox import SandboxServer
from jobs import work
from models import Attempt, Connection, Link, Mapping, OrderEvent, Transfer, db
from orders import work as requests

from .conftest import make_orders
from .test_intake import count, only_order, run, status

pytestmark = pytest.mark.usefixtures("unlimited")


@pytest.fixture
def sent(context: Flask, crm: Connection) -> int:
    """An order with a copy at `crm`; its id."""
    code = {"table": "status_in", "lookup": "no-call", "theirs": "no-call", "ours": status("problem").id, "extra": {}}
    db.session.add(Mapping(connection_id=crm.id, **code))
    [order_id] = make_orders(1)
    requests.request_send([order_id], crm.id, "Tester")
    db.session.commit()
    work.drain(crm.id)
    return order_id


def timeline(order_id: int) -> int:
    return count(OrderEvent, OrderEvent.order_id == order_id)


@pytest.mark.parametrize(
    ("fault", "known_as", "outcome"),
    [("error500", "unavailable", "later"), ("garbage", "broken", "unknown"), ("drop", "unavailable", "later")],
)
def test_a_reading_that_fails_is_told_and_the_next_one_misses_nothing(
    crm: Connection, sandbox: SandboxServer, sent: int, fault: str, known_as: str, outcome: str
) -> None:
    vendor = sandbox.vendor("retailcrm")
    assert run(crm, "statuses").state == "done"
    before, events = db.session.get_one(Connection, crm.id).cursor, timeline(sent)
    vendor.set_status(int(str(db.session.scalars(db.select(Link.external_id)).one())), "no-call")
    vendor.fault(fault, times=0)
    failed = run(crm, "statuses")
    vendor.clear_faults()
    assert (failed.state, failed.fault) == ("failed", known_as)
    row = db.session.get_one(Connection, crm.id)
    assert row.last_error is not None  # the connection shows it
    assert (row.last_error["fault"], row.cursor) == (known_as, before)
    log = db.session.scalars(db.select(Attempt).where(Attempt.verb == "statuses")).one()
    assert (log.outcome, log.fault, bool(log.exchanges)) == (outcome, known_as, True)
    assert (only_order().status.key, timeline(sent)) == ("transferred", events)

    again = run(crm, "statuses")
    assert (again.state, again.counts["changed"]) == ("done", 1)
    assert only_order().status.key == "problem"
    row = db.session.get_one(Connection, crm.id)
    assert (row.last_error, row.cursor == before) == (None, False)
    assert count(Transfer) == 1  # nothing goes back


def test_a_system_without_statuses_to_read_is_not_asked_for_any(prom: Connection, sandbox: SandboxServer) -> None:
    """The command line takes any task of any connection."""
    vendor = sandbox.vendor("prom")
    made = vendor.new_order(status="pending")
    run(prom)
    order, events = only_order(), count(OrderEvent)
    vendor.change(made["id"], status="delivered")
    asked, cursor = vendor.requests, db.session.get_one(Connection, prom.id).cursor
    done = run(prom, "statuses")
    assert (done.state, done.counts, done.fault) == ("done", {}, "")
    assert vendor.requests == asked
    assert db.session.get_one(Connection, prom.id).cursor == cursor
    assert (only_order().status_id, count(OrderEvent)) == (order.status_id, events)
