"""Settings: what a connected system's codes mean here, and ours there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, abort, flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from integrations import connectors
from integrations.base import Extra
from jobs import last_week, mapping, overview, runs, wake
from models import Connection, db
from orders.timeline import Actor

from . import fragments
from .integrations import connection_or_404, shown

bp = Blueprint("mappings", __name__, url_prefix="/settings/integrations/<int:connection_id>/mappings")


def actor() -> Actor:
    return Actor("person", current_user.name or current_user.email)


@bp.get("")
@bp.get("/<table>")
def index(connection_id: int, table: str = "") -> Any:
    return _page(connection_or_404(connection_id), table)


def _page(row: Connection, table: str, typed: Mapping[str, str] | None = None) -> Any:
    """`typed`: choices by lookup that aren't saved: they are shown, and tried on last week's orders."""
    found = mapping.editors(row)
    chosen = next((editor for editor in found if table in ("", editor.table.key)), None)
    if chosen is None:
        abort(404)
    tried = None
    if typed is not None:
        tried = last_week.try_on(row.id, chosen, typed)
        mapping.show(chosen, typed, {lookup: _extra(chosen.extras, lookup) for lookup in typed})
    return fragments.render(
        "integrations/mappings.html",
        "integrations/_mappings.html",
        editors=found,
        editor=chosen,
        tried=tried,
        can_try=last_week.can_try(chosen.table),
        nothing=mapping.NOTHING,
        missed=sorted((line for line in chosen.rows if line.missed), key=lambda line: -line.missed),
        can_refresh=any(task.key == "references" for task in connectors()[row.kind].tasks),
        fetching=overview.open_run(row.id, "references"),
        **shown(row, "mappings"),
    )


@bp.post("/<table>")
def save(connection_id: int, table: str) -> Any:
    row = _with_table(connection_id, table)
    extras = mapping.table_of(row, table).extras
    chosen = _typed()
    more = {lookup: _extra(extras, lookup) for lookup in chosen}
    return _saved(row, table, mapping.save(row, table, chosen, more, actor()))


@bp.post("/<table>/try")
def try_on(connection_id: int, table: str) -> Any:
    """What is chosen, tried on the orders of the last seven days; nothing is saved."""
    row = _with_table(connection_id, table)
    if not last_week.can_try(mapping.table_of(row, table)):
        abort(404)
    return _page(row, table, _typed())


def _typed() -> dict[str, str]:
    return {key[3:]: value for key, value in request.form.items() if key.startswith("to:")}


@bp.post("/<table>/accept")
def accept(connection_id: int, table: str) -> Any:
    row = _with_table(connection_id, table)
    return _saved(row, table, mapping.accept_suggestions(row, table, actor()))


@bp.post("/<table>/remember")
def remember(connection_id: int, table: str) -> Any:
    """One code from a problem or a card: form fields `code`, and `ours` (an id, or "none")."""
    row = _with_table(connection_id, table)
    ours = request.form.get("ours", "")
    if not (ours.isdigit() or ours == mapping.NOTHING) or "code" not in request.form:
        abort(400)
    try:
        ours_id = int(ours) if ours.isdigit() else None
        done = mapping.remember(row.id, table, request.form["code"], ours_id, actor())
    except LookupError:  # a KeyError too: a table of the other direction
        abort(404)
    db.session.commit()
    flash(_completed(done) if done else _("Remembered."), "success")
    return redirect(fragments.came_from(url_for("mappings.index", connection_id=row.id, table=table)), 303)


@bp.post("/refresh")
def refresh(connection_id: int) -> Any:
    row = connection_or_404(connection_id)
    if not any(task.key == "references" for task in connectors()[row.kind].tasks):
        abort(404)
    started = runs.request(row.id, "references", current_user.name or current_user.email)
    wake.changed()
    db.session.commit()
    flash(_("The lists are being fetched.") if started else _("It is running already."), "info")
    return redirect(fragments.came_from(url_for("mappings.index", connection_id=row.id)), 303)


def _with_table(connection_id: int, table: str) -> Connection:
    row = connection_or_404(connection_id)
    if table not in {known.key for known in connectors()[row.kind].mappings}:
        abort(404)
    return row


def _extra(extras: Any, lookup: str) -> dict[str, Any]:
    """The extra columns of one row; empty ones are left out, unknown choices too."""
    found = {extra.key: _extra_value(extra, lookup) for extra in extras}
    return {key: value for key, value in found.items() if value}


def _extra_value(extra: Extra, lookup: str) -> Any:
    typed = request.form.get(f"x:{extra.key}:{lookup}", "").strip()
    if extra.kind == "tick":
        return bool(typed)
    if extra.kind == "select":
        return typed if typed in dict(extra.choices) else ""
    if extra.kind == "number":  # what is typed past the field's own check is brought to what can be
        return min(int(typed), extra.most) if typed.isdecimal() and len(typed) < 10 else 0
    return typed[:300]


def _completed(n: int) -> str:
    return ngettext(
        "Remembered, and %(num)s waiting order is completed.",
        "Remembered, and %(num)s waiting orders are completed.",
        n,
    )


def _tell(row: Connection, saved: mapping.Saved) -> None:
    for pair in saved.barred:
        said = _(
            "“%(ours)s” was not saved: no order can be given “%(theirs)s”, %(system)s sets it itself. "
            "Choose one that can be set, such as %(instead)s.",
            ours=pair.ours,
            theirs=pair.theirs,
            system=connectors()[row.kind].title,
            instead=", ".join(f"“{name}”" for name in pair.instead),
        )
        flash(said, "danger")
    if saved.barred and not saved.changed:
        return
    if saved.applied:
        flash(_completed(saved.applied), "success")
    else:
        flash(_("Saved.") if saved.changed else _("Nothing was changed."), "success" if saved.changed else "info")


def _saved(row: Connection, table: str, saved: mapping.Saved) -> Any:
    db.session.commit()
    _tell(row, saved)
    return redirect(url_for("mappings.index", connection_id=row.id, table=table), 303)
