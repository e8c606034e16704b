"""Export as a person does it: columns by keyboard and by drag, the preview that follows, the file at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.orders import build

from . import story
from .hub import EMAIL, PASSWORD, Hub

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def hub(start_hub) -> Iterator[Hub]:
    with start_hub("sqlite") as running:
        with running.inside():
            build.make({"number": "X-1", "city": "Львів", "paid": True}, {"number": "X-2", "city": "Київ"})
        yield running


def heads(page: Page) -> list[str]:
    return page.locator("#export-preview th").all_inner_texts()


def test_columns_are_put_in_order_and_the_file_says_so(hub, visitors) -> None:
    page = visitors.new(hub.url)
    story.login(page)
    expect(page.locator(".side")).to_be_visible()
    page.goto("/orders?paid=yes")
    page.click("a[href*='/orders/export']")
    expect(page.get_by_text("1 order in all")).to_be_visible()
    page.check("[name=scope][value=filter]")
    expect(page.get_by_text("2 orders in all")).to_be_visible()
    assert heads(page)[:3] == ["Number", "Created", "Status"]
    page.focus("#up-status")
    page.keyboard.press("Enter")
    expect(page.locator("#export-preview th").nth(1)).to_have_text("Status")
    expect(page.locator("#up-status")).to_be_focused()
    page.focus("#grip-status")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#export-preview th").first).to_have_text("Status")
    expect(page.locator("#grip-status")).to_be_focused()
    page.drag_and_drop("[data-column]:has(#grip-city)", "[data-column]:has(#grip-status)")
    expect(page.locator("#export-preview th").first).to_have_text("City")
    page.click("#drop-number")
    expect(page.get_by_role("columnheader", name="Number", exact=True)).to_have_count(0)
    page.get_by_text("Save these settings").click()
    page.fill("[name=preset_name]", "For the accountant")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="For the accountant")).to_be_visible()
    page.get_by_role("button", name="Make the file").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    content = download.value.path().read_text(encoding="utf-8-sig")
    assert content.startswith("City,Status,Created,")
    assert [line.split(",")[0] for line in content.splitlines()[1:]] == ["Київ", "Львів"]


@pytest.mark.parametrize("width", [390, 768, 1440])
def test_nothing_hangs_over_the_edge(hub, visitors, width) -> None:
    page = visitors.new(hub.url, viewport={"width": width, "height": 844})
    page.goto("/login?next=/orders/export")
    page.fill("[name=email]", EMAIL)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/orders/export*")
    expect(page.get_by_role("button", name="Make the file")).to_be_visible()
    page.click("#do-all")
    expect(page.locator("#export-preview th")).to_have_count(75)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
