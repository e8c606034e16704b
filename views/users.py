"""People who may sign in: for owners."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import EmailField, SelectField, StringField
from wtforms.validators import Email, Length

from integrations.text import N_
from models import User, db
from models.people import ROLES

from . import security, setup_link
from .auth import NEEDED, stripped

bp = Blueprint("users", __name__, url_prefix="/settings/users")

ROLE_NAMES = {
    "owner": N_("Owner: everything, users and keys too"),
    "manager": N_("Manager: orders, registries, mappings"),
    "viewer": N_("Viewer: reads, changes nothing"),
}


class AddForm(FlaskForm):
    email = EmailField(
        N_("E-mail"),
        [NEEDED, Length(max=254), Email(message=_l("This is not an e-mail address."))],
        filters=[stripped],
    )
    name = StringField(N_("Full name"), [Length(max=120)], filters=[stripped])
    role = SelectField(N_("Role"), choices={r: ROLE_NAMES[r] for r in reversed(ROLES)}, default="manager")


@bp.get("")
@security.owner_only
def index() -> Any:
    return _page(AddForm(formdata=None))


@bp.post("")
@security.owner_only
def add() -> Any:
    form = AddForm()
    if not form.validate():
        return _page(form), 422
    email = form.email.data.lower()
    if db.session.scalar(db.select(User.id).where(User.email == email)):
        form.email.errors = [_("This person is in the list already.")]
        return _page(form), 422
    user = User(email=email, name=form.name.data, role=form.role.data, password_hash="")
    db.session.add(user)
    db.session.flush()
    link = setup_link.new_password_link(user)
    db.session.commit()
    return _page(AddForm(formdata=None), link=link, person=user)


@bp.post("/<int:user_id>/role")
@security.owner_only
def role(user_id: int) -> Any:
    user, wanted = _user(user_id), request.form.get("role", "")
    if wanted not in ROLES:
        abort(400)
    if wanted != "owner" and _is_last_owner(user):
        return _refuse()
    user.role = wanted
    db.session.commit()
    flash(_("The role is changed."), "success")
    return redirect(url_for("users.index"))


@bp.post("/<int:user_id>/active")
@security.owner_only
def active(user_id: int) -> Any:
    """Let somebody in again, or keep them out: their sessions end at once."""
    user, wanted = _user(user_id), request.form.get("active") == "1"
    if not wanted and _is_last_owner(user):
        return _refuse()
    user.active = wanted
    if not wanted:
        setup_link.revoke_sessions(user.id)
    db.session.commit()
    text = _("This person may sign in again.") if wanted else _("This person is signed out and can't come in.")
    flash(text, "success")
    return redirect(url_for("users.index"))


@bp.post("/<int:user_id>/link")
@security.owner_only
def link(user_id: int) -> Any:
    user = _user(user_id)
    address = setup_link.new_password_link(user)
    db.session.commit()
    return _page(AddForm(formdata=None), link=address, person=user)


def _user(user_id: int) -> User:
    """The row, and all owners with it, locked: two owners can't take each other's role at once."""
    db.session.scalars(db.select(User.id).where(User.role == "owner").with_for_update()).all()
    user = db.session.get(User, user_id, populate_existing=True)
    if user is None:
        abort(404)
    return user


def _is_last_owner(user: User) -> bool:
    others = db.select(User.id).where(User.role == "owner", User.active, User.id != user.id)
    return user.role == "owner" and db.session.scalar(others) is None


def _refuse() -> Any:
    db.session.rollback()
    flash(_("The hub needs an owner: make somebody else one first."), "danger")
    return redirect(url_for("users.index"))


def _page(form: AddForm, link: str = "", person: User | None = None) -> str:
    users = db.session.scalars(db.select(User).order_by(User.active.desc(), User.name, User.email)).all()
    return render_template(
        "users/index.html", form=form, users=users, roles=ROLE_NAMES, link=link, person=person, owners=_owners(users)
    )


def _owners(users: Any) -> int:
    return sum(user.role == "owner" and user.active for user in users)
