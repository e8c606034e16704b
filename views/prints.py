"""Printing orders: packing slips and address labels as PDF, for one order or for those chosen in the list."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, current_app
from flask_babel import gettext as _

from orders import papers

from . import addresses, answers, sheets
from .orders_bulk import choice

bp = Blueprint("prints", __name__, url_prefix="/orders/print")


@bp.route("/<kind>/<size>", methods=["GET", "POST"])
def sheet(kind: str, size: str) -> Any:
    """The chosen orders (as the bulk bar's form has them; or ?ids=1,2), a page each, shown by the browser."""
    if kind not in sheets.KINDS or size not in sheets.SIZES:
        abort(404)
    chosen = choice().ids
    if len(chosen) > papers.MOST:
        most = _("At most %(num)s orders are printed at once. Choose fewer.", num=papers.MOST)
        return answers.refuse(most, addresses.orders())
    found = papers.of(chosen)
    if not found:
        return answers.refuse(_("Choose orders first."), addresses.orders())
    base = current_app.config["HUB"].public_url
    made = sheets.draw(kind, size, found, {order.id: f"{base}{addresses.order(order.number)}" for order in found})
    answer = Response(made, mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="{kind}-{size}-{len(found)}.pdf"'
    answer.headers["Cache-Control"] = "no-store"
    return answer
