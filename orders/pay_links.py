"""Customers' payment links: made, found again by the hash of their token, revoked."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from models import PayLink, db, utcnow

LIFETIME = timedelta(days=14)


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def issue(order_id: int, by: str = "", token: str = "") -> str:
    """A new link's token, in the caller's transaction; a `token` that is given and known already changes nothing."""
    chosen = token or secrets.token_urlsafe(24)
    known = db.select(PayLink.id).where(PayLink.token_hash == digest(chosen))
    if not token or db.session.scalar(known) is None:
        row = PayLink(order_id=order_id, token_hash=digest(chosen), created_by=by[:120], expires_at=utcnow() + LIFETIME)
        db.session.add(row)
        db.session.flush()
    return chosen


def find(token: str) -> PayLink | None:
    """The link of this token, whether it still works or not."""
    return db.session.scalar(db.select(PayLink).where(PayLink.token_hash == digest(token)))


def works(link: PayLink) -> bool:
    return link.revoked_at is None and link.expires_at > utcnow()


def any_works(order_id: int) -> bool:
    """Whether there is something to revoke."""
    alive = PayLink.revoked_at.is_(None), PayLink.expires_at > utcnow()
    return bool(db.session.scalar(db.select(db.exists().where(PayLink.order_id == order_id, *alive))))


def revoke(order_id: int) -> int:
    """End all links of an order; how many there were."""
    mine = db.update(PayLink).where(PayLink.order_id == order_id, PayLink.revoked_at.is_(None))
    now = utcnow()
    ended = db.session.scalars(mine.where(PayLink.expires_at > now).values(revoked_at=now).returning(PayLink.id))
    return len(ended.all())
