"""Numbers as people type them into the catalogue's fields."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from flask_babel import gettext as _


class InvalidValue(Exception):
    """Says, in the reader's language, what is wrong."""


def _number(text: str) -> Decimal:
    plain = text.replace("\xa0", "").replace(" ", "").replace(",", ".").removesuffix("%")
    try:
        found = Decimal(plain)
    except InvalidOperation:
        raise InvalidValue(_("“%(text)s” is no number.", text=text[:40])) from None
    if not found.is_finite() or abs(found) >= 10_000_000_000:
        raise InvalidValue(_("“%(text)s” is no number.", text=text[:40]))
    return found


def money(text: str) -> Decimal:
    found = _number(text)
    if found < 0:
        raise InvalidValue(_("A price can't be below zero."))
    return found.quantize(Decimal("0.01"))


def quantity(text: str) -> Decimal | None:
    """Nothing typed: it isn't counted."""
    if not text.strip():
        return None
    return _number(text).quantize(Decimal("0.001"))


def percent(text: str) -> Decimal:
    found = _number(text)
    if not -100 < found <= 1000 or not found:
        raise InvalidValue(_("Type by how many percent: 5, or -10."))
    return found
