"""Reads a table out of a file that somebody uploaded: CSV in the usual forms, or an XLSX workbook, row by row.

What the file is is told by its content, not by its name. Every cell becomes text; nothing is computed or run.
"""

from __future__ import annotations

import codecs
import csv
import zipfile
import zlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import IO, Any

import openpyxl

#: of a file, in bytes; of a table
LARGEST = 64_000_000
ROWS = 100_000
COLUMNS = 200
#: bytes that the parts of a workbook may unpack to, all together and the list of its texts, which is held in memory
UNPACKED = 400 * 1024 * 1024
TEXTS = 64 * 1024 * 1024
EXAMPLES = 3
_CHUNK = 1024 * 1024
_SEPARATORS = ";\t,"

#: why a file can't be read; pages have the sentences
FAULTS = (
    *("none", "empty", "header_only", "not_a_table", "old_excel", "broken_workbook", "unpacks_too_large", "encoding"),
    *("too_large", "too_many_rows", "too_many_columns", "cell_too_large", "no_headings"),
)

Row = tuple[int, list[str]]


class BadFile(Exception):
    """`fault`: one of FAULTS; `row`: where, 0 = as a whole."""

    def __init__(self, fault: str, row: int = 0) -> None:
        super().__init__(f"{fault} {row}".strip())
        self.fault = fault
        self.row = row


@dataclass(frozen=True)
class Layout:
    """How a file is read, and what its columns are called."""

    format: str = "csv"
    encoding: str = ""
    separator: str = ""
    sheet: str = ""  # of a workbook: the one that is read
    sheets: int = 1
    headings: list[str] = field(default_factory=list)
    examples: list[list[str]] = field(default_factory=list)  # the first rows
    rows: int = 0  # about

    def kept(self) -> dict[str, Any]:
        return asdict(self)


def look(path: Path) -> Layout:
    """What the file is. Raises BadFile."""
    with path.open("rb") as file:
        start = file.read(8)
    if not start:
        raise BadFile("empty")
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise BadFile("old_excel")
    layout, first = _workbook(path) if start.startswith(b"PK") else _text(path)
    headings, *examples = first or [[]]
    headings = [" ".join(h.split())[:120] for h in headings]
    if any(ord(letter) < 32 for h in headings for letter in h):
        raise BadFile("not_a_table")
    if not any(headings):
        raise BadFile("no_headings")
    if not examples:
        raise BadFile("header_only")
    shown = [[cell[:80] for cell in _fitting(row, len(headings))] for row in examples]
    return Layout(**{**layout.kept(), "headings": headings, "examples": shown})


def rows(path: Path, layout: Layout) -> Iterator[Row]:
    """(number as a spreadsheet counts, cells) of each row that has any; as many cells as there are headings."""
    width = len(layout.headings)
    for n, (number, cells) in enumerate(_records(path, layout)):
        if n > ROWS:
            raise BadFile("too_many_rows")
        if n:
            yield number, _fitting(cells, width)


def _fitting(cells: list[str], width: int) -> list[str]:
    return (cells + [""] * (width - len(cells)))[:width]


def _records(path: Path, layout: Layout) -> Iterator[Row]:
    """Rows that have anything in them, the headings first."""
    read = _sheet_rows if layout.format == "xlsx" else _csv_rows
    with closing(read(path, layout)) as found:
        yield from _filled(found)


def _filled(found: Iterable[list[str]]) -> Iterator[Row]:
    for number, cells in enumerate(found, 1):
        if any(cells):
            if len(cells) > COLUMNS and any(cells[COLUMNS:]):
                raise BadFile("too_many_columns", number)
            yield number, cells[:COLUMNS]


def _beginning(found: Iterable[list[str]]) -> list[list[str]]:
    return [cells for _, cells in islice(_filled(found), EXAMPLES + 1)]


# ---- CSV


def _text(path: Path) -> tuple[Layout, list[list[str]]]:
    encoding, lines = _encoding(path)
    counts = {sep: len(_first(path, encoding, sep)) for sep in _SEPARATORS}
    separator = max(counts, key=lambda sep: counts[sep])
    layout = Layout("csv", encoding, separator, rows=max(0, lines - 1))
    with closing(_csv_rows(path, layout)) as found:
        return layout, _beginning(found)


