"""Addresses that vendors post their notices to: /hooks/<connection>/<secret>. Secrets are found by their hash; one that
was replaced goes on working for a week, so that nothing is lost until the new address is entered over there, or until
somebody switches it off."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from flask import current_app

from models import Connection, Encrypted, HookSecret, Prepared, db, utcnow
from orders.pay_links import digest

OVERLAP = timedelta(days=7)
#: connections whose settings a process keeps open
KEPT = 200
_hooks, _connections = HookSecret.__table__.c, Connection.__table__.c
_FIND = Prepared(
    db.select(
        _hooks.id.label("secret_id"), _hooks.ends_at, _hooks.last_at, _connections.id, _connections.kind,
        _connections.name, db.cast(_connections.settings, db.Text).label("settings"),
        db.type_coerce(_connections.secrets, db.LargeBinary).label("secrets"),
    )
    .select_from(HookSecret.__table__.join(Connection.__table__, _hooks.connection_id == _connections.id))
    .where(
        _hooks.secret_hash == db.bindparam("hash"),
        _connections.id == db.bindparam("connection"),
        _connections.removed_at.is_(None),
    ),
    same_plan=True,
)  # fmt: skip


@dataclass(frozen=True)
class Found:
    """The connection that an address is of, as far as a notice needs it, and the secret that it was found by."""

    id: int
    kind: str
    name: str
    settings: Mapping[str, Any]
    secrets: Mapping[str, str] = field(repr=False)
    secret_id: int
    last_at: datetime | None  # that this secret was noted as used


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


def find(connection_id: int, secret: str) -> Found | None:
    """What this address leads to; None when there is no such, or not any more. One query."""
    for row in _FIND.rows(hash=digest(secret), connection=connection_id):
        if row.ends_at is None or row.ends_at >= utcnow():
            opened = _opened(row.settings, row.secrets)
            return Found(row.id, row.kind, row.name, *opened, row.secret_id, row.last_at)
    return None


@lru_cache(maxsize=KEPT)
def _opened(settings: str | None, sealed: bytes | None) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """Settings and secrets as objects. Kept by what the row holds, so never out of date; opening a secret takes as
    long as all of the query."""
    return json.loads(settings or "{}") or {}, Encrypted().process_result_value(sealed, None) or {}
