"""Connections to other systems and the work done for them: links, transfers, attempts, pulls, schedules."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, literal_column
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import OPEN_STATES, BigId, Encrypted, Json, Model, UtcDateTime, db, partial_index, utcnow
from .orders import Order


class Connection(Model):
    """One configured integration. `kind` is the connector's stable key, never a class path."""

    __tablename__ = "connections"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(40), index=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    enabled: Mapped[bool] = mapped_column(default=True)
    settings: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    secrets: Mapped[dict[str, str]] = mapped_column(Encrypted, default=dict)
    cursor: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # where pulls go on, as the job wrote it
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    #: deleted by staff: secrets wiped, never used again; kept because links and history point here
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    # what orders from here get, and what a transfer there leads to (empty = the system's own)
    shop_id: Mapped[int | None] = mapped_column(ForeignKey("shops.id"))
    source_id: Mapped[int | None] = mapped_column(ForeignKey("sources.id"))
    type_id: Mapped[int | None] = mapped_column(ForeignKey("order_types.id"))
    success_status_id: Mapped[int | None] = mapped_column(ForeignKey("statuses.id"))
    failure_status_id: Mapped[int | None] = mapped_column(ForeignKey("statuses.id"))
    #: what commissions that it tells are booked as; empty = they are not
    commission_type_id: Mapped[int | None] = mapped_column(ForeignKey("expense_types.id"))

    # health, as the last calls left it
    last_ok_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_pull_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[dict[str, Any] | None] = mapped_column(Json)  # {"fault": class, "detail": the vendor's words}


class Mapping(Model):
    """Ours <-> theirs, one pair. Direction "in": looked up by their code; "out": by our id."""

    __tablename__ = "mappings"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    table: Mapped[str] = mapped_column(String(30))  # a MappingTable.key of the connector
    lookup: Mapped[str] = mapped_column(String(120))  # their code, or our id, as the direction says
    ours: Mapped[int | None]  # id in the registry; None = deliberately nothing
    theirs: Mapped[str] = mapped_column(String(120), default="")
    extra: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # e.g. {"reason": "another", "text": …}
    __table_args__ = (db.UniqueConstraint("connection_id", "table", "lookup"),)


class ReferenceItem(Model):
    """A vendor's own list (statuses, delivery types…), fetched and kept for the mapping editors."""

    __tablename__ = "reference_items"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    list: Mapped[str] = mapped_column(String(30))
    code: Mapped[str] = mapped_column(String(120))
    name: Mapped[str] = mapped_column(String(200), default="")
    group: Mapped[str] = mapped_column(String(60), default="")
    settable: Mapped[bool] = mapped_column(default=True)  # False: comes from there, can't be written back
    position: Mapped[int] = mapped_column(default=0)
    fetched_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    __table_args__ = (db.UniqueConstraint("connection_id", "list", "code"),)


class ExternalProduct(Model):
    """A product known to exist in a connected system, so that no call is spent on asking again."""

    __tablename__ = "external_products"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    sku: Mapped[str] = mapped_column(String(100))
    external_id: Mapped[str] = mapped_column(String(64), default="")
    __table_args__ = (db.UniqueConstraint("connection_id", "sku"),)


#: Link.state. sent: a copy exists; pending: asked for, not yet there; problem: the last transfer needs a person.
LINK_STATES = ("pending", "linked", "problem", "deleted")


class Link(Model):
    """The tie between our order and its copy in a connected system (source or destination)."""

    __tablename__ = "links"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"))
    role: Mapped[str] = mapped_column(String(12), default="destination")  # source | destination
    state: Mapped[str] = mapped_column(String(10), default="pending")
    external_id: Mapped[str | None] = mapped_column(String(64))
    external_number: Mapped[str] = mapped_column(String(64), default="")
    external_status: Mapped[str] = mapped_column(String(80), default="")  # code
    external_status_name: Mapped[str] = mapped_column(String(120), default="")
    external_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when it was so, by their clock
    told: Mapped[str] = mapped_column(String(80), default="")  # the status that we began to write there; "" = settled
    told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when our last write there ended
    url: Mapped[str] = mapped_column(String(300), default="")
    sent_version: Mapped[int | None]  # Order.version that the copy holds
    synced_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[dict[str, Any] | None] = mapped_column(Json)  # {"fault": class, "detail": …, "field": …}
    order: Mapped[Order] = relationship()
    connection: Mapped[Connection] = relationship()
    __table_args__ = (
        db.UniqueConstraint("connection_id", "external_id"),
        db.UniqueConstraint("order_id", "connection_id"),
        Index("ix_links_connection_id_state_order_id", "connection_id", "state", "order_id"),
    )


OPERATIONS = ("send", "delete", "status", "ttn")


