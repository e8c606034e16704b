"""Delivery services: their answers kept for a while, methods that a shop doesn't use, the offer an order was given."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import BigId, Json, Model, UtcDateTime, db, utcnow
from .connections import Connection
from .orders import Order


class KeptAnswer(Model):
    """An answer of a delivery service. `key`: a digest of all that it depends on; every shop has its own, so that
    each can have them forgotten."""

    __tablename__ = "quotes"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    shop_id: Mapped[int | None] = mapped_column(ForeignKey("shops.id", ondelete="CASCADE"), index=True)
    key: Mapped[str] = mapped_column(String(64))
    answer: Mapped[Any] = mapped_column(Json)
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    __table_args__ = (db.UniqueConstraint("connection_id", "key"),)


class MethodSwitch(Model):
    """A service's method that a shop has switched off. What has no row is on."""

    __tablename__ = "method_switches"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id", ondelete="CASCADE"))
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    code: Mapped[str] = mapped_column(String(120))
    __table_args__ = (db.UniqueConstraint("shop_id", "connection_id", "code"),)


class DeliveryChoice(Model):
    """The offer of a delivery service that an order was given, as it was when somebody agreed to it."""

    __tablename__ = "delivery_choices"
    order_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"), index=True)
    #: orders.choices.OFFER and PLACE: texts by name
    offer: Mapped[dict[str, str]] = mapped_column(Json)
    place: Mapped[dict[str, str]] = mapped_column(Json)
    basis: Mapped[str] = mapped_column(String(64), default="")  # key of the quotes that the offer is from
    declined: Mapped[str] = mapped_column(String(64), default="")  # key of quotes whose news was turned down


class TrackedParcel(Model):
    """A parcel that was not made here: its number was typed in, or came with the order. A service that knows such
    numbers is asked for its state; the row is what it said last. Shown and read where a Link is."""

    __tablename__ = "tracked_parcels"
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"), index=True)
    number: Mapped[str] = mapped_column(String(64))
    external_status: Mapped[str] = mapped_column(String(80), default="")
    external_status_name: Mapped[str] = mapped_column(String(120), default="")
    synced_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    order: Mapped[Order] = relationship()
    connection: Mapped[Connection] = relationship()

    state = "linked"
    role = "destination"

    @property
    def external_id(self) -> str:
        return self.number

    @property
    def external_number(self) -> str:
        return self.number
