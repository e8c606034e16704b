"""What the order card shows, gathered; the views decide which part of it to answer with."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from flask import render_template, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from integrations import connector, connectors
from integrations.base import ReadsStatuses, ReceivesOrders
from jobs import connections
from models import Order, Status
from orders import copies, editing, reading, timeline, totals

from . import addresses, advice, card_timeline, card_values
from .order_form import MESSAGES, OrderForm, initial

#: why an order can't be sent as it is -> what to do about it
BLOCKS = {
    "deleted": lambda: _("The order is deleted. Restore it first."),
    "cancelled": lambda: _("The order is cancelled. Give it another status first."),
    "preorder": lambda: _("This is a pre-order: the customer has yet to complete it. Give it another status first."),
    "no_lines": lambda: _("The order has no products. Add one first."),
    "no_recipient": lambda: _("The recipient has no name. Fill it in first."),
    "needs_mapping": lambda: _("Something in the order isn't matched with your lists yet. Choose it first."),
    "working": lambda: _("It is being sent already."),
    "unchanged": lambda: _("The copy there holds these data already."),
}


def actor() -> timeline.Actor:
    return timeline.Actor("person", current_user.name or current_user.email)


def form_page(form: OrderForm, order: Order | None, version: int, base: card_values.Version, status: int = 200) -> Any:
    """The card of an order, or the form that makes one (order None)."""
    parts = {"form": form, "order": order, "version": version, "base": json.dumps(base, ensure_ascii=False)}
    return render_template("card/page.html", **(_order_parts(order) | form_parts(form, order) | parts)), status


def form_parts(form: OrderForm, order: Order | None, before: totals.Before | None = None) -> dict[str, Any]:
    """Settled amounts for what the form holds, if it can be read at all."""
    before = before or (editing.stored_amounts(order) if order else None)
    settled, problems = settle(form, before)
    locked = order is not None and editing.is_locked(order)
    return {
        "settled": settled,
        "was": {name: card_values.plain(settled.get(name) or Decimal(0)) for name in card_values.AMOUNTS},
        "hints": {name: _(MESSAGES[key]) for name, key in problems.items()},
        "frozen": locked or not current_user.can_edit,
        "locked": locked,
        "method_kept": order is not None and editing.keeps_method(order),
        "can_add": bool(_quick("shops")),
        "quick": _quick,
    }


def settle(form: OrderForm, before: totals.Before | None) -> tuple[dict[str, Any], dict[str, str]]:
    """The form's values with the derived ones in place, and the rules they break."""
    return editing.preview(form.values(), form.line_values(), before)


def _quick(table: str) -> str:
    """Where a new entry of a registry is made from here; "" while there is no such page."""
    from flask import current_app

    if "registries.quick" not in current_app.view_functions:
        return ""
    return url_for("registries.quick", table=table)


def _order_parts(order: Order | None) -> dict[str, Any]:
    if order is None:
        return {"destinations": connections.destinations(), "statuses": [], "side": None}
    return side_parts(order)


def side_parts(order: Order) -> dict[str, Any]:
    """The right column and the head: everything but the form."""
    usable = [row for row in connections.active() if connections.usable(row)]
    destinations = [row for row in usable if connector(row.kind).can(ReceivesOrders)]
    statuses = reading.statuses()
    found = copies.of_order(order.id, destinations)
    days, more = card_timeline.of_order(order)
    return {
        "order": order,
        "destinations": destinations,
        "readers": {row.id for row in usable if connector(row.kind).can(ReadsStatuses)},
        "statuses": statuses,
        "copies": found,
        "days": days,
        "more": more,
        "originals": copies.originals(order.id),
        "connectors": connectors(),
        "advise": _advise,
        "action": next_action(order, found, statuses),
        "mark": copies.mark(order.id),
    }


def _advise(copy: copies.Copy, order: Order) -> advice.Advice:
    """What went wrong and what to do; a way to this very page becomes a way to the field on it."""
    error = {name: str((copy.error or {}).get(name) or "") for name in ("fault", "detail", "field")}
    found = advice.advice(error["fault"], copy.connection, error["detail"], error["field"], order.number)
    if not found.action_url.startswith(addresses.order(order.number)):
        return found
    known = error["field"] in editing.FIELDS
    return replace(
        found,
        action_url=f"#{error['field']}" if known else "",
        action_label=_("Show the field") if known else "",
    )


@dataclass(frozen=True)
class Action:
    """The one sensible next step: a button that posts `name=value` to `url`, or a link when there is no name."""

    label: str
    icon: str
    url: str
    name: str = ""
    value: str = ""


def next_action(order: Order, found: list[copies.Copy], statuses: list[Status]) -> Action | None:
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


def blank_form(copied: Order | None, defaults: dict[str, Any]) -> OrderForm:
    """The form of a new order, with the defaults, or as a copy of another."""
    if copied is None:
        return OrderForm(None, None, **defaults)
    kept = {name: value for name, value in initial(copied).items() if name not in ("number", "ttn", "paid")}
    kept["lines"] = [{**line, "id": None} for line in kept["lines"]]
    return OrderForm(None, None, **{**defaults, **kept})
