"""What is there to sell: accepted orders take goods off, cancelled ones give them back, systems are told.

Where the owner has switched it on (Settings, Stock), the lines of an order reduce their products' stock when the order
becomes accepted, follow its lines while it stays so, and are given back when it is cancelled, deleted, or goes back to
new. Only products whose stock is counted change. `stock_taken` says what an order holds, so nothing is taken twice.
Orders that were accepted before it was switched on hold nothing, and give nothing back.

Whoever changes a product's stock with objects of the session need do nothing more; set-based changes call `changed`.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from flask import current_app
from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from models import (
    Connection,
    Link,
    Offer,
    Option,
    Order,
    OrderLine,
    Prepared,
    Product,
    Status,
    StockNews,
    StockTaken,
    add_rows,
    among,
    db,
    insert_into,
    utcnow,
)

#: the option of the whole hub: {"since": ISO time}; no row = orders leave stock alone
WRITE_OFF = "stock_write_off"
#: the setting of a connection whose system is to be told
TELL = "tell_stock"
#: groups of statuses whose orders hold their goods, and those whose orders don't; a problem leaves it as it was
HOLD = ("confirmed", "transferred")
FREE = ("new", "preorder", "cancelled", "deleted")
CHUNK = 500
SECONDS = 2.0  # for so long the option is not asked for again
Wanted = Mapping[int, Mapping[int, Decimal]]  # order -> product -> pieces


def since() -> datetime | None:
    """When orders began to take stock; None = they don't."""
    known = current_app.extensions.get(WRITE_OFF)
    now = time.monotonic()
    if known is None or known[0] < now:
        value = db.session.scalar(db.select(Option.value).where(Option.key == WRITE_OFF))
        begun = datetime.fromisoformat(value["since"]) if value else None
        known = current_app.extensions[WRITE_OFF] = (now + SECONDS, begun)
    found: datetime | None = known[1]
    return found


def switch(on: bool) -> None:
    """In the caller's transaction. Other processes follow two seconds later."""
    if on == (since() is not None):
        return
    db.session.execute(db.delete(Option).where(Option.key == WRITE_OFF))
    if on:
        db.session.add(Option(key=WRITE_OFF, value={"since": utcnow().isoformat()}))
        db.session.flush()
    current_app.extensions.pop(WRITE_OFF, None)


def follow(before: Mapping[int, str], group: str) -> None:
    """Orders got a status of `group`; `before`: id -> the group that they were in. They are locked."""
    if not before or since() is None:
        return
    if group in HOLD:
        ids = [order_id for order_id, was in before.items() if was not in HOLD]
        _settle(ids, _wanted(ids))
    elif group in FREE:
        _settle(list(before), {})


def arrived(order_ids: Sequence[int]) -> None:
    """Orders were made: those that came accepted take theirs, unless they were placed before it was switched on."""
    if not order_ids or (begun := since()) is None:
        return
    query = db.select(Order.id).join(Status).where(Order.id.in_(order_ids), Status.group.in_(HOLD))
    ids = list(db.session.scalars(query.where(Order.placed_at >= begun)))
    if ids:
        _settle(ids, _wanted(ids))


def edited(order_id: int) -> None:
    """The lines of an order have changed; it is locked."""
    if (begun := since()) is None:
        return
    query = db.select(Order.created_at, Status.group).join(Status).where(Order.id == order_id)
    row = db.session.execute(query).one()
    has = db.session.scalar(db.select(StockTaken.id).where(StockTaken.order_id == order_id).limit(1))
    if row.group in HOLD and (has is not None or row.created_at >= begun):
        _settle([order_id], _wanted([order_id]))


_lines, _links, _offers = OrderLine.__table__, Link.__table__, Offer.__table__
_LINES = Prepared(
    db.select(_lines.c.order_id, _lines.c.product_id, _lines.c.sku, _lines.c.external_id, _lines.c.quantity).where(
        among(_lines.c.order_id, "ids")
    ),
    same_plan=True,
)


