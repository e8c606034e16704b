"""What a manager does in a day, as steps. Nothing here depends on the language of the page."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from .hub import EMAIL, PASSWORD, Hub

TRANSFERRED, PROBLEM = ".cell-status .pill.c-green", ".cell-status .pill.c-red"
TOKEN = "sandbox-token"


def login(page: Page, language: str = "", email: str = EMAIL, password: str = PASSWORD) -> None:
    """Sign in, then choose the language as people do: in the menu at the top."""
    page.goto("/login")
    page.locator("[name=email]").fill(email)
    page.locator("[name=password]").fill(password)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url("**/")
    if language:
        speak(page, language)


def speak(page: Page, language: str) -> None:
    choice = page.locator(f".top button[name=lang][value={language}]")
    menu(page, choice)
    choice.click()
    expect(page.locator("html")).to_have_attribute("lang", language)


def menu(page: Page, entry: Locator) -> None:
    """Open the menu that holds the entry."""
    entry.locator("xpath=ancestor::details[1]/summary").click()
    expect(entry).to_be_visible()


def settled(page: Page) -> None:
    """What was asked for has come, and is wired up: htmx does so a moment after it is shown, too soon for people."""
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)


def connect(page: Page, kind: str, api_url: str, fields: dict[str, str], secret: str) -> int:
    """Connect a system by its form: a wrong key is explained by the test, the right one is saved. Returns the id.
    What is typed, the key too, is typed once."""
    page.goto("/settings/integrations")
    page.locator(f"a[href$='/new/{kind}']").click()
    expect(page.locator("[name=api_url]")).to_be_attached()
    advanced = page.locator("form details:has([name=api_url]):not([open]) > summary")
    if advanced.count():
        advanced.click()
    for name, value in {"api_url": api_url, **fields, secret: "a wrong one"}.items():
        page.locator(f"[name={name}]").fill(value)
    page.locator("button[name=do][value=test]").click()
    expect(page.locator("main .notice.is-bad")).to_be_visible()
    expect(page.locator("[name=api_url]")).to_have_value(api_url)
    page.locator(f"[name={secret}]").fill(TOKEN)
    page.locator("button[name=do][value=test]").click()
    expect(page.locator("main .notice.is-ok")).to_be_visible()
    page.locator("button[name=do][value=save]").click()
    page.wait_for_url(re.compile(r"/integrations/\d+/mappings"))
    return int(page.url.split("/integrations/")[1].split("/")[0])


def accept_mappings(page: Page) -> None:
    """Take every suggestion once the lists are there, leave the rest empty on purpose; then all is covered."""
    expect(page.locator("#mappings:not([hx-get]) .map-list")).to_be_visible()
    tabs = page.locator("#mappings .tab-line a")
    for position in range(tabs.count()):
        tabs.nth(position).click()
        expect(tabs.nth(position)).to_have_attribute("aria-current", "page")
        accept = page.locator("#mappings form[action$='/accept'] button")
        before = covered(page)
        if accept.count():
            accept.click()
            expect(accept).to_have_count(0)
            assert covered(page) > before
        leave_the_rest(page)


def leave_the_rest(page: Page) -> None:
    choices = page.locator(".map-list select[name^='to:']")
    empty = [i for i, value in enumerate(choices.evaluate_all("all => all.map(one => one.value)")) if not value]
    for position in empty:
        choices.nth(position).select_option(index=1)
    if empty:
        page.locator("#mappings form[data-guard] .form-actions .btn-primary").click()
        expect(page.locator("#toasts .toast-line")).to_be_visible()
    assert covered(page) == choices.count()


def covered(page: Page) -> float:
    return float(page.locator("#mappings meter").first.get_attribute("value") or 0)


def connect_both(page: Page, hub: Hub) -> None:
    connect(page, "prom", f"{hub.sandbox.url}/prom", {}, "token")
    accept_mappings(page)
    connect(page, "retailcrm", f"{hub.sandbox.url}/retailcrm", {"site": "shop-1"}, "api_key")
    accept_mappings(page)


def pull(page: Page, hub: Hub, n: int) -> None:
    """Have n orders at the source, fetch them by hand, and see them come into the open list."""
    page.goto("/orders")
    for _ in range(n):
        hub.sandbox.vendor("prom").new_order(TOKEN)
    source = page.locator("button[name=source]").first
    menu(page, source)
    source.click()
    expect(page.locator("#toasts .toast-line")).to_be_visible()
    show_news(page, n)


def show_news(page: Page, n: int) -> None:
    """The bar that says how many have come since; the list moves only when it is pressed."""
    news = page.locator("#news .new-rows")
    expect(news).to_contain_text(str(n))
    news.click()
    expect(page.locator("#rows [data-row]")).to_have_count(n)


def stay(page: Page) -> None:
    """Mark the page, so that `stayed` can tell whether it was loaded anew."""
    page.evaluate("window.stayed = true")


def stayed(page: Page) -> None:
    assert page.evaluate("window.stayed === true"), "the page was loaded anew"


def row(page: Page, order_id: str) -> Locator:
    return page.locator(f"#order-{order_id}")


def edit(page: Page, number: str) -> None:
    """Change a name and the quantity of the first line; sums follow at once, and the history tells."""
    page.goto(f"/orders/{number}")
    total = page.locator("#sums .is-total dd")
    before = total.inner_text()
    page.locator("[name=last_name]").fill("Перевірена")
    page.locator("[name=lines-0-quantity]").fill("7")
    page.locator("[name=lines-0-quantity]").press("Tab")
    expect(total).not_to_have_text(before)
    page.locator("[data-save]").click()
    expect(page.locator("#toasts .toast-line")).to_be_visible()
    expect(page.locator("[name=last_name]")).to_have_value("Перевірена")
    expect(page.locator("[name=lines-0-quantity]")).to_have_value("7")
    expect(page.locator("#history .change ins").filter(has_text="Перевірена")).to_be_visible()


def choose(page: Page, n: int, *, touch: bool) -> list[str]:
    """Choose the first n rows: by keys, or on the phone by a long press and taps. Returns the ids of the orders."""
    rows = page.locator("#rows [data-row]")
    ids = [rows.nth(i).get_attribute("data-id") or "" for i in range(n)]
    if touch:
        long_press(page, rows.first)
        for i in range(1, n):
            rows.nth(i).locator(".cell-sum").tap()
    else:
        page.keyboard.press("j")
        page.keyboard.press("x")
        for _ in range(n - 1):
            page.keyboard.press("j")
        page.keyboard.press("Shift+X")
    expect(page.locator("[data-bulk-count]")).to_have_text(str(n))
    return ids


def long_press(page: Page, element: Locator) -> None:
    element.scroll_into_view_if_needed()
    box = element.bounding_box()
    assert box
    touch = page.context.new_cdp_session(page)
    point: Any = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
    expect(page.locator(".list.is-picking")).to_be_visible()
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    touch.detach()


def send_chosen(page: Page, n: int, *, touch: bool) -> None:
    """Look at what would happen, do it, watch it to its end, close the drawer."""
    target = page.locator("#bulk button[name=to]").first
    if touch:
        menu(page, target)
    else:
        page.keyboard.press("s")
    target.click()
    drawer = page.locator("#drawer-body")
    expect(drawer.locator(".group:has([value=create]) .group-head b")).to_have_text(str(n))
    drawer.locator(".form-actions .btn-primary").click()
    expect(drawer.locator(f"progress[value='{n}'][max='{n}']")).to_be_visible()
    drawer.locator("[data-drawer-close]").first.click()
    expect(page.locator("#drawer")).to_be_hidden()
    page.locator("[data-bulk-clear]").click()
    expect(page.locator("[data-bulk-bar].is-on")).to_have_count(0)


def send_one(page: Page, order_id: str) -> None:
    """By the menu of the row."""
    entry = row(page, order_id).locator(".cell-menu button[name=to]")
    row(page, order_id).locator(".cell-menu summary").click()
    entry.click()


def fits(page: Page) -> None:
    """Nothing sticks out at the right."""
    wide = page.evaluate("document.scrollingElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{page.url} is {wide} px too wide"


def copied(page: Page, text: str) -> None:
    """Wait until the clipboard holds this: whoever copies goes on before it is there."""
    page.wait_for_function("async (text) => (await navigator.clipboard.readText()) === text", arg=text)
