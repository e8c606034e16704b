"""What is asked of an export: which orders, in which form, with which columns. Read from a form, kept as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, timedelta
from typing import Any, Self
from urllib.parse import parse_qsl

from .export_columns import DEFAULT_COLUMNS, known
from .filters import PAYMENTS, OrderFilter

#: orders of the form's own choice, of a list's filter, or ticked ones
SCOPES = ("filter", "view", "ids")
PERIODS = ("month", "3months", "year", "all")
_MONTHS = {"month": 1, "3months": 3, "year": 12}
FORMATS = ("csv", "xlsx")
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}
#: utf-8-bom is what Excel recognises by itself
ENCODINGS = {"utf-8-bom": "utf-8", "utf-8": "utf-8", "cp1251": "cp1251"}
DECIMALS = {"comma": ",", "point": "."}
#: a row of the file is an order with its products in one cell, or a product of an order
ROWS = ("order", "line")
IDS = 10_000


@dataclass(frozen=True)
class Options:
    """Everything about one export."""

    scope: str = "filter"
    view: str = ""  # a list's filter, as in its address
    ids: tuple[int, ...] = ()
    type: int | None = None
    status: int | None = None
    period: str = "month"
    payment: str = ""
    paid: str = ""
    format: str = "csv"
    separator: str = "semicolon"
    encoding: str = "utf-8-bom"
    decimal: str = "comma"
    rows: str = "order"
    columns: tuple[str, ...] = DEFAULT_COLUMNS

    @classmethod
    def read(cls, given: Mapping[str, Any], fallback: Self | None = None) -> Self:
        """From a form's fields or from JSON. What is absent or can't be read is as in `fallback`."""
        base = fallback or cls()
        found = {name: given.get(name, getattr(base, name)) for name in (field.name for field in fields(cls))}
        for name, allowed in _ALLOWED.items():
            if found[name] not in allowed:
                found[name] = getattr(base, name)
        found["ids"] = _ids(found["ids"])
        found["columns"] = known(found["columns"] or ())
        found["type"], found["status"] = _number(found["type"]), _number(found["status"])
        found["view"] = str(found["view"])[:2000]
        return cls(**found)

    def kept(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def for_language(cls, language: str) -> Self:
        """As spreadsheets are set where this language is spoken."""
        return cls(separator="comma", decimal="point") if language == "en" else cls()

    def preset(self) -> dict[str, Any]:
        """What is worth a name: all but orders that were ticked or filtered once."""
        return replace(self, scope="filter", view="", ids=()).kept()

    def filter(self, today: date) -> OrderFilter:
        """The orders, unless they were ticked; `today`: in the hub's zone."""
        if self.scope == "view":
            return OrderFilter.read(dict(parse_qsl(self.view)))
        return OrderFilter(
            status=() if self.status is None else (self.status,),
            type=self.type,
            payment=self.payment,
            paid=self.paid,
            since=since(self.period, today),
        )


def since(period: str, today: date) -> date | None:
    """The first day of a period that ends today; the last of a shorter month where it has no such day."""
    if period not in _MONTHS:
        return None
    year, month = divmod(today.year * 12 + today.month - 1 - _MONTHS[period], 12)
    first = date(year, month + 1, 1)
    next_month = (first + timedelta(days=31)).replace(day=1)
    return min(first + timedelta(days=today.day - 1), next_month - timedelta(days=1))


_ALLOWED: dict[str, Any] = {
    "scope": SCOPES,
    "period": PERIODS,
    "payment": ("", *PAYMENTS),
    "paid": ("", "yes", "no"),
    "format": FORMATS,
    "separator": SEPARATORS,
    "encoding": ENCODINGS,
    "decimal": DECIMALS,
    "rows": ROWS,
}


def _number(value: Any) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def _ids(value: Any) -> tuple[int, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    found = dict.fromkeys(int(part) for part in parts if str(part).isdecimal() and len(str(part)) < 19)
    return tuple(found)[:IDS]
