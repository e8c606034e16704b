"""What an order costs the shop."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import BigId, Model, Money, UtcDateTime, db, utcnow
from .registries import ExpenseType


class Expense(Model):
    """An expense of an order: entered by staff, or booked by the hub from what a system told."""

    __tablename__ = "expenses"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"), index=True)
    type_id: Mapped[int] = mapped_column(ForeignKey("expense_types.id"), index=True)
    amount: Mapped[Decimal] = mapped_column(Money)
    currency: Mapped[str] = mapped_column(String(3))
    #: of a booked one what it came from, "commission:<connection>:<their id of the order>". None = entered by staff
    origin: Mapped[str | None] = mapped_column(String(120))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    note: Mapped[str] = mapped_column(String(300), default="")
    by: Mapped[str] = mapped_column(String(120), default="")  # who entered it, or the connection's name
    type: Mapped[ExpenseType] = relationship()
    __table_args__ = (db.UniqueConstraint("order_id", "origin"),)
