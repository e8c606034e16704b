"""Settings: connecting a system: the form that its connector describes, the test, the key."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.datastructures import MultiDict

from integrations import connectors
from integrations.base import MASK, Connector, SettingsForm
from integrations.forms import ListField
from jobs import connections, overview, runs
from models import Connection, db

from . import advice, security
from .integrations import connection_or_404, shown
from .text import locale, translated

bp = Blueprint("connect", __name__, url_prefix="/settings/integrations")

NAME = "connection_name"
NAME_LENGTH = 80


@bp.get("/new/<kind>")
@security.owner_only
def new(kind: str) -> Any:
    cls = _connector(kind)
    return _new_page(cls, cls.Settings(meta=_meta()), _free_name(cls))


@bp.post("/new/<kind>")
@security.owner_only
def create(kind: str) -> Any:
    cls = _connector(kind)
    form, name = _typed(cls, {}), _typed_name()
    problem = _name_problem(name, 0)
    if not _valid(form) or problem:
        return _new_page(cls, form, name, problem=problem), 422
    if request.form.get("do") == "test":
        report = connections.test_settings(kind, form.data, {})
        return _new_page(cls, form, name, report=report)
    row = connections.create(kind, name, form.data)
    _fetch_lists(row, cls)
    db.session.commit()
    if cls.Settings.once_connected:
        flash(_("%(name)s is connected. Next: choose how it is to be used.", name=name), "success")
        return redirect(url_for("connect.edit", connection_id=row.id), 303)
    flash(_("%(name)s is connected. Next: say what its statuses and methods mean.", name=name), "success")
    return redirect(url_for("mappings.index" if cls.mappings else "connect.edit", connection_id=row.id), 303)


@bp.get("/<int:connection_id>")
def edit(connection_id: int) -> Any:
    row = connection_or_404(connection_id)
    cls = connectors()[row.kind]
    return _edit_page(row, cls.Settings(data=row.settings or {}, meta=_meta()), row.name)


@bp.post("/<int:connection_id>")
@security.owner_only
def save(connection_id: int) -> Any:
    row = connection_or_404(connection_id)
    cls = connectors()[row.kind]
    form, name = _typed(cls, row.secrets or {}), _typed_name()
    problem = _name_problem(name, row.id)
    if not _valid(form) or problem:
        return _edit_page(row, form, name, problem=problem), 422
    if request.form.get("do") == "test":
        report = connections.test_settings(row.kind, form.data, row.secrets or {})
        return _edit_page(row, form, name, report=report)
    row.name = name
    before = dict(row.settings or {})
    connections.change(row, form.data)
    if cls.Settings.once_connected and row.settings != before:
        _fetch_lists(row, cls)  # which lists there are may follow from what is chosen
    db.session.commit()
    flash(_("Saved."), "success")
    return redirect(url_for("connect.edit", connection_id=row.id), 303)


def _fetch_lists(row: Connection, cls: type[Connector]) -> None:
    if any(task.key == "references" for task in cls.tasks):
        runs.request_anew(row.id, "references", current_user.name or current_user.email)


def _connector(kind: str) -> type[Connector]:
    if kind not in connectors():
        abort(404)
    return connectors()[kind]


def _meta() -> dict[str, Any]:
    """The form library's own sentences in the reader's language."""
    return {"locales": [locale()]}


def _typed(cls: type[Connector], kept: Any) -> SettingsForm:
    """The form as typed; a secret left empty stands for the one that is kept."""
    typed = MultiDict(request.form)
    for name in cls.secret_names():
        if not typed.get(name) and kept.get(name):
            typed[name] = MASK
    return cls.Settings(typed, meta=_meta())


def _valid(form: SettingsForm) -> bool:
    """Connectors mark their sentences and know no language: they are translated here."""
    valid = form.validate()
    for field in form:
        field.errors = [translated(text) for text in field.errors]
    return bool(valid)


def _typed_name() -> str:
    return " ".join(request.form.get(NAME, "").split())


def _name_problem(name: str, connection_id: int) -> str:
    if not name:
        return _("Give it a name.")
    if len(name) > NAME_LENGTH:
        return _("Use at most %(n)s characters.", n=NAME_LENGTH)
    if overview.name_taken(name, connection_id):
        return _("Another connection has this name.")
    return ""


def _free_name(cls: type[Connector]) -> str:
    title = translated(cls.title)
    name, n = title, 1
    while overview.name_taken(name):
        n += 1
        name = f"{title} {n}"
    return name


def _new_page(cls: type[Connector], form: SettingsForm, name: str, **more: Any) -> str:
    parts = _form_parts(form, name, translated(cls.title), **more)
    for part in ("basic", "advanced"):
        parts[part] = [field for field in parts[part] if field.name not in form.once_connected]
    return render_template("integrations/new.html", connector=cls, stored=set(), **parts)


def _edit_page(row: Connection, form: SettingsForm, name: str, **more: Any) -> str:
    stored = {key for key, value in (row.secrets or {}).items() if value}
    chosen = [field for field in form if isinstance(field, ListField)]
    lists = overview.lists(row.id, {field.list_key for field in chosen}) if chosen else {}
    for field in chosen:
        field.offer(lists[field.list_key])
    return render_template(
        "integrations/connect.html",
        stored=stored,
        from_lists=bool(chosen),
        listed=any(lists.values()),
        fetching=bool(chosen) and overview.open_run(row.id, "references"),
        linked=overview.linked_orders(row.id),
        **_form_parts(form, name, row, **more),
        **shown(row, "connect"),
    )


def _form_parts(
    form: SettingsForm,
    name: str,
    system: Connection | str,
    problem: str = "",
    report: connections.TestReport | None = None,
) -> dict[str, Any]:
    found = None
    if report is not None and report.fault:
        found = advice.advice(report.fault, system, report.detail, report.field)
    folded = {*form.advanced, "valid_until"}
    return {
        "form": form,
        "name": name,
        "name_problem": problem,
        "report": report,
        "report_advice": found,
        "mask": MASK,
        "secrets": {field.name for field in form if field.type == "SecretField"},
        "basic": [field for field in form if field.name not in folded],
        "advanced": [field for field in form if field.name in folded],
    }
