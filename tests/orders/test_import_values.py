"""What a cell says; one that could mean two things is refused."""

from __future__ import annotations

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from orders import import_values as values
from orders.import_values import Refused

KYIV = ZoneInfo("Europe/Kyiv")


@pytest.mark.parametrize(
    ("cell", "amount"),
    [
        ("1250.50", "1250.50"),
        ("1250,5", "1250.5"),
        ("1 250,50 грн.", "1250.50"),
        ("1\u00a0250,50\u202f₴", "1250.50"),
        ("1.250,50", "1250.50"),
        ("1,250.50", "1250.50"),
        ("1,234,567", "1234567"),
        ("1.234.567,89", "1234567.89"),
        ("$5", "5"),
        ("0", "0"),
        ("'-0", "0"),
    ],
)
def test_money(cell, amount) -> None:
    assert values.money(cell) == Decimal(amount)


@pytest.mark.parametrize("cell", ["abc", "-5", "1-2", "9" * 13, "1e5"])
def test_what_is_no_money(cell) -> None:
    with pytest.raises(Refused):
        values.money(cell)


@pytest.mark.parametrize("cell", ["1,250", "1.250", "12.300", "10.125", "0,001"])
def test_money_that_can_be_read_in_two_ways(cell) -> None:
    with pytest.raises(Refused, match="money_unclear"):
        values.money(cell)


def test_quantities_and_whole_numbers() -> None:
    assert values.quantity("0,125") == Decimal("0.125")
    assert values.whole("350.0") == 350
    for cell in ("0.0001", "x", "9999999999"):
        with pytest.raises(Refused, match="not_a_quantity"):
            values.quantity(cell)
    for cell in ("1.5", "x", "9999999999"):
        with pytest.raises(Refused, match="not_whole"):
            values.whole(cell)


@pytest.mark.parametrize(
    ("cell", "utc"),
    [
        ("21.11.2026 21:06", "2026-11-21T19:06:00+00:00"),
        ("21.11.2026 21:06:07", "2026-11-21T19:06:07+00:00"),
        ("21.11.26", "2026-11-20T22:00:00+00:00"),
        ("2026-07-01", "2026-06-30T21:00:00+00:00"),
        ("2026-07-01T10:00:00Z", "2026-07-01T10:00:00+00:00"),
    ],
)
def test_dates(cell, utc) -> None:
    assert values.moment(cell, KYIV).isoformat() == utc


@pytest.mark.parametrize("cell", ["11/12/2026", "31.02.2026", "yesterday", "0001-01-01"])
def test_what_is_no_date(cell) -> None:
    with pytest.raises(Refused, match="not_a_date"):
        values.moment(cell, KYIV)


def test_phones() -> None:
    for cell in ("067 111-22-33", "380671112233", "+380 67 111 22 33", "380671112233.0"):
        assert values.phone(cell, "UA") == "+380671112233"
    assert values.phone("48221234567", "UA") == "+48221234567"
    for cell in ("12", "x", "3.80671E+11"):
        with pytest.raises(Refused, match="not_a_phone"):
            values.phone(cell, "UA")


def test_texts() -> None:
    assert values.text("'=1+1") == "=1+1"
    assert values.text("'quoted'") == "'quoted'"
    assert values.text("a\nb") == "a\nb"
    with pytest.raises(Refused, match="too_long"):
        values.text("abc", 2)
    for cell in ("a\x00", "a\x1b", "a\ud800"):
        with pytest.raises(Refused, match="unfit_characters"):
            values.text(cell)


def test_names_of_registries() -> None:
    names = {"new": 1, "two": None}
    assert values.entry("  NEW ", names) == 1
    with pytest.raises(Refused, match="entry_unclear"):
        values.entry("Two", names)
    with pytest.raises(Refused, match="unknown_entry"):
        values.entry("old", names)
    assert values.keyed("Card", {"card": "card"}) == "card"
    with pytest.raises(Refused, match="unknown_entry"):
        values.keyed("gold", {})
    assert values.flag("ТАК", {"так": True})
    with pytest.raises(Refused, match="not_yes_or_no"):
        values.flag("perhaps", {})
    assert values.marks("a=b&c=d=e&f") == {"a": "b", "c": "d=e", "f": ""}
