"""Single things that only a browser can tell: keys, undo, two editors, history, roles, widths."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from jobs import connections, wake
from models import Connection, Order, Status, Transfer, User, db, utcnow
from orders import batches, statuses
from orders.creation import Draft, insert_many
from orders.timeline import Actor
from tests.hostile import seed
from tests.views.helpers import PASSWORD, add_user

from . import story
from .hub import EMAIL, Hub
from .hub import PASSWORD as OWNERS_PASSWORD
from .test_story import PHONE

pytestmark = pytest.mark.browser

MANAGER, VIEWER = "manager@example.com", "viewer@example.com"
LONG = "Константинопольська-Переяславська Олександра-Вікторія Святославівна"


@pytest.fixture(scope="module")
def hub(start_hub) -> Iterator[Hub]:
    with start_hub("sqlite") as running:
        with running.inside():
            add_user(MANAGER, "manager")
            add_user(VIEWER, "viewer")
            settings = {"api_url": f"{running.sandbox.url}/retailcrm", "api_key": story.TOKEN, "site": "shop-1"}
            connections.create("retailcrm", "RetailCRM", settings)
            db.session.commit()
            add_orders("D", 12)
            add_orders("BIG", 1, last_name=LONG[:60], price=Decimal("123456789.50"))
        yield running


def add_orders(prefix: str, n: int, price: Decimal = Decimal(100), **values: object) -> list[int]:
    """New orders with a line each; open lists hear of them."""
    line = {"sku": "S-1", "name": "Чашка", "quantity": Decimal(1), "price": price}
    row = {"last_name": "Тестова", "first_name": "Олена", "phone": "+380501112233", "currency": "UAH", "city": "Київ"}
    sums = {"goods_total": price, "total": price, "declared_value": price}
    drafts = [Draft({**row, **sums, "number": f"{prefix}-{i:02}", **values}, [line]) for i in range(n)]
    ids = insert_many(drafts, Actor("job", "Tester"))
    wake.changed()
    db.session.commit()
    return ids


@pytest.fixture(scope="module")
def states() -> dict[str, Any]:
    """Cookies of those who have signed in: the login lets nobody in more than a few times a minute."""
    return {}


@pytest.fixture
def enter(hub, visitors, states) -> Callable[..., Page]:
    """enter(email, …) -> a page of a new profile, signed in; options as Playwright's new_context takes them."""

    def enter(email: str = EMAIL, **options: Any) -> Page:
        page = visitors.new(hub.url, storage_state=states.get(email), **options)
        if email not in states:
            story.login(page, email=email, password=OWNERS_PASSWORD if email == EMAIL else PASSWORD)
            states[email] = page.context.storage_state()
        return page

    return enter


@pytest.fixture
def owner(enter) -> Page:
    return enter()


def row_of(page: Page, number: str):
    return page.locator("#rows [data-row]", has=page.locator(f"[data-open]:text-is('{number}')"))


def test_two_editors_lose_nothing(owner, enter, visitors):
    second = enter(MANAGER)
    for page in (owner, second):
        page.goto("/orders/D-01")
    owner.locator("[name=last_name]").fill("Перша")
    owner.locator("[data-save]").click()
    expect(owner.locator("#toasts .toast-line")).to_be_visible()

    second.locator("[name=last_name]").fill("Друга")
    second.locator("[name=staff_comment]").fill("Подзвонити після шостої")
    second.locator("[data-save]").click()
    table = second.locator(".merge-table")
    expect(table).to_contain_text("Перша")
    expect(table).to_contain_text("Друга")
    expect(table).to_contain_text("Подзвонити після шостої")
    second.locator("[name=pick-last_name][value=mine]").check()
    second.locator("[data-save]").click()
    expect(second.locator("[name=last_name]")).to_have_value("Друга")
    expect(second.locator("[name=staff_comment]")).to_have_value("Подзвонити після шостої")
    expect(second.locator("#history .change ins").filter(has_text="Перша").first).to_be_visible()
    visitors.forgive("409 (CONFLICT)")


