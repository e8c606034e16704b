"""A price list in YML written from plain values, or from the database, as a stream: never more than a batch is held.

Format: https://yandex.ru/support/partnermarketplace/ru/export/yml, and name_ua and stock_quantity of Ukrainian
marketplaces. Elements are joined as strings: making a tree of each offer takes twice as long.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Text, cast, type_coerce

from models import Category, Prepared, Product, db

#: offers in a piece, products in a query
BATCH = 1000
#: characters that XML 1.0, or UTF-8, can't hold in any form
_NEVER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
#: as the database has them: prices in hundredths, stock in thousandths, and JSON as text, which is read only as far as
#: it is written out
COLUMNS = (
    Product.id, Product.sku, Product.name, *(type_coerce(c, BigInteger) for c in (Product.price, Product.old_price)),
    Product.currency, type_coerce(Product.stock, BigInteger), Product.barcode, Product.brand, Product.description,
    Product.url, Product.category_id, Product.variant_of, Product.weight, Product.length, Product.width,
    Product.height, cast(Product.pictures, Text), cast(Product.options, Text),
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
    while rows := _next.raw(after=after):
        db.session.rollback()
        yield from map(values, rows)
        after = rows[-1][0]


def values(row: Sequence[Any]) -> dict[str, Any]:
    """What `offer` wants of a product, given as the COLUMNS."""
    identity, sku, name, price, old_price, currency, stock, barcode, brand, description, *rest = row
    url, category_id, variant_of, weight, length, width, height, pictures, options = rest
    found = {
        "id": identity,
        "sku": sku,
        "name": name,
        "price": _amount(price),
        "old_price": None if old_price is None else _amount(old_price),
        "currency": currency,
        "available": stock is None or stock > 0,
        "quantity": None if stock is None else max(stock, 0) // 1000,
        "category_id": category_id,
        "group": variant_of,
        "barcode": barcode,
        "brand": brand,
        "url": url,
        "description": description,
        "pictures": _pictures(pictures),
        "options": _options(options),
    }
    if weight:
        found["weight"] = f"{weight / 1000:g}"
    if length and width and height:
        found["dimensions"] = f"{length / 10:g}/{width / 10:g}/{height / 10:g}"
    return found


def _amount(hundredths: int) -> str:
    whole, rest = divmod(abs(hundredths), 100)
    return f"{'-' if hundredths < 0 else ''}{whole}.{rest:02}"


_URLS = re.compile(r'"url": ?"([^"]*)"').findall


def _pictures(kept: str) -> list[str]:
    """Their addresses. In JSON without a backslash each quotation mark begins or ends a text, so that a search finds
    what a parser would, in a third of the time."""
    if "\\" not in kept:
        return _URLS(kept)
    return [picture["url"] for picture in json.loads(kept)]


@lru_cache(maxsize=2000)
def _options(kept: str) -> Mapping[str, str]:
    """Variants of many products are told apart by the same words."""
    found: Mapping[str, str] = json.loads(kept)
    return found
