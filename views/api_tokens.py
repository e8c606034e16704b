"""Settings, API: tokens for programs and for order forms. For owners."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, abort, current_app, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectField, StringField
from wtforms.validators import InputRequired, Length, ValidationError

from integrations.text import N_
from models import FORM_SCOPE, SCOPES, db
from orders import lists, tokens

from . import security
from .auth import stripped
from .text import translated

bp = Blueprint("api_tokens", __name__, url_prefix="/settings/api")

SCOPE_NAMES = {
    "orders:read": N_("Read orders"),
    "orders:write": N_("Make orders, change their status"),
    "products:read": N_("Read products"),
    "products:write": N_("Write products"),
    FORM_SCOPE: N_("Order form"),
}


class _Form(FlaskForm):
    name = StringField(N_("Name"), [InputRequired(_l("Give it a name.")), Length(max=80)], filters=[stripped])
    shop_id = SelectField(N_("Shop of its orders"), coerce=int)
    source_id = SelectField(N_("Source of its orders"), coerce=int)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = lists.read()
        for field, entries in ((self.shop_id, known.shops), (self.source_id, known.sources)):
            field.choices = [(0, _("Not set")), *((e.id, translated(e.name)) for e in entries if e.active)]

    def lists(self) -> dict[str, int | None]:
        return {"shop_id": self.shop_id.data or None, "source_id": self.source_id.data or None}


class ProgramForm(_Form):
    orders_read = BooleanField(SCOPE_NAMES["orders:read"])
    orders_write = BooleanField(SCOPE_NAMES["orders:write"])
    products_read = BooleanField(SCOPE_NAMES["products:read"])
    products_write = BooleanField(SCOPE_NAMES["products:write"])

    @property
    def scopes(self) -> list[str]:
        return [scope for scope in SCOPES if self[scope.replace(":", "_")].data]

    def validate_orders_read(self, _field: BooleanField) -> None:
        if not self.scopes:
            raise ValidationError(_("Choose at least one thing that it may do."))


def origin_of(address: str) -> str:
    """https://shop.ua of an address; empty when it is none of a web page."""
    parts = urlsplit(address)
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        return ""
    return f"{parts.scheme}://{parts.hostname}{port}"


class SiteForm(_Form):
    origin = StringField(
        N_("Address of the site"),
        [InputRequired(_l("Fill this in.")), Length(max=200)],
        filters=[stripped],
        description=N_("Orders are taken from forms on this site alone."),
    )
    return_url = StringField(
        N_("Page after the order"),
        [Length(max=500)],
        filters=[stripped],
        description=N_("Where the customer goes then; empty: a page of the hub says thank you."),
    )

    def validate_origin(self, field: StringField) -> None:
        if not origin_of(field.data or ""):
            raise ValidationError(_("Write the address with https://, for example https://shop.ua."))

    def validate_return_url(self, field: StringField) -> None:
        if field.data and origin_of(field.data) != origin_of(self.origin.data or ""):
            raise ValidationError(_("Choose a page of the same site."))


@bp.get("")
@security.owner_only
def index() -> Any:
    return _page()


@bp.post("")
@security.owner_only
def create() -> Any:
    form = ProgramForm()
    if not form.validate():
        return _page(program=form), 422
    row, token = tokens.create(form.name.data or "", form.scopes, _me(), **form.lists())
    db.session.commit()
    return _page(made=row, token=token)


@bp.post("/forms")
@security.owner_only
def create_form() -> Any:
    form = SiteForm()
    if not form.validate():
        return _page(site=form), 422
    places = {"origin": origin_of(form.origin.data or ""), "return_url": form.return_url.data or ""}
    row, token = tokens.create(form.name.data or "", [FORM_SCOPE], _me(), **form.lists(), **places)
    db.session.commit()
    return _page(made=row, token=token)


@bp.post("/<int:token_id>/revoke")
@security.owner_only
def revoke(token_id: int) -> Any:
    row = tokens.revoke(token_id)
    if row is None:
        abort(404)
    db.session.commit()
    flash(_("The token %(name)s opens nothing any more.", name=row.name), "success")
    return redirect(url_for("api_tokens.index"), 303)


def _me() -> str:
    return str(current_user.name or current_user.email)


def _page(program: ProgramForm | None = None, site: SiteForm | None = None, made: Any = None, token: str = "") -> str:
    return render_template(
        "api/tokens.html",
        tokens=tokens.listed(),
        program=program or ProgramForm(formdata=None, orders_write=True),
        site=site or SiteForm(formdata=None),
        opened="program" if program else "site" if site else "",
        scope_names=SCOPE_NAMES,
        made=made,
        token=token,
        form_url=url_for("order_forms.send", token=token, _external=False) if token and made.is_form else "",
        public_url=current_app.config["HUB"].public_url,
    )
