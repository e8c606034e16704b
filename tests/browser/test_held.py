"""An unpaid order is kept back: seen with what is left of its time, in when it is paid, or when somebody wants it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from jobs import connections, mapping, runs
from models import Connection, Order, db

from . import story
from .hub import Hub
from .test_story import PHONE

pytestmark = pytest.mark.browser

UNPAID = {"type": "evopay", "status": "unpaid", "status_modified": "2026-11-21T08:00:00+00:00"}
ONLINE = {"id": 7002, "name": "Пром-оплата"}


@pytest.fixture(scope="module")
def hub(start_hub) -> Iterator[Hub]:
    with start_hub("sqlite") as running:
        with running.inside():
            settings = {"api_url": f"{running.sandbox.url}/prom", "token": story.TOKEN}
            row = connections.create("prom", "Prom", settings)
            db.session.commit()
            connections.refresh_references(row)
            mapping.suggest_all(row)
            db.session.commit()
        yield running


def order(hub: Hub) -> str:
    made = hub.sandbox.vendor("prom").new_order(status="pending", payment_option=ONLINE, payment_data=UNPAID)
    return str(made["id"])


def get_orders(hub: Hub) -> None:
    with hub.inside():
        runs.request_anew(db.session.scalars(db.select(Connection.id)).one(), "orders", "Olena")
        db.session.commit()


def wide(page: Page) -> int:
    found: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return found


def test_an_unpaid_order_waits(hub: Hub, visitors) -> None:
    page: Page = visitors.new(hub.url)
    story.login(page, "en")
    with hub.inside():
        prom = db.session.scalars(db.select(Connection.id)).one()
    page.goto(f"/settings/integrations/{prom}/mappings/payment_in")
    minutes = page.locator("input[name='x:wait:7002']")
    expect(minutes).to_have_value("")
    minutes.fill("90")
    page.locator("form[data-guard] .btn-primary").click()
    expect(page.locator("input[name='x:wait:7002']")).to_have_value("90")

    page.goto("/orders")
    paid, wanted, third = order(hub), order(hub), order(hub)
    get_orders(hub)
    line = page.locator("#held a")  # comes by itself
    expect(line).to_have_text("Waiting for payment: 3")
    expect(page.locator("#rows [data-row]")).to_have_count(0)
    line.click()
    rows = page.locator("#held-orders tbody tr")
    expect(rows).to_have_count(3)
    left = rows.first.locator("[data-countdown]")
    expect(left).to_have_text(re.compile(r"^1:(29|28):\d\d$"))
    then = left.inner_text()
    expect(left).not_to_have_text(then)
    rows.filter(has_text=wanted).get_by_role("button", name="Take now").click()
    expect(rows).to_have_count(2)  # once a worker has taken it
    expect(rows.filter(has_text=wanted)).to_have_count(0)

    hub.sandbox.vendor("prom").pay(int(paid))
    get_orders(hub)
    expect(rows).to_have_count(1)
    page.set_viewport_size(PHONE["viewport"])
    assert wide(page) <= 0
    page.goto(f"/orders/{wanted}")
    expect(page.locator("#timeline")).to_contain_text("did not wait for its payment")
    page.goto(f"/settings/integrations/{prom}")
    page.get_by_text("Waiting for payment: 1").click()
    rows.filter(has_text=third).get_by_role("button").last.click()
    expect(page.locator("#held-orders .empty-state")).to_be_visible()
    page.goto("/orders?status=all")
    expect(page.locator("#rows [data-row]")).to_have_count(3)
    expect(page.locator("#held a")).to_have_count(0)
    with hub.inside():
        found = dict(db.session.execute(db.select(Order.number, Order.paid)).all())
        assert found == {paid: True, wanted: False, third: False}
