"""Catalogues come in: offers kept, products matched and made, what is gone told by a complete reading only."""

from __future__ import annotations

import io
import struct
import zlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from PIL import Image

from catalogue import matching, rules
from catalogue.rules import Rule
from integrations.sandbox import SandboxServer
from jobs import catalogue, connections, pictures, runs, schedule, settle
from models import Category, Connection, Offer, Product, Run, RunNote, Schedule, db, utcnow
from orders import days
from tests.integrations.suite import canned
from tests.orders import build

pytestmark = pytest.mark.usefixtures("unlimited")


@pytest.fixture
def shop(context: Flask, sandbox: SandboxServer) -> Connection:
    return a_shop(sandbox, "Supplier")


def a_shop(sandbox: SandboxServer, name: str, **rule: Any) -> Connection:
    settings = {"api_url": f"{sandbox.url}/price_list", "login": "shop", "password": "sandbox-token"}
    row = connections.create("price_list", name, settings)
    rules.save(row.id, Rule(**rule))
    db.session.commit()
    return row


def run(row: Connection, task: str = "catalogue") -> Run:
    return build.ran(row.id, task)


def of(external_id: int) -> Offer:
    return db.session.scalars(db.select(Offer).filter_by(external_id=str(external_id))).one()


def test_a_whole_catalogue_becomes_products(shop: Connection, sandbox: SandboxServer) -> None:
    sandbox.vendor("price_list").size(1100)
    done = run(shop)
    assert (done.state, done.counts) == (
        "done",
        {"seen": 1100, "new": 1100, "changed": 0, "unchanged": 0, "failed": 0, "made": 1100, "gone": 0},
    )
    one = db.session.scalars(db.select(Product).filter_by(sku="PL-00002")).one()
    assert (one.price, one.stock, one.barcode, one.weight, one.length) == (374, 2, "4820000000002", 800, 320)
    assert (one.options, one.pictures) == ({"Розмір": "42"}, [{"url": "https://shop.example/i/2.jpg"}])
    names = db.session.scalars(db.select(Category.name).order_by(Category.id)).all()
    assert sorted(names) == ["Взуття", "Куртки", "Одяг"]
    main = db.session.scalars(db.select(Product).filter_by(sku="PL-00001")).one()
    assert (main.variant_of, one.variant_of) == (None, main.id)
    assert of(2).matched_by == "made"
    again = run(shop)
    assert again.counts == {"seen": 1100, "new": 0, "changed": 0, "unchanged": 1100, "failed": 0, "gone": 0}


def test_only_what_is_news_reaches_the_products(shop: Connection, sandbox: SandboxServer) -> None:
    vendor = sandbox.vendor("price_list")
    run(shop)
    for sku in ("PL-00003", "PL-00004"):
        row = db.session.scalars(db.select(Product).filter_by(sku=sku)).one()
        row.price, row.name, row.stock = Decimal(7), "Ours", Decimal(99)
    db.session.commit()
    vendor.change(3, price="555.50", name="Theirs")
    done = run(shop, "prices")
    assert (done.counts["changed"], done.counts["unchanged"]) == (1, 59)
    changed, same = (
        db.session.scalars(db.select(Product).filter_by(sku=sku)).one() for sku in ("PL-00003", "PL-00004")
    )
    assert (changed.price, changed.name, changed.stock) == (Decimal("555.50"), "Ours", 99)
    assert (same.price, same.name, same.stock) == (7, "Ours", 99)
    assert of(3).name != "Theirs"
    rules.save(shop.id, Rule(follow=("names",)))
    db.session.commit()
    vendor.change(4, price="1.00")
    assert run(shop).counts["changed"] == 2
    db.session.refresh(changed)
    assert (changed.name, changed.search_text) == ("Theirs", "pl-00003 theirs")
    assert db.session.scalars(db.select(Product.price).filter_by(sku="PL-00004")).one() == 7
    vendor.size(61)
    done = run(shop, "prices")
    assert (done.counts["skipped"], db.session.scalar(db.select(db.func.count(Offer.id)))) == (1, 60)


@pytest.mark.parametrize(
    ("gone", "stock", "active"), [("nothing", 5, True), ("none_left", 0, True), ("hide", 5, False)]
)
def test_what_is_gone(context: Flask, sandbox: SandboxServer, gone: str, stock: int, active: bool) -> None:
    shop, vendor = a_shop(sandbox, "S", gone=gone), sandbox.vendor("price_list")
    run(shop)
    vendor.change(5, gone=True)
    done = run(shop)
    assert done.counts["gone"] == 1
    one = db.session.scalars(db.select(Product).filter_by(sku="PL-00005")).one()
    assert (one.stock, one.active) == (stock, active)
    assert of(5).gone_at is not None
    assert run(shop).counts["gone"] == 0
    vendor.change(5, gone=False)
    assert run(shop).counts["changed"] == 1
    db.session.refresh(one)
    assert (one.stock, one.active, of(5).gone_at) == (5, True, None)


