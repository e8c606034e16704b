"""Writes the batches of an export into a file: CSV in the encoding that was asked for, or an XLSX workbook."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ERROR_CODES, ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font

from .export_cells import is_risky
from .export_columns import columns
from .export_options import ENCODINGS, SEPARATORS, Options
from .export_rows import Batch, Words

#: rows that a sheet of a workbook can have, and characters that a cell can
SHEET_ROWS = 1_048_576
CELL_LENGTH = 32_767
#: orders named as having letters that the encoding lacks
NAMED = 10
_NEAREST = str.maketrans({"ʼ": "'", "‑": "-", "−": "-", "\N{NARROW NO-BREAK SPACE}": " ", "₴": "грн", "₽": "руб",
                          "₸": "тг", "″": '"', "′": "'"})  # fmt: skip


class File:
    """One file being written; counts cells in which something had to be replaced."""

    def __init__(self, options: Options, words: Words) -> None:
        self.options = options
        self.titles = [words.translate(column.title) for column in columns(options.columns)]
        self.title = words.translate("Orders")
        self.replaced = 0
        self.replaced_in: list[str] = []

    def written(self, batches: Iterable[Batch], to: IO[bytes]) -> Iterator[Batch]:
        """Writes each batch and hands it on, so that the caller can tell how far it is; ends with a whole file."""
        if self.options.format == "xlsx":
            yield from self._workbook(batches, to)
            return
        for batch, part in self._parts(batches):
            to.write(part)
            if batch is not None:
                yield batch

    def parts(self, batches: Iterable[Batch]) -> Iterator[bytes]:
        """A CSV file piece by piece."""
        for _, part in self._parts(batches):
            yield part

    # ---- CSV

    def _parts(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch | None, bytes]]:
        mark = b"\xef\xbb\xbf" if self.options.encoding == "utf-8-bom" else b""
        head = [_nearest(title, self.encoding) for title in self.titles]
        yield None, mark + self._lines([head]).encode(self.encoding)
        for batch in batches:
            yield batch, self._encoded(batch)

    @property
    def encoding(self) -> str:
        return ENCODINGS[self.options.encoding]

    def _lines(self, rows: Iterable[Sequence[Any]]) -> str:
        out = io.StringIO(newline="")
        csv.writer(out, delimiter=SEPARATORS[self.options.separator]).writerows(rows)
        return out.getvalue()

    def _encoded(self, batch: Batch) -> bytes:
        text = self._lines(zip(*batch.columns, strict=True))
        try:
            return text.encode(self.encoding)
        except UnicodeEncodeError:
            rows = zip(*(self._fitting(column, batch.numbers) for column in batch.columns), strict=True)
            return self._lines(rows).encode(self.encoding)

    def _fitting(self, column: Sequence[str], numbers: Sequence[str]) -> list[str]:
        found = []
        for cell, number in zip(column, numbers, strict=True):
            fit = _nearest(cell, self.encoding)
            if fit != cell:
                self.replaced += 1
                if number not in self.replaced_in and len(self.replaced_in) < NAMED:
                    self.replaced_in.append(number)
            found.append(fit)
        return found

    # ---- XLSX

    def _workbook(self, batches: Iterable[Batch], to: IO[bytes]) -> Iterator[Batch]:
        book = Workbook(write_only=True)
        try:
            sheet, left = self._sheet(book), SHEET_ROWS - 1
            for batch in batches:
                for row in zip(*batch.columns, strict=True):
                    if not left:
                        sheet, left = self._sheet(book), SHEET_ROWS - 1
                    sheet.append([_typed(sheet, cell) for cell in row])
                    left -= 1
                yield batch
            book.save(to)
        except BaseException:
            for sheet in book.worksheets:
                _drop(sheet)
            raise

    def _sheet(self, book: Workbook) -> Any:
        n = len(book.worksheets)
        sheet = book.create_sheet(self.title[:25] if not n else f"{self.title[:25]} {n + 1}")
        sheet.freeze_panes = "A2"
        for i, title in enumerate(self.titles):
            sheet.column_dimensions[_letter(i)].width = max(12, min(40, len(title) + 4))
        head = [WriteOnlyCell(sheet, title) for title in self.titles]
        for cell in head:
            cell.font = Font(bold=True)
        sheet.append(head)
        return sheet


def _letter(i: int) -> str:
    return chr(65 + i) if i < 26 else chr(64 + i // 26) + chr(65 + i % 26)


def _typed(sheet: Any, value: Any) -> Any:
    """Text stays text, whatever it looks like: marked as Excel itself marks what begins with an apostrophe."""
    if not isinstance(value, str):
        return value
    if not value.isprintable():
        value = ILLEGAL_CHARACTERS_RE.sub("", value)
    value = value[:CELL_LENGTH]
    if not is_risky(value) and value not in ERROR_CODES:
        return value
    cell = WriteOnlyCell(sheet, value)
    cell.data_type = "s"
    cell.quotePrefix = True
    return cell


def _drop(sheet: Any) -> None:
    """openpyxl leaves the temporary file of a sheet that is not saved to the end of the process; a worker's is far."""
    if not sheet.closed:
        sheet.close()
    sheet._writer.cleanup()


def _nearest(text: str, encoding: str) -> str:
    """The text in letters that the encoding has: the nearest ones, "?" where there is none."""
    if _fits(text, encoding):
        return text
    return "".join(_letter_for(letter, encoding) for letter in text.translate(_NEAREST))


def _letter_for(letter: str, encoding: str) -> str:
    if _fits(letter, encoding):
        return letter
    plain = "".join(c for c in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(c))
    return plain if plain and _fits(plain, encoding) else "?"


def _fits(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
