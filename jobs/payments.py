"""Payments at the services: made, looked at, called off, given back.

Nothing is believed but what the service answers when it is asked: a notice only makes the hub ask. A payment's row is
its work; it is taken with a lease and a fencing number, and `uncertain` is set before a call that changes something, so
that whoever comes after a lost answer looks first. Money is given back once for each time a person asks for it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog
from flask import current_app

from integrations.base import TakesPayments
from integrations.errors import Refused, Unknown, VendorError
from integrations.types import OrderData, PaymentAsked, PaymentStarted, RefundAsked
from models import Connection, Incoming, Order, Payment, db, utcnow
from orders import pay_links, payments
from orders.timeline import Actor

from . import attempts, connections, hooks, orderdata, wake

log = structlog.get_logger()

LEASE = timedelta(seconds=90)
#: seconds until the next look at a payment that isn't settled, by the number of looks; notices come in between
LOOKS = (30, 60, 120, 300, 600, 1800, 3600)
#: seconds between tries of what is to be asked of a service that is away; the customer waits, so few
TRIES = (2, 5, 10, 30, 60)
LIMIT = 50


@dataclass(frozen=True)
class Task:
    """A payment as it was taken: what a call needs, without the database."""

    id: int
    order_id: int
    connection_id: int
    order_key: str
    order_number: str
    reference: str
    external_id: str
    amount: Decimal
    currency: str
    state: str
    todo: str
    refunded: Decimal
    refund_to: Decimal
    uncertain: bool
    tries: int
    at: datetime
    lease: datetime
    fence: int
    actor: Actor

    @property
    def theirs(self) -> str:
        """The service's own id; "" where it knows the payment by our reference."""
        return "" if self.external_id == self.reference else self.external_id


def work(payment_id: int) -> None:
    """Do what is to be done about a payment, or look how it stands. Safe to call at any time, any number of times."""
    taken = _claim(payment_id)
    if taken is None:
        return
    task, connector = taken
    error: VendorError | None = None
    try:
        STEPS[task.todo](task, connector)
    except VendorError as caught:
        db.session.rollback()
        error = caught
        _failed(task, caught)
    except Exception as caught:  # a fault of ours: the call may have been made, so it counts as a lost answer
        db.session.rollback()
        log.exception("payment_failed", payment=payment_id)
        _failed(task, Unknown("broken", f"the hub stumbled: {type(caught).__name__}"))
    exchanges = connector.http.exchanges()
    _release(task)
    if exchanges:
        connections.note_answer(task.connection_id, error)
    if exchanges and (error or task.todo):
        attempts.record(task.connection_id, f"pay_{task.todo or 'check'}", exchanges, error)


def sweep() -> None:
    """Payments whose time has come, and those that a wake-up was lost for."""
    query = db.select(Payment.id).where(Payment.next_at <= utcnow()).order_by(Payment.next_at).limit(LIMIT)
    ids = db.session.scalars(query).all()
    db.session.rollback()
    for payment_id in ids:
        wake.now("payment", payment_id, once_in=10)


def noticed(row: Incoming) -> tuple[str, str]:
    """A notice about a payment: have the service asked about it. (state, note) of the notice."""
    body = row.body or {}
    named = [Payment.reference == body.get("reference")] if body.get("reference") else []
    if body.get("external_id"):
        named.append(Payment.external_id == body["external_id"])
    query = db.select(Payment).where(Payment.connection_id == row.connection_id, db.or_(db.false(), *named))
    payment = db.session.scalar(query.with_for_update().limit(1))
    if payment is None:
        return "failed", "no payment of this hub"
    row.order_id = payment.order_id
    payment.next_at = utcnow()
    payments.wake(payment.id)
    return "applied", ""


def return_address(payment_id: int, order_id: int) -> str:
    """Where the customer comes back to: a link of its own, the same at each try, since services compare."""
    hub = current_app.config["HUB"]
    made = hmac.new(hub.secret_key.encode(), f"payment {payment_id}".encode(), hashlib.sha256).hexdigest()[:40]
    return f"{hub.public_url}/pay/{pay_links.issue(order_id, token=made)}/back"


def _claim(payment_id: int) -> tuple[Task, Any] | None:
    now = utcnow()
    free = db.or_(Payment.lease_until.is_(None), Payment.lease_until < now)
    taken = db.update(Payment).where(Payment.id == payment_id, free, Payment.reference.is_not(None))
    values = {
        "lease_until": now + LEASE,
        "next_at": now + LEASE,
        "fence": Payment.fence + 1,
        "tries": Payment.tries + 1,
    }
    found = db.session.execute(taken.values(values).execution_options(synchronize_session=False))
    row = db.session.get(Payment, payment_id, populate_existing=True) if found.rowcount else None  # type: ignore[attr-defined]  # a cursor's
    connection = db.session.get(Connection, row.connection_id) if row and row.connection_id else None
    if row is None or connection is None or not connections.usable(connection):
        if row is not None:  # the connection is off: nothing is asked there until it is on again
            row.lease_until, row.next_at = None, now + timedelta(minutes=5)
        db.session.commit()
        return None
    order = db.session.get_one(Order, row.order_id)
    task = Task(
        row.id, order.id, connection.id, order.key, order.number, str(row.reference), row.external_id, row.amount,
        row.currency, row.state, row.todo, row.refunded, row.refund_to or row.refunded, row.uncertain, row.tries,
        row.at, now + LEASE, row.fence, Actor("job", connection.name),
    )  # fmt: skip
    opened = connections.open_connector(connection)
    db.session.commit()
    return task, opened