def test_keys_and_undo(owner):
    """The list by hand on the keyboard: move, choose, confirm, take back, open, search, help."""
    owner.goto("/orders?status=all")
    story.stay(owner)
    keys, rows = owner.keyboard, owner.locator("#rows [data-row]")
    for key in "jjjk":
        keys.press(key)
    expect(rows.nth(1)).to_have_class(re.compile("is-current"))
    keys.press("x")
    keys.press("j")
    keys.press("j")
    keys.press("Shift+X")
    expect(owner.locator("[data-bulk-count]")).to_have_text("3")
    ids = [rows.nth(i).get_attribute("data-id") for i in (1, 2, 3)]
    before = [story.row(owner, i).locator(".cell-status .pill").inner_text() for i in ids]

    keys.press("c")
    drawer = owner.locator("#drawer-body")
    drawer.locator(".form-actions .btn-primary").click()
    undo = owner.locator("[data-toast-undo]")
    expect(undo).to_be_visible()
    for order_id in ids:
        expect(story.row(owner, order_id).locator(".cell-status .pill.c-teal")).to_be_visible()
    undo.click()
    for order_id, name in zip(ids, before, strict=True):
        expect(story.row(owner, order_id).locator(".cell-status .pill")).to_have_text(name)

    keys.press("Escape")
    expect(owner.locator("#drawer")).to_be_hidden()
    keys.press("Escape")
    expect(owner.locator("[data-bulk-bar].is-on")).to_have_count(0)
    keys.press("s")
    expect(drawer.locator("[name=to]").first).to_be_attached()
    keys.press("Escape")
    expect(owner.locator("#drawer")).to_be_hidden()
    keys.press("/")
    expect(owner.locator("[data-search]")).to_be_focused()
    keys.press("Escape")
    keys.press("?")
    expect(owner.locator("#keys")).to_be_visible()
    keys.press("Escape")
    expect(owner.locator("#keys")).to_be_hidden()
    story.stayed(owner)
    keys.press("e")
    owner.wait_for_url(re.compile(r"/orders/[^?]"))


def test_filters_live_in_the_address(owner):
    owner.goto("/orders")
    owner.locator("#order-q").fill("BIG")
    expect(owner.locator("#rows [data-row]")).to_have_count(1)
    expect(owner).to_have_url(re.compile("q=BIG"))
    owner.reload()
    expect(owner.locator("#rows [data-row]")).to_have_count(1)
    expect(owner.locator("#order-q")).to_have_value("BIG")
    owner.locator("#strip a").first.click()
    expect(owner).not_to_have_url(re.compile("q=BIG"))
    owner.go_back()
    expect(owner).to_have_url(re.compile("q=BIG"))
    expect(owner.locator("#rows [data-row]")).to_have_count(1)
    owner.locator("#filters .chip-x").first.click()
    expect(owner.locator("#order-q")).to_have_value("")


def test_a_saved_view_is_a_tab(owner):
    owner.goto("/orders?status=all&q=BIG")
    owner.locator(".tab-line a[href*='/orders/views']").click()
    owner.locator("#drawer-body [name=name][data-autofocus]").fill("Великі")
    owner.locator("#drawer-body [name=name][data-autofocus]").press("Enter")
    expect(owner.locator(".tab-line a", has_text="Великі")).to_be_visible()
    owner.goto("/orders")
    owner.locator(".tab-line a", has_text="Великі").click()
    expect(owner).to_have_url(re.compile("q=BIG"))
    expect(owner.locator("#rows [data-row]")).to_have_count(1)
    expect(owner.locator(".tab-line a[aria-current=page]")).to_contain_text("Великі")


def test_new_orders_knock_before_they_enter(hub, owner):
    owner.goto("/orders")
    first = owner.locator("#rows [data-row]").first.get_attribute("id")
    with hub.inside():
        add_orders("NEW", 2)
    expect(owner.locator("#news .new-rows")).to_contain_text("2")
    assert owner.locator("#rows [data-row]").first.get_attribute("id") == first
    owner.locator("#news .new-rows").click()
    expect(row_of(owner, "NEW-01")).to_be_visible()


