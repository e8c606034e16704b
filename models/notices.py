"""What staff are told of: each person's choice, what waits to be told, and which connections are out of order."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import BigId, Json, Model, UtcDateTime, db, utcnow
from .people import User


class NoticeChoice(Model):
    """How one person wants to be told, and of what."""

    __tablename__ = "notice_choices"
    user_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    #: the messenger that the chat belongs to, or that a code has been given out for
    connection_id: Mapped[int | None] = mapped_column(ForeignKey("connections.id", ondelete="SET NULL"))
    chat: Mapped[str] = mapped_column(String(64), default="")
    chat_name: Mapped[str] = mapped_column(String(200), default="")
    lost: Mapped[str] = mapped_column(String(300), default="")  # why the messenger lets us write there no more
    code_hash: Mapped[str] = mapped_column(String(64), default="")  # of the start link; used once
    code_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    trouble: Mapped[str] = mapped_column(String(300), default="")  # why the messenger could not be asked for the code
    kinds: Mapped[dict[str, bool]] = mapped_column(Json, default=dict)  # {"new_order": True}; absent = as by default
    email: Mapped[bool] = mapped_column(default=False)
    quiet_from: Mapped[int | None]  # minutes after midnight; both or neither
    quiet_until: Mapped[int | None]
    zone: Mapped[str] = mapped_column(String(60), default="")  # of the quiet hours; empty = the hub's
    language: Mapped[str] = mapped_column(String(5), default="")  # that the page had, for those who let the browser ask
    user: Mapped[User] = relationship()


class Notice(Model):
    """What has happened and one person has not been told yet: one row a kind, however much it is."""

    __tablename__ = "notices"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(20))  # see jobs/notice_texts.py
    n: Mapped[int] = mapped_column(default=0)
    items: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)  # the first few, as their kind has them
    since: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    held: Mapped[bool] = mapped_column(default=False)  # by quiet hours: told together with everything else afterwards
    __table_args__ = (db.UniqueConstraint("user_id", "kind"),)


class Outage(Model):
    """A connection that does not work since then: the row is what makes it told once."""

    __tablename__ = "outages"
    connection_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    since: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
