"""What products take over from their offers, and what becomes of those that aren't offered any more. All in the
caller's transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from catalogue.categories import Known
from catalogue.rules import Rule
from integrations.types import ProductData
from models import Offer, Prepared, Product, among, db, update_rows, utcnow
from orders import creation, stock

ZERO = Decimal(0)
PRICE = ("price", "old_price", "currency")
MEASURES = ("weight", "length", "width", "height")
#: the most that is told of what a reading did to products, of each kind
TOLD = 1000
#: what of a rule's `follow` hangs on which news; "rest" = whatever isn't price or stock
ON = {"price": "price", "stock": "stock", "back": "back"}
ALL = frozenset({"price", "stock", "rest"})
_products_of = Prepared(
    db.select(
        Offer.id, Offer.product_id, Offer.external_id, Product.sku, Product.name, Product.stock, Product.active,
        Product.brand, Product.description, Product.pictures, Product.category_id,
        *(getattr(Product, name) for name in (*PRICE, *MEASURES)),
    )
    .join(Product, Product.id == Offer.product_id)
    .where(among(Offer.id, "ids"))
    .order_by(Offer.id)
)  # fmt: skip


@dataclass(frozen=True)
class News:
    """An offer that is new or differs from what is kept. `what`: price, stock, rest (whatever else); back: it was gone.
    `told`: its columns of price and stock."""

    id: int
    product_id: int | None
    offer: ProductData
    told: Mapping[str, Any]
    what: frozenset[str]


@dataclass(frozen=True)
class Change:
    """What became of a product. `kind`: of models.CHANGES; `changes`: {field: [before, after]} as texts."""

    kind: str
    product_id: int | None
    external_id: str
    name: str
    changes: dict[str, list[str]] = field(default_factory=dict)


def follow(rule: Rule, news: Sequence[News], categories: Known) -> list[Change]:
    """Let the products of these offers have what the rule lets them follow; what that changed."""
    fields = [*rule.follow, *(("back",) if rule.gone == "hide" else ())]
    by_id = {n.id: n for n in news}
    paths = _paths(categories, news) if "category" in fields else {}
    rows: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
    told: dict[int, Change] = {}
    for row in _products_of.rows(ids=list(by_id)) if by_id and fields else ():
        found = by_id[row.id]
        for what in fields:
            values = _VALUES[what](found, row, paths) if ON.get(what, "rest") in found.what else {}
            differs = any(getattr(row, name, value) != value for name, value in values.items())
            if differs or (values and row.product_id in rows[what]):
                rows[what][row.product_id] = {"id": row.product_id, "updated_at": utcnow(), **values}
                change = Change("updated", row.product_id, row.external_id, row.name)
                told.setdefault(row.product_id, change).changes[what] = [
                    _WORDS[what](of, paths) for of in (partial(getattr, row), values.__getitem__)
                ]
    for changed in rows.values():
        update_rows(Product, [changed[key] for key in sorted(changed)])
    stock.changed(sorted(rows["stock"]))
    return list(told.values())


def made(product_id: int, offer: Any) -> Change:
    """Of the row of an offer that became a product."""
    told = {"price": ["", f"{offer.price:f} {offer.currency}"]}
    if (pieces := stock_of(offer.quantity, offer.available)) is not None:
        told["stock"] = ["", counted(pieces)]
    return Change("made", product_id, offer.external_id, offer.name, told)


def _paths(categories: Known, news: Sequence[News]) -> Mapping[str, int]:
    return categories.ids({n.offer.category for n in news if n.offer.category and "rest" in n.what})


def _pictures(offer: ProductData, row: Any) -> list[dict[str, Any]]:
    """What was found out about a picture stays with its address."""
    known = {one["url"]: one for one in row.pictures}
    return [known.get(url, {"url": url}) for url in offer.pictures] or row.pictures


def _named(news: News, row: Any, _paths: Mapping[str, int]) -> dict[str, Any]:
    name = news.offer.name[:300]
    return {"name": name, "search_text": creation.product_text(row.sku, name)}


def _texts(news: News, row: Any, _paths: Mapping[str, int]) -> dict[str, Any]:
    offer = news.offer
    return {"brand": offer.brand[:100] or row.brand, "description": offer.description or row.description}


def _stock(news: News, _row: Any, _paths: Mapping[str, int]) -> dict[str, Any]:
    return {"stock": stock_of(news.told["quantity"], news.told["available"])}


#: what follows -> the columns of a product that are to hold something else; what an offer doesn't tell stays
_VALUES: dict[str, Callable[[News, Any, Mapping[str, int]], dict[str, Any]]] = {
    "price": lambda news, row, paths: {column: news.told[column] for column in PRICE},
    "stock": _stock,
    "names": _named,
    "texts": _texts,
    "pictures": lambda news, row, paths: {"pictures": _pictures(news.offer, row)},
    "category": lambda news, row, paths: {"category_id": paths.get(news.offer.category, row.category_id)},
    "measures": lambda news, row, paths: {name: getattr(news.offer, name) or getattr(row, name) for name in MEASURES},
    "back": lambda news, row, paths: {"active": True},
}
#: the same as texts for the report; `of` gives a column's value
_WORDS: dict[str, Callable[[Callable[[str], Any], Mapping[str, int]], str]] = {
    "price": lambda of, paths: f"{of('price'):f} {of('currency')}",
    "stock": lambda of, paths: counted(of("stock")),
    "names": lambda of, paths: str(of("name")),
    "texts": lambda of, paths: " · ".join(filter(None, (of("brand"), of("description")[:100]))),
    "pictures": lambda of, paths: str(len(of("pictures"))),
    "category": lambda of, paths: next((path for path, key in paths.items() if key == of("category_id")), ""),
    "measures": lambda of, paths: " × ".join(str(of(name)) for name in MEASURES),
    "back": lambda of, paths: "shown" if of("active") else "hidden",
}


def counted(quantity: Decimal | None) -> str:
    return "" if quantity is None else f"{quantity.normalize():f}"


def stock_of(quantity: Decimal | None, available: bool) -> Decimal | None:
    """What a product has of it; None = not counted. Systems that tell no quantity say at least when there is none."""
    return quantity if quantity is not None else (None if available else ZERO)


def mark_gone(connection_id: int, rule: Rule, before: datetime) -> tuple[int, list[Change]]:
    """After a complete reading that began then: what it has not brought is gone. How many offers are, and what became
    of their products (the first of them)."""
    now = utcnow()
    missing = (Offer.connection_id == connection_id, Offer.seen_at < before, Offer.gone_at.is_(None))
    there = _sold(missing)
    quiet: dict[str, Any] = {"execution_options": {"synchronize_session": False}}
    done: Any = db.session.execute(db.update(Offer).where(*missing).values(gone_at=now), **quiet)
    if not done.rowcount:
        return 0, []
    touched = _give_up(connection_id, rule, now) if rule.gone != "nothing" else set()
    return int(done.rowcount), [_gone(row, rule, touched) for row in there]


def _sold(missing: Sequence[Any]) -> Sequence[Any]:
    columns = (
        Offer.external_id,
        Offer.name,
        Offer.product_id,
        Product.name.label("ours"),
        Product.stock,
        Product.active,
    )
    query = db.select(*columns).outerjoin(Product, Product.id == Offer.product_id).where(*missing)
    return db.session.execute(query.order_by(Offer.id).limit(TOLD)).all()


def _give_up(connection_id: int, rule: Rule, now: datetime) -> set[int]:
    """Products that this connection has just stopped to offer, and nobody else offers, as the rule says."""
    there = db.select(Offer.id).where(Offer.product_id == Product.id, Offer.gone_at.is_(None))
    gone = db.select(Offer.product_id).where(
        Offer.connection_id == connection_id, Offer.gone_at == now, *rule.taking(Offer.category)
    )
    values: dict[str, Any] = {"stock": ZERO} if rule.gone == "none_left" else {"active": False}
    query = db.update(Product).where(Product.id.in_(gone.where(Offer.product_id.is_not(None))), ~there.exists())
    options = {"synchronize_session": False}
    found = db.session.scalars(
        query.values(**values, updated_at=utcnow()).returning(Product.id), execution_options=options
    )
    ids = set(found.all())
    stock.changed(sorted(ids) if "stock" in values else ())
    return ids


def _gone(row: Any, rule: Rule, touched: set[int]) -> Change:
    changes: dict[str, list[str]] = {}
    if row.product_id in touched:
        if rule.gone == "none_left":
            changes["stock"] = [counted(row.stock), "0"]
        elif row.active:
            changes["back"] = ["shown", "hidden"]
    return Change("gone", row.product_id, row.external_id, row.ours or row.name, changes)
