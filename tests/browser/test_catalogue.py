"""The catalogue as people work it: a price list connected, found, edited in place and in bulk, one product opened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from jobs import connections, runs
from models import Product, db

from . import story
from .hub import Hub
from .test_story import PHONE

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def hub(start_hub) -> Iterator[Hub]:
    with start_hub("sqlite") as running:
        with running.inside():
            settings = {"api_url": f"{running.sandbox.url}/price_list", "login": "shop", "password": "sandbox-token"}
            row = connections.create("price_list", "Постачальник", settings)
            runs.request(row.id, "catalogue", "test")
            db.session.commit()
        yield running


SIGNED_IN: dict[str, Any] = {}  # by the hub's address: one login for all, as many in a minute are refused


def enter(visitors: Any, hub: Hub, **options: Any) -> Page:
    page: Page = visitors.new(hub.url, **options)
    if hub.url in SIGNED_IN:
        page.context.add_cookies(SIGNED_IN[hub.url])
        page.goto("/")
    else:
        story.login(page)
        SIGNED_IN[hub.url] = page.context.cookies()
    expect(page.locator("main")).to_be_visible()
    return page


def stored(hub: Hub, sku: str) -> Product:
    with hub.inside():
        return db.session.scalars(db.select(Product).filter_by(sku=sku)).one()


def test_from_the_list_to_the_product(hub: Hub, visitors: Any) -> None:
    page = enter(visitors, hub)
    page.goto("/catalogue/products")
    rows = page.locator("tr[data-row]")
    expect(rows).to_have_count(50)
    page.keyboard.press("/")
    page.keyboard.type("pl-00007")
    expect(rows).to_have_count(1)
    price = page.get_by_label("Price of", exact=False)
    price.fill("1 299,90")
    price.press("Enter")
    expect(page.get_by_label("Price of", exact=False)).to_have_value("1299.9")
    stock = page.get_by_label("Stock of Сандалі", exact=False)
    stock.fill("many")
    stock.press("Tab")
    expect(page.get_by_text("“many” is no number.")).to_be_visible()
    expect(page.locator(".cell-input.is-invalid")).to_have_value("many")
    price.fill("5")
    price.press("Escape")  # nothing is saved by leaving it so
    expect(price).to_have_value("1299.9")
    expect(page.locator(".cell-input.is-invalid")).to_have_value("many")
    assert str(stored(hub, "PL-00007").price) == "1299.90"
    page.locator("a[data-open]").click()
    drawer = page.locator("#drawer")
    expect(drawer.get_by_text("Постачальник")).to_be_visible()
    drawer.get_by_label("Name", exact=True).fill("Сандалі домашні")
    drawer.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.locator("#product-list a[data-open]")).to_have_text("Сандалі домашні")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()


def test_many_at_once(hub: Hub, visitors: Any) -> None:
    page = enter(visitors, hub)
    page.goto("/catalogue/products?q=Куртка")
    rows = page.locator("tr[data-row]")
    expect(rows).to_have_count(24)
    before = stored(hub, "PL-00010").price
    page.locator("[data-check-all]").check()
    bar = page.locator("[data-bulk-bar]")
    expect(bar.get_by_text("Chosen: 24")).to_be_visible()
    bar.locator("summary", has_text="Price").click()
    bar.get_by_label("By percent").fill("-50")
    bar.get_by_role("button", name="Change prices").click()
    page.locator("#confirm").get_by_role("button", name="Change prices").click()
    expect(page.get_by_text("24 products are changed.")).to_be_visible()
    assert stored(hub, "PL-00010").price == before / 2


def test_a_rule_with_a_preview_on_the_phone(hub: Hub, visitors: Any) -> None:
    page = enter(visitors, hub, **PHONE)
    page.goto("/catalogue/products")
    expect(page.locator("tr[data-row]")).to_have_count(50)
    page.get_by_role("link", name="Matching").click()
    page.get_by_role("link", name="Постачальник").click()
    page.get_by_label("An offer is a product with the same").select_option("name")
    page.get_by_role("button", name="Show what would change").click()
    expect(page.get_by_text("move to another: 40")).to_be_visible()
    page.get_by_role("button", name="Save and match anew").click()
    expect(page.get_by_text("Saved; the products are being matched anew.")).to_be_visible()


def test_the_tree_of_categories(hub: Hub, visitors: Any) -> None:
    page = enter(visitors, hub)
    page.goto("/catalogue/categories")
    rows, drawer = page.locator("#category-list tr[data-row]"), page.locator("#drawer")
    page.get_by_role("link", name="New category").click()
    name, save = drawer.get_by_label("Name", exact=True), drawer.get_by_role("button", name="Save")
    name.fill("Aa / Bb")
    save.click()
    expect(name).to_have_attribute("aria-invalid", "true")
    expect(name).to_have_value("Aa / Bb")
    name.fill("Aa новинки")
    save.click()
    visitors.forgive("/catalogue/categories/new")  # the browser's word on the refusal
    expect(page.get_by_text("“Aa новинки” is made.")).to_be_visible()
    expect(rows.first).to_contain_text("Aa новинки")
    expect(drawer).to_be_hidden()
    other = rows.nth(1).locator("[data-open]").inner_text()
    rows.nth(1).locator("[data-open]").click()
    expect(name).to_have_value(other)
    drawer.get_by_label("Under").select_option(label="Aa новинки")
    save.click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.locator("tr.is-changed .deep-1")).to_have_text(other)
    page.locator("#category-list").wait_for()
    page.get_by_label("Name of a category").fill("новинки / ")
    expect(rows.first.locator("[data-open]")).to_have_text(f"Aa новинки / {other}")
    expect(rows.filter(has_not_text="Aa новинки / ")).to_have_count(0)
    phone = enter(visitors, hub, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    phone.goto("/catalogue/categories")
    expect(phone.locator("#category-list tr[data-row]").first).to_be_visible()
    assert not phone.evaluate("document.documentElement.scrollWidth > innerWidth")
    phone.locator("#category-list tr[data-row] [data-open]").first.click()
    expect(phone.locator("#drawer").get_by_label("Name", exact=True)).to_have_value("Aa новинки")


def test_a_try_with_its_report(hub: Hub, visitors: Any) -> None:
    page = enter(visitors, hub)
    page.goto("/catalogue/matching")
    page.get_by_role("link", name="Постачальник").click()
    expect(page.get_by_label("Take products in regularly")).to_be_checked()
    page.locator("#categories-ts-control").fill("Куртки")
    page.locator(".ts-dropdown .option", has_text="Куртки").first.click()
    page.keyboard.press("Escape")
    page.get_by_label("An offer is a product with the same").select_option("")
    page.get_by_label("An offer that matches none").select_option("hidden")
    page.get_by_role("button", name="Try it on the whole catalogue").click()
    expect(page.get_by_text("This was a try: nothing was changed here or there.")).to_be_visible()
    expect(page.get_by_text("36 skipped")).to_be_visible()
    page.get_by_role("button", name="Keep this rule and take the catalogue in").click()
    expect(page.get_by_text("Saved; the catalogue is being taken in.")).to_be_visible()
    expect(page.get_by_label("An offer that matches none")).to_have_value("hidden")
    expect(page.locator("#categories")).to_have_values(["Одяг / Куртки"])
