"""Price lists are written as they are read: what comes out goes in again."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from catalogue import feeds
from catalogue.feeds import Shop
from integrations.yml import Reader
from models import Category, Product, db
from orders import creation

NOW = datetime(2026, 3, 20, 4, 0, tzinfo=UTC)


def read(pieces: Any) -> list[Any]:
    pages = list(Reader().pages(pieces))
    assert [one for page in pages for one in page.broken] == []
    return [one for page in pages for one in page.products]


def test_hostile_texts_come_back_as_they_were() -> None:
    name = 'Чашка <b>&amp;</b> "A"\x00\x0b]]> \U0001f600'
    one = {"id": '1"<', "name": name, "price": Decimal("1.50"), "currency": "UAH", "options": {'a"<': "b&"}}
    (found,) = read(feeds.written(Shop("A & B"), NOW, [(1, None, "X & Y")], [one]))
    assert (found.external_id, found.name, found.options) == (
        '1"<', 'Чашка <b>&amp;</b> "A"]]> \U0001f600', {'a"<': "b&"})  # fmt: skip
    assert b'date="2026-03-20 04:00"' in next(feeds.written(Shop("A"), NOW, [], []))


@pytest.mark.usefixtures("db_session")
def test_the_whole_catalogue() -> None:
    parent = Category(name="Одяг")
    db.session.add(parent)
    db.session.flush()
    child = Category(name="Куртки", parent_id=parent.id)
    db.session.add(child)
    db.session.flush()
    for n in range(feeds.BATCH + 2):
        name = f"Куртка {n}"
        db.session.add(
            Product(sku=f"A{n}", name=name, price=n, stock=n % 3, search_text=creation.product_text("", name))
        )
    db.session.flush()
    first = db.session.scalars(db.select(Product).filter_by(sku="A0")).one()
    first.category_id, first.weight, first.length, first.width, first.height = child.id, 1250, 300, 205, 10
    first.pictures, first.options, first.stock = [{"url": "https://a.example/?a=1&b=2"}], {"Розмір": "42"}, None
    db.session.scalars(db.select(Product).filter_by(sku="A1")).one().active = False
    db.session.commit()
    found = read(feeds.of_catalogue(Shop("A"), NOW))
    assert [one.sku for one in found] == ["A0", *(f"A{n}" for n in range(2, feeds.BATCH + 2))]
    one = found[0]
    assert (one.category, one.weight, one.length, one.width, one.height) == ("Одяг / Куртки", 1250, 300, 205, 10)
    assert (one.pictures, one.options) == (("https://a.example/?a=1&b=2",), {"Розмір": "42"})
    assert (one.quantity, one.available, found[1].quantity, found[2].available) == (None, True, 2, False)


@pytest.mark.usefixtures("db_session")
def test_pictures_and_prices_come_out_however_they_are_kept() -> None:
    """Pictures that were looked at have more than an address; an address may hold what JSON writes with a backslash."""
    kept = [
        (
            [{"url": "https://a.example/1.jpg", "width": 800, "fault": "url"}, {"url": "https://a.example/2.jpg"}],
            "0.05",
        ),
        ([{"url": 'https://a.example/"\\.jpg'}, {"url": "https://приклад.example/ї.jpg"}], "1200.00"),
        ([], "999.90"),
    ]
    for n, (pictures, price) in enumerate(kept):
        old = Decimal(price) + 1 if n else None
        row = Product(
            sku=f"A{n}", name=f"A{n}", price=Decimal(price), old_price=old, pictures=pictures, stock=Decimal("2.5")
        )
        db.session.add(row)
    db.session.commit()
    found = read(feeds.of_catalogue(Shop("A"), NOW))
    assert [list(one.pictures) for one in found] == [[p["url"] for p in pictures] for pictures, _ in kept]
    assert [str(one.price) for one in found] == [price for _, price in kept]
    assert [one.old_price for one in found] == [None, Decimal("1201.00"), Decimal("1000.90")]
    assert {one.quantity for one in found} == {2}
