"""Filling a hub with invented orders, a million in minutes: to try it, to take pictures of it, to measure it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from models import (
    DeliveryMethod,
    Link,
    Order,
    OrderEvent,
    OrderLine,
    OrderSearch,
    OrderType,
    PaymentMethod,
    Product,
    Shop,
    Source,
    Status,
    db,
    insert_into,
    utcnow,
)

from . import bulk, counts, creation, invented, words
from .invented import Chunk, Goods, Inventor, Registries

CHUNK = 10_000
SPAN = timedelta(days=365)
#: what a hub gets that has hardly more than the rows it was born with, so that filters have something to tell apart
_SHOPS = (("Outlet", "UAH"),)
_SOURCES = (("Website", "azure"), ("Instagram", "pink"))
_TABLES = (
    (Order, invented.ORDER_COLUMNS, "orders"),
    (OrderLine, invented.LINE_COLUMNS, "lines"),
    (OrderSearch, invented.SEARCH_COLUMNS, "searches"),
    (OrderEvent, invented.EVENT_COLUMNS, "events"),
    (Link, invented.LINK_COLUMNS, "links"),
)


def fill(
    n: int,
    *,
    origins: Sequence[int] = (),
    destinations: Sequence[int] = (),
    seed: int = 1,
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Add n invented orders with lines, search texts, timeline and counters; returns the first id. Commits.

    They are spread over the year up to now. Ids follow arrival, so where there are orders already the new ones come
    after the newest of them. `origins`, `destinations`: connections to which some get links (no system is called).
    """
    chosen = replace(registries(), origins=tuple(origins), destinations=tuple(destinations))
    newest, there = _newest()
    end = utcnow()
    loader = bulk.loader(rebuild_index=n > there)
    try:
        first_id = loader.reserve(n)
        inventor = Inventor(chosen, first_id, n, max(newest or end - SPAN, end - SPAN), end, seed)
        _load(loader, inventor, n, progress)
    finally:  # an interrupted fill leaves fewer orders, not wrong counters
        loader.close()
        counts.recount()
        db.session.commit()
    return first_id


def _newest() -> tuple[datetime | None, int]:
    """When the newest order came, and about how many there are."""
    created = db.session.scalar(db.select(Order.created_at).order_by(Order.created_at.desc()).limit(1))
    there = db.session.scalar(db.select(db.func.max(Order.id))) or 0
    db.session.rollback()  # the loader writes on a connection of its own
    return created, there


def _load(
    loader: bulk.SqliteLoader | bulk.PostgresLoader, inventor: Inventor, n: int, progress: Callable[[int], None]
) -> None:
    loader.drop_index()
    try:
        for start in range(0, n, CHUNK):
            size = min(CHUNK, n - start)
            _write(loader, inventor.chunk(start, size))
            progress(start + size)
    finally:
        loader.finish()  # an interrupted fill leaves fewer orders, not orders that can't be found


def _write(loader: bulk.SqliteLoader | bulk.PostgresLoader, chunk: Chunk) -> None:
    loader.begin()
    for model, columns, name in _TABLES:
        loader.write(model.__table__, columns, getattr(chunk, name))
    loader.commit()


def registries() -> Registries:
    """What there is to choose from; made where there is too little. Commits."""
    for model, rows, extra in ((Shop, _SHOPS, "currency"), (Source, _SOURCES, "color")):
        names = set(db.session.scalars(db.select(model.name)))
        db.session.add_all(model(name=name, **{extra: more}) for name, more in rows if name not in names)
    found = Registries(
        statuses=_rows(Status, Status.id, Status.group),
        types=_rows(OrderType, OrderType.id, OrderType.key),
        shops=_rows(Shop, Shop.id, Shop.currency),
        sources=[row[0] for row in _rows(Source, Source.id)],
        delivery=_rows(
            DeliveryMethod,
            DeliveryMethod.id,
            DeliveryMethod.kind,
            DeliveryMethod.card_on_delivery,
            DeliveryMethod.postal_code_required,
        ),
        payments=_rows(PaymentMethod, PaymentMethod.id, PaymentMethod.kind),
        goods=_goods(),
    )
    db.session.commit()
    return found


def _rows(model: Any, *columns: Any) -> list[tuple]:
    query = db.select(*columns).where(model.active).order_by(model.position, model.id)
    return [tuple(row) for row in db.session.execute(query)]


def _goods() -> list[Goods]:
    values = [
        {"sku": sku, "name": name, "price": Decimal(price).scaleb(-2), "currency": "UAH", "weight": weight,
         "search_text": creation.product_text(sku, name)}
        for sku, name, price, weight in words.GOODS
    ]  # fmt: skip
    db.session.execute(insert_into(Product).on_conflict_do_nothing(index_elements=["sku"]), values)
    query = db.select(Product.sku, Product.id).where(Product.sku.in_([row[0] for row in words.GOODS]))
    ids = dict(db.session.execute(query).all())
    return [Goods(ids[sku], sku, name, price, weight) for sku, name, price, weight in words.GOODS]
