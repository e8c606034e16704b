"""The order card: one order's page, the form that changes it, and the form that makes a new one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, abort, flash, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from catalogue import products
from jobs import wake
from models import Connection, Order, Shop, Source, db, utcnow
from orders import copies, creation, editing, reading

from . import card_lines, card_merge, card_page, card_values, delivery_panel, text
from .order_form import OrderForm

bp = Blueprint("card", __name__, url_prefix="/orders")


@bp.get("/<path:number>")
def show(number: str) -> Any:
    return card_page.saved_page(_order(number))


@bp.post("/<path:number>")
def save(number: str) -> Any:
    order = _order(number)
    given = card_merge.combined(request.form) if "merge" in request.form else request.form
    base, version = card_values.read(given.get("base", "")), _version(given.get("version", ""))
    if card_lines.asked(given):
        return card_page.form_page(OrderForm(card_lines.edited(given), order), order, version, base)
    form = OrderForm(given, order)
    if not _fit(form, given):
        return card_page.form_page(form, order, version, base, 422)
    before = card_values.amounts(given, order)
    try:
        values = card_values.edited(form.values(), base)
        order = editing.update(order.id, version, values, form.line_values(), card_page.actor(), before)
    except editing.Stale as stale:
        return card_merge.page(form, stale.order, base, given.get("send_to", ""))
    except editing.Invalid as invalid:
        form.refuse(invalid.errors)
        return card_page.form_page(form, order, version, base, 422)
    delivery_panel.keep(order, given, version)
    return _saved(order, given.get("send_to", ""), _("Order %(number)s is saved.", number=order.number))


@bp.get("/new")
def new() -> Any:
    if not current_user.can_edit:
        abort(403)
    source = request.args.get("from", "")
    form = card_page.blank_form(_order(source) if source else None, _defaults())
    return card_page.form_page(form, None, 0, {})


@bp.post("/new")
def create() -> Any:
    if card_lines.asked(request.form):
        return card_page.form_page(OrderForm(card_lines.edited(request.form), None), None, 0, {})
    form = OrderForm(request.form, None)
    if not _fit(form, request.form):
        return card_page.form_page(form, None, 0, {}, 422)
    try:
        order_id = editing.create(_new_values(form), form.line_values(), card_page.actor())
    except editing.Invalid as invalid:
        form.refuse(invalid.errors)
        return card_page.form_page(form, None, 0, {}, 422)
    order = db.get_or_404(Order, order_id)
    delivery_panel.keep(order, request.form, seen=0)
    return _saved(order, request.form.get("send_to", ""), _("Order %(number)s is created.", number=order.number))


@bp.post("/lines")
def lines() -> Any:
    """The table of products after a line was added or removed, and the sums that follow."""
    form = OrderForm(card_lines.edited(request.form), _edited_order())
    return render_template("card/_lines_answer.html", **_live(form))


@bp.post("/totals")
def totals() -> Any:
    """The sums, the weight and the warnings for what the form holds now: pieces that are swapped in by their ids."""
    if request.form.get("add"):  # a line is on its way; its own answer brings the sums
        return "", 204
    form = OrderForm(request.form, _edited_order())
    return render_template("card/_totals_answer.html", **_live(form))


@bp.get("/products")
def search() -> Any:
    """Products for the search field: [{"value", "text", "note"}]."""
    found = products.find(request.args.get("q", "")[:200])
    return jsonify(
        [
            {"value": f"product-{p.id}", "text": p.name, "note": f"{p.sku} · {text.money(p.price, p.currency)}"}
            for p in found
        ]
    )


def _order(number: str) -> Order:
    return reading.by_number(number) or abort(404)


def _fit(form: OrderForm, given: Mapping[str, str]) -> bool:
    """Whether the form can be saved, with the delivery that was agreed to in it; if not, it says why."""
    if not form.validate():
        return False
    errors = delivery_panel.refused(form, given)
    form.refuse(errors)
    return not errors


def _version(written: str) -> int:
    return int(written) if re.fullmatch(r"\d{1,9}", written, re.ASCII) else 0


def _edited_order() -> Order | None:
    return db.session.get(Order, _version(request.form.get("order_id", "")))


def _live(form: OrderForm) -> dict[str, Any]:
    order = form.order
    before = card_values.amounts(request.form, order)
    settled, problems = card_page.settle(form, before)
    followed = _follow(form, settled)
    more = {"order": order, "followed": followed, "was_counted": "sizes_counted" in request.form}
    return card_page.live_parts(form, settled, problems) | more


def _follow(form: OrderForm, settled: dict[str, Any]) -> list[str]:
    """Put what the rules make of a typed amount into its field; the names of the fields that changed by that."""
    names = ["declared_value", *(["cod_amount"] if settled.get("cod") else [])]
    changed = [name for name in names if form[name].data is not None and form[name].data != settled[name]]
    for name in changed:
        form[name].data, form[name].raw_data = settled[name], None
    return changed


def _new_values(form: OrderForm) -> dict[str, Any]:
    return {name: value for name, value in form.values().items() if value is not None or name.endswith("_id")}


def _defaults() -> dict[str, Any]:
    """What a new order starts with: the first shop and its currency, made by hand, numbered by the clock."""
    shop = db.session.scalar(db.select(Shop).where(Shop.active).order_by(Shop.position, Shop.id).limit(1))
    currency = shop.currency if shop else "UAH"
    return {
        "number": creation.default_number(utcnow(), text.ZONE),
        "shop_id": shop.id if shop else None,
        "source_id": db.session.scalar(db.select(Source.id).where(Source.key == "manual")),
        "type_id": creation.default_type_id(),
        "currency": currency,
        "country": creation.HOME.get(currency, "UA"),
        "auto_weight": True,
        "same_person": True,
    }


def _saved(order: Order, send_to: str, message: str) -> Any:
    """Sent where it was asked for, committed, and the card again."""
    connection = db.session.get(Connection, _version(send_to)) if send_to else None
    reason = copies.request(order, connection, card_page.actor()) if connection else ""
    wake.changed()
    number = order.number
    db.session.commit()
    flash(message, "success")
    if connection:
        sent = _("Being sent to %(system)s.", system=connection.name)
        flash(card_page.BLOCKS[reason]() if reason else sent, "warning" if reason else "success")
    return redirect(url_for("card.show", number=number))
