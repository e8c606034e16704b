"""Links that let a customer complete an order without a login: made, found, revoked, used once."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from models import Order, OrderLink, db, utcnow

from .timeline import Actor, note

DAYS = 14
#: a customer counts as being there this long after the last sign of life
HERE_SECONDS = 120
#: signs of life are written down no more often than this
SEEN_EVERY = 30
#: a completed order is news to open lists so long
LATELY_SECONDS = 600
#: what a link can be; only an open one opens the form. closed: the order is no pre-order any more
STATES = ("open", "used", "revoked", "expired", "closed")


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def issue(order_id: int, actor: Actor, days: int = DAYS, now: datetime | None = None) -> OrderLink:
    """A new link in the caller's transaction. Earlier ones stop working; what the customer had typed is kept."""
    now = now or utcnow()
    before = current(order_id)
    for link in _live(order_id):
        link.revoked_at = now
        link.here = False
    _touch([order_id], now)
    token = secrets.token_urlsafe(24)  # 192 bits
    link = OrderLink(
        order_id=order_id,
        token_hash=digest(token),
        secret={"token": token},
        created_at=now,
        expires_at=now + timedelta(days=days),
        draft=dict(before.draft) if before else {},
    )
    db.session.add(link)
    db.session.flush()
    note(order_id, actor, "link_made", days=days)
    return link


def _live(order_id: int) -> Collection[OrderLink]:
    query = db.select(OrderLink).where(OrderLink.order_id == order_id)
    return db.session.scalars(query.where(OrderLink.used_at.is_(None), OrderLink.revoked_at.is_(None))).all()


def current(order_id: int) -> OrderLink | None:
    """The newest link of the order."""
    query = db.select(OrderLink).where(OrderLink.order_id == order_id).order_by(OrderLink.id.desc())
    return db.session.scalar(query.limit(1))


def by_token(token: str, lock: bool = False) -> OrderLink | None:
    """The link that this token opens; `lock`: held until the end of the transaction."""
    query = db.select(OrderLink).where(OrderLink.token_hash == digest(token), OrderLink.kind == "completion")
    return db.session.scalar(query.with_for_update() if lock else query)


def state(link: OrderLink, now: datetime | None = None) -> str:
    """One of STATES."""
    if link.used_at:
        return "used"
    if link.revoked_at:
        return "revoked"
    if link.order.status.group != "preorder":
        return "closed"
    return "expired" if link.expires_at <= (now or utcnow()) else "open"


def revoke(link: OrderLink, actor: Actor) -> bool:
    """Stop a link from working, and any other of its order: one that was merged into another brings its own. False
    when it does not work anyway."""
    if link.used_at or link.revoked_at:
        return False
    now = utcnow()
    for one in _live(link.order_id):
        one.revoked_at, one.here = now, False
    _touch([link.order_id], now)
    note(link.order_id, actor, "link_revoked")
    return True


def take(link_id: int) -> bool:
    """Use the link up: True for the first who asks."""
    now = utcnow()
    query = (
        db.update(OrderLink)
        .where(OrderLink.id == link_id, OrderLink.used_at.is_(None))
        .where(OrderLink.revoked_at.is_(None), OrderLink.expires_at > now)
        .values(used_at=now, seen_at=now, here=False)
        .returning(OrderLink.id)
    )
    return db.session.scalar(query) is not None


def is_here(link: OrderLink, now: datetime | None = None) -> bool:
    """Whether the customer is at the page."""
    return link.here and bool(link.seen_at and link.seen_at > (now or utcnow()) - timedelta(seconds=HERE_SECONDS))


def seen(link: OrderLink) -> bool:
    """A sign of life from the customer's page. True when staff's pages have to show something new."""
    now = utcnow()
    if link.here and link.seen_at and link.seen_at > now - timedelta(seconds=SEEN_EVERY):
        return False
    arrived = not link.here
    link.seen_at, link.here = now, True
    if arrived:
        _touch([link.order_id], now)
    return arrived


def note_absent() -> int:
    """Customers who have given no sign of life for HERE_SECONDS are no longer there. Returns how many."""
    now = utcnow()
    silent = OrderLink.seen_at <= now - timedelta(seconds=HERE_SECONDS)
    gone = db.session.scalars(db.select(OrderLink).where(OrderLink.here, silent).limit(500)).all()
    for link in gone:
        link.here = False
    if gone:
        _touch([link.order_id for link in gone], now)
    return len(gone)


def _touch(order_ids: Collection[int], now: datetime) -> None:
    """Lists and cards that show these orders fetch them again."""
    db.session.execute(
        db.update(Order)
        .where(Order.id.in_(order_ids))
        .values(updated_at=now)
        .execution_options(synchronize_session="fetch")
    )


def completed_lately() -> set[int]:
    """Orders that customers have completed in the last minutes: they are news to a list although older than its top."""
    since = utcnow() - timedelta(seconds=LATELY_SECONDS)
    return set(db.session.scalars(db.select(OrderLink.order_id).where(OrderLink.used_at > since).limit(200)))


def filling(order_ids: Collection[int]) -> set[int]:
    """Those of the orders whose customers are at the page now."""
    since = utcnow() - timedelta(seconds=HERE_SECONDS)
    query = db.select(OrderLink.order_id).where(OrderLink.order_id.in_(order_ids), OrderLink.here)
    return set(db.session.scalars(query.where(OrderLink.seen_at > since)))
