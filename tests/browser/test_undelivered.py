"""Problems in a browser: failed messages are sent again by one click and arrive; a webhook is switched on; keeping."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from jobs import connections, webhooks
from models import Message, db, utcnow
from orders import outbox

from ..orders import build
from . import story
from .hub import Hub
from .test_story import PHONE

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def hub(start_hub) -> Iterator[Hub]:
    with start_hub("sqlite") as running:
        chat = running.sandbox.vendor("telegram").start()
        with running.inside():
            settings = {"api_url": f"{running.sandbox.url}/telegram", "token": story.TOKEN}
            bot = connections.create("telegram", "Warehouse bot", settings)
            for order_id in build.make(*({"number": f"M-{n}"} for n in range(1, 6))):
                common = {"rule_name": "New orders", "channel": "chat", "subject": "Warehouse", "finished_at": utcnow()}
                failed = {"state": "failed", "fault": "unavailable", "detail": "Internal Server Error"}
                if order_id % 5 == 0:
                    failed = {"state": "unknown", "fault": "timeout", "detail": "no answer within 15 s"}
                row = Message(order_id=order_id, connection_id=bot.id, target=str(chat), body="New order", **common)
                for name, value in failed.items():
                    setattr(row, name, value)
                db.session.add(row)
            hook, _secret = webhooks.create("https://shop.example/hooks/orders", outbox.EVENTS)
            hook.enabled, hook.given_up_at = False, utcnow()
            db.session.commit()
        yield running


def test_what_reached_nobody_is_mended_with_one_click(hub: Hub, visitors) -> None:
    page = visitors.new(hub.url)
    story.login(page)
    page.goto("/problems")
    badge = page.locator(".nav-badge:visible")
    expect(badge).to_have_text("6")
    messages = page.locator("#messages")
    messages.get_by_role("button", name="Send 4 again").click()
    expect(page.locator("#toasts .toast-line")).to_contain_text("4 messages are sent once more")
    expect(badge).to_have_text("2")
    page.goto("/automation/messages")
    sent = page.locator("[data-row]").filter(has_text="Sent")
    for _ in range(30):
        if sent.count() == 4:
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(sent).to_have_count(4)
    assert hub.sandbox.vendor("telegram").count("messages", story.TOKEN) == 4

    page.goto("/problems")
    page.locator("#messages").get_by_role("button", name="Send 1 again").click()  # may have arrived: it asks
    page.locator("dialog[open]").get_by_role("button", name="Cancel").click()
    page.locator("#hooks").get_by_role("button", name="Switch on").click()
    expect(page.locator("#hooks")).to_have_count(0)
    expect(badge).to_have_text("1")


def test_days_are_set_on_a_phone(hub: Hub, visitors) -> None:
    page = visitors.new(hub.url, **PHONE)
    story.login(page)
    for address in ("/problems", "/settings/keeping"):
        page.goto(address)
        story.fits(page)
    page.locator("#files").fill("99")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#files-error")).to_contain_text("from 1 to 30")
    page.locator("#files").fill("7")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#toasts .toast-line")).to_contain_text("next night")
    expect(page.locator("#files")).to_have_value("7")
    visitors.forgive("422")
