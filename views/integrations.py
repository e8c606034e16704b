"""Settings: connected systems with their health, the catalogue of others, and the parts of one connection's page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField
from wtforms.validators import Length

from integrations import connectors
from integrations.base import (
    Connector,
    PullsOrders,
    PullsProducts,
    ReceivesOrders,
    ReceivesWebhooks,
    SendsMessages,
    TakesPayments,
    Task,
)
from integrations.text import N_
from jobs import connections, overview, registries, reports, settle, waiting, wake
from models import Connection, db, utcnow
from orders import days, routes

from . import advice, fragments, security
from .text import translated

bp = Blueprint("integrations", __name__, url_prefix="/settings/integrations")

STATES = {
    "ok": (N_("Works"), "green"),
    "shaky": (N_("Trouble"), "orange"),
    "broken": (N_("Stopped"), "red"),
    "off": (N_("Off"), "grey"),
    "unused": (N_("Not used yet"), "azure"),
}
KINDS = {
    "source": (N_("Orders come from"), PullsOrders),
    "destination": (N_("Orders go to"), ReceivesOrders),
    "payment": (N_("Payments"), TakesPayments),
    "catalogue": (N_("Products come from"), PullsProducts),
    "messages": (N_("Messages go to"), SendsMessages),
}
VERBS = {
    "pull": N_("Get orders"),
    "catalogue": N_("Get products"),
    "send": N_("Send"),
    "update": N_("Update"),
    "find": N_("Look up"),
    "delete": N_("Delete"),
    "status": N_("Write status"),
    "statuses": N_("Read statuses back"),
    "ttn": N_("Write tracking number"),
    "references": N_("Refresh lists"),
    "products": N_("Create products"),
    "pay_create": N_("Open a payment"),
    "pay_check": N_("Check a payment"),
    "pay_cancel": N_("Call a payment off"),
    "pay_refund": N_("Give money back"),
}


#: columns of Connection that its page of defaults sets, for systems that orders come from, and that they go to
INCOMING = ("shop_id", "source_id", "type_id", "commission_type_id")
OUTGOING = ("success_status_id", "failure_status_id")


class DefaultsForm(FlaskForm):
    """What orders from here get, and what a transfer there leads to."""

    shop_id = SelectField(N_("Shop"), coerce=int)
    source_id = SelectField(N_("Source"), coerce=int)
    type_id = SelectField(N_("Order type"), coerce=int)
    commission_type_id = SelectField(
        N_("Book its commissions as"),
        coerce=int,
        description=N_("Each order that comes with a commission gets it as an expense; a changed one changes it."),
    )
    success_status_id = SelectField(N_("After a transfer"), coerce=int)
    failure_status_id = SelectField(N_("After a refusal"), coerce=int)
    services = StringField(
        N_("Orders sent there also go to"),
        [Length(max=250)],
        description=N_(
            "Delivery services, with commas between them. An order that one of them has already "
            "is then not sent there a second time by another route."
        ),
    )


@bp.get("")
def index() -> Any:
    return fragments.render(
        "integrations/index.html",
        "integrations/_catalogue.html" if request.args.get("part") == "catalogue" else "integrations/_connected.html",
        systems=reports.health(),
        states=STATES,
        now=utcnow(),
        failures=overview.failures(midnight()),
        next_runs=overview.next_runs(),
        catalogue=_catalogue(),
        kinds=KINDS,
        query=request.args.get("q", ""),
        kind=request.args.get("kind", ""),
    )


@bp.post("/<int:connection_id>/enabled")
@security.owner_only
def switch(connection_id: int) -> Any:
    row = connection_or_404(connection_id)
    row.enabled = request.form.get("enabled") == "1"
    wake.changed()
    db.session.commit()
    text = _("%(name)s is on.", name=row.name) if row.enabled else _("%(name)s is off: nothing moves.", name=row.name)
    flash(text, "success")
    return redirect(fragments.came_from(url_for("integrations.index")), 303)


@bp.post("/<int:connection_id>/delete")
@security.owner_only
def delete(connection_id: int) -> Any:
    row = connection_or_404(connection_id)
    name = row.name
    connections.remove(row)
    db.session.commit()
    flash(_("%(name)s is deleted, and its key with it.", name=name), "success")
    return redirect(url_for("integrations.index"), 303)


@bp.get("/<int:connection_id>/settings")
def defaults(connection_id: int) -> Any:
    row = connection_or_404(connection_id)
    return _defaults_page(row, _defaults_form(row, formdata=None))


@bp.post("/<int:connection_id>/settings")
def save_defaults(connection_id: int) -> Any:
    row = connection_or_404(connection_id)
    form = _defaults_form(row)
    if not form.validate():
        return _defaults_page(row, form), 422
    for field in form:
        if field.name.endswith("_id"):
            setattr(row, field.name, field.data or None)
    if form.services:
        routes.set_services(row.id, form.services.data or "")
    wake.changed()
    db.session.commit()
    flash(_("Saved."), "success")
    return redirect(url_for("integrations.defaults", connection_id=row.id), 303)


@bp.get("/<int:connection_id>/schedules")
def schedules(connection_id: int) -> Any:
    row = connection_or_404(connection_id)
    return fragments.render(
        "integrations/schedules.html",
        "integrations/_schedules.html",
        schedules=overview.schedules(row.id),
        runs=overview.runs(row.id),
        tasks=task_names(row),
        intervals=settle.INTERVALS,
        **shown(row, "schedules"),
    )


@bp.get("/<int:connection_id>/log")
def log(connection_id: int) -> Any:
    row = connection_or_404(connection_id)
    return render_template(
        "integrations/log.html", attempts=overview.attempts(row.id), verbs=VERBS, **shown(row, "log")
    )


def connection_or_404(connection_id: int) -> Connection:
    """The connection, unless it is removed or its connector is gone."""
    row = db.session.get(Connection, connection_id)
    if row is None or row.removed_at is not None or row.kind not in connectors():
        abort(404)
    return row


def shown(row: Connection, tab: str) -> dict[str, Any]:
    """What every part of a connection's page shows: head, health, tabs."""
    health = next(system for system in reports.health() if system.id == row.id)
    cls = connectors()[row.kind]
    trouble = advice.advice(health.fault, row, health.detail, health.field) if health.fault and row.enabled else None
    return {
        "connection": row,
        "connector": cls,
        "health": health,
        "trouble": trouble,
        "held": waiting.count(row.id),
        "states": STATES,
        "now": utcnow(),
        "tab": tab,
        "tabs": _tabs(row, cls, tab),
    }


