"""Addresses that vendors post their notices to: /hooks/<connection>/<secret>. Secrets are found by their hash; one that
was replaced goes on working for a week, so that nothing is lost until the new address is entered over there, or until
somebody switches it off."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from datetime import timedelta

from flask import current_app

from models import Connection, HookSecret, db, utcnow
from orders.pay_links import digest

OVERLAP = timedelta(days=7)


def address(connection_id: int) -> str:
    """The connection's address, made on first use; in the caller's transaction."""
    row = current(connection_id) or rotate(connection_id)
    return url(row)


def current(connection_id: int) -> HookSecret | None:
    query = db.select(HookSecret).where(HookSecret.connection_id == connection_id, HookSecret.ends_at.is_(None))
    return db.session.scalar(query.order_by(HookSecret.id.desc()).limit(1))


def replaced(connection_id: int) -> Sequence[HookSecret]:
    """Those that were replaced and still work, newest first."""
    query = db.select(HookSecret).where(HookSecret.connection_id == connection_id, HookSecret.ends_at > utcnow())
    return db.session.scalars(query.order_by(HookSecret.id.desc())).all()


def end(connection_id: int, secret_id: int) -> bool:
    """Switch one off that was replaced, in the caller's transaction; the one in use can only be replaced."""
    query = db.delete(HookSecret).where(HookSecret.id == secret_id, HookSecret.connection_id == connection_id)
    found = db.session.scalars(query.where(HookSecret.ends_at.is_not(None)).returning(HookSecret.id)).all()
    return bool(found)


def url(row: HookSecret, event: str = "") -> str:
    """The address; with `event` the one of this kind of news, where a vendor's people enter several."""
    found = f"{current_app.config['HUB'].public_url}/hooks/{row.connection_id}/{row.sealed['secret']}"
    return f"{found}/{event}" if event else found


def rotate(connection_id: int) -> HookSecret:
    """A new secret; those before it work for OVERLAP more. In the caller's transaction."""
    now = utcnow()
    old = db.update(HookSecret).where(HookSecret.connection_id == connection_id)
    db.session.execute(old.where(HookSecret.ends_at.is_(None)).values(ends_at=now + OVERLAP))
    db.session.execute(db.delete(HookSecret).where(HookSecret.connection_id == connection_id, HookSecret.ends_at < now))
    secret = secrets.token_urlsafe(24)
    row = HookSecret(connection_id=connection_id, secret_hash=digest(secret), sealed={"secret": secret})
    db.session.add(row)
    db.session.flush()
    return row


def find(connection_id: int, secret: str) -> tuple[Connection, HookSecret] | None:
    """The connection that this address is of; None when there is none, or not any more."""
    wanted = digest(secret)
    query = db.select(Connection, HookSecret).join(HookSecret, HookSecret.connection_id == Connection.id)
    found = db.session.execute(query.where(HookSecret.secret_hash == wanted)).one_or_none()
    if found is None or not hmac.compare_digest(found.HookSecret.secret_hash, wanted):
        return None
    connection, row = found.Connection, found.HookSecret
    ended = row.ends_at is not None and row.ends_at < utcnow()
    return None if connection.id != connection_id or connection.removed_at or ended else (connection, row)
