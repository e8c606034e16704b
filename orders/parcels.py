"""How heavy and how big a parcel is, as its shop says: as typed, a usual parcel, or counted from the products."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from flask import current_app

from models import Prepared, Product, Shop, among, db

#: millimetres, longest side first; noughts = unknown
Sizes = tuple[int, int, int]
SIDES = ("length", "width", "height")
UNKNOWN: Sizes = (0, 0, 0)
#: what the shops say is known so long without asking again
SECONDS = 2.0

_product, _shop = Product.__table__.c, Shop.__table__.c
_SIZES = Prepared(
    db.select(_product.sku, _product.length, _product.width, _product.height).where(
        among(_product.sku, "skus", str), _product.length > 0
    ),
    same_plan=True,
)
_USUAL = Prepared(
    db.select(
        _shop.id, _shop.parcel, _shop.parcel_weight, _shop.parcel_length, _shop.parcel_width, _shop.parcel_height
    ).where(_shop.parcel != ""),
    same_plan=True,
)


def usual(shop_id: int | None) -> Any | None:
    """What the shop says of its parcels, as a row; None = it leaves them as typed."""
    known = current_app.extensions.get("usual_parcels")
    now = time.monotonic()
    if known is None or known[0] < now:
        known = current_app.extensions["usual_parcels"] = (now + SECONDS, {row.id: row for row in _USUAL.rows()})
    return known[1].get(shop_id)


def forget_usual() -> None:
    """Shops have changed: look again."""
    current_app.extensions.pop("usual_parcels", None)


def follow(row: dict[str, Any], lines: Sequence[Mapping[str, Any]]) -> None:
    """Weight and sizes of an order whose automatic box is on, in place. A usual parcel fills what nothing else says;
    sizes counted from products follow the lines."""
    shop = usual(row.get("shop_id"))
    if shop is not None and row.get("auto_weight", True):
        row |= measured(shop, row, lines)


def are_counted(row: Mapping[str, Any]) -> bool:
    """Whether the order's sizes follow its products, so that nobody types them."""
    shop = usual(row.get("shop_id"))
    return shop is not None and shop.parcel == "products" and bool(row.get("auto_weight", True))


def sizes_of(lines: Iterable[Mapping[str, Any]]) -> dict[str, Sizes]:
    """SKU -> sizes, of the products in these lines whose sizes are known."""
    skus = {line["sku"] for line in lines if line.get("sku")}
    if not skus:
        return {}
    return {row.sku: _sorted(row.length, row.width, row.height) for row in _SIZES.rows(skus=list(skus))}


def measured(shop: Any, row: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Weight and sizes for an order of the shop, a row of `usual`. `row`: the order, its weight counted already."""
    packed = (
        stacked(lines, sizes_of(lines)) if shop.parcel == "products" else tuple(row.get(side) or 0 for side in SIDES)
    )
    if packed == UNKNOWN:
        packed = (shop.parcel_length, shop.parcel_width, shop.parcel_height)
    return dict(zip(SIDES, packed, strict=True)) | ({} if row.get("weight") else {"weight": shop.parcel_weight})


def stacked(lines: Iterable[Mapping[str, Any]], sizes: Mapping[str, Sizes]) -> Sizes:
    """The box that holds all pieces, each on its largest side, one on top of the other. Pieces without known sizes are
    taken for none."""
    length = width = 0
    height = Decimal(0)
    for line in lines:
        piece = sizes.get(line.get("sku") or "", UNKNOWN)
        length, width = max(length, piece[0]), max(width, piece[1])
        height += piece[2] * Decimal(line["quantity"])
    return _sorted(length, width, int(height.to_integral_value(rounding="ROUND_CEILING")))


def _sorted(*sides: int) -> Sizes:
    longest, middle, shortest = sorted(sides, reverse=True)
    return longest, middle, shortest
