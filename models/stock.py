"""What is there to sell: goods that orders hold, and offers whose systems are to be told how many there are."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import BigId, Model, Quantity, UtcDateTime, db, utcnow
from .orders import ZERO


class StockTaken(Model):
    """What an accepted order holds of a product. The row is what keeps it from being taken, or given back, twice."""

    __tablename__ = "stock_taken"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"), index=True)
    quantity: Mapped[Decimal] = mapped_column(Quantity)  # of the order's lines
    #: what the product's stock went down by: nothing as long as it was not counted
    taken: Mapped[Decimal] = mapped_column(Quantity, default=ZERO)
    __table_args__ = (db.UniqueConstraint("order_id", "product_id"),)


class StockNews(Model):
    """Work: an offer whose system may have to be told the product's stock. One row an offer: news on top of news is
    one call. What is told is the stock at that moment, so repeating does no harm."""

    __tablename__ = "stock_news"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    offer_id: Mapped[int] = mapped_column(ForeignKey("offers.id", ondelete="CASCADE"), unique=True)
    state: Mapped[str] = mapped_column(String(10), default="waiting")  # waiting | refused
    revision: Mapped[int] = mapped_column(default=1)  # grows with each change: what is told meanwhile was older
    #: a call with another number than `told_stock` may have arrived: it has to be told, whatever was told before
    uncertain: Mapped[bool] = mapped_column(default=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    not_before: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    tries: Mapped[int] = mapped_column(default=0)
    fault: Mapped[str] = mapped_column(String(20), default="")
    detail: Mapped[str] = mapped_column(Text, default="")
    __table_args__ = (Index("ix_stock_news_due", "connection_id", "state", "not_before"),)
