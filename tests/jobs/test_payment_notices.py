"""What payment services tell: at the same time, before our own answer, unsigned, to addresses that ended; and links."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import httpx
import pytest

from jobs import connections, hooks, inbox
from jobs import payments as work
from models import Connection, HookSecret, Incoming, Payment, db, utcnow
from orders import pay_links, payments
from orders.timeline import Actor

from .pay_shop import Shop, every_vendor

OLENA = Actor("person", "Olena")


def test_two_payments_of_one_order_at_once(shop: Shop) -> None:
    """The customer has two pages open, one of them old, and pays on both: both are counted, and the order says that it
    is too much."""
    first = shop.opened()
    row = shop.payment(first)
    row.at = utcnow() - timedelta(hours=1)
    db.session.commit()
    second = shop.opened()
    assert second != first
    shop.settle(second)
    shop.settle(first)
    shop.deliver()
    assert [shop.payment(n).state for n in (first, second)] == ["paid", "paid"]
    found = payments.of_order(shop.order)
    assert (found.paid, found.due) == (Decimal(522), Decimal(0))
    payments.ask(shop.order_id, first, "refund", OLENA, Decimal(261))
    db.session.commit()
    work.work(first)
    shop.deliver()
    assert shop.order.paid
    assert payments.of_order(shop.order).paid == Decimal(261)
    assert shop.steps() == ["opened", "opened", "paid", "paid", "ask_refund", "refunded"]


@every_vendor
def test_a_payment_on_a_page_that_was_called_off_counts(shop: Shop) -> None:
    """Not every service can close its page; money that has come is money."""
    payment_id = shop.opened()
    number = shop.number(payment_id)
    payments.ask(shop.order_id, payment_id, "cancel", OLENA)
    db.session.commit()
    work.work(payment_id)
    shop.deliver()
    assert shop.payment(payment_id).state == "cancelled"
    shop.vendor.settle(number, "pay")
    shop.deliver()
    assert shop.payment(payment_id).state == "paid"
    assert shop.order.paid
    shop.vendor.notify(number, "expired")  # an old notice arrives after the new one
    shop.deliver()
    assert shop.order.paid


@every_vendor
def test_a_notice_before_our_own_answer(shop: Shop) -> None:
    """The answer to the making of a payment is lost and its notice comes first: it is one payment, and paid."""
    payment_id = shop.start()
    shop.vendor.fault("lost")
    work.work(payment_id)
    there = list(shop.vendor.account().table("payments").values())
    assert len(there) == 1
    shop.vendor.settle(there[0]["id"], "pay")
    shop.deliver()
    work.work(payment_id)  # the next try, where the first one met "I know that already"
    assert shop.payment(payment_id).state == "paid"
    assert shop.order.paid
    assert len(shop.vendor.account().table("payments")) == 1


# ---- the receiver


def post(shop: Shop, body: bytes, headers: dict[str, str] | None = None, path: str = "") -> httpx.Response:
    db.session.rollback()
    url = path or hooks.address(shop.connection_id)
    db.session.commit()
    return httpx.post(url, content=body, headers=headers or {})


def a_notice(shop: Shop) -> tuple[bytes, dict[str, str]]:
    payment_id = shop.opened()
    shop.settle(payment_id, notify=False)
    account = shop.vendor.account()
    return shop.vendor.notice(account, account.table("payments")[shop.number(payment_id)], "paid")


@pytest.mark.parametrize("vendor", ["liqpay", "wayforpay"], indirect=True)
def test_of_a_wrong_signature_nothing_is_made(shop: Shop) -> None:
    body, headers = a_notice(shop)
    assert b"signature" in body.lower()
    forged = re.sub(rb'(ignature(?:=|": "))..', rb"\g<1>00", body)
    assert forged != body
    for wrong in (forged, b"", b"{}", b"data=e30%3D"):
        assert post(shop, wrong, headers).status_code in (400, 403)
    shop.process()
    assert set(db.session.scalars(db.select(Incoming.state))) == {"refused"}  # kept to be looked at, no more
    assert not shop.order.paid
    assert post(shop, body, headers).status_code == 200
    shop.process()
    assert shop.order.paid


@every_vendor
def test_garbage_is_refused(shop: Shop) -> None:
    for body in (b"\xff\xfe", b"[]", b"<html>", b"[" * 100_000, b"data=%00&signature=%00"):
        assert post(shop, body).status_code in (400, 403)


@pytest.mark.parametrize("vendor", ["yookassa"], indirect=True)
def test_an_unsigned_notice_is_believed_in_nothing(shop: Shop) -> None:
    """It says paid; the service, asked, says pending."""
    payment_id = shop.opened()
    external = shop.payment(payment_id).external_id
    said = {"type": "notification", "event": "payment.succeeded", "object": {"id": external, "status": "succeeded"}}
    assert post(shop, httpx.Request("POST", "http://x", json=said).content).status_code == 200
    shop.process()
    assert shop.payment(payment_id).state == "pending"
    other = httpx.Request("POST", "http://x", json={"event": "payout.succeeded", "object": {"id": "1"}}).content
    assert post(shop, other).status_code == 200
    unknown = httpx.Request("POST", "http://x", json={"event": "payment.succeeded", "object": {"id": "1"}}).content
    assert post(shop, unknown).status_code == 200
    shop.process()
    assert sorted(db.session.scalars(db.select(Incoming.state))) == ["applied", "failed"]


def test_addresses_end(shop: Shop) -> None:
    body, headers = a_notice(shop)
    first = hooks.address(shop.connection_id)
    db.session.commit()
    hooks.rotate(shop.connection_id)
    db.session.commit()
    second = hooks.address(shop.connection_id)
    assert first != second
    assert [post(shop, body, headers, path).status_code for path in (first, second)] == [200, 200]
    assert db.session.scalars(db.select(Incoming.state)).all() == ["new"]
    assert post(shop, body, headers, second + "/payment").status_code == 200
    old = db.session.scalars(db.select(HookSecret).order_by(HookSecret.id)).first()
    assert old is not None
    old.ends_at = utcnow() - timedelta(seconds=1)
    db.session.commit()
    assert post(shop, body, headers, first).status_code == 404
    wrong = second.replace(f"/hooks/{shop.connection_id}/", f"/hooks/{shop.connection_id + 1}/")
    assert post(shop, body, headers, wrong).status_code == 404
    assert post(shop, body, headers, second[:-2]).status_code == 404
    assert post(shop, b"x" * 300_000, headers, second).status_code in (400, 413)
    connections.remove(db.session.get_one(Connection, shop.connection_id))
    db.session.commit()
    assert post(shop, body, headers, second).status_code == 404


def test_a_notice_whose_wake_up_was_lost_is_found(shop: Shop) -> None:
    body, headers = a_notice(shop)
    assert post(shop, body, headers).status_code == 200
    db.session.execute(db.update(Incoming).values(received_at=utcnow() - timedelta(minutes=1)))
    db.session.commit()
    inbox.sweep()
    assert db.session.scalars(db.select(Incoming.state)).all() == ["applied"]


def test_a_notice_that_workers_are_woken_for_twice_is_worked_on_once(shop: Shop) -> None:
    """By its own wake-up and by the sweep, say; and what is gone meanwhile is nobody's."""
    body, headers = a_notice(shop)
    assert post(shop, body, headers).status_code == 200
    [incoming_id] = db.session.scalars(db.select(Incoming.id))
    inbox.process(incoming_id)
    [payment_id] = db.session.scalars(db.select(Payment.id))
    asked_for = shop.payment(payment_id).next_at
    assert asked_for is not None  # the service is to be asked
    work.work(payment_id)
    assert shop.order.paid
    over, steps = shop.payment(payment_id).next_at, shop.steps()
    inbox.process(incoming_id)
    inbox.process(incoming_id + 1)
    assert [tuple(row) for row in db.session.execute(db.select(Incoming.state, Incoming.note))] == [("applied", "")]
    assert (shop.payment(payment_id).next_at, shop.steps()) == (over, steps)  # and is not asked again


# ---- links


def test_links(shop: Shop) -> None:
    token = pay_links.issue(shop.order_id, "Olena")
    db.session.commit()
    assert len(token) >= 22  # 128 bits
    link = pay_links.find(token)
    assert link is not None
    assert pay_links.works(link)
    assert pay_links.find(token + "x") is None
    assert pay_links.revoke(shop.order_id) == 1
    db.session.commit()
    assert not pay_links.works(link)
    assert pay_links.revoke(shop.order_id) == 0
