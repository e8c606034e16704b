"""The customer's payment page, behind an unguessable link: what is ordered, the ways to pay, how it stands.

Works without a script: while something is awaited the page asks for itself again. The step from the form to the
service goes over a page of ours, since browsers count redirects after a form as the form's own target (CSP).
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _

from integrations import connectors
from jobs import connections, wake
from models import Order, PayLink, Payment, Status, db
from orders import pay_links, payments

from . import security

bp = Blueprint("pay", __name__, url_prefix="/pay")

#: how often a page that waits asks again before it says so
PATIENCE = 40


@bp.after_request
def _private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.get("/<token>")
@security.limiter.limit("120 per minute")
def show(token: str) -> Any:
    link = pay_links.find(token)
    if link is None:
        return _over("wrong", 404)
    if not pay_links.works(link):
        return _over("revoked" if link.revoked_at else "expired", 410)
    order = db.session.get_one(Order, link.order_id)
    return _opening(token, link) or _order_page(token, order)


@bp.post("/<token>")
@security.limiter.limit("20 per minute")
def pay(token: str) -> Any:
    """The customer has chosen a way to pay."""
    link = pay_links.find(token)
    if link is None or not pay_links.works(link):
        return redirect(url_for("pay.show", token=token), 303)
    currency = db.session.get_one(Order, link.order_id).currency
    chosen = next((c for c in connections.payers(currency) if str(c.id) == request.form.get("by")), None)
    if chosen is None:
        return redirect(url_for("pay.show", token=token), 303)
    try:
        row = payments.start(link.order_id, chosen.id)
    except payments.NotNow:
        db.session.rollback()
        return redirect(url_for("pay.show", token=token), 303)
    wake.changed()
    db.session.commit()
    return redirect(url_for("pay.show", token=token, wait=row.id), 303)


@bp.route("/<token>/back", methods=["GET", "POST"])
@security.csrf.exempt
@security.limiter.limit("60 per minute")
def back(token: str) -> Any:
    """Where services send the browser afterwards, some by a form; what they say there is not believed."""
    return redirect(url_for("pay.show", token=token, back=1), 303)


def _opening(token: str, link: PayLink) -> Any:
    """The way to the service, once it has made its page; None when nothing is being opened."""
    payment_id = request.args.get("go", 0, int) or request.args.get("wait", 0, int)
    row = db.session.get(Payment, payment_id) if payment_id else None
    if row is None or row.order_id != link.order_id or row.state not in ("new", "pending"):
        return _newer(token, row, link)
    if row.url and row.state == "pending" and "go" in request.args:
        return redirect(row.url, 303)
    turn = request.args.get("n", 0, int)
    if turn > PATIENCE:
        return None
    again = url_for("pay.show", token=token, go=row.id, n=turn + 1)
    return _render("waiting", again=again, every=1, title=_("One moment"), words=_("The payment page is being opened…"))


def _newer(token: str, row: Payment | None, link: PayLink) -> Any:
    """One that was replaced, because its page was lost, leads to the one in its place."""
    if row is None or row.order_id != link.order_id or row.state != "cancelled":
        return None
    query = db.select(Payment.id).where(Payment.order_id == row.order_id, Payment.id > row.id, Payment.state == "new")
    newer = db.session.scalar(query.order_by(Payment.id.desc()).limit(1))
    return redirect(url_for("pay.show", token=token, go=newer), 303) if newer else None


def _order_page(token: str, order: Order) -> Any:
    found = payments.of_order(order)
    group = db.session.get_one(Status, order.status_id).group
    reason = payments.why_not(order, group)
    if not reason and found.due <= 0:
        reason = "paid"
    newest = found.rows[0] if found.rows else None
    turn = request.args.get("n", 0, int)
    if "back" in request.args and newest is not None and newest.state == "pending" and turn <= PATIENCE and not reason:
        wake.now("payment", newest.id, once_in=3)
        again = url_for("pay.show", token=token, back=1, n=turn + 1)
        words = _("The payment service is being asked whether the money has come…")
        return _render("waiting", again=again, every=2, title=_("One moment"), words=words)
    known = connectors()
    offered = connections.payers(order.currency) if not reason else []
    ways = [(c.id, known[c.kind].title, known[c.kind].paid_by) for c in offered]
    held = any(row.state == "waiting" for row in found.rows)
    values = {"order": order, "found": found, "reason": reason, "ways": ways, "held": held, "newest": newest}
    return _render("order", **values, token=token, shop=order.shop.name if order.shop else "")


def _over(reason: str, status: int) -> Any:
    return _render("over", reason=reason), status


def _render(page: str, **values: Any) -> Any:
    return make_response(render_template(f"pay/{page}.html", **values))
