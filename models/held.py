"""Orders of a source that wait for their payment and are none of ours yet."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import BigId, Model, Money, UtcDateTime, db, utcnow
from .connections import Connection, Incoming


class HeldOrder(Model):
    """An unpaid order that is kept back. It goes in the transaction that makes the order."""

    __tablename__ = "held_orders"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey(Connection.id, ondelete="CASCADE"))
    external_id: Mapped[str] = mapped_column(String(100))
    incoming_id: Mapped[int] = mapped_column(ForeignKey(Incoming.id), index=True)  # its newest version, as it came
    until: Mapped[datetime] = mapped_column(UtcDateTime, index=True)  # then it is taken in, paid or not
    number: Mapped[str] = mapped_column(String(64), default="")
    customer: Mapped[str] = mapped_column(String(250), default="")
    phone: Mapped[str] = mapped_column(String(32), default="")
    sum: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    currency: Mapped[str] = mapped_column(String(3), default="")
    payment: Mapped[str] = mapped_column(String(160), default="")  # the method, in the source's words
    taken_by: Mapped[str] = mapped_column(String(120), default="")  # who would not wait
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    connection: Mapped[Connection] = relationship()
    __table_args__ = (db.UniqueConstraint("connection_id", "external_id"),)
