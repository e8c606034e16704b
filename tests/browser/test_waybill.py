"""A waybill of Nova Poshta in a browser: a branch chosen, the TTN made, its state in the row, its label opened."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

import pytest
from playwright.sync_api import expect

from jobs import connections, tracking
from models import Connection, Order, Shop, db, utcnow
from orders import editing
from orders.timeline import Actor

from . import story
from .hub import Hub
from .test_story import PHONE

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def hub(start_hub) -> Iterator[Hub]:
    with start_hub("sqlite") as running:
        running.sandbox.vendor("nova_poshta").set_rate(None)
        with running.inside():
            settings = {"api_url": f"{running.sandbox.url}/nova_poshta", "api_key": story.TOKEN, "sender_city": "Київ"}
            row = connections.create("nova_poshta", "Nova Poshta", {**settings, "sender_point": "1"})
            db.session.commit()
            connections.refresh_references(row)
            line = {"sku": "MUG", "name": "Чашка", "price": Decimal(450), "quantity": Decimal(1), "weight": 400}
            values = {"last_name": "Коваль", "first_name": "Ірина", "phone": "+380671112233",
                      "currency": "UAH", "country": "UA", "city": "Миколаївка",
                      "shop_id": db.session.scalar(db.select(Shop.id))}  # fmt: skip
            for each in ("W-1", "W-2", "W-3"):
                editing.create(values | {"number": each}, [line], Actor("person", "Olena"))
            db.session.commit()
        yield running


def test_from_a_branch_to_a_parcel_that_has_arrived(hub: Hub, visitors) -> None:
    page = visitors.new(hub.url)
    story.login(page)
    page.goto("/orders/W-1")
    place = page.locator("[name=place]")
    expect(page.locator("#delivery-quote")).to_contain_text("Several settlements")
    place.select_option(label="с. Миколаївка, Полтавська обл., Полтавський р-н")
    page.locator("[name=offer][value=WarehouseWarehouse]").check()
    point = page.locator("[name=point]")
    point.select_option(index=1)
    expect(page.locator("#pickup_address")).to_have_value(re.compile("Відділення №1"))
    page.locator("[data-save]").click()
    expect(page.locator(".toast-line").first).to_contain_text("W-1")
    page.locator("#staff_comment").fill("Подзвонити за годину")
    page.get_by_role("button", name="Create TTN").click()
    label = page.get_by_role("link", name="Label 100×100")
    expect(label).to_be_visible()
    number = next(iter(hub.sandbox.vendor("nova_poshta").account().table("orders").values()))["IntDocNumber"]
    expect(page.locator("#copies")).to_contain_text(number)
    expect(page.locator("#ttn")).to_have_value(number)  # without a reload
    expect(page.locator("#staff_comment")).to_have_value("Подзвонити за годину")
    page.locator("[data-save]").click()
    expect(page.locator(".toast-line").first).to_contain_text("W-1")
    with hub.inside():
        order = db.session.scalars(db.select(Order).filter_by(number="W-1")).one()
        assert (order.ttn, order.staff_comment) == (number, "Подзвонити за годину")
    assert story.TOKEN not in page.content()
    printed = page.request.get(label.get_attribute("href"))
    assert printed.body().startswith(b"%PDF")
    hub.sandbox.vendor("nova_poshta").set_status(number, "7")
    page.get_by_role("button", name="Get status").click()
    page.goto("/orders?status=all")
    row = page.locator("[data-row]", has_text=number)
    expect(row).to_contain_text("Прибуло у відділення")
    row.get_by_role("link", name="Прибуло у відділення").click()
    expect(page.locator(".parcel-steps li").first).to_contain_text("Прибуло у відділення")
    phone = visitors.new(hub.url, **PHONE)
    story.login(phone)
    phone.goto("/orders/W-1")
    story.fits(phone)


def give(hub: Hub, number: str, ttn: str) -> None:
    """What the job does when the service has answered."""
    with hub.inside():
        order = db.session.scalars(db.select(Order).filter_by(number=number)).one()
        copy = {"order_id": order.id, "external_number": ttn, "external_status_name": "Створено"}
        tracking.numbered(db.session.scalars(db.select(Connection)).one(), [copy])
        order.updated_at = utcnow()
        db.session.commit()


def test_a_number_that_comes_meanwhile_fills_an_empty_field_only(hub: Hub, visitors) -> None:
    page = visitors.new(hub.url)
    story.login(page)
    page.goto("/orders/W-2")
    page.locator("#ttn").fill("59000000000001")
    give(hub, "W-2", "20450000000002")
    expect(page.locator("#parcel")).to_contain_text("20450000000002")
    expect(page.locator("#ttn")).to_have_value("59000000000001")
    expect(page.locator("#parcel")).to_contain_text("Створено")
    page.get_by_role("button", name="Take it").click()
    expect(page.locator("#ttn")).to_have_value("20450000000002")
    expect(page.locator("[data-other]")).to_be_hidden()
    page.goto("/orders/W-3")
    give(hub, "W-3", "20450000000003")
    expect(page.locator("#ttn")).to_have_value("20450000000003")
    page.goto("/orders")  # nothing was typed: nothing asks whether to leave
    phone = visitors.new(hub.url, **PHONE)
    story.login(phone)
    phone.goto("/orders/W-3")
    story.fits(phone)
