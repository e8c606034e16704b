"""Deleting orders: copies elsewhere go too where their system lets them, and what can be taken back is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask

from integrations.sandbox import SandboxServer
from jobs import connections, work
from models import Connection, Link, Order, OrderEvent, Status, Transfer, User, db, utcnow
from orders import copies, deletion, editing, removal, statuses
from orders import work as requests
from orders.timeline import Actor
from tests import warehouse
from tests.warehouse import WarehouseServer

from .conftest import make_orders

OLENA = Actor("person", "Olena")


@pytest.fixture
def extra_env(sandbox: SandboxServer) -> dict[str, str]:
    return {"SANDBOX_URL": sandbox.url, "LEASE_SECONDS": "5", "ALLOW_PRIVATE_ADDRESSES": "1"}


@pytest.fixture
def vendor() -> Iterator[WarehouseServer]:
    with warehouse.running() as server:
        yield server


@pytest.fixture
def stock(context: Flask, vendor: WarehouseServer) -> Connection:
    row = connections.create("warehouse", "Stock", {"api_url": vendor.url})
    db.session.commit()
    return row


def status(key: str) -> Status:
    return db.session.scalars(db.select(Status).filter_by(key=key)).one()


def give(ids: list[int], key: str) -> statuses.Changed:
    done = statuses.change(ids, status(key), OLENA)
    db.session.commit()
    return done


def sent(n: int, *to: Connection) -> list[int]:
    ids = make_orders(n)
    for connection in to:
        requests.request_send(ids, connection.id, "Olena")
        db.session.commit()
        work.drain(connection.id)
    return ids


def make_due() -> None:
    due = {"not_before": utcnow() - timedelta(seconds=1)}
    db.session.execute(db.update(Transfer).where(Transfer.state == "waiting").values(due))
    db.session.commit()


def deletions() -> dict[int, str]:
    query = db.select(Transfer.order_id, Transfer.state).where(Transfer.operation == "delete").order_by(Transfer.id)
    found = dict(db.session.execute(query).all())
    db.session.rollback()
    return found


def link(order_id: int, connection: Connection) -> Link:
    found = db.session.scalars(db.select(Link).filter_by(order_id=order_id, connection_id=connection.id)).one()
    db.session.refresh(found)
    return found


def kinds(order_id: int) -> list[str]:
    query = db.select(OrderEvent.kind).where(OrderEvent.order_id == order_id).order_by(OrderEvent.id)
    return list(db.session.scalars(query))


def test_copies_go_with_their_orders_where_the_system_deletes(
    stock: Connection, crm: Connection, vendor: WarehouseServer
) -> None:
    ids = sent(3, stock, crm)
    fates = {(f.order_id, f.name): f.what for f in deletion.fates(ids)}
    assert fates == {(i, name): what for i in ids for name, what in (("Stock", "delete"), ("CRM", "stays"))}
    give(ids[:2], "deleted")
    assert deletions() == dict.fromkeys(ids[:2], "waiting")  # in the transaction of the change; none for the CRM
    work.drain(stock.id)
    assert len(vendor.orders) == 3  # the moment of grace is not over
    make_due()
    work.drain(stock.id)
    assert len(vendor.orders) == 1
    assert deletions() == dict.fromkeys(ids[:2], "done")
    assert link(ids[0], stock).state == "deleted"
    assert link(ids[0], stock).external_id  # still said on the card
    assert link(ids[0], crm).state == "linked"
    assert kinds(ids[0])[-1] == "sent"
    assert deletion.fates(ids[:1]) == [deletion.Fate(ids[0], crm.id, "CRM", "stays")]


def test_taken_back_in_time_nothing_is_deleted(stock: Connection, vendor: WarehouseServer, context: Flask) -> None:
    ids = sent(2, stock)
    user = User(email="o@example.com", name="Olena", role="owner", password_hash="x")
    db.session.add(user)
    db.session.flush()
    undo = statuses.remember(give(ids, "deleted"), status("deleted"), user.id)
    db.session.commit()
    assert statuses.undo(undo, user.id, OLENA) == 2
    db.session.commit()
    make_due()
    work.drain(stock.id)
    assert deletions() == dict.fromkeys(ids, "cancelled")
    assert not vendor.deletes
    assert deletion.lost(ids) == deletion.Lost(0, 0)
    assert link(ids[0], stock).state == "linked"


def test_what_is_under_way_is_not_called_off_and_that_is_known(stock: Connection, vendor: WarehouseServer) -> None:
    ids = sent(2, stock)
    give(ids, "deleted")
    make_due()
    vendor.lose_answers = 2
    work.drain(stock.id)  # deleted there, and nobody heard of it
    give(ids, "new")
    assert deletions() == dict.fromkeys(ids, "waiting")
    assert deletion.lost(ids) == deletion.Lost(0, 2)
    make_due()
    work.drain(stock.id)  # "no such order" is what was wanted
    assert deletions() == dict.fromkeys(ids, "done")
    assert deletion.lost(ids) == deletion.Lost(2, 0)
    order = db.session.get_one(Order, ids[0])
    assert order.status.group == "transferred" or order.status.group == "new"


def test_a_try_that_surely_did_nothing_is_called_off_when_the_order_is_back(
    stock: Connection, vendor: WarehouseServer
) -> None:
    ids = sent(1, stock)
    give(ids, "deleted")
    claimed = db.update(Transfer).where(Transfer.operation == "delete").values(state="working", lease_until=utcnow())
    db.session.execute(claimed)
    db.session.commit()
    give(ids, "new")  # a worker holds it: not ours to take away
    assert deletions() == {ids[0]: "working"}
    db.session.execute(db.update(Transfer).where(Transfer.operation == "delete").values(state="waiting"))
    db.session.commit()
    make_due()
    shown = db.session.get_one(Order, ids[0]).updated_at
    work.drain(stock.id)
    assert deletions() == {ids[0]: "cancelled"}
    assert not vendor.deletes
    assert db.session.get_one(Order, ids[0], populate_existing=True).updated_at > shown, "lists show it as at rest"


def test_a_refused_deletion_says_why_and_is_over_when_the_order_is_restored(
    stock: Connection, vendor: WarehouseServer
) -> None:
    ids = sent(1, stock)
    vendor.refuse_deletes = "the parcel has left"
    before = deletion.newest()
    give(ids, "deleted")
    asked = deletion.Deletions(before, deletion.newest())
    make_due()
    work.drain(stock.id)
    outcome = deletion.outcomes(asked, "Olena")[0]
    assert (outcome.name, outcome.failed, outcome.done) == ("Stock", 1, 0)
    assert outcome.refused == [("T-00001", "validation", "the parcel has left")]
    found = link(ids[0], stock)
    assert found.state == "problem"
    assert found.error["detail"] == "the parcel has left"
    give(ids, "new")
    assert deletions() == {ids[0]: "cancelled"}  # nobody can repeat it by mistake
    assert (link(ids[0], stock).state, link(ids[0], stock).error) == ("linked", None)


def test_an_order_deleted_while_it_is_being_sent_takes_its_copy_along(
    stock: Connection, vendor: WarehouseServer
) -> None:
    ids = make_orders(1)
    requests.request_send(ids, stock.id, "Olena")
    db.session.execute(db.update(Transfer).values(uncertain=True))  # a call may be under way
    db.session.commit()
    assert [f.what for f in deletion.fates(ids)] == ["late"]
    give(ids, "deleted")
    work.drain(stock.id)
    make_due()
    work.drain(stock.id)
    assert not vendor.orders
    assert deletions() == {ids[0]: "done"}


def test_one_that_waits_to_be_sent_is_called_off(stock: Connection, vendor: WarehouseServer) -> None:
    ids = make_orders(1)
    requests.request_send(ids, stock.id, "Olena")
    db.session.commit()
    assert [f.what for f in deletion.fates(ids)] == ["called_off"]
    give(ids, "deleted")
    work.drain(stock.id)
    assert not vendor.orders
    assert not deletions()


def test_an_order_whose_copy_was_deleted_is_sent_again_after_its_link_is_deleted(
    stock: Connection, vendor: WarehouseServer
) -> None:
    ids = sent(1, stock)
    give(ids, "deleted")
    make_due()
    work.drain(stock.id)
    order = db.session.get_one(Order, ids[0])
    assert editing.is_locked(order)  # deleted, with a link: read only
    give(ids, "new")
    assert requests.preview(ids, stock.id).blocked == {"deleted_there": ids}
    assert copies.request(order, stock, OLENA) == "deleted_there"
    assert copies.unlink(order, link(ids[0], stock).id, OLENA) == ""
    db.session.commit()
    assert copies.request(order, stock, OLENA) == ""
    db.session.commit()
    work.drain(stock.id)
    assert len(vendor.orders) == 1
    assert link(ids[0], stock).state == "linked"


def test_an_order_is_not_removed_for_good_before_its_copies_are(stock: Connection, vendor: WarehouseServer) -> None:
    ids = sent(2, stock)
    give(ids, "deleted")
    assert removal.busy(ids) == ids
    assert removal.remove(ids, OLENA) == []
    make_due()
    work.drain(stock.id)
    assert removal.busy(ids) == []
    assert removal.remove(ids, OLENA) == ids
