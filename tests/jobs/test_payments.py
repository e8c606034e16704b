"""Payments against the services' imitations, on both databases; notices arrive over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from flask import Flask

from integrations.types import PaymentState
from jobs import connections, wake
from jobs import payments as work
from models import Attempt, Connection, HookSecret, Incoming, Order, OrderEvent, PayLink, Payment, db, utcnow
from orders import payments
from orders.timeline import Actor

from ..integrations.sandboxes import wait_until
from ..integrations.suite import canned
from .conftest import make_orders, queued
from .pay_shop import Shop, every_vendor

OLENA = Actor("person", "Olena")


@every_vendor
def test_a_payment_from_link_to_refund(shop: Shop) -> None:
    payment_id = shop.opened()
    assert shop.payment(payment_id).url.startswith("http://127.0.0.1:")
    assert not shop.order.paid
    version = shop.order.version

    page = httpx.post(shop.payment(payment_id).url, data={"do": "pay"}, follow_redirects=True)  # as a tester would
    assert "State: paid" in page.text
    shop.deliver()
    assert shop.payment(payment_id).state == "paid"
    assert shop.payment(payment_id).next_at is None
    assert (shop.order.paid, shop.order.version) == (True, version + 1)
    assert db.session.scalar(db.select(HookSecret.last_at))
    assert db.session.scalars(db.select(Incoming.state)).all() == ["applied"]

    for amount in (Decimal(61), Decimal(200)):
        payments.ask(shop.order_id, payment_id, "refund", OLENA, amount)
        db.session.commit()
        work.work(payment_id)
    shop.deliver()
    row = shop.payment(payment_id)
    assert (row.state, row.refunded, row.todo) == ("refunded", Decimal(261), "")
    assert not shop.order.paid
    wanted = ["opened", "paid", "ask_refund", "refunded", "ask_refund", "refunded"]
    assert shop.steps() == wanted
    verbs = set(db.session.scalars(db.select(Attempt.verb)))
    assert verbs == {"pay_create", "pay_refund"}


@every_vendor
def test_late_and_repeated_notices_change_nothing(shop: Shop) -> None:
    payment_id = shop.opened()
    shop.settle(payment_id)
    shop.deliver()
    for event in ("paid", "paid", "paid"):
        shop.vendor.notify(shop.number(payment_id), event)
        shop.deliver()
    assert shop.steps() == ["opened", "paid"]
    assert shop.order.version == 2
    refused = db.session.scalars(db.select(OrderEvent.kind).where(OrderEvent.kind == "refused")).all()
    assert refused == []


@every_vendor
@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({"amount": "1"}, "misfit_amount"),
        ({"currency": "USD"}, "misfit_currency"),
    ],
)
def test_what_does_not_fit_is_not_counted(shop: Shop, changes: dict[str, Any], step: str) -> None:
    payment_id = shop.opened()
    shop.settle(payment_id, **changes)
    shop.deliver()
    assert shop.payment(payment_id).state == "mismatch"
    assert not shop.order.paid
    shop.vendor.notify(shop.number(payment_id), "paid")
    shop.deliver()
    assert shop.steps() == ["opened", step]


@pytest.mark.parametrize("vendor", ["yookassa"], indirect=True)
def test_another_orders_payment_is_not_counted(shop: Shop) -> None:
    payment_id = shop.opened()
    shop.settle(payment_id, metadata={"reference": "SOMEBODY-1"})
    shop.deliver()
    assert not shop.order.paid
    assert shop.steps() == ["opened", "misfit_other"]


@every_vendor
def test_a_notice_for_another_order_moves_only_that_one(shop: Shop) -> None:
    """A replayed notice names its own payment; the one that is looked at is that one, as the service knows it."""
    first = shop.opened()
    other = make_orders(1, currency=shop.currency, number="T-other", key="T-other")[0]
    second = payments.start(other, shop.connection_id).id
    db.session.commit()
    work.work(second)
    shop.settle(first)
    shop.deliver()
    assert (shop.payment(first).state, shop.payment(second).state) == ("paid", "pending")
    assert not db.session.get_one(Order, other).paid


@every_vendor
def test_a_decline_is_shown_and_another_try_pays(shop: Shop) -> None:
    first = shop.opened()
    shop.settle(first, "decline")
    shop.deliver()
    assert shop.payment(first).state == "failed"
    second = shop.opened()
    assert shop.payment(second).reference == "T-00001-2"
    shop.settle(second)
    shop.deliver()
    assert shop.order.paid
    with pytest.raises(payments.NotNow, match="paid"):
        payments.start(shop.order_id, shop.connection_id)
    assert shop.steps() == ["opened", "failed", "opened", "paid"]


@every_vendor
@pytest.mark.parametrize("fault", ["lost", "drop", "error500", "garbage", "rate_limited"])
def test_a_create_that_fails_makes_one_payment(shop: Shop, fault: str) -> None:
    payment_id = shop.start()
    shop.vendor.fault(fault)
    work.work(payment_id)
    assert shop.payment(payment_id).state == "new"
    work.work(payment_id)
    last = db.session.scalars(db.select(Payment).order_by(Payment.id.desc()).limit(1)).one()
    if last.id != payment_id:  # the page was lost: it was called off there, and there is another
        assert shop.payment(payment_id).state == "cancelled"
        work.work(last.id)
    open_there = [p for p in shop.vendor.account().table("payments").values() if p["state"] == "pending"]
    assert len(open_there) == 1
    assert shop.payment(last.id).state == "pending"
    shop.settle(last.id)
    shop.deliver()
    assert shop.order.paid


@every_vendor
def test_a_refused_create_is_told_and_not_repeated(shop: Shop) -> None:
    payment_id = shop.start()
    shop.vendor.fault("refuse")
    work.work(payment_id)
    row = shop.payment(payment_id)
    assert (row.state, row.todo, row.next_at, row.fault) == ("failed", "", None, "validation")
    kinds = db.session.scalars(
        db.select(OrderEvent.kind).where(OrderEvent.order_id == shop.order_id).order_by(OrderEvent.id)
    ).all()
    assert kinds[-1] == "refused"


@every_vendor
def test_a_key_that_is_refused_shows_at_the_connection(shop: Shop) -> None:
    def health() -> tuple[bool, str]:
        db.session.rollback()
        row = db.session.get_one(Connection, shop.connection_id, populate_existing=True)
        return row.last_ok_at is not None, (row.last_error or {}).get("fault", "")

    shop.vendor.fault("expired")
    work.work(shop.start())
    assert health() == (False, "credentials")
    shop.opened()
    assert health() == (True, "")


@every_vendor
def test_a_lost_refund_is_looked_at_and_given_once(shop: Shop) -> None:
    payment_id = shop.opened()
    shop.settle(payment_id, notify=False)
    work.work(payment_id)
    payments.ask(shop.order_id, payment_id, "refund", OLENA, Decimal(61))
    db.session.commit()
    path = "refunds" if shop.vendor.key == "yookassa" else ""
    shop.vendor.fault("lost", path=path)
    work.work(payment_id)
    with pytest.raises(payments.NotNow, match="busy"):
        payments.ask(shop.order_id, payment_id, "refund", OLENA, Decimal(61))
    db.session.rollback()
    work.work(payment_id)
    row = shop.payment(payment_id)
    assert (row.state, row.refunded, row.todo) == ("paid", Decimal(61), "")
    assert shop.order.paid

    payments.ask(shop.order_id, payment_id, "refund", OLENA, Decimal(10))
    db.session.commit()
    shop.vendor.fault("drop", path=path)  # never arrived: nothing shows, so a person decides
    work.work(payment_id)
    work.work(payment_id)
    row = shop.payment(payment_id)
    assert (row.refunded, row.todo, row.fault) == (Decimal(61), "", "timeout")
    for wrong in (Decimal(0), Decimal(201), None):
        with pytest.raises(payments.NotNow, match="amount"):
            payments.ask(shop.order_id, payment_id, "refund", OLENA, wrong)
        db.session.rollback()


@every_vendor
def test_a_payment_is_called_off(shop: Shop) -> None:
    payment_id = shop.opened()
    payments.ask(shop.order_id, payment_id, "cancel", OLENA)
    db.session.commit()
    work.work(payment_id)
    assert shop.payment(payment_id).state == "cancelled"
    with pytest.raises(payments.NotNow, match="ended"):
        payments.ask(shop.order_id, payment_id, "cancel", OLENA)
    db.session.rollback()
    held = shop.opened()
    shop.settle(held, "hold", notify=False)
    work.work(held)
    assert shop.payment(held).state == "waiting"
    with pytest.raises(payments.NotNow, match="waiting"):
        payments.start(shop.order_id, shop.connection_id)
    db.session.rollback()
    payments.ask(shop.order_id, held, "cancel", OLENA)
    db.session.commit()
    work.work(held)
    there = shop.vendor.account().table("payments")[shop.number(held)]
    assert there["state"] in ("expired", "refunded")
    assert shop.payment(held).state in ("cancelled", "refunded")
    assert not shop.order.paid


def test_partial_payments_add_up(shop: Shop) -> None:
    """The sum grows after the first payment: the rest is asked for, and Paid is set when all is there."""
    first = shop.opened()
    order = shop.order
    order.total = Decimal(300)
    db.session.commit()
    shop.settle(first)
    shop.deliver()
    assert not shop.order.paid
    found = payments.of_order(shop.order)
    assert (found.paid, found.due) == (Decimal(261), Decimal(39))
    second = shop.opened()
    assert shop.payment(second).amount == Decimal(39)
    shop.settle(second)
    shop.deliver()
    assert shop.order.paid


def test_an_open_page_is_given_out_again_and_an_old_one_is_not(shop: Shop) -> None:
    first = shop.opened()
    assert shop.start() == first
    row = shop.payment(first)
    row.at = utcnow() - timedelta(hours=1)
    db.session.commit()
    assert shop.start() != first


def test_polling_finds_what_no_notice_told(shop: Shop) -> None:
    payment_id = shop.opened()
    shop.settle(payment_id, notify=False)
    row = shop.payment(payment_id)
    assert row.next_at is not None
    row.next_at = utcnow() - timedelta(seconds=1)
    db.session.commit()
    broker = wake.broker()
    assert broker is not None
    broker.flushall()
    work.sweep()
    assert queued() == ["jobs.payments.work"]
    work.work(payment_id)
    assert shop.order.paid


def test_nobody_pays(shop: Shop) -> None:
    payment_id = shop.opened()
    row = shop.payment(payment_id)
    row.at = utcnow() - timedelta(hours=49)
    db.session.commit()
    work.work(payment_id)
    assert shop.payment(payment_id).state == "cancelled"
    assert shop.steps()[-1] == "expired"
    shop.settle(payment_id)  # and then somebody does
    shop.deliver()
    assert shop.order.paid


def test_a_service_that_is_off_is_not_asked(shop: Shop) -> None:
    payment_id = shop.start()
    db.session.get_one(Connection, shop.connection_id).enabled = False
    db.session.commit()
    work.work(payment_id)
    row = shop.payment(payment_id)
    assert (row.state, row.lease_until) == ("new", None)


def test_one_worker_at_a_time(shop: Shop) -> None:
    payment_id = shop.start()
    row = shop.payment(payment_id)
    row.lease_until = utcnow() + timedelta(minutes=1)
    db.session.commit()
    work.work(payment_id)
    assert shop.payment(payment_id).state == "new"


@contextmanager
def asking(context: Flask, shop: Shop, payment_id: int, kind: str) -> Iterator[None]:
    """While another worker is at the service, which takes its time: before it does what it is asked (slow), or after
    (late)."""

    def one_more() -> None:
        with context.app_context():
            work.work(payment_id)

    fault = shop.vendor.fault(kind, seconds=2.0)
    worker = threading.Thread(target=one_more)
    db.session.rollback()
    worker.start()
    wait_until(lambda: fault.taken)
    yield
    db.session.rollback()
    worker.join()
    wake.broker().flushall()  # type: ignore[union-attr]  # there is one
    shop.process()


@pytest.mark.parametrize(("vendor", "kind"), [("liqpay", "late"), ("wayforpay", "slow")], indirect=["vendor"])
def test_a_worker_that_is_slower_than_its_lease_makes_no_second_payment(context: Flask, shop: Shop, kind: str) -> None:
    payment_id = shop.start()
    with asking(context, shop, payment_id, kind):
        shop.payment(payment_id).lease_until = utcnow() - timedelta(seconds=1)
        db.session.commit()
        work.work(payment_id)
        last = max(db.session.scalars(db.select(Payment.id)))
        work.work(last)
        assert shop.payment(last).state == "pending"
    row = shop.payment(last)
    assert (row.state, row.todo, row.fault, row.lease_until) == ("pending", "", "", None)
    there = [p["state"] for p in shop.vendor.account().table("payments").values()]
    assert there.count("pending") == 1
    assert shop.steps() == ["opened"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("vendor", ["wayforpay"], indirect=True)
def test_a_lost_page_is_called_off_by_one_of_two_workers(context: Flask, shop: Shop) -> None:
    payment_id = shop.start()
    shop.vendor.fault("lost")
    work.work(payment_id)
    with asking(context, shop, payment_id, "late"):
        shop.payment(payment_id).lease_until = utcnow() - timedelta(seconds=1)
        db.session.commit()
        work.work(payment_id)
    assert [row.state for row in db.session.scalars(db.select(Payment).order_by(Payment.id))] == [
        "cancelled",
        "pending",
    ]
    assert shop.steps() == ["opened"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_was_given_back_in_the_services_own_cabinet_is_not_given_back_twice(context: Flask, shop: Shop) -> None:
    payment_id = shop.opened()
    shop.settle(payment_id)
    shop.deliver()
    shop.vendor.refund(shop.number(payment_id), 61, notify=False)
    with asking(context, shop, payment_id, "late"):
        payments.ask(shop.order_id, payment_id, "refund", OLENA, Decimal(61))
        db.session.commit()
    row = shop.payment(payment_id)
    assert (row.state, row.refunded, row.todo, row.fault) == ("paid", Decimal(61), "", "")
    assert shop.vendor.account().table("payments")[shop.number(payment_id)]["refunded"] == "61"


@every_vendor
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_the_service_has_never_heard_of_is_called_off_without_it(shop: Shop) -> None:
    payment_id = shop.opened()
    shop.vendor.reset()
    payments.ask(shop.order_id, payment_id, "cancel", OLENA)
    db.session.commit()
    work.work(payment_id)
    row = shop.payment(payment_id)
    assert (row.state, row.todo, row.fault) == ("cancelled", "", "")
    assert shop.steps() == ["opened", "ask_cancel", "cancelled"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("vendor", ["wayforpay"], indirect=True)
def test_a_key_that_lapsed_says_nothing_of_a_payment(shop: Shop) -> None:
    """Neither that it is not there, nor that it is called off; a look is tried again, what people asked is told."""
    lost = shop.start()
    for fault in ("lost", "expired"):
        shop.vendor.fault(fault)
        work.work(lost)
    row = shop.payment(lost)
    assert (row.state, row.fault, len(shop.vendor.account().table("payments"))) == ("failed", "credentials", 1)
    payment_id = shop.opened()
    shop.vendor.fault("expired")
    work.work(payment_id)
    row = shop.payment(payment_id)
    assert (row.state, row.fault, row.lease_until) == ("pending", "", None)
    assert row.next_at is not None
    payments.ask(shop.order_id, payment_id, "cancel", OLENA)
    db.session.commit()
    shop.vendor.fault("expired")
    work.work(payment_id)
    row = shop.payment(payment_id)
    assert (row.state, row.todo, row.fault) == ("pending", "", "credentials")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_database_that_fails_after_the_call_makes_no_second_payment(shop: Shop) -> None:
    payment_id = shop.start()
    full = "CREATE TRIGGER full BEFORE UPDATE OF url ON payments BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    db.session.execute(db.text(full))
    db.session.commit()
    work.work(payment_id)
    row = shop.payment(payment_id)
    assert (row.state, row.todo, row.fault, row.uncertain) == ("new", "create", "broken", True)
    assert row.detail == "the hub stumbled: IntegrityError"
    db.session.execute(db.text("DROP TRIGGER full"))
    db.session.commit()
    work.work(payment_id)
    last = max(db.session.scalars(db.select(Payment.id)))
    work.work(last)
    assert shop.payment(last).state == "pending"
    there = [p["state"] for p in shop.vendor.account().table("payments").values()]
    assert there.count("pending") == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestAnswers:
    @pytest.fixture
    def extra_env(self) -> dict[str, str]:
        return {"ALLOW_PRIVATE_ADDRESSES": "1"}

    @pytest.mark.parametrize("vendor", ["wayforpay"], indirect=True)
    @pytest.mark.parametrize("page", ["", "javascript:alert(1)"])
    def test_nobody_is_sent_to_what_is_no_page(self, shop: Shop, page: str) -> None:
        made = {"reasonCode": 1100, "reason": "Ok", "invoiceUrl": page}
        with canned((200, made)) as server:
            row = db.session.get_one(Connection, shop.connection_id)
            row.settings = {**row.settings, "api_url": server.url}
            db.session.commit()
            payment_id = shop.start()
            work.work(payment_id)
        found = shop.payment(payment_id)
        assert (found.state, found.url, found.fault, found.uncertain) == ("new", "", "broken", True)
        assert "no address" in found.detail

    @pytest.mark.parametrize("vendor", ["wayforpay"], indirect=True)
    def test_a_page_that_closes_while_it_is_being_called_off(self, shop: Shop) -> None:
        made = {"reasonCode": 1100, "reason": "Ok", "invoiceUrl": "https://pay.example/1"}
        gone = {"reasonCode": 1127, "reason": "Order Not Found"}
        with canned((200, made), (200, {"transactionStatus": "Pending", "reasonCode": 1134}), (200, gone)) as server:
            row = db.session.get_one(Connection, shop.connection_id)
            row.settings = {**row.settings, "api_url": server.url}
            db.session.commit()
            payment_id = shop.opened()
            payments.ask(shop.order_id, payment_id, "cancel", OLENA)
            db.session.commit()
            work.work(payment_id)
            asked = [json.loads(body)["transactionType"] for _, _, body in server.requests]
        assert asked == ["CREATE_INVOICE", "CHECK_STATUS", "REMOVE_INVOICE", "CHECK_STATUS"]
        found = shop.payment(payment_id)
        assert (found.state, found.todo, found.fault) == ("cancelled", "", "")


def test_an_order_that_became_cash_on_delivery_is_not_marked(shop: Shop) -> None:
    payment_id = shop.opened()
    order = shop.order
    order.cod, order.cod_amount = True, order.total
    db.session.commit()
    shop.settle(payment_id)
    shop.deliver()
    assert shop.payment(payment_id).state == "paid"
    assert not shop.order.paid
    with pytest.raises(payments.NotNow, match="cod"):
        payments.start(shop.order_id, shop.connection_id)


def test_stale_news_never_goes_back(shop: Shop) -> None:
    payment_id = shop.opened()
    reference = str(shop.payment(payment_id).reference)
    actor = Actor("job", "Pay")

    def told(state: str, refunded: int = 0) -> bool:
        found = PaymentState(state, Decimal(261), "UAH", Decimal(refunded), reference=reference)
        changed = payments.take(payment_id, found, actor)
        db.session.commit()
        return changed

    assert [told("paid"), told("pending"), told("failed"), told("paid")] == [True, False, False, False]
    assert [told("paid", 100), told("paid", 50), told("refunded", 261), told("paid", 100)] == [True, False, True, False]


@every_vendor
def test_the_way_out_holds_no_secret(shop: Shop) -> None:
    shop.opened()
    links = db.session.scalars(db.select(PayLink)).all()
    assert [len(link.token_hash) for link in links] == [64]
    said = " ".join(str(row.exchanges) for row in db.session.scalars(db.select(Attempt)))
    assert "sandbox-token" not in said


@pytest.mark.parametrize("vendor", ["yookassa"], indirect=True)
def test_receipts(shop: Shop) -> None:
    """Without anybody to send it to there is no payment, and the order says what to fill in; with a phone it is paid,
    and a part given back, each with its receipt."""
    shop.vendor.control_receipts({"on": True})
    row = db.session.get_one(Connection, shop.connection_id)
    connections.change(row, connections.account_settings(row) | {"receipts": True, "vat_code": "11"})
    db.session.execute(db.update(Order).values(phone="", email=""))
    db.session.commit()
    refused = shop.start()
    work.work(refused)
    row = shop.payment(refused)
    assert (row.state, row.fault) == ("failed", "validation")
    assert "e-mail or phone" in row.detail
    assert not shop.vendor.count("payments")
    order = shop.order
    order.phone, order.total = "+79161234567", Decimal(300)  # 261 of goods: 39 are owed for something else
    db.session.commit()
    payment_id = shop.opened()
    shop.settle(payment_id)
    shop.deliver()
    payments.ask(shop.order_id, payment_id, "refund", OLENA, Decimal("0.07"))
    db.session.commit()
    work.work(payment_id)
    row = shop.payment(payment_id)
    assert (row.state, row.refunded, row.fault) == ("paid", Decimal("0.07"), "")
    shop.vendor.control_receipts({"on": False})