def _encoding(path: Path) -> tuple[str, int]:
    """UTF-8 where the whole file is, else CP1251; a mark at the beginning decides. And how many lines there are."""
    with path.open("rb") as file:
        start, lines = file.read(4), 0
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16", 0
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        is_utf8 = True
        while part := file.read(_CHUNK):
            if b"\0" in part:
                raise BadFile("not_a_table")
            lines += part.count(b"\n")
            is_utf8 = is_utf8 and _decodes(decoder, part, final=False)
        is_utf8 = is_utf8 and _decodes(decoder, b"", final=True)
    return ("utf-8-sig" if is_utf8 else "cp1251"), lines + 1


def _decodes(decoder: codecs.IncrementalDecoder, part: bytes, final: bool) -> bool:
    try:
        decoder.decode(part, final)
    except UnicodeDecodeError:
        return False
    return True


def _first(path: Path, encoding: str, separator: str) -> list[str]:
    with closing(_csv_rows(path, Layout("csv", encoding, separator))) as found:
        return next(found, [])


def _csv_rows(path: Path, layout: Layout) -> Generator[list[str], None, None]:
    with path.open(encoding=layout.encoding, newline="") as file:
        reader = csv.reader(file, delimiter=layout.separator)
        try:
            for cells in reader:
                yield [cell.strip() for cell in cells]
        except UnicodeError:
            raise BadFile("encoding", reader.line_num + 1) from None
        except csv.Error:  # a cell beyond the module's limit: a quote that nobody closed, as a rule
            raise BadFile("cell_too_large", reader.line_num) from None


# ---- XLSX

#: what openpyxl raises on files that are no workbooks, or want to be more than one
_BROKEN = (
    *(KeyError, ValueError, TypeError, AttributeError, IndexError, EOFError, RuntimeError, SyntaxError),
    *(OverflowError, zipfile.BadZipFile, zlib.error),
)


def _workbook(path: Path) -> tuple[Layout, list[list[str]]]:
    """Opened once: its list of texts may be long."""
    _check_size(path)
    try:
        with path.open("rb") as file, closing(_opened(file)) as book:
            sheet = book.worksheets[0]
            layout = Layout("xlsx", sheet=sheet.title, sheets=len(book.worksheets), rows=min(sheet.max_row or 0, ROWS))
            sheet.reset_dimensions()  # what the file says of them may be anything
            return layout, _beginning(map(_texts, sheet.iter_rows(values_only=True)))
    except _BROKEN:
        raise BadFile("broken_workbook") from None


def _opened(file: IO[bytes]) -> openpyxl.Workbook:
    """Formulas as the values that were last computed. An open file: of a path openpyxl wants to know the ending."""
    return openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)


def _check_size(path: Path) -> None:
    """By what the archive says of its parts: no more than that is unpacked of them."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except _BROKEN:
        raise BadFile("broken_workbook") from None
    texts = sum(part.file_size for part in parts if part.filename.endswith("sharedStrings.xml"))
    if sum(part.file_size for part in parts) > UNPACKED or texts > TEXTS or len(parts) > 2000:
        raise BadFile("unpacks_too_large")


def _sheet_rows(path: Path, _layout: Layout) -> Generator[list[str], None, None]:
    _check_size(path)
    try:
        with path.open("rb") as file, closing(_opened(file)) as book:
            sheet = book.worksheets[0]
            sheet.reset_dimensions()
            for cells in sheet.iter_rows(values_only=True):
                yield _texts(cells)
    except _BROKEN:
        raise BadFile("broken_workbook") from None


def _texts(cells: Sequence[Any]) -> list[str]:
    return [cell.strip() if isinstance(cell, str) else _cell(cell) for cell in cells]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):  # 0.30000000000000004 is 0.3
        found = format(Decimal(repr(round(value, 9))), "f")
        return found.rstrip("0").rstrip(".") if "." in found else found
    if isinstance(value, datetime):
        return value.strftime("%d.%m.%Y %H:%M:%S")
    if isinstance(value, date):
        return value.strftime("%d.%m.%Y")
    return value.isoformat() if isinstance(value, time) else str(value)
