"""Orders on their way to KeyCRM, as orders and as cards: each there once, whatever is lost; statuses both ways."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from flask import Flask

from integrations.sandbox import SandboxServer
from jobs import connections, work
from models import Attempt, Connection, DeliveryMethod, Link, Mapping, Order, OrderLine, db
from orders import statuses
from orders import work as requests

from .conftest import make_orders
from .test_intake import TESTER, map_status, run, status
from .test_transfers import make_due, states

pytestmark = pytest.mark.usefixtures("unlimited")


@pytest.fixture
def keycrm(context: Flask, sandbox: SandboxServer) -> Connection:
    return _connect(sandbox, "KeyCRM")


@pytest.fixture
def cards(context: Flask, sandbox: SandboxServer) -> Connection:
    return _connect(sandbox, "Cards", mode="cards", pipeline_id="2", number_field="LD_1021")


def _connect(sandbox: SandboxServer, name: str, **more: str) -> Connection:
    given = {"api_url": f"{sandbox.url}/keycrm", "api_key": "sandbox-token", "source_id": "7", **more}
    row = connections.create("keycrm", name, given)
    db.session.commit()
    return row


def there(sandbox: SandboxServer, kind: str = "orders") -> list[dict[str, Any]]:
    return list(sandbox.vendor("keycrm").account().table(kind).values())


def send(ids: list[int], connection: Connection) -> None:
    requests.request_send(ids, connection.id, "Tester")
    db.session.commit()
    work.drain(connection.id)


def links() -> dict[int, Link]:
    return {link.order_id: link for link in db.session.scalars(db.select(Link))}


def calls() -> Counter[str]:
    """What was asked of the vendor, by method and path."""
    asked = [exchange for row in db.session.scalars(db.select(Attempt)) for exchange in row.exchanges]
    db.session.rollback()
    return Counter(f"{one['method']} {one['url'].split('/keycrm')[1].split('?')[0]}" for one in asked)


def test_a_batch_takes_two_calls_however_many_are_under_way(
    context: Flask, keycrm: Connection, sandbox: SandboxServer
) -> None:
    ids = make_orders(200)
    send(ids, keycrm)
    assert states() == {"done": 200}
    assert calls() == {"POST /order/import": 4, "GET /order": 4}
    assert sorted(order["source_uuid"] for order in there(sandbox)) == sorted(db.session.scalars(db.select(Order.key)))
    held = {str(order["id"]): order["source_uuid"] for order in there(sandbox)}
    keys = dict(db.session.execute(db.select(Order.id, Order.key)).all())
    assert {link.external_id: keys[link.order_id] for link in links().values()} == held
    link = links()[ids[0]]
    assert link.url == f"{sandbox.url}/keycrm/app/orders/view/{link.external_id}"


@pytest.mark.parametrize("fault", ["lost", "error500", "garbage"])
def test_an_import_whose_answer_is_lost_is_looked_for(
    context: Flask, keycrm: Connection, sandbox: SandboxServer, fault: str
) -> None:
    sandbox.vendor("keycrm").fault(fault, path="order/import")
    send(make_orders(60), keycrm)
    for _ in range(3):
        make_due()
        work.drain(keycrm.id)
    assert states() == {"done": 60}
    assert len(there(sandbox)) == 60


@pytest.mark.parametrize("fault", ["drop", "rate_limited", "error500"])
def test_what_was_imported_and_can_t_be_seen_is_not_sent_again(
    context: Flask, keycrm: Connection, sandbox: SandboxServer, fault: str
) -> None:
    """It is the list that should name the new orders whose answer is lost, or refused for a call too many."""
    sandbox.vendor("keycrm").fault("slow", path="order/import", seconds=0)
    sandbox.vendor("keycrm").fault(fault, path="order")
    send(make_orders(2), keycrm)
    assert (states(), len(there(sandbox))) == ({"waiting": 2}, 2)
    make_due()
    work.drain(keycrm.id)
    assert (states(), len(there(sandbox))) == ({"done": 2}, 2)


def test_one_alone_is_looked_for_before_it_is_made(context: Flask, keycrm: Connection, sandbox: SandboxServer) -> None:
    [order_id] = make_orders(1)
    key = db.session.get_one(Order, order_id).key
    sandbox.vendor("keycrm").add_order(sandbox.vendor("keycrm").account(), {"source_id": 7, "source_uuid": key})
    send([order_id], keycrm)
    make_due()
    work.drain(keycrm.id)
    assert states() == {"done": 1}
    assert len(there(sandbox)) == 1


def test_an_order_sent_again_has_its_lines_once(context: Flask, keycrm: Connection, sandbox: SandboxServer) -> None:
    ids = make_orders(2, ttn="20450000000001")
    send(ids, keycrm)
    db.session.execute(db.update(OrderLine).where(OrderLine.sku == "SKU-BAG").values(quantity=5))
    db.session.execute(db.update(Order).values(version=Order.version + 1, city="Львів"))
    db.session.commit()
    for _ in range(2):
        send(ids, keycrm)
    assert states().keys() == {"done"}
    for held in there(sandbox):
        assert {line["sku"]: line["quantity"] for line in held["products"]}["SKU-BAG"] == 5
        assert len(held["products"]) == 2
        assert held["shipping"]["shipping_address_city"] == "Львів"
        assert (held["shipping"]["tracking_code"], len(held["payments"])) == ("20450000000001", 1)


def test_the_status_follows_the_order_and_both_sides_agree(
    context: Flask, keycrm: Connection, sandbox: SandboxServer
) -> None:
    for ours, theirs in (("new", "2"), ("confirmed", "4"), ("cancelled", "19")):
        map_status(keycrm, ours, theirs)
    vendor, ids = sandbox.vendor("keycrm"), make_orders(3)
    send(ids, keycrm)
    assert {order["status_id"] for order in there(sandbox)} == {2}  # "new" as it was when it was sent
    assert calls()["PUT /order/1"] == 1
    run(keycrm, "statuses")
    assert {order.status.key for order in db.session.scalars(db.select(Order))} == {"transferred"}
    statuses.change(ids[:1], status("confirmed"), TESTER)
    db.session.commit()
    work.drain(keycrm.id)
    first = int(str(links()[ids[0]].external_id))
    assert vendor.account().table("orders")[first]["status_id"] == 4
    vendor.set_status(int(str(links()[ids[1]].external_id)), 19)
    before = calls()
    run(keycrm, "statuses")
    run(keycrm, "statuses")
    work.drain(keycrm.id)
    keys = {order.id: order.status.key for order in db.session.scalars(db.select(Order))}
    assert keys == {ids[0]: "confirmed", ids[1]: "cancelled", ids[2]: "transferred"}
    assert all("PUT" not in call for call in calls() - before)  # neither our own nor theirs goes back


@pytest.mark.parametrize("fault", ["lost", "error500"])
def test_a_card_whose_answer_is_lost_is_looked_for(
    context: Flask, cards: Connection, sandbox: SandboxServer, fault: str
) -> None:
    vendor = sandbox.vendor("keycrm")
    vendor.fault(fault, path="pipelines/cards")
    send(make_orders(3), cards)
    for _ in range(3):
        make_due()
        work.drain(cards.id)
    assert states() == {"done": 3}
    assert len(there(sandbox, "cards")) == 3
    assert {link.external_id for link in links().values()} == {f"card-{card['id']}" for card in there(sandbox, "cards")}
    assert {card["status_id"] for card in there(sandbox, "cards")} == {11}  # of the chosen pipeline


def test_a_card_s_products_are_there_once_and_its_status_goes_both_ways(
    context: Flask, cards: Connection, sandbox: SandboxServer
) -> None:
    map_status(cards, "new", "card-12")
    map_status(cards, "cancelled", "card-14")
    vendor, [order_id] = sandbox.vendor("keycrm"), make_orders(1)
    send([order_id], cards)
    [card] = there(sandbox, "cards")
    assert card["status_id"] == 12
    for city in ("Львів", "Одеса"):
        db.session.execute(db.update(Order).values(version=Order.version + 1, city=city, paid=True))
        db.session.commit()
        vendor.fault("lost", path=f"pipelines/cards/{card['id']}", times=1)
        send([order_id], cards)
        make_due()
        work.drain(cards.id)
    [card] = there(sandbox, "cards")
    assert ([line["sku"] for line in card["products"]], [one["status"] for one in card["payments"]]) == (
        ["SKU-0", "SKU-BAG"], ["paid"])  # fmt: skip
    vendor.move_card(card["id"], 14)
    run(cards, "statuses")
    assert db.session.get_one(Order, order_id, populate_existing=True).status.key == "cancelled"


def test_with_sending_switched_off_it_is_no_destination(context: Flask, keycrm: Connection) -> None:
    assert connections.destinations() == [keycrm]
    connections.change(keycrm, {**connections.account_settings(keycrm), "mode": "off"})
    assert connections.destinations() == []


def test_lists_follow_from_what_orders_are_sent_as(
    context: Flask, keycrm: Connection, cards: Connection, sandbox: SandboxServer
) -> None:
    lists = {row.id: connections.open_connector(row).references() for row in (keycrm, cards)}
    names = {row_id: {entry.code: entry.name for entry in found["statuses"]} for row_id, found in lists.items()}
    assert (names[keycrm.id]["1"], names[cards.id]["card-11"]) == ("Новий", "Новий · Лендінги")
    assert "12" not in [entry.code for entry in lists[cards.id]["payment"]]  # a method that is switched off
    assert [entry.code for entry in lists[cards.id]["number_fields"]] == ["LD_1021"]
    assert [entry.code for entry in lists[cards.id]["pipelines"]] == ["1", "2"]


def change(order_id: int, **values: Any) -> None:
    """As staff would, with a version more: what is sent again brings it there."""
    changed = db.update(Order).where(Order.id == order_id).values(version=Order.version + 1, **values)
    db.session.execute(changed)
    db.session.commit()


def test_a_tracking_number_that_comes_after_the_order_is_given_there_and_one_that_is_there_stays(
    context: Flask, keycrm: Connection, sandbox: SandboxServer
) -> None:
    [order_id] = make_orders(1)
    send([order_id], keycrm)
    [held] = there(sandbox)
    assert held["shipping"]["tracking_code"] is None
    for number in ("20450000000001", "20450000000002"):
        change(order_id, ttn=number)
        send([order_id], keycrm)
    [held] = there(sandbox)
    assert held["shipping"]["tracking_code"] == "20450000000001"  # a second one is refused there
    assert states() == {"done": 3}


@pytest.mark.parametrize("words", ["Відділення 7, Львів", ""])
def test_another_branch_goes_there_with_the_service_that_it_is_of(
    context: Flask, keycrm: Connection, sandbox: SandboxServer, words: str
) -> None:
    """The reference of a branch isn't told back: only by the place, where it is told, shows that it is another."""
    first, second = "1ec09d2e-e1c2-11e3-8c4a-0050568002cf", "7b422fc5-e1b8-11e3-8c4a-0050568002cf"
    method = DeliveryMethod(name="Нова Пошта, відділення", kind="pickup", position=90)
    db.session.add(method)
    db.session.flush()
    code = {"table": "delivery_out", "lookup": str(method.id), "ours": method.id, "theirs": "1", "extra": {}}
    db.session.add(Mapping(connection_id=keycrm.id, **code))
    at_first = {"pickup_code": first, "pickup_address": words and "Відділення 5, Київ"}
    [order_id] = make_orders(1, delivery_method_id=method.id, **at_first)
    send([order_id], keycrm)
    change(order_id, pickup_code=second, pickup_address=words)
    send([order_id], keycrm)
    assert states() == {"done": 2}
    [held] = there(sandbox)
    place = {
        name: held["shipping"][name] for name in ("delivery_service_id", "warehouse_ref", "shipping_receive_point")
    }
    assert place == {"delivery_service_id": 1, "warehouse_ref": second, "shipping_receive_point": words or None}
    change(order_id, customer_comment="Подзвоніть")
    send([order_id], keycrm)
    attempts = db.session.scalars(db.select(Attempt).order_by(Attempt.id))
    puts = [json.loads(one["request"]) for row in attempts for one in row.exchanges if one["method"] == "PUT"]
    assert [set(body.get("shipping", ())) for body in puts] == [
        {"delivery_service_id", "warehouse_ref", "shipping_receive_point"}
        if words
        else {"delivery_service_id", "warehouse_ref"},
        set() if words else {"delivery_service_id", "warehouse_ref"},  # once more, as nothing tells that it is there
    ]
    assert there(sandbox)[0]["shipping"]["warehouse_ref"] == second


@pytest.mark.parametrize(("paid", "state"), [(True, "paid"), (False, "not_paid")])
def test_an_order_without_a_payment_there_gets_one_and_no_second(
    context: Flask, keycrm: Connection, sandbox: SandboxServer, paid: bool, state: str
) -> None:
    """Staff there have taken it out."""
    [order_id] = make_orders(1)
    send([order_id], keycrm)
    vendor = sandbox.vendor("keycrm")
    [held] = there(sandbox)
    vendor.account().put("orders", held["id"], held | {"payments": []})
    for comment in ("Подзвоніть", "Після шостої"):
        change(order_id, customer_comment=comment, paid=paid)
        send([order_id], keycrm)
    [held] = there(sandbox)
    assert [(one["amount"], one["status"]) for one in held["payments"]] == [(261, state)]
    assert states() == {"done": 3}
