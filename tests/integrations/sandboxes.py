"""What tests of the sandboxes share: clients of both vendors, an order, a way to wait."""

import json
import ssl
import time
from typing import Any

import httpx
import pytest

from integrations.sandbox import TOKENS, SandboxServer

TOKEN, SECOND, THIRD = TOKENS
TLS = ssl.create_default_context()  # made once: a client would spend 40 ms on its own, and speaks plain HTTP here


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
