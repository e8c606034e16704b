"""`make screenshots`: the README's pictures, taken in Chromium from a demo that runs for nothing else.

Pages are shown as a shop would have them: orders coming in, some sent, some refused by the CRM with its reason.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from integrations import connectors
from integrations.sandbox import discover

from .demo import EMAIL
from .processes import free_port

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "screenshots"
LANGUAGES = ("uk", "en")
DESK: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
QUALITY = 80
LARGEST = 250 * 1024
#: orders of the past weeks; how many of the new ones are sent, and how many fail
PAST, SENT, FAILED = 8000, 20, 6
PATIENCE = 240


@dataclass
class Demo:
    """A running demo and the login to it."""

    url: str
    password: str
    sandbox_url: str

    def control(self, path: str, /, **body: Any) -> None:
        """Tell a sandbox vendor what to do."""
        httpx.post(f"{self.sandbox_url}/_control/{path}", json=body, timeout=30).raise_for_status()


@contextmanager
def demo() -> Iterator[Demo]:
    """`python app.py --demo` on a port and a folder of its own, both gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="perron-screenshots-"))
    port = free_port()
    env = os.environ | {"DATA_DIR": str(folder), "PORT": str(port), "WEB_WORKERS": "1", "LOG_LEVEL": "ERROR"}
    for command in (["prepare"], ["orders", "fill", str(PAST)]):
        flask = [sys.executable, "-m", "flask", "--app", "app"]
        subprocess.run([*flask, *command], cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own
    process = subprocess.Popen([sys.executable, "app.py", "--demo"], cwd=ROOT, env=env)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: is_ready(url), "the demo is ready")
        wait_until((folder / "sandbox.port").exists, "the sandboxes run")
        sandbox_url = f"http://127.0.0.1:{(folder / 'sandbox.port').read_text()}"
        yield Demo(url, (folder / "demo.password").read_text().strip(), sandbox_url)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def wait_until(condition: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"not within {PATIENCE} s: {what}")
        time.sleep(0.3)


def login(browser: Browser, hub: Demo) -> Any:
    """What a profile keeps of it. Once for all pictures: who signs in many times a minute is told to wait."""
    with browser.new_context(base_url=hub.url) as context:
        context.set_default_timeout(PATIENCE * 1000)
        page = context.new_page()
        page.goto("/login")
        page.locator("[name=email]").fill(EMAIL)
        page.locator("[name=password]").fill(hub.password)
        page.locator("[name=password]").press("Enter")
        page.wait_for_url(re.compile("/$"))
        return context.storage_state()


def open_page(browser: Browser, hub: Demo, signed_in: Any, language: str, theme: str = "light", **device: Any) -> Page:
    """A page of a new profile in this language."""
    options: dict[str, Any] = {"color_scheme": theme, "timezone_id": "Europe/Kyiv", "storage_state": signed_in}
    context = browser.new_context(base_url=hub.url, **options, **device)
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    page.goto("/")
    if page.locator(f"html[lang={language}]").count():
        return page
    choice = page.locator(f".top button[name=lang][value={language}]")
    choice.locator("xpath=ancestor::details[1]/summary").click()
    choice.click()
    page.locator(f"html[lang={language}]").wait_for()
    return page


def live(page: Page, hub: Demo) -> None:
    """What happens in the shop before the pictures: orders come, some are sent, a few are refused."""
    rows = page.locator("#rows [data-row]")
    wait_until(lambda: page.goto("/orders?status=new") and rows.count() > SENT + FAILED, "orders are there")
    for key, vendor in discover().items():
        if "emit" in vendor.controls:
            hub.control(f"{key}/emit", every=None)
    crm = first_destination(page)
    send(page, SENT)
    total = page.locator("#drawer progress").get_attribute("max")
    page.locator(f"#drawer progress[value='{total}']").wait_for()
    hub.control(f"{crm}/faults", kind="refuse", times=0, path="order")
    page.goto("/orders?status=new")
    send(page, FAILED)
    page.locator("#drawer table a").first.wait_for()
    hub.control(f"{crm}/faults", kind="none")


def first_destination(page: Page) -> str:
    """The key of the vendor that `preview` chooses; a demo's connections are called like their vendors."""
    name = (page.locator("#bulk button[name=to]").first.text_content() or "").strip()
    return next(key for key, kind in connectors().items() if kind.title == name)


def send(page: Page, n: int) -> None:
    preview(page, n)
    page.locator("#drawer-body .form-actions .btn-primary").click()
    page.locator("#drawer #batch").wait_for()


def preview(page: Page, n: int) -> None:
    """Choose n orders and open what sending them would do."""
    for _ in range(n):
        page.keyboard.press("j")
        page.keyboard.press("x")
    page.keyboard.press("s")
    page.locator("#bulk button[name=to]").first.click()
    page.locator("#drawer-body .form-actions .btn-primary").wait_for()


def take(page: Page, name: str) -> None:
    """A picture of what the window shows, small enough for a README."""
    page.mouse.move(0, 0)
    page.evaluate("document.fonts.ready")
    page.wait_for_load_state("networkidle")
    path = FOLDER / f"{name}.webp"
    chromium = page.context.new_cdp_session(page)  # Playwright itself writes PNG, three times as large
    picture = chromium.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    path.write_bytes(base64.b64decode(picture["data"]))
    chromium.detach()
    size = path.stat().st_size
    print(f"{path.relative_to(ROOT)}: {size / 1024:.0f} KB{' - TOO LARGE' if size > LARGEST else ''}")


def desk(page: Page, language: str) -> None:
    for name, address in (("orders", "/orders?status=all"), ("problems", "/problems"), ("dashboard", "/")):
        page.goto(address)
        take(page, f"{name}.{language}")
    page.goto("/settings/integrations")
    page.locator("#connected .cell-title a").first.click()
    page.locator("a[href$='/mappings']").first.click()
    page.locator("a[href$='/mappings/delivery_in']").first.click()
    take(page, f"mappings.{language}")
    page.goto("/orders?group=transferred")
    page.goto(page.locator("#rows [data-open]").nth(1).get_attribute("href") or "/orders")
    take(page, f"card.{language}")
    page.goto("/orders?status=all")
    preview(page, 30)
    take(page, f"preview.{language}")


def all_pictures(browser: Browser, hub: Demo) -> None:
    signed_in = login(browser, hub)
    live(open_page(browser, hub, signed_in, "en", **DESK), hub)
    for language in LANGUAGES:
        desk(open_page(browser, hub, signed_in, language, **DESK), language)
        for name, theme, device in (("dark", "dark", DESK), ("phone", "light", PHONE)):
            page = open_page(browser, hub, signed_in, language, theme, **device)
            page.goto("/orders?status=all")
            take(page, f"{name}.{language}")


def main() -> int:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        print("Chromium is needed. On Debian: apt install chromium; on Ubuntu: snap install chromium", file=sys.stderr)
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    with demo() as hub, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            all_pictures(browser, hub)
        finally:
            browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
