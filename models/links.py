"""Links that customers are given, and the letters that carry them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import BigId, Encrypted, Json, Model, UtcDateTime, db, utcnow
from .orders import Order


class OrderLink(Model):
    """An address that lets a customer act on one order without a login. It is found by the hash of its token; the
    token itself is kept encrypted, so that staff can copy the link again."""

    __tablename__ = "order_links"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(12), default="completion")
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    secret: Mapped[dict[str, str]] = mapped_column(Encrypted)  # {"token": …}
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when the customer's page last gave a sign of life
    here: Mapped[bool] = mapped_column(default=False)  # the customer's page is open; the sweeper ends it
    draft: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # field -> what the customer has typed so far
    order: Mapped[Order] = relationship()
    __table_args__ = (
        Index("ix_order_links_order_id_id", "order_id", "id"),
        Index("ix_order_links_here", "id", sqlite_where=db.text("here = 1"), postgresql_where=db.text("here")),
    )


class OrderMail(Model):
    """A letter with a link, to be sent or sent: the row is the work, the job gets its id."""

    __tablename__ = "order_mails"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    link_id: Mapped[int] = mapped_column(ForeignKey("order_links.id", ondelete="CASCADE"), index=True)
    address: Mapped[str] = mapped_column(String(254))
    language: Mapped[str] = mapped_column(String(5))
    state: Mapped[str] = mapped_column(String(10), default="waiting")  # waiting | sent | failed | dropped
    tries: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    error: Mapped[str] = mapped_column(String(300), default="")
    requested_by: Mapped[str] = mapped_column(String(120), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (Index("ix_order_mails_state_not_before", "state", "not_before"),)
