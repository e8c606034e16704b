"""News of an order that is here already: status, payment, tracking number; contents until staff edit them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from integrations.types import OrderData
from models import Connection, Link, Order, Status, db, utcnow
from orders import editing, expenses, search, statuses, timeline
from orders.timeline import Actor

from . import drafts, told, tracking

#: what is noted of news of such an order
REMOVED = "the order was removed here for good"


class Kept(Protocol):
    """What came from outside, to be told what became of it."""

    state: str
    order_id: int | None
    received_at: datetime | None
    note: str


def apply(connection: Connection, maker: drafts.Maker, row: Kept, order: OrderData, link: Link) -> bool:
    """Bring our order in line with the news; True when something changed. Part of the caller's transaction."""
    if link.role != "source":
        row.state, row.order_id = "echo", link.order_id  # our own copy, come back
        return False
    verdict = told.judge(link, order.status, row.received_at)
    row.state = "new" if verdict == "open" else "applied"
    actor = Actor("job", connection.name)
    ours = db.session.get(Order, link.order_id, populate_existing=True)
    if ours is None:  # since its link was read
        row.state, row.note = "applied", REMOVED
        return False
    row.order_id = link.order_id
    commission = ours.commission
    changed = _facts(ours, order, actor)
    if ours.commission != commission:
        expenses.book(connection, [(ours.id, order)])
    changed |= _contents(ours, maker, order, actor)
    changed |= take_status(connection, link, ours, order.status, order.status_name, maker, actor, verdict)
    link.synced_at = utcnow()
    if changed:
        ours.updated_at = utcnow()
    return changed


def _contents(ours: Order, maker: drafts.Maker, order: OrderData, actor: Actor) -> bool:
    """Lines, recipient, delivery: only while nobody here has edited or worked the order."""
    group = db.session.get(Status, ours.status_id)
    if ours.edited_at is not None or group is None or group.group != "new":
        return False
    gaps: list[dict[str, Any]] = []
    goods = drafts.lines(order)
    wanted = maker.contents(order, gaps, goods)
    values = {name: wanted[name] for name in editing.FIELDS if name in wanted}
    version = ours.version
    editing.update(ours.id, version, values, goods, actor)
    kept = [gap for gap in ours.unmapped or [] if gap["table"] == "status_in"]
    ours.unmapped, ours.needs_mapping = kept + gaps, bool(kept + gaps)
    return ours.version != version


def _facts(ours: Order, order: OrderData, actor: Actor) -> bool:
    """What only the source knows, whatever staff edited."""
    changes: list[list[Any]] = []
    if order.payment.paid and not ours.paid and not ours.cod:
        changes.append(["paid", False, True])
        ours.paid = True
    for name, value in (("payment_state", order.payment.state), ("commission", order.commission)):
        if value not in ("", None) and getattr(ours, name) != value:  # a commission of 0 was given back
            setattr(ours, name, value)
    if changes:
        timeline.note(ours.id, actor, "payment", changes=changes, state=order.payment.state)
    if order.delivery.tracking_number and not ours.ttn:
        ours.ttn = order.delivery.tracking_number
        search.refresh(ours)
        changes.append(["ttn", "", ours.ttn])
        timeline.note(ours.id, actor, "edited", changes=changes[-1:])
    return bool(changes)


@dataclass(frozen=True)
class News:
    """A status that was read of a copy, and what told.judge says of it: "own" or "news"."""

    link: Link
    ours: Order
    code: str
    name: str
    verdict: str


def take_status(
    connection: Connection,
    link: Link,
    ours: Order,
    code: str,
    name: str,
    maker: drafts.Maker,
    actor: Actor,
    verdict: str = "",
) -> bool:
    """A status that changed over there becomes ours where a mapping says so; it is never sent back to them."""
    verdict = verdict or told.judge(link, code, None).replace("open", "news")  # a journal says nothing twice
    if verdict not in ("own", "news"):
        return False
    take_statuses(connection, [News(link, ours, code, name, verdict)], maker, actor)
    return True


def take_statuses(connection: Connection, found: Sequence[News], maker: drafts.Maker, actor: Actor) -> None:
    """The same for many, at most one of an order: a handful of statements for all of them."""
    before = {news.ours.id: news.link.external_status_name or news.link.external_status for news in found}
    told.take([(news.link, news.code, news.name) for news in found])
    for news in found:
        if news.verdict == "own":
            told.end_own(news.link, news.code, news.name, connection.name)
    changed = [news for news in found if news.verdict == "news"]
    said = [(news.ours, [before[news.ours.id], news.code, news.name]) for news in changed]
    wanted: dict[Status, list[int]] = {}
    for news, status in zip(changed, hear(connection, said, maker, actor), strict=True):
        if status is not None:
            wanted.setdefault(status, []).append(news.link.order_id)
    told.withdraw(connection.id, [order_id for ids in wanted.values() for order_id in ids])
    for status, ids in wanted.items():
        statuses.change(ids, status, actor, cause=connection.id)


def hear(
    connection: Connection, said: Sequence[tuple[Order, Sequence[str]]], maker: drafts.Maker, actor: Actor
) -> list[Status | None]:
    """Note statuses over there, given as [name before, code, name] of an order, and say which of ours they mean; None =
    none, or nobody has said yet."""
    changes = [(ours.id, [["external status", before, name or code]]) for ours, (before, code, name) in said]
    facts = [(order_id, {"connection": connection.name, "changes": change}) for order_id, change in changes]
    timeline.note_many(facts, actor, "external")
    return [_meant(connection, ours, code, name, maker) for ours, (_before, code, name) in said]


def _meant(connection: Connection, ours: Order, code: str, name: str, maker: drafts.Maker) -> Status | None:
    gaps: list[dict[str, Any]] = []
    status_id = maker.ours("status_in", code, name, gaps)
    if gaps and not tracking.delivers(connection):  # a parcel's states are many; what they mean here may stay open
        known = [
            gap
            for gap in ours.unmapped or []
            if not (gap["table"] == "status_in" and gap["connection_id"] == connection.id)
        ]
        ours.unmapped, ours.needs_mapping = known + gaps, True
    return drafts.status_of(status_id) if status_id else None
