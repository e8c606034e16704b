"""What a connection's rule lets its catalogue do: chosen categories, what products take over, tries, reports."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalogue import matching, rules
from catalogue.rules import Rule
from integrations.sandbox import SandboxServer
from integrations.types import ProductData
from jobs import catalogue_plan, following, offers, runs
from models import Category, Connection, Offer, OfferCategory, Product, Run, RunChange, Schedule, db, utcnow

from ..orders import build
from .test_catalogue import a_shop, of, run

pytestmark = pytest.mark.usefixtures("unlimited")
PATHS = ("", "Одяг", "Одяг / Куртки", "Одяг / Взуття", "Одягнене", "одяг", "50% / x_y", "50% / xzy", "A", "a / B")


def rehearse(row: Connection, **rule: Any) -> Run:
    made = catalogue_plan.rehearse(row.id, Rule(**rule), "test")
    assert made is not None
    db.session.commit()
    runs.carry_out(made.id)
    db.session.expire_all()
    return made


def stored(sku: str) -> Product:
    db.session.expire_all()
    return db.session.scalars(db.select(Product).filter_by(sku=sku)).one()


def changes(done: Run) -> dict[tuple[str, str], dict[str, list[str]]]:
    rows = db.session.scalars(db.select(RunChange).filter_by(run_id=done.id))
    return {(row.kind, row.external_id): row.changes for row in rows}


def state() -> list[Any]:
    """All that a reading could have changed, but for when offers were seen."""
    db.session.expire_all()
    tables = (Product.__table__, Offer.__table__, Category.__table__)
    left_out = {"id", "updated_at", "seen_at", "gone_at", "product_id", "variant_of", "category_id", "parent_id"}
    return [
        sorted(str(row) for row in db.session.execute(db.select(*(c for c in table.c if c.key not in left_out))))
        for table in tables
    ]


def test_only_chosen_categories_are_taken(context: Flask, sandbox: SandboxServer) -> None:
    shop = a_shop(sandbox, "S", categories=("Одяг / Куртки",))
    done = run(shop)
    assert (done.counts["seen"], done.counts["made"], done.counts["skipped"]) == (60, 24, 36)
    assert set(db.session.scalars(db.select(Offer.category).distinct())) == {"Одяг / Куртки"}
    assert catalogue_plan.categories(shop.id, ("Давні",)) == ["Давні", "Одяг / Взуття", "Одяг / Куртки"]
    rules.save(shop.id, Rule(categories=("Одяг",)))
    db.session.commit()
    assert run(shop).counts["made"] == 36
    # what is outside now stays as it is, and isn't gone either
    rules.save(shop.id, Rule(categories=("Одяг / Куртки",), gone="none_left"))
    db.session.commit()
    vendor = sandbox.vendor("price_list")
    vendor.change(1, price="1.00")
    vendor.change(10, price="2.00")
    assert run(shop, "prices").counts["skipped"] == 36
    done = run(shop)
    assert (done.counts["changed"], done.counts["gone"], done.counts["skipped"]) == (0, 0, 36)
    assert (stored("PL-00001").price, stored("PL-00010").price) == (337, 2)
    for number in (1, 10):
        vendor.change(number, gone=True)
    assert run(shop).counts["gone"] == 2
    assert (stored("PL-00001").stock, stored("PL-00010").stock) == (1, 0)


@given(chosen=st.lists(st.sampled_from(PATHS), max_size=3))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_database_chooses_as_the_reading_does(context: Flask, chosen: Sequence[str]) -> None:
    rule = Rule.checked((), "", "", (), chosen)
    db.session.execute(db.delete(OfferCategory))
    db.session.execute(db.delete(Connection))
    row = Connection(kind="price_list", name="S")
    db.session.add(row)
    db.session.flush()
    db.session.add_all(OfferCategory(connection_id=row.id, path=path) for path in PATHS)
    db.session.flush()
    found = db.session.scalars(db.select(OfferCategory.path).where(*rule.taking(OfferCategory.path)))
    assert set(found) == {path for path in PATHS if rule.takes(path)}
    db.session.rollback()


def test_new_products_without_categories(context: Flask, sandbox: SandboxServer) -> None:
    run(a_shop(sandbox, "S", sort=False))
    assert db.session.scalar(db.select(db.func.count(Category.id))) == 0
    assert db.session.scalar(db.select(db.func.count(Product.id))) == 60


def test_the_number_of_our_product(context: Flask, sandbox: SandboxServer) -> None:
    ids = [build.product(f"OURS-{n}").id for n in range(3)]
    shop = a_shop(sandbox, "S", match=("id",), new="leave", follow=())
    done = run(shop)
    assert done.counts["found"] == len([n for n in ids if n <= 60])
    for identity in ids:
        assert (of(identity).product_id, of(identity).matched_by) == (identity, "id")
    for wrong in ("7x", "", "9" * 30):
        db.session.add(Offer(connection_id=shop.id, external_id=f"a{wrong}", own_id=wrong, name="?"))
    db.session.commit()
    assert matching.preview(shop.id, Rule(match=("id",), new="leave")).counts["kept"] == 3
    assert stored("OURS-0").price == 0  # nothing follows: it was found and left as it is


def test_products_take_over_what_the_rule_names(context: Flask, sandbox: SandboxServer) -> None:
    shop, vendor = a_shop(sandbox, "S"), sandbox.vendor("price_list")
    run(shop)
    mine = stored("PL-00004")
    mine.name, mine.brand, mine.description, mine.weight = "Ours", "Ours", "Ours", 1
    mine.pictures = [{"url": "https://shop.example/i/4.jpg", "width": 10}, {"url": "https://ours.example/1.jpg"}]
    mine.category_id = None
    db.session.commit()
    vendor.change(4, size="47")
    done = run(shop)
    assert (done.counts["changed"], done.counts.get("updated", 0), stored("PL-00004").name) == (1, 0, "Ours")
    rules.save(shop.id, Rule(follow=("texts", "pictures", "category", "measures")))
    db.session.commit()
    vendor.change(4, size="48")
    done = run(shop)
    mine = stored("PL-00004")
    assert (mine.name, mine.brand, mine.weight, mine.length) == ("Ours", "Карпати", 800, 320)
    assert mine.description == of(4).name
    assert mine.pictures == [{"url": "https://shop.example/i/4.jpg", "width": 10}]
    assert changes(done) == {
        ("updated", "4"): {
            "texts": ["Ours · Ours", f"Карпати · {of(4).name}"],
            "pictures": ["2", "1"],
            "category": ["", of(4).category],
            "measures": ["1 × 320 × 200 × 120", "800 × 320 × 200 × 120"],
        }
    }
    vendor.change(4, size="49")
    assert "updated" not in run(shop).counts


def test_the_report_leads_to_products(context: Flask, sandbox: SandboxServer) -> None:
    ours = build.product("PL-00002", stock=Decimal(9))
    shop, vendor = a_shop(sandbox, "S", gone="hide"), sandbox.vendor("price_list")
    done = run(shop)
    assert (done.counts["made"], done.counts["found"]) == (59, 1)
    assert changes(done)["found", "2"] == {"price": ["0.00 UAH", "374.00 UAH"], "stock": ["9", "2"]}
    rows = db.session.scalars(db.select(RunChange).filter_by(run_id=done.id))
    assert {row.product_id for row in rows} == set(db.session.scalars(db.select(Product.id)))
    vendor.change(2, price="400.00")
    vendor.change(3, gone=True)
    done = run(shop)
    assert changes(done) == {
        ("updated", "2"): {"price": ["374.00 UAH", "400.00 UAH"]},
        ("gone", "3"): {"back": ["shown", "hidden"]},
    }
    vendor.change(3, gone=False)
    assert changes(run(shop)) == {("updated", "3"): {"back": ["hidden", "shown"]}}
    db.session.delete(ours)
    db.session.commit()
    assert db.session.scalar(db.select(db.func.count()).where(RunChange.product_id.is_(None))) == 2


def test_a_report_keeps_the_first_thousand(context: Flask, sandbox: SandboxServer) -> None:
    vendor = sandbox.vendor("price_list")
    vendor.size(1300)
    shop = a_shop(sandbox, "S")
    done = run(shop)
    kept = db.select(db.func.count(RunChange.id)).filter_by(run_id=done.id)
    assert (done.counts["made"], db.session.scalar(kept)) == (1300, 1000)
    vendor.size(50)
    done = run(shop)
    kept = db.select(db.func.count(RunChange.id)).filter_by(run_id=done.id)
    assert (done.counts["gone"], db.session.scalar(kept)) == (1250, 1000)


def test_trying_changes_nothing(context: Flask, sandbox: SandboxServer) -> None:
    build.product("PL-00002")
    shop = a_shop(sandbox, "S")
    before = state()
    done = rehearse(shop, gone="hide", new="hidden")
    assert (done.state, done.counts["made"], done.counts["found"]) == ("done", 59, 1)
    assert (state(), rules.of(shop.id)) == (before, Rule())
    assert {row.product_id for row in db.session.scalars(db.select(RunChange).filter_by(kind="made"))} == {None}
    assert catalogue_plan.tried(done) == Rule(gone="hide", new="hidden")
    assert catalogue_plan.categories(shop.id, ()) == ["Одяг / Взуття", "Одяг / Куртки"]
    run(shop)
    sandbox.vendor("price_list").change(5, gone=True)
    before = state()
    done = rehearse(shop, gone="hide")
    assert changes(done) == {("gone", "5"): {"back": ["shown", "hidden"]}}
    assert (state(), of(5).gone_at) == (before, None)
    assert run(shop).counts["gone"] == 1


OURS = st.lists(
    st.tuples(st.integers(1, 12), st.sampled_from(["sku", "barcode", "name", "none"]), st.booleans()),
    max_size=5, unique_by=lambda one: one[0],
)  # fmt: skip
OFFERS = st.lists(
    st.tuples(st.integers(1, 12), st.sampled_from(PATHS), st.integers(0, 3), st.integers(0, 2)),
    max_size=8, unique_by=lambda one: one[0],
)  # fmt: skip
RULES = st.builds(
    Rule,
    match=st.sampled_from([("sku",), (), ("barcode",), ("name", "sku"), ("external_id",), ("id",)]),
    new=st.sampled_from(["create", "hidden", "leave"]),
    gone=st.sampled_from(["nothing", "none_left", "hide"]),
    follow=st.sampled_from([(), ("price",), ("stock", "names"), ("price", "stock", "names", "category", "texts")]),
    categories=st.sampled_from([(), ("Одяг",), ("A", "50% / x_y")]),
    sort=st.booleans(),
)


def offer(number: int, path: str, price: int, quantity: int) -> ProductData:
    return ProductData(f"S{number}", f"Name {number}", Decimal(price), external_id=f"{number}", barcode=f"B{number}",
                       category=path, quantity=Decimal(quantity), brand=f"Brand {price}")  # fmt: skip


def read(connection_id: int, rule: Rule, some: Sequence[ProductData]) -> offers.Reading:
    reading, since = offers.Reading(connection_id, rule), utcnow()
    reading.take(some)
    gone, told = following.mark_gone(connection_id, rule, since)
    reading.counts["gone"] = gone
    reading.changes += told
    return reading


@given(ours=OURS, first=OFFERS, second=OFFERS, rule=RULES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_policies_hold_whatever_comes(context: Flask, ours: Any, first: Any, second: Any, rule: Rule) -> None:
    """Two readings of any catalogue by any rule: what the rule forbids doesn't happen, and the report says the rest."""
    for table in (RunChange, Offer, Product, Category, Connection):
        db.session.execute(db.delete(table))
    row = Connection(kind="price_list", name="S")
    db.session.add(row)
    for number, way, active in ours:
        values = {"barcode": f"B{number}"} if way == "barcode" else {"name": f"Name {number}"} if way == "name" else {}
        sku = f"S{number}" if way == "sku" else f"ours-{number}"
        db.session.add(Product(**{"sku": sku, "name": sku, "active": active, "price": 7, "stock": 7, **values}))
    db.session.flush()
    mine = {p.id: (p.name, p.price, p.stock, p.active) for p in db.session.scalars(db.select(Product))}
    for some in (first, second):
        before = {p.id: (p.name, p.price, p.stock, p.active) for p in db.session.scalars(db.select(Product))}
        told = [offer(*one) for one in some]
        with db.session.begin_nested() as tried:
            rehearsal = read(row.id, rule, told)
            tried.rollback()
        db.session.expire_all()
        done = read(row.id, rule, told)
        db.session.expire_all()
        assert rehearsal.counts == done.counts
        assert [(c.kind, c.external_id, c.changes) for c in rehearsal.changes] == [
            (c.kind, c.external_id, c.changes) for c in done.changes
        ]
        _check(rule, before, done)
    there = {p.id for p in db.session.scalars(db.select(Product))}
    assert mine.keys() <= there
    if rule.new == "leave":
        assert mine.keys() == there
    outside = {o.external_id for o in db.session.scalars(db.select(Offer)) if not rule.takes(o.category)}
    assert not outside
    db.session.rollback()


