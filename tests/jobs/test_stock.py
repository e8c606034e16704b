"""Stock: what accepted orders take off, and what systems are told of it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from integrations.sandbox import SandboxServer
from jobs import connections, runs, stock_due, wake
from models import (
    Attempt,
    Connection,
    Mapping,
    Offer,
    Order,
    OrderLine,
    Product,
    Run,
    StockNews,
    StockTaken,
    db,
    utcnow,
)
from orders import editing, statuses, stock, unite
from tests.orders import build

from ..orders.build import OLENA
from .conftest import make_orders, queued


@pytest.fixture
def shop(prom: Connection, unlimited: SandboxServer) -> Connection:
    """A Prom shop that is told of stock, and orders that take it."""
    prom.settings = {**prom.settings, "tell_stock": True}
    stock.switch(True)
    db.session.commit()
    return prom


def product(sku: str, pieces: Any, **values: Any) -> Product:
    row = Product(sku=sku, name=sku, stock=None if pieces is None else Decimal(pieces), **values)
    db.session.add(row)
    db.session.commit()
    return row


def offer(shop: Connection, row: Product, **values: Any) -> Offer:
    sold = Offer(connection_id=shop.id, name=row.sku, product_id=row.id, **values)
    db.session.add(sold)
    db.session.commit()
    return sold


def left(row: Product) -> Any:
    return db.session.scalar(db.select(Product.stock).where(Product.id == row.id))


def set_status(key: str, *ids: int) -> None:
    statuses.change(ids, build.status(key), OLENA)
    db.session.commit()


def tell(shop: Connection, by: str = "") -> Run:
    """A run as a worker carries it out: the hub's own, when something is due, or one that somebody asks for."""
    if by:
        runs.request(shop.id, "stock", by)
        db.session.commit()
    else:
        stock_due.start(shop.id)
    run = db.session.scalars(db.select(Run).where(Run.task == "stock").order_by(Run.id.desc()).limit(1)).one()
    runs.carry_out(run.id)
    db.session.expire_all()
    return run


def asked() -> int:
    return db.session.scalar(db.select(db.func.count(Attempt.id)).where(Attempt.verb == "stock")) or 0


def test_an_order_takes_its_goods_once_and_gives_them_back_once(shop: Connection) -> None:
    cup, bag = product("SKU-0", 10), product("SKU-BAG", None)
    [order] = make_orders(1)
    assert left(cup) == 10
    for key in ("confirmed", "problem", "transferred", "confirmed"):
        statuses.change([order], build.status(key), build.JOB)
        assert left(cup) == 8, key
    for key in ("cancelled", "deleted", "new"):
        set_status(key, order)
        assert left(cup) == 10, key
    set_status("confirmed", order)
    assert (left(cup), left(bag)) == (8, None)


def test_lines_that_change_are_followed(shop: Connection) -> None:
    cup, bag = product("SKU-0", 10), product("SKU-BAG", None)
    [order] = make_orders(1)
    set_status("confirmed", order)
    bag.stock = Decimal(5)  # counted after one of them had gone
    db.session.commit()

    def edit(*lines: dict[str, Any]) -> None:
        row = db.session.get_one(Order, order, populate_existing=True)
        editing.update(order, row.version, {}, lines, OLENA)
        db.session.commit()

    ids = list(db.session.scalars(db.select(OrderLine.id).order_by(OrderLine.position)))
    edit({"id": ids[0], "quantity": Decimal(3)}, {"id": ids[1], "quantity": Decimal(2)})
    assert (left(cup), left(bag)) == (7, 4)
    edit({"id": ids[1]})
    assert (left(cup), left(bag)) == (10, 4)
    set_status("cancelled", order)
    assert (left(cup), left(bag)) == (10, 5)


def test_what_was_accepted_before_takes_nothing(shop: Connection) -> None:
    cup = product("SKU-0", 10)
    stock.switch(False)
    [order] = make_orders(1)
    set_status("confirmed", order)
    stock.switch(True)
    db.session.commit()
    set_status("transferred", order)
    set_status("cancelled", order)
    assert left(cup) == 10
    assert stock.since() is not None


def test_a_merged_order_gives_back_what_the_other_takes(shop: Connection) -> None:
    cup = product("SKU-0", 10)
    keep, drop = make_orders(2, external_number="")
    line = db.session.scalar(db.select(OrderLine).where(OrderLine.order_id == drop, OrderLine.position == 0))
    assert line is not None
    line.sku = "SKU-0"
    set_status("confirmed", keep, drop)
    assert left(cup) == 6
    unite.unite(keep, drop, "all", OLENA)
    db.session.commit()
    assert left(cup) == 6
    assert set(db.session.scalars(db.select(StockTaken.order_id))) == {keep}


