"""The sandboxes against the vendors' documentation, over real HTTP; RetailCRM's also with an independent client."""

import json
import os
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import phonenumbers
import pytest
import retailcrm

from integrations.sandbox import FAULT_KINDS, TOKENS, Sandbox, SandboxServer, discover, run

TOKEN, SECOND, THIRD = TOKENS
TLS = ssl.create_default_context()  # made once: a client would spend 40 ms on its own, and speaks plain HTTP here


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


@pytest.fixture
def server(running: SandboxServer) -> SandboxServer:
    """The sandboxes as fresh as on their first start."""
    running.app.latency = 0
    for vendor in running.app.vendors.values():
        vendor.emit(None)
        vendor.reset()
    return running


@pytest.fixture
def control(server: SandboxServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, verify=TLS) as client:
        yield client


@pytest.fixture
def prom(server: SandboxServer) -> Iterator[httpx.Client]:
    with prom_client(server) as client:
        yield client


@pytest.fixture
def crm(server: SandboxServer) -> Iterator[httpx.Client]:
    server.vendor("retailcrm").set_rate(None)
    with crm_client(server) as client:
        yield client


def prom_client(server: SandboxServer, token: str = TOKEN) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}", "X-LANGUAGE": "uk"}
    return httpx.Client(base_url=f"{server.url}/prom/api/v1", headers=headers, verify=TLS)


def crm_client(server: SandboxServer, token: str = TOKEN) -> httpx.Client:
    return httpx.Client(base_url=f"{server.url}/retailcrm/api/v5", headers={"X-API-KEY": token}, verify=TLS)


def order(external: str = "H-1001", **more: Any) -> dict[str, Any]:
    return {
        "externalId": external,
        "firstName": "Anna",
        "lastName": "Orlova",
        "phone": "+79990000001",
        "items": [{"productName": "Mug", "quantity": 2, "initialPrice": 350}],
        "delivery": {"code": "courier", "cost": 290, "address": {"city": "Moscow"}},
        "payments": [{"externalId": f"{external}-p", "type": "cash", "amount": 990}],
    } | more


def send(client: httpx.Client, path: str, field: str, value: Any, **more: str) -> httpx.Response:
    return client.post(path, data={"site": "shop-1", field: json.dumps(value), **more})


def wait_until(true: Any) -> None:
    for _ in range(400):
        if true():
            return
        time.sleep(0.02)
    pytest.fail("it never came")


# The server itself


def test_every_folder_with_a_sandbox_is_found() -> None:
    found = discover()
    assert {"prom", "retailcrm"} <= set(found)
    assert all(kind.key == key == kind.__module__.split(".")[1] for key, kind in found.items())


def test_only_the_vendors_asked_for_are_served() -> None:
    with SandboxServer(keys=["prom"]) as server:
        assert httpx.get(f"{server.url}/retailcrm/api/credentials").status_code == 404


def test_one_connection_serves_many_requests(server: SandboxServer, prom: httpx.Client) -> None:
    first, second = prom.get("/orders/list"), prom.get("/orders/list")
    assert first.extensions["network_stream"] is second.extensions["network_stream"]


def test_a_body_without_a_length_is_refused(server: SandboxServer) -> None:
    answer = httpx.post(f"{server.url}/prom/api/v1/orders/set_status", content=iter([b"{}"]))
    assert answer.status_code == 411


