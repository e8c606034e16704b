"""A pre-order by keyboard, and the customer who completes it on two devices."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from models import Order, Product, Shop, Source, db

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


def test_a_buy_link_leads_a_customer_to_an_order_of_their_own(hub, visitors):
    staff = visitors.new(hub.url)
    story.login(staff)
    staff.goto("/settings/registries/shops")
    staff.locator("tr[data-row] summary").first.click()
    staff.get_by_role("link", name="Parcels and “Buy” links").first.click()
    staff.get_by_role("button", name="Switch on").click()
    staff.get_by_label("The link of one product").fill("LAMP-1")
    staff.get_by_role("button", name="Show").click()
    link = staff.locator("[data-copy]").get_attribute("data-copy")

    phone = visitors.new(hub.url, **PHONE)
    phone.goto("/login")  # any page: what counts is that a person presses the link
    phone.evaluate("(to) => { document.body.innerHTML = ''; const a = document.createElement('a');"
                   " a.href = to; a.textContent = 'Buy'; document.body.append(a); }", link)  # fmt: skip
    phone.get_by_role("link", name="Buy").click()
    expect(phone).to_have_url(re.compile(r"/c/[\w-]+$"))
    expect(phone.get_by_text("Лампа настільна").first).to_be_visible()
    phone.goto(link)  # typed into the address bar: the same order
    expect(phone).to_have_url(re.compile(r"/c/[\w-]+$"))

    program = visitors.new(hub.url)
    page = program.request.get(link)
    assert "Лампа настільна" in page.text()
    with hub.inside():
        assert db.session.scalar(db.select(db.func.count()).where(Order.source_id == Source.id, Source.key == "manual",
                                                                  Order.status.has(key="preorder"))) == 1  # fmt: skip


def test_a_shops_parcels_are_set_once_and_orders_follow(hub, visitors):
    staff = visitors.new(hub.url)
    story.login(staff)
    with hub.inside():
        db.session.execute(db.update(Product).where(Product.sku == "LAMP-1").values(length=400, width=200, height=150))
        db.session.commit()
        shop_id = db.session.scalar(db.select(Shop.id).order_by(Shop.position, Shop.id))
    staff.goto(f"/settings/shops/{shop_id}")
    staff.get_by_label("Counted from the products", exact=False).check()
    staff.get_by_label("Length, cm").fill("30")
    staff.get_by_role("button", name="Save").click()
    expect(staff.get_by_text("Orders that exist stay as they are.")).to_be_visible()
    staff.goto("/orders/new")
    staff.get_by_role("button", name="Line without a product").click()
    for name, value in {"name": "Лампа", "sku": "LAMP-1", "quantity": "1", "price": "450"}.items():
        staff.locator(f"[name=lines-0-{name}]").fill(value)
    staff.keyboard.press("Tab")
    expect(staff.locator("#length")).to_have_value("40")
    expect(staff.locator("#length")).to_have_attribute("readonly", "")
    staff.get_by_label("Weight from the products").uncheck()
    expect(staff.locator("#length")).not_to_have_attribute("readonly", "")
