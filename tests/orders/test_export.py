"""What an exported file says, cell by cell, on both databases."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from models import db, utcnow
from orders import export_cells, export_rows, lists
from orders.export_columns import COLUMNS, DEFAULT_COLUMNS, grouped
from orders.export_files import File
from orders.export_options import Options, since
from orders.export_rows import Words

from . import build

KYIV = ZoneInfo("Europe/Kyiv")


def words() -> Words:
    return Words(str, KYIV, lists.read())


def written(*columns: str, **options: Any) -> tuple[bytes, File]:
    """A whole file, all orders in it."""
    asked = Options(**({"period": "all", "columns": columns or DEFAULT_COLUMNS} | options))
    said, out = words(), io.BytesIO()
    file = File(asked, said)
    for _batch in file.written(export_rows.read(asked, said), out):
        pass
    return out.getvalue(), file


def rows(*columns: str, **options: Any) -> list[list[str]]:
    """Of a CSV file, the headings left out; the oldest order first."""
    content = written(*columns, encoding="utf-8", **options)[0].decode()
    return list(csv.reader(io.StringIO(content, newline=""), delimiter=";"))[:0:-1]


def sheet(*columns: str, **options: Any) -> list[list[Any]]:
    """The cells of an XLSX file."""
    book = openpyxl.load_workbook(io.BytesIO(written(*columns, format="xlsx", **options)[0]))
    return [list(row) for row in book.worksheets[0].iter_rows()]


def test_every_column_of_an_order_can_be_written(db_session) -> None:
    build.make({"utm": {"utm_source": "google", "utm_medium": "cpc"}, "commission": None})
    for options in ({}, {"rows": "line"}):
        (found,) = rows(*COLUMNS, **options)
        cells = dict(zip(COLUMNS, found, strict=True))
        assert cells["utm"] == "utm_medium=cpc&utm_source=google"
        assert cells["commission"] == ""
        assert cells["line_sku"] == "CASE-1"
    assert {len(row) for row in sheet(*COLUMNS, rows="line")} == {len(COLUMNS)}


def test_money_time_and_names_are_as_people_read_them(db_session) -> None:
    at = datetime(2026, 7, 1, 21, 30, 45, tzinfo=UTC)  # summer: three hours ahead of UTC
    order = {"total": Decimal("1250.05"), "discount": Decimal("0.50"), "created_at": at, "paid": True}
    build.make(order | {"last_name": "Онищенко", "first_name": "Ірина"})
    columns = ("created_at", "total", "discount", "paid", "status", "recipient", "cod", "weight")
    assert rows(*columns) == [["02.07.2026 00:30", "1250,05", "0,50", "Yes", "New", "Онищенко Ірина", "No", "0"]]
    assert rows("total", decimal="point") == [["1250.05"]]
    typed = [cell.value for cell in sheet("created_at", "total", "number")[1]]
    assert typed == [datetime.fromisoformat("2026-07-02T00:30:45"), 1250.05, "N-1"]


def test_a_negative_sum_keeps_its_sign() -> None:
    text = export_cells.Text(",", KYIV, "Yes", "No")
    assert list(text.money([-5, 0, 99, 100, None])) == ["-0,05", "0,00", "0,99", "1,00", ""]


def test_a_zone_with_half_hours_is_told_right() -> None:
    text = export_cells.Text(",", ZoneInfo("Asia/Kolkata"), "Yes", "No")
    assert list(text.times(["2026-11-21 19:06:07.5", None])) == ["22.11.2026 00:36", ""]


@pytest.mark.parametrize("risky", ["=1+1", "@SUM(A1)", "+380 50", "-1+1", "\t=1", "\r=1", "\n=1", "＝1", "-"])
def test_no_text_is_run_as_a_formula(db_session, risky) -> None:
    line = {"sku": risky, "name": risky, "price": Decimal(1)}
    build.make({"first_name": risky, "staff_comment": risky}, lines=[line])
    columns = ("first_name", "recipient", "staff_comment", "line_sku", "line_name")
    for kind in ("order", "line"):
        ((*_most, name),) = found = rows(*columns, rows=kind)
        assert name == "'" + risky
        assert all(cell.startswith("'") for cell in found[0] if cell), found
        for cell in sheet(*columns, rows=kind)[1]:
            assert cell.data_type == "s"


@pytest.mark.parametrize("plain", ["+380501112233", "-12", "-12,50", "+7.5", "Олена", "", "a=1"])
def test_numbers_and_words_stay_as_they_are(plain) -> None:
    assert list(export_cells.harmless([plain])) == [plain]
    assert list(export_cells.harmless([plain, "=1"])) == [plain, "'=1"]


def test_a_phone_with_two_pluses_is_no_number() -> None:
    assert list(export_cells.harmless(["+1+2", "345"])) == ["'+1+2", "345"]


def test_products_share_a_cell_or_have_a_row_each(db_session) -> None:
    lines = [
        {"sku": "A", "name": "Чашка", "quantity": Decimal("1.5"), "price": Decimal("10.25")},
        {"sku": "B", "name": "Ваза", "quantity": Decimal(2), "price": Decimal(5), "discount": Decimal(1)},
    ]
    build.make({"number": "N-1"}, lines=lines)
    build.make({"number": "N-2"}, lines=[])
    columns = ("number", "line_position", "line_sku", "line_quantity", "line_total")
    assert rows(*columns) == [["N-1", "1; 2", "A; B", "1,5; 2", "15,38; 9,00"], ["N-2", "", "", "", ""]]
    assert sorted(rows(*columns, rows="line")) == [
        ["N-1", "1", "A", "1,5", "15,38"],
        ["N-1", "2", "B", "2", "9,00"],
        ["N-2", "", "", "", ""],
    ]
    assert len(rows("number", rows="line")) == 2  # no column of a product: an order a row


def test_separator_encoding_and_mark(db_session) -> None:
    build.make({"first_name": "Їжак; «ґ»"})
    content, file = written("number", "first_name", separator="comma")
    assert content == "\ufeffNumber,First name\r\nN-1,Їжак; «ґ»\r\n".encode()
    assert written("number", separator="tab", encoding="utf-8")[0] == b"Number\r\nN-1\r\n"
    content, file = written("first_name", encoding="cp1251")
    assert content.decode("cp1251") == 'First name\r\n"Їжак; «ґ»"\r\n'
    assert file.replaced == 0


def test_letters_that_cp1251_lacks_are_replaced_and_said(db_session) -> None:
    build.make({"number": "N-1", "first_name": "Lukáš"}, {"number": "N-2", "first_name": "Олена 👍", "city": "Śląsk"})
    build.make({"number": "N-3", "first_name": "Марʼяна"}, {"number": "N-4", "first_name": "Пётр"})
    content, file = written("number", "first_name", "city", encoding="cp1251")
    assert content.decode("cp1251").splitlines()[1:] == [
        "N-4;Пётр;", "N-3;Мар'яна;", "N-2;Олена ?;Slask", "N-1;Lukas;"
    ]  # fmt: skip
    assert file.replaced == 4
    assert set(file.replaced_in) == {"N-1", "N-2", "N-3"}


def test_the_orders_asked_for(db_session) -> None:
    first, second, third = build.make({"paid": True}, {}, {"created_at": datetime(2020, 1, 1, tzinfo=UTC)})
    assert [row[0] for row in rows("number", paid="yes")] == ["N-1"]
    assert [row[0] for row in rows("number", period="month")] == ["N-1", "N-2"]
    assert [row[0] for row in rows("number", scope="ids", ids=(third, first))] == ["N-1", "N-3"]
    assert [row[0] for row in rows("number", scope="view", view="q=N-2")] == ["N-2"]
    assert [row[0] for row in rows("number", scope="view", view="sort=old")] == ["N-3", "N-2", "N-1"]
    cancelled = build.status("cancelled").id
    assert rows("number", status=cancelled) == []
    for asked, n in (({"scope": "ids", "ids": (second,)}, 1), ({"scope": "view", "view": "q=N-2"}, 1),
                     ({"paid": "yes"}, 1), ({"period": "all"}, 3), ({"status": cancelled}, 0)):  # fmt: skip
        assert export_rows.count(Options(**({"period": "all"} | asked)), words()) == n


def test_type_and_payment_narrow_the_file(db_session) -> None:
    kinds = ("cod_cash", "cod_card", "online_card", "transfer")
    build.make(*({"number": kind, "payment_kind": kind, "type_id": n % 2 + 1} for n, kind in enumerate(kinds)))
    build.make({"number": "year", "created_at": utcnow() - timedelta(days=200)})

    def found(**asked) -> set[str]:
        return {row[0] for row in rows("number", **asked)}

    assert found(payment="cash") == {"cod_cash"}
    assert found(payment="card") == {"cod_card", "online_card"}
    assert found(payment="prepaid", period="month") == {"online_card", "transfer"}
    assert found(type=1, period="month") == {"cod_cash", "online_card"}
    assert found(type=2, payment="card", paid="no") == {"cod_card"}
    assert "year" in found(period="year") - found(period="3months")


def test_several_batches_are_one_file(db_session, monkeypatch) -> None:
    monkeypatch.setattr(export_rows, "BATCH", 3)
    build.make(*({} for _ in range(7)))
    numbers = [f"N-{n}" for n in range(1, 8)]
    assert [row[0] for row in rows("number")] == numbers
    assert [row[0] for row in rows("number", scope="view", view="q=N-")] == numbers
    assert [row[0] for row in rows("number", rows="line")] == numbers


def test_copies_in_other_systems_are_named(db_session) -> None:
    (order,) = build.make({})
    build.link(order, build.connection(name="CRM").id, external_number="1042")
    assert rows("copies") == [["CRM 1042"]]


def test_a_workbook_takes_more_rows_than_a_sheet(db_session, monkeypatch) -> None:
    monkeypatch.setattr("orders.export_files.SHEET_ROWS", 3)
    build.make({}, {}, {"first_name": "a\x01b"})
    book = openpyxl.load_workbook(io.BytesIO(written("number", "first_name", format="xlsx")[0]))
    assert [[row[0].value for row in one.iter_rows()] for one in book.worksheets] == [
        ["Number", "N-3", "N-2"], ["Number", "N-1"]
    ]  # fmt: skip
    assert book.worksheets[0]["B2"].value == "ab"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_reading_takes_no_write_lock(db_session) -> None:
    build.make({})
    db.session.rollback()
    for _batch in export_rows.read(Options(period="all"), words()):
        with db.engine.connect() as other:
            other.execute(db.text("UPDATE orders SET city = 'Київ'"))
            other.commit()


def test_periods_end_today() -> None:
    assert since("month", date(2026, 3, 31)) == date(2026, 2, 28)
    assert since("3months", date(2026, 1, 15)) == date(2025, 10, 15)
    assert since("year", date(2028, 2, 29)) == date(2027, 2, 28)
    assert since("all", date(2026, 1, 1)) is None


def test_options_that_cannot_be_read_are_as_before() -> None:
    found = Options.read(
        {"format": "exe", "separator": "x", "type": "1e9", "ids": "1,x,2,2", "columns": ["zip", "city"]}
    )
    assert (found.format, found.separator, found.type, found.ids, found.columns) == (
        "csv", "semicolon", None, (1, 2), ("city",)
    )  # fmt: skip
    assert Options.read(found.kept()) == found
    assert Options.read({"columns": []}).columns == ()
    assert Options.for_language("en").separator == "comma"


def test_every_column_has_a_group_and_is_offered_until_chosen() -> None:
    offered = [column.key for _, columns in grouped(("number",)) for column in columns]
    assert len(offered) == len(COLUMNS) - 1
    assert grouped(tuple(COLUMNS)) == []
