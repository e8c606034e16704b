"""Two orders that look like one, side by side: merged, or said to be two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from models import LikelyDuplicate, Link, Order, Payment, db
from orders import duplicates, editing, unite

from . import addresses, card_page, order_words, solving, text
from .order_form import LABELS, MESSAGES

bp = Blueprint("duplicates", __name__, url_prefix="/duplicates")


@dataclass(frozen=True)
class Fact:
    """A row of the comparison."""

    label: str
    left: Sequence[str]
    right: Sequence[str]

    @property
    def differs(self) -> bool:
        return list(self.left) != list(self.right)


@bp.get("/<int:pair_id>")
def show(pair_id: int) -> Any:
    pair = _pair(pair_id)
    orders = (db.get_or_404(Order, pair.other_id), db.get_or_404(Order, pair.order_id))  # the earlier one at the left
    return render_template(
        "duplicates/show.html",
        pair=pair,
        orders=orders,
        facts=_facts(*orders),
        why=order_words.ALIKE[pair.why],
        addresses=addresses,
    )


@bp.post("/<int:pair_id>/dismiss")
def dismiss(pair_id: int) -> Any:
    """Two orders after all."""
    pair = _pair(pair_id)
    if pair.state == "open":
        duplicates.dismiss(pair, card_page.actor())
        solving.keep()
        flash(_("Remembered: these are two orders."), "success")
    return redirect(url_for("duplicates.show", pair_id=pair_id), 303)


@bp.post("/<int:pair_id>/merge")
def merge(pair_id: int) -> Any:
    """The chosen order stays and takes over what the other one had."""
    pair = _pair(pair_id)
    keep, lines = request.form.get("keep", 0, type=int), request.form.get("lines", "lacking")
    both = {pair.order_id, pair.other_id}
    if keep not in both or lines not in unite.LINES or pair.state != "open":
        abort(400)
    try:
        left = unite.unite(keep, (both - {keep}).pop(), lines, card_page.actor(), pair)
    except unite.CannotUnite as error:
        return _refused(pair_id, _why_not(error.reason))
    except editing.Invalid as invalid:
        said = "; ".join(f"{_(LABELS.get(name, name))}: {_(MESSAGES[key])}" for name, key in invalid.errors.items())
        return _refused(pair_id, _("Mend the order that stays first. %(what)s", what=said))
    solving.keep()
    number = db.session.scalar(db.select(Order.number).where(Order.id == keep)) or ""
    flash(_("Merged. The other order is cancelled and points here."), "success")
    if left:
        flash(_("Both orders have a copy in %(names)s: look there, too.", names=", ".join(left)), "warning")
    return redirect(addresses.order(number), 303)


def _why_not(reason: str) -> str:
    return {
        "gone": _("One of the orders is no longer there."),
        "busy": _("Something of the order that would be cancelled is being sent. Merge them when that has ended."),
        "over": _("One of the orders is cancelled or deleted: there is nothing to merge."),
    }[reason]


def _refused(pair_id: int, said: str) -> Any:
    db.session.rollback()
    flash(said, "danger")
    return redirect(url_for("duplicates.show", pair_id=pair_id), 303)


def _pair(pair_id: int) -> LikelyDuplicate:
    return db.get_or_404(LikelyDuplicate, pair_id)


def _facts(left: Order, right: Order) -> list[Fact]:
    facts = [Fact(label, get(left), get(right)) for label, get in _columns()]
    return [fact for fact in facts if any(fact.left) or any(fact.right)]


def _columns() -> list[tuple[str, Callable[[Order], list[str]]]]:
    return [
        (_("Status"), lambda o: [text.translated(o.status.name)]),
        (_("Created"), lambda o: [text.full_time(o.created_at)]),
        (_("Source"), lambda o: [" ".join(x for x in (o.source.name if o.source else "", o.external_number) if x)]),
        (_("Recipient"), lambda o: [o.recipient]),
        (_("Phone"), lambda o: [text.phone(o.phone) if o.phone else ""]),
        (_("E-mail"), lambda o: [o.email]),
        (_("Address"), lambda o: [", ".join(x for x in (o.city, o.street, o.house, o.flat, o.pickup_address) if x)]),
        (_("Delivery"), lambda o: [text.translated(o.delivery_method.name) if o.delivery_method else ""]),
        (_("TTN"), lambda o: [o.ttn]),
        (_("Products"), _lines),
        (_("Total"), lambda o: [text.money(o.total, o.currency)]),
        (_("Paid"), lambda o: [_("yes") if o.paid else _("no")]),
        (_("Payments"), _payments),
        (_("Customer's comment"), lambda o: [o.customer_comment]),
        (_("Staff's comment"), lambda o: [o.staff_comment]),
        (_("In other systems"), _links),
    ]


def _lines(order: Order) -> list[str]:
    return [
        f"{line.name} × {line.quantity.normalize():f} · {text.money(line.price, order.currency)}"
        for line in order.lines
    ]


def _payments(order: Order) -> list[str]:
    rows = db.session.scalars(db.select(Payment).where(Payment.order_id == order.id).order_by(Payment.id))
    return [f"{text.money(row.amount, row.currency)} {row.state}".strip() for row in rows]


def _links(order: Order) -> list[str]:
    rows = db.session.scalars(db.select(Link).where(Link.order_id == order.id).order_by(Link.id))
    return [f"{row.connection.name} {row.external_number or row.external_id or ''}".strip() for row in rows]
