"""What a connected system sells: its offers, and which of our products each of them is."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import BigId, Json, Model, Money, Quantity, UtcDateTime, db, utcnow
from .orders import ZERO


class Category(Model):
    """A group of our products. Names repeat under different parents."""

    __tablename__ = "categories"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("categories.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    position: Mapped[int] = mapped_column(default=0)


class Offer(Model):
    """A product as one connection sells it, kept as it was last read there."""

    __tablename__ = "offers"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    external_id: Mapped[str] = mapped_column(String(64))
    own_id: Mapped[str] = mapped_column(String(100), default="")  # the seller's own id, where the system keeps one
    sku: Mapped[str] = mapped_column(String(100), default="")
    barcode: Mapped[str] = mapped_column(String(64), default="")
    name: Mapped[str] = mapped_column(String(300))
    price: Mapped[Decimal] = mapped_column(Money, default=ZERO)
    old_price: Mapped[Decimal | None] = mapped_column(Money)
    currency: Mapped[str] = mapped_column(String(3), default="UAH")
    quantity: Mapped[Decimal | None] = mapped_column(Quantity)  # None = not told
    available: Mapped[bool] = mapped_column(default=True)
    category: Mapped[str] = mapped_column(String(300), default="")  # its path there, " / " between the names
    url: Mapped[str] = mapped_column(String(500), default="")
    pictures: Mapped[list[str]] = mapped_column(Json, default=list)
    product_id: Mapped[int | None] = mapped_column(ForeignKey("products.id", ondelete="SET NULL"), index=True)
    #: how product_id was found: external_id | own_id | sku | barcode | name | hand | made; "" = no product yet
    matched_by: Mapped[str] = mapped_column(String(12), default="")
    fingerprint: Mapped[str] = mapped_column(String(64), default="")  # of what was read, so that equal news is none
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    gone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # missing from the last complete reading
    #: the stock that this system was last told by us
    told_stock: Mapped[Decimal | None] = mapped_column(Quantity)
    told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (
        db.UniqueConstraint("connection_id", "external_id"),
        Index("ix_offers_connection_id_sku", "connection_id", "sku"),
        Index("ix_offers_connection_id_own_id", "connection_id", "own_id"),
        Index("ix_offers_connection_id_seen_at", "connection_id", "seen_at"),
    )
