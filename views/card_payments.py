"""Payments on the order's card: the link for the customer; look, call off, give back."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from flask import Blueprint, abort, current_app, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from htmx_flask import request

from jobs import connections, wake
from models import Order, Status, db
from orders import pay_links, payments, timeline

from . import answers, card_page, card_side
from .order_words import PAY_REASONS

bp = Blueprint("card_payments", __name__, url_prefix="/order/<int:order_id>/payments")

DONE = {
    "check": _l("The payment service is being asked."),
    "cancel": _l("The payment is being called off."),
    "refund": _l("The money is being given back."),
}


@bp.post("/link")
def link(order_id: int) -> Any:
    """A new link for the customer, into the clipboard; without a script, shown on the card."""
    order = _order(order_id)
    reason = payments.why_not(order, db.session.get_one(Status, order.status_id).group)
    if not reason and not connections.payers(order.currency):
        reason = "no_service"
    if reason:
        return answers.refuse(str(PAY_REASONS[reason]), url_for("card.show", number=order.number))
    actor = card_page.actor()
    url = _public() + url_for("pay.show", token=pay_links.issue(order.id, actor.name))
    timeline.note(order.id, actor, "payment", step="link")
    wake.changed()
    db.session.commit()
    if not request.htmx:
        flash(url, "success")
        return redirect(url_for("card.show", number=order.number))
    body = render_template("card/_pay_link.html", url=url)
    return answers.trigger(
        body, **{"copy-text": {"text": url}, "toast": {"text": _("The payment link is copied"), "kind": "ok"}}
    )


@bp.post("/revoke")
def revoke(order_id: int) -> Any:
    order = _order(order_id)
    ended = pay_links.revoke(order.id)
    if ended:
        timeline.note(order.id, card_page.actor(), "payment", step="revoked")
    return card_side._answer(order, _("Its payment links no longer work.") if ended else _("No link of it works."))


@bp.post("/<int:payment_id>/<todo>")
def ask(order_id: int, payment_id: int, todo: str) -> Any:
    """Check, cancel or refund."""
    order = _order(order_id)
    if todo not in DONE:
        abort(404)
    try:
        payments.ask(order.id, payment_id, todo, card_page.actor(), _amount() if todo == "refund" else None)
    except payments.NotNow as problem:
        return card_side._answer(order, str(PAY_REASONS[problem.reason]), "warn")
    return card_side._answer(order, str(DONE[todo]), "info")


def _amount() -> Decimal | None:
    given = "".join(request.form.get("amount", "").split()).replace(",", ".")
    try:
        amount = Decimal(given)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 < amount < 10**12 and amount == round(amount, 2) else None


def _order(order_id: int) -> Order:
    return db.session.get(Order, order_id) or abort(404)


def _public() -> str:
    return str(current_app.config["HUB"].public_url)
