"""Expenses: those of one order on its card, and the report of what orders brought and cost."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import Blueprint, Response, abort, render_template, url_for
from flask_babel import gettext as _
from htmx_flask import request

from integrations.text import N_
from jobs import wake
from models import Expense, Order, db, utcnow
from orders import days, expense_report, expenses

from . import addresses, card_page, text
from .text import translated

bp = Blueprint("expenses", __name__)

BY = {
    "source": N_("By source"),
    "shop": N_("By shop"),
    "type": N_("By type of expense"),
    "time": N_("By time"),
}
SPAN = timedelta(days=29)
LONGEST = timedelta(days=366 * 5)


@dataclass(frozen=True)
class Asked:
    """What the address says of the report."""

    by: str
    since: date
    until: date


# of one order


@bp.get("/order/<int:order_id>/expenses")
def of_order(order_id: int) -> Any:
    return _panel(_order(order_id))


@bp.post("/order/<int:order_id>/expenses")
@bp.post("/order/<int:order_id>/expenses/<int:expense_id>")
def save(order_id: int, expense_id: int = 0) -> Any:
    order = _order(order_id)
    row = _expense(order, expense_id) if expense_id else None
    kind, amount = request.form.get("type", 0, int), _amount(request.form.get("amount", ""))
    usable = {entry.id for entry in expenses.types(row.type_id if row else None)}
    problem = _("A sum like 1500.") if amount is None else "" if kind in usable else _("Choose what it is for.")
    if problem or amount is None:
        return _panel(order, problem, expense_id), 422
    expenses.save(order, row, kind, amount, request.form.get("note", "").strip(), card_page.actor())
    return _saved(order)


@bp.post("/order/<int:order_id>/expenses/<int:expense_id>/delete")
def delete(order_id: int, expense_id: int) -> Any:
    order = _order(order_id)
    expenses.remove(_expense(order, expense_id), card_page.actor())
    return _saved(order)


def _saved(order: Order) -> Any:
    order.updated_at = utcnow()
    wake.changed()
    db.session.commit()
    return _panel(order)


def _panel(order: Order, problem: str = "", wrong: int = 0) -> Any:
    rows = expenses.of_order(order.id)
    kinds = expenses.types()
    sums: dict[str, Decimal] = {}
    for row in rows:
        sums[row.currency] = sums.get(row.currency, Decimal(0)) + row.amount
    page = "card/_expenses.html" if request.htmx else "card/expenses.html"
    shown = {"order": order, "rows": rows, "kinds": kinds, "sums": sums, "problem": problem, "wrong": wrong}
    return render_template(page, **shown, form=request.form, address=addresses.order(order.number))


def _amount(given: str) -> Decimal | None:
    try:
        amount = Decimal("".join(given.split()).replace(",", "."))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 < amount < 10**9 and amount == round(amount, 2) else None


def _order(order_id: int) -> Order:
    return db.session.get(Order, order_id) or abort(404)


def _expense(order: Order, expense_id: int) -> Expense:
    row = db.session.get(Expense, expense_id)
    return row if row is not None and row.order_id == order.id else abort(404)


# the report


@bp.get("/expenses")
def index() -> Any:
    asked = _asked()
    found = expense_report.report(asked.by, asked.since, asked.until)
    tabs = [(translated(words), _address(asked, by=by), by == asked.by, None) for by, words in BY.items()]
    return render_template(
        "expenses/index.html", asked=asked, found=found, tabs=tabs, csv_url=_address(asked, "csv"), name_of=_name
    )


@bp.get("/expenses.csv")
def as_csv() -> Any:
    """The same as a file, numbers as programs read them."""
    asked = _asked()
    found = expense_report.report(asked.by, asked.since, asked.until)
    out = io.StringIO()
    write = csv.writer(out)
    write.writerow([translated(BY[asked.by]), _("Currency"), _("Orders"), _("Total"), _("Expenses"), _("Difference")])
    for line in found.lines:
        for sums in line.sums:
            write.writerow([_plain(_name(line)), sums.currency, sums.orders, sums.total, sums.expenses, sums.left])
    name = f"expenses-{asked.by}-{asked.since}-{asked.until}.csv"
    answer = Response("\ufeff" + out.getvalue(), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _plain(name: str) -> str:
    """A name that a spreadsheet could take for a formula is told to be a text."""
    return f"'{name}" if name[:1] in ("=", "+", "-", "@", "\t", "\r") else name


def _name(line: expense_report.Line) -> str:
    if line.since is not None:
        return text.day(days.midnight(line.since))
    return translated(line.name) or _("not given")


def _asked() -> Asked:
    by = request.args.get("by", "")
    until = _date("until") or days.of(utcnow())
    since = min(_date("since") or until - SPAN, until)
    return Asked(by if by in BY else "source", max(since, until - LONGEST), until)


def _date(name: str) -> date | None:
    try:
        found = date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2100 else None


def _address(asked: Asked, form: str = "index", by: str = "") -> str:
    endpoint = "expenses.as_csv" if form == "csv" else "expenses.index"
    return url_for(endpoint, by=by or asked.by, since=asked.since, until=asked.until)
