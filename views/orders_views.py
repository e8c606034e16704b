"""What a user makes of the list: saved views, and which columns are shown in which order."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template
from flask_babel import gettext as _
from flask_login import current_user
from htmx_flask import request

from models import SavedView, db
from orders import saved_views

from . import addresses, answers
from . import order_words as words
from .order_list import filter_of, user_columns

bp = Blueprint("orders_views", __name__, url_prefix="/orders")


def _drawer(fragment: str, **values: Any) -> str:
    template = fragment if request.htmx else "orders/drawer_page.html"
    return render_template(template, fragment=fragment, **values)


@bp.get("/views")
def manage() -> str:
    """The drawer: save what the list shows now, rename, order and delete saved views."""
    return _views(request.args.get("view", ""))


def _views(query: str, error: str = "") -> str:
    found = saved_views.of_user(current_user.id)
    return _drawer("orders/views.html", found=found, query=filter_of(query).query(), error=error)


@bp.post("/views")
def save() -> Any:
    """Save the filter under a name."""
    query = filter_of(request.form.get("view", "")).query()
    name = request.form.get("name", "").strip()
    if not name:
        return _views(query, _("Give the view a name.")), 422
    shared = bool(request.form.get("shared"))
    _may_change(None if shared else current_user.id)
    saved_views.save(name, query, None if shared else current_user.id)
    db.session.commit()
    flash(_("Saved: %(name)s", name=name), "ok")
    return answers.go(addresses.orders(query))


def _view(view_id: int) -> SavedView:
    view = saved_views.find(view_id, current_user.id) or abort(404)
    _may_change(view.user_id)
    return view


def _may_change(user_id: int | None) -> None:
    """Viewers have views of their own; everybody's (None) are the editors'."""
    if user_id is None and not current_user.can_edit:
        abort(403)


@bp.post("/views/<int:view_id>")
def change(view_id: int) -> Any:
    """Rename, move or delete a view."""
    view, query, error = _view(view_id), request.form.get("view", ""), ""
    match request.form.get("do"):
        case "delete":
            saved_views.remove(view)
        case "left":
            saved_views.move(view, current_user.id, -1, not current_user.can_edit)
        case "right":
            saved_views.move(view, current_user.id, 1, not current_user.can_edit)
        case _:
            if not saved_views.rename(view, request.form.get("name", "")):
                error = _("Another view has this name, or it is empty.")
    db.session.commit()
    if not request.htmx and not error:
        return redirect(addresses.orders(query))
    return _views(query, error)


@bp.get("/columns")
def columns() -> str:
    """The drawer: which columns, in which order."""
    return _columns(user_columns(), request.args.get("view", ""))


def _columns(chosen: list[str], query: str) -> str:
    names = [*chosen, *(c for c in words.COLUMNS if c not in chosen)]
    return _drawer("orders/columns.html", names=names, chosen=chosen, words=words, query=filter_of(query).query())


@bp.post("/columns")
def choose_columns() -> Any:
    """Keep the choice; an arrow moves one column and shows the drawer again."""
    form = request.form
    ticked = set(form.getlist("columns")) | {"number"}
    ordered = [c for c in form.getlist("order") if c in words.COLUMNS]
    if form.get("up") in ordered:
        at = ordered.index(form["up"])
        ordered.insert(max(at - 1, 0), ordered.pop(at))
    chosen = list(words.DEFAULT_COLUMNS) if form.get("reset") else [c for c in ordered if c in ticked]
    current_user.prefs = {**(current_user.prefs or {}), "columns": chosen}
    db.session.commit()
    if form.get("up"):
        return _columns([c for c in ordered if c in ticked], form.get("view", ""))
    return answers.go(addresses.orders(filter_of(form.get("view", "")).query()))
