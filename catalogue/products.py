"""Finding products by name or SKU while an order is made."""

from __future__ import annotations

from collections.abc import Sequence

from models import Product, db
from orders import search


def find(query: str, limit: int = 20) -> Sequence[Product]:
    """Active products with every word of the query in their SKU or name; an exact SKU comes first."""
    words = search.terms(query)
    conditions = [Product.search_text.like(search.like(word), escape="\\") for word in words]
    exact = db.case((Product.sku == query.strip(), 0), else_=1)
    return db.session.scalars(
        db.select(Product).where(Product.active, *conditions).order_by(exact, Product.name).limit(limit)
    ).all()
