"""Orders that programs and public forms place: the same rules and counters as an order made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import selectinload

from models import Order, Product, Shop, db, insert_into, utcnow

from . import creation, editing, lists, search, statuses, wire
from .timeline import Actor

#: what orders.editing and orders.totals complain of -> what to do about it, for programmers
CURES = {
    "required": "Send it, or leave the field out to have a number made.",
    "number_taken": "Another order has this number.",
    "number_reserved": "The number starts like the address of a page: add a digit to its first word.",
    "number_unfit": "Use letters, digits, spaces and - _ . / only.",
    "card_impossible": 'This delivery method takes cash only: send "cash", or another method.',
    "postal_code_required": "This delivery method needs the postal code.",
    "discount_above_goods": "The discount is larger than the goods.",
    "line_discount_above": "A discount is larger than its line.",
    "weight_too_large": "The weight is more than a thousand tonnes.",
    "sum_too_large": "The sum is too large.",
}
TRIES = 3


class Taken(Exception):
    """Another order has the number."""


def place(
    values: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], token: Any, actor: Actor, zone: ZoneInfo
) -> Order:
    """Make the order with the token's shop and source, in the caller's transaction. Raises wire.Unfit, and Taken
    (the transaction is rolled back then) when the number, ours or theirs, is somebody else's."""
    row = {"shop_id": token.shop_id, "source_id": token.source_id, **values}
    shop = db.session.get(Shop, token.shop_id) if token.shop_id else None
    row.setdefault("currency", shop.currency if shop else "UAH")
    row.setdefault("number", _free_number(zone))
    try:
        order_id = editing.create(row, lines, actor)
    except editing.Invalid as error:
        if error.errors.get("number") == "number_taken":
            db.session.rollback()  # whoever tries again reserves the request's key again
            raise Taken(row["number"]) from None
        raise wire.Unfit(
            (wire.POINTERS.get(f, f"/{f}"), CURES.get(key, key)) for f, key in error.errors.items()
        ) from None
    order = find_by_id(order_id)
    assert order is not None
    return order


def _free_number(zone: ZoneInfo) -> str:
    base = creation.default_number(utcnow(), zone)
    like = search.like(base)[1:]
    alike = db.or_(Order.number.like(like, escape="\\"), Order.key.like(like, escape="\\"))
    taken = {name for row in db.session.execute(db.select(Order.number, Order.key).where(alike)) for name in row}
    number, n = base, 1
    while number in taken:
        n += 1
        number = f"{base}-{n}"
    return number


def find_by_id(order_id: int) -> Order | None:
    return _first(db.select(Order).where(Order.id == order_id))


def find(number: str) -> Order | None:
    """The order of this number, or that was born with it."""
    return _first(db.select(Order).where(db.or_(Order.number == number, Order.key == number)).limit(1))


def _first(query: Any) -> Order | None:
    found: Order | None = db.session.scalar(query.options(selectinload(Order.lines)))
    return found


def page(limit: int, after: tuple[Any, int] | None, status_id: int | None, since: Any) -> list[Order]:
    """Up to `limit` orders after a place: the newest first, by id; with `since` those changed from then on, the
    earliest change first. `after`: (time of the change or None, id) of the last order that was seen."""
    query = db.select(Order).options(selectinload(Order.lines)).limit(limit)
    if status_id is not None:
        query = query.where(Order.status_id == status_id)
    if since is None:
        query = query.order_by(Order.id.desc())
        return list(db.session.scalars(query.where(Order.id < after[1]) if after else query))
    query = query.where(Order.updated_at >= max(since, after[0]) if after else Order.updated_at >= since)
    if after:
        query = query.where(db.or_(Order.updated_at > after[0], Order.id > after[1]))
    # a change that is being written now may get an earlier time than one that is there already: wait for it
    query = query.where(Order.updated_at < utcnow() - timedelta(seconds=1))
    return list(db.session.scalars(query.order_by(Order.updated_at, Order.id)))


def set_status(order: Order, wanted: str, reason: str, text: str, actor: Actor) -> bool:
    """Give the order this status, in the caller's transaction; False when it has it. Raises wire.Unfit."""
    status_id = wire.settable(lists.read(), wanted).id
    status = statuses.find(status_id)
    if status is None or status_id == order.status_id:
        return False
    statuses.change([order.id], status, actor, reason=reason, text=text)
    editing.answer_status(order)
    return True


def products(limit: int, after: int) -> list[Product]:
    query = db.select(Product).where(Product.id > after).order_by(Product.id).limit(limit)
    return list(db.session.scalars(query))


def product(sku: str) -> Product | None:
    found: Product | None = db.session.scalar(db.select(Product).where(Product.sku == sku))
    return found


def put_product(sku: str, values: Mapping[str, Any]) -> tuple[Product, bool]:
    """Make or replace the product, in the caller's transaction; whether it is new."""
    row = {**values, "sku": sku, "search_text": creation.product_text(sku, values["name"]), "updated_at": utcnow()}
    there = product(sku)
    query = insert_into(Product).values(row)
    changed = {name: query.excluded[name] for name in row if name != "sku"}
    db.session.execute(query.on_conflict_do_update(index_elements=["sku"], set_=changed))
    if there is not None:
        db.session.refresh(there)
    found = there or product(sku)
    assert found is not None
    return found, there is None
