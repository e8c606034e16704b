"""Invented orders: whole, findable, counted, and by the rules that edited orders follow."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from models import Connection, Link, Order, OrderCount, OrderEvent, OrderSearch, Status, db, utcnow
from orders import bulk, counts, fill, invented, listing, search, totals, words
from orders.filters import OrderFilter

ZONE = ZoneInfo("Europe/Kyiv")


@pytest.fixture
def context(app: Flask):
    with app.app_context():
        yield app
        db.session.rollback()


def _found(q: str) -> list[str]:
    statuses = db.session.scalars(db.select(Status)).all()
    page = listing.page(OrderFilter(q=q, status=()), statuses, ZONE)
    return [row.o.number for row in page.rows]


def _count(model) -> int:
    return db.session.scalar(db.select(db.func.count()).select_from(model))


def test_filled_orders_are_whole(context):
    first = fill.fill(300)
    orders = db.session.scalars(db.select(Order).order_by(Order.id)).all()
    assert [o.id for o in orders] == list(range(first, first + 300))
    assert {len(o.lines) for o in orders} == set(invented.LINE_COUNTS)
    assert len({o.status_id for o in orders}) == 7
    assert all(o.created_at <= o.updated_at <= utcnow() for o in orders)
    assert all(a.created_at < b.created_at for a, b in zip(orders, orders[1:], strict=False))
    assert orders[-1].created_at - orders[0].created_at > timedelta(days=360)
    assert _count(OrderEvent) == 300
    texts = dict(db.session.execute(db.select(OrderSearch.order_id, OrderSearch.text)).all())
    assert texts == {o.id: search.text_of(vars(o), [vars(line) for line in o.lines]) for o in orders}


def test_sums_follow_the_rules_of_edited_orders(context):
    fill.fill(200)
    for o in db.session.scalars(db.select(Order)):
        lines = [
            {"price": x.price, "quantity": x.quantity, "discount": x.discount, "weight": x.weight} for x in o.lines
        ]
        names = (
            "discount",
            "delivery_cost",
            "cod",
            "cod_method",
            "cod_amount",
            "paid",
            "declared_value",
            "auto_weight",
        )
        settled = {name: getattr(o, name) for name in names}
        totals.settle(settled, lines, o.payment_kind)
        assert {name: getattr(o, name) for name in settled} == settled
        assert not totals.problems(settled, o.delivery_method.card_on_delivery, False, lines)


def test_counters_are_right_and_search_finds_them(context):
    fill.fill(120)
    kept = {status: (cell.n, cell.sums) for status, cell in counts.by_status().items()}
    db.session.execute(db.delete(OrderCount))
    counts.recount()
    assert {status: (cell.n, cell.sums) for status, cell in counts.by_status().items()} == kept
    last = db.session.scalars(db.select(Order).order_by(Order.id.desc())).first()
    assert last.number in _found(last.number)
    assert last.number in _found(last.phone[-6:])


def test_more_orders_come_after_those_that_are_there(context):
    """The second fill is the smaller one, so that it goes through the search index as it stands."""
    fill.fill(60)
    before = db.session.scalar(db.select(db.func.max(Order.created_at)))
    first = fill.fill(20, seed=2)
    added = db.session.scalars(db.select(Order).where(Order.id >= first)).all()
    assert len(added) == 20
    assert _count(Order) == 80
    assert min(o.created_at for o in added) >= before
    assert added[7].number in _found(added[7].number)


def test_the_same_seed_makes_the_same_orders(context):
    columns = (Order.last_name, Order.first_name, Order.phone, Order.goods_total, Order.status_id)
    a = fill.fill(50, seed=7)
    b = fill.fill(50, seed=7)
    made = [db.session.execute(db.select(*columns).where(Order.id.between(x, x + 49)).order_by(Order.id)).all()
            for x in (a, b)]  # fmt: skip
    assert made[0] == made[1]


def test_orders_are_linked_to_connections(context):
    rows = [Connection(kind=kind, name=kind, enabled=False) for kind in ("prom", "retailcrm")]
    db.session.add_all(rows)
    db.session.commit()
    fill.fill(400, origins=[rows[0].id], destinations=[rows[1].id])
    links = db.session.scalars(db.select(Link)).all()
    assert {(link.role, link.state) for link in links} == {
        ("source", "linked"),
        ("destination", "linked"),
        ("destination", "problem"),
    }
    assert all(link.error["fault"] for link in links if link.state == "problem")


def test_an_interrupted_fill_leaves_orders_that_can_be_found(context):
    fill.fill(10)

    def stop(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill.fill(50, progress=stop)
    newest = db.session.scalars(db.select(Order).order_by(Order.id.desc())).first()
    assert newest.id == 60
    assert newest.number in _found(newest.number)
    assert sum(cell.n for cell in counts.by_status().values()) == 60


def test_a_column_without_a_fixed_default_has_to_be_given(context):
    with pytest.raises(ValueError, match=r"orders\.\w+ has no fixed default"):
        bulk.loader(False).write(Order.__table__, ("id",), [(1,)])


def test_words_are_as_many_as_they_say():
    assert len(words.PEOPLE) == 60
    assert len({woman for woman, _ in words.SURNAMES}) == len({man for _, man in words.SURNAMES}) == 432
    assert not {name for pair in words.SURNAMES for name in pair} & set(words.RARE)


def test_command(app: Flask):
    runner = app.test_cli_runner()
    result = runner.invoke(args=["orders", "fill", "1200"])
    assert result.exit_code == 0, result.output
    assert "1,200 orders in" in result.output
    assert runner.invoke(args=["orders", "fill", "0"]).exit_code == 2
