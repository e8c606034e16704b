"""The head of the card: who, how much, which status, and the one sensible next step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from markupsafe import Markup

from models import Order
from orders import copies, lists

from . import text
from .card_frame import framed


@dataclass(frozen=True)
class Action:
    """The one sensible next step: a button that posts `name=value` to `url`, or a link when there is no name."""

    label: str
    icon: str
    url: str
    name: str = ""
    value: str = ""


def html(order: Order, action: Action | None, statuses: Sequence[lists.Entry], oob: bool) -> Markup:
    """The head, printed. `oob`: as a piece that htmx puts in its place."""
    status = order.status
    kind = "" if action is None else "form" if action.name else "link"
    return framed(
        "card/_head.html",
        None,
        _texts(order) | _action_texts(action),
        oob=oob,
        can_edit=current_user.can_edit,
        status_id=status.id,
        color=status.color,
        group=status.group,
        statuses=tuple(statuses),
        phone=bool(order.phone),
        paid=order.paid,
        cod=order.cod,
        do_not_call=order.do_not_call,
        fulfilment=order.fulfilment,
        needs_mapping=order.needs_mapping,
        likely_duplicate=order.likely_duplicate,
        action=kind,
        action_icon=action.icon if action else "",
    )


def _texts(order: Order) -> dict[str, str]:
    language = text.locale()
    source: dict[str, Any] = {"from": order.number}
    return {
        "number": order.number,
        "status": text.translated(order.status.name),
        "status_url": url_for("card_side.status", order_id=order.id),
        "restore_url": url_for("card_side.restore", order_id=order.id),
        "remove_url": url_for("orders_row.remove", order_id=order.id),
        "label_url": f"/orders/print/label/a6?ids={order.id}",
        "slip_url": f"/orders/print/slip/a6?ids={order.id}",
        "slip_a4_url": f"/orders/print/slip/a4?ids={order.id}",
        "copy_url": url_for("card.new", **source),
        "person": order.recipient or _("no name"),
        "phone": order.phone,
        "phone_shown": text.phone(order.phone),
        "phone_quoted": order.phone.replace("+", "%2B"),
        "total": text.money(order.total, order.currency, language),
        "cod_amount": text.money(order.cod_amount, order.currency, language),
        "created_iso": order.created_at.isoformat(),
        "created_full": text.full_time(order.created_at),
        "created": text.ago(order.created_at, language),
    }


def _action_texts(action: Action | None) -> dict[str, str]:
    if action is None:
        return {}
    return {
        "action_url": action.url,
        "action_name": action.name,
        "action_value": action.value,
        "action_label": action.label,
    }


def next_action(order: Order, found: list[copies.Copy], statuses: Sequence[lists.Entry]) -> Action | None:
    group = order.status.group
    if group == "deleted":
        return Action(_("Restore"), "arrow-back-up", url_for("card_side.restore", order_id=order.id), "do", "restore")
    if order.needs_mapping:
        text = ngettext("Match %(num)s thing", "Match %(num)s things", len(order.unmapped or []) or 1)
        return Action(text, "git-merge", "#unmapped")
    if failed := next((c for c in found if c.failed and c.state == "problem"), None):
        url = url_for("card_side.retry", order_id=order.id, transfer_id=failed.failed.id)  # type: ignore[union-attr]  # filtered above
        return Action(_("Retry %(system)s", system=failed.connection.name), "repeat", url, "do", "retry")
    if group == "new":
        confirmed = next((s for s in statuses if s.group == "confirmed"), None)
        if confirmed:
            url = url_for("card_side.status", order_id=order.id)
            return Action(_("Confirm"), "check", url, "status", str(confirmed.id))
    return _send_action(order, found) if group in ("new", "confirmed", "transferred", "problem") else None


def _send_action(order: Order, found: list[copies.Copy]) -> Action | None:
    ready = [c for c in found if c.is_destination and not c.open and c.connection.enabled]
    ready = [c for c in ready if c.state != "deleted" and c.first is None]
    changed = [c for c in ready if c.link and c.link.external_id and c.link.sent_version != order.version]
    fresh = [c for c in ready if not (c.link and c.link.external_id)] if not changed else []
    linked = any(c.is_destination and c.link and c.link.external_id for c in found)
    if changed:
        label = _("Send changes to %(system)s", system=changed[0].connection.name)
    elif fresh and not linked:
        label = _("Send to %(system)s", system=fresh[0].connection.name)
    else:
        return None
    chosen = (changed or fresh)[0].connection
    return Action(label, "send", url_for("card_side.send", order_id=order.id), "to", str(chosen.id))
