"""Deleting and merging by hand: what the drawer shows of other systems while it happens, and a pair made one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from jobs import connections
from models import Connection, LikelyDuplicate, Link, Order, SecondRoute, Transfer, db
from orders import routes

from . import story
from .hub import Hub
from .test_details import add_orders
from .test_story import PHONE

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def hub(start_hub) -> Iterator[Hub]:
    with start_hub("sqlite") as running:
        with running.inside():
            settings = {"api_url": f"{running.sandbox.url}/retailcrm", "api_key": story.TOKEN, "site": "shop-1"}
            crm = connections.create("retailcrm", "RetailCRM", settings)
            db.session.commit()
            for order_id in add_orders("DEL", 2, phone=""):
                db.session.add(Link(order_id=order_id, connection_id=crm.id, state="linked", external_id=f"{order_id}"))
            db.session.commit()
            add_orders("TWIN", 2, phone="+380671112233")
        yield running


@pytest.fixture
def page(hub, visitors) -> Page:
    found: Page = visitors.new(hub.url)
    story.login(found)
    return found


def test_deletion_says_what_stays_elsewhere_and_a_pair_is_merged(page: Page, hub: Hub) -> None:
    page.goto("/orders?status=all")
    for number in ("DEL-00", "DEL-01"):
        page.locator("#rows [data-row]", has=page.locator(f"[data-open]:text-is('{number}')")).locator(
            "[data-check]"
        ).check()
    page.locator("#bulk [formaction$='/bulk/delete']").click()
    drawer = page.locator("#drawer-body")
    expect(drawer).to_contain_text("RetailCRM")
    drawer.locator(".form-actions .btn-primary").click()
    expect(drawer.locator("form")).to_have_count(0)
    expect(drawer.locator("p.sub")).to_contain_text("RetailCRM")
    page.keyboard.press("Escape")

    page.set_viewport_size(PHONE["viewport"])
    page.goto("/orders?status=all&flag=duplicate")
    expect(page.locator("#rows [data-row]")).to_have_count(2)
    page.goto("/orders/TWIN-01")
    page.locator("#duplicates .btn").click()
    expect(page.locator(".compare")).to_be_visible()
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    page.locator("form[action$='/merge'] .btn-primary").click()
    expect(page.locator("#card-head h2")).to_have_text("TWIN-00")
    page.goto("/orders/TWIN-01")
    expect(page.locator("main .notice a[href='/orders/TWIN-00']")).to_be_visible()
    with hub.inside():
        assert db.session.scalars(db.select(LikelyDuplicate.state)).all() == ["merged"]
        assert not db.session.scalars(db.select(Order.id).where(Order.likely_duplicate)).all()


def test_many_second_copies_go_with_one_reason(page: Page, hub: Hub, visitors: Any) -> None:
    with hub.inside():
        post = connections.create("shiptor", "Shiptor", {"api_url": f"{hub.sandbox.url}/shiptor", "api_key": "t"})
        crm = db.session.scalars(db.select(Connection).filter_by(kind="retailcrm")).one()
        routes.set_services(crm.id, "Shiptor")
        for order_id in add_orders("WAY", 3, phone=""):
            link = {"connection_id": crm.id, "state": "linked", "external_id": f"W{order_id}"}
            db.session.add(Link(order_id=order_id, **link, external_number=f"{order_id}"))
        db.session.commit()
        to = post.id
    page.goto("/orders?status=all")
    for number in ("WAY-00", "WAY-01", "WAY-02"):
        page.locator("#rows [data-row]", has=page.locator(f"[data-open]:text-is('{number}')")).locator(
            "[data-check]"
        ).check()
    page.locator("#bulk .menu", has_text="Send to").locator("summary").click()
    page.locator(f"#bulk [name=to][value='{to}']").click()
    drawer = page.locator("#drawer-body")
    reason, go = drawer.get_by_label("Why send them all the same"), drawer.locator(".form-actions .btn-primary")
    expect(drawer).to_contain_text("would get these orders twice")
    reason.fill("Two parcels each")
    drawer.locator("#tick-second").check()
    expect(go).to_contain_text("Send 3")
    expect(reason).to_have_value("Two parcels each")
    reason.fill("  ")
    page.set_viewport_size(PHONE["viewport"])
    story.fits(page)
    reason.evaluate("field => field.form.noValidate = true")
    go.click()
    expect(reason).to_have_attribute("aria-invalid", "true")
    expect(reason).to_be_focused()
    visitors.forgive("/orders/bulk/send/start")  # the browser's word on the refusal
    reason.fill("Two parcels each")
    go.click()
    expect(drawer.locator("form")).to_have_count(0)
    with hub.inside():
        asked = db.select(SecondRoute.reason).where(SecondRoute.state == "allowed")
        assert db.session.scalars(asked).all() == ["Two parcels each"] * 3
        assert len(db.session.scalars(db.select(Transfer).filter_by(connection_id=to, operation="send")).all()) == 3
