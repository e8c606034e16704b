"""The server of the sandboxes: accounts, faults, controls, limits, and what it keeps on disk."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from integrations.sandbox import FAULT_KINDS, TOKENS, Sandbox, SandboxServer, discover, run
from tests.integrations.sandboxes import SECOND, TOKEN, crm_client, order, prom_client, send, wait_until

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
