"""One-time links: the one that creates the owner of a new hub, and those by which people set their passwords.

The table Option keeps only hashes: {"hash": SHA-256 of the token, "until": ISO time}. Asking for a new link ends the
one before.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime, timedelta

from flask import current_app

import config
from models import Option, User, UserSession, db, utcnow

from . import passwords, security

LIFETIME = timedelta(hours=24)
SETUP = "setup_link"
PASSWORD = "password_link:{}"  # noqa: S105 - the name of a row


def ensure_owner_from_env(settings: config.Settings) -> bool:
    """Make the owner that ADMIN_EMAIL and ADMIN_PASSWORD name, when nobody can log in yet. True if it was made."""
    if not (settings.admin_email and settings.admin_password) or _has_users():
        return False
    db.session.add(
        User(
            email=settings.admin_email.strip().lower(),
            password_hash=passwords.hashed(settings.admin_password),
            role="owner",
        )
    )
    db.session.commit()
    return True


def new_setup_link() -> str | None:
    """The address where the owner is created, good for 24 hours and once; None when there are users already."""
    if _has_users():
        return None
    link = f"{_public_url()}/setup/{_issue(SETUP)}"
    db.session.commit()
    return link


def setup_is_open(token: str) -> bool:
    return not _has_users() and _valid(db.session.get(Option, SETUP), token)


def create_owner(token: str, email: str, name: str, password: str) -> User | None:
    """Use the link up; the caller commits. None when it is used, expired or wrong."""
    row = db.session.get(Option, SETUP, with_for_update=True)  # of two at once, the second waits here and fails
    if row is None or _has_users() or not _valid(row, token):
        return None
    user = User(email=email.lower(), name=name, password_hash=passwords.hashed(password), role="owner")
    db.session.add(user)
    db.session.delete(row)
    db.session.flush()
    return user


def new_password_link(user: User) -> str:
    """The address where this user sets a password, good for 24 hours and once; the caller commits."""
    return f"{_public_url()}/password/{user.id}/{_issue(PASSWORD.format(user.id))}"


def password_link_user(user_id: int, token: str) -> User | None:
    """The user whose link this is; None when it is used, expired or wrong."""
    user = db.session.get(User, user_id)
    row = db.session.get(Option, PASSWORD.format(user_id))
    return user if user and user.active and _valid(row, token) else None


def set_password(user_id: int, token: str, password: str) -> User | None:
    """Use a password link up and end the user's sessions everywhere; the caller commits. None: no such link."""
    row = db.session.get(Option, PASSWORD.format(user_id), with_for_update=True)
    user = password_link_user(user_id, token)
    if user is None or row is None:
        return None
    db.session.delete(row)
    change_password(user, password)
    return user


def change_password(user: User, password: str, keep: UserSession | None = None) -> None:
    """A new password ends every session but `keep`; the caller commits."""
    user.password_hash = passwords.hashed(password)
    revoke_sessions(user.id, keep)


def revoke_sessions(user_id: int, keep: UserSession | None = None) -> None:
    query = db.update(UserSession).where(UserSession.user_id == user_id, UserSession.revoked_at.is_(None))
    if keep is not None:
        query = query.where(UserSession.id != keep.id)
    db.session.execute(query.values(revoked_at=utcnow()))


def _has_users() -> bool:
    return db.session.scalar(db.select(User.id).limit(1)) is not None


def _issue(key: str) -> str:
    token = secrets.token_urlsafe(32)
    until = (utcnow() + LIFETIME).isoformat()
    db.session.merge(Option(key=key, value={"hash": security.digest(token), "until": until}))
    return token


def _valid(row: Option | None, token: str) -> bool:
    if row is None or datetime.fromisoformat(row.value["until"]) < utcnow():
        return False
    return hmac.compare_digest(row.value["hash"], security.digest(token))


def _public_url() -> str:
    return str(current_app.config["HUB"].public_url)
