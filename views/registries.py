"""Settings: the lists that staff keep (shops, sources, types, delivery, payment, statuses, expenses)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, flash, jsonify, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf import FlaskForm
from htmx_flask import request
from wtforms import BooleanField, RadioField, SelectField, StringField

from integrations.text import N_
from jobs import registries
from models import GROUPS, REGISTRIES, db
from models.registries import COLORS, DELIVERY_KINDS, PAYMENT_KINDS

from .text import translated

bp = Blueprint("registries", __name__, url_prefix="/settings/registries")


@dataclass(frozen=True)
class Page:
    """What a registry is called and what it is for."""

    title: str
    icon: str
    summary: str
    one: str  # label of the field for a new one


PAGES = {
    "statuses": Page(
        N_("Statuses"),
        "flag",
        N_("The stages of an order, each in a group that tells the hub what it means."),
        N_("New status"),
    ),
    "types": Page(N_("Order types"), "tag", N_("The tabs of the orders page."), N_("New order type")),
    "sources": Page(N_("Sources"), "world", N_("Where orders come from, as staff call it."), N_("New source")),
    "shops": Page(N_("Shops"), "building-store", N_("Your shops, each with its currency."), N_("New shop")),
    "delivery": Page(N_("Delivery methods"), "truck", N_("How parcels reach the customer."), N_("New delivery method")),
    "payment": Page(
        N_("Payment methods"),
        "credit-card",
        N_("How customers pay; the kind decides about cash on delivery."),
        N_("New payment method"),
    ),
    "expenses": Page(N_("Expense types"), "coin", N_("What an order costs you."), N_("New expense type")),
}
GROUP_NAMES = {
    "new": N_("New"),
    "confirmed": N_("Confirmed"),
    "transferred": N_("Transferred"),
    "problem": N_("Problem"),
    "preorder": N_("Pre-order"),
    "cancelled": N_("Cancelled"),
    "deleted": N_("Deleted"),
}
DELIVERY_NAMES = {
    "courier": N_("Courier to the door"),
    "pickup": N_("Branch or pickup point"),
    "post": N_("Post"),
    "self": N_("Self-pickup"),
}
PAYMENT_NAMES = {
    "cod_cash": N_("On delivery, cash"),
    "cod_card": N_("On delivery, card"),
    "online_card": N_("Card on the site"),
    "transfer": N_("Bank transfer"),
    "other": N_("Other"),
}
COUNTRY_NAMES = {
    "": N_("All shops"),
    "UA": N_("Shops in Ukraine"),
    "RU": N_("Shops in Russia"),
    "KZ": N_("Shops in Kazakhstan"),
    "BY": N_("Shops in Belarus"),
    "PL": N_("Shops in Poland"),
}
COLOR_NAMES = {
    "blue": N_("blue"),
    "azure": N_("azure"),
    "cyan": N_("cyan"),
    "teal": N_("teal"),
    "green": N_("green"),
    "lime": N_("lime"),
    "yellow": N_("yellow"),
    "orange": N_("orange"),
    "red": N_("red"),
    "pink": N_("pink"),
    "violet": N_("violet"),
    "indigo": N_("indigo"),
    "grey": N_("grey"),
}
CURRENCIES = ("UAH", "USD", "EUR", "PLN", "RUB", "KZT", "BYN", "GBP")
REFUSALS = {
    "empty": _l("Give it a name."),
    "long": _l("Use at most 120 characters."),
    "taken": _l("There is one with this name already."),
    "key": _l("The hub relies on it: rename it or switch it off instead."),
    "needed": _l("The hub relies on it: it can be renamed, not switched off."),
}


class RowForm(FlaskForm):
    name = StringField(N_("Name"))


class ShopForm(RowForm):
    currency = SelectField(N_("Currency"), choices={c: c for c in CURRENCIES}, default="UAH")
    accent = RadioField(N_("Colour of customers' pages"), choices={c: COLOR_NAMES[c] for c in COLORS}, default="blue")


class SourceForm(RowForm):
    color = RadioField(N_("Colour"), choices={c: COLOR_NAMES[c] for c in COLORS}, default="grey")


class StatusForm(RowForm):
    group = SelectField(N_("Group"), choices={g: GROUP_NAMES[g] for g in GROUPS}, default="confirmed")
    color = RadioField(N_("Colour"), choices={c: COLOR_NAMES[c] for c in COLORS}, default="teal")


class DeliveryForm(RowForm):
    kind = SelectField(N_("Kind"), choices={k: DELIVERY_NAMES[k] for k in DELIVERY_KINDS}, default="courier")
    country = SelectField(N_("Shops it is for"), choices=COUNTRY_NAMES, default="")
    card_on_delivery = BooleanField(N_("Takes cards on delivery"), default=True)
    postal_code_required = BooleanField(N_("Needs the postal code"))


class PaymentForm(RowForm):
    kind = SelectField(N_("Kind"), choices={k: PAYMENT_NAMES[k] for k in PAYMENT_KINDS}, default="other")


FORMS: dict[str, type[RowForm]] = {
    "shops": ShopForm,
    "sources": SourceForm,
    "statuses": StatusForm,
    "delivery": DeliveryForm,
    "payment": PaymentForm,
}


@bp.get("")
def index() -> Any:
    return redirect(url_for("registries.table", table="statuses"))


@bp.get("/<table>")
def table(table: str) -> Any:
    return _page(_known(table), edit=request.args.get("edit", 0, int))


@bp.post("/<table>")
def add(table: str) -> Any:
    form = _form(_known(table))
    try:
        if not form.validate():
            return _page(table, add_form=form), 422
        row = registries.add(table, form.name.data or "", _values(form))
    except registries.Refused as refusal:
        form.name.errors = [str(REFUSALS[refusal.reason])]
        return _page(table, add_form=form), 422
    db.session.commit()
    flash(_("Added: %(name)s.", name=row.name), "success")
    return _back(table)


@bp.post("/<table>/<int:row_id>")
def save(table: str, row_id: int) -> Any:
    row = _row(table, row_id)
    form = _form(table)
    name = (form.name.data or "").strip()
    if name == translated(row.name):
        name = row.name  # shown in the reader's language, not renamed
    try:
        if not form.validate():
            return _page(table, edit=row_id, edit_form=form), 422
        registries.change(table, row, name, _values(form))
    except registries.Refused as refusal:
        form.name.errors = [str(REFUSALS[refusal.reason])]
        db.session.rollback()
        return _page(table, edit=row_id, edit_form=form), 422
    db.session.commit()
    return _back(table)


@bp.post("/<table>/<int:row_id>/move")
def move(table: str, row_id: int) -> Any:
    registries.move(table, _row(table, row_id), -1 if request.form.get("to") == "up" else 1)
    db.session.commit()
    return _back(table)


@bp.post("/<table>/<int:row_id>/active")
def active(table: str, row_id: int) -> Any:
    try:
        registries.switch(table, _row(table, row_id), request.form.get("active") == "1")
    except registries.Refused as refusal:
        flash(str(REFUSALS[refusal.reason]), "danger")
    db.session.commit()
    return _back(table)


@bp.post("/<table>/<int:row_id>/delete")
def delete(table: str, row_id: int) -> Any:
    row = _row(table, row_id)
    name = translated(row.name)
    try:
        registries.remove(table, row)
    except registries.Refused as refusal:
        flash(_why_kept(name, refusal), "danger")
        return _back(table)
    db.session.commit()
    flash(_("Deleted: %(name)s.", name=name), "success")
    return _back(table)


@bp.post("/<table>/quick")
def quick(table: str) -> Any:
    """Made from where it is chosen: {"name": …} -> {"value": id, "text": name}; 422 {"error": …}."""
    given = request.get_json(silent=True) if request.is_json else request.form
    values = {key: str(value) for key, value in (given or {}).items() if key in ("group", "kind", "color")}
    try:
        row, made = registries.quick_add(_known(table), str((given or {}).get("name") or ""), _valid(table, values))
    except registries.Refused as refusal:
        return jsonify(error=str(REFUSALS[refusal.reason])), 422
    db.session.commit()
    return jsonify(value=str(row.id), text=translated(row.name)), 201 if made else 200


def _known(table: str) -> str:
    if table not in PAGES or table not in REGISTRIES:
        abort(404)
    return table


def _row(table: str, row_id: int) -> Any:
    row = registries.get(_known(table), row_id)
    if row is None:
        abort(404)
    return row


def _form(table: str, row: Any = None, **more: Any) -> RowForm:
    form = FORMS.get(table, RowForm)(obj=row, **more)
    if row is not None and not form.is_submitted():
        form.name.data = translated(row.name)
    return form


def _values(form: RowForm) -> dict[str, Any]:
    return {name: value for name, value in form.data.items() if name not in ("name", "csrf_token")}


def _valid(table: str, values: dict[str, str]) -> dict[str, str]:
    """Only what the registry's own form would take."""
    form = FORMS.get(table, RowForm)(formdata=None)
    allowed = {f.name: set(f.choices or ()) for f in form if isinstance(f, SelectField)}
    return {key: value for key, value in values.items() if value in allowed.get(key, ())}


