"""Settings of a shop's delivery: which methods of the services it uses, and the answers kept for it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from integrations.text import N_
from jobs import delivery, methods
from models import Connection, Shop, db
from orders import quotes

from .card_shared import shared

bp = Blueprint("delivery_methods", __name__, url_prefix="/settings/delivery")
PRESETS = {
    "all": N_("All methods"),
    "none": N_("None"),
    "standard": N_("Standard only"),
    "end-to-end": N_("End-to-end only"),
    "without-end-to-end": N_("Without end-to-end"),
    "export": N_("Export only"),
    "courier": N_("Couriers only"),
    "pickup": N_("Pickup points only"),
    "post": N_("Post only"),
}
KIND_NAMES = {"standard": N_("Standard"), "end-to-end": N_("End-to-end"), "export": N_("Export")}


@bp.get("")
def index() -> Any:
    shop = db.session.scalar(db.select(Shop).order_by(Shop.position, Shop.id).limit(1)) or abort(404)
    return redirect(url_for("delivery_methods.shop", shop_id=shop.id))


@bp.get("/<int:shop_id>")
def shop(shop_id: int) -> Any:
    """The table, with a quick choice already ticked where one is asked for; nothing is saved by that."""
    chosen = _shop(shop_id)
    tables = [(row, methods.of(shop_id, row)) for row in _services()]
    preset = request.args.get("show", "")
    ticked = {(row.id, m.code) for row, found in tables for m in found if _ticked(preset, m, found)}
    values = {"shop": chosen, "shops": db.session.scalars(db.select(Shop).order_by(Shop.position, Shop.id)).all()}
    return render_template("delivery/methods.html", tables=tables, ticked=ticked, preset=preset, presets=PRESETS,
                           kinds=KIND_NAMES, count=quotes.count(shop_id), **values)  # fmt: skip


@bp.post("/<int:shop_id>")
def save(shop_id: int) -> Any:
    _shop(shop_id)
    for row in _services():
        methods.save(shop_id, row, set(request.form.getlist(f"on-{row.id}")))
    db.session.commit()
    flash(_("Delivery methods are saved."), "success")
    return redirect(url_for("delivery_methods.shop", shop_id=shop_id), 303)


@bp.post("/<int:shop_id>/clear")
def clear(shop_id: int) -> Any:
    _shop(shop_id)
    gone = quotes.clear(shop_id)
    db.session.commit()
    said = ngettext("%(num)s kept answer is forgotten.", "%(num)s kept answers are forgotten.", gone)
    flash(said if gone else _("Nothing was kept."), "success" if gone else "info")
    return redirect(url_for("delivery_methods.shop", shop_id=shop_id), 303)


def _ticked(preset: str, method: methods.Method, found: list[methods.Method]) -> bool:
    return method.code in methods.chosen_by(preset, found) if preset in PRESETS else method.on


def _shop(shop_id: int) -> Shop:
    return db.session.get(Shop, shop_id) or abort(404)


def _services() -> list[Connection]:
    ids = [c.id for c in delivery.services(shared().connections)]
    return list(db.session.scalars(db.select(Connection).where(Connection.id.in_(ids)).order_by(Connection.name)))
