"""A rule written in the browser tells a chat of a new order; the card says which rule it was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from jobs import connections
from models import db

from . import story
from .hub import Hub
from .test_details import add_orders

pytestmark = pytest.mark.browser


@pytest.fixture
def hub(start_hub: Any) -> Iterator[Hub]:
    with start_hub("sqlite") as running:
        with running.inside():
            settings = {"api_url": f"{running.sandbox.url}/telegram", "token": "sandbox-token"}
            connections.create("telegram", "Bot", settings)
            db.session.commit()
        yield running


def test_a_rule_from_the_editor_to_the_chat(hub: Hub, visitors: Any) -> None:
    telegram = hub.sandbox.vendor("telegram")
    chat = telegram.start("Склад")
    page = visitors.new(hub.url)
    story.login(page)
    expect(page.locator("[data-search]")).to_be_visible()

    page.goto(f"{hub.url}/automation/new")
    page.fill("#name", "Tell the warehouse")
    page.click("button[value=condition]")
    story.settled(page)
    page.select_option("#c0-field", "total_from")
    page.fill("#c0-value", "100")
    page.select_option("#a0-connection", label="Bot")
    page.click("button[name=chats]")
    expect(page.locator("datalist option")).to_have_attribute("value", str(chat))
    expect(page.locator("#name")).to_have_value("Tell the warehouse")  # nothing typed is lost
    page.fill("#a0-chat", str(chat))
    page.fill("#a0-text", "New: ")
    page.click("[data-insert='{number}']")
    expect(page.locator("#a0-text")).to_have_value("New: {number}")
    expect(page.locator("#rule-preview")).to_contain_text("it would have acted on no order")
    page.click(".form-actions .btn-primary")
    expect(page.locator(".rule-words")).to_contain_text("the sum is 100 or more")

    with hub.inside():
        add_orders("AUTO", 1)
    page.goto(f"{hub.url}/orders/AUTO-00")
    said = page.locator("#timeline .event", has_text="message sent to Склад")
    expect(said).to_be_visible()
    assert [message["text"] for message in telegram.messages()] == ["New: AUTO-00"]
    said.get_by_role("link", name="Why").click()
    expect(page.locator("ol.rules")).to_contain_text(re.compile("Write to a chat, Склад: done"))


def test_rules_change_places_by_dragging(hub: Hub, visitors: Any) -> None:
    from orders import rules
    from orders.rules import Draft

    with hub.inside():
        for name in ("First", "Second"):
            rules.save(None, Draft(name, "created", actions=[{"kind": "cancel", "text": ""}]), "O")
        db.session.commit()
    page = visitors.new(hub.url)
    story.login(page)
    expect(page.locator("[data-search]")).to_be_visible()
    page.goto(f"{hub.url}/automation")
    second, first = page.locator(".rule").nth(1), page.locator(".rule").nth(0)
    with page.expect_response("**/automation/order"):
        second.drag_to(first, target_position={"x": 200, "y": 2})
    expect(page.locator(".rule h3").nth(0)).to_have_text("Second")
    page.reload()
    expect(page.locator(".rule h3").nth(0)).to_have_text("Second")
