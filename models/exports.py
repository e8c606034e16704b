"""Files made of orders on request, and the sets of columns that staff keep for them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import BigId, Json, Model, OfWorkers, db
from .people import User


class Export(OfWorkers, Model):
    """One file: what was asked for, how far it is, where it lies. A job makes it; a day later it is removed."""

    __tablename__ = "exports"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    language: Mapped[str] = mapped_column(String(5), default="en")  # of the headings
    options: Mapped[dict[str, Any]] = mapped_column(Json)  # see orders/export_options.py
    #: waiting -> working -> done | failed; cancelled by its maker
    state: Mapped[str] = mapped_column(String(10), default="waiting", index=True)
    tries: Mapped[int] = mapped_column(default=0)  # also the fence: a late worker's try is not the current one
    done: Mapped[int] = mapped_column(default=0)  # orders
    total: Mapped[int | None]  # None = not counted yet
    file: Mapped[str] = mapped_column(String(80), default="")  # its name in DATA_DIR/exports
    size: Mapped[int] = mapped_column(BigInteger, default=0)  # bytes
    replaced: Mapped[int] = mapped_column(default=0)  # cells with letters that the encoding lacks
    replaced_in: Mapped[list[str]] = mapped_column(Json, default=list)  # numbers of the first such orders
    fault: Mapped[str] = mapped_column(String(20), default="")  # disk | internal | abandoned
    user: Mapped[User] = relationship()


class ExportPreset(Model):
    """Settings of an export under a name. Shared ones have no user."""

    __tablename__ = "export_presets"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(60))
    options: Mapped[dict[str, Any]] = mapped_column(Json)
    __table_args__ = (db.UniqueConstraint("user_id", "name"),)
