"""Files as people and attackers send them: read in bounded memory, or refused with the reason."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from orders import import_files
from orders.import_files import BadFile, Layout, look, rows

Write = Callable[[bytes | str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(content: bytes | str) -> Path:
        path = tmp_path / "file.in"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return written


def book(*given: list[Any], sheets: int = 1) -> bytes:
    found, out = openpyxl.Workbook(), io.BytesIO()
    for row in given:
        found.active.append(row)
    for n in range(1, sheets):
        found.create_sheet(f"more {n}")
    found.save(out)
    return out.getvalue()


def table(path: Path) -> list[tuple[int, list[str]]]:
    return list(rows(path, look(path)))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
def test_separator_and_encoding_are_found_out(write, separator, encoding) -> None:
    lines = [["№", "Ім'я, по батькові", "Ціна"], ["1", 'Олена "О"; Київ', "1,50"], ["", "", ""], ["3"]]
    out = io.StringIO()
    csv.writer(out, delimiter=separator).writerows(lines)
    path = write(out.getvalue().encode(encoding))
    layout = look(path)
    assert layout.separator == separator
    assert layout.headings == lines[0]
    assert list(rows(path, layout)) == [(2, lines[1]), (4, ["3", "", ""])]
    assert Layout(**layout.kept()) == layout


def test_cells_of_a_workbook_are_texts(write) -> None:
    at = datetime.fromisoformat("2026-11-21T21:06")
    content = book(
        ["Number", "When", "Day", "Sum", "Yes", "Phone", "Nothing"],
        [7, at, date(2026, 1, 2), 0.1 + 0.2, True, 380671112233.0, None],
        ["=1+1", "'x", "", 1250, False, "1e5", " y "],
        sheets=2,
    )
    path = write(content)
    layout = look(path)
    assert (layout.format, layout.sheet, layout.sheets) == ("xlsx", "Sheet", 2)
    first, second = (cells for _, cells in rows(path, layout))
    assert first == ["7", "21.11.2026 21:06:00", "02.01.2026 00:00:00", "0.3", "1", "380671112233", ""]
    assert second[1:] == ["'x", "", "1250", "0", "1e5", "y"]  # the formula was never computed


def test_text_that_looks_like_a_formula_is_text(write) -> None:
    found = openpyxl.Workbook()
    found.active.append(["Number"])
    found.active.append(["=cmd|'/c calc'!A1"])
    found.active["A2"].data_type = "s"
    out = io.BytesIO()
    found.save(out)
    assert table(write(out.getvalue())) == [(2, ["=cmd|'/c calc'!A1"])]


def bomb(name: str = "xl/worksheets/sheet1.xml") -> bytes:
    """A small archive that unpacks to more than anybody wants."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w", force_zip64=True) as part:
        for _ in range(import_files.UNPACKED // 2**20 + 1):
            part.write(b" " * 2**20)
    return out.getvalue()


def entities() -> bytes:
    """A workbook whose sheet refers to an entity that grows."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book(["Number"], ["1"]))) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith("sheet1.xml"):
                content = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + content
            new.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "empty"),
        ("\n\n", "no_headings"),
        ("\ufeff", "no_headings"),
        ("Number,Name\n", "header_only"),
        ("Number,Name\n,\n\n", "header_only"),
        (",,\n1,2,3\n", "header_only"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "not_a_table"),
        (b"Number,Name\n1,a\x00b\n", "not_a_table"),
        (b"Number\x01,Name\n1,a\n", "not_a_table"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old or encrypted", "old_excel"),
        (b"PK\x03\x04 nothing", "broken_workbook"),
        (b"Number\n\x98\xff\n", "encoding"),
        (book(), "no_headings"),
        (book(["Number"]), "header_only"),
        (book(["Number"], ["1"])[:-400], "broken_workbook"),
        (entities(), "broken_workbook"),
        ("a,b\n" + "x" * 200_000 + ",1\n", "cell_too_large"),
        ("a,b\n1," + ",".join("x" * 300) + "\n", "too_many_columns"),
        (book(["a"], ["1"] * 300), "too_many_columns"),
    ],
)
def test_what_is_no_table_is_refused(write, content, fault) -> None:
    with pytest.raises(BadFile, match=fault):
        look(write(content))


def test_an_archive_that_unpacks_to_a_lot_is_not_unpacked(write, monkeypatch) -> None:
    monkeypatch.setattr(import_files, "UNPACKED", 5 * 2**20)
    monkeypatch.setattr(import_files, "TEXTS", 2**20)
    for name in ("xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"):
        with pytest.raises(BadFile, match="unpacks_too_large"):
            look(write(bomb(name)))


def test_a_file_with_too_many_rows_says_so_where_it_ends(write, monkeypatch) -> None:
    monkeypatch.setattr(import_files, "ROWS", 3)
    path = write("a\n1\n2\n3\n")
    assert len(table(path)) == 3
    path = write("a\n1\n2\n3\n4\n")
    with pytest.raises(BadFile, match="too_many_rows"):
        table(path)


def test_an_unfinished_quotation_is_said_with_its_row(write) -> None:
    path = write('a,b\n1,2\n3,"' + "x\n" * 100_000)
    layout = Layout("csv", "utf-8", ",", headings=["a", "b"])
    with pytest.raises(BadFile, match="cell_too_large"):
        list(rows(path, layout))