class Transfer(Model):
    """A piece of work for one order at one connection: the row is the queue."""

    __tablename__ = "transfers"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    operation: Mapped[str] = mapped_column(String(10), default="send")
    payload: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # e.g. {"status": code, "extra": {...}}
    #: waiting -> working -> done | refused; parked = unknown outcome that only a person can settle
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    requested_by: Mapped[str] = mapped_column(String(120), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    not_before: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    tries: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fence: Mapped[int] = mapped_column(default=0)  # grows with each claim; a late worker's number is too small
    #: True from just before a call until its answer is stored: whoever takes the row next must look first
    uncertain: Mapped[bool] = mapped_column(default=False)
    sent_version: Mapped[int | None]  # Order.version in the uncertain call
    fault: Mapped[str] = mapped_column(String(20), default="")  # class of the last failure
    detail: Mapped[str] = mapped_column(Text, default="")  # the vendor's words
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    order: Mapped[Order] = relationship()
    connection: Mapped[Connection] = relationship()
    __table_args__ = (
        partial_index("ix_transfers_due", "connection_id", "not_before", "id", where="state = 'waiting'"),
        partial_index("ix_transfers_working", "lease_until", where="state = 'working'"),
        Index("ix_transfers_state_id", "state", "id"),
        Index("ix_transfers_order_id_id", "order_id", "id"),
        Index("ix_transfers_connection_id_id", "connection_id", "id"),
        Index("ix_transfers_created_at", "created_at"),  # where a range of dates begins and ends among the ids
        # one waiting row an order, system and operation (asking again changes it), one working row an order and system
        partial_index(
            "uq_transfers_waiting", "order_id", "connection_id", "operation", where="state = 'waiting'", unique=True
        ),
        partial_index("uq_transfers_working", "order_id", "connection_id", where="state = 'working'", unique=True),
    )


def has_state(model: Any, state: str) -> Any:
    """The condition that a transfer or run is in this state, written so that SQLite may use the partial indexes: it
    proves nothing from a bound parameter."""
    if state not in (*OPEN_STATES, "done", "refused", "parked", "cancelled", "failed"):
        raise ValueError(state)
    return model.state == literal_column(f"'{state}'")


class Attempt(Model):
    """One step towards a vendor (a call, or the few that belong together), written before and closed after it."""

    __tablename__ = "attempts"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    verb: Mapped[str] = mapped_column(String(20))  # send, update, find, status, pull…
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    ms: Mapped[int | None]
    outcome: Mapped[str | None] = mapped_column(String(10))  # done | refused | later | unknown | mixed; None = open
    fault: Mapped[str] = mapped_column(String(20), default="")
    detail: Mapped[str] = mapped_column(Text, default="")
    #: [{"method", "url", "request", "status", "response", "ms", "error"}], secrets already hidden
    exchanges: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    __table_args__ = (
        Index("ix_attempts_connection_id_id", "connection_id", "id"),
        Index("ix_attempts_started_at", "started_at"),
    )


class AttemptItem(Model):
    """The part of an attempt that one transfer had: a batch has many."""

    __tablename__ = "attempt_items"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id", ondelete="CASCADE"), index=True)
    transfer_id: Mapped[int] = mapped_column(ForeignKey("transfers.id", ondelete="CASCADE"), index=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"), index=True)
    outcome: Mapped[str | None] = mapped_column(String(10))
    fault: Mapped[str] = mapped_column(String(20), default="")
    detail: Mapped[str] = mapped_column(Text, default="")
    attempt: Mapped[Attempt] = relationship()


class Incoming(Model):
    """Whatever came from outside, kept raw before anything is made of it. A replay has the same fingerprint."""

    __tablename__ = "incoming"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    channel: Mapped[str] = mapped_column(String(10), default="pull")  # pull | webhook
    event: Mapped[str] = mapped_column(String(30), default="order")
    external_id: Mapped[str] = mapped_column(String(100))
    fingerprint: Mapped[str] = mapped_column(String(64))
    body: Mapped[Any] = mapped_column(Json)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    #: new | held | applied | echo | failed | aside; of notices also ignored | refused
    state: Mapped[str] = mapped_column(String(10), default="new")
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id", ondelete="SET NULL"), index=True)
    note: Mapped[str] = mapped_column(Text, default="")
    __table_args__ = (
        db.UniqueConstraint("connection_id", "event", "external_id", "fingerprint"),
        Index("ix_incoming_state_id", "state", "id"),
        partial_index("ix_incoming_notices", "connection_id", "id", where="channel = 'webhook'"),
    )


class Schedule(Model):
    """When a connection's periodic work runs. The row follows the connector's list at each start; staff change it."""

    __tablename__ = "schedules"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    task: Mapped[str] = mapped_column(String(20))  # orders | statuses | references | catalogue …
    every: Mapped[int]  # seconds
    at_hour: Mapped[int | None]  # of the day in the hub's zone, for what runs once a day
    paused: Mapped[bool] = mapped_column(default=False)
    next_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
    connection: Mapped[Connection] = relationship()
    __table_args__ = (db.UniqueConstraint("connection_id", "task"),)


class Run(Model):
    """One run of periodic or asked-for work, with its counts."""

    __tablename__ = "runs"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    task: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(10), default="waiting")  # waiting | working | done | failed
    requested_by: Mapped[str] = mapped_column(String(120), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    counts: Mapped[dict[str, int]] = mapped_column(
        Json, default=dict
    )  # {"seen", "new", "changed", "skipped", "failed"}
    fault: Mapped[str] = mapped_column(String(20), default="")
    detail: Mapped[str] = mapped_column(Text, default="")
    fence: Mapped[int] = mapped_column(default=0)  # grows with each claim: a worker that was given up writes nothing
    #: what it goes by and where it stands, as the job wrote it: of a catalogue jobs/standing.py says what
    memo: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    connection: Mapped[Connection] = relationship()
    __table_args__ = (
        Index("ix_runs_connection_id_id", "connection_id", "id"),
        # one open run a connection and task
        partial_index("uq_runs_open", "connection_id", "task", where="state IN ('waiting', 'working')", unique=True),
    )
