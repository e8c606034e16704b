"""Chromium, and a hub for it to visit. What a page complains about in its console fails the test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from integrations.sandbox import SandboxServer
from tests import servers

from . import hub as hubs

#: Without a graphics card to help, drawing by its means takes three times the processor time of drawing without.
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
#: A shared machine may be busy; a condition that comes true ends the wait at once.
PATIENCE_MS = 20_000
#: htmx writes an error when a page is left, or a newer request replaces one, while an answer is on its way
HARMLESS = ("htmx:afterRequest", "htmx:sendAbort")
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.fail("These tests need Chromium. On Debian: apt install chromium; on Ubuntu: snap install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def prepared_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a hub as its first start leaves it, with the owner."""
    folder = tmp_path_factory.mktemp("prepared")
    hubs.prepare(hubs.environment(folder, f"sqlite:///{folder / 'hub.sqlite3'}", "", "", 0), folder.with_suffix(".log"))
    return folder


@pytest.fixture(scope="session")
def prepared_postgres(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The address of the same on PostgreSQL, and its folder with the keys."""
    folder = tmp_path_factory.mktemp("prepared")
    url = servers.create_database(postgres_server, "hub_browser")
    hubs.prepare(hubs.environment(folder, url, "", "", 0), folder.with_suffix(".log"))
    return url, folder


@pytest.fixture(scope="session")
def start_hub(
    request: pytest.FixtureRequest, valkey_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Any]:
    """start_hub("sqlite" | "postgresql") -> context manager of a hub that is as new. One at a time: one broker."""

    def start(database: str) -> Any:
        folder = tmp_path_factory.mktemp("hub") / "data"
        if database == "sqlite":
            shutil.copytree(request.getfixturevalue("prepared_sqlite"), folder)
            url = f"sqlite:///{folder / 'hub.sqlite3'}"
        else:
            url, prepared = request.getfixturevalue("prepared_postgres")
            shutil.copytree(prepared, folder)
        with redis.Redis.from_url(valkey_url) as broker:
            broker.flushall()
        return HubWithVendors(folder, url, valkey_url)

    return start


class HubWithVendors:
    """A hub and its sandboxes, one inside the other."""

    def __init__(self, folder: Path, database_url: str, redis_url: str) -> None:
        self.sandbox = SandboxServer(
            ("prom", "retailcrm", "shiptor", "nova_poshta", "telegram", "liqpay", "price_list", "keycrm")
        )
        self.env = hubs.environment(folder, database_url, redis_url, self.sandbox.url, servers.free_port())
        self.running = hubs.running(self.env, self.sandbox, folder.parent / "log")

    def __enter__(self) -> hubs.Hub:
        self.sandbox.start()
        try:
            return self.running.__enter__()
        except BaseException:
            self.sandbox.stop()
            raise

    def __exit__(self, *error: Any) -> None:
        try:
            self.running.__exit__(*error)
        finally:
            self.sandbox.stop()


class Visitors:
    """Browser profiles, and everything their pages complained about."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.contexts: list[BrowserContext] = []
        self.complaints: list[str] = []

    def new(self, url: str, **options: Any) -> Page:
        """A page of a new profile; options as Playwright's new_context takes them."""
        given = {"viewport": {"width": 1440, "height": 900}, "locale": "en-GB", "timezone_id": "Europe/Kyiv"}
        context = self.browser.new_context(base_url=url, **(given | options))
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(
            "document.addEventListener('securitypolicyviolation', (event) =>"
            " console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`))"
        )
        context.on("page", self._listen)
        self.contexts.append(context)
        return context.new_page()

    def forgive(self, part: str) -> None:
        """Drop complaints that the test itself has caused, such as the browser's word on an answer of 404."""
        self.complaints[:] = [text for text in self.complaints if part not in text]

    def _listen(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", self._hear)
        page.on("dialog", self._refuse)

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(HARMLESS):
            self.complaints.append(f"{message.location.get('url')}: {message.text}")

    def _refuse(self, dialog: Any) -> None:
        if dialog.type != "beforeunload":
            self.complaints.append(f"a dialog of the page: {dialog.message}")
        dialog.accept()


@pytest.fixture
def visitors(chromium: Browser) -> Iterator[Visitors]:
    found = Visitors(chromium)
    yield found
    for context in found.contexts:
        context.close()
    assert found.complaints == []
