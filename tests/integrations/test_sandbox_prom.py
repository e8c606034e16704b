"""The Prom sandbox against the vendor's documentation, over real HTTP."""

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import phonenumbers
import pytest

from integrations.sandbox import SandboxServer
from tests.integrations.sandboxes import SECOND, TOKEN, wait_until


def test_prom_refuses_strangers(server: SandboxServer) -> None:
    url = f"{server.url}/prom/api/v1/orders/list"
    for headers in ({}, {"Authorization": "Bearer stranger"}, {"Authorization": f"Basic {TOKEN}"}):
        answer = httpx.get(url, headers=headers)
        assert answer.status_code == 401
        assert list(answer.json()) == ["error"]


def test_prom_unknown_paths_and_verbs(prom: httpx.Client) -> None:
    assert prom.get("/orders").status_code == 404
    assert prom.get("/orders/1").status_code == 404
    assert prom.post("/orders/list").status_code == 405


def test_prom_last_id_is_inclusive_and_walks_to_the_end(server: SandboxServer, prom: httpx.Client) -> None:
    made = [server.vendor("prom").new_order()["id"] for _ in range(45)]
    first = [one["id"] for one in prom.get("/orders/list").json()["orders"]]
    assert first == made[:-21:-1]
    second = [one["id"] for one in prom.get("/orders/list", params={"last_id": first[-1]}).json()["orders"]]
    assert second[0] == first[-1]
    seen: list[int] = []
    last: dict[str, int] = {}
    while page := prom.get("/orders/list", params={"limit": 7, **last}).json()["orders"]:
        seen += [one["id"] for one in page]
        last = {"last_id": seen[-1] - 1}
    assert seen == made[::-1]
    ascending = prom.get("/orders/list", params={"sort_dir": "asc", "limit": 2}).json()["orders"]
    assert [one["id"] for one in ascending] == made[:2]


def test_prom_filters(server: SandboxServer, prom: httpx.Client) -> None:
    vendor = server.vendor("prom")
    old = vendor.new_order(date_created="2025-01-23T16:17:16.903988+00:00")["id"]
    new = vendor.new_order(status="received", date_created=datetime.now(UTC) - timedelta(days=1))["id"]

    def ids(**query: str) -> list[int]:
        return [one["id"] for one in prom.get("/orders/list", params=query).json()["orders"]]

    assert ids(status="received") == [new]
    assert ids(date_to="2025-01-24T00:00:00") == [old]
    assert ids(date_from="2025-01-24T00:00:00") == [new]
    since = f"{datetime.now(UTC) - timedelta(minutes=1):%Y-%m-%dT%H:%M:%S}"
    assert ids(last_modified_from=since) == []
    vendor.pay(old)
    assert ids(last_modified_from=since) == [old]
    assert ids(last_modified_to=since) == [new]
    paid = prom.get(f"/orders/{old}").json()["order"]["payment_data"]
    assert (paid["type"], paid["status"]) == ("evopay", "paid")
    assert prom.get("/orders/list", params={"date_from": "yesterday"}).status_code == 400
    assert prom.get("/orders/list", params={"limit": "many"}).status_code == 400


def test_prom_orders_are_believable(server: SandboxServer, prom: httpx.Client) -> None:
    for _ in range(200):
        server.vendor("prom").new_order()
    orders = prom.get("/orders/list", params={"limit": 100}).json()["orders"]
    for one in orders:
        assert phonenumbers.is_valid_number(phonenumbers.parse(one["phone"]))
        assert 1 <= len(one["products"]) <= 5
        assert datetime.fromisoformat(one["date_created"]).tzinfo
        assert not [name for name in one if name.startswith("_")]
        lines = sum(amount(line["total_price"]) for line in one["products"])
        assert amount(one["price"]) == lines
        assert amount(one["full_price"]) == lines + one["delivery_cost"]
    forms = {re.sub(r"\d+", "1", one["price"]) for one in orders}
    assert {"1", "1 1,1 грн", "1\u00a01"} <= forms
    assert {one["delivery_option"]["name"] for one in orders} >= {"Нова Пошта", "Укрпошта", "Самовивіз"}
    assert any(one["delivery_recipient"] for one in orders)
    assert any(one["utm"] and one["ps_promotion"] for one in orders)
    assert any((one["payment_data"] or {}).get("status") == "unpaid" for one in orders)