def test_a_change_made_elsewhere_shows_by_itself(hub, owner):
    owner.goto("/orders?status=all")
    story.stay(owner)
    with hub.inside():
        order_id = db.session.scalar(db.select(Order.id).where(Order.number == "D-05"))
        problem = db.session.scalar(db.select(Status).where(Status.group == "problem"))
        statuses.change([order_id], problem, Actor("job", "Tester"))
        wake.changed()
        db.session.commit()
    expect(row_of(owner, "D-05").locator(".pill.c-red")).to_be_visible()
    story.stayed(owner)


def test_what_waits_of_a_batch_is_withdrawn(hub, owner):
    with hub.inside():
        crm = db.session.scalar(db.select(Connection.id))
        user = db.session.scalar(db.select(User).where(User.email == EMAIL))
        ids = add_orders("W", 3)
        batch = batches.send(ids, crm, user.name or user.email)
        db.session().info.pop("wake")  # no worker hears of them
        later = utcnow() + timedelta(hours=1)
        db.session.execute(db.update(Transfer).where(Transfer.order_id.in_(ids)).values(not_before=later))
        db.session.commit()
    owner.goto(f"/orders/batch/{batch}")
    progress = owner.locator("#batch")
    expect(progress).to_contain_text("0 of 3")
    expect(progress.locator(".batch-line")).to_contain_text("next try in")
    progress.get_by_role("button", name="Cancel").click()
    expect(progress).to_contain_text("Withdrawn: 3")
    expect(owner.locator("#toasts .toast-line")).to_have_text(re.compile("3 orders are withdrawn"))
    expect(progress.get_by_role("button", name="Cancel")).to_have_count(0)


@pytest.mark.parametrize("device", [PHONE, {}, {"viewport": {"width": 1280, "height": 800}}], ids=str)
def test_a_price_is_seen_whole(enter, device):
    page = enter(**device)
    for number, price in (("D-03", "1250,50"), ("D-03", "123456,50"), ("BIG-00", None)):
        page.goto(f"/orders/{number}")
        field = page.locator(".lines .line-price input").first
        if price:
            field.fill(price)
            assert field.evaluate("field => field.scrollWidth <= field.clientWidth"), price
        column = page.locator(".card-grid > .stack").first
        width = column.evaluate("stack => stack.scrollWidth - stack.clientWidth")
        assert width <= 0, number


def test_the_bar_gives_way_to_the_drawer(owner):
    owner.goto("/orders?status=all")
    owner.locator("#rows [data-check]").first.check()
    bar = owner.locator("[data-bulk-bar]")
    expect(bar).to_be_visible()
    target = bar.locator("button[name=to]").first
    story.menu(owner, target)
    target.click()
    expect(owner.locator("#drawer-body .card-head")).to_be_visible()
    expect(bar).to_be_hidden()
    owner.keyboard.press("Escape")
    expect(bar).to_be_visible()


def test_on_a_phone_the_button_of_a_group_covers_nothing(hub, enter):
    """Each group of problems has its own button at its end; were it stuck to the edge, it would lie over the rows."""
    with hub.inside():
        crm = db.session.scalar(db.select(Connection.id))
        gaps = [{"table": "status_in", "code": f"c{n}", "name": f"Code {n}", "connection_id": crm} for n in range(12)]
        add_orders("MAP", 1, needs_mapping=True, unmapped=gaps)
    page = enter(**PHONE)
    page.goto("/problems")
    button = page.locator(".problem .form-actions .btn-primary").last
    expect(button).to_be_attached()
    expect(button).not_to_be_in_viewport()
    button.scroll_into_view_if_needed()
    expect(button).to_be_in_viewport()


PAGES = (
    "/",
    "/orders?status=all",
    "/orders?status=all&q=nothing+at+all",
    "/orders/BIG-00",
    "/orders/new",
    "/orders/views",
    "/orders/columns",
    "/problems",
    "/activity",
    "/activity/runs",
    "/activity/schedules",
    "/activity/incoming",
    "/settings",
    "/settings/profile",
    "/settings/users",
    "/settings/registries/statuses",
    "/settings/integrations",
    "/settings/integrations/new/prom",
    "/settings/integrations/1",
    "/settings/integrations/1/mappings",
    "/settings/integrations/1/schedules",
    "/settings/integrations/1/log",
    "/nothing/here",
)


