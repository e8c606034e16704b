"""Order numbers: what one may look like. A number is the end of the card's address, so some would be unreachable."""

from __future__ import annotations

import re

#: words that are pages of their own under /orders
RESERVED = frozenset(
    (
        "batch",
        "bulk",
        "card",
        "changes",
        "columns",
        "export",
        "get",
        "import",
        "lines",
        "new",
        "preview",
        "print",
        "products",
    )
    + ("pull", "row", "selection", "status", "total", "totals", "undo", "views")
)
LONGEST = 64
_UNFIT = re.compile(r"[\x00-\x1f\x7f\\?#%]")


def problem(number: str) -> str:
    """Why an order can't have this number: "required", "number_reserved", "number_unfit", or "" when it can."""
    if not number:
        return "required"
    segments = number.split("/")
    if segments[0].casefold() in RESERVED:
        return "number_reserved"
    if len(number) > LONGEST or _UNFIT.search(number) or number != number.strip():
        return "number_unfit"
    return "number_unfit" if any(s.strip(". ") == "" for s in segments) else ""


def fitting(number: str) -> str:
    """The number itself where it can be one, else the nearest that can (for what other systems send)."""
    if not problem(number):
        return number
    plain = _UNFIT.sub("-", number).strip()
    plain = "/".join(s for s in plain.split("/") if s.strip(". "))[:LONGEST].strip() or "order"
    if problem(plain) == "number_reserved":
        first, slash, rest = plain.partition("/")
        plain = f"{first}-1{slash}{rest}"[:LONGEST].strip()
    return f"{plain[: LONGEST - 2]}-1" if problem(plain) else plain
