"""A pre-order by keyboard, and the customer who completes it on two devices."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from models import Product, db

from . import story
from .hub import Hub
from .test_story import PHONE

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def hub(start_hub) -> Iterator[Hub]:
    with start_hub("sqlite") as running:
        with running.inside():
            for sku, name in (("CASE-1", "Чохол прозорий"), ("LAMP-1", "Лампа настільна")):
                db.session.add(Product(sku=sku, name=name, price=450, search_text=f"{sku} {name}".lower()))
            db.session.commit()
        yield running


def test_a_basket_becomes_an_order_while_the_list_is_open(hub, visitors):
    staff = visitors.new(hub.url)
    story.login(staff)
    staff.goto("/orders")
    staff.keyboard.press("p")
    search = staff.locator("#preorder-q")
    expect(search).to_be_focused()
    staff.keyboard.type("чохол")
    expect(staff.locator("#preorder-found .menu-item")).to_have_count(1)
    staff.keyboard.press("Enter")
    expect(staff.locator(".preorder-lines tbody tr")).to_have_count(1)
    expect(search).to_be_focused()
    staff.keyboard.type("LAMP-1")
    staff.keyboard.press("Enter")
    expect(staff.locator(".preorder-lines tbody tr")).to_have_count(2)
    staff.keyboard.press("Enter")
    link = staff.locator("#drawer #link-live input").input_value()
    expect(staff.locator(".link-qr svg")).to_be_visible()
    staff.locator("#drawer [data-drawer-close]").first.click()
    expect(staff.locator("#drawer")).to_be_hidden()

    phone = visitors.new(hub.url, **PHONE)
    phone.goto(link)
    phone.locator("[name=last_name]").fill("Тестова")
    with phone.expect_response(
        lambda answer: answer.url.endswith("/field") and b"first_name" in (answer.request.post_data_buffer or b"")
    ):
        phone.locator("[name=first_name]").fill("Олена")
    expect(phone.locator("#saved")).not_to_be_empty()
    phone.close()

    tablet = visitors.new(hub.url, viewport={"width": 820, "height": 1180})
    tablet.goto(link)
    expect(tablet.locator("[name=last_name]")).to_have_value("Тестова")
    expect(tablet.locator("[name=first_name]")).to_have_value("Олена")
    tablet.locator("[name=phone]").fill("067 111 22 33")
    tablet.locator(".go").click()
    expect(tablet.locator("[name=street]")).to_be_hidden()
    tablet.locator("[data-kind=courier]").first.check()
    expect(tablet.locator("[name=street]")).to_be_visible()
    tablet.locator("[data-kind=pickup]").first.check()
    expect(tablet.locator("[name=street]")).to_be_hidden()
    tablet.locator("[name=city]").fill("Київ")
    tablet.locator("[name=pickup_address]").fill("Відділення 5")
    tablet.locator(".go").click()
    tablet.locator("[name=payment_method_id]").first.check()
    expect(tablet.locator(".check")).to_contain_text("Відділення 5")
    tablet.locator(".go").click()
    expect(tablet.locator(".over h1")).to_be_visible()
    assert not re.search("Тестова", tablet.content())

    expect(staff.locator("#news .new-rows")).to_be_visible()
    staff.locator("#news .new-rows").click()
    expect(staff.locator("#rows [data-row]").first).to_contain_text("Тестова")
