"""The main path, in three languages and on a phone: orders come in, are worked, sent, fail, and are healed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from . import story
from .hub import Hub

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}


@pytest.fixture
def hub(request: pytest.FixtureRequest, start_hub) -> Iterator[Hub]:
    with start_hub(request.param) as running:
        yield running


@pytest.mark.parametrize(
    ("hub", "language", "device"),
    [("postgresql", "uk", {}), ("sqlite", "en", {}), ("sqlite", "ru", {}), ("sqlite", "uk", PHONE)],
    ids=["uk", "en", "ru", "phone"],
    indirect=["hub"],
)
def test_from_the_first_order_to_the_healed_problem(hub, visitors, language, device):
    touch = bool(device)
    page = visitors.new(hub.url, **device)
    story.login(page, language)
    story.connect_both(page, hub)
    story.pull(page, hub, 24)
    number = page.locator("#rows [data-open]").nth(2).inner_text()
    story.edit(page, number)

    page.goto("/orders")
    story.stay(page)
    sent = story.choose(page, 20, touch=touch)
    story.send_chosen(page, 20, touch=touch)
    for order_id in sent:
        expect(story.row(page, order_id).locator(story.TRANSFERRED)).to_be_visible()
    assert hub.sandbox.vendor("retailcrm").count("orders", story.TOKEN) == 20

    hub.sandbox.vendor("retailcrm").fault("refuse", times=0, path="orders/create")
    broken = page.locator("#rows [data-row]").nth(21).get_attribute("data-id")
    story.send_one(page, broken)
    expect(story.row(page, broken).locator(story.PROBLEM)).to_be_visible()

    second = page.context.new_page()
    second.goto(story.row(page, broken).locator("[data-open]").get_attribute("href"))
    reason = second.locator("#copies .notice.is-bad")
    expect(reason.locator(".detail")).not_to_be_empty()
    detail = reason.locator(".detail").inner_text()
    story.fits(second)
    second.goto("/problems")
    expect(second.locator(".problem .their-words q")).to_contain_text(detail[:40])
    story.fits(second)

    hub.sandbox.vendor("retailcrm").clear_faults()
    second.locator(".problem form[action$='/retry'] button").click()
    expect(second.locator(".problem")).to_have_count(0)
    expect(story.row(page, broken).locator(story.TRANSFERRED)).to_be_visible()
    story.stayed(page)
    story.fits(page)
    assert hub.sandbox.vendor("retailcrm").count("orders", story.TOKEN) == 21