def _why_kept(name: str, refusal: registries.Refused) -> str:
    if refusal.usage is None:
        return str(REFUSALS[refusal.reason])
    used = refusal.usage
    if used.orders:
        return ngettext(
            "%(name)s is kept: %(num)s order uses it. Switch it off instead.",
            "%(name)s is kept: %(num)s orders use it. Switch it off instead.",
            used.orders,
            name=name,
        )
    return _("%(name)s is kept: a connection's settings or mappings use it.", name=name)


def _back(table: str) -> Any:
    """Back to the list; an htmx request gets the list itself."""
    if request.htmx:
        return _page(table)
    return redirect(url_for("registries.table", table=table), 303)


def _page(table: str, edit: int = 0, add_form: RowForm | None = None, edit_form: RowForm | None = None) -> str:
    rows = registries.rows(table)
    editing = next((row for row in rows if row.id == edit), None)
    if editing is not None and edit_form is None:
        edit_form = _form(table, editing, formdata=None)
    counts = registries.order_counts(table)
    template = "registries/list.html" if request.htmx and not request.htmx.boosted else "registries/table.html"
    return render_template(
        template,
        table=table,
        pages=PAGES,
        rows=rows,
        counts=counts,
        counted=bool(counts) or table in ("statuses", "types", "sources", "shops"),
        needed={row.id for row in rows if registries.is_needed(table, row)},
        edit=edit if editing is not None else 0,
        form=edit_form,
        add_form=add_form or _form(table, formdata=None),
        groups=GROUP_NAMES,
        kinds={**DELIVERY_NAMES, **PAYMENT_NAMES},
    )
