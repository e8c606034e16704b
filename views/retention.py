"""Settings, keeping: how long logs and files stay beside the orders. For owners."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from wtforms import IntegerField
from wtforms.validators import ValidationError

from integrations.text import N_
from jobs import retention
from models import db

from . import security

bp = Blueprint("retention", __name__, url_prefix="/settings/keeping")

#: kind -> (label, what goes)
TEXTS = {
    "originals": (
        N_("Originals of orders and notices"),
        N_("What came from other systems, as it came. What could not be read yet is kept until it is."),
    ),
    "exchanges": (
        N_("Requests and answers"),
        N_("What was sent to other systems and what they said. That it was sent, when and how it ended stays."),
    ),
    "webhooks": (N_("Deliveries of webhooks"), N_("Those that arrived or were given up. What waits is kept.")),
    "messages": (
        N_("Messages and traces of rules"),
        N_("The timeline of the order still says that a message was sent and that a rule acted."),
    ),
    "runs": (N_("Runs of schedules"), N_("The last one of each schedule is kept.")),
    "files": (N_("Exported files"), N_("They can be downloaded until then, by their maker and the owners.")),
}


class KeepingForm(FlaskForm):
    """A number of days for each kind of retention.KINDS."""

    originals = IntegerField(TEXTS["originals"][0], description=TEXTS["originals"][1])
    exchanges = IntegerField(TEXTS["exchanges"][0], description=TEXTS["exchanges"][1])
    webhooks = IntegerField(TEXTS["webhooks"][0], description=TEXTS["webhooks"][1])
    messages = IntegerField(TEXTS["messages"][0], description=TEXTS["messages"][1])
    runs = IntegerField(TEXTS["runs"][0], description=TEXTS["runs"][1])
    files = IntegerField(TEXTS["files"][0], description=TEXTS["files"][1])

    def _check(self, field: IntegerField) -> None:
        kind = retention.KINDS[field.name]
        if field.data is None or field.data != retention.within(field.name, field.data):
            field.errors = []  # what WTForms says of letters, in its own words
            raise ValidationError(_("Write a number from %(least)s to %(most)s.", least=kind.least, most=kind.most))

    validate_originals = validate_exchanges = validate_webhooks = _check
    validate_messages = validate_runs = validate_files = _check


@bp.get("")
@security.owner_only
def index() -> Any:
    return _page(KeepingForm(formdata=None, data=retention.kept()))


@bp.post("")
@security.owner_only
def save() -> Any:
    form = KeepingForm()
    if not form.validate():
        return _page(form), 422
    retention.save({name: form[name].data for name in retention.KINDS})
    db.session.commit()
    flash(_("Saved. What is older goes next night."), "success")
    return redirect(url_for("retention.index"), 303)


def _page(form: KeepingForm) -> str:
    last = retention.last()
    at = datetime.fromisoformat(last["at"]) if last else None
    counts = {TEXTS[name][0]: n for name, n in last.get("counts", {}).items() if n}
    return render_template("settings/keeping.html", form=form, kinds=list(retention.KINDS), at=at, counts=counts)
