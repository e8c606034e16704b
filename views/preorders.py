"""Pre-orders as staff see them: the dialog that makes one, and the link that the customer gets."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

import segno
from flask import Blueprint, abort, current_app, flash, make_response, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_login import current_user
from htmx_flask import request
from markupsafe import Markup

from catalogue import products
from integrations.text import N_
from jobs import mail, wake
from models import Order, OrderLink, Product, Shop, db, utcnow
from orders import creation, editing, order_links, preorders, reading, totals
from orders.preorders import Wanted

from . import answers, text
from .card_page import actor
from .order_form import MESSAGES

bp = Blueprint("preorders", __name__, url_prefix="/preorders")
MOST_LINES = 100
MOST_OF_ONE = Decimal(10**6)
FOUND = 8
REFUSALS = {
    "no_lines": N_("Add a product first."),
    "mixed_currencies": N_("These products are priced in different currencies. Make an order for each."),
}
EMAIL = re.compile(r"[^@\s<>\"',;]{1,64}@[^@\s<>\"',;]+\.[^@\s<>\"',;]+")


@bp.get("/new")
def new() -> Any:
    if not current_user.can_edit:
        abort(403)
    return _dialog([])


@bp.post("/new")
def create() -> Any:
    """One address for the dialog's buttons: a product is added or removed, or the pre-order made. Enter in the search
    field adds what is found first; in the empty field it makes the pre-order."""
    wanted = _wanted()
    query = request.form.get("q", "").strip()[:200]
    if "remove" in request.form:
        return _dialog([one for one in wanted if str(one.product.id) != request.form["remove"]])
    if "add" in request.form:
        return _add(wanted, _product(request.form["add"]), "")
    if query and request.form.get("do") != "create":
        return _add(wanted, next(iter(products.find(query, 1)), None), query)
    return _make(wanted)


def _add(wanted: list[Wanted], product: Product | None, query: str) -> Any:
    if product is None:
        return _dialog(wanted, query=query, problem=_("Nothing found. Check the name or the SKU."))
    known = [one for one in wanted if one.product.id == product.id]
    if known:
        more = Wanted(product, min(known[0].quantity + 1, MOST_OF_ONE))
        return _dialog([more if one.product.id == product.id else one for one in wanted])
    if wanted and product.currency != wanted[0].product.currency:
        return _dialog(wanted, query=query, problem=text.translated(REFUSALS["mixed_currencies"]))
    return _dialog([*wanted, Wanted(product, Decimal(1))][:MOST_LINES])


def _make(wanted: list[Wanted]) -> Any:
    shop = db.session.get(Shop, request.form.get("shop_id", 0, type=int))
    try:
        link = preorders.create(wanted, shop, creation.default_number(utcnow(), text.ZONE), actor())
    except editing.Invalid as invalid:
        keys = list(invalid.errors.values())
        return _dialog(wanted, problem=text.translated((REFUSALS | MESSAGES)[keys[0]]), status=422)
    wake.changed()
    db.session.commit()
    if not request.htmx:
        return redirect(url_for("preorders.show", order_id=link.order_id))
    answer = make_response(render_template("preorders/made.html", **_values(link.order, link)))
    return answers.trigger(answer, **{answers.CHANGED: True})


@bp.get("/products")
def search() -> str:
    """What the search field finds, as buttons that add it."""
    query = request.args.get("q", "").strip()[:200]
    return render_template("preorders/_found.html", found=products.find(query, FOUND) if query else [], query=query)


@bp.post("/total")
def total() -> str:
    wanted = _wanted()
    return text.money(_sum(wanted), preorders.currency_of(wanted, None))


@bp.get("/<int:order_id>")
def show(order_id: int) -> Any:
    """The link of a pre-order: what the dialog ends with."""
    order = _order(order_id)
    return _drawer("preorders/made.html", **_values(order, order_links.current(order.id)))


@bp.get("/<int:order_id>/link")
def link(order_id: int) -> Any:
    """The same as a part of the card; it asks for itself while the card is open."""
    order = _order(order_id)
    return render_template("preorders/_link.html", **_values(order, order_links.current(order.id)))


@bp.post("/<int:order_id>/renew")
def renew(order_id: int) -> Any:
    order = _order(order_id)
    if not preorders.is_preorder(order):
        return _answer(order, _("This is no pre-order any more."), "warning")
    order_links.issue(order.id, actor())
    return _answer(order, _("A new link. Earlier ones don't work any more."))


@bp.post("/<int:order_id>/revoke")
def revoke(order_id: int) -> Any:
    order = _order(order_id)
    found = order_links.current(order.id)
    done = found is not None and order_links.revoke(found, actor())
    return _answer(order, _("The link is revoked.") if done else _("The link does not work any more."))


@bp.post("/<int:order_id>/mail")
def send(order_id: int) -> Any:
    order = _order(order_id)
    found = order_links.current(order.id)
    address = request.form.get("email", "").strip()[:254]
    if found is None or order_links.state(found) != "open":
        return _answer(order, _("The link does not work any more. Make a new one first."), "warning")
    if not EMAIL.fullmatch(address):
        return _answer(order, _("Write the address like name@example.com."), "warning")
    if not mail.is_configured():
        return _answer(order, _("No mail server is set up."), "warning")
    language = request.form.get("language", "")
    mail.ask(found, address, language if language in text.LANGUAGES else text.locale(), actor())
    return _answer(order, _("The letter to %(address)s is on its way.", address=address))


def _answer(order: Order, said: str, kind: str = "success") -> Any:
    order_id = order.id
    wake.changed()
    db.session.commit()
    if not request.htmx:
        flash(said, kind)
        return redirect(url_for("preorders.show", order_id=order_id))
    order = _order(order_id)
    body = render_template("preorders/_link.html", **_values(order, order_links.current(order_id)))
    toast = answers.toast(said, "ok" if kind == "success" else "warn")
    return answers.trigger(body, **toast, **{answers.CHANGED: True})


def address_of(link: OrderLink) -> str:
    """The address that the customer gets."""
    return f"{current_app.config['HUB'].public_url}/c/{link.secret['token']}"


def qr(address: str, scale: int = 4) -> Markup:
    """The address as a picture for a phone's camera, as inline SVG."""
    out = io.BytesIO()
    code = segno.make(address, error="m")
    code.save(out, kind="svg", xmldecl=False, scale=scale, border=2, light="white")
    return Markup(out.getvalue().decode())  # noqa: S704 - segno draws it; the address is not in it as text


