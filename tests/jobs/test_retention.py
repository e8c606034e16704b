"""What the night drops: bodies and logs older than the owner keeps them, in small batches, and never orders."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import inspect

from jobs import retention, runs, webhooks, work
from models import (
    Attempt,
    Connection,
    Incoming,
    Link,
    Message,
    Option,
    Order,
    OrderEvent,
    OrderLine,
    Payment,
    RuleRun,
    Run,
    Transfer,
    WebhookAttempt,
    WebhookDelivery,
    db,
)
from orders import outbox
from orders import work as requests
from tests.orders import build

from .conftest import make_orders

NOON = datetime.now(UTC).replace(hour=10, minute=0)  # in the hub's zone too it is past three


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(retention, "PAUSE", 0)
    monkeypatch.setattr(retention, "utcnow", lambda: NOON)


def aged(model: Any, at: Any, days: float, *conditions: Any) -> None:
    query = db.update(model).where(*conditions).values({at.key: NOON - timedelta(days=days)})
    db.session.execute(query.execution_options(synchronize_session=False))
    db.session.commit()


def night() -> None:
    """As if the last one were a day ago."""
    row = db.session.get(Option, retention.STATE)
    if row:
        row.value = {**row.value, "day": ""}
    db.session.commit()
    retention.night()
    db.session.expire_all()


def incoming(connection: Connection, n: int, **values: Any) -> list[int]:
    made = []
    for i in range(n):
        common = {"external_id": str(i), "fingerprint": f"{values}{i}"[:64], "body": {"id": i}, "state": "applied"}
        row = Incoming(connection_id=connection.id, **{**common, **values})
        db.session.add(row)
        db.session.flush()
        made.append(row.id)
    db.session.commit()
    return made


def bodies(ids: list[int]) -> list[Any]:
    return [bool(db.session.get(Incoming, i).body) for i in ids]


def test_bodies_of_what_came_go_and_the_rows_stay(prom: Connection) -> None:
    old = incoming(prom, 5)
    aged(Incoming, Incoming.received_at, 91)
    new = incoming(prom, 2, state="echo")
    night()
    assert (bodies(old), bodies(new)) == ([False] * 5, [True] * 2)
    assert retention.last()["counts"]["originals"] == 5
    aged(Incoming, Incoming.received_at, 91)
    night()
    assert (bodies(new), retention.last()["counts"]["originals"]) == ([False] * 2, 2)


def test_an_order_that_could_not_be_read_keeps_its_body_until_it_is(prom: Connection) -> None:
    stuck, *others = incoming(prom, 1, state="failed") + incoming(prom, 4)
    aged(Incoming, Incoming.received_at, 91)
    night()
    assert (bodies([stuck]), bodies(others)) == ([True], [False] * 4)
    db.session.get(Incoming, stuck).state = "applied"
    db.session.commit()
    night()
    assert bodies([stuck]) == [False]


def test_a_source_that_tells_an_old_order_again_makes_no_second_one(prom: Connection, sandbox: Any) -> None:
    sandbox.vendor("prom").new_order()
    build.ran(prom.id, "orders")
    n = db.session.scalar(db.select(db.func.count()).select_from(Order))
    aged(Incoming, Incoming.received_at, 91)
    night()
    assert not any(bodies(list(db.session.scalars(db.select(Incoming.id)))))
    db.session.get(Connection, prom.id).cursor = {}
    build.ran(prom.id, "orders")
    assert db.session.scalar(db.select(db.func.count()).select_from(Order)) == n > 0


def test_exchanges_go_and_attempts_stay(crm: Connection) -> None:
    ids = make_orders(3)
    requests.request_send(ids, crm.id, "Tester")
    db.session.commit()
    work.drain(crm.id)
    n = db.session.scalar(db.select(db.func.count()).select_from(Attempt))
    assert all(db.session.scalars(db.select(Attempt.exchanges)))
    night()
    assert all(db.session.scalars(db.select(Attempt.exchanges)))
    aged(Attempt, Attempt.started_at, 31)
    night()
    assert not any(db.session.scalars(db.select(Attempt.exchanges)))
    assert db.session.scalar(db.select(db.func.count()).select_from(Attempt)) == n > 0


def test_deliveries_that_are_over_go(context: Any) -> None:
    endpoint, _secret = webhooks.create("https://shop.example/hook", outbox.EVENTS)
    order_id = make_orders(1)[0]
    states = ("done", "failed", "done", "waiting")
    db.session.execute(db.delete(WebhookDelivery))
    for state in states:
        row = WebhookDelivery(**outbox.delivery(endpoint.id, "order.created", order_id, {}), state=state)
        row.attempts = [WebhookAttempt(status=200)]
        db.session.add(row)
    db.session.commit()
    night()
    assert len(db.session.scalars(db.select(WebhookDelivery)).all()) == 4
    aged(WebhookDelivery, WebhookDelivery.created_at, 31)
    night()
    assert db.session.scalars(db.select(WebhookDelivery.state)).all() == ["waiting"]
    assert len(db.session.scalars(db.select(WebhookAttempt)).all()) == 1


def test_traces_messages_and_runs_go(prom: Connection) -> None:
    order_id = make_orders(1)[0]
    for age in (91, 91, 91, 1):
        at = NOON - timedelta(days=age)
        db.session.add(RuleRun(rule_name=str(age), order_id=order_id, event="created", at=at))
        texts = {"channel": "email", "target": "a@b.ua", "body": "x", "rule_name": str(age), "state": "sent"}
        db.session.add(Message(order_id=order_id, created_at=at, **texts))
    for age, task in ((93, "orders"), (92, "orders"), (91, "statuses"), (1, "orders")):
        at = NOON - timedelta(days=age)
        db.session.add(Run(connection_id=prom.id, task=task, state="done", created_at=at))
        db.session.flush()
    db.session.commit()
    night()
    assert db.session.scalars(db.select(RuleRun.rule_name)).all() == ["1"]
    assert db.session.scalars(db.select(Message.rule_name)).all() == ["1"]
    found = db.session.execute(db.select(Run.task, Run.created_at).order_by(Run.id)).all()
    assert [(row.task, (NOON - row.created_at).days) for row in found] == [("statuses", 91), ("orders", 1)]


def test_orders_and_all_that_is_theirs_stay_as_they_are(crm: Connection, prom: Connection, sandbox: Any) -> None:
    sandbox.vendor("prom").new_order()
    runs.request(prom.id, "orders", "Tester")
    requests.request_send(make_orders(2), crm.id, "Tester")
    db.session.commit()
    runs.carry_out(db.session.scalar(db.select(db.func.max(Run.id))))
    work.drain(crm.id)
    db.session.add(Payment(order_id=db.session.scalar(db.select(db.func.min(Order.id))), amount=10, currency="UAH"))
    db.session.commit()
    for model in (Order, OrderEvent, Incoming, Attempt):
        for column in inspect(model).columns:
            if column.key in ("created_at", "placed_at", "received_at", "started_at", "at"):
                aged(model, column, 4000)
    before = theirs()
    retention.save(dict.fromkeys(retention.KINDS, 1))
    db.session.commit()
    night()
    assert theirs() == before
    assert retention.last()["counts"]["exchanges"] > 0


def theirs() -> dict[str, list[Any]]:
    """Every row of the tables that hold orders."""
    db.session.rollback()
    tables = [model.__table__ for model in (Order, OrderLine, OrderEvent, Payment, Link, Transfer)]
    return {t.name: [tuple(row) for row in db.session.execute(t.select().order_by(t.c.id))] for t in tables}


def test_it_begins_after_three_once_a_day_and_goes_on_where_it_stopped(
    prom: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    incoming(prom, 5)
    aged(Incoming, Incoming.received_at, 91)
    before_three = NOON.replace(hour=23) - timedelta(days=1)  # one or two o'clock in the hub's zone
    monkeypatch.setattr(retention, "utcnow", lambda: before_three)
    retention.night()
    assert retention.last() == {}
    monkeypatch.setattr(retention, "utcnow", lambda: NOON)
    monkeypatch.setattr(retention, "BUDGET", -1.0)
    retention.night()
    left = db.session.scalars(db.select(Incoming.body)).all()
    assert [bool(body) for body in left].count(True) == 3  # one batch, and the time was over
    monkeypatch.setattr(retention, "BUDGET", 60.0)
    retention.night()
    assert not any(db.session.scalars(db.select(Incoming.body)))
    assert retention.last()["counts"]["originals"] == 5
    incoming(prom, 1, event="again")
    aged(Incoming, Incoming.received_at, 91)
    retention.night()
    assert any(db.session.scalars(db.select(Incoming.body)))  # tomorrow


def test_what_is_said_holds_within_bounds(context: Any) -> None:
    assert retention.kept() == {name: kind.days for name, kind in retention.KINDS.items()}
    retention.save({"originals": 1, "files": 500, "webhooks": 12, "nonsense": 3})
    db.session.commit()
    assert retention.kept() == {
        **{name: kind.days for name, kind in retention.KINDS.items()},
        **{"originals": 7, "files": 30, "webhooks": 12},
    }
