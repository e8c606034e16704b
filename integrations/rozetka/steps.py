"""Rozetka's statuses: which of them a seller may set, from where, and what has to go with them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..fields import texts
from ..types import Reference, StatusChange
from ..values import entries, filled, text

#: "processed by a manager": most ways from a new order lead through it
PROCESSED = "26"
#: wants the number of the order that it repeats, which no mapping can know
REPEATED = "49"
#: what a complaint holds where a step is forbidden
NO_STEP = "(1005)"
NEEDS_NUMBER = frozenset({"3", "61"})
#: what the hub makes of their codes; a group of their own stands for the many reasons of a cancellation
MEANINGS = {
    **dict.fromkeys(("1", "52"), "new"),
    **dict.fromkeys(("2", "26", "47", "54"), "confirmed"),
    **dict.fromkeys(("3", "4", "5", "6", "56", "57", "61", "63", "64", "76", "80", "81", "87"), "transferred"),
    "failed": "cancelled",
}
#: which of them is meant by ours. "Awaits payment" is no new order, though its name sounds so
WRITTEN = {PROCESSED: "confirmed", "40": "cancelled", "55": "-"}
GROUPS = {"1": "in_work", "2": "done", "3": "failed"}
TITLES = {"uk": "name_uk|name_ua|title|name", "ru": "name|title|name_uk"}


def listed(found: Sequence[Mapping[str, Any]], language: str) -> list[Reference]:
    """Entries of order-statuses/search with their steps. Where none leads, nobody but Rozetka sets a status."""
    reached = {code for entry in found for code in following(entry)} - {REPEATED}
    title = {"name": TITLES.get(language, TITLES["uk"])}
    references = []
    for entry in found:
        code, group = text(entry, "id"), text(entry, "status_group") or text(entry, "type")
        settable = code in reached or not reached
        references.append(Reference(code, texts(entry, title)["name"], GROUPS.get(group, group), settable))
    return references


def following(entry: Mapping[str, Any]) -> dict[str, str]:
    """The statuses that may come next, of an order or of a status: code -> name, where it is told."""
    steps = entries(entry.get("status_available_detailed")) or entries(entry.get("status_available"))
    return {text(step, "child_id"): text(step, "name") for step in steps}


def problem(change: StatusChange) -> str:
    """Why Rozetka would refuse this change, or ""."""
    if not (change.external_id.isdecimal() and change.status.isdecimal()):
        return f"{change.external_id!r} or {change.status!r} is no number of Rozetka's"
    if change.status in NEEDS_NUMBER and not change.tracking_number:
        return "Rozetka takes this status only together with a tracking number"
    return ""


def request(change: StatusChange) -> dict[str, Any]:
    """What is asked for one order: its id and the body of PUT orders/{id}."""
    body = {"status": int(change.status), "ttn": change.tracking_number, "seller_comment": change.text}
    return {"id": change.external_id, "body": filled(body)}


def is_so(order: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Does the order stand as asked already, e.g. by a call whose answer was lost?"""
    return text(order, "status") == text(body, "status") and text(body, "ttn") in ("", text(order, "ttn"))


def no_way(order: Mapping[str, Any], wanted: str) -> str:
    """In words: which statuses could be chosen instead."""
    choice = ", ".join(f"{code} {name}".strip() for code, name in following(order).items()) or "none"
    return f"from status {text(order, 'status')} no step leads to {wanted}; Rozetka offers: {choice}"
