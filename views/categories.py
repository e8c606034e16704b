"""The tree of categories: listed, made, renamed, moved, deleted once empty."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, render_template, url_for
from flask_babel import gettext as _
from flask_login import current_user
from flask_wtf import FlaskForm
from htmx_flask import request
from wtforms import SelectField, StringField
from wtforms.validators import InputRequired, Length

from catalogue import categories, tree
from integrations.text import N_
from models import Category, db

from . import answers, fragments

bp = Blueprint("categories", __name__, url_prefix="/catalogue/categories")

REFUSED = {
    "blank": N_("Fill this in."),
    "long": N_("No more than 200 letters."),
    "slash": N_("A single “/” between blanks divides names: write it without blanks."),
    "taken": N_("There is one of this name already."),
    "itself": N_("It can't be put under itself."),
    "deep": N_("Too deep: ten levels at most."),
    "gone": N_("It is gone."),
    "parent_gone": N_("This category is gone. Choose another one."),
    "full": N_("There are products or categories in it. Move them first."),
}
#: what is said beside the field of the parent; the rest beside the name
_OF_PARENT = ("itself", "deep", "parent_gone")


class CategoryForm(FlaskForm):
    """A category's name and where it stands."""

    name = StringField(N_("Name"), [InputRequired(), Length(max=tree.LONGEST)])
    parent_id = SelectField(N_("Under"), coerce=int, validate_choice=False)

    def offer(self, category_id: int | None) -> CategoryForm:
        """Everything but itself and what is below it."""
        without = set(categories.below(category_id)) if category_id else set()
        paths = [(identity, path) for identity, path in categories.paths().items() if identity not in without]
        self.parent_id.choices = [(0, _("— at the top —")), *paths]
        return self

    def refuse(self, why: str) -> None:
        field = self.parent_id if why in _OF_PARENT else self.name
        field.errors = [*field.errors, _(REFUSED[why])]


@bp.get("")
def index() -> Any:
    part = request.args.get("name", "")[:100]
    rows = tree.listed(part)
    values = {"rows": rows, "part": part, "changed": request.args.get("changed", 0, type=int)}
    return fragments.render("catalogue/categories.html", "catalogue/_categories.html", **values)


@bp.get("/new")
def new() -> Any:
    if not current_user.can_edit:
        abort(403)
    return _page(CategoryForm(formdata=None, parent_id=request.args.get("parent", 0, type=int)), None)


@bp.post("/new")
def make() -> Any:
    form = CategoryForm()
    if not form.validate():
        return _page(form, None), 422
    try:
        row = tree.make(form.name.data or "", form.parent_id.data or None)
    except tree.Refused as refused:
        return _refused(form, None, refused)
    return _done(_("“%(name)s” is made.", name=row.name), row.id)


@bp.get("/<int:category_id>")
def show(category_id: int) -> Any:
    row = db.get_or_404(Category, category_id)
    return _page(CategoryForm(formdata=None, name=row.name, parent_id=row.parent_id or 0), row)


@bp.post("/<int:category_id>")
def save(category_id: int) -> Any:
    row = db.get_or_404(Category, category_id)
    form = CategoryForm()
    if not form.validate():
        return _page(form, row), 422
    try:
        tree.change(category_id, form.name.data or "", form.parent_id.data or None)
    except tree.Refused as refused:
        return _refused(form, row, refused)
    return _done(_("Saved."), category_id)


@bp.post("/<int:category_id>/delete")
def delete(category_id: int) -> Any:
    try:
        name = tree.delete(category_id)
    except tree.Refused as refused:
        db.session.rollback()
        return answers.refuse(_(REFUSED[refused.why]), url_for("categories.index"))
    return _done(_("“%(name)s” is deleted.", name=name))


def _done(said: str, category_id: int | None = None) -> Any:
    db.session.commit()
    flash(said, "ok")
    anchor = f"category-{category_id}" if category_id else None
    address = url_for("categories.index", changed=category_id, _anchor=anchor)
    return answers.go(address, 303)


def _refused(form: CategoryForm, row: Category | None, refused: tree.Refused) -> Any:
    db.session.rollback()
    form.refuse(refused.why)
    return _page(form, row), 422


def _page(form: CategoryForm, row: Category | None) -> str:
    form.offer(row.id if row else None)
    node = next((one for one in tree.listed() if row and one.id == row.id), None)
    values = {"form": form, "row": row, "node": node}
    if fragments.wanted():
        return render_template("catalogue/_category.html", **values)
    return render_template("catalogue/category.html", **values)
