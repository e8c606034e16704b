"""Reads the values vendors send: money, times and phones that come in several spellings; writes JSON with Decimals.
Pure; reading never raises."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeVar

import phonenumbers

T = TypeVar("T")
_NUMBER = re.compile(r"-?\d[\d\s]*(?:[.,]\d+)?")


def money(value: Any) -> Decimal:
    """A number or a text such as "1 250,50 грн" (also with no-break spaces); 0 when there is none in it."""
    return _amount(str(value if value is not None else ""))


@lru_cache(maxsize=4096)  # a shop has so many prices, and each order tells one several times
def _amount(given: str) -> Decimal:
    if given.replace(".", "", 1).isdecimal() and given.isascii():  # as most are
        return Decimal(given)
    found = _NUMBER.search(given)
    return Decimal(re.sub(r"\s", "", found[0]).replace(",", ".")) if found else Decimal(0)


def moment(value: Any, zone: tzinfo = UTC) -> datetime | None:
    """An ISO 8601 time as aware UTC; one without an offset is taken as `zone`'s; None when it can't be read."""
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)


def local_moment(value: Any, zone: tzinfo, forms: Sequence[str]) -> datetime | None:
    """A time of `zone` in the first of the forms (as strptime has them) that fits, as aware UTC. None for what isn't
    one, and for the year 1, which some write for none."""
    for form in forms:
        with suppress(ValueError):
            found = datetime.strptime(text(value), form).replace(tzinfo=zone)
            return found.astimezone(UTC) if found.year > 1 else None
    return None


def phone(value: Any, region: str) -> str:
    """E.164; a number without a country code is one of `region`. What can't be a phone stays as it was given."""
    return _e164(text(value), region)


#: numbers of the regions our shops sell in, as customers type them; libphonenumber says the same of them (a test holds
#: it to that), but takes longer than all else in an order
_USUAL = {"UA": re.compile(r"(?:\+?38)?0([3-9]\d{8})"), "RU": re.compile(r"(?:\+?7|8)(9\d{9})")}
_COUNTRY = {"UA": "+380", "RU": "+7"}
_BETWEEN = str.maketrans("", "", " ()-")


@lru_cache(maxsize=4096)  # buyer and recipient often have the same
def _e164(given: str, region: str) -> str:
    usual = _USUAL.get(region)
    if usual and (found := usual.fullmatch(given.translate(_BETWEEN))) and given.isascii():
        return _COUNTRY[region] + found[1]
    try:
        number = phonenumbers.parse(given, region)
    except phonenumbers.NumberParseException:
        return given
    if not phonenumbers.is_possible_number(number):
        return given
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def text(value: Any, *path: str) -> str:
    """A stripped text, found along `path` inside nested objects; "" for null or nothing, digits for a number."""
    for name in path:
        value = part(value).get(name)
    return value.strip() if type(value) is str else "" if value is None else str(value).strip()


def part(value: Any, name: str = "") -> Mapping[str, Any]:
    """An object inside an answer (`name` of it, if given); empty for null and for the [] that PHP writes for {}."""
    found = part(value).get(name) if name else value
    # a dict first: it is what JSON gives, and Mapping takes longer to ask
    return found if type(found) is dict else {} if found is None or not isinstance(found, Mapping) else found


def inside(value: Any, path: Sequence[str]) -> Mapping[str, Any]:
    """The object at the end of a path inside nested ones; empty as `part` is."""
    for name in path:
        value = part(value).get(name)
    return part(value)


def entries(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list, or of an object keyed by code or id; none for null."""
    return [part(e) for e in (value.values() if isinstance(value, Mapping) else value or ())]


def alone(value: Any) -> Mapping[str, Any]:
    """An object that some answers wrap in a list."""
    return part(value[0]) if isinstance(value, list) and value else part(value)


def listed(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list, however it is wrapped: [..], {"products": [..]}, or one object alone."""
    inner = next((v for v in value.values() if isinstance(v, list)), [value]) if isinstance(value, dict) else value
    return entries(inner)


def filled(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that hold something."""
    return {name: value for name, value in fields.items() if value}


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    yield from (items[start : start + size] for start in range(0, len(items), size))


def encode(value: Any) -> str:
    """A form field's value: text as it is, anything else as JSON with numbers for Decimals."""
    return value if isinstance(value, str) else json.dumps(value, default=float, ensure_ascii=False)
