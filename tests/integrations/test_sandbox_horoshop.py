"""The Horoshop sandbox against the vendor's documentation, and both sides against the documented samples."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import phonenumbers
import pytest

from integrations.sandbox import SandboxServer
from integrations.types import StatusChange
from tests.integrations.sandboxes import SECOND, THIRD, TLS, TOKEN

from .suite import canned
from .test_horoshop import VENDOR

Ask = Callable[..., tuple[str, Any]]
#: sample bodies of the vendor's wiki, where this machine has them, and one that every machine has
_FILE = Path(os.environ.get("CONTRACTS") or ".") / "horoshop" / "horoshop-doc-samples.json"
SAMPLES: dict[str, Any] = json.loads(_FILE.read_text()) if _FILE.exists() else {}
SAMPLES["auth again"] = {
    "path": "/api/auth/",
    "request": {"login": "api", "password": "<PASSWORD>"},
    "response": {"status": "OK", "response": {"token": "<TOKEN>"}},
}


@pytest.fixture
def shop(server: SandboxServer) -> Any:
    return server.vendor("horoshop")


def post(server: SandboxServer, path: str, body: Any) -> httpx.Response:
    return httpx.post(f"{server.url}/horoshop{path}", json=body, verify=TLS)


def entered(server: SandboxServer, password: str = TOKEN) -> str:
    return str(post(server, "/api/auth/", {"login": "api", "password": password}).json()["response"]["token"])


@pytest.fixture
def ask(server: SandboxServer) -> Ask:
    """(status, response) of a function of the first shop."""
    token = entered(server)

    def asked(function: str, **body: Any) -> tuple[str, Any]:
        answer = post(server, f"/api/{function}/", {"token": token, **body}).json()
        return answer["status"], answer["response"]

    return asked


def shape(value: Any) -> Any:
    """Names and kinds of what is in a body; of a list, those of all its entries."""
    if isinstance(value, dict):
        return {name: shape(held) for name, held in sorted(value.items())}
    return sorted({json.dumps(shape(one)) for one in value}) if isinstance(value, list) else type(value).__name__


@pytest.mark.parametrize("name", list(SAMPLES))
def test_documented_requests_get_documented_answers(server: SandboxServer, shop: Any, name: str) -> None:
    sample = SAMPLES[name]
    number = shop.new_order()["order_id"]
    for one in sample["request"].get("orders", ()):
        order = shop.account().table("orders")[number] | {"order_id": one["order_id"]}
        shop.account().put("orders", one["order_id"], order)
    secrets = {"password": TOKEN, "token": entered(server)}
    asked = {field: secrets.get(field, value) for field, value in sample["request"].items()}
    answer = post(server, sample["path"], asked)
    assert answer.status_code == sample.get("http_status", 200)
    assert shape(answer.json()) == shape(sample["response"])
    if "orders" in asked:
        assert answer.json() == sample["response"]


@pytest.mark.parametrize("name", list(SAMPLES))
def test_our_requests_are_documented_and_documented_answers_are_understood(name: str) -> None:
    sample = SAMPLES[name]
    documented = sample["request"].get("orders", [{"order_id": 1, "status": 2}])
    log = sample["response"] if "orders" in sample["request"] else {"status": "OK", "response": {}}
    token = {"status": "OK", "response": {"token": "t" * 32}}
    with canned((200, token), (200, log)) as vendor:
        changes = [StatusChange(str(one["order_id"]), str(one["status"])) for one in documented]
        results = VENDOR.connect(vendor.url).write_statuses(changes)
    paths = [path for _, path, _ in vendor.requests]
    bodies = {path: json.loads(body) for _, path, body in vendor.requests}
    assert paths == ["/api/auth/", "/api/orders/update/"]
    if sample["path"] in bodies:
        ours = bodies[sample["path"]]
        assert set(ours) == set(sample["request"])
        plain = [{field: one[field] for field in ("order_id", "status")} for one in documented]
        assert ours.get("orders", plain) == plain
    failed = [entry["status"] != "OK" for entry in log["response"].get("log", [{"status": "OK"}])]
    assert [bool(fault) for fault, _ in results.values()] == failed


def test_the_door(server: SandboxServer, shop: Any) -> None:
    for wrong in ({}, {"login": "api"}, {"login": "root", "password": TOKEN}, {"login": "api", "password": "x"}):
        answer = post(server, "/api/auth/", wrong)
        assert (answer.status_code, answer.json()["status"]) == (200, "ERROR")
    assert len(entered(server)) == 32
    newer, older = entered(server, SECOND), entered(server, THIRD)
    bad = {"token": "nothing"}
    assert post(server, "/api/orders/get/", bad).json()["status"] == "AUTHORIZATION_ERROR"
    assert (
        post(server, "/api/orders/get_available_statuses/", {"token": older}).json()["status"] == "UNDEFINED_FUNCTION"
    )
    assert post(server, "/api/no/such/", {"token": older}).json()["status"] == "UNDEFINED_FUNCTION"
    shop.expire()
    lost = post(server, "/api/orders/get/", {"token": newer})
    assert (lost.status_code, lost.json()["status"]) == (401, "UNAUTHORIZED")
    shop.account().options["api_off"] = True
    assert post(server, "/api/auth/", {"login": "api", "password": TOKEN}).status_code == 404
    shop.account().options.update(api_off=False, denied=["orders"])
    token = entered(server)
    assert post(server, "/api/orders/get/", {"token": token}).json()["status"] == "ERROR"
    page = httpx.post(f"{server.url}/horoshop/catalog/", verify=TLS, json={"token": token})
    assert (page.status_code, page.text[:6]) == (404, "<html>")


def test_faults_without_a_path_spare_the_login(server: SandboxServer, shop: Any) -> None:
    shop.fault("rate_limited")
    token = entered(server)
    assert post(server, "/api/orders/get/", {"token": token}).status_code == 429
    shop.fault("error500", path="/auth")
    assert post(server, "/api/auth/", {}).json()["status"] == "EXCEPTION"


def test_old_clients_ask_with_forms_and_queries(server: SandboxServer, shop: Any) -> None:
    number = shop.new_order()["order_id"]
    shop.new_order()
    url = f"{server.url}/horoshop/api"
    entry = httpx.post(f"{url}/auth", data={"login": "api", "password": TOKEN}, verify=TLS)
    token = entry.json()["response"]["token"]
    query = {"token": token, "ids[0]": number, "limit": 5}
    assert len(httpx.get(f"{url}/orders/get", params=query, verify=TLS).json()["response"]["orders"]) == 1
    offers = {"token": token, "limit": 1, "includedParams": "price, title"}
    offer = httpx.put(f"{url}/catalog/export", data=offers, verify=TLS).json()["response"]["products"][0]
    assert set(offer) == {"article", "parent_article", "parent", "price", "title"}
    assert httpx.post(f"{url}/orders/get", json=[1], verify=TLS).json()["status"] == "AUTHORIZATION_ERROR"


def test_pages_of_orders(shop: Any, ask: Ask) -> None:
    made = [shop.new_order()["order_id"] for _ in range(510)][::-1]

    def ids(**query: Any) -> list[int]:
        return [order["order_id"] for order in ask("orders/get", **query)[1]["orders"]]

    assert ids() == ids(limit=900) == ids(offset=5) == made[:500]
    assert ids(limit=3, offset=2) == made[2:5]
    assert ask("orders/get", limit=0)[0] == ask("orders/get", limit=5, offset=510)[0] == "EMPTY"
    assert ids(ids=[made[0], made[9], 1]) == [made[0], made[9]]
    assert ids(status=[1, 2], limit=2) == made[:2]
    assert ask("orders/get", status=3)[0] == "EMPTY"
    for wrong in ({"limit": "many"}, {"from": "yesterday"}, {"ids": ["x"]}):
        assert ask("orders/get", **wrong)[0] == "ERROR"


def test_times_are_the_shops_and_both_ends_count(shop: Any, ask: Ask) -> None:
    shop.new_order(created=datetime(2026, 1, 10, 22, 30, 5, tzinfo=UTC))  # half past midnight in Kyiv
    told = ask("orders/get", additionalData=True)[1]["orders"][0]
    assert told["stat_created"] == "2026-01-11 00:30:05"
    assert "recipient_warehouse_ref" in told["additional_data"]
    assert not [name for name in told if name.startswith("_")]
    for query, found in (
        ({"from": "2026-01-11"}, "OK"),
        ({"to": "11.01.2026"}, "OK"),
        ({"to": "2026-01-10"}, "EMPTY"),
        ({"from": "2026-01-11 00:30:05", "to": "11.01.2026 00:30:05"}, "OK"),
        ({"from": "11.01.2026 00:30:06"}, "EMPTY"),
    ):
        assert ask("orders/get", **query)[0] == found, query


def test_updates(server: SandboxServer, shop: Any, ask: Ask) -> None:
    number, gone = (shop.new_order(stat_status=status)["order_id"] for status in (1, 4))
    updates = [
        {"order_id": number, "status": 17, "payed": 1, "tracking_code": "0500000000000", "paid": 0},
        {"order_id": str(number), "status": "6"},
        {"order_id": gone, "status": 4},
        {"order_id": gone, "status": 1},
        {"order_id": 9, "status": 1},
        {"order_id": number, "payed": 2},
        {"order_id": number, "tracking_code": " "},
        {"order_id": number, "own_tracking_code": "1"},
    ]
    status, response = ask("orders/update", orders=updates)
    assert (status, [entry["status"] for entry in response["log"]]) == ("WARNING", ["OK"] * 3 + ["ERROR"] * 5)
    order = ask("orders/get", ids=[number])[1]["orders"][0]
    assert (order["stat_status"], order["payed"], order["delivery_data"]["tnNumber"]) == (6, 1, "0500000000000")
    for wrong in ({}, {"orders": []}, {"orders": {"order_id": 1}}):
        assert ask("orders/update", **wrong)[0] == "ERROR"
    body = {"token": entered(server, SECOND), "orders": [{"order_id": 9}]}
    assert set(post(server, "/api/orders/update/", body).json()["response"]["log"][0]) == {
        "order_id",
        "status",
        "message",
    }


def test_the_catalogue(ask: Ask) -> None:
    offers = ask("catalog/export")[1]["products"]
    assert len(offers) > 90
    assert {len(one["title"]) for one in offers} == {2}
    assert any(one["parent_article"] != one["article"] for one in offers)
    lamp = ask("catalog/export", expr={"article": "LAMP-BK"}, excludedParams=["description", "article"])[1]["products"][
        0
    ]
    assert ("description" in lamp, lamp["article"]) == (False, "LAMP-BK")
    hidden = ask("catalog/export", expr={"display_in_showcase": 0})[1]["products"]
    assert 0 < len(hidden) < 10
    assert {one["parent"]["id"] for one in ask("catalog/export", expr={"parent.id": [12]})[1]["products"]} == {12}
    assert ask("catalog/export", expr="all")[0] == "ERROR"
    rows = [{"article": "LAMP-BK", "price": 5, "quantity": 7}, {"article": "NEW"}, {"article": "LAMP-WH", "colour": 1}]
    status, response = ask("catalog/import", products=rows)
    assert (status, [entry["info"][0]["code"] for entry in response["log"]]) == ("WARNING", [0, 6, 11])
    lamp = ask("catalog/export", expr={"article": ["LAMP-BK"]})[1]["products"][0]
    assert (lamp["price"], lamp["quantity"]) == (5, 0)
    assert ask("catalog/import", products=[{}])[0] == "ERROR"
    assert [page["title"]["ua"] for page in ask("pages/export", parent=10)[1]["pages"]][:2] == ["Декор", "Кухня"]


def test_lists(ask: Ask) -> None:
    for function, name, field in (
        ("payment/export", "payments", "payment_method"),
        ("payment/exportMethods", "paymentMethods", "is_simple"),
        ("delivery/export", "deliveries", "payments"),
        ("delivery/exportTypes", "deliveryTypes", "title"),
        ("currency/export", "currencies", "iso"),
        ("orders/get_available_statuses", "statuses", "is_successful"),
    ):
        status, response = ask(function)
        assert status == "OK"
        assert all(field in entry for entry in response[name])


def test_hooks(server: SandboxServer) -> None:
    token = entered(server)
    hook = {"token": token, "event": "order_created", "target_url": "http://hub.example/hook"}
    answers = [post(server, "/api/hooks/subscribe/", hook) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [201] * 5 + [200]
    assert answers[0].json() == {"id": 1}
    assert "limit" in answers[5].json()["response"]["message"]
    assert post(server, "/api/hooks/subscribe/", hook | {"event": "rain"}).json()["status"] == "ERROR"
    end = {"token": token, "id": 1, "target_url": "http://hub.example/hook"}
    assert [post(server, "/api/hooks/unSubscribe/", end).status_code for _ in range(2)] == [410, 200]


def test_orders_are_believable_and_the_same_again(shop: Any, ask: Ask) -> None:
    for _ in range(200):
        shop.new_order()
    orders = ask("orders/get")[1]["orders"]
    for one in orders:
        assert phonenumbers.is_valid_number(phonenumbers.parse(one["delivery_phone"]))
        assert one["total_default"] == sum(line["total_price"] for line in one["products"])
        off = one["total_default"] - one["total_sum"]
        assert round(off, 2) == one["coupon_discount_value"] + one["discount_value"]
    assert {-1, 0} <= {one["delivery_price"] for one in orders}
    assert {line["type"] for one in orders for line in one["products"]} == {"product", "gift"}
    assert any(isinstance(one["analytics"]["utm_campaign"], int) for one in orders)
    assert {0, 1} == {one["payed"] for one in orders}
    moment = datetime.now(UTC) - timedelta(days=1)
    shop.reset()
    first = shop.new_order(created=moment)
    shop.reset()
    assert shop.new_order(created=moment) == first


def test_controls(server: SandboxServer, shop: Any, control: httpx.Client) -> None:
    made = control.post("/_control/horoshop/orders", json={"count": 2, "account": SECOND}).json()
    assert made == {"ids": [501, 502]}
    assert control.post("/_control/horoshop/pay", json={"order": 501, "account": SECOND}).json()["payed"] == 1
    assert control.post("/_control/horoshop/expire", json={}).json() == {}
    assert control.post("/_control/horoshop/emit", json={"every": 5}).json() == {"every": 5}
    for step in range(1, 61):
        shop.tick(time.monotonic() + step * 6)
    shop.tick(0.0)
    made = shop.count("orders", TOKEN)
    assert made >= 60
    assert control.post("/_control/horoshop/emit", json={"every": None}).json() == {"every": None}
    shop.tick(time.monotonic() + 6000)
    assert shop.count("orders", TOKEN) == made
