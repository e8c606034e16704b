"""A system whose settings are chosen from its own lists: connected, set up, its mapping tried before it is saved."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from models import Connection, Mapping, db

from ..jobs.conftest import make_orders
from . import story
from .hub import Hub

pytestmark = pytest.mark.browser


@pytest.fixture
def hub(start_hub) -> Iterator[Hub]:
    with start_hub("sqlite") as running:
        with running.inside():
            make_orders(3)
        yield running


def test_connected_set_up_and_tried(hub: Hub, visitors) -> None:
    page = visitors.new(hub.url)
    story.login(page)
    page.goto("/settings/integrations/new/keycrm")
    expect(page.get_by_label("Source")).to_have_count(0)
    page.get_by_label("API key").fill("sandbox-token")
    page.get_by_text("Advanced").click()
    page.get_by_label("API address").fill(f"{hub.sandbox.url}/keycrm")
    page.get_by_role("button", name="Connect", exact=True).click()
    # the lists come by themselves
    expect(page.get_by_label("Source").locator("option", has_text="Перон, інтернет-магазин")).to_be_attached()
    expect(page.get_by_role("button", name="Refresh lists")).to_be_visible()
    page.get_by_label("How orders are sent").select_option("cards")
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("Choose the source that the orders come from.")).to_be_visible()
    page.get_by_label("Source").select_option("7")
    page.get_by_label("Pipeline", exact=True).select_option("2")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_label("Source")).to_have_value("7")
    page.get_by_role("button", name="Refresh lists").wait_for()

    page.goto("/settings/integrations/1/mappings/status_out")
    new = page.get_by_role("combobox", name="New", exact=True)
    expect(new.locator("option", has_text="Новий · Лендінги")).to_be_attached()
    new.select_option("")
    page.get_by_role("button", name="Try on last week’s orders").click()
    expect(page.locator("#tried")).to_contain_text("3 orders without a mapping")
    new.select_option(label="Новий · Лендінги")
    page.get_by_role("button", name="Try on last week’s orders").click()
    expect(page.locator("#tried")).to_contain_text(re.compile(r"3 orders of the last seven days\s+covered: 3"))
    with hub.inside():
        assert db.session.scalar(db.select(db.func.count(Mapping.id))) == 0
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved.").first).to_be_visible()
    with hub.inside():
        assert db.session.scalars(db.select(Mapping.theirs).where(Mapping.theirs != "")).first() == "card-11"
        assert db.session.scalars(db.select(Connection)).one().settings["pipeline_id"] == "2"
