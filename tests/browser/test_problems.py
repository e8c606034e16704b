"""The problems page in a browser: one of each kind, each solved by its one click, in bulk where there are several."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from jobs import connections
from models import Connection, Incoming, Link, Message, SecondRoute, Transfer, db, utcnow

from ..orders import build
from ..views import work_data as data
from . import story
from .hub import Hub
from .test_story import PHONE

pytestmark = pytest.mark.browser

LINES = [{"sku": "CASE-1", "name": "Чохол", "price": 100, "quantity": 1}]


def fill(hub: Hub) -> None:
    """A hub full of problems, as faults of the vendors would leave them."""
    url = hub.sandbox.url
    token = story.TOKEN
    crm = connections.create("retailcrm", "CRM", {"api_url": f"{url}/retailcrm", "api_key": token, "site": "shop-1"})
    prom = connections.create("prom", "Prom", {"api_url": f"{url}/prom", "token": token})
    parcels = connections.create("shiptor", "Parcels", {"api_url": f"{url}/shiptor", "api_key": token})
    bot = connections.create("telegram", "Bot", {"api_url": f"{url}/telegram", "token": token})
    connections.create("retailcrm", "Old CRM", {"api_url": f"{url}/retailcrm", "api_key": "no", "site": "shop-1"})
    db.session.execute(db.text("UPDATE schedules SET paused = true"))
    db.session.commit()
    _orders(crm, prom)
    _second(crm, parcels)
    _unread(prom)
    _messages(bot, hub.sandbox.vendor("telegram").start("Warehouse"))
    key = {"last_error_at": utcnow(), "last_error": {"fault": "credentials", "detail": "401 Unauthorized"}}
    db.session.execute(db.update(Connection).where(Connection.name == "Old CRM").values(key))
    prom.last_ok_at = utcnow()
    data.run(prom, "failed", fault="unreachable", detail="connection refused", task="orders")
    db.session.commit()


def _orders(crm: Connection, prom: Connection) -> None:
    ids = data.orders(9, prefix="R-", phone="", city="Київ")
    for order_id in ids[:4]:
        data.refused(order_id, crm, detail=f"Поле phone неправильне в замовленні {order_id}")
    gone = data.refused(ids[4], crm, "Not found", "not_found")
    db.session.execute(db.update(Link).where(Link.order_id == gone.order_id).values(external_id="X5"))
    for order_id in ids[5:7]:
        data.transfer(order_id, crm, "parked", fault="timeout", uncertain=True, sent_version=1)
        db.session.add(Link(order_id=order_id, connection_id=crm.id, state="problem"))
    codes = [{"table": "delivery_in", "code": "77", "name": "Кур'єр магазину", "connection_id": prom.id}]
    data.orders(3, prefix="M-", needs_mapping=True, unmapped=codes)
    twins = {"phone": "+380501112233", "first_name": "Іван", "last_name": "Тестовий"}
    build.make(*({"number": f"D-{n}", **twins} for n in range(1, 4)), lines=LINES)


def _second(crm: Connection, parcels: Connection) -> None:
    for order_id in data.orders(2, prefix="S-"):
        db.session.add(Link(order_id=order_id, connection_id=parcels.id, state="linked", external_id=f"P{order_id}"))
        common = {"connection_id": crm.id, "first_id": parcels.id, "state": "stopped", "by": "Olena", "at": utcnow()}
        db.session.add(SecondRoute(order_id=order_id, **common))


def _unread(prom: Connection) -> None:
    for n in (1, 2):
        common = {"event": "order", "external_id": f"900{n}", "fingerprint": str(n), "state": "failed"}
        note = "ValueError: no products"
        db.session.add(Incoming(connection_id=prom.id, body={"id": 9000 + n}, note=note, **common))


def _messages(bot: Connection, chat: int) -> None:
    for order_id in data.orders(2, prefix="W-"):
        common = {"rule_name": "New orders", "channel": "chat", "subject": "Склад", "finished_at": utcnow()}
        failed = {"state": "failed", "fault": "unavailable", "detail": "Internal Server Error", "target": str(chat)}
        db.session.add(Message(order_id=order_id, connection_id=bot.id, body="New order", **common, **failed))


@pytest.fixture(scope="module")
def hub(start_hub: Any) -> Iterator[Hub]:
    with start_hub("sqlite") as running:
        with running.inside():
            fill(running)
        yield running


def solved(page: Page, kind: str, button: str, asks: bool = False) -> None:
    """Press it; the first group of this kind is gone, or is another one."""
    group = page.locator(f"#{kind}")
    heading = group.locator(".problem-head").inner_text()
    group.get_by_role("button", name=button, exact=True).click()
    if asks:
        page.locator("dialog[open]").get_by_role("button", name=button, exact=True).click()
    expect(page.locator("#toasts .toast-line").first).to_be_visible()
    expect(page.locator(".problem-head").filter(has_text=heading.split("\n")[1])).to_have_count(0)


def test_each_kind_is_solved_by_one_click(hub: Hub, visitors: Any) -> None:
    page = visitors.new(hub.url)
    story.login(page)
    page.goto("/problems")
    badge = page.locator(".nav-badge:visible")
    expect(badge).to_have_text("20")
    solved(page, "refused", "Retry 4")
    expect(badge).to_have_text("16")
    page.locator("#mapping select[name=ours]").select_option(index=1)
    page.locator("#mapping").get_by_role("button", name="Remember this").click()
    expect(page.locator("#mapping")).to_have_count(0)
    solved(page, "parked", "Look again")
    solved(page, "unread", "Set aside", asks=True)
    solved(page, "second", "Leave them unsent")
    solved(page, "duplicates", "All are two", asks=True)
    solved(page, "messages", "Send 2 again")
    solved(page, "refused", "Create 1 again", asks=True)
    page.locator("#runs").get_by_role("button", name="Run now").click()
    for _ in range(40):  # the page never moves under the hand: it is opened anew
        page.goto("/problems")
        if not page.locator("#runs").count():
            break
        page.wait_for_timeout(500)
    expect(page.locator("#runs")).to_have_count(0)
    page.locator("#broken").get_by_role("link", name="Enter a new key").click()
    expect(page.locator("[name=api_key]")).to_be_visible()
    done = db.select(db.func.count(db.distinct(Transfer.order_id))).where(Transfer.state == "done")
    with hub.inside():
        for _ in range(40):
            if db.session.scalar(done) == 7:
                break
            db.session.rollback()
            page.wait_for_timeout(500)
        assert db.session.scalar(done) == 7  # the refused, the lost, the deleted: each is there now


def test_pages_fit_a_phone(hub: Hub, visitors: Any) -> None:
    page = visitors.new(hub.url, **PHONE)
    story.login(page, "uk")
    for address in ("/problems", "/settings/profile", "/settings/notices"):
        page.goto(address)
        story.fits(page)


def test_a_chat_is_tied_by_a_link(hub: Hub, visitors: Any) -> None:
    page = visitors.new(hub.url)
    story.login(page, "en")
    page.goto("/settings/profile")
    page.get_by_role("button", name="Tie a chat through Bot").click()
    link = page.locator("#tying a[target]").get_attribute("href") or ""
    hub.sandbox.vendor("telegram").start("Olena", story.TOKEN, code=link.split("=")[1])
    expect(page.get_by_role("button", name="Send a test message")).to_be_visible()
    page.get_by_role("button", name="Send a test message").click()
    expect(page.locator("#toasts .toast-line")).to_contain_text("on its way")
    page.locator("#kind_problem").check()
    page.locator("#quiet_from").fill("22:00")
    page.locator("#quiet_until").fill("08:00")
    page.locator("#notice-form").get_by_role("button", name="Save").click()
    expect(page.locator("#kind_problem")).to_be_checked()
    expect(page.locator("#quiet_from")).to_have_value("22:00")
    page.goto("/settings/notices")
    page.locator("#new_order-text").fill("{count} <b>!")
    expect(page.locator("#preview-new_order")).to_have_text("1 <b>!")
    page.locator("#new_order-text").fill("{nonsense}")
    expect(page.locator("#preview-new_order")).to_contain_text("{nonsense} is no placeholder")
    sent = hub.sandbox.vendor("telegram").messages(story.TOKEN)
    assert "This is a test." in {message["text"].split("\n")[0] for message in sent}
