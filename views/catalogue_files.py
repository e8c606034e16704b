"""Products from a file: upload, name the columns, see what would become of each, take it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_login import current_user
from htmx_flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from catalogue import file_rows
from integrations.text import N_
from jobs import catalogue_files
from models import CatalogueFile, db
from orders.import_files import FAULTS, BadFile

from . import import_words, security, text

bp = Blueprint("catalogue_files", __name__, url_prefix="/catalogue/files")
bp.before_request(security.staff_only)

UPLOAD = "catalogue_files.upload"
STATES = {
    "columns": N_("columns to be named"),
    "check": N_("tried, not taken yet"),
    "take": N_("taken"),
}


@bp.get("")
def index() -> str:
    return _index()


def _index(error: str = "") -> str:
    size = import_words.size(catalogue_files.LARGEST)
    return render_template(
        "catalogue/files.html", files=catalogue_files.recent(), error=error, size=size, states=STATES, fault=fault
    )


@bp.post("")
def upload() -> Any:
    try:
        row = catalogue_files.upload(current_user.id, *import_words.brought())
    except BadFile as problem:
        return _index(import_words.fault(problem.fault, problem.row)), 422
    db.session.commit()
    return redirect(url_for("catalogue_files.show", file_id=row.id), 303)


@bp.errorhandler(RequestEntityTooLarge)
def _too_large(_error: RequestEntityTooLarge) -> Any:
    return _index(import_words.fault("too_large")), 413


def fault(said: str) -> str:
    """Of a file: a class that has its sentence, or the sentence itself."""
    return import_words.fault(said) if said in FAULTS else text.translated(said)


def _row(file_id: int) -> CatalogueFile:
    row: CatalogueFile = db.get_or_404(CatalogueFile, file_id)
    return row


@bp.get("/<int:file_id>")
def show(file_id: int) -> str:
    return render_template("catalogue/file.html", **_shown(_row(file_id)))


@bp.get("/<int:file_id>/state")
def state(file_id: int) -> str:
    """The same without the frame: asked for again while a job has it."""
    return render_template("catalogue/_file.html", **_shown(_row(file_id)))


def _shown(row: CatalogueFile, error: str = "") -> dict[str, Any]:
    layout = row.layout
    examples = layout.get("examples") or [[]]
    columns = [
        (heading or "—", " · ".join(filter(None, cells)), field)
        for heading, cells, field in zip(
            layout.get("headings", ()), zip(*examples, strict=True), row.columns, strict=True
        )
    ]
    return {
        "row": row,
        "columns": columns,
        "fields": file_rows.FIELDS,
        "error": error,
        "has_file": catalogue_files.path(row) is not None,
        "will": row.counts.get("create", 0) + row.counts.get("update", 0),
        "fault": fault,
    }


@bp.post("/<int:file_id>")
def go_on(file_id: int) -> Any:
    """The next step: columns named, so try it; tried, so take it; or back to the columns."""
    row, do = _row(file_id), request.form.get("do", "")
    if row.state in ("waiting", "working"):
        return redirect(url_for(".show", file_id=row.id), 303)
    if do == "check":
        if catalogue_files.choose(row, request.form.getlist("columns")):
            db.session.rollback()
            return render_template(
                "catalogue/file.html", **_shown(row, _("Say which column is the SKU: products are told by it."))
            ), 422
        catalogue_files.ask(row, "check")
    elif do == "take" and row.stage != "columns":
        catalogue_files.ask(row, "take")
    elif do == "columns" and row.columns:
        row.stage, row.state = "columns", "ready"
    db.session.commit()
    return redirect(url_for(".show", file_id=row.id), 303)
