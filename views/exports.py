"""Export of orders: choose orders, form and columns; see the first rows; the file is made by a job and fetched here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, send_file, url_for
from flask_babel import gettext as _
from flask_login import current_user
from htmx_flask import request

from jobs import exports
from jobs.files import find, of_user
from models import Export, ExportPreset, db
from orders import export_columns
from orders.export_options import Options

from . import answers, export_words, security, text
from .order_list import filter_of
from .orders_bulk import choice

bp = Blueprint("exports", __name__, url_prefix="/orders/export")
bp.before_request(security.staff_only)  # a file of customers' names and phones is not for those who only look

TYPES = {"csv": "text/csv", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


@bp.get("")
def index() -> str:
    """The page. `view`: a list's filter; `ids`: orders that were ticked; `preset`: settings kept under a name."""
    found = exports.preset(_number("preset"), current_user.id) if request.args.get("preset") else None
    last = found.options if found else (current_user.prefs or {}).get("export", {})
    base = Options.read(last, Options.for_language(text.locale()))
    given = {name: request.args[name] for name in ("view", "ids") if name in request.args}
    scope = {"scope": "ids" if given.get("ids") else "view"} if given else {}
    return _page(Options.read({**given, **scope}, base), preset_id=found.id if found else 0)


def _number(name: str) -> int:
    value = request.args.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 12 else 0


def _form() -> Options:
    form = request.form
    given: dict[str, Any] = {**form.to_dict(), "columns": form.getlist("columns")}
    return Options.read(given, Options.for_language(text.locale()))


def _page(options: Options, error: str = "", preset_id: int = 0) -> str:
    return render_template(
        "exports/index.html",
        options=options,
        choices=export_words.choices(options),
        has_view=options.scope == "view" or "view" in request.values,
        presets=exports.presets(current_user.id),
        preset_id=preset_id,
        error=error,
        **_columns(options),
        **_preview(options),
        **_files(),
    )


@bp.post("/chosen")
def chosen() -> Any:
    """From the bulk bar: the ticked orders, or all that the list shows."""
    if request.form.get("all"):
        return answers.go(url_for("exports.index", view=filter_of(request.form.get("view", "")).query()))
    found = choice().ids
    if not found:
        return answers.refuse(_("Choose orders first."), url_for("orders.index"))
    return answers.go(url_for("exports.index", ids=",".join(map(str, found))))


@bp.post("")
def start() -> Any:
    """Have the file made."""
    options = _form()
    if not options.columns:
        return _page(options, _("Choose at least one column.")), 422
    exports.request(current_user.id, options, text.locale())
    current_user.prefs = {**(current_user.prefs or {}), "export": options.preset()}
    db.session.commit()
    place = _place(options)
    return redirect(url_for("exports.index", _anchor="files", **place))


def _place(options: Options) -> dict[str, Any]:
    """What the address of the page says of the orders."""
    if options.scope == "ids":
        return {"ids": ",".join(map(str, options.ids))}
    return {"view": options.view} if options.scope == "view" else {}


# ---- columns and preview


def _columns(options: Options) -> dict[str, Any]:
    return {"chosen": export_columns.columns(options.columns), "others": export_columns.grouped(options.columns)}


@bp.post("/columns")
def columns() -> Any:
    """Add, drop or move a column: `do` is the step and the column's key."""
    step, _colon, key = request.form.get("do", "").partition(":")
    options = _form()
    options = replace(options, columns=tuple(_changed(list(options.columns), step, key)))
    if not request.htmx:
        return _page(options)
    part = render_template("exports/_columns.html", **_columns(options))
    return answers.trigger(part, **{"columns-changed": True})


def _changed(there: list[str], step: str, key: str) -> list[str]:
    if step == "all":
        return [*there, *(c for c in export_columns.COLUMNS if c not in there)]
    if step == "first":
        return list(export_columns.DEFAULT_COLUMNS)
    if step == "add" and key in export_columns.COLUMNS:
        return [*there, key]
    if key in there:
        at = there.index(key)
        there.pop(at)
        if step != "drop":
            there.insert(max(0, at + {"up": -1, "down": 1}.get(step, 0)), key)
    return there


@bp.post("/preview")
def preview() -> str:
    """How many orders it will be, and the first rows of the file."""
    return render_template("exports/_preview.html", **_preview(_form()))


def _preview(options: Options) -> dict[str, Any]:
    return {"titles": export_columns.columns(options.columns), **export_words.preview(options, text.locale())}


# ---- presets


@bp.post("/presets")
def keep() -> Any:
    options, name = _form(), request.form.get("preset_name", "").strip()
    if not name:
        return _page(options, _("Give the settings a name.")), 422
    exports.keep(name, options, None if request.form.get("preset_shared") else current_user.id)
    db.session.commit()
    flash(_("Saved: %(name)s", name=name), "ok")
    return _page(options)


@bp.post("/presets/<int:preset_id>/delete")
def forget(preset_id: int) -> Any:
    row: ExportPreset = exports.preset(preset_id, current_user.id) or abort(404)
    exports.forget(row)
    db.session.commit()
    return redirect(url_for("exports.index"))


# ---- files


def _files() -> dict[str, Any]:
    rows = of_user(Export, current_user.id)
    return {"files": [export_words.shown(row) for row in rows], "working": any(row.is_open for row in rows)}


@bp.get("/files")
def files() -> str:
    """The files and how far they are: asked for again while one is being made."""
    if not request.htmx:
        return index()
    return render_template("exports/_files.html", **_files())


def _export(export_id: int) -> Export:
    return find(Export, export_id, current_user.id, current_user.is_owner) or abort(404)


@bp.post("/<int:export_id>/cancel")
def cancel(export_id: int) -> Any:
    exports.cancel(_export(export_id))
    return _files_again()


@bp.post("/<int:export_id>/delete")
def delete(export_id: int) -> Any:
    row = _export(export_id)
    exports.cancel(row)
    exports.remove(row)
    return _files_again()


def _files_again() -> Any:
    db.session.commit()
    return files() if request.htmx else redirect(url_for("exports.index", _anchor="files"))


@bp.get("/<int:export_id>/file")
def file(export_id: int) -> Response:
    """The file itself, for its maker and for owners."""
    row = _export(export_id)
    found = exports.path(row)
    if found is None:
        abort(404)
    kind = found.suffix[1:]
    answer = send_file(found, mimetype=TYPES[kind], as_attachment=True, download_name=export_words.file_name(row, kind))
    answer.headers["Cache-Control"] = "no-store"
    return answer
