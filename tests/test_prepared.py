"""Statements compiled once: the same rows, errors and events as SQLAlchemy's own, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from models import (
    Link,
    Option,
    Order,
    OrderCount,
    OrderEvent,
    Prepared,
    Product,
    Status,
    Written,
    add_rows,
    among,
    db,
    update_rows,
)
from models.prepared import next_ids

from .orders.build import make

_orders = Order.__table__


@pytest.fixture
def context(app: Flask) -> Any:
    with app.app_context():
        yield


@pytest.mark.parametrize("n", [0, 1, 40])
def test_a_list_is_one_parameter(context: Any, n: int) -> None:
    ids = make(*[{"total": Decimal("12.50")}] * 40)
    query = Prepared(db.select(_orders.c.id, _orders.c.total, _orders.c.created_at).where(among(_orders.c.id, "ids")))
    found = query.rows(ids=ids[:n])
    same = db.session.execute(db.select(Order.id, Order.total, Order.created_at).where(Order.id.in_(ids[:n]))).all()
    assert sorted(map(tuple, found)) == sorted(map(tuple, same))
    assert all(row.created_at.tzinfo is UTC and row.total == Decimal("12.50") for row in found)


def test_texts_are_compared_as_texts(context: Any) -> None:
    make({"number": "007"}, {"number": "7"})
    query = Prepared(db.select(_orders.c.number).where(among(_orders.c.number, "numbers", str)))
    assert [row.number for row in query.rows(numbers=["7", "8"])] == ["7"]


def test_a_parameter_that_is_missing_is_an_error(context: Any) -> None:
    query = Prepared(db.select(_orders.c.id).where(_orders.c.number == db.bindparam("number")))
    with pytest.raises(KeyError):
        query.rows()
    assert query.rows(number=None) == []


def test_conditions_with_fixed_values_keep_them(context: Any) -> None:
    make({"paid": True}, {"paid": False}, {"paid": True, "currency": "USD"})
    query = Prepared(db.select(_orders.c.id).where(_orders.c.paid, _orders.c.currency.in_(["UAH", "EUR"])))
    assert len(query.rows()) == len(query.rows()) == 1


@pytest.mark.parametrize("n", [1, 3, 40])
def test_rows_are_inserted_with_their_defaults(context: Any, n: int) -> None:
    (order_id,) = make({})
    before = datetime.now(UTC)
    details = [{"changes": [["city", "", "Київ"]], "n": i} for i in range(n)]
    rows = [{"order_id": order_id, "actor": "job", "kind": "edited", "detail": detail} for detail in details]
    add_rows(OrderEvent, rows)
    db.session.commit()
    made = db.session.scalars(db.select(OrderEvent).filter_by(kind="edited").order_by(OrderEvent.id)).all()
    assert [event.detail for event in made] == details
    assert all(event.actor_name == "" and event.at >= before for event in made)


#: what stands for something else where rows travel as texts
HOSTILE = (
    "",
    "NULL",
    "null",
    "\\N",
    "\\.",
    "\\",
    "\\\\",
    '"',
    "{",
    "}",
    ",",
    "a\tb",
    "a\nb\r\n",
    " ",
    "'",
    "😀",
    '{"a"}',
    "%s",
)


@pytest.mark.parametrize("n", [1, 3, 40])
def test_any_text_comes_back_as_it_was(context: Any, n: int) -> None:
    texts = [HOSTILE[i % len(HOSTILE)] for i in range(n)] if n > 3 else ['"\\\t\n{,}', "\\N", "NULL"][:n]
    (order_id,) = make({})
    rows = [
        {"order_id": order_id, "actor": "job", "actor_name": t, "kind": "edited", "detail": {t: [t]}} for t in texts
    ]
    add_rows(OrderEvent, rows)
    made = db.session.scalars(db.select(OrderEvent).filter_by(kind="edited").order_by(OrderEvent.id)).all()
    assert [event.actor_name for event in made] == texts
    assert [event.detail for event in made] == [{t: [t]} for t in texts]
    update_rows(OrderEvent, [{"id": e.id, "actor_name": t[::-1]} for e, t in zip(made, texts, strict=True)])
    db.session.expire_all()
    assert [event.actor_name for event in made] == [t[::-1] for t in texts]


@pytest.mark.parametrize("n", [1, 3, 40])
def test_json_that_is_written_already_is_taken_as_it_is(context: Any, n: int) -> None:
    (order_id,) = make({})
    text = Written('{"name": "Чашка \\"A\\"\\n", "n": [1, null]}')
    add_rows(OrderEvent, [{"order_id": order_id, "actor": "job", "kind": "edited", "detail": text}] * n)
    found = db.session.scalars(db.select(OrderEvent.detail).filter_by(kind="edited")).all()
    assert found == [{"name": 'Чашка "A"\n', "n": [1, None]}] * n


@pytest.mark.parametrize("n", [1, 3, 40])
def test_rows_of_a_searched_table_come_in_one_statement_as_they_were(context: Any, n: int) -> None:
    names = [f"{HOSTILE[i % len(HOSTILE)]} чашка" for i in range(n)]
    rows = [
        {"sku": f"S{i}", "name": name, "price": Decimal("1.05"), "active": i % 2 == 0, "options": {name: name},
         "old_price": None, "search_text": f"s{i} чашка"}
        for i, name in enumerate(names)
    ]  # fmt: skip
    asked: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *a: asked.append(f"{a[5]}" if a[2] else ""))
    add_rows(Product, rows)
    made = db.session.scalars(db.select(Product).where(Product.sku.like("S%")).order_by(Product.id)).all()
    assert [(p.name, p.price, p.active, p.options, p.old_price) for p in made] == [
        (name, Decimal("1.05"), i % 2 == 0, {name: name}, None) for i, name in enumerate(names)
    ]
    if db.engine.dialect.name == "sqlite":
        assert asked[0] == "False"
        found = "SELECT count(*) FROM product_search_fts WHERE product_search_fts MATCH 'чашка'"
        assert db.session.scalar(db.text(found)) == n


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("n", [1, 3, 40])
def test_what_is_too_long_is_an_error_and_is_not_cut(context: Any, n: int) -> None:
    row = {"type_id": 1, "status_id": 1, "currency": "UAHX", "n": 1, "total": Decimal(1)}
    with pytest.raises(DataError):
        add_rows(OrderCount, [row] * n)
    db.session.rollback()


@pytest.mark.parametrize("n", [1, 3, 40])
def test_none_is_kept_as_null(context: Any, n: int) -> None:
    key = {"type_id": 1, "status_id": 1, "currency": "UAH", "n": 1, "total": Decimal(1)}
    add_rows(OrderCount, [{**key, "shop_id": None, "source_id": 7}] * n)
    query = db.select(db.func.count()).where(OrderCount.shop_id.is_(None), OrderCount.source_id == 7)
    assert db.session.scalar(query) == n


def _renew_name(query: Any) -> Any:
    return query.on_conflict_do_update(index_elements=["sku"], set_={"name": query.excluded.name})


@pytest.mark.parametrize("n", [1, 2])
def test_what_to_do_on_conflict_is_the_callers(context: Any, n: int) -> None:
    for name in ("old", "new"):
        add_rows(Product, [{"sku": f"P-{i}", "name": name, "price": Decimal("9.99")} for i in range(n)], _renew_name)
    db.session.commit()
    assert db.session.execute(db.select(Product.name, Product.price)).all() == [("new", Decimal("9.99"))] * n


@pytest.mark.parametrize("n", [1, 3])
def test_rows_are_changed_by_their_keys(context: Any, n: int) -> None:
    ids = make(*[{}] * 4)
    update_rows(Order, [{"id": i, "total": Decimal(i), "unmapped": [{"code": str(i)}]} for i in ids[:n]])
    db.session.commit()
    found = db.session.execute(db.select(Order.total, Order.unmapped).order_by(Order.id)).all()
    assert found[:n] == [(Decimal(i), [{"code": str(i)}]) for i in ids[:n]]
    assert found[n:] == [(Decimal(100), [])] * (4 - n)


@pytest.mark.parametrize("n", [1, 2, 40])
def test_errors_are_those_of_sqlalchemy(context: Any, n: int) -> None:
    rows = [{"key": "twice", "value": 1}] * n if n > 1 else [{"key": None, "value": 1}]
    with pytest.raises(IntegrityError):
        add_rows(Option, rows)
    db.session.rollback()
    assert db.session.scalar(db.select(db.func.count()).select_from(Option).filter_by(key="twice")) == 0


@pytest.mark.parametrize("n", [1, 40])
def test_listeners_hear_of_it(context: Any, n: int) -> None:
    heard: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        heard.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        Prepared(db.select(_orders.c.id)).rows()
        add_rows(Option, [{"key": str(i), "value": i} for i in range(n)])
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert len(heard) == 2


def test_ids_drawn_before_are_nobody_elses(context: Any) -> None:
    first = make({}, {})
    drawn = next_ids(Order, 3)
    assert drawn == sorted(drawn)
    assert drawn[0] > max(first)
    db.session.rollback()
    assert min(make({})) > max(first)


def test_links_are_found_by_two_columns(context: Any) -> None:
    from jobs import connections

    crm = connections.create("retailcrm", "CRM", {"api_url": "http://127.0.0.1:9", "api_key": "k", "site": "s"})
    ids = make({}, {})
    add_rows(Link, [{"order_id": i, "connection_id": crm.id, "role": "destination", "state": "pending"} for i in ids])
    rows = [{"order_id": i, "connection_id": crm.id, "external_id": f"x{i}", "error": None} for i in ids]
    update_rows(Link, rows, ("order_id", "connection_id"))
    assert set(db.session.scalars(db.select(Link.external_id))) == {f"x{i}" for i in ids}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_what_postgresql_has_prepared_outlives_a_request_that_only_reads(context: Any) -> None:
    known = Prepared(db.select(Status.__table__.c.id).where(Status.__table__.c.key == db.bindparam("key")), None, True)
    count = db.text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%statuses%'")
    for _ in range(3):
        assert known.rows(key="new")
        db.session.rollback()
    assert db.session.scalar(count) == 1
    with pytest.raises(DBAPIError):
        db.session.execute(db.text("SELECT 1 / 0"))
    db.session.rollback()  # after an error, too, the connection is fit for use
    assert known.rows(key="new")
