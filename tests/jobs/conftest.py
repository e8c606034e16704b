"""The engine on real parts: both databases, the broker, the sandboxes over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import rq
from flask import Flask

from integrations.sandbox import SandboxServer
from integrations.sandbox_http import WireServer
from jobs import connections, wake
from models import Connection, db
from orders import creation
from orders.creation import Draft
from orders.timeline import Actor

from ..views.helpers import add_user
from .pay_shop import CURRENCY, SETTINGS, Shop
from .smtp import Server, running


@pytest.fixture
def extra_env(sandbox: SandboxServer) -> dict[str, str]:
    return {"SANDBOX_URL": sandbox.url, "LEASE_SECONDS": "5"}


@pytest.fixture
def context(app: Flask) -> Iterator[Flask]:
    with app.app_context():
        yield app
        db.session.rollback()


@pytest.fixture
def crm(context: Flask, sandbox: SandboxServer) -> Connection:
    settings = {"api_url": f"{sandbox.url}/retailcrm", "api_key": "sandbox-token", "site": "shop-1"}
    row = connections.create("retailcrm", "CRM", settings)
    db.session.commit()
    return row


@pytest.fixture
def prom(context: Flask, sandbox: SandboxServer) -> Connection:
    row = connections.create("prom", "Prom", {"api_url": f"{sandbox.url}/prom", "token": "sandbox-token"})
    db.session.commit()
    return row


@pytest.fixture
def bot(context: Flask, sandbox: SandboxServer) -> Connection:
    row = connections.create("telegram", "Bot", {"api_url": f"{sandbox.url}/telegram", "token": "sandbox-token"})
    db.session.commit()
    return row


@pytest.fixture
def user(db_session: Any) -> int:
    return add_user()


@pytest.fixture
def vendor(request: pytest.FixtureRequest) -> str:
    """The payment service of `shop`; pay_shop.every_vendor asks for each."""
    return getattr(request, "param", "liqpay")


@pytest.fixture
def shop(context: Flask, sandbox: SandboxServer, vendor: str) -> Iterator[Shop]:
    """A hub that is reached over HTTP, connected with the service, and an order of 261."""
    server = WireServer("127.0.0.1", 0, context)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    object.__setattr__(context.config["HUB"], "public_url", url)
    row = connections.create(vendor, "Pay", SETTINGS[vendor] | {"api_url": f"{sandbox.url}/{vendor}"})
    db.session.commit()
    yield Shop(row, sandbox.vendor(vendor), url, make_orders(1, currency=CURRENCY[vendor])[0])
    server.stop()


@pytest.fixture(scope="module")
def smtp() -> Iterator[Server]:
    with running() as server:
        yield server


def make_orders(n: int, **values: Any) -> list[int]:
    """n orders with two lines each; commits."""
    drafts = []
    for i in range(n):
        lines = [
            {"sku": f"SKU-{i % 7}", "name": f"Чашка {i % 7}", "quantity": Decimal(2), "price": Decimal("125.50")},
            {"sku": "SKU-BAG", "name": "Торбинка", "quantity": Decimal(1), "price": Decimal(10)},
        ]
        row = {
            "number": f"T-{i + 1:05}",
            "last_name": "Тестова",
            "first_name": "Олена",
            "phone": "+380501112233",
            "currency": "UAH",
            "city": "Київ",
            "goods_total": Decimal(261),
            "total": Decimal(261),
            "declared_value": Decimal(261),
        }
        drafts.append(Draft({**row, **values}, lines))
    ids = creation.insert_many(drafts, Actor("person", "Tester"))
    db.session.commit()
    return ids


def queued() -> list[str]:
    """Names of the functions that workers are woken for."""
    broker = wake.broker()
    assert broker is not None
    names = []
    for name in ("high", "default"):
        queue = rq.Queue(name, connection=broker, serializer=rq.serializers.JSONSerializer)
        names += [job.func_name for job in queue.jobs]
    return names
