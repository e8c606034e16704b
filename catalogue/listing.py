"""A page of the catalogue: keyset paging by id, newest first, search by the trigram index (orders/search.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.sql import Select

from models import Category, Offer, Product, db
from orders import search
from orders.listing import Cursor

from .filters import ProductFilter

COUNT_LIMIT = 10_000
START = Cursor()
COLUMNS = (
    Product.id, Product.sku, Product.name, Product.price, Product.old_price, Product.currency, Product.stock,
    Product.active, Product.pictures, Product.variant_of, Product.options, Product.barcode,
    Product.category_id, Category.name.label("category"),
)  # fmt: skip


@dataclass
class Page:
    rows: Sequence[Any]  # of COLUMNS
    newer: int | None  # cursor of the page before, if there is one
    older: int | None
    at_start: bool
    shallow: bool = False  # a term of one or two letters: only the newest products were looked through


def page(f: ProductFilter, cursor: Cursor = START, size: int = 50) -> Page:
    """The products that the filter shows, one page from the cursor on."""
    descending = cursor.way == "next"
    found = _ids(f, cursor, descending, size + 1)
    more = len(found) > size
    found = found[:size]
    rows = by_ids(found)
    has_newer = bool(found) and (cursor.id is not None if descending else more)
    has_older = bool(found) and (more if descending else cursor.id is not None)
    newer = rows[0].id if has_newer else None
    shallow = bool(f.words) and search.are_short(f.words)
    return Page(rows, newer, rows[-1].id if has_older else None, newer is None, shallow)


def by_ids(ids: Sequence[int]) -> Sequence[Any]:
    """Rows of given products, newest first."""
    query = db.select(*COLUMNS).outerjoin(Category, Category.id == Product.category_id).where(Product.id.in_(ids))
    return db.session.execute(query.order_by(Product.id.desc())).all() if ids else []


def _ids(f: ProductFilter, cursor: Cursor, descending: bool, limit: int) -> list[int]:
    """PostgreSQL: a short walk first; it fills the page when the term is common (see orders/listing.py)."""
    query = db.select(Product.id).where(*f.conditions())
    query = query.order_by(Product.id.desc() if descending else Product.id).limit(limit)
    if cursor.id is not None:
        query = query.where(Product.id < cursor.id if descending else Product.id > cursor.id)
    if search.has_trigrams(f.words):
        found = list(db.session.scalars(_walk(query, f.words, cursor, descending)))
        if len(found) >= limit:
            return found
    return _matching(query, f.words, descending)


def _matching(query: Select[Any], words: Sequence[str], descending: bool = True) -> list[int]:
    if search.has_trigrams(words):
        hits = _hits(words)
        with search.trigram_index_only():
            return list(db.session.scalars(query.join(hits, hits.c.id == Product.id)))
    if words:
        query = _newest_only(query, words) if search.are_short(words) else _fts(query, words, descending)
    return list(db.session.scalars(query))


def _like(words: Sequence[str]) -> list[Any]:
    return [Product.search_text.like(search.like(word), escape="\\") for word in words]


def _top() -> int:
    return db.session.scalar(db.select(db.func.max(Product.id))) or 0


def _newest_only(query: Select[Any], words: Sequence[str]) -> Select[Any]:
    return query.where(Product.id > _top() - search.SHORT_TERM_DEPTH, *_like(words))


def _fts(query: Select[Any], words: Sequence[str], descending: bool) -> Select[Any]:
    """FTS5 gives its matches in order of row id, which is the product's: the walk stops after a page."""
    fts = db.table("product_search_fts", db.column("rowid"), db.column("product_search_fts"))
    query = query.select_from(fts).join(Product, db.literal_column("products.id") == fts.c.rowid).order_by(None)
    query = query.where(
        fts.c.product_search_fts.op("MATCH")(search.fts_terms(words)), *_like([w for w in words if len(w) < 3])
    )
    return query.order_by(fts.c.rowid.desc() if descending else fts.c.rowid)


def _walk(query: Select[Any], words: Sequence[str], cursor: Cursor, descending: bool) -> Select[Any]:
    """Look through a few thousand products from the page's edge on."""
    if descending:
        query = query.where(Product.id >= (cursor.id or _top() + 1) - search.WALK)
    else:
        query = query.where(Product.id <= (cursor.id or 0) + search.WALK)
    return query.where(*_like(words))


def _hits(words: Sequence[str]) -> Any:
    return db.select(Product.id).where(*_like(words)).cte("hits").prefix_with("MATERIALIZED", dialect="postgresql")


def ids(f: ProductFilter, limit: int | None = None) -> list[int]:
    """The ids of all that the filter shows, newest first ("choose all found")."""
    query = db.select(Product.id).where(*f.conditions()).order_by(Product.id.desc()).limit(limit)
    return _matching(query, f.words)


def total_found(f: ProductFilter) -> tuple[int, bool]:
    """How many the filter shows, and whether that is exact; past COUNT_LIMIT it stops counting."""
    if f.words:
        found = len(ids(f, COUNT_LIMIT + 1))
    else:
        some = db.select(Product.id).where(*f.conditions()).limit(COUNT_LIMIT + 1).subquery()
        found = db.session.scalar(db.select(db.func.count()).select_from(some)) or 0
    return min(found, COUNT_LIMIT), found <= COUNT_LIMIT


def fits(f: ProductFilter, product_id: int) -> bool:
    """Does the filter still show it?"""
    query = db.select(Product.id).where(Product.id == product_id, *f.conditions(), *_like(f.words))
    return db.session.scalar(query) is not None


def sold_at(product_ids: Sequence[int]) -> dict[int, dict[int, bool]]:
    """Product id -> connection id -> is it offered there still."""
    query = db.select(Offer.product_id, Offer.connection_id, Offer.gone_at).where(Offer.product_id.in_(product_ids))
    found: dict[int, dict[int, bool]] = {}
    for product_id, connection_id, gone_at in db.session.execute(query) if product_ids else ():
        here = found.setdefault(product_id, {})
        here[connection_id] = here.get(connection_id, False) or gone_at is None
    return found
