"""The journal's other lists: runs, schedules, what came in; and what is under way. Routes are in views/activity.py."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flask import abort, flash, redirect, url_for
from flask_babel import gettext as _
from flask_login import current_user
from htmx_flask import request

from jobs import catalogue_plan, journal, reports, settle, timetable, wake
from jobs import runs as run_jobs
from models import CHANGES, Connection, db, utcnow
from orders.listing import Cursor

from . import activity_words as words
from . import advice, fragments
from .text import translated

#: so many connections are all shown open, and need no filter
FEW = 3


def progress() -> dict[str, Any]:
    """What is under way now: open runs, and the queue of each system."""
    return {
        "revision": wake.revision(),
        "queues": reports.queues(),
        "open_runs": reports.open_runs(),
        "task_names": words.TASKS,
        "system_choices": reports.names(),
        "now": utcnow(),
    }


def runs() -> Any:
    f = journal.RunFilter.read(request.args)
    return fragments.render(
        "activity/runs.html",
        "activity/_runs.html",
        f=f,
        page=journal.runs(f, Cursor.read(request.args.get("cursor", ""))),
        task_choices=[(key, translated(name)) for key, name in words.TASKS.items()],
        run_states=words.states(journal.RUN_STATES),
        **progress(),
    )


def run(run_id: int) -> Any:
    row = journal.run(run_id) or abort(404)
    found = advice.advice(row.fault, row.connection, row.detail) if row.fault else None
    kind = next((key for key in (request.args.get("kind"), *CHANGES) if (row.counts or {}).get(key)), "")
    changes, more = journal.run_changes(row, kind, request.args.get("after", 0, type=int))
    return fragments.render(
        "activity/run.html",
        "activity/_run.html",
        row=row,
        attempts=journal.run_attempts(row),
        advice=found,
        notes=journal.run_notes(row),
        kind=kind,
        changes=changes,
        more=more,
        tried=catalogue_plan.tried(row),
        change_kinds=words.CHANGES,
        change_fields=words.CHANGED,
        task_names=words.TASKS,
    )


def run_now() -> Any:
    connection = db.get_or_404(Connection, request.form.get("connection", type=int) or 0)
    task = request.form.get("task", "")
    if task not in run_jobs.TASKS or connection.removed_at:
        abort(404)
    started = run_jobs.request(connection.id, task, str(current_user.name or current_user.email))
    wake.changed()
    db.session.commit()
    flash(_("Started.") if started else _("It is running already."), "success" if started else "info")
    return redirect(_back(connection.id, url_for("activity.runs")), 303)


def schedules() -> Any:
    """By connection. `name`: a part of theirs; `open`: the connection whose group was worked in."""
    part = request.args.get("name", "")[:100]
    found = timetable.groups(part)
    return fragments.render(
        "activity/schedules.html",
        "activity/_schedules.html",
        groups=found,
        part=part,
        opened=request.args.get("open", 0, type=int),
        many=len(found) > FEW or bool(part),
        intervals=settle.INTERVALS,
        **progress(),
    )


def _back(connection_id: int, otherwise: str) -> str:
    """To the page that the form was on; on the one of all connections this one's group stays open."""
    page = urlsplit(fragments.came_from(otherwise))
    if page.path != url_for("activity.schedules"):
        return page.geturl()
    part = dict(parse_qsl(page.query)).get("name")
    return url_for("activity.schedules", name=part, open=connection_id, _anchor=f"system-{connection_id}")


def schedule(schedule_id: int) -> Any:
    do = request.form.get("do", "")
    paused = {"pause": True, "resume": False}.get(do)
    every, hour = (request.form.get(name, type=int) for name in ("every", "at_hour"))
    row = settle.change_schedule(schedule_id, every=every, paused=paused, at_hour=hour) or abort(404)
    db.session.commit()
    flash(
        {True: _("Paused."), False: _("Goes on.")}.get(row.paused, "") if paused is not None else _("Saved."), "success"
    )
    return redirect(_back(row.connection_id, url_for("activity.schedules")), 303)


def incoming() -> Any:
    f = journal.IncomingFilter.read(request.args)
    return fragments.render(
        "activity/incoming.html",
        "activity/_incoming.html",
        f=f,
        page=journal.incoming(f, Cursor.read(request.args.get("cursor", ""))),
        incoming_states=words.states(journal.INCOMING_STATES),
        channels=[("pull", _("import")), ("webhook", _("webhook"))],
        **progress(),
    )


def arrival(incoming_id: int) -> Any:
    row = journal.arrival(incoming_id) or abort(404)
    return fragments.render("activity/arrival.html", "activity/_arrival.html", row=row)
