"""Import as a person does it: a file, its columns, each row's fate, the import, and the list of what came."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from . import story
from .hub import Hub
from .test_story import PHONE

pytestmark = pytest.mark.browser

FILE = """Order number;ПІБ;Телефон;Товар;Кількість;Ціна;Статус;Колір
{n}01;Коваль Олена Іванівна;0671112233;Чохол;2;150,50;Новий;червоний
{n}01;Коваль Олена Іванівна;0671112233;Плівка;1;99;Новий;
{n}02;Бондар Ігор;0501112233;Чохол;1;150,50;Підтверджений;
{n}03;Мельник Ольга;12;Чохол;1;150,50;Незнайомий;
"""


@pytest.fixture(scope="module")
def hub(start_hub) -> Iterator[Hub]:
    with start_hub("sqlite") as running:
        yield running


@pytest.mark.parametrize(("n", "options"), [("8", {}), ("9", PHONE)], ids=["desktop", "phone"])
def test_from_the_file_to_the_list(hub, visitors, tmp_path, n: str, options: dict[str, Any]) -> None:
    page: Page = visitors.new(hub.url, **options)
    story.login(page)
    expect(page.locator("main")).to_be_visible()
    page.goto("/orders?status=all")
    page.click("a[href='/orders/import']")
    file = tmp_path / "замовлення.csv"
    file.write_text(FILE.format(n=n), encoding="cp1251")
    page.set_input_files("[name=file]", file)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text("CSV, CP1251, columns separated by semicolon")).to_be_visible()
    expect(page.get_by_label("Колір")).to_have_value("")
    expect(page.get_by_label("ПІБ")).to_have_value("recipient")
    page.get_by_role("button", name="Try every row").click()
    expect(page.get_by_text("Columns that are not taken: Колір")).to_be_visible()
    page.get_by_role("link", name="refused 1").click()
    expect(page.get_by_text("the hub knows no “Незнайомий”")).to_be_visible()
    expect(page.locator(".import-rows tbody tr")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="Refused rows (CSV)").click()
    assert "“12” is no phone of UA" in download.value.path().read_text(encoding="utf-8-sig")
    page.get_by_role("button", name="Import the 2 that are fine").click()
    page.get_by_role("link", name="Show the 2 orders").click()
    expect(page.locator("tr[data-row]")).to_have_count(2)
    expect(page.locator(".chip", has_text="замовлення.csv")).to_be_visible()
    page.get_by_role("link", name=f"{n}01", exact=True).click()
    expect(page.get_by_text("order imported from the file замовлення.csv")).to_be_visible()
