"""The customer's page behind a link: three steps, kept as they are typed, no login."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from flask import Blueprint, jsonify, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _

from jobs import checkout, wake
from models import DeliveryMethod, Order, OrderLink, db
from orders import completion, editing, order_links
from orders.timeline import Actor

from . import answers, text
from .completion_form import Steps
from .order_form import MESSAGES
from .security import limiter

bp = Blueprint("completion", __name__, url_prefix="/c")
bp.after_request(answers.private)
#: state of a link -> status of the page that says so
CODES = {"used": 200, "revoked": 410, "expired": 410, "closed": 410, "wrong": 404}


@bp.get("/<token>")
@limiter.limit("120/minute")
def show(token: str) -> Any:
    link = order_links.by_token(token)
    if link is None or order_links.state(link) != "open":
        return _over(link)
    steps = _steps(link, checkout.ASKED if "look" in request.args else checkout.GLANCE)
    asked = request.args.get("step", 0, type=int)
    step = asked if 1 <= asked <= len(steps.forms) else steps.first_open()
    if "check" in request.args:
        steps.forms[step - 1].validate()
    else:
        for form in steps.forms:
            _forget_errors(form)
    return _page(link, steps, step, token)


def _steps(link: OrderLink, seconds: float | None) -> Steps:
    typed = completion.typed(link)
    return Steps(link.order, typed, checkout.look(link.order, typed, seconds))


def _forget_errors(form: Any) -> None:
    """A page that was just opened complains of nothing."""
    for field in form:
        field.errors = []


@bp.post("/<token>")
@limiter.limit("60/minute")
def save(token: str) -> Any:
    """A step is done: the next one, or the order."""
    link = order_links.by_token(token, lock=True)
    if link is None or order_links.state(link) != "open":
        return _over(link)
    step = min(max(request.form.get("step", 1, type=int), 1), len(completion.STEPS))
    if completion.keep(link, request.form):
        wake.changed()
    db.session.commit()
    back = request.form.get("to", 0, type=int)
    if 1 <= back < step:
        return redirect(url_for("completion.show", token=token, step=back))
    if "look" in request.form:
        return redirect(url_for("completion.show", token=token, step=step, look=1, _anchor="found"))
    steps = _steps(link, checkout.ASKED)
    if not steps.forms[step - 1].validate():
        return _page(link, steps, step, token), 422
    if step < len(steps.forms):
        return redirect(url_for("completion.show", token=token, step=step + 1))
    return _place(token, steps)


def _place(token: str, steps: Steps) -> Any:
    if wrong := steps.refused():
        return redirect(url_for("completion.show", token=token, step=wrong, check=1))
    link = order_links.by_token(token, lock=True)
    if link is None or order_links.state(link) != "open":
        return _over(link)
    price, last = steps.where.price, len(steps.forms)
    if request.form.get("agreed", "") != _agreed(price):
        problem = _("The price of delivery has changed. Look at the total, and place the order if you agree.")
        return _page(link, steps, last, token, problem), 422
    name = " ".join(part for part in (steps.who.first_name.data, steps.who.last_name.data) if part)
    seen = link.order.version
    try:
        order = completion.submit(link, steps.values(), checkout.fields(price), Actor("customer", name))
        checkout.agree(order, price, seen)
    except completion.Closed:
        db.session.rollback()
    except editing.Invalid as invalid:
        db.session.rollback()
        link = order_links.by_token(token) or link
        return _page(link, steps, last, token, _(MESSAGES[next(iter(invalid.errors.values()))])), 422
    else:
        wake.changed()
        db.session.commit()
    return redirect(url_for("completion.show", token=token))


def _agreed(price: checkout.Price | None) -> str:
    """What the page says that the delivery costs, as its last form sends it back."""
    return str(price.cost) if price else ""


@bp.post("/<token>/field")
@limiter.limit("240/minute")
def field(token: str) -> Any:
    """Autosave: what was typed into fields, and a sign of life. 410 when the link has stopped working."""
    link = order_links.by_token(token, lock=True)
    if link is None:
        return "", 404
    try:
        news = completion.keep(link, request.form)
    except completion.Closed:
        db.session.rollback()
        return "", 410
    if news:
        wake.changed()
    db.session.commit()
    return "", 204


@bp.get("/<token>/places")
@limiter.limit("120/minute")
def suggest(token: str) -> Any:
    """Settlements for what is being typed: [{"text", "note"}]."""
    link = order_links.by_token(token)
    if link is None or order_links.state(link) != "open":
        return jsonify([]), 410
    query = request.args.get("q", "").strip()[:80]
    found = checkout.suggest(link.order, query) if len(query) > 1 else []
    return jsonify([{"text": place.name, "note": place.region} for place in found])


@bp.post("/<token>/language")
@limiter.limit("30/minute")
def language(token: str) -> Any:
    """The page in another language; kept in this browser."""
    if request.form.get("lang") in text.LANGUAGES:
        session["language"] = request.form["lang"]
    address = url_for("completion.show", token=token)
    step = request.form.get("step", 0, type=int)
    return redirect(f"{address}?step={step}" if step else address)


def _over(link: OrderLink | None) -> Any:
    """The honest page for a link that opens nothing."""
    state = order_links.state(link) if link else "wrong"
    order = link.order if link else None
    page = render_template("completion/over.html", state=state, order=order, link=link, **_shop(order))
    return make_response(page, CODES[state])


def _page(link: OrderLink, steps: Steps, step: int, token: str, problem: str = "") -> str:
    order = link.order
    offers = [_offer(method, order, steps.found.prices.get(method.id)) for method in steps.methods]
    chosen = next((offer for offer in offers if offer["id"] == steps.where.delivery_method_id.data), None)
    return render_template(
        "completion/page.html",
        order=order,
        token=token,
        steps=steps,
        step=step,
        form=steps.forms[step - 1],
        offers=offers,
        chosen=chosen,
        payment=next((p for p in steps.payments if p.id == steps.pay.payment_method_id.data), None),
        total=chosen["total"] if chosen else text.money(order.total, order.currency),
        agreed=_agreed(steps.where.price),
        problem=problem,
        suggests=bool(steps.found.services),
        points=_points(steps),
        **_shop(order),
    )


def _points(steps: Steps) -> list[Mapping[str, Any]]:
    """The chosen point first, then those that the typed words are about, else all."""
    found, typed = steps.found, steps.typed["pickup_address"]
    words = [] if found.point and typed == found.point["address"] else typed.casefold().split()
    there = [point for point in found.points or () if point is not found.point]
    like = [point for point in there if all(word in point["address"].casefold() for word in words)]
    return [*([found.point] if found.point else []), *(like or there)]


def _offer(method: DeliveryMethod, order: Order, price: checkout.Price | None) -> dict[str, Any]:
    """A delivery method as the customer chooses it, with the order's total where its price is known."""
    well = price if price and not price.offer["why_not"] else None
    cost = well.cost if well else None
    total = order.goods_total - order.discount + (cost if cost is not None else order.delivery_cost or Decimal(0))
    return {
        "id": method.id,
        "name": method.name,
        "kind": method.kind,
        "cash_only": not method.card_on_delivery or (well is not None and not well.offer["takes_card"]),
        "postal": method.postal_code_required or (well is not None and bool(well.offer["needs_postal_code"])),
        "cost": "" if cost is None else text.money(cost, order.currency) if cost else _("free"),
        "term": _("%(days)s days", days=well.offer["days"]) if well and well.offer["days"] else "",
        "why_not": price.offer["why_not"] if price else "",
        "total": text.money(total, order.currency),
    }


def _shop(order: Order | None) -> dict[str, str]:
    """Whose page it is, in which colour."""
    shop = order.shop if order else None
    return {"shop": text.translated(shop.name) if shop else "", "accent": shop.accent if shop else "blue"}
