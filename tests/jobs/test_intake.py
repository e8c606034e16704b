"""Orders from the Prom sandbox: all of them, each once, raw first; what can't be mapped is marked, never dropped."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from integrations.sandbox import SandboxServer
from integrations.types import Raw
from jobs import connections, intake, runs, work
from models import Connection, Incoming, Link, Mapping, Order, OrderEvent, Run, Status, Transfer, Written, db
from orders import counts, editing, removal, statuses
from orders.timeline import Actor
from tests.orders import build

from .conftest import queued

pytestmark = pytest.mark.usefixtures("unlimited")

TESTER = Actor("person", "Tester")


def run(connection: Connection, task: str = "orders") -> Run:
    return build.ran(connection.id, task)


def invent(sandbox: SandboxServer, n: int, **values: Any) -> list[dict[str, Any]]:
    return [sandbox.vendor("prom").new_order(**values) for _ in range(n)]


def count(model: Any, *conditions: Any) -> int:
    return db.session.scalar(db.select(db.func.count()).select_from(model).where(*conditions)) or 0


def test_all_orders_arrive_once_and_again_nothing(context: Flask, prom: Connection, sandbox: SandboxServer) -> None:
    made = invent(sandbox, 230)
    first = run(prom)
    assert (first.state, first.counts["new"]) == ("done", 230)
    assert count(Order) == count(Link) == 230
    assert set(db.session.scalars(db.select(Link.external_id))) == {str(order["id"]) for order in made}
    again = run(prom)
    assert again.state == "done"
    assert again.counts["new"] == again.counts["changed"] == 0
    assert count(Order) == 230
    assert count(Incoming, Incoming.state == "applied") == count(Incoming)
    assert {order.source.name for order in db.session.scalars(db.select(Order)) if order.source} == {"Prom.ua"}
    cells = counts.by_status()
    assert sum(cell.n for cell in cells.values()) == 230


def test_unmapped_codes_mark_the_order(context: Flask, prom: Connection, sandbox: SandboxServer) -> None:
    invent(sandbox, 3)
    run(prom)
    for order in db.session.scalars(db.select(Order)):
        assert order.needs_mapping
        assert {gap["table"] for gap in order.unmapped} >= {"delivery_in", "payment_in"}
        assert all(gap["code"] and gap["name"] for gap in order.unmapped)


def test_what_a_page_brings_twice_or_somebody_has_brought_meanwhile_is_kept_once(
    context: Flask, prom: Connection
) -> None:
    page = [Raw(str(i), {"id": i, "products": []}) for i in range(20)]
    intake.store(prom.id, [*page[:12], *page[:3]])
    assert count(Incoming) == 12
    values = [{"connection_id": prom.id, "external_id": raw.external_id, "fingerprint": "x" * 64, "body": Written("1")}
              for raw in page]  # fmt: skip
    intake.keep_versions(values[:1])
    intake.keep_versions(values)
    assert count(Incoming) == 32


def test_an_order_that_can_t_be_read_waits_raw_and_the_others_go_on(
    context: Flask, prom: Connection, sandbox: SandboxServer
) -> None:
    broken = {"id": 5, "products": 7}
    invent(sandbox, 2)
    intake.store(prom.id, [Raw("5", broken)])
    done = run(prom)
    assert done.counts["failed"] + done.counts["new"] >= 2
    assert count(Order, Order.external_number != "5") == 2
    kept = db.session.scalars(db.select(Incoming).where(Incoming.external_id == "5")).one()
    assert kept.body == broken
    assert connections.usable(prom)


def test_a_payment_seen_later_marks_paid_once(context: Flask, prom: Connection, sandbox: SandboxServer) -> None:
    vendor = sandbox.vendor("prom")
    made = vendor.new_order(
        payment_data={"type": "evopay", "status": "unpaid", "status_modified": "2026-11-21T08:00:00+00:00"}
    )
    run(prom)
    assert not db.session.scalars(db.select(Order)).one().paid
    vendor.pay(made["id"])
    assert run(prom).counts["changed"] == 1
    assert db.session.scalars(db.select(Order).execution_options(populate_existing=True)).one().paid
    assert run(prom).counts["changed"] == 0
    assert count(OrderEvent, OrderEvent.kind == "payment") == 1


def test_what_staff_edited_is_not_overwritten(context: Flask, prom: Connection, sandbox: SandboxServer) -> None:
    vendor = sandbox.vendor("prom")
    made = vendor.new_order()
    run(prom)
    order = db.session.scalars(db.select(Order)).one()
    editing.update(order.id, order.version, {"first_name": "Ганна", "postal_code": "01001"}, None, TESTER)
    db.session.commit()
    vendor.change(made["id"], client_first_name="Інша")
    run(prom)
    assert db.session.get_one(Order, order.id, populate_existing=True).first_name == "Ганна"


def test_an_untouched_order_follows_its_source(context: Flask, prom: Connection, sandbox: SandboxServer) -> None:
    vendor = sandbox.vendor("prom")
    made = vendor.new_order(delivery_recipient=None)
    run(prom)
    vendor.change(made["id"], client_first_name="Інша")
    run(prom)
    order = db.session.scalars(db.select(Order).execution_options(populate_existing=True)).one()
    assert order.first_name == "Інша"
    assert order.edited_at is None


def status(key: str) -> Status:
    return db.session.scalars(db.select(Status).filter_by(key=key)).one()


def map_status(connection: Connection, ours: str, theirs: str, **extra: Any) -> None:
    row = status(ours)
    db.session.add(
        Mapping(
            connection_id=connection.id, table="status_out", lookup=str(row.id), ours=row.id, theirs=theirs, extra=extra
        )
    )
    db.session.add(
        Mapping(connection_id=connection.id, table="status_in", lookup=theirs, ours=row.id, theirs=theirs, extra={})
    )
    db.session.commit()


def test_a_status_goes_back_to_the_source_and_does_not_echo(
    context: Flask, prom: Connection, sandbox: SandboxServer
) -> None:
    map_status(prom, "confirmed", "received")
    map_status(prom, "cancelled", "canceled", reason="buyers_request")
    connections.refresh_references(prom)
    made = invent(sandbox, 3)
    run(prom)
    ids = list(db.session.scalars(db.select(Order.id)))
    statuses.change(ids, status("cancelled"), TESTER)
    db.session.commit()
    assert count(Transfer, Transfer.operation == "status", Transfer.state == "waiting") == 3
    assert "jobs.work.drain" in queued()
    work.drain(prom.id)
    assert count(Transfer, Transfer.state == "done") == 3
    theirs = sandbox.vendor("prom").account().table("orders")
    assert {theirs[order["id"]]["status"] for order in made} == {"canceled"}
    told = db.session.scalars(db.select(OrderEvent.detail).where(OrderEvent.kind == "sent")).all()
    words = {"external": "Cancelled", "reason": "At the buyer's request"}  # names: codes say nothing to staff
    assert told == [{"connection": prom.name, "operation": "status", **words}] * 3
    links = db.session.execute(db.select(Link.external_status, Link.external_status_name)).all()
    assert set(links) == {("canceled", "Cancelled")}
    events = count(OrderEvent)
    run(prom)  # the change comes back with the next pull
    assert count(Transfer) == 3
    assert count(OrderEvent, OrderEvent.kind == "status") == 3
    assert count(OrderEvent) == events


def only_order() -> Order:
    return db.session.scalars(db.select(Order).execution_options(populate_existing=True)).one()


def test_a_number_typed_later_reaches_a_source_that_takes_it_by_itself(
    prom: Connection, sandbox: SandboxServer
) -> None:
    made = sandbox.vendor("prom").new_order(delivery_option={"id": 8001, "name": "Нова Пошта"})
    run(prom)
    map_status(prom, "confirmed", "received", ttn=True)
    statuses.change([only_order().id], status("confirmed"), TESTER)
    db.session.commit()
    work.drain(prom.id)
    order = only_order()
    editing.update(order.id, order.version, {"ttn": "20450000000009"}, None, TESTER)
    db.session.commit()
    work.drain(prom.id)
    theirs = sandbox.vendor("prom").account().table("orders")[made["id"]]
    assert theirs["delivery_provider_data"]["declaration_number"] == "20450000000009"
    rows = db.session.execute(db.select(Transfer.operation, Transfer.state).order_by(Transfer.id)).all()
    assert [tuple(row) for row in rows] == [("status", "done"), ("ttn", "done")]


def test_a_status_changed_over_there_is_taken_over_and_not_sent_back(
    context: Flask, prom: Connection, sandbox: SandboxServer
) -> None:
    map_status(prom, "confirmed", "received")
    made = invent(sandbox, 1)
    run(prom)
    sandbox.vendor("prom").change(made[0]["id"], status="received", status_name="Прийнято")
    run(prom)
    order = db.session.scalars(db.select(Order).execution_options(populate_existing=True)).one()
    assert order.status_id == status("confirmed").id
    assert count(Transfer) == 0


def test_an_outage_fails_the_run_and_loses_nothing(context: Flask, prom: Connection, sandbox: SandboxServer) -> None:
    invent(sandbox, 150)
    sandbox.vendor("prom").fault("error500", times=1, path="orders/list")
    failed = run(prom)
    assert failed.state == "failed"
    assert failed.fault
    db.session.refresh(prom)
    assert prom.last_error
    assert run(prom).counts["new"] == 150


def test_one_open_run_a_task(context: Flask, prom: Connection) -> None:
    assert runs.request(prom.id, "orders", "a") is not None
    db.session.commit()
    assert runs.request(prom.id, "orders", "b") is None
    db.session.commit()
    assert runs.request(prom.id, "references", "b") is not None
    db.session.commit()
    assert queued() == ["jobs.runs.carry_out"] * 2


def test_a_new_order_is_accepted_at_the_source_when_asked_for(
    context: Flask, prom: Connection, sandbox: SandboxServer
) -> None:
    prom.settings = {**prom.settings, "accept_new": True}
    db.session.commit()
    made = invent(sandbox, 2, status="pending")
    run(prom)
    work.drain(prom.id)
    theirs = sandbox.vendor("prom").account().table("orders")
    assert {theirs[order["id"]]["status"] for order in made} == {"received"}
    run(prom)
    assert count(Transfer) == 2


def test_an_order_removed_for_good_does_not_come_back(context: Flask, prom: Connection, sandbox: SandboxServer) -> None:
    made = invent(sandbox, 2)
    run(prom)
    gone = db.session.scalars(db.select(Link.order_id).where(Link.external_id == str(made[0]["id"]))).one()
    statuses.change([gone], status("deleted"), TESTER)
    assert removal.remove([gone], TESTER) == [gone]
    db.session.commit()
    for order in made:
        sandbox.vendor("prom").change(order["id"], client_notes="ще питання")
    assert run(prom).counts["new"] == 0
    assert count(Order) == 1


def test_news_that_staff_could_not_save_are_taken_all_the_same(
    context: Flask, prom: Connection, sandbox: SandboxServer
) -> None:
    from jobs import connections, mapping

    connections.refresh_references(prom)
    mapping.suggest_all(prom)
    db.session.commit()
    vendor = sandbox.vendor("prom")
    post = {"id": 8002, "name": "Укрпошта", "shipping_service": None}
    made = vendor.new_order(delivery_option=post, delivery_provider_data=None)  # no postal code, which the post wants
    run(prom)
    assert db.session.scalars(db.select(Order)).one().postal_code == ""
    vendor.change(made["id"], client_notes="передзвоніть")
    invent(sandbox, 2)
    done = run(prom)
    assert (done.state, done.counts["new"], done.counts["changed"], done.counts["failed"]) == ("done", 2, 1, 0)
