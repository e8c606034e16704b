"""What keeps one order from being two: routes to a delivery service, sends by a second route, likely duplicates."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import BigId, Model, UtcDateTime, db, partial_index, utcnow
from .connections import Connection
from .orders import Order


class DeliveryRoute(Model):
    """Orders sent to this connection go on from there to delivery services, which may be connected here as well."""

    __tablename__ = "delivery_routes"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey(Connection.id, ondelete="CASCADE"), unique=True)
    services: Mapped[str] = mapped_column(String(250))  # their names, with commas between them


#: stopped: a second copy was asked for and not sent; allowed: a person gave a reason; dropped: set aside
SECOND_STATES = ("stopped", "allowed", "dropped")


class SecondRoute(Model):
    """An order that was to reach a delivery service by a second route, and what became of it."""

    __tablename__ = "second_routes"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey(Order.id, ondelete="CASCADE"))
    connection_id: Mapped[int] = mapped_column(ForeignKey(Connection.id, ondelete="CASCADE"))
    first_id: Mapped[int] = mapped_column(ForeignKey(Connection.id, ondelete="CASCADE"))  # where the first copy is
    state: Mapped[str] = mapped_column(String(10), default="stopped")
    reason: Mapped[str] = mapped_column(String(500), default="")
    by: Mapped[str] = mapped_column(String(120), default="")  # who asked, later who allowed it
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    __table_args__ = (
        db.UniqueConstraint("order_id", "connection_id"),
        partial_index("ix_second_routes_stopped", "id", where="state = 'stopped'"),
    )


#: open: nobody has looked; dismissed: not a duplicate; merged; over: one of them was cancelled or deleted
PAIR_STATES = ("open", "dismissed", "merged", "over")


class LikelyDuplicate(Model):
    """Two orders that look like one. The pair stays when it is settled: what a person said is remembered."""

    __tablename__ = "likely_duplicates"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey(Order.id, ondelete="CASCADE"))  # the later one
    other_id: Mapped[int] = mapped_column(ForeignKey(Order.id, ondelete="CASCADE"), index=True)  # the earlier one
    why: Mapped[str] = mapped_column(String(10))  # phone | number
    state: Mapped[str] = mapped_column(String(10), default="open")
    kept_id: Mapped[int | None] = mapped_column(BigId)  # of merged ones: the order that stayed
    by: Mapped[str] = mapped_column(String(120), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (
        db.UniqueConstraint("order_id", "other_id"),
        partial_index("ix_likely_duplicates_open", "id", where="state = 'open'"),
    )
