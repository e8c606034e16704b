"""A small vendor whose orders can be deleted, with its connector: for the machinery that no built-in vendor uses yet.

The vendor is a real HTTP server: POST /orders, PUT and DELETE /orders/<id>, GET /orders?key=…. `refuse_deletes` has it
answer 409 with these words, `lose_answers` has it close the connection after it did what was asked.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlparse

import integrations
from integrations.base import Connector
from integrations.rest import RestConnector
from integrations.types import Copy, OrderData, Sent, TestResult

KEY = "warehouse"


class Warehouse(RestConnector):
    key = KEY
    title = "Warehouse"
    color = "orange"
    api_url = ""
    batch_size = 10
    status_faults: ClassVar[Mapping[int, str]] = {404: "not_found", 409: "validation"}

    def test(self) -> TestResult:
        self.call("GET", "/orders")
        return TestResult(True)

    def send(self, orders: Sequence[OrderData]) -> Sequence[Sent]:
        return [Sent(order.key, self._copy(self.call("POST", "/orders", json={"key": order.key}))) for order in orders]

    def update(self, external_id: str, order: OrderData) -> Sent:
        return Sent(order.key, self._copy(self.call("PUT", f"/orders/{external_id}", json={"key": order.key})))

    def find(self, keys: Sequence[str]) -> Mapping[str, Copy]:
        found = self.call("GET", "/orders", params={"key": list(keys)})
        return {one["key"]: self._copy(one) for one in found["orders"]}

    def delete(self, external_id: str) -> None:
        self.call("DELETE", f"/orders/{external_id}")

    def _copy(self, found: Mapping[str, Any]) -> Copy:
        return Copy(str(found["id"]), number=f"W-{found['id']}")


class WarehouseServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.orders: dict[int, dict[str, Any]] = {}
        self.deletes: list[int] = []
        self.next_id = 1
        self.refuse_deletes = ""
        self.lose_answers = 0
        self.guard = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: WarehouseServer

    def do_POST(self) -> None:
        order = {**self._body(), "id": self.server.next_id}
        self.server.next_id += 1
        self.server.orders[order["id"]] = order
        self._answer(201, order)

    def do_PUT(self) -> None:
        if order := self.server.orders.get(self._id()):
            order.update(self._body())
            return self._answer(200, order)
        return self._answer(404, {"message": "no such order"})

    def do_GET(self) -> None:
        keys = parse_qs(urlparse(self.path).query).get("key", [])
        self._answer(200, {"orders": [order for order in self.server.orders.values() if order["key"] in keys]})

    def do_DELETE(self) -> None:
        self.server.deletes.append(self._id())
        if self.server.refuse_deletes:
            return self._answer(409, {"message": self.server.refuse_deletes})
        gone = self.server.orders.pop(self._id(), None)
        return self._answer(200 if gone else 404, gone or {"message": "no such order"})

    def _id(self) -> int:
        return int(self.path.rsplit("/", 1)[1])

    def _body(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        return found

    def _answer(self, status: int, body: Mapping[str, Any]) -> None:
        with self.server.guard:
            if self.server.lose_answers and self.command == "DELETE":
                self.server.lose_answers -= 1
                self.close_connection = True
                return
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def running() -> Iterator[WarehouseServer]:
    """The vendor at its address, and its connector among the others."""
    known: dict[str, type[Connector]] = integrations.connectors()
    with WarehouseServer() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        known[KEY] = Warehouse
        try:
            yield server
        finally:
            del known[KEY]
            server.shutdown()
            thread.join()
