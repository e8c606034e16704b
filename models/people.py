"""Staff: users, their sessions, and the hub's own options."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import BigId, Json, Model, UtcDateTime, utcnow

ROLES = ("owner", "manager", "viewer")


class User(Model):
    """A person who logs in. Owner: everything; manager: orders and registries; viewer: reads."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)  # always lower case
    name: Mapped[str] = mapped_column(String(120), default="")
    password_hash: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(16), default="manager")
    active: Mapped[bool] = mapped_column(default=True)
    language: Mapped[str] = mapped_column(String(5), default="")  # empty = as the browser asks
    density: Mapped[str] = mapped_column(String(10), default="compact")
    prefs: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # e.g. {"columns": [...]}
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    # the four names below are Flask-Login's contract
    is_authenticated = True
    is_anonymous = False

    @property
    def is_active(self) -> bool:
        return self.active

    def get_id(self) -> str:
        return str(self.id)

    @property
    def can_edit(self) -> bool:
        return self.role in ("owner", "manager")

    @property
    def is_owner(self) -> bool:
        return self.role == "owner"


class UserSession(Model):
    """One login on one device; the cookie holds the token, the table its hash, so it can be revoked."""

    __tablename__ = "user_sessions"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    address: Mapped[str] = mapped_column(String(64), default="")
    agent: Mapped[str] = mapped_column(String(300), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    user: Mapped[User] = relationship(lazy="joined")


class Option(Model):
    """A setting of the whole hub, e.g. the hash of the link that makes the owner."""

    __tablename__ = "options"
    key: Mapped[str] = mapped_column(String(60), primary_key=True)
    value: Mapped[Any] = mapped_column(Json)
