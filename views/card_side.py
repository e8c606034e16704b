"""What happens on the card besides its form: status, sending, links, attempts; and the column that renews itself."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, abort, flash, make_response, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from htmx_flask import request

from jobs import connections, mapping, runs, wake
from models import Connection, Order, Transfer, db
from orders import copies, deletion, editing, reading, routes, statuses, work

from . import card_page, card_timeline, deletion_words

bp = Blueprint("card_side", __name__, url_prefix="/order/<int:order_id>")


@bp.get("/side")
def side(order_id: int) -> Any:
    """The column and the head when they have changed since `mark`; 204 when not."""
    order = _order(order_id)
    news = request.args.get("version", "") not in ("", str(order.version))
    if request.args.get("mark") == copies.mark(order, copies.standing(order_id)):
        return "", 204
    return render_template("card/_side_answer.html", news=news, **card_page.side_parts(order, oob=True))


@bp.post("/status")
def status(order_id: int) -> Any:
    chosen = statuses.find(request.form.get("status", 0, type=int)) or abort(400)
    return _change(_order(order_id), chosen)


@bp.post("/restore")
def restore(order_id: int) -> Any:
    """The status that the order had before it was deleted, or the first one."""
    order = _order(order_id)
    name = reading.status_before(order_id)
    usable = [s for s in reading.statuses() if statuses.may_set_by_hand(s) and s.group != "deleted"]
    chosen = next((s for s in usable if s.name == name), usable[0] if usable else None) or abort(400)
    return _change(order, chosen)


def _change(order: Order, chosen: statuses.StatusLike) -> Any:
    was_locked = editing.is_locked(order)
    fates = deletion.fates([order.id]) if chosen.group == "deleted" else []
    result = statuses.change([order.id], chosen, card_page.actor())
    if result.changed:
        editing.answer_status(order)
    if any(reason == "by_hand" for _id, reason in result.skipped):
        return _answer(order, _("Only a transfer can give this status."), "warn")
    if said := deletion_words.brief(fates):
        flash(said, "info")
    elif was_locked and (lost := deletion_words.after_restoring([order.id])):
        flash(lost, "warning")
    return _answer(order, was_locked=was_locked)


@bp.post("/send")
def send(order_id: int) -> Any:
    order, connection = _order(order_id), _destination(request.form.get("to", 0, type=int))
    if "route_reason" in request.form:
        try:
            routes.allow([order_id], connection.id, request.form["route_reason"], card_page.actor())
        except routes.NoReason:
            return _answer(order, _("Write why the order goes there by a second route."), "warn")
    reason = copies.request(order, connection, card_page.actor())
    return _answer(order, card_page.BLOCKS[reason](), "warn") if reason else _answer(order)


@bp.post("/refresh/<int:connection_id>")
def refresh(order_id: int, connection_id: int) -> Any:
    """Have the statuses of that system read now."""
    order = _order(order_id)
    connection = db.session.get(Connection, connection_id) or abort(404)
    if not connections.has_task(connection, "statuses"):
        abort(404)
    asked = runs.request_anew(connection_id, "statuses", card_page.actor().name[:120])
    text = _("Statuses of %(system)s are being read.", system=connection.name)
    return _answer(order, text if asked else _("They are being read already."), "info")


@bp.post("/links/<int:link_id>/delete")
def unlink(order_id: int, link_id: int) -> Any:
    order = _order(order_id)
    was_locked = editing.is_locked(order)
    reasons = {
        "gone": _("This link is deleted already."),
        "source": _("The order came from there: without this link it would come again."),
        "busy": _("A transfer is under way. Wait until it has ended, then delete the link."),
    }
    reason = copies.unlink(order, link_id, card_page.actor())
    if reason:
        return _answer(order, reasons[reason], "warn")
    return _answer(order, _("Link deleted."), was_locked=was_locked)


@bp.post("/transfers/<int:transfer_id>/retry")
def retry(order_id: int, transfer_id: int) -> Any:
    order = _order(order_id)
    transfer = db.session.get(Transfer, transfer_id)
    if transfer is None or transfer.order_id != order_id:
        abort(404)
    done = work.retry([transfer_id], card_page.actor().name[:120])
    return _answer(order, "" if done else _("It waits or runs already."), "info")


@bp.post("/unmapped")
def accept(order_id: int) -> Any:
    """Leave the order as it is, whatever an unknown code meant."""
    order = _order(order_id)
    editing.accept_unmapped(order, request.form.get("table", ""), request.form.get("code", ""), card_page.actor())
    return _answer(order)


@bp.post("/remember")
def remember(order_id: int) -> Any:
    """Match an unknown code with an entry of ours, for this order and all others that wait for it."""
    order, chosen = _order(order_id), request.form.get("ours", 0, type=int)
    connection_id, table = request.form.get("connection_id", 0, type=int), request.form.get("table", "")
    if not chosen:
        return _answer(order, _("Choose what it is first."), "warn")
    try:
        done = mapping.remember(connection_id, table, request.form.get("code", ""), chosen, card_page.actor())
    except LookupError:  # KeyError too: a table or an entry that is gone
        abort(400)
    return _answer(order, ngettext("%(num)s order is matched.", "%(num)s orders are matched.", done))


@bp.get("/attempts/<int:attempt_id>")
def attempt(order_id: int, attempt_id: int) -> Any:
    found = copies.attempt(order_id, attempt_id) or abort(404)
    return render_template("card/_attempt.html", attempt=found, pretty=pretty)


@bp.get("/originals/<int:incoming_id>")
def original(order_id: int, incoming_id: int) -> Any:
    found = copies.original(order_id, incoming_id) or abort(404)
    return render_template("card/_original.html", body=pretty(found.body) if found.body else "")


@bp.get("/timeline")
def timeline(order_id: int) -> Any:
    days, _more = card_timeline.of_order(_order(order_id), limit=1000)
    return render_template("card/_timeline.html", days=days, more=False)


def pretty(value: Any) -> str:
    """JSON set out in lines; other texts as they are."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return str(value)
    return json.dumps(value, ensure_ascii=False, indent=2)


def _order(order_id: int) -> Order:
    return reading.by_id(order_id) or abort(404)


def _destination(connection_id: int) -> Connection:
    return next((c for c in connections.destinations() if c.id == connection_id), None) or abort(404)


def _answer(order: Order, text: str = "", kind: str = "ok", was_locked: bool | None = None) -> Any:
    """Commit; then the renewed column for htmx (the whole page when the form opens or locks), the card for others."""
    wake.changed()
    db.session.commit()
    db.session.refresh(order)
    if not request.htmx:
        if text:
            flash(text, {"ok": "success", "warn": "warning"}.get(kind, kind))
        return redirect(url_for("card.show", number=order.number))
    response = make_response(
        render_template("card/_side_answer.html", news=False, **card_page.side_parts(order, oob=True))
    )
    if was_locked is not None and was_locked != editing.is_locked(order):
        response.headers["HX-Refresh"] = "true"
    elif text:
        response.headers["HX-Trigger"] = json.dumps({"toast": {"text": text, "kind": kind}})
    return response
