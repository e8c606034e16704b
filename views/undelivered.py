"""The problems page, messages and webhooks: what to say of those that reached nobody, and their cures."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from jobs import undelivered
from jobs.undelivered import SentGroup
from orders.timeline import Actor

from . import addresses, security, solving
from .activity import who
from .advice import Advice

bp = Blueprint("undelivered", __name__, url_prefix="/problems/undelivered")


def advice(group: SentGroup) -> Advice:
    """What happened, who can mend it and how; the action is a page, the buttons that post stand beside it."""
    if group.kind == "hooks":
        return _of_hooks(group)
    if group.channel == "email":
        return _of_letters(group)
    return _of_chats(group)


def _of_hooks(group: SentGroup) -> Advice:
    what = ngettext(
        "The hub has stopped calling %(num)s address of a webhook: it failed for days, or said that it is gone.",
        "The hub has stopped calling %(num)s addresses of webhooks: they failed for days, or said that they are gone.",
        group.n,
    )
    cure = _("Mend the receiver, then switch the webhook on: what waits is delivered.")
    if not current_user.is_owner:
        cure = _("An owner has to mend the receiver and switch the webhook on.")
    return Advice(what, "you", cure)


def _of_letters(group: SentGroup) -> Advice:
    if group.state == "unknown":
        what = ngettext(
            "%(num)s letter may have gone out: the mail server's answer was lost.",
            "%(num)s letters may have gone out: the mail server's answers were lost.",
            group.n,
        )
        return Advice(what, "you", _("Send them once more, or set them aside if that would be once too often."))
    what = ngettext("%(num)s letter was not sent.", "%(num)s letters were not sent.", group.n)
    return Advice(what, "you", _("Mend what the mail server names: the address on the order, or its own settings."))


def _of_chats(group: SentGroup) -> Advice:
    system = {"system": group.system}
    if group.state == "unknown":
        what = ngettext(
            "%(num)s message may have arrived: the answer of %(system)s was lost.",
            "%(num)s messages may have arrived: the answers of %(system)s were lost.",
            group.n,
            **system,
        )
        return Advice(what, "you", _("Look in the chat, then send them again or set them aside."))
    what = ngettext(
        "%(num)s message was not sent by %(system)s.",
        "%(num)s messages were not sent by %(system)s.",
        group.n,
        **system,
    )
    settings = addresses.integration(group.connection_id or 0)
    if group.fault in ("credentials", "misconfigured"):
        cure = _("It does not accept the bot's key. Enter a new one in its settings, then send them again.")
        return Advice(
            what, "you", cure, _("Open the settings"), addresses.integration(group.connection_id or 0, "token")
        )
    if group.fault == "off":
        cure = _("The connection is switched off. Switch it on, then send them again.")
        return Advice(what, "you", cure, _("Open the settings"), settings)
    if group.fault == "validation":
        cure = _("Let the bot into the chat again, or choose another chat in the rule, then send them again.")
        return Advice(what, "you", cure, _("Open the rules"), url_for("automation.index"))
    return Advice(what, "you", _("The hub has stopped trying. Send them again when the messenger works."))


@bp.post("/messages/<int:message_id>/again")
def again(message_id: int) -> Any:
    """All messages that failed as this one did."""
    n = undelivered.send_again(undelivered.alike(message_id), Actor("person", who()))
    return solving.told(ngettext("%(num)s message is sent once more.", "%(num)s messages are sent once more.", n), n)


@bp.post("/messages/<int:message_id>/aside")
def aside(message_id: int) -> Any:
    n = undelivered.set_aside(undelivered.alike(message_id))
    return solving.told(ngettext("%(num)s problem was set aside.", "%(num)s problems were set aside.", n), n)


@bp.post("/letters/<int:mail_id>/again")
def letters_again(mail_id: int) -> Any:
    n = undelivered.send_letters_again(undelivered.alike_letters(mail_id))
    return solving.told(ngettext("%(num)s letter is sent once more.", "%(num)s letters are sent once more.", n), n)


@bp.post("/letters/<int:mail_id>/aside")
def letters_aside(mail_id: int) -> Any:
    n = undelivered.set_letters_aside(undelivered.alike_letters(mail_id))
    return solving.told(ngettext("%(num)s problem was set aside.", "%(num)s problems were set aside.", n), n)


@bp.post("/hooks/<int:endpoint_id>/on")
@security.owner_only
def switch_on(endpoint_id: int) -> Any:
    done = undelivered.switch_on(endpoint_id)
    return solving.told(_("Switched on: what waits is delivered now."), done)


@bp.post("/hooks/<int:endpoint_id>/aside")
@security.owner_only
def leave_off(endpoint_id: int) -> Any:
    return solving.told(_("It stays switched off."), undelivered.leave_off(endpoint_id))
