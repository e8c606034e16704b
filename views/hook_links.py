"""The page of a connection's address for notices: copied into the vendor's cabinet, replaced, last used."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_login import current_user

from jobs import hooks
from models import db

from . import security
from .integrations import connection_or_404, shown

bp = Blueprint("hook_links", __name__, url_prefix="/settings/integrations")


@bp.get("/<int:connection_id>/webhook")
def index(connection_id: int) -> Any:
    row = connection_or_404(connection_id)
    secret = hooks.current(row.id)
    url = hooks.url(secret) if secret and current_user.is_owner else ""
    return render_template("integrations/webhook.html", secret=secret, url=url, **shown(row, "webhook"))


@bp.post("/<int:connection_id>/webhook")
@security.owner_only
def renew(connection_id: int) -> Any:
    """Make the address, or a new one."""
    row = connection_or_404(connection_id)
    replaced = hooks.current(row.id) is not None
    hooks.rotate(row.id)
    db.session.commit()
    if replaced:
        flash(_("The address is new. The one before it works for 24 hours more: enter the new one by then."), "success")
    return redirect(url_for("hook_links.index", connection_id=row.id), 303)
