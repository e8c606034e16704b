"""Automation: rules, the events they wait for, what each did to an order, and the messages they send."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import BigId, Json, Model, UtcDateTime, db, partial_index, utcnow


class Rule(Model):
    """When something happens, and if conditions hold, then do this. Rules are asked by position."""

    __tablename__ = "rules"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    position: Mapped[int] = mapped_column(default=0)
    enabled: Mapped[bool] = mapped_column(default=True)
    event: Mapped[str] = mapped_column(String(20))  # see orders/rules.py
    params: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # of the event, e.g. {"statuses": [2]}
    conditions: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    actions: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    stop: Mapped[bool] = mapped_column(default=False)  # rules after this one are not asked about the same event
    created_by: Mapped[str] = mapped_column(String(120), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # of rules on a schedule
    __table_args__ = ({"sqlite_autoincrement": True},)  # a chain of old may not name a new rule


class RuleEvent(Model):
    """Something happened that a rule listens to: the row is the queue, gone once the rules were asked."""

    __tablename__ = "rule_events"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    detail: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # of the timeline's event
    chain: Mapped[list[int]] = mapped_column(Json, default=list)  # the rules that led to it
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    #: time and schedule: of this rule only
    rule_id: Mapped[int | None] = mapped_column(ForeignKey("rules.id", ondelete="CASCADE"), index=True)


class RuleWait(Model):
    """An order stands in a status that a rule gives so much time; when it is over, the rule is asked."""

    __tablename__ = "rule_waits"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    rule_id: Mapped[int] = mapped_column(ForeignKey("rules.id", ondelete="CASCADE"))
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"), index=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    chain: Mapped[list[int]] = mapped_column(Json, default=list)
    __table_args__ = (db.UniqueConstraint("rule_id", "order_id"),)


class RuleRun(Model):
    """What a rule did with an order and why: the trace. Rules that were asked and did not fit leave none."""

    __tablename__ = "rule_runs"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    rule_id: Mapped[int | None] = mapped_column(ForeignKey("rules.id", ondelete="SET NULL"))
    rule_name: Mapped[str] = mapped_column(String(80))
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    event: Mapped[str] = mapped_column(String(20))
    outcome: Mapped[str] = mapped_column(String(10), default="acted")  # acted | stopped | failed
    reason: Mapped[str] = mapped_column(String(300), default="")  # of stopped and failed
    #: [{"kind": "status", "result": "done", "to": name, …}, …]
    actions: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    chain: Mapped[list[int]] = mapped_column(Json, default=list)
    __table_args__ = (
        Index("ix_rule_runs_order_id_id", "order_id", "id"),
        Index("ix_rule_runs_rule_id_at", "rule_id", "at"),
    )


class Message(Model):
    """A message to a chat or an address: the row is the queue and the proof that it went out, once."""

    __tablename__ = "messages"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    rule_name: Mapped[str] = mapped_column(String(80), default="")
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"), index=True)
    #: the member of staff it is for; such a message is about no order
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    connection_id: Mapped[int | None] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"), index=True)
    channel: Mapped[str] = mapped_column(String(10))  # chat | email
    target: Mapped[str] = mapped_column(String(254))  # a chat's id, an address
    subject: Mapped[str] = mapped_column(String(250), default="")
    body: Mapped[str] = mapped_column(Text)
    #: waiting -> working -> sent | failed; unknown = the answer was lost: only a person may send it again;
    #: dropped = a person has set aside one of these two
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    not_before: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    tries: Mapped[int] = mapped_column(default=0)
    external_id: Mapped[str] = mapped_column(String(64), default="")
    detail: Mapped[str] = mapped_column(String(500), default="")  # why it failed
    fault: Mapped[str] = mapped_column(String(20), default="", server_default="")  # class of it, or "off"
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (
        partial_index("ix_messages_undelivered", "id", where="state IN ('failed', 'unknown')"),
        partial_index("ix_messages_due", "not_before", where="state IN ('waiting', 'working')"),
    )
