"""Cells of an export: what the driver gave for a column becomes what the file says, a column of many orders at once.

A column at a time, with the loop left to C wherever it can be (`map` over a dictionary's lookup): a cell costs some
50 ns, where a call of a Python function costs three times as much.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

#: what a spreadsheet takes for the beginning of a formula (or lets one begin after)
FORMULA = frozenset("=+-@\t\r\n＝＋－＠")
_PLUS = {"+"}
_START = itemgetter(slice(1))
_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?")

Cells = Sequence[Any]
Make = Callable[[Any], Any]


class Memo(dict[Any, Any]):
    """What a function makes of each value, kept for as long as it stays small: columns repeat themselves."""

    LIMIT = 20_000

    def __init__(self, make: Make) -> None:
        self.make = make

    def __missing__(self, value: Any) -> Any:
        if len(self) >= self.LIMIT:
            self.clear()
        found = self[value] = self.make(value)
        return found


def harmless(cells: Cells) -> Cells:
    """Text that no spreadsheet runs as a formula: an apostrophe before what looks like one. A plain number, and a
    phone is one, stays as it is."""
    starts = list(map(_START, cells))
    found = FORMULA.intersection(starts)
    if not found or (found == _PLUS and _are_phones("".join(cells), starts.count("+"))):
        return cells
    return [safe(cell) for cell in cells]


def safe(cell: str) -> str:
    return "'" + cell if is_risky(cell) else cell


def _are_phones(together: str, pluses: int) -> bool:
    """A whole column of E.164 numbers: digits, and no plus but at a start."""
    return together.count("+") == pluses and together.isascii() and together.replace("+", "").isdigit()


def is_risky(cell: str) -> bool:
    return cell[:1] in FORMULA and bool(cell) and not _NUMBER.fullmatch(cell)


class Text:
    """Values as they are written in a CSV file."""

    def __init__(self, point: str, zone: ZoneInfo, yes: str, no: str) -> None:
        self.point = point
        self.zone = zone
        self.quantity = Memo(lambda thousandths: self._decimal(thousandths, 3).rstrip("0").rstrip(point))
        self.number = Memo(lambda value: "" if value is None else str(value))
        self.flag = {None: "", 0: no, 1: yes}
        self._hours = Memo(self._hour)
        #: so much of a time's text decides how far the zone is from UTC
        self._until = 13 if _in_whole_hours(zone) else 16

    def money(self, cells: Cells) -> Cells:
        """Of hundredths. Sums seldom repeat: nothing is kept."""
        if None in cells or min(cells, default=0) < 100:
            return ["" if cell is None else self._decimal(cell, 2) for cell in cells]
        point = self.point
        return [f"{digits[:-2]}{point}{digits[-2:]}" for digits in map(str, cells)]

    def _decimal(self, value: int, places: int) -> str:
        digits = f"{abs(value):0{places + 1}d}"
        return f"{'-' if value < 0 else ''}{digits[:-places]}{self.point}{digits[-places:]}"

    def times(self, cells: Cells) -> Cells:
        """From "2026-11-21 19:06:07.5" in UTC to "21.11.2026 21:06" here."""
        hours, until = self._hours, self._until
        return ["" if cell is None else hours[cell[:until]] + cell[until:16] for cell in cells]

    def _hour(self, start: str) -> str:
        local = _moment(start, self.zone)
        return local.strftime("%d.%m.%Y %H" if self._until == 13 else "%d.%m.%Y %H:%M")


class Typed(Text):
    """Values as a workbook holds them: numbers are numbers, times are times."""

    def __init__(self, zone: ZoneInfo, yes: str, no: str) -> None:
        super().__init__(".", zone, yes, no)
        self.quantity = Memo(lambda thousandths: thousandths / 1000)
        self.number = Memo(lambda value: value)

    def money(self, cells: Cells) -> Cells:
        return [None if cell is None else cell / 100 for cell in cells]

    def times(self, cells: Cells) -> Cells:
        """In the hub's zone, without naming it: a workbook knows no zones."""
        return [None if cell is None else _moment(cell[:19], self.zone).replace(tzinfo=None) for cell in cells]


def _moment(text: str, zone: ZoneInfo) -> datetime:
    """`text`: the beginning of a time in UTC, at least up to the hour."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).astimezone(zone)


def _in_whole_hours(zone: ZoneInfo) -> bool:
    """Has it been whole hours away from UTC, in summer and in winter, since there are orders here?"""
    moments = [datetime(year, month, 15, tzinfo=UTC) for year in range(2000, 2038) for month in (1, 7)]
    return all(moment.astimezone(zone).minute == 0 for moment in moments)


def line_totals(prices: Cells, quantities: Cells, discounts: Cells) -> list[int]:
    """Hundredths, of prices in hundredths, quantities in thousandths, discounts; half a hundredth is rounded up."""
    rows = zip(prices, quantities, discounts, strict=True)
    return [(price * quantity + 500) // 1000 - discount for price, quantity, discount in rows]


def joined(rows: Sequence[Sequence[str]], mark: str = " ") -> list[str]:
    """Parts that are there, of columns side by side."""
    return [mark.join(filter(None, parts)) for parts in zip(*rows, strict=True)]


def utm(cell: Any) -> str:
    """utm_medium=cpc&utm_source=google, by name: PostgreSQL keeps no order. SQLite gives the text of the JSON."""
    found = json.loads(cell) if isinstance(cell, str) else cell or {}
    return "&".join(f"{name}={value}" for name, value in sorted(found.items()))