def _create(task: Task, connector: Any) -> None:
    if task.uncertain and _found_again(task, connector):
        return
    asked = _asked(task)
    _mark_uncertain(task)
    started = connector.start_payment(asked)
    if not started.url.startswith(("https://", "http://")):
        raise Unknown("broken", "the answer has no address of a payment page")
    _opened(task, started)


def _found_again(task: Task, connector: TakesPayments) -> bool:
    """After a lost answer: whether the service has the payment. True when there is nothing left to make here."""
    try:
        found = connector.read_payment("", task.reference)
    except Refused as refusal:
        if refusal.fault != "not_found":
            raise
        return False
    if found.state == "pending" and not found.url:  # it is there, but nobody can be sent there any more
        connector.cancel_payment(found.external_id, task.reference)
        row = db.session.get(Payment, task.id, with_for_update=True, populate_existing=True)
        if row is not None and row.fence == task.fence:
            payments.again(row, "the address of its page was lost")
        _commit()
        return True
    _opened(task, PaymentStarted(found.external_id, found.url))
    payments.take(task.id, found, task.actor)
    _commit()
    return True


def _opened(task: Task, started: PaymentStarted) -> None:
    payments.opened(task.id, started.external_id, started.url)
    _commit()


def _asked(task: Task) -> PaymentAsked:
    """What the service is asked for; commits, for the addresses are made on first use."""
    order = orderdata.load([task.order_id], task.connection_id)[task.order_id][1]
    back = return_address(task.id, task.order_id)
    hook = hooks.address(task.connection_id)
    _commit()
    description = f"№ {task.order_number}"
    return PaymentAsked(task.reference, task.amount, task.currency, description, back, hook, order, _language(order))


def _language(order: OrderData) -> str:
    return "ru" if order.address.country == "RU" or order.currency == "RUB" else "uk"


def _look(task: Task, connector: TakesPayments) -> None:
    """How it stands. One that the service has not heard of yet waits for its customer."""
    try:
        payments.take(task.id, connector.read_payment(task.theirs, task.reference), task.actor)
    except Refused as refusal:
        if refusal.fault != "not_found":
            raise
    if task.at < utcnow() - payments.GIVEN_UP:
        payments.called_off(task.id, task.actor, "expired")
    _commit()


def _cancel(task: Task, connector: TakesPayments) -> None:
    """What the service has never heard of needs no calling off."""
    try:
        connector.cancel_payment(task.theirs, task.reference)
    except Refused as refusal:
        if refusal.fault != "not_found":
            raise
    _look(task, connector)
    payments.called_off(task.id, task.actor)
    _done(task)


def _refund(task: Task, connector: TakesPayments) -> None:
    """Sent once. After a lost answer the service is asked how much it has given back; what that doesn't show is told to
    the person who asked, and not sent again by itself."""
    if task.uncertain:
        _look(task, connector)
        row = db.session.get_one(Payment, task.id, populate_existing=True)
        if row.refunded < task.refund_to:
            payments.gave_up(
                task.id, "timeout", "the answer was lost, and nothing shows that money went back", task.actor
            )
    elif task.refunded < task.refund_to:
        asked = _refund_asked(task)
        _mark_uncertain(task)
        connector.refund_payment(asked)
        _look(task, connector)
    _done(task)


def _refund_asked(task: Task) -> RefundAsked:
    order = orderdata.load([task.order_id], task.connection_id)[task.order_id][1]
    amount, key = task.refund_to - task.refunded, f"{task.reference} {task.refund_to}"
    return RefundAsked(task.theirs, task.reference, amount, task.currency, key, task.amount, order)


def _done(task: Task) -> None:
    row = db.session.get(Payment, task.id, with_for_update=True, populate_existing=True)
    if row is not None and row.todo == task.todo:
        row.todo, row.uncertain, row.fault = "", False, ""
    _commit()


STEPS: dict[str, Callable[[Task, Any], None]] = {"": _look, "create": _create, "cancel": _cancel, "refund": _refund}


def _mark_uncertain(task: Task) -> None:
    db.session.execute(db.update(Payment).where(Payment.id == task.id).values(uncertain=True))
    _commit()


def _failed(task: Task, error: VendorError) -> None:
    """Refused: a person's affair. Anything else is tried again a few times; looks go on by their own schedule."""
    row = db.session.get(Payment, task.id, with_for_update=True, populate_existing=True)
    if row is None or row.fence != task.fence or not task.todo:
        db.session.rollback()
        return
    if error.outcome == "later":  # certainly nothing was done
        row.uncertain = False
    if error.outcome == "refused" or task.tries > len(TRIES):
        payments.gave_up(task.id, error.fault, error.detail, task.actor)
    else:
        row.fault, row.detail = error.fault, error.detail[:2000]
    _commit()


def _release(task: Task) -> None:
    """Give the row back, and say when it is to be looked at again; earlier when a notice came meanwhile."""
    row = db.session.get(Payment, task.id, with_for_update=True, populate_existing=True)
    if row is None or row.fence != task.fence:
        db.session.rollback()
        return
    row.lease_until = None
    if row.next_at is not None and row.next_at != task.lease:
        payments.wake(row.id)
    elif row.state not in payments.OPEN and not row.todo:
        row.next_at = None
    else:
        fresh = bool(task.todo and not row.todo)
        row.tries = 0 if fresh else row.tries
        steps = TRIES if row.todo else LOOKS
        row.next_at = utcnow() + timedelta(seconds=steps[min(max(row.tries - 1, 0), len(steps) - 1)])
    _commit()


def _commit() -> None:
    wake.changed()
    db.session.commit()
