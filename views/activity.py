"""The journal: transfers with their attempts, runs, schedules, what came in; and what staff can do about them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from htmx_flask import request

from jobs import journal, reports, settle, wake
from models import db, utcnow
from orders.listing import Cursor

from . import activity_words as words
from . import activity_work, addresses, advice, answers, fragments
from .text import ZONE, translated

bp = Blueprint("activity", __name__, url_prefix="/activity")


@bp.get("")
def index() -> Any:
    f = journal.TransferFilter.read(request.args)
    failed, waiting = journal.counts(f, ZONE)
    return fragments.render(
        "activity/transfers.html",
        "activity/_transfers.html",
        f=f,
        page=journal.transfers(f, ZONE, Cursor.read(request.args.get("cursor", ""))),
        failed=failed,
        waiting=waiting,
        transfer_states=words.states(journal.TRANSFER_STATES),
        operation_choices=[(key, translated(name)) for key, name in words.OPERATIONS.items()],
        faults=advice.known(),
        **activity_work.progress(),
    )


@bp.get("/live")
def live() -> Any:
    """What is under way, and the rows of the page that were open when it was drawn."""
    revision = wake.revision()
    if revision is not None and request.args.get("revision") == str(revision):
        return fragments.unchanged()
    ids = [int(text) for text in request.args.getlist("ids")[:100] if text.isdigit() and len(text) < 19]
    rows = journal.transfers_by_id(ids) if ids else []
    return fragments.render("activity/live.html", "activity/_live.html", rows=rows, **activity_work.progress())


@bp.get("/transfers/<int:transfer_id>")
def transfer(transfer_id: int) -> Any:
    row = next(iter(journal.transfers_by_id([transfer_id])), None) or abort(404)
    steps = journal.steps(transfer_id)
    ended = row.state in reports.FAILED
    return fragments.render(
        "activity/transfer.html",
        "activity/_transfer.html",
        row=row,
        steps=steps,
        now=utcnow(),
        advice=advice_of(row, ended) if row.fault else None,
    )


def advice_of(row: Any, ended: bool) -> advice.Advice:
    """For a row of the journal. The connection's id goes along, so that the button leads to its settings."""
    system = advice.System(row.connection_id, row.system)
    return advice.advice(row.fault, system, row.detail, order=row.number, ended=ended)


@bp.post("/transfers/<int:transfer_id>/retry")
def retry(transfer_id: int) -> Any:
    done = settle.retry([transfer_id], who())
    return _row_or_back(transfer_id, done, _("Back in the queue."), _("It is in the queue already."))


@bp.post("/transfers/<int:transfer_id>/cancel")
def cancel(transfer_id: int) -> Any:
    done = settle.cancel([transfer_id], who())
    return _row_or_back(transfer_id, done, _("Cancelled."), _("Too late: it is under way or has ended."))


@bp.post("/transfers/<int:transfer_id>/aside")
def aside(transfer_id: int) -> Any:
    done = settle.set_aside([transfer_id], who())
    return _row_or_back(transfer_id, done, _("Set aside."), _("It is settled already."))


@bp.post("/retry")
def retry_all() -> Any:
    """All failed transfers that the filter in the address shows."""
    f = journal.TransferFilter.read(request.args)
    n = settle.retry(journal.failed_ids(f, ZONE), who())
    db.session.commit()
    flash(ngettext("%(num)s transfer is back in the queue.", "%(num)s transfers are back in the queue.", n), "success")
    return redirect(f"{url_for('activity.index')}?{f.query(state='')}", 303)


@bp.post("/cancel")
def cancel_all() -> Any:
    """All waiting transfers that the filter shows."""
    f = journal.TransferFilter.read(request.args)
    n = settle.cancel(journal.cancellable_ids(f, ZONE), who())
    db.session.commit()
    flash(ngettext("%(num)s transfer was cancelled.", "%(num)s transfers were cancelled.", n), "success")
    return redirect(f"{url_for('activity.index')}?{f.query(state='')}", 303)


def who() -> str:
    return str(current_user.name or current_user.email)


def _row_or_back(transfer_id: int, done: int, yes: str, no: str) -> Any:
    """Once it is committed: the changed row for htmx, the list with a message for a plain form."""
    db.session.commit()
    text = yes if done else no
    if not fragments.wanted():
        flash(text, "success" if done else "info")
        return redirect(fragments.came_from(url_for("activity.index")), 303)
    rows = journal.transfers_by_id([transfer_id])
    answer = fragments.render("activity/_rows.html", "activity/_rows.html", rows=rows, now=utcnow())
    return answers.trigger(answer, **answers.toast(text, "ok" if done else "info"))


bp.add_url_rule("/runs", view_func=activity_work.runs)
bp.add_url_rule("/runs", view_func=activity_work.run_now, methods=["POST"])
bp.add_url_rule("/runs/<int:run_id>", view_func=activity_work.run)
bp.add_url_rule("/schedules", view_func=activity_work.schedules)
bp.add_url_rule("/schedules/<int:schedule_id>", view_func=activity_work.schedule, methods=["POST"])
bp.add_url_rule("/incoming", view_func=activity_work.incoming)
bp.add_url_rule("/incoming/<int:incoming_id>", view_func=activity_work.arrival)


bp.add_app_template_filter(words.span)
bp.add_app_template_filter(words.pretty)
bp.add_app_template_filter(words.ahead)
bp.add_app_template_filter(words.interval)
bp.add_app_template_filter(advice.title, "fault_title")


@bp.app_context_processor
def _names() -> dict[str, Any]:
    return {
        "work_states": words.STATES,
        "operation_names": words.OPERATIONS,
        "verb_names": words.VERBS,
        "addresses": addresses,
    }