@pytest.mark.parametrize("device", [PHONE, {}], ids=["phone", "desk"])
def test_nothing_sticks_out(enter, visitors, device):
    page = enter(**device)
    for address in PAGES:
        page.goto(address)
        story.fits(page)
    visitors.forgive("/nothing/here")


def test_a_viewer_has_nothing_to_press(enter):
    page = enter(VIEWER)
    forms = "form[method=post]:not([action='/logout']):not([action='/language']):not([action^='/settings/profile'])"
    for address in PAGES:
        if address not in (
            "/orders/new",
            "/orders/views",
            "/orders/columns",
            "/settings/users",
            "/settings/integrations/new/prom",
            "/nothing/here",
        ):
            page.goto(address)
            found = page.locator(f"main {forms}, .top {forms}, main [hx-post]")
            visible = [
                each
                for each in found.all()
                if each.is_visible() and each.locator("button:visible:not(.visually-hidden)").count()
            ]
            shown = [each.get_attribute("action") or each.get_attribute("hx-post") for each in visible]
            assert shown == [], address


def test_a_viewer_arranges_the_own_list(enter):
    """Columns and views are each reader's own; what is everybody's has no buttons for a viewer."""
    page = enter(VIEWER)
    page.goto("/orders?status=all")
    page.locator(".list-tools a", has_text="Columns").click()
    page.locator("#drawer-body [name=columns][value=comment]").check()
    page.locator("#drawer-body .btn-primary").click()
    expect(page.locator("thead th", has_text="Comment")).to_be_visible()
    page.locator(".list-tools .tab-add").click()
    page.locator("#drawer-body [name=name]").first.fill("Моє")
    page.locator("#drawer-body .btn-primary").click()
    expect(page.locator(".tab-line a", has_text="Моє")).to_be_visible()


def test_dark_stays_dark(owner):
    owner.goto("/orders")
    theme = owner.locator("html").get_attribute("data-bs-theme")
    owner.locator("[data-theme-switch]").click()
    other = "light" if theme == "dark" else "dark"
    expect(owner.locator("html")).to_have_attribute("data-bs-theme", other)
    owner.goto("/problems")
    expect(owner.locator("html")).to_have_attribute("data-bs-theme", other)


def test_it_works_without_scripts(enter):
    page = enter(java_script_enabled=False)
    page.goto("/orders?status=all&q=D-07")
    page.locator("#rows [data-open]").first.click()
    page.locator("[name=city]").fill("Львів")
    page.locator("[data-save]").click()
    expect(page.locator("#toasts .toast-line")).to_be_visible()
    expect(page.locator("[name=city]")).to_have_value("Львів")
    page.goto("/orders?status=all&q=D-07")
    page.locator("#rows [data-check]").check()
    target = page.locator("#bulk button[name=to]").first
    story.menu(page, target)
    target.click()
    page.locator("main .form-actions .btn-primary").click()
    page.wait_for_url("**/orders/batch/**")


def test_texts_of_others_stay_texts(hub, owner):
    """Every page of a hub whose every text is an attack: no dialog, no report of the policy, no error."""
    with hub.inside() as app:
        seed(app, hub.sandbox.url)
        numbers = [f"/orders/key-{n}" for n in range(6)]
    for address in (*PAGES[:-1], *numbers, "/settings/integrations/2", "/settings/integrations/2/mappings",
                    "/activity?state=failed", "/settings/registries/sources"):  # fmt: skip
        owner.goto(address)
        assert owner.locator("main img[src=x], main script").count() == 0, address
    owner.goto("/orders?status=all")
    owner.locator("#rows .cell-menu summary").first.click()
    expect(owner.locator("#rows .cell-menu .menu-item").first).to_be_visible()
    owner.locator("#rows [data-check]").first.check()
    expect(owner.locator("[data-bulk-count]")).to_have_text("1")
