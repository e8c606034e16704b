"""What the customer does behind a completion link: typing, which is kept field by field, and the order itself."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from models import DeliveryMethod, Order, OrderLink, PaymentMethod, Status, db

from . import creation, editing, order_links, statuses
from .timeline import Actor, note

#: what a customer fills in, by steps; kept as typed until the order is placed
STEPS: tuple[tuple[str, ...], ...] = (
    ("last_name", "first_name", "patronymic", "phone", "email"),
    ("delivery_method_id", "city", "region", "pickup_address", "pickup_code", "street", "house", "flat", "postal_code"),
    ("payment_method_id", "customer_comment"),
)
FIELDS = tuple(name for step in STEPS for name in step)
#: which fields of the address a kind of delivery asks for
ADDRESS = {
    "pickup": ("pickup_address", "pickup_code"),
    "courier": ("street", "house", "flat", "postal_code"),
    "post": ("street", "house", "flat", "postal_code"),
    "self": (),
}
#: most characters kept of one field
LONGEST = 2000


class Closed(Exception):
    """The link stopped working meanwhile."""


def keep(link: OrderLink, given: Mapping[str, str]) -> bool:
    """Keep what the customer typed. True when staff's pages have to show something new. Raises Closed."""
    if order_links.state(link) != "open":
        raise Closed
    news = {name: given[name][:LONGEST] for name in FIELDS if name in given}
    if any(link.draft.get(name, "") != value for name, value in news.items()):
        link.draft = {**link.draft, **news}
    return order_links.seen(link)


def typed(link: OrderLink) -> dict[str, str]:
    """What the page shows: the customer's words, else what staff have filled in."""
    order = link.order
    saved = {name: getattr(order, name) for name in FIELDS}
    return {name: str(link.draft.get(name, saved[name] if saved[name] is not None else "")) for name in FIELDS}


def methods(order: Order) -> list[DeliveryMethod]:
    """Delivery methods to choose from: those for shops of the country whose money the order is in, and for all."""
    query = db.select(DeliveryMethod).where(DeliveryMethod.active)
    if home := creation.HOME.get(order.currency):
        query = query.where(DeliveryMethod.country.in_(("", home)))
    return list(db.session.scalars(query.order_by(DeliveryMethod.position, DeliveryMethod.id)))


def payments(method: DeliveryMethod | None, cash_only: bool = False) -> list[PaymentMethod]:
    """Ways to pay that this delivery method allows. `cash_only`: its service says so."""
    query = db.select(PaymentMethod).where(PaymentMethod.active)
    found = db.session.scalars(query.order_by(PaymentMethod.position, PaymentMethod.id))
    by_card = not cash_only and (method is None or method.card_on_delivery)
    return [one for one in found if one.kind != "cod_card" or by_card]


def imagined(order: Order, typed: Mapping[str, str]) -> dict[str, Any]:
    """The order's values, settled, if it were placed with these words; nothing of the delivery's price in them."""
    ids = {name: _id(typed[name]) for name in FIELDS if name.endswith("_id")}
    method, payment = _chosen(ids)
    row = {**_row({**typed, **ids}, method, payment), "delivery_cost": Decimal(0)}
    settled, _errors = editing.preview(_all(order, row), [editing.line_values(line) for line in order.lines], None)
    return settled


def _id(word: str) -> int | None:
    return int(word) if word.isdecimal() and len(word) < 10 else None


def submit(link: OrderLink, values: Mapping[str, Any], delivery: Mapping[str, Any], actor: Actor) -> Order:
    """Place the order: its fields, the status New, the link used up; in the caller's transaction.

    `values`: all FIELDS, checked by the form; `delivery`: what follows from a service's offer. Raises Closed, or
    editing.Invalid when they break a rule."""
    order = db.session.get(Order, link.order_id, with_for_update=True, populate_existing=True)
    if order is None or order_links.state(link) != "open" or not order_links.take(link.id):
        raise Closed
    row = {**_row(values, *_chosen(values)), **delivery}
    _settled, errors = editing.preview(_all(order, row), [editing.line_values(line) for line in order.lines], None)
    if errors:
        raise editing.Invalid(errors)
    order = editing.update(order.id, order.version, row, None, actor)
    note(order.id, actor, "completed")
    statuses.change([order.id], _new(), actor)
    return order


def _chosen(values: Mapping[str, Any]) -> tuple[DeliveryMethod | None, PaymentMethod | None]:
    delivery, payment = values["delivery_method_id"], values["payment_method_id"]
    return (
        db.session.get(DeliveryMethod, delivery) if delivery else None,
        db.session.get(PaymentMethod, payment) if payment else None,
    )


def _row(values: Mapping[str, Any], method: DeliveryMethod | None, payment: PaymentMethod | None) -> dict[str, Any]:
    row = {name: values[name] for name in FIELDS}
    asked = ADDRESS.get(method.kind if method else "", ())
    row |= {name: "" for names in ADDRESS.values() for name in names if name not in asked}
    on_delivery = bool(payment and payment.kind in ("cod_cash", "cod_card"))
    row |= {"cod": on_delivery, "cod_method": "card" if payment and payment.kind == "cod_card" else "cash"}
    return row | {"cod_amount": Decimal(0)}  # follows the total


def _all(order: Order, row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row.get(name, getattr(order, name)) for name in editing.FIELDS}


def _new() -> Status:
    found = db.session.get(Status, creation.default_status_id())
    if found is None:
        raise LookupError("statuses: the row 'new' is missing; run the migrations")
    return found
