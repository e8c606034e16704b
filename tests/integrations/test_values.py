"""Values as vendors spell them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.values import chunks, entries, filled, moment, money, part, phone, text


@pytest.mark.parametrize(
    ("given", "amount"),
    [
        ("500", "500"),
        ("1 250,00 грн", "1250.00"),
        ("1\u00a0250.5", "1250.5"),
        ("1\u202f250\u00a0000,5 ₴", "1250000.5"),
        ("-12,30", "-12.30"),
        (70, "70"),
        (0.1, "0.1"),
        (None, "0"),
        ("", "0"),
        ("free", "0"),
    ],
)
def test_money(given: Any, amount: str) -> None:
    assert money(given) == Decimal(amount)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("0501112233", "+380501112233"),
        ("+38 (050) 111-22-33", "+380501112233"),
        ("380501112233", "+380501112233"),
        ("+7 999 000 00 01", "+79990000001"),
        ("12", "12"),
        ("ask Ivan ", "ask Ivan"),
        (None, ""),
    ],
)
def test_phone(given: Any, read: str) -> None:
    assert phone(given, "UA") == read


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("2026-01-23T16:17:16+02:00", datetime(2026, 1, 23, 14, 17, 16, tzinfo=UTC)),
        ("2026-01-23T16:17:16", datetime(2026, 1, 23, 16, 17, 16, tzinfo=UTC)),
        ("soon", None),
        (None, None),
    ],
)
def test_moment(given: Any, read: datetime | None) -> None:
    assert moment(given) == read


def test_parts_of_answers() -> None:
    body = {"a": {"b": {"c": 5}, "none": None}, "empty": [], "list": [{"x": 1}, None], "by_id": {"7": {"x": 2}}}
    assert (text(body, "a", "b", "c"), text(body, "a", "none"), text(body, "empty", "x"), text(" y ")) == (
        "5",
        "",
        "",
        "y",
    )
    assert (part(body, "a")["b"], part(body, "empty"), part(None, "a")) == ({"c": 5}, {}, {})
    assert (entries(body["list"]), entries(body["by_id"]), entries(None)) == ([{"x": 1}, {}], [{"x": 2}], [])
    assert filled({"a": "", "b": 0, "c": "d"}) == {"c": "d"}
    assert list(chunks([1, 2, 3], 2)) == [[1, 2], [3]]


_BEGINNINGS = st.sampled_from(("+380", "380", "80", "0", "38 0", "+38(0", "8", "+7", "7", "8-", ""))


@given(_BEGINNINGS, st.text("0123456789 -", min_size=7, max_size=12), st.sampled_from(("UA", "RU", "KZ")))
def test_usual_numbers_are_read_as_libphonenumber_reads_them(beginning: str, digits: str, region: str) -> None:
    spelled = (beginning + digits).strip()
    try:
        number = phonenumbers.parse(spelled, region)
    except phonenumbers.NumberParseException:
        expected = spelled
    else:
        possible = phonenumbers.is_possible_number(number)
        expected = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if possible else spelled
    assert phone(spelled, region) == expected
