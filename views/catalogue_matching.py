"""How the offers of connections meet our products: rules, what changing one would do, what waits for a person."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_login import current_user
from htmx_flask import request

from catalogue import matching, rules
from catalogue.rules import Rule
from integrations.text import N_
from jobs import catalogue_plan, overview, runs, wake
from models import MATCH_BY, Connection, db
from orders.listing import Cursor

from .activity_words import CHANGED
from .integrations import connection_or_404
from .product import MATCHED
from .product_list import has_catalogue, sources

bp = Blueprint("catalogue_matching", __name__, url_prefix="/catalogue/matching")

BY = {
    "sku": N_("SKU"),
    "own_id": N_("Our id there is our SKU"),
    "external_id": N_("Their id is our SKU"),
    "id": N_("Number of our product"),
    "barcode": N_("Barcode"),
    "name": N_("Name, letter by letter"),
}
NEW = {
    "create": N_("becomes a product"),
    "hidden": N_("becomes a hidden product"),
    "leave": N_("stays without a product"),
}
GONE = {
    "nothing": N_("stays as it is"),
    "none_left": N_("has none left (stock 0)"),
    "hide": N_("is hidden"),
}
#: what a rule may let follow: all that the journal names, but being shown, which goes by GONE
FOLLOW = {name: said for name, said in CHANGED.items() if name != "back"}
PAGE = 50
TASKS = ("match", "catalogue", "rehearse")


@bp.get("")
def index() -> Any:
    found = sources()
    counts = matching.counts([row.id for row in found])
    by_id = {row.id: rules.of(row.id) for row in found}
    return render_template("catalogue/matching.html", sources=found, counts=counts, rules=by_id, by=BY)


@bp.get("/<int:connection_id>")
def show(connection_id: int) -> Any:
    return _page(_source(connection_id), rules.of(connection_id))


@bp.post("/<int:connection_id>")
def save(connection_id: int) -> Any:
    """Keep the rule, or show first what it would change: of the offers that are known, or of the whole catalogue."""
    row, rule, do = _source(connection_id), _posted(), request.form.get("do", "")
    if do == "preview":
        return _page(row, rule, matching.preview(row.id, rule))
    if do == "rehearse":
        return _rehearse(row, rule)
    if do == "take":
        return _take(row, rule)
    rules.save(row.id, rule)
    catalogue_plan.regular(row.id, "regular" in request.form)
    if do == "rematch":
        runs.request(row.id, "match", _who())
    wake.changed()
    db.session.commit()
    flash(_("Saved; the products are being matched anew.") if do == "rematch" else _("Saved."), "ok")
    return redirect(url_for("catalogue_matching.show", connection_id=row.id), 303)


def _posted() -> Rule:
    form = request.form
    lists = (form.getlist("match"), form.get("new", ""), form.get("gone", ""), form.getlist("follow"))
    return Rule.checked(*lists, form.getlist("categories"), "sort" in form)


def _rehearse(row: Connection, rule: Rule) -> Any:
    run = catalogue_plan.rehearse(row.id, rule, _who())
    wake.changed()
    db.session.commit()
    if run is None:
        flash(_("Another try is under way; see its report first."), "info")
        return redirect(url_for("catalogue_matching.show", connection_id=row.id), 303)
    flash(_("The catalogue is being read; nothing is changed."), "ok")
    return redirect(url_for("activity.run", run_id=run.id), 303)


def _take(row: Connection, rule: Rule) -> Any:
    started = catalogue_plan.adopt(row.id, rule, _who())
    wake.changed()
    db.session.commit()
    flash(_("Saved; the catalogue is being taken in.") if started else _("Saved. A reading is under way."), "ok")
    return redirect(url_for("catalogue_matching.show", connection_id=row.id), 303)


def _who() -> str:
    return str(current_user.name or current_user.email)


def _source(connection_id: int) -> Connection:
    row = connection_or_404(connection_id)
    if not has_catalogue(row):
        abort(404)
    return row


def _page(row: Connection, rule: Rule, preview: matching.Preview | None = None) -> Any:
    cursor = Cursor.read(request.args.get("cursor", ""))
    query = request.args.get("q", "")[:200]
    offers, more = matching.unmatched(row.id, query, cursor.id or 0, PAGE)
    return render_template(
        "catalogue/matching_rule.html",
        connection=row,
        rule=rule,
        preview=preview,
        schedules=catalogue_plan.schedules(row.id),
        regular=catalogue_plan.is_regular(row.id),
        categories=catalogue_plan.categories(row.id, rule.categories),
        counts=matching.counts([row.id]).get(row.id, {}),
        offers=offers,
        query=query,
        next_url=url_for(".show", connection_id=row.id, q=query or None, cursor=offers[-1].id) if more else None,
        first_url=url_for(".show", connection_id=row.id, q=query or None) if cursor.id else None,
        busy=any(overview.open_run(row.id, task) for task in TASKS),
        runs=[run for run in overview.runs(row.id, 30) if run.task in (*TASKS, "prices")][:5],
        by={key: BY[key] for key in MATCH_BY},
        new=NEW,
        gone=GONE,
        follow=FOLLOW,
        matched=MATCHED,
        names={row.id: row.name},
        product=None,
    )
