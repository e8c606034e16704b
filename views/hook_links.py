"""The page of a connection's addresses for notices: copied into the vendor's cabinet, replaced, switched off; and what
came there, what became of it and why."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from integrations.base import ReceivesWebhooks
from integrations.redact import Redactor
from jobs import connections, hooks, inbox, vendor_names
from models import Connection, Incoming, Order, db

from . import activity_words, security
from .card_side import pretty
from .integrations import connection_or_404, shown

bp = Blueprint("hook_links", __name__, url_prefix="/settings/integrations/<int:connection_id>/webhook")

STATES = ("new", "applied", "ignored", "failed", "refused")
#: what "all" of a state can be worked on once more
AGAIN = ("ignored", "failed")
PER_PAGE = 50
AT_ONCE = 1000


@bp.get("")
def index(connection_id: int) -> Any:
    row = _receiver(connection_id)
    secret = hooks.current(row.id)
    state = request.args.get("state", "")
    found = inbox.page(row.id, state, max(request.args.get("before", 0, int), 0), PER_PAGE + 1)
    return render_template(
        "integrations/webhook.html",
        secret=secret,
        links=_links(row, secret),
        replaced=hooks.replaced(row.id),
        notices=found[:PER_PAGE],
        following=found[PER_PAGE - 1].id if len(found) > PER_PAGE else 0,
        numbers=_numbers(found),
        statuses=vendor_names.statuses(row.id),
        state=state,
        choices=activity_words.states(STATES),
        work_states=activity_words.STATES,
        again=AGAIN,
        **shown(row, "webhook"),
    )


@bp.post("")
@security.owner_only
def renew(connection_id: int) -> Any:
    """Make the address, or a new one."""
    row = _receiver(connection_id)
    replaced = hooks.current(row.id) is not None
    hooks.rotate(row.id)
    db.session.commit()
    if replaced:
        text = _("The link is new. The one before it works for 7 days more: enter the new one by then.")
        flash(text, "success")
    return _back(row)


@bp.post("/<int:secret_id>/end")
@security.owner_only
def end(connection_id: int, secret_id: int) -> Any:
    """Switch an address off that was replaced."""
    row = _receiver(connection_id)
    if hooks.end(row.id, secret_id):
        flash(_("The old link is switched off."), "success")
    db.session.commit()
    return _back(row)


@bp.get("/notices/<int:notice_id>")
def notice(connection_id: int, notice_id: int) -> Any:
    """What was posted, without the connection's secrets."""
    row = _receiver(connection_id)
    found = inbox.one(row.id, notice_id) or abort(404)
    hide = Redactor((row.secrets or {}).values())
    return render_template("card/_original.html", body=hide(pretty(_posted(found))) if found.body else "")


@bp.post("/notices/<int:notice_id>/replay")
def replay(connection_id: int, notice_id: int) -> Any:
    return _replayed(_receiver(connection_id), [notice_id])


@bp.post("/notices/replay")
def replay_all(connection_id: int) -> Any:
    """The newest of a state."""
    row, state = _receiver(connection_id), request.form.get("state", "")
    if state not in AGAIN:
        abort(400)
    return _replayed(row, [found.id for found in inbox.page(row.id, state, 0, AT_ONCE)])


def _replayed(row: Connection, ids: list[int]) -> Any:
    n = inbox.replay(row.id, ids)
    db.session.commit()
    text = ngettext("%(num)s notice is worked on once more.", "%(num)s notices are worked on once more.", n)
    none = _("There is nothing to work on: it waits already, or what it said is not kept any more.")
    flash(text if n else none, "info")
    return _back(row)


def _receiver(connection_id: int) -> Connection:
    row = connection_or_404(connection_id)
    if not connections.connector(row.kind).can(ReceivesWebhooks):
        abort(404)
    return row


def _links(row: Connection, secret: Any) -> list[dict[str, Any]]:
    """What there is to copy; the address itself is for the owner."""
    shown_to = secret is not None and current_user.is_owner
    found = connections.open_connector(row).hook_links()
    return [{"link": link, "url": hooks.url(secret, link.event) if shown_to else ""} for link in found]


def _numbers(rows: Any) -> dict[int, str]:
    ids = [row.order_id for row in rows if row.order_id]
    return dict(db.session.execute(db.select(Order.id, Order.number).where(Order.id.in_(ids))).all())


def _posted(row: Incoming) -> Any:
    return row.body.get("notice") or row.body.get("text") or row.body


def _back(row: Connection) -> Any:
    return redirect(url_for("hook_links.index", connection_id=row.id, state=request.form.get("state") or None), 303)