def _values(order: Order, link: OrderLink | None) -> dict[str, Any]:
    state = order_links.state(link) if link else ""
    # a viewer may look, and whoever holds the link may place the order
    address = address_of(link) if link and state == "open" and current_user.can_edit else ""
    return {
        "order": order,
        "link": link,
        "state": state,
        "address": address,
        "picture": qr(address) if address else "",
        "here": link is not None and order_links.is_here(link),
        "filled": sum(1 for value in link.draft.values() if value) if link else 0,
        "mails": mail.of_link(link.id) if link else [],
        "can_mail": mail.is_configured(),
        "is_preorder": preorders.is_preorder(order),
    }


def _order(order_id: int) -> Order:
    return reading.by_id(order_id) or abort(404)


def _dialog(wanted: Sequence[Wanted], query: str = "", problem: str = "", status: int = 200) -> Any:
    shops = db.session.scalars(db.select(Shop).where(Shop.active).order_by(Shop.position, Shop.id)).all()
    chosen = request.values.get("shop_id", 0, type=int)
    values = {
        "wanted": wanted,
        "query": query,
        "problem": problem,
        "shops": shops,
        "shop_id": chosen or (shops[0].id if shops else 0),
        "total": _sum(wanted),
        "currency": preorders.currency_of(wanted, shops[0] if shops else None),
        "found": products.find(query, FOUND) if query else [],
        "many": MOST_LINES,
    }
    return _drawer("preorders/new.html", **values), status


def _drawer(template: str, **values: Any) -> Any:
    """The fragment for the drawer; without htmx a page that includes it."""
    if request.htmx:
        return render_template(template, **values)
    return render_template("orders/drawer_page.html", fragment=template, **values)


def _sum(wanted: Sequence[Wanted]) -> Decimal:
    return totals.goods_total([{"price": one.product.price, "quantity": one.quantity} for one in wanted])


def _wanted() -> list[Wanted]:
    """The lines of the dialog: products that are still there, at the catalogue's price."""
    pairs = list(zip(request.form.getlist("product"), request.form.getlist("quantity"), strict=False))[:MOST_LINES]
    found = [(_product(product), _quantity(quantity)) for product, quantity in pairs]
    return [Wanted(product, quantity) for product, quantity in found if product is not None]


def _product(written: str) -> Product | None:
    if not re.fullmatch(r"\d{1,15}", written, re.ASCII):
        return None
    product = db.session.get(Product, int(written))
    return product if product and product.active else None


def _quantity(written: str) -> Decimal:
    """As typed, to a thousandth; what can't be read is one."""
    if not re.fullmatch(r"\d{1,7}([.,]\d{0,3})?", written.strip(), re.ASCII):
        return Decimal(1)
    try:
        found = Decimal(written.strip().replace(",", ".")).quantize(Decimal("0.001"), ROUND_HALF_UP)
    except InvalidOperation:
        return Decimal(1)
    return min(found, MOST_OF_ONE) or Decimal(1)
