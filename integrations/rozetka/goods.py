"""Rozetka's goods -> offers, and stock -> theirs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..fields import texts
from ..types import ProductData, ProductPage, StockData
from ..values import entries, money, part, text

PRODUCT = {
    "sku": "article|price_offer_id",
    "name": "name|name_ua|name_ru",
    "external_id": "rz_item_id",
    "own_id": "price_offer_id",
    "category": "rz_category.title_ua|rz_category.title|price_category.title_ua|price_category.title",
    "brand": "rz_producer.title|price_producer_name",
    "description": "description",
    "url": "url",
    "group": "rz_group_id",
}
#: limited, available; "" = not told
ON_SALE = ("", "3", "4")
NO_NUMBER = "it has no number of Rozetka yet: their moderator hasn't let it in"


def page(found: Sequence[Mapping[str, Any]], total: int | None) -> ProductPage:
    """A page of goods/all. What has no number there yet is in no order and takes no stock."""
    broken = [(text(e, "price_offer_id") or text(e, "item_id"), NO_NUMBER) for e in found if not e.get("rz_item_id")]
    return ProductPage([product(entry) for entry in found if entry.get("rz_item_id")], total, broken)


def product(body: Mapping[str, Any]) -> ProductData:
    """What a moderator hides can't be bought, however many there are."""
    quantity = body.get("stock_quantity")
    return ProductData(
        **texts(body, PRODUCT),
        price=money(body.get("price")),
        old_price=money(body.get("price_old")) or None,
        quantity=None if quantity is None else money(quantity),
        available=text(body, "available") == "1" and text(body, "rz_sell_status") in ON_SALE,
        pictures=[text(link) for link in body.get("photo") or () if text(link)],
    )


def stock(changes: Sequence[StockData]) -> dict[str, Any]:
    """The body of items/mass-update. Pieces are whole there."""
    items = [{"item_rz_id": int(c.external_id), "stock_quantity": max(int(c.quantity), 0)} for c in changes]
    return {"isIgnoreCheck": 0, "items": items}


def refused(body: Mapping[str, Any]) -> dict[str, str]:
    """Item id -> why, of an answer that says so item by item; {} when it says anything else."""
    found = part(body, "errors")
    return {identity: _reasons(part(why)) for identity, why in found.items() if identity.isdecimal()}


def _reasons(why: Mapping[str, Any]) -> str:
    values = [reason.get("value") for reason in entries(why.get("reason"))]
    words = (word for value in values for word in (value if isinstance(value, list) else [value]))
    return "; ".join(filter(None, map(text, words))) or "refused"
