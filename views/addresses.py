"""Addresses that other people's scripts and bookmarks rely on, for pages that link to each other's parts."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode


def order(number: str, field: str = "") -> str:
    """The order's card, at one of its fields."""
    return f"/orders/{quote(number, safe='')}{_at(field)}"


def orders(query: str = "") -> str:
    """The list of orders; `query` as orders.filters.OrderFilter.query makes it."""
    return f"/orders?{query}" if query else "/orders"


def integration(connection_id: int, field: str = "") -> str:
    """The page of one connection, at one of its settings."""
    return f"/settings/integrations/{connection_id}{_at(field)}"


def integrations() -> str:
    return "/settings/integrations"


def activity(tab: str = "", **filters: Any) -> str:
    """The activity page: transfers (""), runs, schedules or incoming, narrowed by the filters of that list."""
    given = {key: value for key, value in filters.items() if value not in (None, "")}
    path = f"/activity/{tab}" if tab else "/activity"
    return f"{path}?{urlencode(given)}" if given else path


def problems(kind: str = "") -> str:
    return f"/problems{_at(kind)}"


def _at(fragment: str) -> str:
    return f"#{quote(fragment)}" if fragment else ""
