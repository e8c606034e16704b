"""Delivery offers in a browser: chosen by keyboard, recalculated, answered, sent, followed; on the phone too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from jobs import connections
from models import Connection, DeliveryMethod, Mapping, Order, Product, Shop, db
from orders import preorders
from orders.preorders import Wanted
from orders.timeline import Actor

from ..orders import build
from . import story
from .hub import Hub
from .test_story import PHONE

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def hub(start_hub) -> Iterator[Hub]:
    with start_hub("sqlite") as running:
        running.sandbox.vendor("shiptor").set_rate(None)
        with running.inside():
            settings = {"api_url": f"{running.sandbox.url}/shiptor", "api_key": story.TOKEN,
                        "sender_city": "77000000000"}  # fmt: skip
            row = connections.create("shiptor", "Shiptor", settings)
            db.session.commit()
            connections.refresh_references(row)
            for number in ("D-1", "D-2"):
                build.to_deliver("RU", number)
        yield running


def _preorder(service_id: int, number: str) -> str:
    """The path of a customer's link; one of our methods is the service's pickup points."""
    method = db.session.scalar(db.select(DeliveryMethod).where(DeliveryMethod.name == "СДЭК, пункт"))
    if method is None:
        method = DeliveryMethod(name="СДЭК, пункт", kind="pickup", position=-1)
        product = Product(sku="MUG-9", name="Кружка", price=900, currency="RUB", weight=400, search_text="mug-9 кружка")
        db.session.add_all([method, product])
        db.session.flush()
        lookup = {"table": "delivery_out", "lookup": str(method.id), "theirs": "17"}
        db.session.add(Mapping(connection_id=service_id, **lookup))
    product = db.session.scalar(db.select(Product).where(Product.sku == "MUG-9"))
    shop = db.session.scalar(db.select(Shop))
    made = preorders.create([Wanted(product, Decimal(1))], shop, number, Actor("person", "Olena"))
    db.session.commit()
    return f"/c/{made.secret['token']}"


def offer(page: Page, code: str):
    return page.locator(f"[name=offer][value='{code}']")


def test_an_offer_is_chosen_recalculated_and_followed(hub: Hub, visitors) -> None:
    page = visitors.new(hub.url)
    story.login(page)
    page.goto("/orders/D-1")
    offer(page, "18").check()
    expect(page.locator("#tariff_name")).to_have_value("CDEK Курьер")
    expect(offer(page, "18")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.locator("#tariff_name")).to_have_value("CDEK ПВЗ")
    page.locator("[name=point]").select_option(index=1)
    expect(page.locator("#pickup_address")).not_to_have_value("")
    offer(page, "119").check()
    expect(page.locator("#type_id option:checked")).to_have_text("End-to-end")
    page.locator("[data-save]").click()
    expect(page.locator(".toast-line")).to_contain_text("D-1")
    expect(offer(page, "119")).to_be_checked()
    page.locator("#auto_weight").uncheck()
    page.locator("#weight").fill("9000")
    page.locator("#weight").blur()
    news = page.locator(".quote-news")
    expect(news).to_contain_text("→")
    page.locator("[data-save]").click()
    expect(page.locator("main")).to_contain_text("Accept or decline that first")
    before = page.locator("#delivery_cost").input_value()
    news.get_by_role("button", name="Accept").click()
    expect(news).to_have_count(0)
    expect(page.locator("#delivery_cost")).not_to_have_value(before)
    page.locator("[data-save]").click()
    expect(page.locator(".toast-line").first).to_contain_text("D-1")
    visitors.forgive("422")


def test_the_form_offers_only_what_may_be_said(hub: Hub, visitors) -> None:
    page = visitors.new(hub.url)
    story.login(page)
    page.goto("/orders/D-2")
    cod, paid, amount = page.locator("#cod"), page.locator("#paid"), page.locator("#cod_amount")
    cod.uncheck()
    expect(paid).to_be_visible()
    expect(amount).to_be_hidden()
    cod.check()
    expect(paid).to_be_hidden()
    expect(amount).to_be_visible()
    page.locator("#auto_weight").check()
    weight = page.locator("#weight")
    expect(weight).to_have_value("400")
    assert weight.get_attribute("readonly") is not None
    quantity = page.locator("[name=lines-0-quantity]")
    quantity.fill("3")
    quantity.blur()
    expect(weight).to_have_value("1200")
    expect(page.locator("#declared_value")).to_have_value("2700.00")
    page.locator("#auto_weight").uncheck()
    expect(weight).to_be_editable()


def test_the_box_fits_a_phone(hub: Hub, visitors) -> None:
    page = visitors.new(hub.url, **PHONE)
    story.login(page)
    page.goto("/orders/D-2#delivery")
    page.locator("#delivery").evaluate("section => { section.open = true }")
    offer(page, "18").check()
    expect(page.locator("#tariff_name")).to_have_value("CDEK Курьер")
    page.goto("/settings/delivery")
    expect(page.locator(".methods tbody tr")).to_have_count(11)
    for address in ("/orders/D-2", "/settings/delivery"):
        page.goto(address)
        story.fits(page)


def test_a_long_state_of_a_parcel_leaves_the_name_its_place(hub: Hub, visitors) -> None:
    state = "Wrong department, waiting for the recipient's decision"
    with hub.inside():
        for number in ("D-1", "D-2"):
            order = db.session.scalar(db.select(Order).where(Order.number == number))
            order.ttn, order.ttn_state = "20450000008424", state
        db.session.commit()
    page = visitors.new(hub.url)
    story.login(page)
    page.goto("/orders")
    for width in (1280, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        row = page.locator("#rows [data-row]", has_text="D-1")
        name = row.locator(".pair > span").first
        expect(name).to_have_text("Орлова Анна")
        assert name.evaluate("name => name.scrollWidth <= name.clientWidth"), width
        story.fits(page)
    shown = row.locator(".state")
    expect(shown).to_be_visible()
    assert (shown.get_attribute("title") or "").startswith(state)


def test_a_customer_chooses_a_point_on_a_phone(hub: Hub, visitors) -> None:
    with hub.inside():
        path = _preorder(db.session.scalar(db.select(Connection.id)), "C-1")
    phone = visitors.new(hub.url, **PHONE)
    phone.goto(path)
    for name, value in (("last_name", "Орлова"), ("first_name", "Анна"), ("phone", "+79121112233")):
        phone.locator(f"[name={name}]").fill(value)
    phone.locator(".go").click()
    phone.locator("[name=delivery_method_id]").first.check()
    phone.locator("[name=city]").press_sequentially("Воро")
    expect(phone.locator("#city-list option")).to_have_attribute("value", "Воронеж")
    phone.locator("[name=city]").fill("Воронеж")
    expect(phone.locator(".point")).to_have_count(4)
    cost = phone.locator(".choice:has(:checked) .money").first
    expect(cost).to_contain_text("₽")
    everywhere = phone.locator("#total").inner_text()
    address = phone.locator(".point input").nth(1).get_attribute("data-address")
    assert address
    phone.locator("[name=pickup_address]").fill(address.split(", ")[1].split()[-1])
    expect(phone.locator(".point")).to_have_count(1)
    phone.locator(".point input").check()
    expect(phone.locator("[name=pickup_address]")).to_have_value(address)
    expect(phone.locator(".point a").first).to_have_attribute("href", re.compile("openstreetmap.org/.mlat=51"))
    story.fits(phone)
    phone.locator(".go").click()
    phone.locator("[name=payment_method_id]").first.check()
    expect(phone.locator("#total")).not_to_have_text(everywhere)
    expect(phone.locator("#check")).to_contain_text(address)
    phone.locator(".go").click()
    expect(phone.locator(".over h1")).to_be_visible()
    staff = visitors.new(hub.url)
    story.login(staff)
    staff.goto("/orders/C-1")
    expect(offer(staff, "17")).to_be_checked()
    expect(staff.locator("#pickup_address")).to_have_value(address)
    expect(staff.locator(".quote-news")).to_have_count(0)


def test_the_customer_s_page_works_without_scripts(hub: Hub, visitors) -> None:
    with hub.inside():
        path = _preorder(db.session.scalar(db.select(Connection.id)), "C-2")
    page = visitors.new(hub.url, java_script_enabled=False)
    page.goto(f"{path}?step=2")
    page.locator("[name=delivery_method_id]").first.check()
    page.locator("[name=city]").fill("Казань")
    page.locator(".look").click()
    expect(page.locator(".point")).to_have_count(4)
    expect(page.locator(".choice:has(:checked) .money").first).to_contain_text("₽")
