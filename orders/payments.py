"""Payments of an order: what is left to pay, what is asked of a service, and what it tells.

A payment never goes back: pending, waiting (held), then failed or cancelled, paid, refunded. Late, repeated and
disordered news change nothing. `mismatch`: money that isn't what was asked for; it counts for nothing until a person
has looked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from models import Connection, Order, Payment, Prepared, Status, db, utcnow

from .timeline import Actor, note

#: new: not at the service yet. The rank says which state may follow which.
RANKS = {"new": 0, "pending": 1, "waiting": 2, "failed": 3, "cancelled": 3, "paid": 4, "refunded": 5, "mismatch": 6}
OPEN = ("new", "pending", "waiting")
#: a page at a service that was opened this long ago is not given out again: they close after an hour and more
FRESH = timedelta(minutes=30)
#: nobody has paid in this time: the hub asks no more
GIVEN_UP = timedelta(hours=48)


class Told(Protocol):
    """How a payment stands at the service (integrations.types.PaymentState)."""

    @property
    def state(self) -> str: ...
    @property
    def amount(self) -> Decimal: ...
    @property
    def currency(self) -> str: ...
    @property
    def refunded(self) -> Decimal: ...
    @property
    def raw(self) -> str: ...
    @property
    def at(self) -> datetime | None: ...
    @property
    def reference(self) -> str: ...
    @property
    def detail(self) -> str: ...


class NotNow(Exception):
    """It can't be done as things are; `reason` is a key that pages have a sentence for."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Summary:
    """The payments of an order, newest first: rows with the columns of Payment and `system`, the service's name."""

    rows: Sequence[Any]
    total: Decimal
    currency: str

    @property
    def paid(self) -> Decimal:
        return paid_of(self.rows, self.currency)

    @property
    def due(self) -> Decimal:
        return max(self.total - self.paid, Decimal(0))


def paid_of(rows: Sequence[Any], currency: str) -> Decimal:
    """What has come and was not given back."""
    kept = [r.amount - r.refunded for r in rows if r.state in ("paid", "refunded") and r.currency == currency]
    return sum(kept, Decimal(0))


_payment = Payment.__table__
_connection = Connection.__table__
_OF_ORDER = Prepared(
    db.select(*_payment.c, _connection.c.name.label("system"), _connection.c.kind.label("vendor"))
    .outerjoin(_connection, _connection.c.id == _payment.c.connection_id)
    .where(_payment.c.order_id == db.bindparam("order"))
    .order_by(_payment.c.id.desc()),
    same_plan=True,
)


def of_order(order: Order) -> Summary:
    return Summary(_OF_ORDER.rows(order=order.id), order.total, order.currency)


def why_not(order: Order, group: str) -> str:
    """Why this order is not to be paid online; "" when it is. A key: gone, preorder, cod, paid, nothing."""
    if group in ("deleted", "cancelled"):
        return "gone"
    if group == "preorder":
        return "preorder"
    if order.paid:
        return "paid"
    if order.cod:
        return "cod"
    return "" if order.total > 0 else "nothing"


def start(order_id: int, connection_id: int, by: str = "") -> Payment:
    """The payment that the customer is to be sent to, in the caller's transaction: one under way for the same sum, else
    a new one for what is left to pay. Raises NotNow."""
    order = db.session.get(Order, order_id, with_for_update=True, populate_existing=True)
    if order is None:
        raise NotNow("gone")
    if reason := why_not(order, _group(order)):
        raise NotNow(reason)
    found = of_order(order)
    if found.due <= 0:
        raise NotNow("paid")
    if any(row.state == "waiting" for row in found.rows):
        raise NotNow("waiting")
    for row in found.rows:
        same = row.connection_id == connection_id and (row.amount, row.currency) == (found.due, order.currency)
        if same and row.state in ("new", "pending") and row.todo in ("", "create") and row.at > utcnow() - FRESH:
            return db.session.get_one(Payment, row.id)
    return _new(order, connection_id, found, by)


def _group(order: Order) -> str:
    return db.session.get_one(Status, order.status_id).group


def _new(order: Order, connection_id: int, found: Summary, by: str) -> Payment:
    reference = f"{order.key}-{len(found.rows) + 1}"
    row = Payment(
        order_id=order.id,
        connection_id=connection_id,
        external_id=reference,  # until the service gives one of its own
        reference=reference,
        state="new",
        amount=found.due,
        currency=order.currency,
        requested_by=by[:120],
        todo="create",
        next_at=utcnow(),
    )
    db.session.add(row)
    order.updated_at = utcnow()
    db.session.flush()
    wake(row.id)
    return row


def wake(payment_id: int) -> None:
    """Have a worker look at it once this transaction is committed."""
    db.session().info.setdefault("jobs", set()).add(("payment", payment_id))


def again(row: Payment, detail: str) -> Payment | None:
    """A payment whose page is lost ends, and another takes its place with a reference of its own."""
    order = db.session.get_one(Order, row.order_id, with_for_update=True, populate_existing=True)
    row.state, row.todo, row.next_at, row.uncertain, row.detail = "cancelled", "", None, False, detail
    found = of_order(order)
    if row.connection_id is None or why_not(order, _group(order)) or found.due <= 0:
        return None
    return _new(order, row.connection_id, found, row.requested_by)


