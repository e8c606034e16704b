"""Changes to products by people: one of them, or many at once. All in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from models import Offer, Prepared, Product, among, db, update_rows, utcnow
from models.base import Quantity
from orders import creation, stock

#: ids in one statement
PART = 5_000
CENT = Decimal("0.01")
LARGEST = Decimal("9999999999.99")


class Taken(Exception):
    """Another product has this SKU."""


def put(product: Product, values: Mapping[str, Any]) -> None:
    """Give a product these columns. Raises Taken."""
    if "sku" in values and values["sku"] != product.sku and by_sku(values["sku"]):
        raise Taken
    for name, value in values.items():
        setattr(product, name, value)
    product.search_text = creation.product_text(product.sku, product.name)
    product.updated_at = utcnow()
    db.session.add(product)


def by_sku(sku: str) -> Product | None:
    found: Product | None = db.session.scalar(db.select(Product).where(Product.sku == sku))
    return found


def _many(**values: Any) -> Prepared:
    table = Product.__table__
    changed = db.bindparam("now", type_=Product.updated_at.type)
    return Prepared(
        db.update(table).where(among(table.c.id, "ids")).values(**values, updated_at=changed), same_plan=True
    )


_to = db.bindparam
_BULK = {
    "category": _many(category_id=_to("value", type_=Product.category_id.type)),
    "active": _many(active=_to("value", type_=Product.active.type)),
    "stock": _many(stock=_to("value", type_=Quantity())),
}


def change_many(product_ids: Sequence[int], what: str, value: Any) -> int:
    """Give many products the same `category` (id or None), `active` or `stock`; returns how many there were."""
    done = sum(
        _BULK[what].run(ids=list(product_ids[i : i + PART]), value=value, now=utcnow())
        for i in range(0, len(product_ids), PART)
    )
    if what == "stock":
        stock.changed(product_ids)
    return done


def raise_prices(product_ids: Sequence[int], percent: Decimal) -> int:
    """Prices by so many percent, up or down, to a hundredth of the currency."""
    table = Product.__table__
    factor = (Decimal(100) + percent) / 100
    done = 0
    for i in range(0, len(product_ids), PART):
        part = list(product_ids[i : i + PART])
        prices = db.session.execute(
            db.select(table.c.id, table.c.price).where(among(table.c.id, "ids")).with_for_update(), {"ids": part}
        )
        now = utcnow()
        rows = [
            {"id": row.id, "price": min((row.price * factor).quantize(CENT, ROUND_HALF_UP), LARGEST), "updated_at": now}
            for row in prices
        ]
        update_rows(Product, rows)
        done += len(rows)
    return done


def offers_of(product_id: int) -> Sequence[Offer]:
    return db.session.scalars(db.select(Offer).filter_by(product_id=product_id).order_by(Offer.id)).all()


def variants_of(product: Product) -> Sequence[Product]:
    """The products of one model, its main one first; none for a product that stands alone."""
    main = product.variant_of or product.id
    query = db.select(Product).where(db.or_(Product.id == main, Product.variant_of == main)).order_by(Product.id)
    found = db.session.scalars(query).all()
    return found if len(found) > 1 else []
