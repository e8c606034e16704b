"""What is done to one row of the list: its menus, its status, sending, removal."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, render_template
from flask_babel import gettext as _
from flask_login import current_user
from htmx_flask import request

from jobs import connections, wake
from models import Order, db
from orders import deletion, listing, payments, removal, statuses, work

from . import addresses, answers, deletion_words, text
from . import order_words as words
from .order_list import ListPage, filter_of
from .orders import actor

bp = Blueprint("orders_row", __name__, url_prefix="/orders/row")


def _order(order_id: int) -> Order:
    order = db.session.get(Order, order_id)
    if order is None:
        abort(404)
    return order


def row(order_id: int, fresh: bool = False) -> str:
    """The row as it stands now; greyed when the list that asked no longer shows it."""
    page = ListPage(filter_of(request.values.get("view", "")))
    found = listing.by_ids([order_id])
    fits = listing.fitting(page.f, page.statuses, text.ZONE, [order_id])
    return render_template("orders/row.html", page=page, rows=page.context.rows(found, fits, fresh))


@bp.get("/<int:order_id>/statuses")
def status_choices(order_id: int) -> str:
    """The menu of statuses."""
    order, page = _order(order_id), ListPage(filter_of(""))
    choices = [s for s in page.statuses if statuses.may_set_by_hand(s) and s.group != "deleted"]
    return render_template("orders/status_choices.html", order=order, choices=choices, page=page)


@bp.get("/<int:order_id>/menu")
def menu(order_id: int) -> str:
    """The ⋯ menu."""
    order, page = _order(order_id), ListPage(filter_of(""))
    group = next(s.group for s in page.statuses if s.id == order.status_id)
    payable = current_user.can_edit and not payments.why_not(order, group) and bool(connections.payers(order.currency))
    url = addresses.order(order.number)
    return render_template("orders/row_menu.html", order=order, page=page, text=text, url=url, payable=payable)


@bp.post("/<int:order_id>/status")
def change_status(order_id: int) -> Any:
    """Give the order a status (deleting and restoring are that, too); answers with its row."""
    number = _order(order_id).number
    status = statuses.find(request.form.get("status", 0, int))
    if status is None:
        abort(400)
    fates = deletion.fates([order_id]) if status.group == "deleted" else []
    result = statuses.change([order_id], status, actor())
    if not result.changed:
        reason = result.skipped[0][1] if result.skipped else "gone"
        return answers.refuse(str(words.REASONS[reason]), addresses.orders())
    undo_id = statuses.remember(result, status, current_user.id)
    wake.changed()
    db.session.commit()
    said = _("%(number)s: %(status)s", number=number, status=_(status.name))
    copies = deletion_words.brief(fates) if fates else deletion_words.after_restoring([order_id])
    said = f"{said}. {copies}" if copies else said
    return answers.done(said, addresses.orders(), undo=f"/orders/undo/{undo_id}", body=_body(order_id))


@bp.post("/<int:order_id>/send")
def send(order_id: int) -> Any:
    """Send the order to a system, unless something stands in the way."""
    number = _order(order_id).number
    page = ListPage(filter_of(""))
    to = next((c for c in page.context.destinations if str(c.id) == request.form.get("to")), None)
    if to is None:
        return answers.refuse(_("This connection is switched off or removed."), addresses.orders())
    preview = work.preview([order_id], to.id)
    if preview.blocked:
        said = _("%(number)s is not sent. %(why)s", number=number, why=words.BLOCKS[next(iter(preview.blocked))])
        return answers.refuse(said, addresses.orders())
    if preview.sendable:
        work.request_send([order_id], to.id, actor().name, alone=True)
        wake.changed()
        db.session.commit()
    said = _("%(number)s is on its way to %(name)s", number=number, name=to.name)
    if connections.delivers(to.kind) and work.unpaid_online([order_id]):
        warning = _("It waits for an online payment: the parcel goes without cash on delivery.")
        said = f"{said}. {warning}"
    return answers.done(said, addresses.orders(), "info", body=_body(order_id))


@bp.post("/<int:order_id>/remove")
def remove(order_id: int) -> Any:
    """Remove a Deleted order for good."""
    number = _order(order_id).number
    if removal.busy([order_id]):
        said = _(
            "%(number)s has an open payment, or a copy that is being deleted or sent. Remove it when that has ended."
        )
        return answers.refuse(said % {"number": number}, addresses.orders())
    if not removal.remove([order_id], actor()):
        return answers.refuse(_("Only a deleted order can be removed for good."), addresses.orders())
    wake.changed()
    db.session.commit()
    return answers.done(_("%(number)s is removed for good", number=number), addresses.orders())


def _body(order_id: int) -> str:
    return row(order_id, fresh=True) if request.htmx else ""
