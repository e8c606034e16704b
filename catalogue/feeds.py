"""A price list in YML written from plain values, or from the database, as a stream: never more than a batch is held.

Format: https://yandex.ru/support/partnermarketplace/ru/export/yml, and name_ua and stock_quantity of Ukrainian
marketplaces. Elements are joined as strings: making a tree of each offer takes twice as long.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from models import Category, Prepared, Product, db

#: offers in a piece, products in a query
BATCH = 1000
#: characters that XML 1.0, or UTF-8, can't hold in any form
_NEVER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
COLUMNS = (
    Product.id, Product.sku, Product.name, Product.price, Product.old_price, Product.currency, Product.stock,
    Product.barcode, Product.brand, Product.description, Product.url, Product.category_id, Product.variant_of,
    Product.weight, Product.length, Product.width, Product.height, Product.pictures, Product.options,
)  # fmt: skip
_next = Prepared(
    db.select(*COLUMNS).where(Product.active, Product.id > db.bindparam("after")).order_by(Product.id).limit(BATCH),
    same_plan=True,
)


@dataclass(frozen=True)
class Shop:
    """Who offers."""

    name: str
    company: str = ""
    url: str = ""


def text(value: str) -> str:
    """As the text of an element."""
    if "&" in value:
        value = value.replace("&", "&amp;")
    if "<" in value:
        value = value.replace("<", "&lt;")
    if ">" in value:
        value = value.replace(">", "&gt;")
    return value if value.isprintable() else _NEVER.sub("", value)


@lru_cache(maxsize=2000)
def _attribute(value: str) -> str:
    """Names of properties repeat from offer to offer."""
    return text(value).replace('"', "&quot;")


def offer(one: Mapping[str, Any]) -> str:
    """One offer of these values: id, name, price, and what else there is (see `values`)."""
    get = one.get
    identity = one["id"]
    group = f' group_id="{_attribute(str(one["group"]))}"' if get("group") else ""
    parts = [
        f'<offer id="{identity if type(identity) is int else _attribute(identity)}" '
        f'available="{"true" if get("available", True) else "false"}"{group}><price>{one["price"]}</price>'
        f"<currencyId>{one['currency']}</currencyId><name>{text(one['name'])}</name>"
    ]
    for key, begin, end in _TEXTS:
        if value := get(key):
            parts.append(f"{begin}{text(value)}{end}")
    for key, begin, end in _PLAIN:
        if (value := get(key)) is not None:
            parts.append(f"{begin}{value}{end}")
    for url in get("pictures", ()):
        parts.append(f"<picture>{text(url)}</picture>")
    for name, value in get("options", _NOTHING).items():
        parts.append(f'<param name="{_attribute(name)}">{text(value)}</param>')
    parts.append("</offer>\n")
    return "".join(parts)


def _tags(pairs: Sequence[tuple[str, str]]) -> tuple[tuple[str, str, str], ...]:
    return tuple((key, f"<{tag}>", f"</{tag}>") for key, tag in pairs)


_NOTHING: Mapping[str, str] = {}
_TEXTS = _tags(
    (
        ("url", "url"),
        ("sku", "vendorCode"),
        ("brand", "vendor"),
        ("barcode", "barcode"),
        ("description", "description"),
    )
)
_PLAIN = _tags(
    (
        ("old_price", "oldprice"),
        ("category_id", "categoryId"),
        ("quantity", "stock_quantity"),
        ("weight", "weight"),
        ("dimensions", "dimensions"),
    )
)


def written(
    shop: Shop,
    made_at: datetime,
    categories: Sequence[tuple[int, int | None, str]],
    offers: Iterable[Mapping[str, Any]],
) -> Iterator[bytes]:
    """The file, piece by piece. `categories`: (id, parent's id, name)."""
    yield _head(shop, made_at, categories).encode()
    piece: list[str] = []
    for one in offers:
        piece.append(offer(one))
        if len(piece) >= BATCH:
            yield "".join(piece).encode()
            piece.clear()
    piece.append("</offers></shop></yml_catalog>\n")
    yield "".join(piece).encode()


def _head(shop: Shop, made_at: datetime, categories: Sequence[tuple[int, int | None, str]]) -> str:
    rows = [
        f'<category id="{key}"{f" parentId={chr(34)}{parent}{chr(34)}" if parent else ""}>{text(name)}</category>'
        for key, parent, name in categories
    ]
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE yml_catalog SYSTEM "shops.dtd">\n'
        f'<yml_catalog date="{made_at:%Y-%m-%d %H:%M}"><shop><name>{text(shop.name)}</name>'
        f"<company>{text(shop.company or shop.name)}</company><url>{text(shop.url)}</url>"
        f'<currencies><currency id="UAH" rate="1"/></currencies><categories>{"".join(rows)}</categories><offers>\n'
    )


def of_catalogue(shop: Shop, made_at: datetime) -> Iterator[bytes]:
    """The price list of all products that aren't hidden. Each batch is a transaction of its own."""
    categories = [tuple(row) for row in db.session.execute(db.select(Category.id, Category.parent_id, Category.name))]
    db.session.rollback()
    yield from written(shop, made_at, categories, _products())


def _products() -> Iterator[dict[str, Any]]:
    after = 0
    while rows := _next.rows(after=after):
        db.session.rollback()
        yield from map(values, rows)
        after = rows[-1].id


def values(row: Any) -> dict[str, Any]:
    """What `offer` wants of a product."""
    found = {
        "id": row.id,
        "sku": row.sku,
        "name": row.name,
        "price": row.price,
        "old_price": row.old_price,
        "currency": row.currency,
        "available": row.stock is None or row.stock > 0,
        "quantity": None if row.stock is None else _whole(row.stock),
        "category_id": row.category_id,
        "group": row.variant_of,
        "barcode": row.barcode,
        "brand": row.brand,
        "url": row.url,
        "description": row.description,
        "pictures": [picture["url"] for picture in row.pictures],
        "options": row.options,
    }
    if row.weight:
        found["weight"] = f"{row.weight / 1000:g}"
    if row.length and row.width and row.height:
        found["dimensions"] = f"{row.length / 10:g}/{row.width / 10:g}/{row.height / 10:g}"
    return found


def _whole(quantity: Decimal) -> int:
    return int(quantity) if quantity > 0 else 0
