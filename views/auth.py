"""Coming in and going out: login, the links that create the owner or set a password, and the language."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, flash, redirect, render_template, request, session
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from sqlalchemy.exc import OperationalError
from wtforms import EmailField, PasswordField, StringField
from wtforms.validators import Email, InputRequired, Length

from integrations.text import N_
from models import User, UserSession, db, reading, utcnow

from . import passwords, security, setup_link
from .security import limiter
from .text import LANGUAGES

bp = Blueprint("auth", __name__)

SEEN_EVERY = 600  # seconds: how exactly the list of sessions knows when a device was last here


def stripped(value: str | None) -> str:
    return (value or "").strip()


NEEDED = InputRequired(message=_l("This field is required."))


class LoginForm(FlaskForm):
    email = EmailField(N_("E-mail"), [NEEDED, Length(max=254)], filters=[stripped])
    password = PasswordField(N_("Password"), [NEEDED])


class PasswordForm(FlaskForm):
    password = PasswordField(N_("New password"), [NEEDED, passwords.strong])


class OwnerForm(FlaskForm):
    email = EmailField(
        N_("E-mail"),
        [NEEDED, Length(max=254), Email(message=_l("This is not an e-mail address."))],
        filters=[stripped],
    )
    name = StringField(N_("Full name"), [Length(max=120)], filters=[stripped])
    password = PasswordField(N_("Password"), [NEEDED, passwords.strong])


def _typed_email() -> str:
    return stripped(request.form.get("email")).lower()[:254] or "nobody"


@bp.get("/login")
def login() -> Any:
    if request.headers.get("HX-Request"):  # a fragment asked for after the session's end: the whole page must go
        page = urlsplit(request.headers.get("HX-Current-URL", ""))
        here = local_path(f"{page.path}?{page.query}")
        return "", 200, {"HX-Redirect": f"/login?{urlencode({'next': here})}"}
    if current_user.is_authenticated:
        return redirect(local_path(request.args.get("next")))
    return render_template("auth/login.html", form=LoginForm())


@bp.post("/login")
@limiter.limit("10/minute")
@limiter.limit("5/minute", key_func=_typed_email)
def do_login() -> Any:
    form = LoginForm()
    if not form.validate_on_submit():
        return render_template("auth/login.html", form=form), 422
    user = db.session.scalar(db.select(User).where(User.email == form.email.data.lower(), User.active))
    if not passwords.matches(user, form.password.data) or user is None:
        return render_template("auth/login.html", form=form, failed=True), 422
    _enter(user)
    db.session.commit()
    return redirect(local_path(request.args.get("next")))


@bp.post("/logout")
def logout() -> Any:
    language = session.get("language", "")
    security.end_session()
    session["language"] = language
    db.session.commit()
    return redirect("/login")


@bp.get("/setup/<token>")
def setup(token: str) -> Any:
    if not setup_link.setup_is_open(token):
        return render_template("auth/link_over.html", setup=True), 404
    return render_template("auth/setup.html", form=OwnerForm())


@bp.post("/setup/<token>")
@limiter.limit("10/minute")
def do_setup(token: str) -> Any:
    form = OwnerForm()
    if not setup_link.setup_is_open(token):
        return render_template("auth/link_over.html", setup=True), 404
    if not form.validate_on_submit():
        return render_template("auth/setup.html", form=form), 422
    user = setup_link.create_owner(token, form.email.data, form.name.data, form.password.data)
    if user is None:
        return render_template("auth/link_over.html", setup=True), 404
    user.language = session.get("language", "")
    _enter(user)
    db.session.commit()
    return redirect("/")


@bp.get("/password/<int:user_id>/<token>")
def password(user_id: int, token: str) -> Any:
    user = setup_link.password_link_user(user_id, token)
    if user is None:
        return render_template("auth/link_over.html"), 404
    return render_template("auth/password.html", form=PasswordForm(), user=user)


@bp.post("/password/<int:user_id>/<token>")
@limiter.limit("10/minute")
def set_password(user_id: int, token: str) -> Any:
    form = PasswordForm()
    owner = setup_link.password_link_user(user_id, token)
    if owner is None:
        return render_template("auth/link_over.html"), 404
    if not form.validate_on_submit():
        return render_template("auth/password.html", form=form, user=owner), 422
    user = setup_link.set_password(user_id, token, form.password.data)
    if user is None:
        return render_template("auth/link_over.html"), 404
    _enter(user)
    db.session.commit()
    flash(_("The password is saved, and you are signed in."), "success")
    return redirect("/")


@bp.post("/language")
def language() -> Any:
    """Remember the language: with the user who is signed in, else in this browser."""
    chosen = request.form.get("lang", "")
    if chosen in LANGUAGES:
        session["language"] = chosen
        if current_user.is_authenticated:
            current_user.language = chosen
            db.session.commit()
    return redirect(local_path(request.form.get("next")))


def local_path(target: str | None) -> str:
    """The address if it lies within the hub, else the first page: `next` must not lead people elsewhere."""
    target = target or "/"
    if not target.startswith("/") or target.startswith("//") or any(c in target for c in "\\\r\n\t"):
        return "/"
    parts = urlsplit(target)
    return "/" if parts.scheme or parts.netloc else target.rstrip("?") or "/"


def _enter(user: User) -> None:
    language = session.get("language", "")
    security.start_session(user)
    session["seen"] = int(time.time())
    if language:
        session["language"] = language


@bp.before_app_request
def _note_seen() -> None:
    """Now and then, write down that this device is still in use: the one thing a reading request writes."""
    now = int(time.time())
    token = session.get("token")
    if not token or not reading.get() or session.get("seen", 0) > now - SEEN_EVERY:
        return
    session["seen"] = now
    query = db.update(UserSession).where(UserSession.token_hash == security.digest(token)).values(seen_at=utcnow())
    try:
        with db.engine.begin() as connection:
            connection.execute(query)
    except OperationalError:  # the database is busy: the time of the last visit is worth no error page
        return
