"""Import of orders, or of their statuses, from a file: upload, name the columns, see each row's fate, then do it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, stream_with_context, url_for
from flask_babel import gettext as _
from flask_login import current_user
from htmx_flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from jobs import files, imports
from models import IMPORT_KINDS, Import, db
from orders import asked, import_files, lists
from orders.export_cells import safe
from orders.import_files import BadFile

from . import import_words as words
from . import security, text

bp = Blueprint("imports", __name__, url_prefix="/orders/import")
bp.before_request(security.staff_only)

#: of a request that brings a file; app.py lets those who are signed in send so much
LARGEST_REQUEST = import_files.LARGEST + 1024 * 1024
UPLOAD = "imports.upload"


@bp.get("")
def index() -> str:
    return _index()


def _index(error: str = "", kind: str = "") -> str:
    rows = files.of_user(Import, current_user.id)
    facts = {"size": words.size(import_files.LARGEST), "largest": import_files.LARGEST, "rows": import_files.ROWS}
    return render_template(
        "imports/index.html", files=rows, error=error, kind=kind or request.args.get("kind"), words=words, **facts
    )


@bp.post("")
def upload() -> Any:
    kind = request.form.get("kind", "")
    if kind not in IMPORT_KINDS:
        abort(400)
    try:
        row = imports.upload(current_user.id, kind, text.locale(), *words.brought())
    except BadFile as problem:
        return _index(words.fault(problem.fault, problem.row), kind), 422
    db.session.commit()
    return _to(row)


@bp.errorhandler(RequestEntityTooLarge)
def _too_large(_error: RequestEntityTooLarge) -> Any:
    return _index(words.fault("too_large")), 413


def _to(row: Import, **more: Any) -> Any:
    return redirect(url_for("imports.show", import_id=row.id, **more))


def _import(import_id: int) -> Import:
    return files.find(Import, import_id, current_user.id, current_user.is_owner) or abort(404)


@bp.get("/<int:import_id>")
def show(import_id: int) -> str:
    """The import as it stands: its columns, how far it is, or what becomes of each row."""
    return render_template("imports/show.html", **_shown(_import(import_id)))


@bp.get("/<int:import_id>/state")
def state(import_id: int) -> str:
    """The same without the frame: asked for again while a job has it."""
    return render_template("imports/_state.html", **_shown(_import(import_id)))


def _shown(row: Import, error: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {"row": row, "words": words, "error": error, "has_file": imports.path(row) is not None}
    if row.state == "ready":
        shops = [shop for shop in lists.read().shops if shop.active]
        return {**found, "columns": words.columns(row), "choices": words.choices(row), "shops": shops}
    if row.is_open:
        return found
    fate = asked.one_of(request.args.get("fate"), words.FATES)
    after, before = (asked.number(request.args.get(name)) or 0 for name in ("after", "before"))
    lines, following, preceding = words.lines(row, fate, after, before)
    counts = row.fates or {}
    will = sum(counts.get(name, 0) for name in imports.WILL) - counts.get("done", 0)
    return {**found, "lines": lines, "fate": fate, "following": following, "preceding": preceding, "counts": counts,
            "will": will}  # fmt: skip


@bp.post("/<int:import_id>/check")
def check(import_id: int) -> Any:
    """The columns are named: have it tried out."""
    row = _import(import_id)
    if row.is_open:
        return _to(row)
    shop = asked.number(request.form.get("shop"))
    known = {entry.id for entry in lists.read().shops}
    imports.check(row, request.form.getlist("columns"), {"shop": shop if shop in known else None})
    if problem := words.lacking(row):
        imports.reopen(row)
        row.state = "ready"
        return render_template("imports/show.html", **_shown(row, problem)), 422
    db.session.commit()
    return _to(row)


@bp.post("/<int:import_id>/start")
def start(import_id: int) -> Any:
    """Do what was found fine."""
    row = _import(import_id)
    if not row.is_open and row.state != "ready":
        imports.start(row)
        db.session.commit()
    return _to(row)


@bp.post("/<int:import_id>/reopen")
def reopen(import_id: int) -> Any:
    row = _import(import_id)
    imports.reopen(row)
    db.session.commit()
    return _to(row)


@bp.post("/<int:import_id>/cancel")
def cancel(import_id: int) -> Any:
    row = _import(import_id)
    imports.cancel(row)
    db.session.commit()
    return _to(row)


@bp.post("/<int:import_id>/delete")
def delete(import_id: int) -> Any:
    row = _import(import_id)
    imports.cancel(row)
    imports.remove(row)
    db.session.commit()
    flash(_("Forgotten. Orders that were imported stay."), "ok")
    return redirect(url_for("imports.index"))


@bp.get("/<int:import_id>/refused.csv")
def refused(import_id: int) -> Response:
    """The refused rows as they were, each with the reason: to be mended and brought in again."""
    row = _import(import_id)
    if imports.path(row) is None:
        abort(404)
    answer = Response(stream_with_context(_lines(row)), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="refused-{row.id}.csv"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _lines(row: Import) -> Iterator[str]:
    yield "\ufeff"
    for cells in imports.refused_rows(row, words.reasons):
        out = io.StringIO(newline="")
        csv.writer(out, delimiter=";").writerow([safe(cell) for cell in cells])
        yield out.getvalue()
