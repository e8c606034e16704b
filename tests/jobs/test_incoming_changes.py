"""News of orders that are here already: a number that the source gave meanwhile, a copy of our own come back, an order
that is removed for good in the same moment."""

from __future__ import annotations

import threading
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import event as sql_event

from integrations.sandbox import SandboxServer
from jobs import incoming_changes
from models import Connection, Incoming, Order, OrderEvent, db
from orders import editing, listing, lists, removal, statuses
from orders.filters import OrderFilter
from tests.orders import build

from .conftest import make_orders
from .test_intake import TESTER, count, map_status, only_order, run, status

pytestmark = pytest.mark.usefixtures("unlimited")

NUMBER = "20450000000001"


def noted(order_id: int, kind: str) -> list[Any]:
    query = db.select(OrderEvent.detail).where(OrderEvent.order_id == order_id, OrderEvent.kind == kind)
    return [detail["changes"] for detail in db.session.scalars(query.order_by(OrderEvent.id))]


def test_a_tracking_number_that_the_source_gives_later_is_taken_once_even_by_an_edited_order(
    prom: Connection, sandbox: SandboxServer
) -> None:
    vendor = sandbox.vendor("prom")
    made = vendor.new_order(delivery_provider_data=None)
    run(prom)
    order = only_order()
    assert order.ttn == ""
    editing.update(order.id, order.version, {"first_name": "Ганна"}, None, TESTER)
    db.session.commit()
    before = noted(order.id, "edited")
    vendor.change(made["id"], delivery_provider_data={"provider": "nova_poshta", "declaration_number": NUMBER})
    assert run(prom).counts["changed"] == 1
    order = only_order()
    assert (order.ttn, order.first_name) == (NUMBER, "Ганна")
    assert noted(order.id, "edited") == [*before, [["ttn", "", NUMBER]]]
    f = OrderFilter(q=NUMBER, status=())
    assert listing.ids(f, lists.read().statuses, ZoneInfo("Europe/Kyiv")) == [order.id]
    vendor.change(
        made["id"], delivery_provider_data={"provider": "nova_poshta", "declaration_number": "59000000000001"}
    )
    run(prom)
    assert only_order().ttn == NUMBER  # another one is for staff to settle
    assert len(noted(order.id, "edited")) == len(before) + 1


def test_a_copy_of_our_own_that_comes_back_is_no_news(prom: Connection, sandbox: SandboxServer) -> None:
    """A system that orders are sent to as well as taken from lists ours among its own."""
    map_status(prom, "confirmed", "received")
    vendor = sandbox.vendor("prom")
    made = vendor.new_order(status="received", client_first_name="Інша")
    [order_id] = make_orders(1)
    build.link(order_id, prom.id, external_id=str(made["id"]), external_status="pending")
    events = count(OrderEvent)
    done = run(prom)
    assert (done.state, done.counts["new"], done.counts["changed"]) == ("done", 0, 0)
    order = only_order()
    assert (order.id, order.first_name, order.status.key, order.paid) == (order_id, "Олена", "new", False)
    assert count(OrderEvent) == events
    kept = db.session.scalars(db.select(Incoming)).one()
    assert (kept.state, kept.order_id) == ("echo", order_id)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite has one writer: nobody comes between
def test_an_order_removed_for_good_while_its_news_are_settled_stays_away(
    context: Flask, prom: Connection, sandbox: SandboxServer
) -> None:
    vendor = sandbox.vendor("prom")
    made = [vendor.new_order() for _ in range(2)]
    run(prom)
    gone, stays = db.session.scalars(db.select(Order.id).order_by(Order.id))
    statuses.change([gone], status("deleted"), TESTER)
    db.session.commit()
    removed: list[int] = []

    def remove() -> None:
        with context.app_context():
            removed.extend(removal.remove([gone], TESTER))
            db.session.commit()

    def between(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        """The links have been read, the orders not yet."""
        if not removed and statement.startswith("SELECT links.id"):
            staff = threading.Thread(target=remove)
            staff.start()
            staff.join()

    for order in made:
        vendor.change(order["id"], client_notes="ще питання")
    sql_event.listen(db.engine, "after_cursor_execute", between)
    try:
        done = run(prom)
    finally:
        sql_event.remove(db.engine, "after_cursor_execute", between)
    assert removed == [gone]
    assert (done.state, done.counts["new"], done.counts["changed"], done.counts["failed"]) == ("done", 0, 1, 0)
    assert only_order().id == stays
    assert only_order().customer_comment == "ще питання"
    kept = {(row.state, row.order_id, row.note) for row in db.session.scalars(db.select(Incoming))}
    assert ("applied", None, incoming_changes.REMOVED) in kept
    assert {state for state, *_ in kept} == {"applied"}