def ask(order_id: int, payment_id: int, todo: str, actor: Actor, amount: Decimal | None = None) -> None:
    """Have a payment called off ("cancel"), money given back ("refund", `amount`) or its state read ("check"), in the
    caller's transaction. Raises NotNow."""
    order, row = _locked(payment_id)
    if row is None or order is None or order.id != order_id or row.connection_id is None:
        raise NotNow("gone")
    if row.todo:
        raise NotNow("busy")
    if todo == "cancel" and row.state not in OPEN:
        raise NotNow("ended")
    if todo == "refund":
        if row.state != "paid" or amount is None or not 0 < amount <= row.amount - row.refunded:
            raise NotNow("amount")
        row.refund_to = row.refunded + amount
    row.todo = "" if todo == "check" else todo
    row.fault, row.uncertain, row.tries, row.next_at = "", False, 0, utcnow()
    order.updated_at = utcnow()
    if todo != "check":
        note(order.id, actor, "payment", **_facts(row, f"ask_{todo}", amount))
    wake(row.id)


def _locked(payment_id: int) -> tuple[Order | None, Payment | None]:
    """Order first, always: two workers never wait for each other crosswise."""
    order_id = db.session.scalar(db.select(Payment.order_id).where(Payment.id == payment_id))
    order = db.session.get(Order, order_id, with_for_update=True, populate_existing=True) if order_id else None
    row = db.session.get(Payment, payment_id, with_for_update=True, populate_existing=True)
    return order, row


def _facts(row: Payment, step: str, amount: Decimal | None = None) -> dict[str, Any]:
    name = db.session.scalar(db.select(Connection.name).where(Connection.id == row.connection_id)) or ""
    sum_of = row.amount if amount is None else amount
    return {
        "step": step,
        "connection": name,
        "amount": str(sum_of),
        "currency": row.currency,
        "external": row.reference,
    }


def opened(payment_id: int, external_id: str, url: str) -> None:
    """The service has made it: the customer can go there. In the caller's transaction."""
    order, row = _locked(payment_id)
    if row is None or order is None or row.todo != "create":
        return
    row.external_id, row.url, row.state = external_id or row.external_id, url, "pending"
    row.todo, row.uncertain, row.fault = "", False, ""
    order.updated_at = utcnow()
    note(
        order.id,
        Actor("customer" if not row.requested_by else "person", row.requested_by),
        "payment",
        **_facts(row, "opened"),
    )


def gave_up(payment_id: int, fault: str, detail: str, actor: Actor) -> None:
    """The service has refused what it was asked (or nobody can tell): noted, and no longer tried."""
    order, row = _locked(payment_id)
    if row is None or order is None:
        return
    todo, row.todo = row.todo, ""
    row.fault, row.detail, row.uncertain = fault, detail[:2000], False
    if todo == "create" and row.state == "new":
        row.state, row.next_at = "failed", None
    order.updated_at = utcnow()
    name = _facts(row, "")["connection"]
    note(order.id, actor, "refused", connection=name, operation=f"pay_{todo}", fault=fault, detail=detail[:500])


def called_off(payment_id: int, actor: Actor, step: str = "cancelled") -> None:
    """Nothing was paid and nothing is expected any more."""
    order, row = _locked(payment_id)
    if row is None or order is None or row.state not in OPEN:
        return
    row.state, row.todo, row.next_at, row.uncertain = "cancelled", "", None, False
    order.updated_at = utcnow()
    note(order.id, actor, "payment", **_facts(row, step))


def take(payment_id: int, told: Told, actor: Actor) -> bool:
    """Believe what the service told when it was asked, in the caller's transaction; True when something changed."""
    order, row = _locked(payment_id)
    if row is None or order is None or row.state == "mismatch":
        return False
    if problem := _misfit(row, told):
        return _set_aside(order, row, told, problem, actor)
    if RANKS[told.state] < RANKS[row.state] or (told.state == row.state and told.refunded <= row.refunded):
        return False
    before = row.state
    given_back = max(told.refunded - row.refunded, Decimal(0))
    row.state, row.raw, row.detail = told.state, told.raw[:60], told.detail[:500]
    row.refunded = max(told.refunded, row.refunded)
    if told.state in ("paid", "refunded"):
        row.paid_at = row.paid_at or told.at or utcnow()
    order.updated_at = utcnow()
    _tell(order, row, before, given_back, actor)
    return True


def _misfit(row: Payment, told: Told) -> str:
    if told.reference and told.reference != row.reference:
        return "other"
    if told.state not in ("paid", "waiting", "refunded"):
        return ""
    if told.currency != row.currency:
        return "currency"
    return "" if told.amount == row.amount else "amount"


def _set_aside(order: Order, row: Payment, told: Told, problem: str, actor: Actor) -> bool:
    row.state, row.raw, row.next_at, row.todo = "mismatch", told.raw[:60], None, ""
    row.detail = f"{told.amount} {told.currency} {told.reference}".strip()
    order.updated_at = utcnow()
    note(order.id, actor, "payment", **_facts(row, f"misfit_{problem}"), text=row.detail)
    return True


def _tell(order: Order, row: Payment, before: str, given_back: Decimal, actor: Actor) -> None:
    """The timeline, and Paid where it follows: set once when all is there, taken away when all of it went back."""
    db.session.flush()
    paid = of_order(order).paid
    changes: list[list[Any]] = []
    if row.state == "paid" and before not in ("paid", "refunded") and not (order.paid or order.cod):
        if paid >= order.total:
            changes = [["paid", False, True]]
    elif given_back and paid <= 0 and order.paid:
        changes = [["paid", True, False]]
    if changes:
        order.paid = changes[0][2]
        order.version += 1  # copies elsewhere are to learn it
    came = row.state in ("paid", "refunded") and before not in ("paid", "refunded")
    if came:
        note(order.id, actor, "payment", **_facts(row, "paid"), changes=changes)
    if given_back:
        note(order.id, actor, "payment", **_facts(row, "refunded", given_back), changes=[] if came else changes)
    if not came and not given_back:
        note(order.id, actor, "payment", **_facts(row, row.state), text=row.detail)
