"""One's own account: name, language, row height, password, and the devices that are signed in."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, session, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import PasswordField, SelectField, StringField
from wtforms.validators import EqualTo, Length

from integrations.text import N_
from models import UserSession, db, utcnow

from . import notices, passwords, security, setup_link
from .auth import NEEDED, stripped
from .security import limiter
from .text import LANGUAGES

bp = Blueprint("account", __name__, url_prefix="/settings/profile")

#: what a User-Agent tells, first match wins
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("YaBrowser", "Yandex"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


class ProfileForm(FlaskForm):
    name = StringField(N_("Full name"), [Length(max=120)], filters=[stripped])
    language = SelectField(N_("Language"), choices={"": N_("As the browser asks"), **LANGUAGES})
    density = SelectField(
        N_("Rows of lists"), choices={"compact": N_("Compact: 30 on a laptop"), "normal": N_("Roomy: 20")}
    )


class OwnPasswordForm(FlaskForm):
    current = PasswordField(N_("Present password"), [NEEDED])
    password = PasswordField(N_("New password"), [NEEDED, passwords.strong])
    again = PasswordField(N_("New password again"), [NEEDED, EqualTo("password", _l("The two new passwords differ."))])


@bp.get("")
def profile() -> Any:
    return _page(ProfileForm(obj=current_user), OwnPasswordForm(formdata=None))


@bp.post("")
def save() -> Any:
    form = ProfileForm()
    if not form.validate():
        return _page(form, OwnPasswordForm(formdata=None)), 422
    form.populate_obj(current_user)
    session["language"] = current_user.language
    db.session.commit()
    flash(_("Saved."), "success")
    return redirect(url_for("account.profile"))


@bp.post("/password")
@limiter.limit("10/minute")
def change_password() -> Any:
    form = OwnPasswordForm()
    if form.validate() and not passwords.matches(current_user, form.current.data):
        form.current.errors = [_("This is not your present password.")]
    if form.errors:
        return _page(ProfileForm(formdata=None, obj=current_user), form), 422
    setup_link.change_password(current_user, form.password.data, keep=security.current_session())
    db.session.commit()
    flash(_("The password is changed, and other devices are signed out."), "success")
    return redirect(url_for("account.profile"))


@bp.post("/notices")
def save_notices() -> Any:
    form = notices.NoticeForm()
    if not form.validate():
        return _page(ProfileForm(formdata=None, obj=current_user), OwnPasswordForm(formdata=None), form), 422
    notices.store(form)
    db.session.commit()
    flash(_("Saved."), "success")
    return redirect(url_for("account.profile", _anchor="notices"), 303)


@bp.post("/sessions/<int:session_id>/revoke")
def revoke(session_id: int) -> Any:
    row = db.session.get(UserSession, session_id)
    if row is None or row.user_id != current_user.id:
        abort(404)
    row.revoked_at = row.revoked_at or utcnow()
    db.session.commit()
    flash(_("That device is signed out."), "success")
    return redirect(url_for("account.profile"))


@bp.post("/sessions/revoke-others")
def revoke_others() -> Any:
    setup_link.revoke_sessions(current_user.id, keep=security.current_session())
    db.session.commit()
    flash(_("All other devices are signed out."), "success")
    return redirect(url_for("account.profile"))


def _page(
    profile_form: ProfileForm, password_form: OwnPasswordForm, notice_form: notices.NoticeForm | None = None
) -> str:
    here = security.current_session()
    query = db.select(UserSession).where(UserSession.user_id == current_user.id, UserSession.revoked_at.is_(None))
    rows = db.session.scalars(query.order_by(UserSession.seen_at.desc()).limit(50)).all()
    return render_template(
        "account/profile.html",
        form=profile_form,
        password_form=password_form,
        sessions=[(row, device(row.agent), here is not None and row.id == here.id) for row in rows],
        **notices.part_of_profile(notice_form),
    )


def device(agent: str) -> str:
    """'Firefox, Windows' of a User-Agent; empty when it says neither."""
    names = [next((name for mark, name in table if mark in agent), "") for table in (BROWSERS, SYSTEMS)]
    return ", ".join(name for name in names if name)