def raw(server: SandboxServer, text: bytes, close_early: bool = False) -> bytes:
    """What the server answers to these bytes until it closes the connection."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(text)
        if close_early:
            connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n", b"413"),
        (b"GET / HTTP/1.0\r\n\r\n", b"200"),
        (b"GET /nothing HTTP/1.1\r\nConnection: close\r\n\r\n", b"404"),
        (b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx", b"100"),
    ],
)
def test_the_wire(server: SandboxServer, request_text: bytes, status: bytes) -> None:
    assert raw(server, request_text).split()[1] == status


def test_half_a_body_is_no_request(server: SandboxServer) -> None:
    assert raw(server, b"POST /prom/x HTTP/1.1\r\nContent-Length: 9\r\n\r\n{", close_early=True) == b""
    assert server.vendor("prom").requests == 0


def test_head_has_no_body(control: httpx.Client) -> None:
    assert control.head("/").content == control.head("/sandbox.css").content == b""
    assert control.get("/").status_code == 200


@pytest.mark.parametrize("key", ["prom", "retailcrm"])
def test_accounts_keep_to_themselves(server: SandboxServer, key: str) -> None:
    server.vendor("prom").new_order(account=SECOND)
    with crm_client(server, SECOND) as second:
        second.post("/orders/create", data={"site": "shop-2", "order": json.dumps(order())})
    vendor: Sandbox = server.vendor(key)
    assert [vendor.count("orders", token) for token in TOKENS] == [0, 1, 0]


# Faults


@pytest.mark.parametrize(
    ("kind", "prom_status", "crm_status"),
    [("refuse", 400, 400), ("error500", 500, 500), ("rate_limited", 429, 503), ("expired", 401, 403)],
)
def test_faults_answer_in_the_vendors_shape(
    server: SandboxServer, prom: httpx.Client, crm: httpx.Client, kind: str, prom_status: int, crm_status: int
) -> None:
    server.vendor("prom").fault(kind, retry_after=3)
    server.vendor("retailcrm").fault(kind)
    refused, failed = prom.get("/orders/list"), send(crm, "/orders/create", "order", order())
    assert (refused.status_code, failed.status_code) == (prom_status, crm_status)
    assert refused.headers["Retry-After"] == "3"
    assert refused.json()["error"]
    assert kind == "rate_limited" or failed.json()["success"] is False
    assert prom.get("/orders/list").status_code == 200, "a fault of one time is over"
    assert server.vendor("retailcrm").count() == 0


def test_a_refused_batch_names_its_orders(server: SandboxServer, crm: httpx.Client) -> None:
    server.vendor("retailcrm").fault("refuse", times=0, path="orders/upload")
    answer = send(crm, "/orders/upload", "orders", [order("A"), order("B")])
    assert answer.status_code == 460
    assert answer.json()["failedOrders"] == [{"externalId": "A"}, {"externalId": "B"}]
    assert crm.post("/orders/upload").json()["errorMsg"] == "Parameter 'orders' is missing"
    assert send(crm, "/orders/create", "order", order()).status_code == 201, "another path works"


def test_a_refused_query_of_the_crm(server: SandboxServer, crm: httpx.Client) -> None:
    server.vendor("retailcrm").fault("refuse")
    assert crm.get("/orders").json()["errorMsg"] == "Errors in the input parameters"


def test_a_lost_answer_leaves_the_order_stored_once(server: SandboxServer, crm: httpx.Client) -> None:
    vendor = server.vendor("retailcrm")
    vendor.fault("lost")
    with pytest.raises(httpx.RemoteProtocolError):
        send(crm, "/orders/upload", "orders", [order("A"), order("B")])
    assert vendor.count() == 2
    again = send(crm, "/orders/upload", "orders", [order("A"), order("B")])
    assert again.status_code == 460
    assert vendor.count() == 2
    assert sorted(vendor.state()["external_ids"][TOKEN].values()) == ["A", "B"]
    found = crm.get("/orders", params={"filter[externalIds][]": ["A", "B"]}).json()
    assert [one["externalId"] for one in found["orders"]] == ["B", "A"]


def test_a_dropped_request_stores_nothing(server: SandboxServer, crm: httpx.Client) -> None:
    server.vendor("retailcrm").fault("drop")
    with pytest.raises(httpx.RemoteProtocolError):
        send(crm, "/orders/create", "order", order())
    assert server.vendor("retailcrm").count() == 0


def test_slow_and_garbage(server: SandboxServer, prom: httpx.Client) -> None:
    server.vendor("prom").fault("garbage")
    answer = prom.get("/orders/list")
    assert answer.status_code == 200
    assert answer.text.startswith("<html>")
    server.vendor("prom").fault("slow", seconds=0.5)
    with pytest.raises(httpx.ReadTimeout):
        prom.get("/orders/list", timeout=0.05)


def test_controls_over_http(server: SandboxServer, control: httpx.Client, prom: httpx.Client) -> None:
    posted = control.post("/_control/prom/faults", json={"kind": "error500", "times": 0, "path": "orders"})
    assert posted.json()["faults"][0]["kind"] == "error500"
    assert [prom.get("/orders/list").status_code for _ in range(3)] == [500, 500, 500]
    assert control.get("/_control/prom/faults").json()["faults"][0]["taken"] == 3
    assert control.delete("/_control/prom/faults").json() == {"faults": []}
    control.post("/_control/prom/faults", json={"kind": "rate_limited", "retry_after": 7})
    assert prom.get("/orders/list").headers["Retry-After"] == "7"
    made = control.post("/_control/prom/orders", json={"count": 3}).json()["ids"]
    state = control.get("/_control/prom/state").json()
    assert state["accounts"][TOKEN]["orders"] == len(made) == 3
    assert state["requests"] == 4
    assert control.post("/_control/latency", json={"ms": 20}).json() == {"ms": 20}
    assert prom.get("/orders/list").elapsed >= timedelta(milliseconds=20)
    assert control.post("/_control/prom/reset").json()["accounts"][TOKEN]["orders"] == 0


def test_options_of_an_account(control: httpx.Client, prom: httpx.Client, crm: httpx.Client) -> None:
    control.post("/_control/prom/accounts", json={"token": TOKEN, "denied": ["orders"]})
    control.post("/_control/retailcrm/accounts", json={"token": TOKEN, "denied": ["orders"]})
    assert prom.get("/orders/list").status_code == 403
    assert prom.get("/products/list").status_code == 200
    assert crm.get("/orders").json() == {"success": False, "errorMsg": "Access denied."}
    assert "order_write" not in crm.get("/credentials").json()["scopes"]
    control.post("/_control/prom/accounts", json={"token": TOKEN, "expired": True})
    assert prom.get("/products/list").status_code == 401


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("nobody/state", {}),
        ("prom/nothing", {}),
        ("prom/faults", {"kind": "fire"}),
        ("prom/faults", {"kind": "slow", "seconds": -1}),
        ("prom/pay", {"order": 1}),
        ("prom/accounts", {"token": "stranger"}),
        ("retailcrm/status", {"order": 1, "status": "no-such"}),
        ("retailcrm/status", {"order": 1, "status": "complete"}),
        ("latency", {"ms": "soon"}),
    ],
)
def test_controls_say_what_is_wrong(control: httpx.Client, path: str, body: dict[str, Any]) -> None:
    answer = control.post(f"/_control/{path}", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_controls_take_only_json_objects_from_this_page(control: httpx.Client) -> None:
    assert control.post("/_control/prom/faults", content=b"[1]").status_code == 400
    assert control.post("/_control/prom/faults", content=b"{").status_code == 400
    elsewhere = control.post("/_control/prom/reset", headers={"Origin": "https://elsewhere.example"})
    assert elsewhere.status_code == 403


def test_the_page_for_people_breaks_and_heals_a_vendor(control: httpx.Client, prom: httpx.Client) -> None:
    page = control.get("/")
    assert page.headers["Content-Type"].startswith("text/html")
    assert "Refuse everything" in page.text
    assert "style=" not in page.text
    assert "<script" not in page.text
    assert control.get("/sandbox.css").headers["Content-Type"].startswith("text/css")
    broken = control.post("/_control/prom/faults", data={"kind": "refuse", "times": "0", "seconds": "2"})
    assert (broken.status_code, broken.headers["Location"]) == (303, "/")
    assert "Broken on purpose" in control.get("/").text
    assert prom.get("/orders/list").status_code == 400
    control.post("/_control/prom/faults", data={"kind": "none"})
    assert prom.get("/orders/list").status_code == 200


def test_an_unknown_fault_is_refused_in_python_too(server: SandboxServer) -> None:
    with pytest.raises(ValueError, match=FAULT_KINDS[0]):
        server.vendor("prom").fault("fire")


# Rate limit


def test_the_eleventh_request_within_a_second_is_caught(server: SandboxServer) -> None:
    vendor = server.vendor("retailcrm")

    def burst() -> list[int]:
        """Twelve requests at once; none, when a busy machine took more than a second for them."""
        vendor.reset()
        started = time.monotonic()
        codes = list(pool.map(lambda _: client.get("/reference/sites").status_code, range(12)))
        return sorted(codes) if time.monotonic() - started < 1 else []

    with crm_client(server) as client, ThreadPoolExecutor(4) as pool:
        codes = next(filter(None, (burst() for _ in range(20))))
    assert codes == [200] * 10 + [503] * 2
    assert vendor.state()["over_limit"] == 2


def test_the_window_slides(server: SandboxServer) -> None:
    server.vendor("retailcrm").set_rate(1)
    with crm_client(server) as client:
        assert client.get("/reference/sites").status_code == 200
        wait_until(lambda: client.get("/reference/sites").status_code == 200)


def test_prom_is_unlimited_until_told(server: SandboxServer, control: httpx.Client, prom: httpx.Client) -> None:
    assert {prom.get("/payment_options/list").status_code for _ in range(30)} == {200}
    control.post("/_control/prom/rate", json={"per_second": 1})
    wait_until(lambda: prom.get("/payment_options/list").status_code == 429)
    control.post("/_control/prom/rate", json={"per_second": None})
    assert prom.get("/payment_options/list").status_code == 200


# Kept on disk


def test_a_second_start_finds_everything_as_it_was(tmp_path: Path) -> None:
    with SandboxServer(data_dir=tmp_path) as server, crm_client(server) as crm, prom_client(server) as prom:
        server.vendor("prom").new_order()
        paid = server.vendor("prom").pay(server.vendor("prom").new_order()["id"])
        first = send(crm, "/orders/create", "order", order("A")).json()["id"]
        before = prom.get("/orders/list").json(), crm.get("/orders/A").json()
    with SandboxServer(data_dir=tmp_path) as server, crm_client(server) as crm, prom_client(server) as prom:
        assert (prom.get("/orders/list").json(), crm.get("/orders/A").json()) == before
        assert server.vendor("prom").new_order()["id"] == paid["id"] + 1
        assert send(crm, "/orders/create", "order", order("A")).status_code == 400
        assert send(crm, "/orders/create", "order", order("B")).json()["id"] == first + 1
        server.vendor("retailcrm").reset()
    with SandboxServer(data_dir=tmp_path) as server:
        assert server.vendor("retailcrm").count() == 0
        assert server.vendor("prom").count() == 3


def saved_orders(folder: Path) -> int:
    """Prom orders on disk; 0 while there is no file."""
    if not (folder / "prom.sqlite3").exists():
        return 0
    with closing(sqlite3.connect(folder / "prom.sqlite3")) as saved:
        if not saved.execute("SELECT 1 FROM sqlite_master WHERE name = 'thing'").fetchone():
            return 0
        return int(saved.execute("SELECT count(*) FROM thing WHERE kind = 'orders'").fetchone()[0])


def test_state_reaches_the_disk_while_it_runs(tmp_path: Path) -> None:
    with SandboxServer(data_dir=tmp_path) as server:
        server.vendor("prom").new_order()
        wait_until(lambda: saved_orders(tmp_path) == 1)


def test_accounts_of_an_older_run_that_are_gone_are_left_alone(tmp_path: Path) -> None:
    SandboxServer(data_dir=tmp_path).start().stop()
    with closing(sqlite3.connect(tmp_path / "prom.sqlite3")) as saved, saved:
        saved.execute("INSERT INTO thing VALUES ('former-token', 'orders', 1, '{}')")
    with SandboxServer(data_dir=tmp_path) as server:
        assert server.vendor("prom").count() == 0


def test_a_killed_server_loses_nothing_it_has_saved(tmp_path: Path) -> None:
    code = f"from integrations.sandbox import run; run(port=0, data_dir={str(tmp_path)!r})"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().split()[-1]
        made = httpx.post(f"{url}/_control/prom/orders", json={"count": 3}).json()["ids"]
        wait_until(lambda: saved_orders(tmp_path) == 3)
        process.kill()
    with SandboxServer(data_dir=tmp_path) as server:
        assert list(server.vendor("prom").account().table("orders")) == made


@pytest.fixture
def sigterm_kept() -> Iterator[None]:
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


@pytest.mark.usefixtures("sigterm_kept")
def test_run_serves_until_it_is_told_to_stop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def stop_it() -> None:
        try:
            wait_until(lambda: saved_orders(tmp_path))
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop_it).start()
    run(port=0, data_dir=tmp_path, emit_seconds=0.1)
    assert capsys.readouterr().out.startswith("Sandboxes at http://127.0.0.1:")
    with SandboxServer(data_dir=tmp_path) as server:
        assert server.vendor("prom").count() >= 1


# Prom


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


# RetailCRM


def test_crm_credentials(server: SandboxServer, crm: httpx.Client) -> None:
    url = f"{server.url}/retailcrm/api/credentials"
    assert httpx.get(url).json() == {"success": False, "errorMsg": '"apiKey" is missing.'}
    wrong = httpx.get(url, headers={"X-API-KEY": "stranger"})
    assert (wrong.status_code, wrong.json()["errorMsg"]) == (403, 'Wrong "apiKey" value.')
    good = httpx.get(url, params={"apiKey": SECOND}).json()
    assert (good["siteAccess"], good["sitesAvailable"]) == ("access_selective", ["shop-2"])
    assert crm.get("/credentials").json()["siteAccess"] == "access_full"
    assert crm.get("/nothing").json()["errorMsg"] == "API method not found"
    assert crm.get("/orders/A").status_code == 404
    assert crm.post("/orders").status_code == 405


def test_crm_wants_json_inside_form_fields(crm: httpx.Client) -> None:
    raw = crm.post("/orders/create", json={"site": "shop-1", "order": order()})
    assert (raw.status_code, raw.json()["errorMsg"]) == (400, "Parameter 'site' is missing")
    raw = crm.post("/orders/create?site=shop-1", json={"order": order()})
    assert (raw.status_code, raw.json()["errorMsg"]) == (400, "Parameter 'order' is missing")
    assert crm.post("/orders/create", data={"site": "shop-1", "order": "{"}).status_code == 400
    assert crm.post("/orders/create", data={"order": json.dumps(order())}).json()["success"] is False


def test_crm_creates_and_reads_an_order(crm: httpx.Client) -> None:
    given = order(email="a+b%@example.com", managerComment="50 % = half & more; «Київ»", number="N-7")
    created = send(crm, "/orders/create", "order", given)
    assert created.status_code == 201
    body = created.json()
    assert body["order"]["id"] == body["id"]
    assert body["order"]["status"] == "new"
    assert (body["order"]["summ"], body["order"]["totalSumm"], body["order"]["prepaySum"]) == (700, 990, 0)
    assert body["order"]["payments"][0]["status"] == "not-paid", "a list in the answer to create"
    read = crm.get("/orders/H-1001").json()["order"]
    assert read == crm.get(f"/orders/{body['id']}", params={"by": "id"}).json()["order"]
    assert (read["managerComment"], read["email"], read["number"]) == (
        "50 % = half & more; «Київ»",
        "a+b%@example.com",
        "N-7",
    )
    payment = body["order"]["payments"][0]
    assert read["payments"] == {str(payment["id"]): payment}, "keyed by id when read"
    assert read["customFields"] == []
    assert read["delivery"]["data"] == []
    assert crm.get(f"/orders/{body['id']}").status_code == 404, "by is externalId unless said otherwise"


def test_crm_refuses_a_second_order_of_the_same_number(server: SandboxServer, crm: httpx.Client) -> None:
    send(crm, "/orders/create", "order", order())
    again = send(crm, "/orders/create", "order", order())
    assert (again.status_code, again.json()["errorMsg"]) == (400, "Errors in the entity format")
    assert list(again.json()["errors"]) == ["externalId"]
    assert send(crm, "/orders/create", "order", order(), site="shop-2").status_code == 201, "unique per site"


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"status": "no-such"}, "status"),
        ({"status": "archived-status"}, "status"),
        ({"orderMethod": "pigeon"}, "orderMethod"),
        ({"countryIso": "XX"}, "countryIso"),
        ({"firstName": ["Anna"]}, "firstName"),
        ({"weight": "heavy"}, "weight"),
        ({"weight": [1]}, "weight"),
        ({"customer": {"id": 9}}, "customer"),
        ({"length": 1.5}, "length"),
        ({"call": "maybe"}, "call"),
        ({"createdAt": "2026-01-05T10:00:00Z"}, "createdAt"),
        ({"customer": {"externalId": "nobody"}}, "customer"),
        ({"customer": "nobody"}, "customer"),
        ({"customFields": [1]}, "customFields"),
        ({"customFields": {"no-such": 1}}, "customFields.no-such"),
        ({"delivery": {"code": "pigeon"}}, "delivery.code"),
        ({"delivery": {"cost": "free"}}, "delivery.cost"),
        ({"delivery": "courier"}, "delivery"),
        ({"items": {}}, "items"),
        ({"items": ["Mug"]}, "items[0].offer"),
        ({"items": [{"quantity": 1}]}, "items[0].offer"),
        ({"items": [{"offer": "SKU-1"}]}, "items[0].offer"),
        ({"items": [{"offer": {"id": [9]}}]}, "items[0].offer.id"),
        ({"items": [{"offer": {"id": 9}}]}, "items[0].offer.id"),
        ({"items": [{"offer": {"externalId": "X"}}]}, "items[0].offer.externalId"),
        ({"items": [{"productName": "Mug", "quantity": 0}]}, "items[0].quantity"),
        ({"items": [{"productName": "Mug", "initialPrice": "x"}]}, "items[0].initialPrice"),
        ({"items": [{"productName": "Mug", "status": "x"}]}, "items[0].status"),
        ({"payments": [{"amount": 1}]}, "payments[0].type"),
        ({"payments": [{"type": "barter"}]}, "payments[0].type"),
        ({"payments": [{"type": "cash", "status": "x"}]}, "payments[0].status"),
        ({"payments": [{"type": "cash", "amount": "x"}]}, "payments[0].amount"),
        ({"payments": {"1": {}}}, "payments[0].type"),
    ],
)
def test_crm_validates(crm: httpx.Client, more: dict[str, Any], place: str) -> None:
    answer = send(crm, "/orders/create", "order", order(**more))
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [place]


def test_crm_sites(server: SandboxServer, crm: httpx.Client) -> None:
    unknown = send(crm, "/orders/create", "order", order(), site="shop-9")
    assert (unknown.status_code, list(unknown.json()["errors"])) == (400, ["site"])
    own = send(crm, "/orders/create", "order", {"phone": "+79990000001", "createdAt": "2026-01-05 10:00:00"}).json()
    assert own["order"]["createdAt"] == "2026-01-05 10:00:00"
    elsewhere = crm.get(f"/orders/{own['id']}", params={"by": "id", "site": "shop-2"})
    assert (elsewhere.status_code, elsewhere.json()["errorMsg"]) == (404, "Not found")
    with crm_client(server, SECOND) as second:
        assert send(second, "/orders/create", "order", order()).status_code == 403
        assert second.post("/orders/create", data={"order": json.dumps(order())}).json()["order"]["site"] == "shop-2"
        assert list(second.get("/reference/sites").json()["sites"]) == ["shop-2"]


def test_crm_upload_takes_all(server: SandboxServer, crm: httpx.Client) -> None:
    answer = send(crm, "/orders/upload", "orders", [order(f"H-{n}") for n in range(50)])
    assert answer.status_code == 201
    body = answer.json()
    assert (body["success"], body["failedOrders"]) == (True, [])
    assert [one["externalId"] for one in body["uploadedOrders"]] == [f"H-{n}" for n in range(50)]
    too_many = send(crm, "/orders/upload", "orders", [order(f"J-{n}") for n in range(51)])
    assert too_many.status_code == 400
    assert server.vendor("retailcrm").count() == 50


def test_crm_upload_in_part_is_460(crm: httpx.Client) -> None:
    bad = order("H-1003", items=[{"offer": {"id": 9}}])
    answer = send(crm, "/orders/upload", "orders", [order("H-1002"), bad, order("H-1002"), 7])
    assert answer.status_code == 460
    body = answer.json()
    assert body["success"] is False
    assert [one["externalId"] for one in body["uploadedOrders"]] == ["H-1002"]
    assert [one["externalId"] for one in body["failedOrders"]] == ["H-1003", "H-1002", None]
    assert body["errorMsg"] == "Orders are loaded with errors"
    assert body["errors"][0] == "items[0].offer.id: Offer with id 9 not found."


def test_crm_edit(crm: httpx.Client) -> None:
    number = send(crm, "/orders/create", "order", order()).json()["id"]
    line = crm.get("/orders/H-1001").json()["order"]["items"][0]
    changes = {
        "managerComment": "Call first",
        "delivery": {"cost": 0},
        "discountManualPercent": 10,
        "customFields": {"commission": 5},
        "items": [
            {"id": line["id"], "quantity": 3},
            {"productName": "Plate", "initialPrice": 100.5, "discountManualAmount": 0.5},
        ],
        "payments": [],
    }
    edited = send(crm, f"/orders/{number}/edit", "order", changes, by="id").json()
    assert edited["id"] == number
    changed = edited["order"]
    assert [one["id"] == line["id"] for one in changed["items"]] == [True, False]
    assert [one["initialPrice"] for one in changed["items"]] == [350, 100.5]
    assert (changed["summ"], changed["totalSumm"]) == (1035, 1035)
    assert changed["delivery"]["address"] == {"city": "Moscow"}, "only what is sent changes"
    assert changed["customFields"] == {"commission": 5}
    assert len(changed["payments"]) == 1, "payments are not edited here"
    assert send(crm, f"/orders/{number}/edit", "order", {}).status_code == 404, "by is externalId by default"
    assert send(crm, "/orders/H-1001/edit", "order", {}, by="phone").status_code == 400
    assert send(crm, "/orders/H-1001/edit", "order", {"status": "x"}).status_code == 400
    send(crm, "/orders/create", "order", order("H-2"))
    assert send(crm, "/orders/H-1001/edit", "order", {"externalId": "H-2"}).status_code == 400
    assert send(crm, "/orders/H-1001/edit", "order", {"externalId": "H-3"}).status_code == 200
    assert crm.get("/orders/H-1001").status_code == 404
    assert crm.get("/orders/H-3").json()["order"]["id"] == number


def test_crm_list_filters(crm: httpx.Client) -> None:
    ids = [send(crm, "/orders/create", "order", order(f"H-{n}", number=f"N-{n}")).json()["id"] for n in range(3)]
    send(crm, "/orders/H-1/edit", "order", {"status": "complete"})

    def found(**query: Any) -> list[int]:
        answer = crm.get("/orders", params={f"filter{name}": value for name, value in query.items()})
        return [one["id"] for one in answer.json()["orders"]]

    assert found(**{"[ids][]": ids[:2]}) == [ids[1], ids[0]]
    assert found(**{"[externalIds][0]": "H-2", "[externalIds][1]": "H-7"}) == [ids[2]]
    assert found(**{"[numbers][]": "N-0"}) == [ids[0]]
    assert found(**{"[extendedStatus][]": ["complete"]}) == [ids[1]]
    assert found(**{"[paymentStatuses][]": ["paid"]}) == []
    assert found(**{"[createdAtFrom]": "2100-01-01 00:00:00"}) == []
    assert found(**{"[createdAtTo]": "2100-01-01 00:00:00"}) == ids[::-1]
    assert crm.get("/orders", params={"filter[externalId]": "H-1"}).status_code == 400
    assert crm.get("/orders", params={"filter": "H-1"}).status_code == 400
    assert crm.get("/orders?filter=1&filter[ids][]=2").status_code == 400
    assert found(**{"[customerExternalId]": "C-1"}) == []
    assert found(**{"[customFields][source_name]": "site"}) == []
    assert crm.get("/orders", params={"limit": 30}).status_code == 400
    assert crm.get("/orders", params={"page": 0}).status_code == 400
    for n in range(3, 23):
        send(crm, "/orders/create", "order", order(f"H-{n}"))
    second = crm.get("/orders", params={"page": 2}).json()
    assert [one["externalId"] for one in second["orders"]] == ["H-2", "H-1", "H-0"]
    assert second["pagination"] == {"limit": 20, "totalCount": 23, "currentPage": 2, "totalPageCount": 2}


def test_crm_statuses(server: SandboxServer, crm: httpx.Client) -> None:
    first = send(crm, "/orders/create", "order", order("A")).json()["id"]
    send(crm, "/orders/create", "order", order("B"))
    server.vendor("retailcrm").set_status("B", "delivering", "Courier left")
    query = {"ids[]": [first, 999], "externalIds[]": ["B", "nobody"]}
    lines = crm.get("/orders/statuses", params=query).json()["orders"]
    assert lines == [
        {"id": first, "externalId": "A", "status": "new", "group": "new"},
        {"id": first + 1, "externalId": "B", "status": "delivering", "group": "delivery"},
    ]
    assert crm.get("/orders/statuses", params={"ids[]": list(range(501))}).status_code == 400


def test_crm_history(server: SandboxServer, control: httpx.Client, crm: httpx.Client) -> None:
    number = send(crm, "/orders/create", "order", order("A")).json()["id"]
    send(crm, "/orders/A/edit", "order", {"managerComment": "Hello", "delivery": {"code": "42"}})
    changed = control.post("/_control/retailcrm/status", json={"order": number, "status": "delivering"})
    assert changed.json() == {"id": number, "externalId": "A", "status": "delivering"}
    records = crm.get("/orders/history", params={"filter[sinceId]": 0, "limit": 100}).json()["history"]
    assert records[0]["created"] is True
    assert [record["field"] for record in records] == ["status", "manager_comment", "delivery_type", "status"]
    assert [record["source"] for record in records] == ["api", "api", "api", "user"]
    assert [record.get("apiKey") for record in records] == [{"current": True}] * 3 + [None]
    assert (records[3]["oldValue"], records[3]["newValue"]) == ({"code": "new"}, {"code": "delivering"})
    assert records[3]["order"]["externalId"] == "A"
    later = crm.get("/orders/history", params={"filter[sinceId]": records[2]["id"]}).json()
    assert later["history"] == records[3:]
    assert later["pagination"]["totalPageCount"] == 1
    for query in ({"filter[startDate]": "2100-01-01 00:00:00"}, {"filter[orderId]": 9}, {"filter[sinceId]": 99}):
        assert crm.get("/orders/history", params=query).json()["history"] == []
    assert crm.get("/orders/history", params={"filter[sinceId]": "x"}).status_code == 400
    page = control.get(f"/retailcrm/orders/{number}/edit")
    assert "Orlova" in page.text
    assert control.get("/retailcrm/orders/999/edit").status_code == 404
    assert control.get("/retailcrm/orders/999").status_code == 403
    named = control.post("/_control/retailcrm/status", json={"order": "A", "status": "complete", "comment": "Done"})
    assert named.json()["status"] == "complete"


def test_crm_payments(crm: httpx.Client) -> None:
    send(crm, "/orders/create", "order", order("A", payments=[]))
    assert crm.get("/orders/A").json()["order"]["payments"] == []
    payment = {"externalId": "P-1", "type": "bank-card", "amount": 990, "order": {"externalId": "A"}}
    number = send(crm, "/orders/payments/create", "payment", payment).json()["id"]
    assert send(crm, "/orders/payments/create", "payment", payment).status_code == 400
    paid = {"status": "paid", "paidAt": "2026-01-05 10:00:00"}
    assert send(crm, "/orders/payments/P-1/edit", "payment", paid).json()["id"] == number
    read = crm.get("/orders/A").json()["order"]
    assert read["payments"][str(number)]["status"] == "paid"
    assert (read["prepaySum"], bool(read["fullPaidAt"])) == (990, True)
    assert send(crm, "/orders/payments/P-1/edit", "payment", {"comment": "Thanks"}).json()["id"] == number
    by_id = send(crm, f"/orders/payments/{number}/edit", "payment", {"status": "fail"}, by="id")
    assert by_id.status_code == 200
    assert crm.get("/orders/A").json()["order"]["fullPaidAt"] is None
    fields = [record["field"] for record in crm.get("/orders/history").json()["history"]]
    assert fields == ["status", "payments", "payments.status", "payments.status"]
    assert crm.post(f"/orders/payments/{number}/delete").json() == {"success": True}
    assert crm.get("/orders/A").json()["order"]["payments"] == []
    assert crm.post(f"/orders/payments/{number}/delete").status_code == 404
    assert send(crm, "/orders/payments/P-1/edit", "payment", {"type": "x"}).status_code == 400
    assert send(crm, "/orders/payments/create", "payment", {"amount": 1}).status_code == 400
    by_number = {"type": "cash", "order": {"number": read["number"]}}
    assert send(crm, "/orders/payments/create", "payment", by_number).status_code == 201


def test_crm_customers(crm: httpx.Client) -> None:
    customer = {"externalId": "C-77", "firstName": "Anna", "phones": [{"number": "+79990000001"}], "email": "a@b.c"}
    number = send(crm, "/customers/create", "customer", customer).json()["id"]
    assert send(crm, "/customers/create", "customer", customer).status_code == 400
    assert send(crm, "/customers/C-77/edit", "customer", {"firstName": []}).status_code == 400
    assert send(crm, "/customers/C-77/edit", "customer", {"lastName": "Orlova"}).json()["id"] == number
    assert crm.get("/customers/C-77").json()["customer"]["lastName"] == "Orlova"
    assert crm.get("/customers/C-78").status_code == 404
    for query in ({"filter[email]": "a@b.c"}, {"filter[name]": "orlova"}, {"filter[externalIds][]": "C-77"}):
        assert [one["id"] for one in crm.get("/customers", params=query).json()["customers"]] == [number]
    linked = send(crm, "/orders/create", "order", order("A", customer={"externalId": "C-77"})).json()["order"]
    found = send(crm, "/orders/create", "order", order("B")).json()["order"]
    assert linked["customer"]["id"] == found["customer"]["id"] == number, "found by phone when none is named"
    made = send(crm, "/orders/create", "order", order("C", phone="+79990000002")).json()["order"]
    assert made["customer"]["id"] == number + 1
    linked = send(crm, "/orders/C/edit", "order", {"customer": {"id": number}}).json()["order"]
    assert linked["customer"]["externalId"] == "C-77"
    rows = [{"externalId": "D"}, {"externalId": "C-77"}, {"externalId": "E", "phones": ["1"]}, 7]
    upload = send(crm, "/customers/upload", "customers", rows)
    assert upload.status_code == 460
    assert [one["externalId"] for one in upload.json()["failedCustomers"]] == ["C-77", "E", None]
    assert send(crm, "/customers/upload", "customers", [{"externalId": "F"}]).json()["success"] is True
    assert send(crm, "/customers/upload", "customers", [{}] * 51).status_code == 400


def test_crm_goods(crm: httpx.Client) -> None:
    rows = [{"externalId": "SKU-1", "name": "Mug", "article": "M-1", "type": "product", "active": True}]
    created = send(crm, "/store/products/batch/create", "products", rows).json()
    assert created["processedProductsCount"] == 1
    again = send(crm, "/store/products/batch/create", "products", [*rows, {"article": "x"}, 1])
    assert again.status_code == 400
    assert list(again.json()["errors"]) == ["products[0].externalId", "products[1].name", "products[2].name"]
    product = crm.get("/store/products", params={"filter[ids][]": created["addedProducts"]}).json()["products"][0]
    offers = crm.get("/store/offers", params={"filter[externalIds][]": ["SKU-1", "SKU-2"]}).json()["offers"]
    assert [one["id"] for one in offers] == [product["offers"][0]["id"]]
    items = [{"offer": {"externalId": "SKU-1"}, "initialPrice": 5}, {"offer": {"id": offers[0]["id"]}}]
    lines = send(crm, "/orders/create", "order", order(items=items)).json()["order"]["items"]
    assert [line["offer"]["article"] for line in lines] == ["M-1", "M-1"]
    assert lines[0]["productName"] == "Mug"
    assert crm.get("/store/offers", params={"filter[name]": "nothing", "limit": 250}).json()["offers"] == []


def test_crm_dictionaries(crm: httpx.Client) -> None:
    statuses = crm.get("/reference/statuses").json()["statuses"]
    groups = crm.get("/reference/status-groups").json()["statusGroups"]
    assert statuses["delyvery-did-not-suit"]["group"] == "cancel"
    assert set(groups) == {"new", "approval", "assembling", "delivery", "complete", "cancel"}
    assert {"cash", "bank-card"} <= set(crm.get("/reference/payment-types").json()["paymentTypes"])
    assert crm.get("/reference/payment-statuses").json()["paymentStatuses"]["paid"]["paymentComplete"] is True
    assert "42" in crm.get("/reference/delivery-types").json()["deliveryTypes"]
    assert crm.get("/reference/delivery-services").json()["deliveryServices"] == []
    assert crm.get("/reference/nothing").status_code == 404
    fields = crm.get("/custom-fields", params={"filter[entity]": "order"}).json()["customFields"]
    assert {one["code"] for one in fields} == {"source_name", "commission"}


def test_crm_through_an_independent_client(server: SandboxServer) -> None:
    server.vendor("retailcrm").set_rate(None)
    client = retailcrm.v5(f"{server.url}/retailcrm", TOKEN)
    assert client.api_versions().get_response()["versions"] == ["3.0", "4.0", "5.0"]
    assert client.api_credentials().get_response()["sitesAvailable"] == ["shop-1", "shop-2"]
    assert client.system_info().is_successful()
    created = client.order_create(order("A"), "shop-1")
    assert created.get_status_code() == 201
    number = created.get_response()["id"]
    assert client.order("A").get_response()["order"]["id"] == number
    assert client.order(str(number), "id").get_response()["order"]["externalId"] == "A"
    assert client.order_create(order("A"), "shop-1").get_error_msg() == "Errors in the entity format"
    uploaded = client.orders_upload([order("B"), order("A")], "shop-1")
    assert uploaded.get_status_code() == 460
    assert uploaded.get_response()["failedOrders"] == [{"externalId": "A"}]
    edited = client.order_edit({"externalId": "A", "managerComment": "Привіт"}, "externalId", "shop-1")
    assert edited.get_response()["order"]["managerComment"] == "Привіт"
    found = client.orders({"externalIds": ["A", "B"]}, 50).get_response()
    assert [one["externalId"] for one in found["orders"]] == ["B", "A"]
    statuses = client.orders_statuses([number], ["B"]).get_response()["orders"]
    assert [one["externalId"] for one in statuses] == ["A", "B"]
    history = client.orders_history({"sinceId": 1}, 100).get_response()["history"]
    assert [one["field"] for one in history] == ["status", "manager_comment"]
    payment = {"type": "cash", "amount": 5, "externalId": "P", "order": {"externalId": "B"}}
    assert client.order_payment_create(payment, "shop-1").is_successful()
    assert client.order_payment_edit({"externalId": "P", "status": "paid"}).is_successful()
    customer = client.customer_create({"externalId": "C"}, "shop-1").get_response()["id"]
    assert client.customer("C").get_response()["customer"]["id"] == customer
    assert client.products_batch_create([{"externalId": "S", "name": "Mug"}]).is_successful()
    assert client.offers({"externalIds": ["S"]}).get_response()["offers"][0]["name"] == "Mug"
    for call in (client.statuses, client.status_groups, client.payment_types, client.delivery_types, client.sites):
        assert call().is_successful()
    assert client.custom_fields({"entity": "order"}).is_successful()