def test_the_vendor_is_told_what_there_is_and_nothing_twice(shop: Connection, unlimited: SandboxServer) -> None:
    sandbox = unlimited.vendor("prom")
    account = sandbox.account(None)
    goods = list(account.table("products").values())[:3]
    rows = [product(f"MINE-{i}", 50) for i in range(3)]
    for thing, row in zip(goods, rows, strict=True):
        offer(shop, row, external_id=str(thing["id"]), own_id=thing["external_id"])

    def there() -> list[Any]:
        table = account.table("products")
        return [(table[t["id"]]["quantity_in_stock"], table[t["id"]]["presence"]) for t in goods]

    first = tell(shop, "Olena")  # nobody was told anything yet: all three in one call
    assert (first.state, first.counts) == ("done", {"seen": 3, "changed": 3, "failed": 0})
    assert (there(), asked()) == ([(50, "available")] * 3, 1)

    accepted = build.status("confirmed").id
    db.session.add(Mapping(connection_id=shop.id, table="status_in", lookup="received", ours=accepted))
    sandbox.new_order(products=[{**_line(goods[0]), "quantity": 50}], status="received")
    runs.request(shop.id, "orders", "schedule")
    db.session.commit()
    runs.carry_out(db.session.scalars(db.select(Run.id).where(Run.task == "orders")).one())
    assert left(rows[0]) == 0
    assert tell(shop).counts == {"seen": 1, "changed": 1, "failed": 0}
    assert there()[0] == (0, "not_available")

    rows[1].stock = Decimal(7)
    db.session.commit()
    rows[1].stock = Decimal(50)
    db.session.commit()
    assert tell(shop).counts == {"seen": 1, "changed": 0, "failed": 0}  # as it was told: no call
    assert (asked(), db.session.scalar(db.select(db.func.count(StockNews.id)))) == (2, 0)
    assert tell(shop, "schedule").counts == {}


def _line(thing: dict[str, Any]) -> dict[str, Any]:
    named = {name: thing[name] for name in ("id", "external_id", "sku", "name")}
    return {**named, "quantity": 1, "price": "100", "total_price": "100", "measure_unit": "шт."}


def test_faults_of_one_and_of_all(shop: Connection, unlimited: SandboxServer) -> None:
    sandbox = unlimited.vendor("prom")
    account = sandbox.account(None)
    thing = next(iter(account.table("products").values()))
    good, bad, alien = product("GOOD", 5), product("BAD", 5), product("ALIEN", 5)
    sold = offer(shop, good, external_id=str(thing["id"]))
    offer(shop, bad, external_id="999", sku="BAD")
    offer(shop, alien, external_id="mug-a", sku="ALIEN")

    sandbox.fault("lost")  # taken, and the answer lost
    run = tell(shop, "Olena")
    assert run.state == "failed"
    assert db.session.get_one(Offer, sold.id).told_stock is None
    waiting = db.session.scalars(db.select(StockNews)).all()
    assert {(row.state, row.uncertain, row.not_before > utcnow()) for row in waiting} >= {("waiting", True, True)}

    run = tell(shop, "Olena")
    assert run.counts == {"seen": 3, "changed": 1, "failed": 2}
    assert run.detail.splitlines()[0].startswith(("BAD: ", "ALIEN: "))
    assert "Product not found" in run.detail
    assert {row.state for row in db.session.scalars(db.select(StockNews))} == {"refused"}
    calls = asked()
    assert tell(shop, "schedule").counts == {}  # what was refused waits for somebody to ask, or for a change
    assert asked() == calls

    good.stock = Decimal(4)
    db.session.commit()
    sandbox.fault("expired")
    run = tell(shop)
    assert (run.state, run.fault) == ("failed", "credentials")
    row = db.session.scalars(db.select(StockNews).where(StockNews.offer_id == sold.id)).one()
    assert (row.state, row.uncertain) == ("waiting", False)


def test_products_named_by_the_shop(shop: Connection, unlimited: SandboxServer) -> None:
    account = unlimited.vendor("prom").account(None)
    thing = next(iter(account.table("products").values()))
    connections.change(shop, {**shop.settings, "token": "sandbox-token", "stock_by": "own"})
    offer(shop, product("CUP", 3), external_id="from-a-link", own_id=thing["external_id"])
    assert tell(shop, "Olena").counts["changed"] == 1
    assert account.table("products")[thing["id"]]["quantity_in_stock"] == 3


def test_who_is_not_told(shop: Connection) -> None:
    row = product("CUP", 3)
    offer(shop, row, external_id="1", gone_at=utcnow())
    shop.settings = {**shop.settings, "tell_stock": False}
    db.session.commit()
    row.stock = Decimal(2)
    db.session.commit()
    assert db.session.scalar(db.select(db.func.count(StockNews.id))) == 0
    run = tell(shop, "Olena")
    assert (run.state, run.counts, asked()) == ("done", {}, 0)
    stock_due.sweep()
    stock_due.start(shop.id)
    assert db.session.scalars(db.select(Run).where(Run.task == "stock")).all() == [run]


def test_a_wake_up_that_was_lost_is_found(shop: Connection) -> None:
    row = product("CUP", 3)
    offer(shop, row, external_id="1")
    row.stock = Decimal(2)
    db.session.commit()
    broker = wake.broker()
    assert broker is not None
    broker.flushall()
    stock_due.sweep()
    assert queued() == ["jobs.stock_due.start"]


def test_orders_accepted_at_once_take_each_their_own(shop: Connection, app: Any) -> None:
    cup, box = product("CUP", 100), product("BOX", 100)
    people = [{"phone": f"+3805011122{n:02}"} for n in range(16)]  # else they would be likely duplicates
    lines = [{"sku": sku, "name": sku, "quantity": Decimal(2), "price": Decimal(1)} for sku in ("CUP", "BOX")]
    orders = build.make(*people, lines=lines)
    shares = [orders[n::4] for n in range(4)]
    gate = threading.Barrier(len(shares))

    def accept(share: list[int]) -> None:
        with app.app_context():
            gate.wait()
            for order in share:
                for key in ("confirmed", "cancelled", "confirmed"):
                    set_status(key, order)
            db.session.remove()

    db.session.commit()
    with ThreadPoolExecutor(len(shares)) as pool:
        list(pool.map(accept, shares))
    held = db.session.scalars(db.select(db.func.sum(StockTaken.taken)).group_by(StockTaken.product_id)).all()
    assert (left(cup), left(box), held) == (68, 68, [32, 32])
