"""Settings, webhooks: addresses that are told of orders, and what became of each event. For owners."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField
from wtforms.validators import InputRequired, Length, ValidationError

from integrations.text import N_
from jobs import webhooks
from models import WebhookDelivery, WebhookEndpoint, db
from orders import rules
from orders.outbox import EVENTS

from . import security
from .api_tokens import origin_of
from .auth import stripped

bp = Blueprint("webhooks", __name__, url_prefix="/settings/webhooks")

EVENT_NAMES = {
    "order.created": N_("New order"),
    "order.status_changed": N_("Another status"),
    "order.updated": N_("Contents or payment changed"),
    "order.rule": N_("A rule of the automation"),
    "webhook.test": N_("Test"),
}
PER_PAGE = 50


class EndpointForm(FlaskForm):
    url = StringField(
        N_("Address"),
        [InputRequired(_l("Fill this in.")), Length(max=500)],
        filters=[stripped],
        description=N_("Events are posted there as JSON."),
    )
    order_created = BooleanField(EVENT_NAMES["order.created"])
    order_status_changed = BooleanField(EVENT_NAMES["order.status_changed"])
    order_updated = BooleanField(EVENT_NAMES["order.updated"])

    by_rules = False  # rules write there: it may do without events

    @property
    def events(self) -> list[str]:
        return [event for event in EVENTS if self[event.replace(".", "_")].data]

    def validate_url(self, field: StringField) -> None:
        if not origin_of(field.data or ""):
            raise ValidationError(_("Write the address with https://, for example https://shop.ua/hook."))

    def validate_order_created(self, _field: BooleanField) -> None:
        if not self.events and not self.by_rules:
            raise ValidationError(_("Choose at least one event."))


@bp.get("")
@security.owner_only
def index() -> Any:
    return _list(EndpointForm(formdata=None, **dict.fromkeys((e.replace(".", "_") for e in EVENTS), True)))


@bp.post("")
@security.owner_only
def create() -> Any:
    form = EndpointForm()
    if not form.validate():
        return _list(form, opened=True), 422
    row, secret = webhooks.create(form.url.data or "", form.events)
    db.session.commit()
    return _detail(row, secret=secret)


@bp.get("/<int:endpoint_id>")
@security.owner_only
def show(endpoint_id: int) -> Any:
    return _detail(_row(endpoint_id))


@bp.post("/<int:endpoint_id>")
@security.owner_only
def save(endpoint_id: int) -> Any:
    row, form = _row(endpoint_id), EndpointForm()
    form.by_rules = row.id in rules.calling()
    if not form.validate():
        return _detail(row, form=form), 422
    row.url, row.events = form.url.data or "", form.events
    db.session.commit()
    flash(_("Saved."), "success")
    return _back(row)


@bp.post("/<int:endpoint_id>/enabled")
@security.owner_only
def switch(endpoint_id: int) -> Any:
    row = _row(endpoint_id)
    webhooks.switch(row, request.form.get("enabled") == "1")
    db.session.commit()
    flash(_("Events are delivered.") if row.enabled else _("Nothing is delivered until you switch it on."), "success")
    return _back(row)


@bp.post("/<int:endpoint_id>/secret")
@security.owner_only
def rotate(endpoint_id: int) -> Any:
    row = _row(endpoint_id)
    secret = webhooks.rotate(row)
    db.session.commit()
    return _detail(row, secret=secret)


@bp.post("/<int:endpoint_id>/test")
@security.owner_only
def test(endpoint_id: int) -> Any:
    row = _row(endpoint_id)
    webhooks.send_test(row)
    db.session.commit()
    flash(_("A test is on its way: its answer appears below in a few seconds."), "success")
    return _back(row)


@bp.post("/<int:endpoint_id>/delete")
@security.owner_only
def delete(endpoint_id: int) -> Any:
    row = _row(endpoint_id)
    db.session.delete(row)
    db.session.commit()
    flash(_("Deleted: %(name)s.", name=row.url), "success")
    return redirect(url_for("webhooks.index"), 303)


@bp.post("/<int:endpoint_id>/deliveries/<int:delivery_id>/resend")
@security.owner_only
def resend(endpoint_id: int, delivery_id: int) -> Any:
    row = db.session.get(WebhookDelivery, delivery_id, with_for_update=True)
    if row is None or row.endpoint_id != endpoint_id:
        abort(404)
    webhooks.resend(row)
    db.session.commit()
    flash(_("It is sent once more."), "success")
    return _back(row.endpoint)


def _row(endpoint_id: int) -> WebhookEndpoint:
    row = db.session.get(WebhookEndpoint, endpoint_id)
    if row is None:
        abort(404)
    return row


def _back(row: WebhookEndpoint) -> Any:
    return redirect(url_for("webhooks.show", endpoint_id=row.id), 303)


def _list(form: EndpointForm, opened: bool = False) -> str:
    return render_template(
        "api/webhooks.html",
        endpoints=webhooks.endpoints(),
        waiting=webhooks.waiting(),
        rules=rules.calling(),
        form=form,
        opened=opened,
        event_names=EVENT_NAMES,
    )


def _detail(row: WebhookEndpoint, form: EndpointForm | None = None, secret: str = "") -> str:
    found = webhooks.log_page(row.id, max(request.args.get("before", 0, int), 0), PER_PAGE + 1)
    chosen = {event.replace(".", "_"): event in row.events for event in EVENTS}
    return render_template(
        "api/endpoint.html",
        endpoint=row,
        rules=rules.calling().get(row.id, []),
        form=form or EndpointForm(formdata=None, url=row.url, **chosen),
        secret=secret,
        deliveries=found[:PER_PAGE],
        following=found[PER_PAGE - 1].id if len(found) > PER_PAGE else 0,
        numbers=webhooks.order_numbers(found[:PER_PAGE]),
        event_names=EVENT_NAMES,
    )
