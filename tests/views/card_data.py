"""Orders, connections and forms that the tests of the card start from."""

from __future__ import annotations

from decimal import Decimal

from models import Connection, Link, Order, db
from orders import editing
from orders.timeline import Actor

from .pages import parse

OLENA = Actor("person", "Olena")
EVIL = "\"><script>alert(1)</script>'{{7*7}}%(x)s"


def make(app, number="A-1", lines=1, **values):
    with app.app_context():
        made = [
            {"sku": f"S-{n}", "name": f"Case {n}", "price": Decimal(100), "quantity": Decimal(1), "weight": 50}
            for n in range(lines)
        ]
        named = {"last_name": "Шевченко", "first_name": "Оксана", "phone": "+380671112233", **values}
        order_id = editing.create({"number": number, "city": "Київ", **named}, made, OLENA)
        db.session.commit()
        return order_id


def connect(app, name="CRM", kind="retailcrm"):
    with app.app_context():
        row = Connection(kind=kind, name=name, settings={"api_url": "https://crm.example"}, secrets={"api_key": "k"})
        db.session.add(row)
        db.session.commit()
        return row.id


def add(app, *rows):
    with app.app_context():
        db.session.add_all(rows)
        db.session.commit()
        return [row.id for row in rows]


def link(app, order_id, connection_id, **more):
    values = {"state": "linked", "external_id": "77", "external_number": "77A", "sent_version": 1, **more}
    return add(app, Link(order_id=order_id, connection_id=connection_id, **values))[0]


def typed(sent, **values):
    changed = sent.copy()
    for name, value in values.items():
        name = name.replace("__", "-")
        if value is None:
            changed.poplist(name)
        else:
            changed[name] = value
    return changed


def errors_of(answer):
    return " ".join(notice.text for notice in parse(answer).all(".notice.is-bad"))


def saved(app, order_id, *names):
    with app.app_context():
        order = db.session.get(Order, order_id)
        return [getattr(order, name) for name in names]
