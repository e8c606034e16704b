"""What waits for a person, in groups by cause, each with its cure; and the number of it on every page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from flask import Blueprint, flash, g, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from jobs import intake, mapping, problems, reports, runs, settle, wake
from models import db
from orders import duplicates, routes
from orders.timeline import Actor

from . import activity_words as words
from . import addresses, advice, fragments, order_words, solving, undelivered
from .activity import who

bp = Blueprint("problems", __name__, url_prefix="/problems")


#: they count problems themselves
_COUNTS_ITSELF = (None, "static", "dashboard.index", "problems.index")


@bp.before_app_request
def _badge() -> None:
    """The number beside Problems in the left bar; one query at the most, and seldom."""
    if request.endpoint not in _COUNTS_ITSELF and current_user.is_authenticated:
        g.problem_count = reports.problem_count()


@bp.get("")
def index() -> Any:
    revision = wake.revision()
    found = problems.find()
    g.problem_count = reports.keep_problem_count(found.n, revision)
    return fragments.render(
        "problems/index.html",
        "problems/_groups.html",
        found=found,
        advice_for=_advice_for,
        connection_advice=_connection_advice,
        revision=revision,
        task_names=words.TASKS,
        reasons=order_words.ALIKE,
        undelivered_advice=undelivered.advice,
        plain_reason=_plain_reason,
    )


def _advice_for(group: problems.FailedGroup) -> advice.Advice:
    order = group.rows[0].number if group.n == 1 else ""
    if group.operation == "delete" and group.fault == "validation":
        return advice.of_deletion(group.connection, order)
    if group.is_gone:
        return advice.of_gone_copy(group.connection)
    return advice.advice(group.fault, group.connection, group.detail, order=order, ended=True)


def _plain_reason(note: str) -> str:
    """Without the name that programmers have for it."""
    return re.sub(r"^\w+(Error|Exception|Invalid): ", "", note)


def _connection_advice(system: reports.Health, fault: str = "", detail: str = "") -> advice.Advice:
    return advice.advice(fault or system.fault, system, detail or system.detail, system.field)


@bp.get("/news")
def news() -> Any:
    """A thin bar when something has changed since the page was drawn: the page itself never moves under the hand."""
    revision = wake.revision()
    shown = request.args.get("revision")
    if revision is not None and shown == str(revision):
        return fragments.unchanged()
    drawn = request.args.get("n", type=int)
    changed = drawn != reports.problem_count()
    return fragments.render("problems/news.html", "problems/_news.html", n=drawn, changed=changed, revision=revision)


@bp.post("/remember")
def remember() -> Any:
    """The chosen entries of ours: kept for the next orders, applied to all that wait."""
    form = request.form
    rows = zip(form.getlist("table"), form.getlist("code"), form.getlist("ours"), strict=False)
    chosen = [row for row in rows if row[2]]
    try:
        orders = _remember(form.get("connection", type=int) or 0, chosen)
    except LookupError:  # a KeyError too: a table of the other direction
        db.session.rollback()
        flash(_("This entry or this connection is gone. Nothing was changed; choose again."), "danger")
        return redirect(url_for("problems.index"), 303)
    solving.keep()
    said = ngettext(
        "Remembered. %(num)s order is complete now.", "Remembered. %(num)s orders are complete now.", orders
    )
    flash(said if chosen else _("Nothing was chosen."), "success" if chosen else "info")
    return redirect(addresses.problems("mapping"), 303)


def _remember(connection_id: int, chosen: Iterable[tuple[str, str, str]]) -> int:
    """How many orders are complete now. `chosen`: table, their code, our entry. Raises LookupError."""
    by = Actor("person", who())
    return sum(mapping.remember(connection_id, table, code, _entry(ours), by) for table, code, ours in chosen)


def _entry(text: str) -> int | None:
    """The id of one of ours; "none" = deliberately nothing."""
    if text == "none":
        return None
    if not text.isdigit() or len(text) > 12:
        raise LookupError(text)
    return int(text)


@bp.post("/groups/<int:transfer_id>/retry")
def retry(transfer_id: int) -> Any:
    """All transfers that failed as this one did."""
    n = settle.retry(problems.alike(transfer_id), who())
    return solving.told(
        ngettext("%(num)s transfer is back in the queue.", "%(num)s transfers are back in the queue.", n), n
    )


@bp.post("/groups/<int:transfer_id>/again")
def again(transfer_id: int) -> Any:
    """A person has looked: none of them arrived. They are sent without another look-up."""
    ids = problems.alike(transfer_id) if request.form.get("all") else [transfer_id]
    n = settle.send_again(ids, who())
    return solving.told(ngettext("%(num)s order is sent again.", "%(num)s orders are sent again.", n), n)


@bp.post("/groups/<int:transfer_id>/anew")
def anew(transfer_id: int) -> Any:
    """The copies are gone: their links are dropped and the orders created there once more."""
    n = settle.create_anew(problems.alike(transfer_id), Actor("person", who()))
    return solving.told(ngettext("%(num)s order is created again.", "%(num)s orders are created again.", n), n)


@bp.post("/groups/<int:transfer_id>/aside")
def aside(transfer_id: int) -> Any:
    n = settle.set_aside(problems.alike(transfer_id), who())
    return solving.told(ngettext("%(num)s problem was set aside.", "%(num)s problems were set aside.", n), n)


@bp.post("/parked/<int:transfer_id>/there")
def there(transfer_id: int) -> Any:
    """A person has found the copy and gives its id."""
    external_id = request.form.get("external_id", "").strip()[:64]
    if not external_id:
        flash(_("Enter the number that the order has there."), "danger")
        return redirect(addresses.problems("parked"), 303)
    try:
        settle.confirm_there(transfer_id, external_id, Actor("person", who()))
    except settle.NotSettled as error:
        db.session.rollback()
        reasons = {
            "gone": _("This was settled meanwhile."),
            "taken": _("Another order is linked to %(number)s already. Check the number.", number=external_id),
        }
        flash(reasons[error.reason], "danger" if error.reason == "taken" else "info")
        return redirect(addresses.problems("parked"), 303)
    return solving.told(_("Linked to %(number)s.", number=external_id), 1)


@bp.post("/unread/<int:connection_id>/again")
def reread(connection_id: int) -> Any:
    """Read again what could not be read: after an update of the hub it may be possible."""
    ids = problems.unread_of(connection_id)
    for source in intake.retry_failed(ids):
        runs.request_anew(source, "orders", who())
    return solving.told(
        ngettext("%(num)s order is being read again.", "%(num)s orders are being read again.", len(ids)), len(ids)
    )


@bp.post("/unread/<int:connection_id>/aside")
def unread_aside(connection_id: int) -> Any:
    """A person has worked them in the system they came from."""
    n = problems.set_unread_aside(problems.unread_of(connection_id))
    return solving.told(ngettext("%(num)s problem was set aside.", "%(num)s problems were set aside.", n), n)


@bp.post("/duplicates/aside")
def duplicates_aside() -> Any:
    """Each pair that the page has named is two orders."""
    ids = [int(text) for text in request.form.getlist("pair") if text.isdigit() and len(text) < 16]
    n = duplicates.dismiss_many(ids, Actor("person", who()))
    return solving.told(ngettext("%(num)s pair stays two orders.", "%(num)s pairs stay two orders each.", n), n)


@bp.post("/second/<int:connection_id>/aside")
def second_aside(connection_id: int) -> Any:
    """They are not sent there: the first copies do."""
    n = routes.set_aside(problems.second_of(connection_id))
    return solving.told(ngettext("%(num)s problem was set aside.", "%(num)s problems were set aside.", n), n)