def amount(text: str) -> float:
    return float(re.sub(r"[^\d,.]", "", text).replace(",", "."))


def test_prom_invents_the_same_orders_again(server: SandboxServer) -> None:
    with SandboxServer() as other:
        moment = "2025-03-01T08:00:00+00:00"
        first, second = (one.vendor("prom").new_order(date_created=moment) for one in (server, other))
    assert first == second


def test_prom_language(server: SandboxServer, prom: httpx.Client) -> None:
    number = server.vendor("prom").new_order(payment_option={"id": 7001, "name": "Накладений платіж"})["id"]
    russian = prom.get(f"/orders/{number}", headers={"X-LANGUAGE": "ru"}).json()["order"]
    assert (russian["status_name"], russian["payment_option"]["name"]) == ("Новый", "Наложенный платёж")
    assert prom.get(f"/orders/{number}").json()["order"]["status_name"] == "Нове"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ids": [], "status": "received"},
        {"ids": ["1"], "status": "received"},
        {"ids": [1], "status": "lost"},
        {"ids": [1], "status": "canceled"},
        {"ids": [1], "status": "canceled", "cancellation_reason": "out_of_stock"},
        {"ids": [1], "status": "canceled", "cancellation_reason": "another"},
        {"ids": [1], "status": "canceled", "cancellation_reason": "price_changed", "cancellation_text": " "},
    ],
)
def test_prom_set_status_refuses_with_200(prom: httpx.Client, body: dict[str, Any]) -> None:
    answer = prom.post("/orders/set_status", json=body)
    assert answer.status_code == 200
    assert list(answer.json()) == ["error"]


def test_prom_set_status(server: SandboxServer, prom: httpx.Client) -> None:
    vendor = server.vendor("prom")
    one, two, locked = (vendor.new_order(**more)["id"] for more in ({}, {}, {"_locked": True}))
    foreign = vendor.new_order(account=SECOND)["id"]
    ids = [one, two, locked, foreign, 999]
    assert prom.post("/orders/set_status", json={"ids": ids, "status": "received"}).json() == {
        "processed_ids": [one, two]
    }
    for reason, text in (("not_available", {}), ("another", {"cancellation_text": "No answer"})):
        body = {"ids": [one], "status": "canceled", "cancellation_reason": reason, **text}
        assert prom.post("/orders/set_status", json=body).json() == {"processed_ids": [one]}
    canceled = prom.get(f"/orders/{one}").json()["order"]
    assert canceled["status"] == "canceled"
    assert canceled["cancellation"] == {"title": "No answer", "initiator": "company"}


def test_prom_declaration(server: SandboxServer, prom: httpx.Client) -> None:
    number = server.vendor("prom").new_order(delivery_provider_data=None)["id"]
    good = {"order_id": number, "declaration_id": "20450000000001", "delivery_type": "nova_poshta"}
    assert prom.post("/delivery/save_declaration_id", json=good).json() == {"status": "success"}
    stored = prom.get(f"/orders/{number}").json()["order"]["delivery_provider_data"]
    assert stored == {"provider": "nova_poshta", "declaration_number": "20450000000001"}
    for wrong in ({"order_id": 1}, {"declaration_id": ""}, {"delivery_type": "pigeon"}):
        answer = prom.post("/delivery/save_declaration_id", json=good | wrong)
        assert (answer.status_code, answer.json()["status"]) == (200, "error")


def test_prom_lists_of_options(prom: httpx.Client) -> None:
    for path, field, keys in (
        ("/payment_options/list", "payment_options", {"id", "name", "description"}),
        ("/delivery_options/list", "delivery_options", {"id", "name", "comment", "enabled", "type"}),
        ("/order_status_options/list", "order_status_options", {"id", "name", "title"}),
        ("/groups/list", "groups", {"id", "name", "parent_group_id"}),
    ):
        options = prom.get(path).json()[field]
        assert options
        assert all(set(option) == keys for option in options)


