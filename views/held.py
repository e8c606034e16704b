"""Orders that wait for their payment: the list with what is left of their time, and taking them in at once."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from htmx_flask import request

from jobs import held, waiting, wake
from models import db

from . import fragments

bp = Blueprint("held", __name__, url_prefix="/orders/waiting")


@bp.get("")
def index() -> Any:
    revision = wake.revision()
    if fragments.wanted() and revision is not None and request.args.get("revision") == str(revision):
        return fragments.unchanged()
    chosen = request.args.get("connection", type=int)
    rows = waiting.rows(chosen)
    return fragments.render(
        "held/index.html",
        "held/_list.html",
        rows=rows,
        more=len(rows) == waiting.SHOWN,
        chosen=chosen,
        revision="" if revision is None else revision,
    )


@bp.post("/take")
def take() -> Any:
    """One (`id`) or all, of one connection where the list shows one."""
    one = request.form.get("id", type=int)
    asked = held.take_now(current_user.name or current_user.email, one, request.form.get("connection", type=int))
    db.session.commit()
    text = (
        ngettext("%(num)s order is being taken in.", "%(num)s orders are being taken in.", asked)
        if asked
        else _("It is being taken in already.")
    )
    flash(text, "success" if asked else "info")
    return redirect(fragments.came_from(url_for("held.index")), 303)
