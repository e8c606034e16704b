"""Rows that the tests of dashboard, journal and problems start from. All need an application context; none commits."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from models import Attempt, AttemptItem, Connection, Link, Run, Schedule, Source, Status, Transfer, db, utcnow
from orders import creation
from orders.timeline import Actor

HOSTILE = "<script>alert('x')</script> 100% & \"q\" {{ 7*7 }}"


def status_id(key: str) -> int:
    return db.session.scalar(db.select(Status.id).where(Status.key == key))


def connection(kind: str = "retailcrm", name: str = "RetailCRM", **values: Any) -> Connection:
    row = Connection(kind=kind, name=name, settings={}, secrets={}, cursor={}, **values)
    db.session.add(row)
    db.session.flush()
    return row


def source(name: str) -> int:
    row = Source(name=name)
    db.session.add(row)
    db.session.flush()
    return row.id


def orders(n: int, at: datetime | None = None, total: int = 100, prefix: str = "A-", **values: Any) -> list[int]:
    at = at or utcnow()
    money = {"total": Decimal(total), "goods_total": Decimal(total), "currency": "UAH"}
    common = {"created_at": at, "updated_at": at, "placed_at": at, "first_name": "Olha", **money, **values}
    drafts = [creation.Draft({"number": f"{prefix}{i}", **common}) for i in range(1, n + 1)]
    return creation.insert_many(drafts, Actor("job", "test"))


def transfer(order_id: int, to: Connection, state: str = "done", **values: Any) -> Transfer:
    ended = {} if state in ("waiting", "working") else {"finished_at": utcnow()}
    row = Transfer(order_id=order_id, connection_id=to.id, state=state, requested_by="Olha", **{**ended, **values})
    db.session.add(row)
    db.session.flush()
    return row


def refused(order_id: int, to: Connection, detail: str = "phone is wrong", fault: str = "validation") -> Transfer:
    """A refused transfer as the jobs leave it: with its link and its attempt."""
    db.session.add(Link(order_id=order_id, connection_id=to.id, state="problem", error={"fault": fault}))
    row = transfer(order_id, to, "refused", fault=fault, detail=detail, tries=1)
    attempt(row, "refused", fault, detail)
    return row


def attempt(of: Transfer, outcome: str = "done", fault: str = "", detail: str = "", response: Any = "{}") -> Attempt:
    exchange = {
        "method": "POST",
        "url": "https://crm.example/orders",
        "request": {"order": {"name": HOSTILE}},
        "status": 400,
        "response": response,
        "ms": 12,
        "error": "",
    }
    row = Attempt(
        connection_id=of.connection_id, verb="send", ms=15, outcome=outcome, fault=fault, exchanges=[exchange]
    )
    db.session.add(row)
    db.session.flush()
    item = {"attempt_id": row.id, "transfer_id": of.id, "order_id": of.order_id}
    db.session.add(AttemptItem(**item, outcome=outcome, fault=fault, detail=detail))
    return row


def run(of: Connection, state: str = "done", task: str = "orders", **values: Any) -> Run:
    now = utcnow()
    row = Run(connection_id=of.id, task=task, state=state, created_at=now, started_at=now, **values)
    row.finished_at = now + timedelta(seconds=1) if state in ("done", "failed") else None
    db.session.add(row)
    db.session.flush()
    return row


def schedule(of: Connection, task: str = "orders", every: int = 120, **values: Any) -> Schedule:
    row = Schedule(connection_id=of.id, task=task, every=every, **values)
    db.session.add(row)
    db.session.flush()
    return row
