"""What tests put into the database: orders made the way imports make them, products, and runs that are over."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from jobs import runs
from models import Connection, Link, Product, Run, Shop, Source, Status, db
from orders import creation, editing
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


#: an order of one mug as staff type it in, by country
TYPED = {
    "UA": {"last_name": "Коваль", "first_name": "Ірина", "phone": "+380671112233", "currency": "UAH", "city": "Львів"},
    "RU": {"last_name": "Орлова", "first_name": "Анна", "phone": "+79120000000", "currency": "RUB", "city": "Воронеж",
           "street": "Мира", "house": "7", "postal_code": "394000"},
}  # fmt: skip
MUGS = {"UA": ("Чашка", 450), "RU": ("Кружка", 900)}


def to_deliver(home: str, number: str, /, **values: Any) -> int:
    """An order of a shop at home in this country; returns its id; commits."""
    name, price = MUGS[home]
    line = {"sku": "MUG", "name": name, "price": Decimal(price), "quantity": Decimal(1), "weight": 400}
    of_shop = {"number": number, "country": home, "shop_id": db.session.scalar(db.select(Shop.id))}
    order_id = editing.create({**TYPED[home], **of_shop, **values}, [line], OLENA)
    db.session.commit()
    return order_id


def product(sku: str, name: str = "", **values: Any) -> Product:
    """Named as its SKU unless told otherwise; commits."""
    name = name or sku
    row = Product(sku=sku, name=name, search_text=creation.product_text(sku, name), **values)
    db.session.add(row)
    db.session.commit()
    return row


def ran(connection_id: int, task: str) -> Run:
    """A run of this task as somebody asks for it, carried out; what the session held is read anew."""
    made = runs.request(connection_id, task, "Tester")
    assert made is not None
    db.session.commit()
    run_id = made.id
    runs.carry_out(run_id)
    db.session.expire_all()
    return db.session.get_one(Run, run_id)


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
