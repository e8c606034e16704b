"""What tests of the KeyCRM sandbox share: a client, an order, a card, somebody who takes webhooks."""

import json
from typing import Any

import httpx
from werkzeug.wrappers import Request, Response

from integrations.sandbox import SandboxServer
from tests.integrations.sandboxes import TLS, TOKEN

JSON = dict[str, Any]


def client(server: SandboxServer, token: str = TOKEN) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    return httpx.Client(base_url=f"{server.url}/keycrm/v1", headers=headers, verify=TLS)


def order(uuid: str = "A-1", **more: Any) -> JSON:
    return {
        "source_id": 7,
        "source_uuid": uuid,
        "buyer": {"full_name": "Олена Коваль", "phone": "+380501112233"},
        "products": [{"sku": "K-000001", "name": "Чашка", "price": 250, "quantity": 2}],
        "payments": [{"payment_method_id": 3, "amount": 500, "status": "not_paid"}],
    } | more


def card(title: str = "A-1", **more: Any) -> JSON:
    return {"title": title, "source_id": 7, "contact": {"full_name": "Олена Коваль", "phone": "+380501112233"}} | more


def create(keycrm: httpx.Client, uuid: str = "A-1", **more: Any) -> int:
    made = keycrm.post("/order", json=order(uuid, **more))
    assert made.status_code == 201, made.text
    return int(made.json()["id"])


def read(keycrm: httpx.Client, number: int, include: str) -> JSON:
    found: JSON = keycrm.get(f"/order/{number}", params={"include": include}).json()
    return found


def fields(answer: httpx.Response) -> list[str]:
    """What a refusal complains about."""
    assert answer.json()["message"]
    return sorted(answer.json()["errors"])


def walk(keycrm: httpx.Client, path: str, **query: str) -> list[JSON]:
    page, found = 1, []
    while True:
        body = keycrm.get(path, params={"limit": "50", "page": str(page), **query}).json()
        found += body["data"]
        if not body["next_page_url"]:
            return found
        page += 1


class Receiver:
    """Takes webhooks; `seen` holds (address, body), `answers` the statuses to give, 200 when there are none."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: list[tuple[str, JSON]] = []
        self.answers: list[int] = []

    def __call__(self, environ: Any, start: Any) -> Any:
        request = Request(environ)
        self.seen.append((request.path, json.loads(request.get_data())))
        status = self.answers.pop(0) if self.answers else 200
        location = {"Location": "/elsewhere"} if status == 308 else {}
        return Response("", status, location)(environ, start)
