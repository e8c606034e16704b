"""A marketplace's order: not to be called, its commission an expense, its goods taken off and told at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import expect

from jobs import connections, runs
from models import ExpenseType, Mapping, Offer, Order, Product, Status, db

from . import story
from .hub import Hub

pytestmark = pytest.mark.browser


@pytest.fixture
def hub(start_hub: Any) -> Iterator[Hub]:
    with start_hub("sqlite") as running:
        with running.inside():
            settings = {"api_url": f"{running.sandbox.url}/prom", "token": "sandbox-token", "tell_stock": True}
            prom = connections.create("prom", "Prom", settings)
            kind = ExpenseType(name="CPA")
            cup = Product(sku="CUP", name="Cup", stock=Decimal(10))
            db.session.add_all([kind, cup])
            db.session.flush()
            prom.commission_type_id = kind.id
            thing = goods(running)
            known = {"external_id": str(thing["id"]), "own_id": thing["external_id"]}
            db.session.add(Offer(connection_id=prom.id, name="Cup", product_id=cup.id, **known))
            new = db.session.scalars(db.select(Status).where(Status.key == "new")).one()
            db.session.add(Mapping(connection_id=prom.id, table="status_in", lookup="pending", ours=new.id))
            db.session.commit()
        yield running


def goods(hub: Hub) -> dict[str, Any]:
    found: dict[str, Any] = next(iter(hub.sandbox.vendor("prom").account(None).table("products").values()))
    return found


def come(hub: Hub) -> str:
    """An order of three cups comes in; returns its number."""
    thing = goods(hub)
    line = {**{k: thing[k] for k in ("id", "external_id", "sku", "name")}, "quantity": 3, "price": "100"}
    number = hub.sandbox.vendor("prom").new_order(
        products=[{**line, "total_price": "300", "measure_unit": "шт."}],
        price="300",
        delivery_cost=0,
        dont_call_customer_back=True,
        cpa_commission={"amount": "25.00", "is_refunded": False},
        status="pending",
    )["id"]
    with hub.inside():
        (prom,) = connections.sources()
        runs.request(prom.id, "orders", "schedule")
        db.session.commit()
        while db.session.scalar(db.select(Order.id)) is None:
            db.session.rollback()
            time.sleep(0.2)
    return str(number)


def test_from_the_marketplace_to_its_stock_and_the_report(hub: Hub, visitors: Any) -> None:
    page = visitors.new(hub.url)
    story.login(page)
    page.goto(f"{hub.url}/settings/stock")
    page.get_by_role("button", name="Switch on").click()
    expect(page.locator("main")).to_contain_text("On since")
    page.wait_for_timeout(2500)  # other processes look at the option every two seconds

    number = come(hub)
    page.goto(f"{hub.url}/orders")
    row = page.locator("tr[data-row]", has_text=number)
    expect(row).to_contain_text("Do not call")
    expect(row.locator("a[href^='tel:']")).to_have_count(0)  # none to be pressed by mistake
    row.locator("[data-menu=menu] summary").click()
    phone = (row.locator("a[href^='sms:']").get_attribute("href") or "").removeprefix("sms:")
    viber = f"viber://chat?number={phone.replace('+', '%2B')}"
    expect(row.get_by_role("link", name="Write in Viber")).to_have_attribute("href", viber)
    row.get_by_role("link", name="Open").click()

    expect(page.locator("main")).to_contain_text("the customer asked not to be")
    panel = page.locator("#expenses")
    expect(panel).to_contain_text("₴25.00")
    panel.get_by_text("Add an expense").click()
    panel.locator("form[action$='/expenses'] [name=amount]").fill("x")
    panel.get_by_role("button", name="Add").click()
    expect(panel).to_contain_text("A sum like 1500.")
    visitors.forgive("422")
    panel.locator("form[action$='/expenses'] [name=amount]").fill("10,50")
    panel.get_by_role("button", name="Add").click()
    expect(panel.locator("h3")).to_contain_text("₴35.50")

    page.locator(".card-head summary", has_text="New").click()
    page.locator(".card-head .menu-item", has_text="Confirmed").click()
    expect(page.locator(".card-head .pill").first).to_contain_text("Confirmed")
    page.goto(f"{hub.url}/expenses")
    expect(page.locator("tbody")).to_contain_text("₴264.50")
    for _ in range(100):
        there = goods(hub)
        if there["quantity_in_stock"] == 7:
            break
        page.wait_for_timeout(200)
    assert (there["quantity_in_stock"], there["presence"]) == (7, "available")


def test_a_ready_made_rule(hub: Hub, visitors: Any) -> None:
    page = visitors.new(hub.url)
    story.login(page)
    page.goto(f"{hub.url}/automation")
    page.get_by_role("link", name="Cancel what is stuck").click()
    expect(page.locator("#name")).to_have_value("Cancel what is stuck")
    page.click(".form-actions .btn-primary")
    expect(page.locator("ol.rules")).to_contain_text("Cancel what is stuck")