def _wanted(order_ids: Sequence[int]) -> Wanted:
    """What these orders' lines need. A line's product: the one chosen by hand, else what its offer in the source is
    matched with, else the one of its SKU."""
    lines = _LINES.rows(ids=list(order_ids))
    sold = _sold_as(order_ids, [row.external_id for row in lines if row.external_id and not row.product_id])
    skus = {row.sku for row in lines if row.sku}
    by_sku = dict(db.session.execute(db.select(Product.sku, Product.id).where(Product.sku.in_(skus))).all())
    found: dict[int, dict[int, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in lines:
        product = row.product_id or sold.get((row.order_id, row.external_id)) or by_sku.get(row.sku)
        if product:
            found[row.order_id][product] += row.quantity
    return found


def _sold_as(order_ids: Sequence[int], external_ids: Sequence[str]) -> dict[tuple[int, str], int]:
    """(order, external id of a line) -> product, as the catalogue of the order's source is matched."""
    if not external_ids:
        return {}
    found = {}
    for column in (Offer.own_id, Offer.external_id):  # the system's own id counts for more
        query = (
            db.select(Link.order_id, column, Offer.product_id)
            .join(Offer, Offer.connection_id == Link.connection_id)
            .where(Link.order_id.in_(order_ids), Link.role == "source", column.in_(set(external_ids)))
            .where(Offer.product_id.is_not(None))
        )
        found.update({(order_id, external): product for order_id, external, product in db.session.execute(query)})
    return found


def _settle(order_ids: Sequence[int], wanted: Wanted) -> None:
    """Make these orders hold what is wanted and nothing else."""
    query = db.select(StockTaken).where(StockTaken.order_id.in_(order_ids)).execution_options(populate_existing=True)
    held = {(row.order_id, row.product_id): row for row in db.session.scalars(query)}
    need = {(order_id, product): n for order_id in order_ids for product, n in wanted.get(order_id, {}).items()}
    changed = {key for key in {*held, *need} if key not in held or key not in need or held[key].quantity != need[key]}
    counted = _counted({product for _, product in changed})
    less: dict[int, Decimal] = defaultdict(Decimal)
    new = []
    for key in sorted(changed):
        row, quantity = held.get(key), need.get(key, Decimal(0))
        was = row.taken if row else Decimal(0)
        now = _taken(was, quantity - (row.quantity if row else 0), key in need) if key[1] in counted else was
        less[key[1]] += now - was
        if row is None:
            new.append({"order_id": key[0], "product_id": key[1], "quantity": quantity, "taken": now})
        elif key in need:
            row.quantity, row.taken = quantity, now
        else:
            db.session.delete(row)
    add_rows(StockTaken, new)
    _reduce({product: n for product, n in less.items() if n})


def _taken(before: Decimal, more: Decimal, needed: bool) -> Decimal:
    """What an order holds after its line grew by `more`. What was never taken, since it wasn't counted then, is not
    given back."""
    return max(before + more, Decimal(0)) if needed else Decimal(0)


def _counted(product_ids: Iterable[int]) -> set[int]:
    """Which of these are counted; they stay locked, in the order of their ids, so that nobody waits in a circle."""
    query = db.select(Product.id).where(Product.id.in_(product_ids), Product.stock.is_not(None))
    return set(db.session.scalars(query.order_by(Product.id).with_for_update(of=Product)))


_products = Product.__table__
_REDUCE = Prepared(
    db.update(_products)
    .where(_products.c.id == db.bindparam("product"))
    .values(
        stock=_products.c.stock - db.bindparam("less", type_=_products.c.stock.type),
        updated_at=db.bindparam("now", type_=_products.c.updated_at.type),
    ),
    same_plan=True,
)


def _reduce(less: Mapping[int, Decimal]) -> None:
    if not less:
        return
    now = utcnow()
    _REDUCE.run_many([{"product": product, "less": n, "now": now} for product, n in sorted(less.items())])
    for row in list(db.session.identity_map.values()):
        if isinstance(row, Product) and row.id in less:
            db.session.expire(row)
    changed(list(less))


def changed(product_ids: Sequence[int]) -> None:
    """The stock of these products, or what they are sold as, has changed: systems are to be told, in the caller's
    transaction."""
    db.session.flush()
    _tell(db.session(), product_ids)


def _tell(session: Session, product_ids: Sequence[int]) -> None:
    if not product_ids or not (connections := tellers(session)):
        return
    offers = db.select(Offer.connection_id, Offer.id).where(
        Offer.connection_id.in_(connections), Offer.gone_at.is_(None)
    )
    for start in range(0, len(product_ids), CHUNK):
        part = offers.where(Offer.product_id.in_(product_ids[start : start + CHUNK]))
        if rows := session.connection().execute(part).all():
            ask(session, rows)


def tellers(session: Session | None = None) -> list[int]:
    """The connections whose systems are told."""
    query = db.select(Connection.id, Connection.settings).where(Connection.enabled, Connection.removed_at.is_(None))
    rows = (session or db.session()).connection().execute(query)
    return [row.id for row in rows if (row.settings or {}).get(TELL)]


def ask(session: Session, offers: Sequence[Any]) -> None:
    """Have systems told of these offers, given as (connection id, offer id)."""
    now = utcnow()
    blank = {"state": "waiting", "revision": 1, "uncertain": False, "at": now, "not_before": now, "tries": 0}
    values = [{**blank, "connection_id": c, "offer_id": o, "fault": "", "detail": ""} for c, o in offers]
    again = {"state": "waiting", "revision": StockNews.revision + 1, "not_before": now, "tries": 0, "at": now}
    query = insert_into(StockNews).on_conflict_do_update(index_elements=["offer_id"], set_=again)
    session.connection().execute(query, values)
    session.info.setdefault("jobs", set()).update(("stock", connection) for connection, _ in offers)


def watch(session_class: type[Session]) -> None:
    """Notice changes of products that are made with objects of the session."""
    if not event.contains(session_class, "after_flush", _flushed):
        event.listen(session_class, "after_flush", _flushed)


def _flushed(session: Session, _context: Any) -> None:
    ids: list[int] = [
        row.id for row in session.dirty if isinstance(row, Product) and inspect(row).attrs.stock.history.added
    ]
    offers = [row.product_id or 0 for row in (*session.dirty, *session.new) if isinstance(row, Offer) and _matched(row)]
    if wanted := [*ids, *offers]:
        _tell(session, wanted)


def _matched(offer: Offer) -> bool:
    return bool(offer.product_id and inspect(offer).attrs.product_id.history.added)
