"""What a member of staff is told of, where and when; and the words that owners give it."""

from __future__ import annotations

from datetime import time
from typing import Any
from zoneinfo import available_timezones

from flask import Blueprint, abort, flash, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectField, TimeField
from wtforms.validators import Optional

from integrations import connector
from integrations.text import N_
from jobs import mail, notice_texts, notices
from jobs.notice_texts import KINDS, Template
from models import Connection, NoticeChoice, db
from orders.days import ZONE

from . import security
from .security import limiter
from .text import locale

bp = Blueprint("notices", __name__, url_prefix="/settings")

_REGIONS = ("Europe/", "Asia/", "Atlantic/")
#: where the session keeps the link that was just made: the table has the code's hash only
LINK = "notice_link"


class NoticeForm(FlaskForm):
    """Which kinds, and when not. The ticks of the kinds are made below."""

    email = BooleanField(N_("Also by e-mail, to your address"))
    quiet_from = TimeField(N_("Quiet from"), [Optional()])
    quiet_until = TimeField(N_("Quiet until"), [Optional()])
    zone = SelectField(
        N_("Time zone"), description=N_("What happens in quiet hours comes as one message when they are over.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zones = sorted(name for name in available_timezones() if name.startswith(_REGIONS))
        own = _("As the hub: %(zone)s", zone=str(ZONE))
        self.zone.choices = [("", own), *((name, name) for name in zones)]

    def validate(self, extra_validators: Any = None) -> bool:
        valid = super().validate(extra_validators)
        if valid and (self.quiet_from.data is None) != (self.quiet_until.data is None):
            self.quiet_until.errors = [_("Give both hours, or neither.")]
            return False
        return bool(valid)


for _key, _kind in KINDS.items():
    setattr(NoticeForm, f"kind_{_key}", BooleanField(_kind.title, description=_kind.help))


def part_of_profile(form: NoticeForm | None = None) -> dict[str, Any]:
    """What the section on the page of the profile shows."""
    choice = db.session.get(NoticeChoice, current_user.id)
    bot = db.session.get(Connection, choice.connection_id) if choice and choice.connection_id else None
    waits = notices.is_tying(choice)
    return {
        "notice_form": form or _form_of(choice),
        "choice": choice,
        "kinds": KINDS,
        "bot": bot,
        "bot_title": connector(bot.kind).title if bot else "",
        "bots": notices.bots(),
        "waits": waits,
        "tying": session.get(LINK) if waits else None,
        "has_mail": mail.is_configured(),
    }


def _form_of(choice: NoticeChoice | None) -> NoticeForm:
    told: dict[str, Any] = {f"kind_{kind}": notices.wants(choice, kind) for kind in KINDS}
    if choice is not None:
        told |= {"email": choice.email, "zone": choice.zone}
        told |= {"quiet_from": _time(choice.quiet_from), "quiet_until": _time(choice.quiet_until)}
    return NoticeForm(formdata=None, data=told)


def _time(minutes: int | None) -> time | None:
    return None if minutes is None else time(minutes // 60, minutes % 60)


def store(form: NoticeForm) -> None:
    """A valid form becomes the person's choice; the caller commits."""
    row = notices.choice_of(current_user)
    row.kinds = {kind: form[f"kind_{kind}"].data for kind in KINDS}
    row.email = form.email.data and mail.is_configured()
    row.quiet_from, row.quiet_until = _minutes(form.quiet_from.data), _minutes(form.quiet_until.data)
    row.zone, row.language = form.zone.data, locale()


def _minutes(value: time | None) -> int | None:
    return None if value is None else value.hour * 60 + value.minute


@bp.post("/profile/notices/tie")
@limiter.limit("20/minute")
def tie() -> Any:
    bot = db.session.get(Connection, request.form.get("connection", 0, type=int))
    if bot is None or bot not in notices.bots():
        abort(404)
    name = bot.name
    try:
        _code, link = notices.offer_code(current_user, bot)
    except notices.NoLink as error:
        flash(_("%(name)s gave no link: %(words)s", name=name, words=str(error) or "?"), "danger")
        return _back()
    notices.choice_of(current_user).language = locale()
    db.session.commit()
    session[LINK] = link
    return _back()


@bp.get("/profile/notices/tie")
def tied() -> Any:
    """Asked by the page while it waits; it is drawn anew once the chat is known, or the link is too old."""
    choice = db.session.get(NoticeChoice, current_user.id)
    if notices.is_tying(choice):
        notices.ask_soon(current_user.id)
        trouble = choice.trouble if choice else ""
        return render_template("account/_tying.html", tying=session.get(LINK), trouble=trouble)
    if not request.headers.get("HX-Request"):
        return _back()
    return "", 200, {"HX-Refresh": "true"}


@bp.post("/profile/notices/untie")
def untie() -> Any:
    notices.untie(current_user)
    db.session.commit()
    session.pop(LINK, None)
    flash(_("The chat is told nothing more."), "success")
    return _back()


@bp.post("/profile/notices/test")
@limiter.limit("10/minute")
def test() -> Any:
    reader = next((one for one in notices.readers() if one.user.id == current_user.id), None)
    if reader is None or not (reader.chat or reader.email):
        flash(_("There is no place to send it to: tie a chat, or tick the e-mail and save."), "warn")
        return _back()
    notices.test_message(reader)
    db.session.commit()
    flash(_("A test message is on its way."), "success")
    return _back()


def _back() -> Any:
    return redirect(url_for("account.profile", _anchor="notices"), 303)


# ---- the owners' words


@bp.get("/notices")
@security.owner_only
def words() -> Any:
    return _words_page()


@bp.post("/notices/<kind>")
@security.owner_only
def save_words(kind: str) -> Any:
    if kind not in KINDS:
        abort(404)
    typed = None if request.form.get("do") == "own" else _typed()
    try:
        notice_texts.save(kind, typed)
    except notice_texts.Broken as error:
        return _words_page(kind, typed, _complaint(error)), 422
    db.session.commit()
    flash(_("Saved.") if typed else _("The hub's own words are used again."), "success")
    return redirect(url_for("notices.words", _anchor=kind), 303)


@bp.post("/notices/<kind>/preview")
@security.owner_only
def preview(kind: str) -> Any:
    if kind not in KINDS:
        abort(404)
    return render_template("settings/_notice_preview.html", **_preview(kind, _typed()))


def _typed() -> Template:
    return Template(*(request.form.get(name, "").replace("\r\n", "\n").strip() for name in ("text", "line")))


def _preview(kind: str, template: Template) -> dict[str, Any]:
    sample = KINDS[kind].sample
    try:
        text = notice_texts.filled(kind, sum(item.get("n", 1) for item in sample), sample, template)
    except notice_texts.Broken as error:
        return {"parts": None, "complaint": _complaint(error)}
    return {"parts": text.parts, "complaint": ""}


def _complaint(error: notice_texts.Broken) -> str:
    if error.name:
        return _("{%(name)s} is no placeholder of this notice.", name=error.name)
    return _("A text has from 1 to %(most)s letters.", most=notice_texts.TEXT_LIMIT)


def _words_page(wrong: str = "", typed: Template | None = None, complaint: str = "") -> str:
    stored = notice_texts.templates()
    shown = []
    for key, kind in KINDS.items():
        template = typed if key == wrong and typed else stored.get(key, kind.own)
        said = complaint if key == wrong else ""
        shown.append((key, kind, template, key in stored, {**_preview(key, template), "complaint": said}))
    return render_template(
        "settings/notices.html", shown=shown, frame=notice_texts.FRAME, limit=notice_texts.TEXT_LIMIT
    )


def marks(names: Any) -> str:
    """Placeholders as they are typed."""
    return " ".join(f"{{{name}}}" for name in names)


@bp.record_once
def _add_filter(state: Any) -> None:
    state.app.jinja_env.filters["marks"] = marks