def _tabs(row: Connection, cls: type[Connector], tab: str) -> list[tuple[str, str, bool, None]]:
    """A part appears when the connection has something to set there."""
    parts = [
        ("connect", "connect.edit", _("Connection"), True),
        ("settings", "integrations.defaults", _("Settings"), cls.can(PullsOrders) or cls.can(ReceivesOrders)),
        ("mappings", "mappings.index", _("Mappings"), bool(cls.mappings)),
        ("products", "catalogue_matching.show", _("Products"), cls.can(PullsProducts)),
        ("schedules", "integrations.schedules", _("Schedules"), bool(cls.tasks)),
        ("webhook", "hook_links.index", _("Webhook link"), cls.can(ReceivesWebhooks)),
        ("log", "integrations.log", _("Log"), True),
    ]
    return [(text, url_for(end, connection_id=row.id), key == tab, None) for key, end, text, there in parts if there]


def task_names(row: Connection) -> dict[str, str]:
    tasks: tuple[Task, ...] = tuple(connectors()[row.kind].tasks)
    return {task.key: task.title for task in tasks}


def midnight() -> datetime:
    return days.midnight(days.of(utcnow()))


def _catalogue() -> list[type[Connector]]:
    """Connectors that the search and the filter of the address leave."""
    words = request.args.get("q", "").casefold().split()
    capability = KINDS.get(request.args.get("kind", ""), ("", None))[1]
    found = []
    for cls in connectors().values():
        said = (cls.title, translated(cls.title), cls.key, translated(cls.summary), *cls.countries)
        text = " ".join(said).casefold()
        if all(word in text for word in words) and (capability is None or cls.can(capability)):
            found.append(cls)
    return found


def _defaults_form(row: Connection, **more: Any) -> DefaultsForm:
    cls = connectors()[row.kind]
    given: dict[str, Any] = {name: getattr(row, name) or 0 for name in _default_names(cls)}
    form = DefaultsForm(data=given | {"services": routes.services(row.id)}, **more)
    if not cls.can(ReceivesOrders):
        del form.services
    lists = {"shop_id": "shops", "source_id": "sources", "type_id": "types", "commission_type_id": "expenses"}
    for name in (*INCOMING, *OUTGOING):
        if name not in _default_names(cls):
            del form[name]
            continue
        rows = registries.rows(lists[name]) if name in lists else registries.success_choices()
        chosen = getattr(row, name)
        offered = {entry.id: translated(entry.name) for entry in rows if entry.active or entry.id == chosen}
        form[name].choices = {0: _("— not at all —") if name == "commission_type_id" else _("— as usual —"), **offered}
    return form


def _default_names(cls: type[Connector]) -> tuple[str, ...]:
    return (INCOMING if cls.can(PullsOrders) else ()) + (OUTGOING if cls.can(ReceivesOrders) else ())


def _defaults_page(row: Connection, form: DefaultsForm) -> str:
    known = routes.suggestions(row.id) if form.services else []
    return render_template("integrations/defaults.html", form=form, known=known, **shown(row, "settings"))
