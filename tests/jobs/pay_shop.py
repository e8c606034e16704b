"""A hub that takes payments through a service's imitation."""

from __future__ import annotations

import time
from typing import Any

import pytest

from jobs import hooks, inbox
from jobs import payments as work
from models import Connection, Incoming, Order, OrderEvent, Payment, db, utcnow
from orders import payments

SETTINGS = {
    "yookassa": {"shop_id": "100500", "secret_key": "sandbox-token"},
    "liqpay": {"public_key": "sandbox_i10000000000", "private_key": "sandbox-token"},
    "wayforpay": {"account": "test_merch_n1", "domain": "shop.example", "secret_key": "sandbox-token"},
}
CURRENCY = {"yookassa": "RUB", "liqpay": "UAH", "wayforpay": "UAH"}
#: a test of each service
every_vendor = pytest.mark.parametrize("vendor", SETTINGS, indirect=True)


class Shop:
    """The hub at `url`, connected with the service, and an order to be paid."""

    def __init__(self, row: Connection, imitation: Any, url: str, order_id: int) -> None:
        self.connection_id, self.vendor, self.url, self.order_id = row.id, imitation, url, order_id
        self.currency = CURRENCY[row.kind]
        if "webhook" in imitation.controls:
            imitation.control_webhook({"url": hooks.address(row.id)})
            db.session.commit()

    def start(self) -> int:
        row = payments.start(self.order_id, self.connection_id)
        db.session.commit()
        return row.id

    def opened(self) -> int:
        payment_id = self.start()
        work.work(payment_id)
        assert self.payment(payment_id).state == "pending", self.payment(payment_id).detail
        return payment_id

    def payment(self, payment_id: int) -> Payment:
        db.session.rollback()
        return db.session.get_one(Payment, payment_id, populate_existing=True)

    @property
    def order(self) -> Order:
        db.session.rollback()
        return db.session.get_one(Order, self.order_id, populate_existing=True)

    def number(self, payment_id: int) -> int:
        return int(self.payment(payment_id).url.rsplit("/", 1)[1])

    def settle(self, payment_id: int, do: str = "pay", **changes: Any) -> None:
        self.vendor.settle(self.number(payment_id), do, **changes)

    def deliver(self) -> None:
        """Have the imitation post its notices, and the hub work on what has come."""
        db.session.rollback()
        deadline = time.monotonic() + 10
        while not self.vendor.idle and time.monotonic() < deadline:
            self.vendor.tick(time.monotonic())
            time.sleep(0.01)
        self.process()

    def process(self) -> None:
        for incoming_id in db.session.scalars(db.select(Incoming.id).where(Incoming.state == "new")).all():
            inbox.process(incoming_id)
        for payment_id in db.session.scalars(db.select(Payment.id).where(Payment.next_at <= utcnow())).all():
            work.work(payment_id)

    def steps(self) -> list[str]:
        query = db.select(OrderEvent.detail).where(OrderEvent.order_id == self.order_id, OrderEvent.kind == "payment")
        return [detail["step"] for detail in db.session.scalars(query.order_by(OrderEvent.id))]
