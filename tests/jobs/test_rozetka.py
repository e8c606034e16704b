"""Rozetka's orders through the hub: two shops, statuses with their tracking number, the buyer's cancellation."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from integrations.sandbox import TOKENS, SandboxServer
from jobs import connections, mapping, work
from models import Connection, Link, Mapping, Order, OrderEvent, Status, Transfer, db
from orders import editing, statuses
from orders.timeline import Actor

from .test_intake import TESTER, count, run, status

pytestmark = pytest.mark.usefixtures("unlimited")


@pytest.fixture
def shops(context: Flask, sandbox: SandboxServer) -> list[Connection]:
    """One opens with a token, the other with a login."""
    url = f"{sandbox.url}/rozetka"
    given = ({"secret": TOKENS[0]}, {"login": "seller2@example.com", "secret": TOKENS[1]})
    rows = [connections.create("rozetka", f"Shop {n}", {"api_url": url, **more}) for n, more in enumerate(given)]
    for row in rows:
        connections.refresh_references(row)
        mapping.suggest_all(row)
    db.session.commit()
    return rows


def write_back(connection: Connection, ours: str, theirs: str) -> mapping.Saved:
    saved = mapping.save(connection, "status_out", {str(status(ours).id): theirs}, {}, TESTER)
    db.session.commit()
    return saved


def order_of(connection: Connection) -> Order:
    query = db.select(Order).join(Link, Link.order_id == Order.id).where(Link.connection_id == connection.id)
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def test_two_shops_side_by_side(shops: list[Connection], sandbox: SandboxServer) -> None:
    vendor = sandbox.vendor("rozetka")
    made = {token: {str(vendor.new_order(token)["id"]) for _ in range(30)} for token in TOKENS[:2]}
    for _again in range(2):
        assert [run(row).state for row in shops] == ["done", "done"]
    for row, ids in zip(shops, made.values(), strict=True):
        query = db.select(Link.external_id).where(Link.connection_id == row.id)
        assert set(db.session.scalars(query)) == ids
    assert count(Order) == 60
    gaps = {(gap["table"], gap["name"]) for found in db.session.scalars(db.select(Order.unmapped)) for gap in found}
    assert gaps == {("delivery_in", "ROZETKA Delivery")}, "no carrier of ours: a person says what it is"
    assert 0 < count(Order, Order.staff_comment.startswith("Отримувач: "), Order.buyer_name != "") < 30


def test_status_and_number_go_together_once_there_are_both(shops: list[Connection], sandbox: SandboxServer) -> None:
    vendor, shop = sandbox.vendor("rozetka"), shops[0]
    made = vendor.new_order(is_fulfillment=False)["id"]
    write_back(shop, "transferred", "61")
    held = db.session.scalars(db.select(Mapping).filter_by(connection_id=shop.id, theirs="61", table="status_out"))
    assert held.one().extra == {"ttn_along": True}
    run(shop)
    statuses.change([order_of(shop).id], status("transferred"), Actor("job", "CRM"))
    db.session.commit()
    assert count(Transfer) == 0
    order = order_of(shop)
    editing.update(order.id, order.version, {"ttn": "20450000000001"}, None, TESTER)
    db.session.commit()
    work.drain(shop.id)
    theirs = vendor.account().table("orders")[made]
    assert (theirs["status"], theirs["ttn"]) == (61, "20450000000001")
    told = db.select(OrderEvent.detail).where(OrderEvent.kind == "sent").order_by(OrderEvent.id)
    said = db.session.scalars(told).all()
    assert [detail["operation"] for detail in said] == ["status", "ttn"]
    run(shop)
    assert order_of(shop).status_id == status("transferred").id
    assert count(Transfer, Transfer.state == "done") == count(Transfer) == 1


def test_rozetka_packs_its_fulfilment_orders_itself(shops: list[Connection], sandbox: SandboxServer) -> None:
    sandbox.vendor("rozetka").new_order(is_fulfillment=True)
    write_back(shops[0], "transferred", "61")
    run(shops[0])
    order = order_of(shops[0])
    assert order.fulfilment
    editing.update(order.id, order.version, {"ttn": "20450000000001"}, None, TESTER)
    statuses.change([order.id], status("transferred"), Actor("job", "CRM"))
    assert count(Transfer) == 0


def test_a_cancelled_order_gets_the_status_chosen_for_it(shops: list[Connection], sandbox: SandboxServer) -> None:
    vendor, shop = sandbox.vendor("rozetka"), shops[0]
    chosen = Status(key="gone", name="Cancelled before we began", group="cancelled", position=90)
    db.session.add(chosen)
    db.session.commit()
    mapping.save(shop, "status_in", {"45": str(chosen.id)}, {}, TESTER)
    made = vendor.new_order()["id"]
    run(shop)
    vendor.cancel(made)
    run(shop)
    assert order_of(shop).status_id == chosen.id
    assert count(Transfer) == 0


def test_only_steps_of_a_seller_are_offered(shops: list[Connection]) -> None:
    found: dict[str, Any] = {choice.value: choice for choice in mapping.editor(shops[0], "status_out").choices}
    assert [found[code].barred for code in ("26", "2", "61", "40", "1", "6", "45", "49")] == [False] * 4 + [True] * 4
    saved = write_back(shops[0], "transferred", "6")
    assert (saved.changed, saved.barred[0].theirs) == (0, "Замовлення виконано")
    assert "Передано в службу доставки" in saved.barred[0].instead
    assert "Не вдалося зв'язатися" not in saved.barred[0].instead
    held = {m.ours: m.theirs for m in db.session.scalars(db.select(Mapping).filter_by(table="status_out"))}
    assert held == {status("confirmed").id: "26", status("cancelled").id: "40"}
