"""What the cells of an imported file say. A cell that could mean two things is refused, never guessed at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from . import search
from .export_cells import is_risky
from .phones import to_e164

#: codes of reasons that a cell is not taken; pages have the sentences
CODES = (
    *("not_money", "money_unclear", "not_a_quantity", "not_whole", "not_yes_or_no", "not_a_date", "not_a_phone"),
    *("too_long", "unfit_characters", "unknown_entry", "entry_unclear", "not_a_currency"),
    *("not_a_country", "total_differs", "rows_differ", "products_differ", "no_number", "number_of_another"),
)
#: letters of a text without a limit of its own
LONGEST_TEXT = 20_000
#: beyond these a mistake is certain, and columns end
_DIGITS = 12
_WHOLE_LIMIT = 2_000_000_000

Reason = dict[str, Any]


class Refused(Exception):
    """`code`: one of CODES; `more`: what the sentence names besides the column and the cell."""

    def __init__(self, code: str, **more: Any) -> None:
        super().__init__(code)
        self.code = code
        self.more = more

    def reason(self, column: str, value: str) -> Reason:
        return {"code": self.code, "column": column, "value": value[:80], **self.more}


def plain(cell: str) -> str:
    """Without the apostrophe that an export sets before what a spreadsheet could take for a formula."""
    return cell[1:] if cell.startswith("'") and is_risky(cell[1:]) else cell


_UNFIT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def text(cell: str, limit: int | None = None) -> str:
    found, limit = plain(cell), limit or LONGEST_TEXT
    if len(found) > limit:
        raise Refused("too_long", limit=limit)
    if _UNFIT.search(found):
        raise Refused("unfit_characters")
    return found


_SPACES = re.compile(r"[\s\u00a0\u202f']")
_CURRENCY = re.compile(
    r"^(?:₴|\$|€|₽|uah|usd|eur|rub|грн\.?|руб\.?|р\.)|(?:₴|\$|€|₽|uah|usd|eur|rub|грн\.?|руб\.?|р\.)$"
)
_GROUPED = re.compile(r"-?\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*(?:[.,]\d{1,2})?")
_PLAIN = re.compile(r"-?\d+(?:[.,]\d*)?")


def money(cell: str) -> Decimal:
    """1250.50, 1250,50, 1 250,50 грн, 1.250,50; but "1,250" may be a thousand or one and a quarter."""
    found = _CURRENCY.sub("", _SPACES.sub("", plain(cell)).lower())
    grouped = _GROUPED.fullmatch(found)
    if grouped and (found.count(".") and found.count(",") or found.count(grouped[1]) > 1):
        mark = grouped[1]
        found = found.replace(mark, "") if found.count(mark) > 1 or found.rfind(mark) < _last_mark(found) else found
    found = _digits(found, "not_money")
    if len(found.partition(".")[2].rstrip("0")) > 2 or (grouped and re.fullmatch(r"-?\d{1,3}\.\d{3}", found)):
        raise Refused("money_unclear")
    return _decimal(found, "not_money")


def _last_mark(found: str) -> int:
    return max(found.rfind("."), found.rfind(","))


def _digits(found: str, code: str) -> str:
    if not _PLAIN.fullmatch(found) or len(found) > 2 * _DIGITS:
        raise Refused(code)
    return found.replace(",", ".")


def _decimal(found: str, code: str) -> Decimal:
    value = Decimal(found)
    if value < 0 or value >= Decimal(10) ** _DIGITS:
        raise Refused(code)
    return value


def quantity(cell: str) -> Decimal:
    found = _digits(_SPACES.sub("", plain(cell)), "not_a_quantity")
    value = _decimal(found, "not_a_quantity")
    if value != value.quantize(Decimal("0.001")) or value > _WHOLE_LIMIT:
        raise Refused("not_a_quantity")
    return value


def whole(cell: str) -> int:
    """Grams or millimetres."""
    value = _decimal(_digits(_SPACES.sub("", plain(cell)), "not_whole"), "not_whole")
    if value != int(value) or value > _WHOLE_LIMIT:
        raise Refused("not_whole")
    return int(value)


def flag(cell: str, words: Mapping[str, bool]) -> bool:
    """`words`: normalised word -> what it means."""
    found = words.get(search.normal(plain(cell)))
    if found is None:
        raise Refused("not_yes_or_no")
    return found


_FORMS = ("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%d.%m.%y %H:%M", "%d.%m.%y")


def moment(cell: str, zone: ZoneInfo) -> datetime:
    """21.11.2026 21:06 in the hub's zone, or ISO 8601. With slashes the day and the month can't be told apart."""
    found = plain(cell)
    for form in _FORMS:
        try:
            return datetime.strptime(found, form).replace(tzinfo=zone).astimezone(UTC)
        except ValueError:
            continue
    try:
        value = datetime.fromisoformat(found)
        return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused("not_a_date") from None


def phone(cell: str, country: str) -> str:
    """E.164. A spreadsheet that takes phones for numbers has lost the plus."""
    found = plain(cell)
    digits = re.sub(r"\.0+$", "", found)
    value = to_e164(digits, country) or (to_e164(f"+{digits}", "") if digits.isdigit() and len(digits) > 10 else None)
    if value is None or len(value) > 32:
        raise Refused("not_a_phone", country=country)
    return value


def marks(cell: str) -> dict[str, str]:
    """utm_medium=cpc&utm_source=google"""
    return dict(part.partition("=")[::2] for part in text(cell, 2000).split("&") if part)


def entry(cell: str, names: Mapping[str, int | None]) -> int:
    """The registry's entry of this name. `names`: normalised name -> id, None where two have it."""
    name = search.normal(plain(cell))
    if name not in names:
        raise Refused("unknown_entry")
    found = names[name]
    if found is None:
        raise Refused("entry_unclear")
    return found


def keyed(cell: str, names: Mapping[str, str]) -> str:
    found = names.get(search.normal(plain(cell)))
    if found is None:
        raise Refused("unknown_entry")
    return found