def test_a_reading_that_broke_off_says_nothing_is_gone(shop: Connection, sandbox: SandboxServer) -> None:
    run(shop)
    vendor = sandbox.vendor("price_list")
    vendor.size(30)
    for kind, fault in (("error500", "unavailable"), ("garbage", "misconfigured"), ("drop", "unavailable")):
        vendor.fault(kind)
        done = run(shop)
        assert (done.state, done.fault) == ("failed", fault)
    vendor.size(0)
    assert run(shop).state == "done"
    assert db.session.scalar(db.select(db.func.count(Offer.id)).where(Offer.gone_at.is_not(None))) == 0
    vendor.size(30)
    assert run(shop).counts["gone"] == 30


def test_a_run_that_was_given_up_says_nothing_is_gone(
    shop: Connection, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker hung, the lease ran out, and another run may be under way."""
    sandbox.vendor("price_list").size(1200)
    made = runs.request(shop.id, "catalogue", "test")
    assert made is not None
    db.session.commit()
    made.state, run_id = "working", made.id
    db.session.commit()

    def give_up(_run_id: int, **counts: int) -> None:
        db.session.execute(db.update(Run).where(Run.id == run_id).values(state="failed"))

    catalogue.take(run_id, shop, give_up)
    assert 0 < db.session.scalar(db.select(db.func.count(Offer.id))) < 1200
    assert run(shop).counts["unchanged"] > 0


def test_a_run_that_is_given_up_after_the_last_page_says_nothing_is_gone(
    shop: Connection, sandbox: SandboxServer
) -> None:
    assert run(shop).counts["seen"] == 60
    sandbox.vendor("price_list").size(10)
    made = runs.request(shop.id, "catalogue", "test")
    assert made is not None
    made.state = "working"
    db.session.commit()

    def give_up(run_id: int, **counts: int) -> None:
        db.session.execute(db.update(Run).where(Run.id == run_id).values(state="failed"))

    catalogue.take(made.id, shop, give_up)
    gone = db.select(db.func.count(Offer.id)).where(Offer.gone_at.is_not(None))
    assert db.session.scalar(gone) == 0
    assert run(shop).counts["gone"] == 50


def test_a_system_without_a_catalogue_has_none_to_read(crm: Connection, sandbox: SandboxServer) -> None:
    """As after an update of the hub whose connector can do less."""
    before = sandbox.vendor("retailcrm").requests
    done = run(crm)
    assert (done.state, done.counts, sandbox.vendor("retailcrm").requests) == ("done", {}, before)


def test_what_cannot_be_read_is_told_and_is_not_gone(shop: Connection, sandbox: SandboxServer) -> None:
    run(shop)
    sandbox.vendor("price_list").change(9, price="a lot")
    done = run(shop)
    assert (done.counts["failed"], done.counts["gone"], of(9).gone_at) == (1, 0, None)
    note = db.session.scalars(db.select(RunNote)).one()
    assert (note.run_id, note.item, note.reason) == (done.id, "9", "the price is no number")


MATCHES: list[tuple[tuple[str, ...], dict[str, Any], str]] = [
    (("sku",), {"sku": "PL-00007"}, "sku"),
    (("external_id",), {"sku": "7"}, "external_id"),
    (("barcode",), {"sku": "A", "barcode": "4820000000007"}, "barcode"),
    (("name",), {"sku": "A", "name": "Сандалі пляжні Степ 3"}, "name"),
    (("own_id", "barcode"), {"sku": "A", "barcode": "4820000000007"}, "barcode"),
    (("sku",), {"sku": "A", "barcode": "4820000000007"}, "made"),
    ((), {"sku": "A"}, "made"),
]


@pytest.mark.parametrize(("match", "values", "by"), MATCHES)
def test_offers_find_their_products(
    context: Flask, sandbox: SandboxServer, match: tuple[str, ...], values: dict[str, Any], by: str
) -> None:
    ours = build.product(**values)
    run(a_shop(sandbox, "S", match=match))
    found = of(7)
    assert (found.matched_by, found.product_id == ours.id) == (by, by != "made")
    db.session.refresh(ours)
    assert (ours.price > 0) == (by != "made")


def test_a_sku_that_is_taken_is_left_out(context: Flask, sandbox: SandboxServer) -> None:
    build.product("PL-00007")
    done = run(a_shop(sandbox, "S", match=()))
    assert (done.counts["made"], done.counts["failed"], of(7).product_id) == (59, 1, None)
    assert db.session.scalars(db.select(RunNote.reason)).all() == ["another product has this SKU"]


@pytest.mark.parametrize(("new", "made"), [("create", [True]), ("hidden", [False]), ("leave", [])])
def test_what_new_offers_become(context: Flask, sandbox: SandboxServer, new: str, made: list[bool]) -> None:
    run(a_shop(sandbox, "S", new=new))
    assert db.session.scalars(db.select(Product.active).distinct()).all() == made


def test_a_changed_rule_is_previewed_and_then_done(context: Flask, sandbox: SandboxServer) -> None:
    shop = a_shop(sandbox, "S", new="leave")
    by_sku, by_barcode = build.product("PL-00001"), build.product("X", barcode="4820000000001", name="Coat")
    build.product("Y", barcode="4820000000002")
    run(shop)
    kept = of(3)
    matching.by_hand(kept, by_barcode)
    db.session.commit()
    rule = Rule(match=("barcode",), new="leave")
    preview = matching.preview(shop.id, rule)
    assert preview.counts == {"moved": 1, "found": 1, "none": 57}
    assert (preview.changes, preview.made) == (2, 0)
    assert [(e.fate, e.before, e.after) for e in preview.examples] == [
        ("moved", "PL-00001", "Coat"),
        ("found", "", "Y"),
    ]
    assert of(1).product_id == by_sku.id
    rules.save(shop.id, rule)
    db.session.commit()
    assert run(shop, "match").counts == {"seen": 57, "changed": 2, "made": 0, "failed": 0}
    assert (of(1).product_id, of(1).matched_by, of(3).matched_by) == (by_barcode.id, "barcode", "hand")
    rule = Rule(match=("sku",), new="create")
    assert matching.preview(shop.id, rule).made == 58
    rules.save(shop.id, rule)
    db.session.commit()
    assert run(shop, "match").counts["made"] == 58
    assert (of(1).product_id, of(2).matched_by) == (by_sku.id, "made")
    lost = matching.preview(shop.id, Rule(match=("own_id",), new="leave"))
    assert lost.counts == {"lost": 1, "kept": 58}


def test_once_a_day_at_its_hour(shop: Connection) -> None:
    row = db.session.scalars(db.select(Schedule).filter_by(task="catalogue")).one()
    assert (row.at_hour, row.every) == (4, 86_400)
    assert row.next_at <= utcnow()  # the first one comes at once
    schedule.tick()
    db.session.refresh(row)
    assert row.next_at.astimezone(days.ZONE).hour == 4
    assert utcnow() < row.next_at <= utcnow() + timedelta(hours=25)
    assert settle.change_schedule(row.id, at_hour=24) is None
    assert settle.change_schedule(row.id, every=86_400, at_hour=6)
    assert row.next_at.astimezone(days.ZONE).hour == 6
    settle.change_schedule(row.id, every=3600)
    assert row.next_at <= utcnow() + timedelta(hours=1)


@pytest.mark.parametrize(
    ("hour", "after", "then"),
    [
        (4, datetime(2026, 3, 28, 1, 59, tzinfo=UTC), datetime(2026, 3, 28, 2, tzinfo=UTC)),
        (4, datetime(2026, 3, 28, 2, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC)),  # summer begins that night
        (3, datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC)),  # an hour that isn't there
        (3, datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 25, 0, tzinfo=UTC)),  # one that comes twice
        (3, datetime(2026, 10, 25, 0, tzinfo=UTC), datetime(2026, 10, 26, 1, tzinfo=UTC)),
    ],
)
def test_the_hour_after_a_change_of_the_clock(hour: int, after: datetime, then: datetime) -> None:
    assert days.next_at(hour, after) == then


def picture(width: int, height: int) -> bytes:
    """A PNG of one dot that says it is of this size."""
    file = io.BytesIO()
    Image.new("RGB", (1, 1)).save(file, "PNG")
    head = b"IHDR" + struct.pack(">II", width, height) + file.getvalue()[24:29]
    return file.getvalue()[:12] + head + struct.pack(">I", zlib.crc32(head)) + file.getvalue()[33:]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestPictures:
    @pytest.fixture
    def extra_env(self) -> dict[str, str]:
        return {"ALLOW_PRIVATE_ADDRESSES": "1"}

    @pytest.mark.parametrize(
        ("body", "wanted"),
        [
            (picture(640, 480), {"width": 640, "height": 480}),
            (picture(60_000, 60_000), {"fault": "no_picture"}),
            (b"GIF89a" + bytes(4), {"fault": "no_picture"}),
            (b"x" * (2 * pictures.ENOUGH), {"fault": "no_picture"}),
            (b"", {"fault": "no_picture"}),
        ],
        ids=["png", "bomb", "half", "endless", "empty"],
    )
    def test_a_picture_is_looked_at_by_its_beginning(self, context: Flask, body: bytes, wanted: dict[str, Any]) -> None:
        with canned((200, body)) as server:
            row = build.product("CUP", pictures=[{"url": server.url}])
            pictures.check(row.id)
            assert len(server.requests) == 1
        assert row.pictures == [{"url": server.url, **wanted}]

    def test_a_product_that_is_gone_meanwhile(self, context: Flask) -> None:
        pictures.check(999)
        assert db.session.scalars(db.select(Product)).all() == []
