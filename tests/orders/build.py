"""Orders for tests of the list, made the way imports make them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from models import Connection, Link, Shop, Source, Status, db
from orders import creation
from orders.timeline import Actor

OLENA = Actor("person", "Olena")
JOB = Actor("job", "Prom")


def make(*orders: dict[str, Any], lines: list[dict[str, Any]] | None = None) -> list[int]:
    """Make one order for each dict of columns (numbers are given when absent); returns their ids; commits."""
    lines = [{"sku": "CASE-1", "name": "Case", "price": Decimal(100)}] if lines is None else lines
    drafts = []
    for n, values in enumerate(orders):
        blank = {"number": f"N-{n + 1}", "total": Decimal(100), "currency": "UAH", "first_name": "Olena"}
        drafts.append(creation.Draft(blank | values, [dict(line) for line in lines]))
    ids = creation.insert_many(drafts, JOB)
    db.session.commit()
    return ids


def status(key: str) -> Status:
    found = db.session.scalar(db.select(Status).where(Status.key == key))
    assert found is not None
    return found


def source(name: str) -> int:
    return _named(Source, name)


def shop(name: str) -> int:
    return _named(Shop, name)


def _named(model: Any, name: str) -> int:
    row = model(name=name)
    db.session.add(row)
    db.session.commit()
    return int(row.id)


def connection(kind: str = "retailcrm", name: str = "CRM") -> Connection:
    row = Connection(kind=kind, name=name, settings={}, secrets={}, cursor={})
    db.session.add(row)
    db.session.commit()
    return row


def link(order_id: int, connection_id: int, **values: Any) -> Link:
    blank = {"state": "linked", "external_id": f"x{order_id}", "role": "destination"}
    row = Link(order_id=order_id, connection_id=connection_id, **(blank | values))
    db.session.add(row)
    db.session.commit()
    return row
