"""Likely duplicates: found as orders are made, settled by a person, merged with nothing lost."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event

from models import (
    Incoming,
    LikelyDuplicate,
    Link,
    Order,
    OrderCount,
    OrderDay,
    OrderEvent,
    Payment,
    Transfer,
    db,
    utcnow,
)
from orders import counts, creation, duplicates, statuses, timeline, unite, work

from . import build
from .build import OLENA

PHONE = "+380671112233"
CUP = {"sku": "CUP", "name": "Cup", "price": Decimal(100)}
BAG = {"sku": "BAG", "name": "Bag", "price": Decimal(40)}


@pytest.fixture(autouse=True)
def _context(db_session: Any) -> None:
    pass


def order(number: str, *lines: dict[str, Any], **values: Any) -> int:
    total = sum((line["price"] for line in lines), Decimal(0))
    blank = {"number": number, "phone": PHONE, "total": total, "goods_total": total, "last_name": "Шевченко"}
    return build.make({**blank, **values}, lines=list(lines))[0]


def pairs(state: str = "open") -> list[tuple[int, int, str]]:
    columns = (LikelyDuplicate.order_id, LikelyDuplicate.other_id, LikelyDuplicate.why)
    query = db.select(*columns).where(LikelyDuplicate.state == state).order_by(LikelyDuplicate.id)
    return [tuple(row) for row in db.session.execute(query)]


def marked() -> set[int]:
    return set(db.session.scalars(db.select(Order.id).where(Order.likely_duplicate)))


def pair() -> LikelyDuplicate:
    return db.session.scalars(db.select(LikelyDuplicate)).one()


def test_same_phone_and_a_common_product_within_a_day() -> None:
    first = order("A", CUP)
    other_goods = order("B", BAG)
    other_phone = order("C", CUP, phone="+380500000000")
    long_ago = order("D", CUP, placed_at=utcnow() - timedelta(days=3))
    assert not pairs()
    twin = order("E", BAG, CUP)
    assert pairs() == [(twin, first, "phone")]  # of two that it meets, the first
    assert marked() == {first, twin}
    assert not {other_goods, other_phone, long_ago} & marked()


def test_orders_that_come_together_are_compared_with_each_other() -> None:
    ids = build.make({"number": "A", "phone": PHONE}, {"number": "B", "phone": PHONE}, lines=[CUP])
    assert pairs() == [(ids[1], ids[0], "phone")]


def test_products_without_a_sku_are_compared_by_name() -> None:
    first = order("A", {"sku": "", "name": "Чашка  велика", "price": Decimal(1)})
    twin = order("B", {"sku": "", "name": "чашка велика", "price": Decimal(1)})
    assert pairs() == [(twin, first, "phone")]


def test_the_same_number_from_another_source() -> None:
    prom, rozetka = build.source("Shop A"), build.source("Shop B")
    first = order("A", CUP, phone="", external_number="5501", source_id=prom)
    again = order("B", BAG, phone="", external_number="5501", source_id=prom)
    assert not pairs()
    twin = order("C", BAG, phone="", external_number="5501", source_id=rozetka)
    assert pairs() == [(twin, first, "number")]
    assert again not in marked()


def test_cancelled_and_deleted_orders_have_no_duplicates() -> None:
    first, twin = order("A", CUP), order("B", CUP)
    statuses.change([first], build.status("cancelled"), OLENA)
    db.session.commit()
    assert pairs("over") == [(twin, first, "phone")]
    assert not marked()
    order("C", CUP)
    assert pairs()[0][1] == twin  # the cancelled one is not looked at


def test_what_was_said_to_be_two_stays_two() -> None:
    first, twin = order("A", CUP), order("B", CUP)
    duplicates.dismiss(pair(), OLENA)
    db.session.commit()
    assert not pairs()
    assert not marked()
    kinds = {event.kind for event in timeline.of_order(first)} & {event.kind for event in timeline.of_order(twin)}
    assert "not_duplicate" in kinds


def test_an_order_in_two_pairs_stays_marked_until_both_are_settled() -> None:
    first, second, third = order("A", CUP), order("B", CUP), order("C", CUP)
    found = db.session.scalars(db.select(LikelyDuplicate).order_by(LikelyDuplicate.id)).all()
    assert pairs() == [(second, first, "phone"), (third, first, "phone")]
    duplicates.dismiss(found[0], OLENA)
    db.session.commit()
    assert marked() == {first, third}


def counted() -> tuple[dict[Any, Any], dict[Any, Any]]:
    """What the counters say, added up."""
    key = (OrderCount.shop_id, OrderCount.source_id, OrderCount.type_id, OrderCount.status_id, OrderCount.currency)
    found = db.select(*key, db.func.sum(OrderCount.n), db.func.sum(OrderCount.total)).group_by(*key)
    totals = {tuple(row[:5]): (int(row[5]), row[6]) for row in db.session.execute(found) if row[5] or row[6]}
    key2 = (OrderDay.day, OrderDay.source_id, OrderDay.status_id, OrderDay.currency)
    found = db.select(*key2, db.func.sum(OrderDay.n), db.func.sum(OrderDay.total)).group_by(*key2)
    return totals, {tuple(row[:4]): (int(row[4]), row[5]) for row in db.session.execute(found) if row[4] or row[5]}


def test_merging_moves_all_that_the_other_had_and_the_counters_stay_right() -> None:
    prom, crm = build.connection("prom", "Prom"), build.connection("retailcrm", "CRM")
    keep = order("A", CUP, customer_comment="Call first", external_number="")
    drop = order("B", CUP, BAG, customer_comment="After six", email="o@example.com", paid=True, external_number="77")
    build.link(drop, prom.id, role="source", external_id="p77")
    mine, theirs = build.link(keep, crm.id, external_id="c1"), build.link(drop, crm.id, external_id="c2")
    db.session.add(Incoming(connection_id=prom.id, external_id="p77", fingerprint="x", body={}, order_id=drop))
    db.session.add(Payment(order_id=drop, amount=Decimal(140), currency="UAH", external_id="pay"))
    db.session.add(Transfer(order_id=drop, connection_id=prom.id, operation="status", state="done", payload={}))
    db.session.commit()
    left = unite.unite(keep, drop, "lacking", OLENA, pair())
    db.session.commit()
    assert left == ["CRM"]  # it has both: each keeps its own
    assert {(link.order_id, link.external_id) for link in db.session.scalars(db.select(Link))} == {
        (keep, "p77"),
        (keep, mine.external_id),
        (drop, theirs.external_id),
    }
    for model in (Incoming, Payment):
        assert db.session.scalars(db.select(model.order_id)).all() == [keep]
    assert db.session.scalars(db.select(Transfer.order_id).where(Transfer.connection_id == prom.id)).all() == [keep]
    kept, gone = db.session.get_one(Order, keep), db.session.get_one(Order, drop)
    assert [line.sku for line in kept.lines] == ["CUP", "BAG"]
    assert (kept.total, kept.paid, kept.email) == (Decimal(140), True, "o@example.com")
    assert kept.customer_comment == "Call first\nAfter six"
    assert kept.external_number == "77"
    assert (gone.status.group, gone.cancel_reason, gone.cancel_text) == ("cancelled", "duplicate", "A")
    assert unite.merged_into(drop) == "A"
    assert not unite.merged_into(keep)
    assert [event.kind for event in timeline.of_order(drop)] == ["merged_into"]
    events = timeline.of_order(keep)
    assert {"merged", "edited", "created"} <= {event.kind for event in events}
    assert [event.detail["order"] for event in events if (event.detail or {}).get("order")] == ["B"]
    assert pairs("merged")
    assert not marked()
    kept_counters = counted()
    counts.recount()
    assert counted() == kept_counters


@pytest.mark.parametrize(("how", "skus"), [("keep", ["CUP"]), ("all", ["CUP", "CUP", "BAG"])])
def test_products_after_a_merge_are_a_choice(how: str, skus: list[str]) -> None:
    keep, drop = order("A", CUP), order("B", CUP, BAG)
    unite.unite(keep, drop, how, OLENA)
    db.session.commit()
    assert [line.sku for line in db.session.get_one(Order, keep).lines] == skus


def test_nothing_is_merged_while_the_other_is_being_sent() -> None:
    crm = build.connection()
    keep, drop = order("A", CUP), order("B", CUP)
    work.request_send([drop], crm.id, "Olena")
    db.session.execute(db.update(Transfer).values(state="working"))
    db.session.commit()
    with pytest.raises(unite.CannotUnite, match="busy"):
        unite.unite(keep, drop, "lacking", OLENA, pair())
    db.session.rollback()
    db.session.execute(db.update(Transfer).values(state="waiting"))
    unite.unite(keep, drop, "lacking", OLENA, pair())  # what only waits is called off
    db.session.commit()
    assert db.session.scalars(db.select(Transfer.state)).all() == ["cancelled"]
    assert db.session.scalars(db.select(Link)).all() == []


def test_only_live_orders_are_merged() -> None:
    keep, drop = order("A", CUP), order("B", CUP)
    statuses.change([drop], build.status("deleted"), OLENA)
    with pytest.raises(unite.CannotUnite, match="over"):
        unite.unite(keep, drop, "lacking", OLENA)
    with pytest.raises(unite.CannotUnite, match="gone"):
        unite.unite(keep, 10**9, "lacking", OLENA)


def test_numbers_are_looked_up_by_their_index_however_many_orders_have_none() -> None:
    prom, rozetka = build.source("Shop A"), build.source("Shop B")
    build.make(*({"number": f"N{i}", "external_number": ""} for i in range(300)))
    first = order("A", CUP, phone="", external_number="5501", source_id=prom)
    db.session.execute(db.text("ANALYZE orders"))
    asked: list[tuple[str, Any]] = []
    event.listen(db.engine, "before_cursor_execute", lambda *a: asked.append((a[2], a[3])))
    twin = order("B", BAG, phone="", external_number="5501", source_id=rozetka)
    assert pairs() == [(twin, first, "number")]
    (query,) = (q for q in asked if "orders.external_number" in q[0] and "JOIN statuses" in q[0])
    if db.engine.dialect.name == "sqlite":
        rows = db.session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {query[0]}", tuple(query[1])).all()
        assert any("ix_orders_external_number" in row[3] for row in rows), rows


def test_orders_without_phone_and_number_cost_no_query() -> None:
    drafts = [creation.Draft({"number": f"X{i}", "first_name": "O", "total": Decimal(1)}, [dict(CUP)]) for i in (1, 2)]
    creation.insert_many(drafts, OLENA)
    assert not pairs()
    assert db.session.scalars(db.select(OrderEvent.kind)).all() == ["created", "created"]


@pytest.mark.parametrize(
    ("how", "received", "paid"),
    [("lacking", 0, True), ("all", 0, False), ("all", 140, False), ("all", 240, True)],
)
def test_the_order_that_stays_is_paid_if_what_was_paid_covers_it(how: str, received: int, paid: bool) -> None:
    keep, drop = order("A", CUP), order("B", CUP, BAG, paid=True)
    if received:
        amount = Decimal(received)
        db.session.add(Payment(order_id=drop, amount=amount, currency="UAH", state="paid", external_id="pay"))
    unite.unite(keep, drop, how, OLENA)
    db.session.commit()
    assert db.session.get_one(Order, keep).paid is paid


def test_two_that_look_alike_are_cancelled_at_the_same_moment(app: Any) -> None:
    twins = [(order(f"A{n}", CUP, phone=f"+38050111220{n}"), order(f"B{n}", CUP, phone=f"+38050111220{n}"))
             for n in range(6)]  # fmt: skip
    assert len(pairs()) == 6
    gate = threading.Barrier(2)

    def cancel(ids: list[int]) -> None:
        with app.app_context():
            for one in ids:
                gate.wait(30)
                statuses.change([one], build.status("cancelled"), OLENA)
                db.session.commit()
            db.session.remove()

    db.session.commit()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(cancel, zip(*twins, strict=True)))
    assert (pairs(), len(pairs("over")), marked()) == ([], 6, set())
