"""Horoshop's offers -> ours. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..fields import worded
from ..types import ProductData, ProductPage
from ..values import filled, money, text
from . import translate

#: what shops have in `presence` for what can't be bought, in either language
ABSENT = re.compile(r"^$|нема|нет\b|відсут|отсут|очіку|ожида|знят|снят", re.IGNORECASE)
#: fields of an offer that price and stock are read from, and those that are asked for with the whole catalogue
PRICES = ("article", "article_for_display", "title", "price", "price_old", "currency", "presence", "quantity")
DETAILS = ("parent_article", "parent", "gtin", "brand", "color", "images", "link", "description")


def page(rows: Iterable[Mapping[str, Any]], settings: Mapping[str, Any]) -> ProductPage:
    found = [_product(row, settings) for row in rows]
    broken = [(offer.name, "no article") for offer in found if not offer.external_id]
    return ProductPage([offer for offer in found if offer.external_id], broken=broken)


def _product(body: Mapping[str, Any], settings: Mapping[str, Any]) -> ProductData:
    """An entry of catalog/export. Variants share the article of their parent. A quantity of 0 says nothing of what is
    in stock: shops that count none have it, too."""
    price, old, quantity = (money(body.get(name)) for name in ("price", "price_old", "quantity"))
    available = not ABSENT.search(worded(body.get("presence")))
    return ProductData(
        **translate.named(body, settings),
        barcode=text(body, "gtin"),
        group=text(body, "parent_article"),
        price=price,
        old_price=old if old > price else None,
        currency=worded(body.get("currency")) or "UAH",
        quantity=quantity if quantity or not available else None,
        available=available,
        category=re.sub(r"\s*\\\s*", " / ", translate.title(body, "parent", settings)),
        brand=translate.title(body, "brand", settings),
        description=translate.title(body, "description", settings),
        url=translate.title(body, "link", settings),
        pictures=[picture for picture in map(text, body.get("images") or ()) if picture],
        options=filled({"color": translate.title(body, "color", settings)}),
    )
