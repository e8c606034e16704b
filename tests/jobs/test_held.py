"""Unpaid orders that are kept back: in when paid, cancelled, asked for or overdue; never two, never lost."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from integrations import connectors
from integrations.sandbox import SandboxServer
from integrations.types import Raw
from jobs import connections, held, intake, schedule, waiting
from models import Connection, HeldOrder, Incoming, Link, Mapping, Order, OrderEvent, PaymentMethod, Status, db, utcnow
from orders import counts

from ..crash import Workers, wait_until
from .conftest import queued
from .test_intake import count, map_status, run

pytestmark = pytest.mark.usefixtures("unlimited")

PAY_ONLINE = {"id": 7002, "name": "Пром-оплата"}
UNPAID = {"type": "evopay", "status": "unpaid", "status_modified": "2026-11-21T08:00:00+00:00"}
CASH = {"id": 7001, "name": "Накладений платіж"}


@pytest.fixture
def patient(prom: Connection) -> Connection:
    """The shop, half an hour patient with those who pay online."""
    method = db.session.scalars(db.select(PaymentMethod).where(PaymentMethod.kind == "online_card")).first()
    assert method is not None
    for code, extra in (("7002", {"wait": 30}), ("7001", {})):
        row = Mapping(connection_id=prom.id, table="payment_in", lookup=code, ours=method.id, theirs=code, extra=extra)
        db.session.add(row)
    db.session.commit()
    return prom


def unpaid(sandbox: SandboxServer, **values: Any) -> dict[str, Any]:
    """An order of this moment, to be paid online and not paid yet."""
    online = {"payment_option": PAY_ONLINE, "payment_data": UNPAID, "status": "pending"}
    return sandbox.vendor("prom").new_order(**{**online, **values})


def overdue() -> None:
    db.session.execute(db.update(HeldOrder).values(until=utcnow() - timedelta(seconds=1)))
    db.session.commit()


def ended() -> Counter[tuple[str, str]]:
    """How often the waiting of an order ended so: (outcome, by whom)."""
    told = db.session.scalars(db.select(OrderEvent.detail).where(OrderEvent.kind == "imported"))
    return Counter((detail["waited"], detail["by"]) for detail in told if "waited" in detail)


def the_order() -> Order:
    return db.session.scalars(db.select(Order).execution_options(populate_existing=True)).one()


def test_an_unpaid_order_waits_and_comes_in_when_it_is_paid(
    context: Flask, patient: Connection, sandbox: SandboxServer
) -> None:
    made = unpaid(sandbox)
    unpaid(sandbox, payment_option=CASH)  # nobody waits for cash
    assert run(patient).counts["new"] == 1
    row = db.session.scalars(db.select(HeldOrder)).one()
    assert (row.external_id, row.number, row.currency) == (str(made["id"]), str(made["id"]), "UAH")
    assert row.payment == "Пром-оплата"
    assert row.customer
    assert row.sum
    placed = datetime.fromisoformat(made["date_created"])
    assert abs(row.until - placed - timedelta(minutes=30)) < timedelta(seconds=2)
    assert sum(cell.n for cell in counts.by_status().values()) == count(Order) == count(Link) == 1
    assert count(OrderEvent) == 1
    assert count(HeldOrder) == waiting.count(patient.id) == 1
    until = row.until
    sandbox.vendor("prom").change(made["id"], client_notes="передзвоніть")
    assert run(patient).counts["new"] == 0
    assert db.session.scalars(db.select(HeldOrder.until)).one() == until
    sandbox.vendor("prom").pay(made["id"])
    assert run(patient).counts["new"] == 1
    assert count(HeldOrder) == 0
    assert db.session.scalar(db.select(Order.paid).where(Order.number == str(made["id"])))
    ours = Incoming.external_id == str(made["id"])
    assert count(Incoming, ours, Incoming.state == "applied", Incoming.order_id.is_not(None)) == count(Incoming, ours)
    assert count(Incoming, ours) == 3
    run(patient)
    held.take_due(patient.id)
    assert count(Order) == 2


def test_a_cancelled_one_comes_in_at_once_with_its_status(
    context: Flask, patient: Connection, sandbox: SandboxServer
) -> None:
    map_status(patient, "cancelled", "canceled", reason="buyers_request")
    made = unpaid(sandbox)
    run(patient)
    assert count(Order) == 0
    sandbox.vendor("prom").cancel(made["id"])
    run(patient)
    assert the_order().status_id == db.session.scalars(db.select(Status.id).filter_by(key="cancelled")).one()
    assert ended() == {("cancelled", ""): 1}
    unpaid(sandbox, status="canceled")  # and one that is first heard of so
    run(patient)
    assert (count(Order), count(HeldOrder)) == (2, 0)


def test_when_the_time_is_over_it_is_read_once_more(
    context: Flask, patient: Connection, sandbox: SandboxServer
) -> None:
    made = unpaid(sandbox)
    unpaid(sandbox)
    run(patient)
    sandbox.vendor("prom").pay(made["id"])
    held.tick()
    assert "jobs.held.take_due" not in queued()
    overdue()
    held.tick()
    held.tick()
    assert queued().count("jobs.held.take_due") == 1
    held.take_due(patient.id)
    paid = dict(db.session.execute(db.select(Order.number, Order.paid)).all())
    assert len(paid) == 2
    assert {number for number, is_paid in paid.items() if is_paid} == {str(made["id"])}
    assert ended() == {("paid", ""): 1, ("unpaid", ""): 1}
    assert (count(HeldOrder), count(Incoming, Incoming.state.in_(("new", "held")))) == (0, 0)


def test_an_order_from_before_the_time_is_not_held(context: Flask, patient: Connection, sandbox: SandboxServer) -> None:
    unpaid(sandbox, date_created=datetime.now(UTC) - timedelta(hours=2))
    assert run(patient).counts["new"] == 1


@pytest.mark.parametrize("trouble", ["away", "off", "removed", "gone", "unreadable", "untold"])
def test_nothing_keeps_an_order_for_ever(
    context: Flask, patient: Connection, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    vendor = sandbox.vendor("prom")
    made = unpaid(sandbox)
    run(patient)
    if trouble == "away":
        vendor.fault("error500", times=5)
    elif trouble == "off":
        patient.enabled = False
    elif trouble == "removed":
        connections.remove(patient)
    elif trouble == "gone":
        vendor.account().table("orders").pop(made["id"])
    elif trouble == "untold":
        less = type("TellsNoSingleOrders", (connectors()["prom"],), {"orders_of": None})
        monkeypatch.setitem(connectors(), "prom", less)
    else:
        intake.store(patient.id, [Raw(str(made["id"]), {"id": made["id"], "products": 7})])
    db.session.commit()
    overdue()
    held.take_due(patient.id)
    assert the_order().number == str(made["id"])
    assert count(HeldOrder) == 0


def test_what_is_too_much_for_one_job_is_left_to_the_next(
    context: Flask, patient: Connection, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "STINT", 2)
    for _ in range(3):
        unpaid(sandbox)
    run(patient)
    overdue()
    held.take_due(patient.id)
    assert (count(Order), count(HeldOrder), queued().count("jobs.held.take_due")) == (2, 1, 1)
    held.take_due(patient.id)
    assert (count(Order), count(HeldOrder)) == (3, 0)


def test_where_nothing_here_can_read_them_they_stay(
    context: Flask, patient: Connection, sandbox: SandboxServer
) -> None:
    """The connector is away after an update, and is back after the next one."""
    unpaid(sandbox)
    run(patient)
    overdue()
    for kind, taken in (("gone", 0), ("prom", 1)):
        patient.kind = kind
        db.session.commit()
        held.take_due(patient.id)
        assert (count(Order), count(HeldOrder)) == (taken, 1 - taken)


def test_what_can_t_be_made_an_order_waits_for_a_person_and_not_for_money(
    context: Flask, patient: Connection, sandbox: SandboxServer
) -> None:
    unpaid(sandbox)
    run(patient)
    kept = db.session.scalars(db.select(Incoming)).one()
    kept.body = {"id": kept.body["id"], "products": 7}  # as after an update of the hub that reads it otherwise
    sandbox.vendor("prom").fault("error500", times=5)
    overdue()
    held.take_due(patient.id)
    assert (count(Order), count(HeldOrder)) == (0, 0)
    assert db.session.scalars(db.select(Incoming.state)).one() == "failed"


def test_taken_by_a_person(context: Flask, patient: Connection, sandbox: SandboxServer) -> None:
    unpaid(sandbox)
    unpaid(sandbox)
    run(patient)
    one = db.session.scalars(db.select(HeldOrder.id)).first()
    assert held.take_now("Olena", one) == 1
    db.session.commit()
    assert "jobs.held.take_due" in queued()
    held.take_due(patient.id)
    assert count(HeldOrder) == 1
    told = db.session.scalars(db.select(OrderEvent.detail).where(OrderEvent.kind == "imported")).one()
    assert told == {"connection": "Prom", "by": "Olena", "waited": "unpaid"}
    assert held.take_now("Olena", connection_id=patient.id) == 1
    assert held.take_now("Olena") == 0
    db.session.commit()
    held.take_due(patient.id)
    assert (count(Order), count(HeldOrder)) == (2, 0)


def test_without_minutes_nothing_is_held_any_more(context: Flask, patient: Connection, sandbox: SandboxServer) -> None:
    made = unpaid(sandbox)
    run(patient)
    db.session.execute(db.update(Mapping).where(Mapping.lookup == "7002").values(extra={}))
    db.session.commit()
    unpaid(sandbox)
    sandbox.vendor("prom").change(made["id"], client_notes="передзвоніть")
    assert run(patient).counts["new"] == 2


HAPPENINGS = ("pay", "cancel", "words", "pull", "replay", "overdue", "take", "now", "away", "off")


@settings(
    max_examples=int(os.environ.get("EXAMPLES") or 10), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from(HAPPENINGS), max_size=12))
@example(["pull", "words", "pull", "pay", "pull", "replay", "overdue", "take"])
@example(["pull", "pay", "now", "away", "take", "replay", "pull"])
def test_whatever_comes_in_whatever_order_it_is_one_order_in_the_end(
    context: Flask, patient: Connection, sandbox: SandboxServer, happens: list[str]
) -> None:
    vendor = sandbox.vendor("prom")
    vendor.account().table("orders").clear()
    vendor.clear_faults()
    made = unpaid(sandbox)
    patient.enabled = True
    db.session.commit()
    connection_id, key = patient.id, str(made["id"])
    versions: list[Any] = [dict(made)]

    def change(**values: Any) -> None:
        versions.append(vendor.change(made["id"], **values))

    acts: dict[str, Callable[[], object]] = {
        "pay": lambda: versions.append(vendor.pay(made["id"])),
        "cancel": lambda: versions.append(vendor.cancel(made["id"])),
        "words": lambda: change(client_notes=f"слово {len(versions)}"),
        "pull": lambda: run(patient),
        "replay": lambda: intake.store(connection_id, [Raw(key, versions[len(versions) // 2])], "webhook"),
        "overdue": overdue,
        "take": lambda: held.take_due(connection_id),
        "now": lambda: (held.take_now("Olena"), db.session.commit()),
        "away": lambda: vendor.fault("error500", times=1, path="orders/"),
        "off": lambda: (setattr(patient, "enabled", not patient.enabled), db.session.commit()),
    }
    for name in happens:
        acts[name]()
        assert count(Link, Link.external_id == key) + count(HeldOrder, HeldOrder.external_id == key) <= 1
    vendor.clear_faults()
    patient.enabled = True
    db.session.commit()
    run(patient)
    overdue()
    held.take_due(connection_id)
    order = db.session.scalars(
        db.select(Order).join(Link, Link.order_id == Order.id).where(Link.external_id == key)
    ).one()
    assert order.paid or (vendor.account().table("orders")[made["id"]]["payment_data"] or {})["status"] != "paid"
    assert (count(HeldOrder), count(Incoming, Incoming.state.in_(("new", "held", "failed")))) == (0, 0)


def test_two_workers_at_once_take_it_once(context: Flask, patient: Connection, sandbox: SandboxServer) -> None:
    made = [unpaid(sandbox) for _ in range(12)]
    run(patient)
    for order in made[::2]:
        sandbox.vendor("prom").pay(order["id"])
    overdue()
    connection_id, failures = patient.id, []
    db.session.rollback()
    start = threading.Barrier(3)

    def take() -> None:
        with context.app_context():
            try:
                start.wait(20)
                held.take_due(connection_id)
            except Exception as error:  # told below: a thread's own is lost
                failures.append(error)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=take) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    assert failures == []
    assert count(Order) == count(Link) == 12
    assert count(Incoming, Incoming.state != "applied") == count(HeldOrder) == 0


def test_killed_between_the_hold_and_the_taking(
    context: Flask, patient: Connection, sandbox: SandboxServer, tmp_path: Path
) -> None:
    made = unpaid(sandbox)
    run(patient)
    overdue()
    vendor = sandbox.vendor("prom")
    with Workers(context, tmp_path / "workers.log") as workers:
        vendor.fault("slow", times=1, path=f"orders/{made['id']}", seconds=30)
        held.tick()
        workers.start()
        wait_until(lambda: not vendor.state()["faults"], sweep=False)
        workers.kill()  # it was reading the order once more
        assert (count(Order), count(HeldOrder)) == (0, 1)
        db.session.execute(db.update(Incoming).values(state="new"))  # as if it had died one step later
        db.session.commit()
        workers.start(2)
        wait_until(lambda: held.tick() or count(Order) == 1, sweep=False)
        wait_until(lambda: not count(HeldOrder), sweep=False)
    assert count(Order) == count(Link) == 1
    schedule.tick()
