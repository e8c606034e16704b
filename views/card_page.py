"""What the order card shows, gathered; the views decide which part of it to answer with."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

from flask import render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from integrations import connectors
from jobs import delivery
from models import Order
from orders import copies, duplicates, editing, parcels, pay_links, payments, timeline, totals, unite

from . import (
    addresses,
    advice,
    card_form,
    card_head,
    card_shown,
    card_timeline,
    card_values,
    delivery_panel,
    order_words,
)
from .card_frame import piece
from .card_shared import Shared, shared
from .order_form import MESSAGES, OrderForm, initial

#: why an order can't be sent as it is -> what to do about it
BLOCKS = {
    "deleted": lambda: _("The order is deleted. Restore it first."),
    "cancelled": lambda: _("The order is cancelled. Give it another status first."),
    "preorder": lambda: _("This is a pre-order: the customer has yet to complete it. Give it another status first."),
    "no_lines": lambda: _("The order has no products. Add one first."),
    "no_recipient": lambda: _("The recipient has no name. Fill it in first."),
    "needs_mapping": lambda: _("Something in the order isn't matched with your lists yet. Choose it first."),
    "deleted_there": lambda: _("The copy there was deleted. Delete its link first; then the order is sent anew."),
    "second_route": lambda: _("The order reaches the same delivery service another way already. Give a reason first."),
    "working": lambda: _("It is being sent already."),
    "unchanged": lambda: _("The copy there holds these data already."),
}


def actor() -> timeline.Actor:
    return timeline.Actor("person", current_user.name or current_user.email)


def saved_page(order: Order) -> Any:
    """The card of an order as it is saved."""
    settled, problems = editing.preview(_values(order), _lines(order), editing.stored_amounts(order))
    known = shared()
    shown = card_shown.of_order(order, known.choices_of(order))
    return _page(shown, order, order.version, card_values.saved(order), settled, problems, known)


def _values(order: Order) -> dict[str, Any]:
    values = vars(order)
    return {name: values[name] for name in editing.FIELDS} | {
        "cod_amount": order.cod_amount if order.cod else Decimal(0)
    }


def _lines(order: Order) -> list[dict[str, Any]]:
    return [editing.line_values(line) for line in order.lines]


def form_page(form: OrderForm, order: Order | None, version: int, base: card_values.Version, status: int = 200) -> Any:
    """The card of an order as somebody typed it, or the form that makes one (order None)."""
    settled, problems = settle(form, editing.stored_amounts(order) if order else None)
    page = _page(card_shown.of_form(form), order, version, base, settled, problems, shared())
    return page, status


def _page(
    shown: card_shown.Shown,
    order: Order | None,
    version: int,
    base: card_values.Version,
    settled: dict[str, Any],
    problems: dict[str, str],
    known: Shared,
) -> str:
    parts = _form_parts(shown, order, settled, problems)
    parts |= {"order": order, "version": version, "base": json.dumps(base, ensure_ascii=False)}
    parts["quote"] = "" if parts["frozen"] else _quote(order, known)
    form_html = card_form.html(shown, order, parts, known.destinations)
    tracking = card_form.tracking(shown, order, parts["frozen"])
    around = side_parts(order, known) | _doubles(order) if order else {}
    return render_template("card/page.html", **(around | parts), form_html=form_html, tracking=tracking)


def _doubles(order: Order) -> dict[str, Any]:
    """Orders that look like this one, and the one that it was merged into."""
    pairs = duplicates.of_order(order.id) if order.likely_duplicate else []
    into = unite.merged_into(order.id) if order.cancel_reason == unite.REASON else ""
    return {"pairs": pairs, "pair_reasons": order_words.ALIKE, "into": into, "address": addresses}


def _quote(order: Order | None, known: Shared) -> str:
    """The box of delivery offers, which asks for them when it is shown; "" where no service is connected."""
    if not delivery.services(known.connections):
        return ""
    choice = delivery_panel.choice_of(order, request.form)
    at = delivery_panel.written(choice.place) if choice else ""
    return piece("delivery/start.html", choice=choice, at=at)


def live_parts(form: OrderForm, settled: dict[str, Any], problems: dict[str, str]) -> dict[str, Any]:
    """What the pieces show that follow each change of the form."""
    shown = card_shown.of_form(form)
    parts = _form_parts(shown, form.order, settled, problems)
    sums = card_form.sums(shown, settled, parts["hints"], oob=True)
    return parts | {"lines": card_form.lines(shown, parts["frozen"]), "sums": sums}


def _form_parts(
    shown: card_shown.Shown, order: Order | None, settled: dict[str, Any], problems: dict[str, str]
) -> dict[str, Any]:
    locked = order is not None and editing.is_locked(order)
    hints = {name: _(MESSAGES[key]) for name, key in problems.items()}
    shown.settle(settled, hints)
    return {
        "form": shown,
        "settled": settled,
        "was": {name: card_values.plain(settled.get(name) or Decimal(0)) for name in card_values.AMOUNTS},
        "hints": hints,
        "auto": "auto_weight" in shown.ticks,
        "counted": parcels.are_counted(settled),
        "frozen": locked or not current_user.can_edit,
        "locked": locked,
        "method_kept": order is not None and editing.keeps_method(order),
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


def side_parts(order: Order, known: Shared | None = None, oob: bool = False) -> dict[str, Any]:
    """The right column and the head: everything but the form. `oob`: as an answer to htmx."""
    known, there = known or shared(), copies.standing(order.id)
    found = copies.of_order(order.id, known.connections, known.destinations, there)
    if there.links and len(known.destinations) > 1:
        copies.name_second_routes(order.id, found)
    days, more = card_timeline.of_order(order, tries=bool(there.item))
    return {
        "order": order,
        "destinations": known.destinations,
        "readers": known.readers,
        "carriers": known.carriers,
        "waits_for_payment": order.payment_kind == "online_card" and not order.paid and not order.cod,
        "statuses": known.statuses,
        "copies": found,
        "days": days,
        "more": more,
        "originals": copies.originals(order.id) if there.incoming else [],
        "connectors": connectors(),
        "advise": _advise,
        "head": card_head.html(order, card_head.next_action(order, found, known.statuses), known.statuses, oob),
        "mark": copies.mark(order, there),
        "parcel": card_form.parcel(order, oob=True) if oob else "",
        "payments": _payments(order, known),
    }


def _payments(order: Order, known: Shared) -> dict[str, Any]:
    """Its payments, whether it may be paid online, and whether a link for that is about."""
    offered = _takes(order.currency, known) and not payments.why_not(order, order.status.group)
    return {
        "summary": payments.of_order(order),
        "offered": offered,
        "linked": offered and pay_links.any_works(order.id),
        "states": order_words.PAYMENT_STATES,
        "todo": order_words.PAYMENT_STEPS,
    }


def _takes(currency: str, known: Shared) -> bool:
    return any(currency in (connectors()[kind].currencies or (currency,)) for kind in known.payers)


def _advise(copy: copies.Copy, order: Order) -> advice.Advice:
    """What went wrong and what to do; a way to this very page becomes a way to the field on it."""
    if copy.failed and copy.failed.operation == "delete" and copy.failed.fault == "validation":
        return replace(advice.of_deletion(copy.connection), action_url="")
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


def blank_form(copied: Order | None, defaults: dict[str, Any]) -> OrderForm:
    """The form of a new order, with the defaults, or as a copy of another."""
    if copied is None:
        return OrderForm(None, None, **defaults)
    kept = {name: value for name, value in initial(copied).items() if name not in ("number", "ttn", "paid")}
    kept["lines"] = [{**line, "id": None} for line in kept["lines"]]
    return OrderForm(None, None, **{**defaults, **kept})
