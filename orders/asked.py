"""What an address asks for, read leniently: None or "" for what can't be read, so that an old or mistyped link still
gives a page."""

from __future__ import annotations

from collections.abc import Container
from datetime import date


def number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 12 else None


def one_of(text: str | None, allowed: Container[str]) -> str:
    return text if text and text in allowed else ""


def day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
