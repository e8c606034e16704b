"""Webhooks in a browser: the link is copied and entered over there, a change shows in the open list, a notice is worked
on once more, the link is replaced."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from jobs import connections
from models import Connection, Schedule, db

from ..jobs.conftest import make_orders
from ..jobs.test_intake import map_status
from ..orders import build
from . import story
from .hub import Hub
from .test_story import PHONE

pytestmark = pytest.mark.browser
WEBHOOK = "/settings/integrations/1/webhook"


@pytest.fixture(scope="module")
def hub(start_hub) -> Iterator[Hub]:
    with start_hub("sqlite") as running:
        vendor = running.sandbox.vendor("keycrm")
        with running.inside():
            given = {"api_key": "sandbox-token", "mode": "orders", "source_id": "7"}
            key = connections.create("keycrm", "KeyCRM", given | {"api_url": f"{running.sandbox.url}/keycrm"})
            # no reading of statuses: it would bring the change, too, and nobody could tell which did
            db.session.execute(db.update(Schedule).values(paused=True))
            map_status(key, "confirmed", "2")
            map_status(key, "problem", "21")
            for order_id in make_orders(3):
                posted = {"source_id": 7, "source_uuid": f"T-{order_id}", "buyer": {}, "products": [], "payments": []}
                number = vendor.add_order(vendor.account(), posted)["id"]
                if order_id != 3:
                    build.link(order_id, key.id, external_id=str(number), external_status="1")
        yield running


def link_of(page) -> str:
    return str(page.get_by_label("Link for orders").input_value())


def test_a_change_over_there_shows_in_the_open_list(hub: Hub, visitors) -> None:
    page = visitors.new(hub.url, permissions=["clipboard-read", "clipboard-write"])
    story.login(page)
    page.goto(WEBHOOK)
    page.get_by_role("button", name="Make the link").click()
    page.get_by_role("button", name="Copy the link").click()
    link = link_of(page)
    story.copied(page, link)
    assert link.endswith("/orders")

    vendor = hub.sandbox.vendor("keycrm")
    vendor.build_trigger(hub.url + link[link.index("/hooks/") :])
    lists = visitors.new(hub.url)
    story.login(lists)
    lists.goto("/orders")
    row = lists.locator("#order-1")
    expect(row).to_contain_text("New")
    vendor.set_status(1, 2)
    expect(row).to_contain_text("Confirmed")

    vendor.set_status(3, 21)  # nobody knows this copy yet
    page.goto(f"{WEBHOOK}?state=ignored")
    for _ in range(30):
        if page.locator("[data-row]").count():
            break
        page.wait_for_timeout(300)
        page.reload()
    with hub.inside():
        build.link(3, db.session.scalars(db.select(Connection.id)).one(), external_id="3", external_status="1")
    listed = page.locator("[data-row]")
    listed.locator("summary").click()
    listed.get_by_role("link", name="Show what was posted").click()
    expect(page.locator("#notice-body")).to_contain_text('"status_id": 21')
    page.keyboard.press("Escape")
    if not listed.get_by_role("button", name="Work on it once more").is_visible():
        listed.locator("summary").click()
    listed.get_by_role("button", name="Work on it once more").click()
    expect(page.locator("#toasts .toast-line")).to_contain_text("1 notice is worked on once more")
    expect(lists.locator("#order-3")).to_contain_text("Problem")


def test_the_link_is_replaced_on_a_phone(hub: Hub, visitors) -> None:
    page = visitors.new(hub.url, **PHONE)
    story.login(page)
    page.goto(WEBHOOK)
    story.fits(page)
    before = link_of(page)
    page.get_by_role("button", name="Make a new link").click()
    page.locator("dialog[open]").get_by_role("button", name="Make a new link").click()
    expect(page.locator(".hook-old")).to_contain_text("works until")
    assert link_of(page) != before
    story.fits(page)
    page.get_by_role("button", name="Switch it off now").click()
    page.locator("dialog[open]").get_by_role("button", name="Switch off").click()
    expect(page.locator(".hook-old")).to_have_count(0)
    hub.sandbox.vendor("keycrm").set_status(2, 2)  # its trigger still has the first link
    page.reload()
    expect(page.locator("#notices [data-row]").filter(has_text="T-00002")).to_have_count(0)