def _check(rule: Rule, before: dict[int, tuple[Any, ...]], done: offers.Reading) -> None:
    """Of products that were there, only what the rule names has changed, and each that did is in the report."""
    reported = {change.product_id for change in done.changes if change.changes}
    for now in db.session.scalars(db.select(Product).where(Product.id.in_(before))):
        name, price, stock, active = before[now.id]
        differs = (now.name, now.price, now.stock, now.active) != before[now.id]
        assert not differs or now.id in reported
        assert now.name == name or "names" in rule.follow
        assert now.price == price or "price" in rule.follow
        assert now.stock == stock or "stock" in rule.follow or (rule.gone == "none_left" and now.stock == 0)
        assert now.active == active or rule.gone == "hide"
    made = [change for change in done.changes if change.kind == "made"]
    assert len(made) == done.counts["made"]
    for change in made:
        fresh = db.session.get_one(Product, change.product_id)
        assert fresh.active == (rule.new == "create")
        assert rule.sort or fresh.category_id is None


def test_regular_readings_are_switched(context: Flask, sandbox: SandboxServer) -> None:
    shop = a_shop(sandbox, "S")
    assert catalogue_plan.is_regular(shop.id)
    catalogue_plan.regular(shop.id, False)
    db.session.commit()
    rows = db.session.scalars(db.select(Schedule).where(Schedule.connection_id == shop.id)).all()
    assert [row.paused for row in rows] == [True, True]
    catalogue_plan.regular(shop.id, True)
    found = catalogue_plan.schedules(shop.id)
    due = found["catalogue"].next_at
    assert due <= utcnow() < found["prices"].next_at
    catalogue_plan.regular(shop.id, True)  # asked for twice
    assert (catalogue_plan.is_regular(shop.id), found["catalogue"].next_at) == (True, due)
