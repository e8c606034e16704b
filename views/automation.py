"""Automation: rules in plain words, their editor, what they did, the messages they sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, abort, flash, make_response, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_login import current_user
from htmx_flask import request
from sqlalchemy.exc import IntegrityError

from integrations.errors import VendorError
from jobs import connections, messages, webhooks
from models import Connection, Message, Order, Rule, db, reading, utcnow
from orders import rules
from orders.rules import Draft
from orders.timeline import Actor

from . import advice, rule_templates, rule_words, security
from .rule_form import Form

bp = Blueprint("automation", __name__, url_prefix="/automation")

COUNTED = timedelta(days=7)
PER_PAGE = 50


@bp.get("")
def index() -> Any:
    known = rule_words.choices()
    found = [(rule, rule_words.sentence(rule, known)) for rule in rules.listed()]
    counts = rules.counts(utcnow() - COUNTED)
    ready = rule_templates.offered() if current_user.is_owner else []
    return render_template("automation/index.html", rules=found, counts=counts, paused=rules.is_paused(), ready=ready)


@bp.get("/new")
@security.owner_only
def new() -> Any:
    template = rule_templates.form_of(request.args.get("template", ""))
    return _editor(template or Form(actions=[{"kind": "chat"}]), None)


@bp.get("/<int:rule_id>")
def show(rule_id: int) -> Any:
    rule = _rule(rule_id)
    return _editor(Form.of(rule), rule)


@bp.post("/new")
@bp.post("/<int:rule_id>")
@security.owner_only
def save(rule_id: int = 0) -> Any:
    rule = _rule(rule_id) if rule_id else None
    form = Form.posted(request.form)
    draft = form.draft()
    if form.errors:
        return _editor(form, rule), 422
    draft, secrets = _with_endpoints(draft)
    try:
        rules.save(rule, draft, current_user.name or current_user.email)
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        form.errors["name"] = _("There is one with this name already.")
        return _editor(form, _rule(rule_id) if rule_id else None), 422
    for url, secret in secrets:
        flash(_("Key of the signatures for %(url)s, shown this once: %(secret)s", url=url, secret=secret), "message")
    flash(_("Saved. It takes effect within two seconds."), "success")
    return redirect(url_for("automation.index"), 303)


def _with_endpoints(draft: Draft) -> tuple[Draft, list[tuple[str, str]]]:
    """Addresses typed in become endpoints that only rules write to; (address, key) of each one made."""
    made, actions = [], []
    for action in draft.actions:
        if action["kind"] == "webhook" and not action["endpoint"]:
            row, secret = webhooks.create(action["url"], [])
            made.append((row.url, secret))
            action = {"kind": "webhook", "endpoint": row.id}
        actions.append(action)
    return Draft(draft.name, draft.event, draft.params, draft.conditions, actions, draft.stop), made


@bp.post("/draft")
@security.owner_only
def draft() -> Any:
    """The form again, with a row more or less; nothing is saved."""
    form = Form.posted(request.form)
    form.change(request.form)
    note = ""
    if found := request.form.get("chats", 0, type=int):
        note = _find_chats(found)
    rule_id = request.form.get("rule", 0, type=int)
    return _editor(form, _rule(rule_id) if rule_id else None, note)


def _find_chats(connection_id: int) -> str:
    row = db.session.get(Connection, connection_id) or abort(404)
    if row not in messages.bots():
        abort(404)
    name = row.name
    try:
        count, link = messages.find_chats(row)
    except VendorError as error:
        return _("%(name)s: %(reason)s", name=name, reason=advice.title(error.fault))
    return _("%(count)s chats known. Open %(link)s and press Start, then search again.", count=count, link=link)


@bp.post("/preview")
@security.owner_only
def preview() -> Any:
    """What the rule would have done, as it stands in the form."""
    form = Form.posted(request.form)
    made = form.draft()
    db.session.rollback()
    reading.set(True)  # it writes nothing, and may look through a week: nobody else should wait for it
    wrong = [name for name in form.errors if name.startswith(("p-", "c", "event"))]
    found = None if wrong else rules.preview(made)
    return render_template("automation/_preview.html", found=found, event=form.event)


@bp.post("/<int:rule_id>/enabled")
@security.owner_only
def switch(rule_id: int) -> Any:
    rules.switch(_rule(rule_id), request.form.get("enabled") == "1")
    db.session.commit()
    return _back()


@bp.post("/<int:rule_id>/delete")
@security.owner_only
def delete(rule_id: int) -> Any:
    rule = _rule(rule_id)
    name = rule.name
    rules.remove(rule)
    db.session.commit()
    flash(_("Deleted: %(name)s.", name=name), "success")
    return _back()


@bp.post("/order")
@security.owner_only
def order() -> Any:
    """The rules in a new order: all their ids, or one and the way it goes."""
    ids = [rule.id for rule in rules.listed()]
    if moved := request.form.get("rule", 0, type=int):
        step = -1 if request.form.get("to") == "up" else 1
        here = ids.index(moved) if moved in ids else abort(404)
        there = min(max(here + step, 0), len(ids) - 1)
        ids[here], ids[there] = ids[there], ids[here]
    else:
        ids = [int(i) for i in request.form.get("ids", "").split(",") if i.isdecimal()]
    rules.move(ids)
    db.session.commit()
    return ("", 204) if request.headers.get("X-Dragged") else _back()


@bp.post("/pause")
def pause() -> Any:
    rules.pause(request.form.get("paused") == "1")
    db.session.commit()
    paused = rules.is_paused()
    flash(_("No rule acts until you let them go on.") if paused else _("Rules act again."), "success")
    return _back()


@bp.get("/log/<int:order_id>")
def why(order_id: int) -> Any:
    """Why an order is where it is: what rules did with it."""
    row = db.session.get(Order, order_id) or abort(404)
    return render_template(
        "automation/why.html", order=row, runs=rules.trace(order_id), events=rule_words.EVENTS,
        told=rule_words.told, stopped=rule_words.STOPPED,
    )  # fmt: skip


@bp.get("/messages")
def sent() -> Any:
    before = request.args.get("before", 0, type=int)
    rows = messages.listed(before, PER_PAGE + 1)
    bots = {row.id: row.name for row in connections.active()}
    return render_template("automation/messages.html", rows=rows[:PER_PAGE], more=len(rows) > PER_PAGE, bots=bots)


@bp.post("/messages/<int:message_id>/again")
def again(message_id: int) -> Any:
    row = db.session.get(Message, message_id, with_for_update=True) or abort(404)
    done = messages.send_again(row, Actor("person", current_user.name or current_user.email))
    db.session.commit()
    flash(_("It is sent once more.") if done else _("It is on its way or has arrived."), "success" if done else "warn")
    return redirect(url_for("automation.sent"), 303)


def _rule(rule_id: int) -> Rule:
    found: Rule = db.session.get(Rule, rule_id) or abort(404)
    return found


def _back() -> Any:
    return redirect(url_for("automation.index"), 303)


def _editor(form: Form, rule: Rule | None, note: str = "") -> Any:
    fragment = bool(request.htmx) and not request.htmx.boosted
    answer = make_response(
        render_template(
            "automation/_form.html" if fragment else "automation/edit.html",
            form=form, rule=rule, known=rule_words.choices(), words=rule_words, note=note,
            runs=rules.of_rule(rule.id) if rule and not fragment else [],
        )
    )  # fmt: skip
    answer.headers["Vary"] = "HX-Request"
    return answer
