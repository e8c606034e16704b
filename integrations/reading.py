"""Reads what comes in from outside: bytes as text, JSON as values. What it gives, a database can hold.

JSON can name NUL, which PostgreSQL takes in no text, and half of a pair, which is no character. A replacement character
(U+FFFD) stands for each: one such letter in a name would hold up all the orders that came with it.
"""

from __future__ import annotations

import json
import re
from typing import Any

from .errors import Refused

#: how JSON names them, and how half a pair looks in bytes that claim to be UTF-8
_SIGNS = (b"\\u0000", b"\\ud", b"\\uD", b"\xed")
_UNFIT = re.compile("[\0\ud800-\udfff]")


def words(given: bytes) -> str:
    return given.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def values(given: bytes | str, **how: Any) -> Any:
    """`how`: as of json.loads. Raises ValueError where it is no JSON."""
    body = given.encode() if isinstance(given, str) else given
    try:
        found = json.loads(given, **how)
        return _fit(found) if any(sign in body for sign in _SIGNS) else found
    except RecursionError:
        raise ValueError("nested too deeply") from None


def an_object(given: bytes | str, **how: Any) -> dict[str, Any]:
    """The object that was posted. Raises Refused("validation")."""
    try:
        found = values(given, **how)
    except ValueError:  # UnicodeDecodeError too
        found = None
    if not isinstance(found, dict):
        raise Refused("validation", "not a JSON object")
    return found


def _fit(value: Any) -> Any:
    if isinstance(value, str):
        return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, list):
        return [_fit(each) for each in value]
    if isinstance(value, dict):
        return {_fit(name): _fit(each) for name, each in value.items()}
    return value
