"""A payment link from the card to the customer's phone and back: paid, given back, paid in parts, paid wrongly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from jobs import connections, wake
from models import Order, PaymentMethod, db
from orders import editing
from orders.timeline import Actor

from . import story
from .hub import Hub
from .test_story import PHONE

pytestmark = pytest.mark.browser

OLENA = Actor("person", "Olena")
CUP = {"sku": "CUP", "name": "Чашка", "price": Decimal(300), "quantity": Decimal(1)}
BOX = {"sku": "BOX", "name": "Коробка", "price": Decimal(120), "quantity": Decimal(1)}


@pytest.fixture(scope="module")
def hub(start_hub) -> Iterator[Hub]:
    with start_hub("sqlite") as running:
        with running.inside():
            keys = {"public_key": "sandbox_i10000000000", "private_key": story.TOKEN}
            connections.create("liqpay", "LiqPay", keys | {"api_url": f"{running.sandbox.url}/liqpay"})
            db.session.commit()
            for number in ("PAY-1", "PAY-2", "PAY-3", "PAY-4"):
                _order(number)
        yield running


def _order(number: str) -> None:
    online = db.session.scalars(db.select(PaymentMethod.id).where(PaymentMethod.kind == "online_card")).first()
    values = {"number": number, "last_name": "Тестова", "first_name": "Олена", "phone": "+380501112233",
              "currency": "UAH", "city": "Київ", "cod": False, "payment_method_id": online}  # fmt: skip
    editing.create(values, [dict(CUP)], OLENA)
    db.session.commit()


def link(card: Page, number: str, stay: bool = False) -> str:
    """Have a payment link made on the card."""
    if not stay:
        card.goto(f"/orders/{number}")
    card.locator("#payments form[action$='/payments/link'] button").click()
    made = card.locator("#pay-link input")
    expect(made).to_have_value(re.compile(r"/pay/[\w-]{22,}$"))
    return made.input_value()


def pay(page: Page, url: str, do: str = "pay") -> None:
    """The customer chooses the service, pays there and comes back."""
    page.goto(url)
    page.locator("form.ways button").first.click()
    page.wait_for_url(re.compile("/liqpay/checkout/"))
    page.locator(f"button[value={do}]").click()
    expect(page.locator("[role=status]")).to_contain_text({"pay": "paid", "decline": "declined"}[do])
    page.locator("a").click()
    page.wait_for_url(re.compile("/pay/"))


def payment(card: Page, position: int = 0) -> Locator:
    """Newest first."""
    return card.locator("#payments .payment-row").nth(position)


def confirm(card: Page) -> None:
    card.locator("dialog[open] .btn-danger, dialog[open] .btn-primary").last.click()


def test_from_the_link_to_the_refund(hub: Hub, visitors: Any) -> None:
    card = visitors.new(hub.url)
    card.context.grant_permissions(["clipboard-read", "clipboard-write"])
    story.login(card)
    url = link(card, "PAY-1")
    story.copied(card, url)
    story.stay(card)

    phone = visitors.new(hub.url, **PHONE)
    pay(phone, url, "decline")
    expect(phone.locator(".note.bad")).to_be_visible()
    expect(payment(card).locator(".c-red")).to_be_visible()
    pay(phone, url)
    expect(phone.locator(".note.ok")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    phone.close()

    expect(payment(card).locator(".c-green")).to_be_visible()  # by itself: nobody touched the page
    expect(card.locator("#pay-link")).to_have_count(0)
    story.stayed(card)
    with hub.inside():
        assert db.session.scalars(db.select(Order.paid).where(Order.number == "PAY-1")).one()

    payment(card).locator("details.refund summary").click()
    payment(card).locator("[name=amount]").fill("120,50")
    payment(card).locator("details.refund button").click()
    confirm(card)
    expect(payment(card).locator(".c-grey")).to_contain_text("120.50")
    payment(card).locator("details.refund summary").click()
    expect(payment(card).locator("[name=amount]")).to_have_value("179.50")
    payment(card).locator("details.refund button").click()
    confirm(card)
    expect(payment(card).locator("details.refund")).to_have_count(0)
    expect(payment(card).locator(".c-grey").last).to_contain_text("300")
    expect(card.locator("#payments form[action$='/payments/link']")).to_be_visible()  # it can be paid anew
    story.stayed(card)


def test_a_sum_that_grows_is_paid_in_parts(hub: Hub, visitors: Any) -> None:
    card = visitors.new(hub.url)
    story.login(card)
    url = link(card, "PAY-2")
    phone = visitors.new(hub.url, **PHONE)
    phone.goto(url)
    phone.locator("form.ways button").first.click()
    phone.wait_for_url(re.compile("/liqpay/checkout/"))
    with hub.inside():  # meanwhile the shop adds a box
        row = db.session.scalars(db.select(Order).where(Order.number == "PAY-2")).one()
        editing.update(row.id, row.version, {}, [{"id": row.lines[0].id}, dict(BOX)], OLENA)
        wake.changed()
        db.session.commit()
    phone.locator("button[value=pay]").click()
    phone.locator("a").click()
    expect(phone.locator(".sums .due")).to_contain_text("120")  # the rest
    expect(card.locator("#payments > p").first).to_contain_text("420")
    expect(card.locator("#payments > p b")).to_contain_text("120")
    pay(phone, url)
    expect(phone.locator(".note.ok")).to_be_visible()
    expect(card.locator("#payments .payment-row .c-green")).to_have_count(2)
    expect(card.locator("#payments > p b")).to_have_count(0)


def test_money_that_does_not_fit_is_explained(hub: Hub, visitors: Any) -> None:
    card = visitors.new(hub.url)
    story.login(card)
    url = link(card, "PAY-3")
    phone = visitors.new(hub.url, **PHONE)
    phone.goto(url)
    phone.locator("form.ways button").first.click()
    phone.wait_for_url(re.compile("/liqpay/checkout/"))
    hub.sandbox.vendor("liqpay").settle(int(phone.url.rsplit("/", 1)[1]), "pay", amount="3")
    expect(payment(card).locator(".notice.is-bad")).to_contain_text("3")
    phone.goto(url)
    expect(phone.locator(".note.bad")).to_be_visible()
    with hub.inside():
        assert not db.session.scalars(db.select(Order.paid).where(Order.number == "PAY-3")).one()


def test_no_click_is_lost_while_the_card_renews_itself(hub: Hub, visitors: Any) -> None:
    """A renewal under way keeps nothing from being asked for, and one with news doesn't take away the form that a
    question is about."""
    card = visitors.new(hub.url)
    story.login(card)
    card.goto("/orders/PAY-4")
    held: list[Any] = []
    card.route("**/side?**", lambda route: held.append(route))
    with card.expect_request("**/side?**"):
        pass
    url = link(card, "PAY-4", stay=True)
    card.unroute("**/side?**")
    phone = visitors.new(hub.url, **PHONE)
    phone.goto(url)
    phone.locator("form.ways button").first.click()
    phone.wait_for_url(re.compile("/liqpay/checkout/"))
    expect(payment(card).locator("form[action$='/cancel']")).to_be_visible()
    held.clear()
    card.route("**/side?**", lambda route: held.append(route))
    with card.expect_request("**/side?**"):
        pass
    payment(card).locator("form[action$='/cancel'] button").click()
    with hub.inside():
        row = db.session.scalars(db.select(Order).where(Order.number == "PAY-4")).one()
        editing.update(row.id, row.version, {"staff_comment": "news"}, [{"id": row.lines[0].id}], OLENA)
        wake.changed()
        db.session.commit()
    with card.expect_response("**/side?**") as answered:
        held[0].continue_()
    assert answered.value.status == 200
    card.unroute("**/side?**")
    confirm(card)
    expect(payment(card).locator("form[action$='/cancel']")).to_have_count(0)
    expect(card.locator("#card-news .new-rows")).to_be_visible()
