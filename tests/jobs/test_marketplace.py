"""A marketplace end to end: accepted by itself, and what is stuck cancelled there with a reason, by a rule."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integrations.sandbox import SandboxServer
from jobs import automation, connections, work
from models import Connection, Mapping, Order, RuleWait, Status, db, utcnow
from orders import rules
from tests.orders import build
from views import rule_templates


def pull(prom: Connection) -> None:
    build.ran(prom.id, "orders")
    work.drain(prom.id)
    db.session.expire_all()


def test_new_orders_are_accepted_there_by_themselves(prom: Connection, unlimited: SandboxServer) -> None:
    sandbox = unlimited.vendor("prom")
    connections.change(prom, {**prom.settings, "token": "sandbox-token", "accept_new": True})
    fresh, older = sandbox.new_order()["id"], sandbox.new_order(status="delivered")["id"]
    pull(prom)
    pull(prom)
    there = sandbox.account(None).table("orders")
    assert (there[fresh]["status"], there[older]["status"]) == ("received", "delivered")


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"reason": "another"}, "The order was not confirmed in time."),
        ({"reason": "invalid_phone_number"}, None),
        ({"reason": "another", "text": "Closed"}, "Closed"),
    ],
)
def test_what_is_stuck_is_cancelled_there(
    prom: Connection, unlimited: SandboxServer, extra: dict[str, str], said: str | None
) -> None:
    sandbox = unlimited.vendor("prom")
    cancelled = build.status("cancelled")
    out = {"table": "status_out", "lookup": str(cancelled.id), "theirs": "canceled", "extra": extra}
    db.session.add(Mapping(connection_id=prom.id, **out))
    form = rule_templates.form_of("stuck")
    assert form is not None
    rules.save(None, form.draft(), "Olena")
    assert form.errors == {}
    db.session.commit()
    unpaid = {"status": "pending", "payment_data": None}
    number = sandbox.new_order(**unpaid)["id"]
    pull(prom)
    automation.work()
    (wait,) = db.session.scalars(db.select(RuleWait))
    assert wait.due_at - wait.since == timedelta(days=3)
    wait.due_at = utcnow() - timedelta(seconds=1)
    db.session.commit()
    automation.tick()
    automation.work()
    work.drain(prom.id)
    order = sandbox.account(None).table("orders")[number]
    assert (order["status"], order["cancellation"]["initiator"]) == ("canceled", "company")
    assert said is None or order["cancellation"]["title"] == said
    assert db.session.scalar(db.select(Status.key).join(Order)) == "cancelled"
