"""Waybills from the hub: made once whatever happens, numbers that were typed in tracked, rules that hear of states."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from integrations.sandbox import SandboxServer
from jobs import automation, connections, parcels, work
from models import (
    Attempt,
    Connection,
    DeliveryMethod,
    Link,
    Mapping,
    Order,
    Run,
    Schedule,
    Status,
    TrackedParcel,
    Transfer,
    db,
)
from orders import editing, rules, unite
from orders import work as requests
from orders.rules import Draft
from orders.timeline import Actor

from .. import crash
from ..crash import Workers, wait_until
from ..orders import build
from .conftest import make_orders

OLENA = Actor("person", "Olena")


@pytest.fixture
def extra_env(sandbox: SandboxServer) -> dict[str, str]:
    return {"SANDBOX_URL": sandbox.url, "LEASE_SECONDS": str(crash.LEASE)}


@pytest.fixture
def vendor(sandbox: SandboxServer) -> Any:
    found = sandbox.vendor("nova_poshta")
    found.reset()
    found.set_rate(None)
    return found


@pytest.fixture
def poshta(context: Flask, sandbox: SandboxServer, vendor: Any) -> Connection:
    settings = {"api_url": f"{sandbox.url}/nova_poshta", "api_key": "sandbox-token", "sender_city": "Київ"}
    row = connections.create("nova_poshta", "Nova Poshta", {**settings, "sender_point": "1"})
    db.session.commit()
    connections.refresh_references(row)
    return row


def orders(n: int, **more: Any) -> list[int]:
    return make_orders(n, **{"country": "UA", "city": "Львів", "pickup_address": "Відділення №3", **more})


def send(ids: list[int], row: Connection) -> None:
    requests.request_send(ids, row.id, "Tester")
    db.session.commit()


def read(row: Connection) -> Run:
    found = build.ran(row.id, "statuses")
    assert found.state == "done", found.detail
    return found


def each_once(vendor: Any) -> None:
    """Every order has one waybill, and it is the one that the hub knows."""
    theirs = Counter(held["InfoRegClientBarcodes"] for held in vendor.account().table("orders").values())
    assert set(theirs.values()) == {1}
    query = db.select(Order.key, Order.ttn, Link.external_number).join(Link, Link.order_id == Order.id)
    found = db.session.execute(query).all()
    assert {key for key, _ttn, _number in found} == set(theirs)
    assert all(ttn == number for _key, ttn, number in found)
    assert set(db.session.scalars(db.select(Transfer.state).distinct())) == {"done"}


def test_a_lost_answer_makes_no_second_waybill(poshta: Connection, vendor: Any) -> None:
    vendor.fault("lost", times=2)
    send(orders(12), poshta)
    for _ in range(4):
        work.drain(poshta.id)
        crash._hurry()
    each_once(vendor)
    assert vendor.count() == 12


def test_killed_after_a_waybill_was_stored(context: Flask, poshta: Connection, vendor: Any, tmp_path: Path) -> None:
    vendor.fault("late", times=1, path="InternetDocument/save", seconds=5)
    send(orders(3), poshta)
    with Workers(context, tmp_path / "workers.log") as workers:
        workers.start()
        wait_until(lambda: vendor.count() == 1, sweep=False)
        workers.kill()
        workers.start()
        wait_until(crash._hurry)
    each_once(vendor)


def test_typed_numbers_are_tracked_and_tell_rules(poshta: Connection, vendor: Any) -> None:
    send(orders(2, pickup_address="Відділення №4"), poshta)
    work.drain(poshta.id)
    made = list(db.session.scalars(db.select(Link.external_number).order_by(Link.id)))
    db.session.execute(db.update(Link).values(external_number="", external_id=None))  # as if made in their cabinet
    db.session.execute(db.update(Order).values(ttn=""))
    done = Status(name="Done", group="transferred", position=9)
    db.session.add(done)
    db.session.flush()
    unlike = [method.id for method in db.session.scalars(db.select(DeliveryMethod).filter_by(key="meest"))]
    first, second, third, fourth = orders(4)
    for order_id, number in ((first, f"{made[0][:4]} {made[0][4:]}"), (second, made[1]), (third, "RP123456789")):
        editing.update(order_id, 1, {"ttn": number}, None, OLENA)
    editing.update(fourth, 1, {"ttn": made[1], "delivery_method_id": unlike[0]}, None, OLENA)
    named = {"params": {"connection": poshta.id, "their": "Отримано"}}
    actions = [{"kind": "status", "status": done.id}]
    rules.switch(rules.save(None, Draft("Received", "external", actions=actions, **named), "Olena"), True)
    db.session.add(Mapping(connection_id=poshta.id, table="status_in", lookup="103", ours=done.id))
    db.session.commit()
    read(poshta)
    assert state(first) == ("Створено, ще не передано", "New")
    assert (state(third)[0], state(fourth)[0]) == ("", "")
    vendor.set_status(made[0], "9")
    vendor.set_status(made[1], "103")
    assert read(poshta).counts["moved"] == 2
    automation.work()
    assert (state(first), state(second)) == (("Отримано", "Done"), ("Відмова одержувача", "Done"))
    asked = vendor.requests
    read(poshta)
    assert vendor.requests == asked, "their ways are over"


def state(order_id: int) -> tuple[str, str]:
    order = db.session.get(Order, order_id, populate_existing=True)
    assert order is not None
    return order.ttn_state, order.status.name


def test_another_number_is_another_parcel(poshta: Connection, vendor: Any) -> None:
    (order_id,) = orders(1, ttn="20450000000001")
    read(poshta)
    assert state(order_id)[0] == "Номер не знайдено"
    editing.update(order_id, 1, {"ttn": "20450000000002"}, None, OLENA)
    db.session.commit()
    assert state(order_id)[0] == "", "it was told of another parcel"
    assert parcels.of_order(order_id) == []
    read(poshta)
    (parcel,) = parcels.of_order(order_id)
    assert (parcel.number, parcel.external_status) == ("20450000000002", "3")
    (kept,) = orders(1, number="K-1")
    unite.unite(kept, order_id, "keep", OLENA)
    db.session.commit()
    read(poshta)
    assert [p.number for p in parcels.of_order(kept)] == ["20450000000002"]
    assert db.session.scalar(db.select(db.func.count()).select_from(TrackedParcel)) == 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_number_that_goes_on_to_another_order_tells_that_one(poshta: Connection, vendor: Any) -> None:
    first, second = orders(2)
    send([second], poshta)
    work.drain(poshta.id)
    (number,) = db.session.scalars(db.select(Link.external_number))
    db.session.execute(db.update(Link).values(external_number="", external_id=None))
    db.session.execute(db.update(Order).values(ttn="", ttn_state=""))
    editing.update(first, 1, {"ttn": number}, None, OLENA)
    db.session.commit()
    read(poshta)
    assert state(first)[0] == "Створено, ще не передано"
    assert read(poshta).counts["moved"] == 0
    version = db.session.get_one(Order, first).version
    editing.update(first, version, {"ttn": "RP123456789"}, None, OLENA)  # of another service
    editing.update(second, db.session.get_one(Order, second).version, {"ttn": number}, None, OLENA)
    db.session.commit()
    vendor.set_status(number, "9")
    read(poshta)
    assert (state(first)[0], state(second)[0]) == ("", "Отримано")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_key_that_lapsed_fails_the_reading_of_numbers_and_is_told(poshta: Connection, vendor: Any) -> None:
    (order_id,) = orders(1, ttn="20450000000001")
    vendor.fault("expired")
    failed = build.ran(poshta.id, "statuses")
    assert (failed.state, failed.fault) == ("failed", "credentials")
    told = db.session.scalars(db.select(Attempt).where(Attempt.verb == "statuses")).one()
    assert (told.outcome, told.fault) == ("refused", "credentials")
    assert state(order_id)[0] == ""
    vendor.fault("refuse")  # a number that the service won't even look for
    assert read(poshta).counts["parcels"] == 0
    assert state(order_id)[0] == ""
    read(poshta)
    assert state(order_id)[0] == "Номер не знайдено"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_number_that_staff_gave_stays_beside_the_one_of_a_copy(poshta: Connection, vendor: Any) -> None:
    (order_id,) = orders(1)
    send([order_id], poshta)
    editing.update(order_id, 1, {"ttn": "20450000000002"}, None, OLENA)
    db.session.commit()
    work.drain(poshta.id)
    order = db.session.get_one(Order, order_id, populate_existing=True)
    (number,) = db.session.scalars(db.select(Link.external_number))
    assert (order.ttn, order.ttn_state) == ("20450000000002", "")
    assert vendor.count() == 1
    vendor.set_status(number, "7")
    assert read(poshta).counts["changed"] == 1
    link = db.session.scalars(db.select(Link)).one()
    known = (link.external_status, link.external_at)
    assert read(poshta).counts["changed"] == 0
    db.session.refresh(link)
    assert (link.external_status, link.external_at) == known
    assert state(order_id)[0] == "Номер не знайдено"  # the number that is shown is the one staff gave


def test_many_numbers_go_a_hundred_at_a_time(poshta: Connection, vendor: Any) -> None:
    ids = orders(250)
    for n, order_id in enumerate(ids):
        db.session.execute(db.update(Order).where(Order.id == order_id).values(ttn=f"2045{n:010}"))
    db.session.commit()
    asked = vendor.requests
    assert read(poshta).counts["parcels"] == 250
    assert vendor.requests - asked == 3
    assert db.session.scalar(db.select(Schedule.every).where(Schedule.task == "statuses")) == 300


@pytest.mark.parametrize(
    ("method", "other"),
    [("", False), ("Нова Пошта, кур'єр", False), ("Укрпошта", True), ("Meest", True), ("Кур'єр", False)],
)
def test_a_method_named_after_another_carrier(method: str, other: bool) -> None:
    assert parcels.of_another(method, "nova_poshta") is other
