"""Links that lead in from outside: customers' payment links, and the addresses that vendors post their notices to."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import BigId, Encrypted, Model, UtcDateTime, utcnow


class PayLink(Model):
    """A customer's way to pay an order. Only the token's hash is kept."""

    __tablename__ = "pay_links"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    created_by: Mapped[str] = mapped_column(String(120), default="")
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class HookSecret(Model):
    """The secret part of an address for a connection's notices: found by its hash, and encrypted, since vendors have to
    be told it again. One that was replaced works until `ends_at`."""

    __tablename__ = "hook_secrets"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"), index=True)
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    sealed: Mapped[dict[str, str]] = mapped_column(Encrypted)  # {"secret": …}
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
