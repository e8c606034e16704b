"""`flask demo-setup` against the sandboxes."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from cli import demo
from integrations import connectors, http
from integrations.base import PullsOrders
from integrations.sandbox import TOKENS, SandboxServer, discover
from jobs import connections, hooks, methods, runs
from models import (
    Connection,
    Expense,
    HeldOrder,
    Mapping,
    MethodSwitch,
    Offer,
    Order,
    OrderLink,
    Product,
    ReferenceItem,
    Rule,
    SavedView,
    Schedule,
    Shop,
    db,
)
from orders import buying, order_links, rules, stock
from orders.filters import OrderFilter
from views import rule_form

pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.usefixtures("unlimited"),
]


@pytest.fixture
def sandbox():
    """Of its own: a test stops it to see what the demo does about imitations that are gone."""
    with SandboxServer() as server:
        yield server
    http.close_all()


@pytest.fixture
def extra_env(sandbox):
    return {"SANDBOX_URL": sandbox.url}


def run(app):
    return app.test_cli_runner().invoke(args=["demo-setup"])


def test_every_sandbox_vendor_is_connected_once_and_followed_to_a_new_address(app, sandbox):
    for _ in range(2):
        done = run(app)
        assert (done.exit_code, done.output) == (0, "")
    with app.app_context():
        rows = db.session.scalars(db.select(Connection)).all()
        wanted = {key: len(demo.WAITING) if connectors()[key].can(PullsOrders) else 1 for key in discover()}
        assert {key: sum(row.kind == key for row in rows) for key in wanted} == wanted
        assert all(row.settings["api_url"] == f"{sandbox.url}/{row.kind}" for row in rows)
        mapped = set(db.session.scalars(db.select(Mapping.connection_id)))
        assert mapped == {row.id for row in rows if connectors()[row.kind].mappings}
        every = {s.task: s.every for s in db.session.scalars(db.select(Schedule))}
        assert {task: every[task] for task in demo.QUICK} == demo.QUICK
    for key, vendor in discover().items():
        if "orders" in vendor.controls:
            held = [len(sandbox.vendor(key).accounts[token].table("orders")) for token in TOKENS]
            assert held[1] == demo.WAITING[1]
            assert held[0] >= demo.WAITING[0]  # one more may have come meanwhile
            assert held[2] == 0

    with app.app_context():
        secrets = {row.id: row.secrets for row in db.session.scalars(db.select(Connection))}
        for row in db.session.scalars(db.select(Connection)):
            row.settings = row.settings | {"api_url": f"http://127.0.0.1:1/{row.kind}"}
        db.session.commit()
    run(app)
    with app.app_context():
        for row in db.session.scalars(db.select(Connection)):
            assert row.settings["api_url"] == f"{sandbox.url}/{row.kind}"
            assert row.secrets == secrets[row.id]


def test_there_is_something_to_look_at_and_a_second_start_changes_nothing(app, sandbox):
    def held():
        with app.app_context():
            tables = (Product, Rule, SavedView, Shop, Order, OrderLink, MethodSwitch, ReferenceItem, Connection)
            return {model.__tablename__: db.session.scalar(db.select(db.func.count(model.id))) for model in tables}

    assert run(app).output == ""
    with app.app_context():
        orders = {row.number: row for row in db.session.scalars(db.select(Order))}
        assert {
            n: (o.currency, o.paid, o.payment_kind) for n, o in orders.items() if n not in ("DEMO-3", "DEMO-4")
        } == {
            "DEMO-1": ("UAH", False, "online_card"),
            "DEMO-2": ("RUB", False, "online_card"),
        }
        assert orders["DEMO-3"].status.group == "preorder"
        assert order_links.state(order_links.current(orders["DEMO-3"].id)) == "open"
        assert orders["DEMO-4"].status.group == "preorder"  # by the link of the product
        assert buying.find(orders["DEMO-4"].shop.buy_key, orders["DEMO-4"].lines[0].sku)
        spent = db.session.scalars(db.select(Expense)).one()
        assert (spent.order_id, spent.type.name) == (orders["DEMO-1"].id, "Пакування")
        assert all(connections.payers(orders[number].currency) for number in ("DEMO-1", "DEMO-2"))
        found = rules.listed()
        assert [rule.enabled for rule in found] == [True, True, False]
        for rule in found:
            form = rule_form.Form.of(rule)
            form.draft()
            assert form.errors == {}  # the editor takes them as they are
        view = db.session.scalars(db.select(SavedView)).one()
        wanted = OrderFilter.read(dict(parse_qsl(view.query)))
        assert (wanted.payment, wanted.paid, wanted.status) == ("prepaid", "no", ())
        service = db.session.get_one(Connection, db.session.scalar(db.select(MethodSwitch.connection_id).limit(1)))
        shop = db.session.scalars(db.select(Shop).where(Shop.currency == "RUB")).one()
        listed = methods.of(shop.id, service)
        assert {m.kind for m in listed if m.on} == {"standard", "end-to-end"}
        assert {m.kind for m in listed if not m.on} == {"export"}
        db.session.delete(view)  # what the visitor has removed does not come back
        db.session.commit()
    before = held()
    assert run(app).output == ""
    assert held() == before


def test_what_marketplaces_bring_is_seen_at_once(app, sandbox):
    """Commissions, orders that wait for their payment, and stock that is told, from the first minute on."""
    run(app)
    with app.app_context():
        assert stock.since()
        rows = [row for row in connections.active() if connectors()[row.kind].can(PullsOrders)]
        for row in rows:
            for task in ("catalogue", "orders", "stock"):
                if (asked := runs.request(row.id, task, "test")) is not None:
                    db.session.commit()
                    runs.carry_out(asked.id)
        held = {row.connection.kind for row in db.session.scalars(db.select(HeldOrder))}
        assert len(held) > 1
        booked = db.select(db.func.sum(Expense.amount)).where(Expense.origin.is_not(None))
        assert db.session.scalar(booked) > 0
        told = db.select(db.func.count(Offer.id)).where(Offer.told_stock.is_not(None))
        assert db.session.scalar(told) > 50
        counted = db.select(db.func.count(Product.id)).where(Product.stock > 0)
        assert db.session.scalar(counted) > 50


def test_notices_of_payments_reach_the_hub(app, sandbox):
    """Where the address is entered by hand in the vendor's cabinet, the demo enters it."""
    run(app)
    with app.app_context():
        for row in db.session.scalars(db.select(Connection)):
            imitation = sandbox.vendor(row.kind)
            if "webhook" in imitation.controls:
                assert imitation.account().options["webhook_url"] == hooks.address(row.id)


def test_sandboxes_that_do_not_answer_are_a_sentence(app, sandbox):
    sandbox.stop()
    done = run(app)
    assert done.exit_code == 1
    assert "do not answer" in done.output


class TestWithoutSandboxes:
    @pytest.fixture
    def extra_env(self):
        return {}

    def test_it_says_what_is_missing(self, app):
        done = run(app)
        assert done.exit_code == 1
        assert "SANDBOX_URL is not set" in done.output