def test_prom_products(prom: httpx.Client) -> None:
    products = prom.get("/products/list", params={"limit": 100}).json()["products"]
    rest = prom.get("/products/list", params={"limit": 100, "last_id": products[-1]["id"] - 1}).json()["products"]
    assert len({one["sku"] for one in products + rest}) == 150
    assert {one["group"]["id"] for one in prom.get("/products/list?group_id=3").json()["products"]} == {3}
    one = products[0]
    assert prom.get(f"/products/{one['id']}").json() == {"product": one}
    assert prom.get(f"/products/by_external_id/{one['external_id']}").json() == {"product": one}
    assert prom.get("/products/by_external_id/nothing").status_code == 404
    russian = prom.get(f"/products/{one['id']}", headers={"X-LANGUAGE": "ru"}).json()["product"]
    assert russian["name"] == one["name_multilang"]["ru"] != one["name"]


def test_prom_edits_products(prom: httpx.Client) -> None:
    one, two = prom.get("/products/list?limit=2").json()["products"]
    rows = [
        {"id": one["external_id"], "price": 99.5, "presence": "order", "name": "Нова назва"},
        {"id": two["external_id"], "presence": "order", "presence_sure": True, "quantity_in_stock": 5},
        {"id": "nothing", "price": 1},
        {"id": two["external_id"], "price": "free"},
    ]
    answer = prom.post("/products/edit_by_external_id", json=rows).json()
    assert answer["processed_ids"] == [one["external_id"], two["external_id"]]
    assert set(answer["errors"]) == {"nothing", two["external_id"]}
    one, two = (prom.get(f"/products/{product['id']}").json()["product"] for product in (one, two))
    assert (one["price"], one["presence"] != "order", one["name"]) == (99.5, True, "Нова назва")
    assert (two["presence"], two["quantity_in_stock"]) == ("order", 5)
    by_id = prom.post("/products/edit", json=[{"id": one["id"], "price": 5}]).json()
    assert by_id == {"processed_ids": [one["id"]], "errors": {}}
    assert prom.post("/products/edit", json=[{"id": one["external_id"], "price": 5}]).json()["processed_ids"] == []
    assert prom.post("/products/edit", json={"products": []}).status_code == 400


def test_prom_clients(server: SandboxServer, prom: httpx.Client) -> None:
    made = server.vendor("prom").new_order()
    listed = prom.get("/clients/list", params={"search_term": made["client"]["last_name"]}).json()["clients"]
    assert [one["id"] for one in listed] == [made["client_id"]]
    assert prom.get(f"/clients/{made['client_id']}").json()["client"] == listed[0]
    assert prom.get("/clients/1").status_code == 404


def test_prom_makes_orders_by_itself(server: SandboxServer, control: httpx.Client) -> None:
    vendor = server.vendor("prom")
    for _ in range(30):
        vendor.new_order()
    control.post("/_control/prom/emit", json={"every": 0.01})
    wait_until(lambda: vendor.count() >= 33)
    control.post("/_control/prom/emit", json={"every": None})
    stopped = vendor.count()
    vendor.tick(time.monotonic() + 60)
    assert vendor.count() == stopped
    for now in range(100):
        vendor.emit(1)
        vendor.tick(float(now))
    changed = [one for one in vendor.accounts[TOKEN].table("orders").values() if one["_modified"] > one["_created"]]
    assert changed, "now and then one is paid or canceled"


def test_prom_shop_events_over_http(server: SandboxServer, control: httpx.Client) -> None:
    number = server.vendor("prom").new_order()["id"]
    assert control.post("/_control/prom/pay", json={"order": number}).json()["payment_data"]["status"] == "paid"
    canceled = control.post("/_control/prom/cancel", json={"order": number}).json()
    assert canceled["cancellation"]["initiator"] == "buyer"
