"""The form of docs/order-form on a site of its own: the owner makes its address, a customer without JavaScript orders,
the order is in the list, and a webhook is tried by the worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import expect

from models import db
from orders import placing
from tests.test_processes import ROOT

from . import story
from .hub import Hub

pytestmark = pytest.mark.browser
FORM = Path(ROOT) / "docs" / "order-form" / "form.html"


class _Site(BaseHTTPRequestHandler):
    """The shop's own site: the form, and the page after the order."""

    action = ""

    def do_GET(self) -> None:
        page = FORM.read_text().replace("https://hub.example/forms/perron_YOUR-FORM-TOKEN", self.action)
        body = (page if self.path == "/" else "<title>Дякуємо</title><h1>Дякуємо</h1>").encode()
        self.send_response(200 if self.path in ("/", "/thanks") else 204)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def hub(start_hub) -> Iterator[Hub]:
    with start_hub("sqlite") as running:
        with running.inside():
            placing.put_product("CUP-1", {"name": "Чашка", "price": Decimal("125.50")})
            db.session.commit()
        yield running


def test_a_customer_orders_without_javascript(hub, visitors, site):
    owner = visitors.new(hub.url)
    story.login(owner)
    owner.goto("/settings/webhooks")
    owner.locator("[name=url]").fill("http://127.0.0.1:9/hook")
    owner.get_by_role("button", name="Add", exact=True).click()
    expect(owner.locator(".notice code")).to_contain_text("whsec_")

    owner.goto("/settings/api")
    owner.locator("summary", has_text="Order form on a page").click()
    form = owner.locator("form[action$='/forms']")
    form.locator("[name=name]").fill("Landing")
    form.locator("[name=origin]").fill(site)
    form.locator("[name=return_url]").fill(f"{site}/thanks")
    form.get_by_role("button").last.click()
    _Site.action = owner.locator(".notice code").inner_text()
    assert _Site.action.startswith(hub.url + "/forms/perron_")

    customer = visitors.new(site, java_script_enabled=False, viewport={"width": 390, "height": 844}, locale="uk-UA")
    customer.goto("/")
    customer.locator("[name=quantity]").fill("2")
    customer.locator("[name=name]").fill("Шевченко Олена")
    customer.locator("[name=phone]").fill("050 111 22 33")
    customer.locator("[name=city]").fill("Київ")
    customer.locator("button").click()
    expect(customer.locator("h1")).to_have_text("Дякуємо")

    owner.goto("/orders")
    expect(owner.locator("#rows [data-row]")).to_have_count(1)
    expect(owner.locator("#rows [data-row]")).to_contain_text("Шевченко Олена")
    expect(owner.locator("#rows .cell-sum")).to_contain_text("251.00")

    def tried() -> bool:
        owner.goto("/settings/webhooks/1")
        return owner.get_by_text("Tries again").count() == 1

    for _ in range(40):
        if tried():
            break
        owner.wait_for_timeout(500)
    expect(owner.locator("tbody [data-row]")).to_contain_text("blocked")
