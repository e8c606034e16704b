"""What parcels measure: piled-up products, usual parcels, and whatever the shop leaves to people."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.types import LineData, OrderData
from jobs import drafts
from models import Connection, Order, Product, Shop, db
from orders import editing, parcels
from orders.timeline import Actor

OLENA = Actor("person", "Olena")
MUG = {"sku": "MUG", "name": "Кружка", "price": Decimal(90), "quantity": Decimal(2), "weight": 300}
sides = st.integers(1, 2000)


@given(st.lists(st.tuples(sides, sides, sides, st.integers(1, 9)), min_size=1, max_size=6))
def test_the_box_holds_every_piece(pieces):
    sizes = {str(n): tuple(sorted(piece[:3], reverse=True)) for n, piece in enumerate(pieces)}
    lines = [{"sku": str(n), "quantity": Decimal(piece[3])} for n, piece in enumerate(pieces)]
    box = parcels.stacked(lines, sizes)
    assert list(box) == sorted(box, reverse=True)
    for piece in sizes.values():
        assert all(inner <= outer for inner, outer in zip(piece, box, strict=True))
    volume = sum(piece[0] * piece[1] * piece[2] * piece[3] for piece in pieces)
    assert box[0] * box[1] * box[2] >= volume


def shop(kind):
    row = db.session.scalar(db.select(Shop).order_by(Shop.id))
    row.parcel, row.parcel_weight = kind, 700
    row.parcel_length, row.parcel_width, row.parcel_height = 300, 200, 100
    db.session.add(Product(sku="MUG", name="Кружка", price=90, length=120, width=90, height=100))
    db.session.commit()
    parcels.forget_usual()
    return row.id


def measures(order):
    return order.weight, order.length, order.width, order.height


@pytest.mark.parametrize(
    ("kind", "lines", "measured"),
    [
        ("products", [MUG], (600, 180, 120, 100)),
        ("products", [MUG | {"sku": "OTHER"}], (600, 300, 200, 100)),
        ("products", [MUG | {"weight": 0}], (700, 180, 120, 100)),
        ("fixed", [MUG], (600, 300, 200, 100)),
        ("", [MUG], (600, 0, 0, 0)),
    ],
)
def test_a_new_order_is_measured_as_its_shop_says(app, kind, lines, measured):
    with app.app_context():
        made = editing.create({"number": "A-1", "shop_id": shop(kind)}, lines, OLENA)
        assert measures(db.session.get(Order, made)) == measured


def test_sizes_follow_the_lines_until_somebody_types_them(app):
    with app.app_context():
        made = editing.create({"number": "A-1", "shop_id": shop("products")}, [MUG], OLENA)
        order = editing.update(made, 1, {}, [MUG | {"quantity": Decimal(3)}], OLENA)
        assert measures(order) == (900, 270, 120, 100), "three lie in a row: the longest side comes first"
        order = editing.update(made, 2, {"auto_weight": False, "weight": 1, "length": 5}, [MUG], OLENA)
        assert measures(order) == (1, 5, 120, 100)


def test_a_usual_parcel_fills_only_what_is_empty(app):
    with app.app_context():
        made = editing.create({"number": "A-1", "shop_id": shop("fixed"), "length": 10, "width": 5}, [MUG], OLENA)
        assert measures(db.session.get(Order, made)) == (600, 10, 5, 0)


def test_orders_that_arrive_are_measured_too(app):
    with app.app_context():
        connection = Connection(kind="prom", name="Prom", shop_id=shop("products"))
        db.session.add(connection)
        db.session.flush()
        draft = drafts.Maker(connection).draft(OrderData(number="7", lines=[LineData(**MUG)]))
        assert measures(SimpleNamespace(**draft.values)) == (600, 180, 120, 100)
