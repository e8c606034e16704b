"""A delivery service's offers on the card, settlements as they are typed, a parcel's history."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, flash, jsonify, make_response, redirect, render_template, url_for
from flask_babel import gettext as _
from htmx_flask import request

from jobs import connections, delivery, parcels
from models import Connection, Link, Order, db
from orders import choices, reading

from . import card_page, card_values, delivery_panel
from .card_shared import shared
from .order_form import OrderForm

bp = Blueprint("delivery", __name__)
bp.add_app_template_filter(choices.amount, "decimal")


@bp.post("/delivery/quote")
def quote() -> Any:
    """The box for the form as it stands; 204 when there is nothing new in it."""
    order = db.session.get(Order, request.form.get("order_id", 0, type=int))
    known = shared()
    services = delivery.services(known.connections, request.form.get("currency", ""))
    held = choices.read(request.form.get("choice", ""))
    row = _service(services, request.form.get("service", 0, type=int) or (held.connection_id if held else 0))
    form = OrderForm(request.form, order, known=known.choices_of(order) if order else known.choices)
    values, _problems = card_page.settle(form, card_values.amounts(request.form, order))
    asked = delivery_panel.Asked(request.form, form, values, row)
    panel = delivery_panel.show(asked, services)
    pressed = request.form.get("quote-do") or asked.fields
    if panel.state == "ready" and panel.key == request.form.get("quote-key") and not pressed:
        return "", 204
    response = make_response(render_template("delivery/panel.html", panel=panel, written=delivery_panel.written))
    if asked.fields:
        response.headers["HX-Trigger-After-Settle"] = json.dumps({"set-fields": asked.fields})
    return response


@bp.get("/delivery/places")
def places() -> Any:
    """Settlements for the search field: [{"value", "text", "note"}]."""
    row = _service(delivery.services(shared().connections), request.args.get("service", 0, type=int))
    query, country = request.args.get("q", ""), request.args.get("country", "")[:2]
    found = delivery.settlements(row, request.args.get("shop", type=int), query, country, delivery.Patience())
    return jsonify(
        [
            {"value": delivery_panel.written(p), "text": f"{p['kind']} {p['name']}".strip(), "note": p["region"]}
            for p in found.value
        ]
    )


@bp.get("/order/<int:order_id>/tracking")
def tracking(order_id: int) -> Any:
    """What happened to the order's parcels, as their services tell it."""
    order = reading.by_id(order_id) or abort(404)
    query = db.select(Link).where(Link.order_id == order_id, Link.role == "destination").order_by(Link.id)
    patience = delivery.Patience()
    links = [*db.session.scalars(query), *parcels.of_order(order_id)]
    told = [(link, delivery.history(link, patience)) for link in delivery.tellers(links)]
    states = {link.connection_id for link, _answer in told}
    values = {"order": order, "told": told, "waiting": any(a.state == "waiting" for _link, a in told)}
    values |= {"readers": states & shared().readers, "moment": datetime.fromisoformat}
    if request.htmx and not request.htmx.boosted:
        return render_template("delivery/history.html", **values)
    return render_template("orders/drawer_page.html", fragment="delivery/history.html", **values)


@bp.get("/order/<int:order_id>/paper/<int:connection_id>/<kind>")
def paper(order_id: int, connection_id: int, kind: str) -> Any:
    """A label or waybill to be printed; back to the card with the reason where the service has none."""
    query = db.select(Link).where(Link.order_id == order_id, Link.connection_id == connection_id)
    link = db.session.scalar(query.where(Link.external_id.is_not(None))) or abort(404)
    name, number, order = link.connection.name, link.external_number, link.order.number
    answer = delivery.paper(link, kind)
    if answer.state == "failed":
        flash(_("%(service)s printed nothing. %(reason)s", service=name, reason=answer.detail), "warning")
        return redirect(url_for("card.show", number=order))
    response = make_response(answer.value.body)
    response.headers["Content-Type"] = answer.value.media
    response.headers["Content-Disposition"] = f'inline; filename="{number or order_id}.pdf"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _service(services: Any, connection_id: int) -> Connection:
    """The service asked for, else the first."""
    chosen = next((c for c in services if c.id == connection_id), services[0] if services else None) or abort(404)
    row = db.session.get(Connection, chosen.id)
    return row if row is not None and connections.usable(row) else abort(404)
