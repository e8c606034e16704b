"""Prom's products <-> ours: what the catalogue tells, what is told of stock. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ..fields import texts
from ..types import ProductData, StockData
from ..values import entries, money, part, text

NO_NUMBER = "the offer has no number of Prom's: choose in the settings that products are named by the shop's id"
GONE = frozenset({"deleted", "deleted_by_moderator"})
PRODUCT = {
    "external_id": "id",
    "own_id": "external_id",
    "sku": "sku|external_id",
    "name": "name|name_multilang.uk|name_multilang.ru",
    "description": "description",
    "group": "variation_group_id|variation_base_id",
}


def product(body: Mapping[str, Any], groups: Mapping[int, Mapping[str, Any]]) -> ProductData:
    """An entry of `products`. A discount of theirs runs by dates: the price here is the regular one. Raises ValueError
    for one without a name."""
    found = texts(body, PRODUCT)
    if not found["name"]:
        raise ValueError("no name")
    shown = body.get("status") in (None, "on_display") and body.get("presence") != "not_available"
    counted = body.get("quantity_in_stock")
    return ProductData(
        **found,
        price=money(body.get("price")),
        currency=text(body, "currency") or "UAH",
        quantity=None if counted is None else money(counted),
        available=shown,
        category=_path(part(body, "group"), groups) or text(body, "category", "caption"),
        pictures=_pictures(body),
    )


def _path(group: Mapping[str, Any], groups: Mapping[int, Mapping[str, Any]]) -> str:
    """The names from the top down to the group; a circle ends where it begins."""
    names, seen, at = [text(group, "name")], {group.get("id")}, groups.get(group.get("id") or 0, {})
    while (parent := at.get("parent_group_id")) and parent in groups and parent not in seen:
        seen.add(parent)
        at = groups[parent]
        names.append(text(at, "name"))
    return " / ".join(reversed([name for name in names if name]))


def _pictures(body: Mapping[str, Any]) -> tuple[str, ...]:
    all_of = [text(body, "main_image"), *(text(image, "url") for image in entries(body.get("images")))]
    return tuple(dict.fromkeys(address for address in all_of if address))


def stock_id(change: StockData, own: bool) -> int | str | None:
    """What names the product in an edit: Prom's number, or the shop's own id. None when the offer has no such."""
    if own:
        return change.own_id or change.external_id
    return int(change.external_id) if change.external_id.isdecimal() else None


def stock_row(name: int | str, quantity: Decimal) -> dict[str, Any]:
    """Prom counts whole pieces. Availability moves only together with `presence_sure`."""
    pieces = max(int(quantity), 0)
    presence = "available" if pieces else "not_available"
    return {"id": name, "quantity_in_stock": pieces, "presence": presence, "presence_sure": True}


def stock_result(answer: Mapping[str, Any], name: int | str) -> tuple[str, str]:
    """What became of one product of an edit: done only where the answer says so."""
    words = text(part(answer, "errors"), str(name))
    if words:
        return ("not_found" if "not found" in words.lower() else "validation"), words
    done = {str(identity) for identity in answer.get("processed_ids") or ()}
    return ("", "") if str(name) in done else ("validation", "not changed")
