"""The catalogue: the list of products with inline and bulk edits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template
from flask_babel import gettext as _
from flask_babel import ngettext
from htmx_flask import request

from catalogue import editing, listing
from catalogue.filters import ProductFilter
from models import Category, Product, db
from orders.listing import Cursor

from . import answers, fragments
from .product_list import CataloguePage, filter_of, list_url
from .product_values import InvalidValue, money, percent, quantity

bp = Blueprint("products", __name__, url_prefix="/catalogue/products")


@bp.get("")
def index() -> Response:
    """The page; for htmx the part below the search box."""
    page = CataloguePage(ProductFilter.read(request.args), Cursor.read(request.args.get("cursor", "")))
    return fragments.listed("catalogue/index.html", "catalogue/list.html", "product-search", page.address, page=page)


@bp.get("/total")
def total() -> str:
    """How many a filter finds, where that has to be counted: asked for by the page once it is shown."""
    found, exact = listing.total_found(ProductFilter.read(request.args))
    return render_template("catalogue/total.html", found=found, exact=exact)


@bp.post("/<int:product_id>/cell")
def cell(product_id: int) -> Any:
    """One cell of a row: its price or its stock; answers with the row."""
    product = db.get_or_404(Product, product_id)
    given = request.form
    try:
        values: dict[str, Any] = {"price": money(given["price"])} if "price" in given else {}
        values |= {"stock": quantity(given["stock"])} if "stock" in given else {}
    except InvalidValue as invalid:
        db.session.rollback()
        row = render_row(product_id, refused={name: given[name] for name in ("price", "stock") if name in given})
        return answers.trigger((row, 200), **answers.toast(str(invalid), "warn"))
    editing.put(product, values)
    db.session.commit()
    return render_row(product_id, fresh=True)


def render_row(product_id: int, fresh: bool = False, refused: dict[str, str] | None = None, oob: bool = False) -> str:
    """The row as it stands now; greyed when the list that asked no longer shows it."""
    page = CataloguePage(filter_of(request.values.get("view", "")))
    rows = listing.by_ids([product_id])
    page.page = listing.Page(rows, None, None, True)
    stale = not listing.fits(page.f, product_id)
    values = {"page": page, "fresh": fresh, "stale": stale, "refused": refused or {}, "oob": oob}
    return render_template("catalogue/row.html", **values)


@bp.post("/bulk")
def bulk() -> Any:
    """What is done to the chosen products."""
    ids, back = chosen(), list_url(request.form.get("view", "")[:2000])
    if not ids:
        return answers.refuse(_("Choose products first."), back)
    try:
        n = _change(ids, request.form.get("do", ""))
    except InvalidValue as invalid:
        return answers.refuse(str(invalid), back)
    db.session.commit()
    text = ngettext("%(num)s product is changed.", "%(num)s products are changed.", n)
    flash(text, "ok")
    return redirect(back, 303)


def chosen() -> list[int]:
    """Ticked ones, or all that the filter shows."""
    if request.form.get("all"):
        return listing.ids(filter_of(request.form.get("view", "")))
    return [int(i) for i in request.form.getlist("ids") if i.isdecimal() and len(i) < 19]


def _change(ids: list[int], what: str) -> int:
    """Raises InvalidValue."""
    form = request.form
    if what == "price":
        return editing.raise_prices(ids, percent(form.get("percent", "")))
    if what == "stock":
        return editing.change_many(ids, "stock", quantity(form.get("stock", "")))
    if what in ("hide", "show"):
        return editing.change_many(ids, "active", what == "show")
    if what.startswith("category:"):
        category = db.session.get(Category, int(what[9:])) if what[9:].isdecimal() else None
        return editing.change_many(ids, "category", category.id if category else None)
    raise InvalidValue(_("Choose what to change."))


@bp.app_template_filter("plain_number")
def plain_number(value: Decimal | None) -> str:
    """As a field holds it: no separators, no zeros at the end of a fraction."""
    if value is None:
        return ""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
