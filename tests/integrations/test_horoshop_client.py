"""A client that others wrote (npm: horoshop-mcp, https://github.com/ecomkit-com-ua/horoshop-mcp) against our imitation
of Horoshop: both were written from the vendor's documentation, neither from the other."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from integrations.sandbox import SandboxServer
from tests.integrations.sandboxes import TOKEN

SCRIPT = Path(__file__).parent.parent / "npm/horoshop.mjs"
CLIENT = Path(sys.prefix) / "npm/node_modules/horoshop-mcp/dist/client.js"
Call = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def shop(server: SandboxServer) -> Any:
    return server.vendor("horoshop")


@pytest.fixture
def call(server: SandboxServer) -> Call:
    """What the client makes of calls [(function, parameters)…], in turn."""
    node = shutil.which("node")
    if node is None or not CLIENT.exists():
        pytest.fail("This needs Node.js and the client: make test installs it. On Debian: apt install nodejs npm")

    def called(*calls: tuple[str, dict[str, Any]], password: str = TOKEN) -> list[dict[str, Any]]:
        domain = f"{server.url.removeprefix('http://')}/horoshop"
        job = {"domain": domain, "login": "api", "password": password, "calls": calls}
        done = subprocess.run(
            [node, str(SCRIPT), CLIENT.as_uri(), json.dumps(job)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        told: list[dict[str, Any]] = json.loads(done.stdout)
        return told

    return called


def test_orders_are_listed_paged_and_changed(shop: Any, call: Call) -> None:
    numbers = sorted(shop.new_order()["order_id"] for _ in range(5))
    change = {"order_id": numbers[0], "status": 2, "payed": 1}
    listed, paged, one, statuses, changed, nothing = call(
        ("orders/get", {"limit": 50}),
        ("orders/get", {"limit": 2, "offset": 2}),
        ("orders/get", {"ids": numbers[:1], "limit": 50}),
        ("orders/get_available_statuses", {}),
        ("orders/update", {"orders": [change]}),
        ("orders/update", {"orders": [{"order_id": 999_999, "status": 2}]}),
    )
    found = [order["order_id"] for order in listed["data"]["orders"]]
    assert (listed["status"], sorted(found)) == ("OK", numbers)
    assert [order["order_id"] for order in paged["data"]["orders"]] == found[2:4]
    assert [order["order_id"] for order in one["data"]["orders"]] == numbers[:1]
    assert {row["id"] for row in statuses["data"]["statuses"]} >= {1, 2, 3, 4}
    assert changed["ok"]
    held = shop.account().table("orders")[numbers[0]]
    assert (held["stat_status"], held["payed"]) == (2, 1)
    assert (nothing["ok"], nothing["status"]) == (True, "WARNING")


def test_the_catalogue_and_lists_are_told(call: Call) -> None:
    goods, types, methods, unknown = call(
        ("catalog/export", {"limit": 3}), ("delivery/export", {}), ("payment/export", {}), ("nothing/there", {})
    )
    assert len(goods["data"]["products"]) == 3
    assert all(answer["ok"] and answer["data"] for answer in (types, methods))
    assert (unknown["ok"], unknown["status"]) == (False, "UNDEFINED_FUNCTION")


def test_a_session_that_ran_out_is_renewed_and_a_wrong_password_is_no_session(shop: Any, call: Call) -> None:
    shop.fault("expired", path="orders/get")
    (renewed,) = call(("orders/get", {"limit": 1}))
    assert renewed["ok"]
    assert shop.logins == 2
    (refused,) = call(("orders/get", {"limit": 1}), password="somebody-else")
    assert (refused["ok"], refused["status"]) == (False, "HoroshopError")
    assert "rejected the credentials" in refused["message"]
