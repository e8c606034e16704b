"""What a "Buy" link opens: a pre-order with one product, and the customer's page to complete it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _

from jobs import wake
from models import OrderLink, Product, Shop, db, utcnow
from orders import buying, creation, editing

from . import answers, text
from .order_form import MESSAGES
from .security import limiter

bp = Blueprint("buy", __name__, url_prefix="/buy")
bp.after_request(answers.private)
#: so many of a visitor's links are remembered, in their own cookie
REMEMBERED = 5


@bp.get("/<key>/<path:sku>")
@limiter.limit("60/minute")
def show(key: str, sku: str) -> Any:
    """A person who followed the link is led on at once. Programs that fetch it to show a preview, and browsers that
    don't tell, get a page with a button: they make no orders."""
    found = buying.find(key, sku)
    if found is None:
        return _gone()
    if link := _known(key, sku):
        return _on(link)
    if request.headers.get("Sec-Fetch-User") == "?1" and "prefetch" not in request.headers.get("Sec-Purpose", ""):
        return begin(key, sku)
    return _page(*found)


@bp.post("/<key>/<path:sku>")
@limiter.limit("20/minute")
def begin(key: str, sku: str) -> Any:
    found = buying.find(key, sku)
    if found is None:
        return _gone()
    if link := _known(key, sku):
        return _on(link)
    try:
        link = buying.begin(*found, creation.default_number(utcnow(), text.ZONE))
    except editing.Invalid as invalid:
        db.session.rollback()
        return _page(*found, problem=_(MESSAGES[next(iter(invalid.errors.values()))])), 422
    wake.changed()
    db.session.commit()
    session["bought"] = {**dict(list(session.get("bought", {}).items())[1 - REMEMBERED :]), f"{key}/{sku}": link.id}
    return _on(link)


def _known(key: str, sku: str) -> OrderLink | None:
    """The link that this visitor was given for the product before: coming back is no second order."""
    return buying.open_link(session.get("bought", {}).get(f"{key}/{sku}"))


def _on(link: OrderLink) -> Any:
    return redirect(url_for("completion.show", token=link.secret["token"]), 303)


def _page(shop: Shop, product: Product, problem: str = "") -> str:
    price = text.money(product.price, product.currency)
    return render_template("completion/buy.html", product=product, price=price, problem=problem,
                           shop=text.translated(shop.name), accent=shop.accent)  # fmt: skip


def _gone() -> Any:
    return make_response(render_template("completion/sold_out.html", shop="", accent="blue"), 404)


def address(shop: Shop, sku: str) -> str:
    """The link to give out, for one of the shop's products."""
    return f"{current_app.config['HUB'].public_url}{url_for('buy.show', key=shop.buy_key, sku=sku)}"
