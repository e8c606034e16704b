"""Goal Q1: the delivery box of a card from what is kept of the service's answers: the whole request of a page."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from integrations.sandbox import SandboxServer
from jobs import connections
from models import Shop, db
from orders import editing
from orders.timeline import Actor
from tests.views.helpers import login
from tests.views.pages import form_of

from .hub import DATABASES, Hub, Hubs
from .report import Report
from .timing import best, ms

#: a person who waits this long doesn't notice it
UNNOTICED = 0.02
NUMBER = "Q-1"
KIND = "shiptor"


def measure(hubs: Hubs, size: int, report: Report, seconds: float) -> None:
    with SandboxServer([KIND]) as server:
        for database in DATABASES:
            hub = hubs.hub(database, size, server.url)
            _prepare(hub, server.url)
            ask = _asker(hub)
            (time,) = best(hub.clock, ask, rounds=40, seconds=seconds)
            report.add("Q1", hub.name, time / UNNOTICED, f"{ms(time)} / {ms(UNNOTICED)}")


def _prepare(hub: Hub, url: str) -> None:
    """A service, and an order that it can carry."""
    line = {"sku": "MUG", "name": "Mug", "price": Decimal(900), "quantity": Decimal(1), "weight": 400}
    with hub.app.app_context():
        connections.create(KIND, "Parcels", {"api_url": f"{url}/{KIND}", "api_key": "sandbox-token"})
        values = {"number": NUMBER, "currency": "RUB", "country": "RU", "city": "Казань", "street": "Мира",
                  "house": "7", "shop_id": db.session.scalar(db.select(Shop.id))}  # fmt: skip
        editing.create(values, [line], Actor("job", "bench"))
        db.session.commit()
        db.session.remove()


def _asker(hub: Hub) -> Callable[[], Any]:
    client = hub.app.test_client()
    login(client)
    form = form_of(client.get(f"/orders/{NUMBER}").text)

    def ask() -> None:
        answer = client.post("/delivery/quote", data=form, headers={"HX-Request": "true"})
        if answer.status_code != 200 or answer.text.count('name="offer"') < 5:
            raise RuntimeError(f"no offers: HTTP {answer.status_code}")

    return ask
