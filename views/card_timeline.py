"""The timeline of an order in words: events and attempts together, by day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import current_app, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from jinja2.filters import do_truncate
from markupsafe import Markup

from integrations.text import N_
from models import Order, OrderEvent, utcnow
from orders import copies, timeline

from . import advice, order_form, text
from .card_frame import framed

MONEY = ("delivery_cost", "discount", "declared_value", "cod_amount", "total")
LABELS = order_form.LABELS | {
    "status": N_("Status"),
    "total": N_("Total"),
    "lines": N_("Products"),
    "paid": N_("Paid"),
    "external status": N_("Status there"),
    "expense": N_("Expense"),
}
#: kind of event -> sentence; no verbs in the past, so that no language has to know who did it
SENTENCES = {
    "created": _l("order created"),
    "imported": _l("order taken from %(connection)s"),
    "edited": _l("order changed"),
    "status": _l("new status"),
    "requested": _l("asked to send to %(connection)s"),
    "external": _l("news from %(connection)s"),
    "payment": _l("payment"),
    "expense": _l("expense"),
    "unlinked": _l("link to %(connection)s deleted, number there: %(external)s"),
    "mapped": _l("matched: %(name)s"),
    "link_made": _l("link for the customer"),
    "link_revoked": _l("link for the customer revoked"),
    "link_mailed": _l("link to be sent to %(name)s"),
    "completed": _l("filled in by the customer"),
    "undone": _l("change taken back"),
    "stopped": _l("not sent to %(connection)s: the delivery service has it through %(name)s already"),
    "second_route": _l("let through to %(connection)s, although %(name)s leads to the same delivery service"),
    "merged": _l("%(name)s merged into this order"),
    "merged_into": _l("merged into %(name)s"),
    "not_duplicate": _l("not a duplicate of %(name)s"),
}
NAMED = ("sent", "refused", "external", "imported", "payment")
STEP_COLORS = {"paid": "green", **dict.fromkeys(("failed", "misfit_amount", "misfit_currency", "misfit_other"), "red")}
MESSAGES = {
    "sent": _l("message sent to %(to)s"),
    "failed": _l("message to %(to)s not sent"),
    "unknown": _l("message to %(to)s: the answer was lost, it may have arrived"),
    "requested": _l("asked to send the message to %(to)s once more"),
}
DONE = {
    "send": _l("sent to %(connection)s, number there: %(external)s"),
    "delete": _l("deleted in %(connection)s"),
    "status": _l("status passed on to %(connection)s: %(external)s"),
    "ttn": _l("tracking number passed on to %(connection)s"),
}


@dataclass
class Entry:
    """One line of the timeline. `actor`: whose icon; `changes`: (label, before, after), in words."""

    actor: str
    who: str
    text: str
    at: datetime
    changes: list[tuple[str, str, str]] = field(default_factory=list)
    note: str = ""
    color: str = ""
    attempt: int = 0
    ms: int | None = None


def of_order(order: Order, limit: int = 60, tries: bool = True) -> tuple[list[tuple[str, list[Markup]]], bool]:
    """Entries by day, printed, newest first, and whether there are older ones. `tries`: whether there were attempts;
    without them it is one query, else two."""
    events = timeline.of_order(order.id, limit + 1)
    tried = list(copies.attempts(order.id, limit)) if tries else []
    entries = [_entry(event, order, tried) for event in events[:limit]]
    oldest = entries[-1].at if len(events) > limit else None
    entries += [_attempt(row) for row in tried if oldest is None or row.started_at >= oldest]
    entries.sort(key=lambda e: e.at, reverse=True)
    return [(day, [_html(e, order.id) for e in found]) for day, found in _by_day(entries)], len(events) > limit


def _html(entry: Entry, order_id: int) -> Markup:
    full = text.full_time(entry.at)
    attempt = entry.attempt
    slot = {
        "who": entry.who,
        "text": entry.text,
        "iso": entry.at.isoformat(),
        "full": full,
        "short": full[11:16],
        "ms": text.number(entry.ms),
        "changes": Markup("").join(_change_html(*change) for change in entry.changes),
        "note": do_truncate(current_app.jinja_env, entry.note, 300),
        "attempt": attempt,
        "why": url_for("automation.why", order_id=order_id) if entry.actor == "rule" else "",
        "url": url_for("card_side.attempt", order_id=order_id, attempt_id=attempt) if attempt else "",
    }
    there = {"who": bool(entry.who), "ms": entry.ms is not None, "note": bool(entry.note), "attempt": bool(attempt)}
    return framed("card/_event.html", None, slot, actor=entry.actor, color=entry.color, **there)


def _change_html(label: str, before: str, after: str) -> Markup:
    slot = {"label": label, "before": before, "after": after or "—"}
    return framed("card/_change.html", None, slot, before=bool(before))


def _entry(event: OrderEvent, order: Order, tried: list[Any]) -> Entry:
    detail = event.detail or {}
    named = event.kind in NAMED and event.actor_name == detail.get("connection")  # once in a line is enough
    who = "" if named else event.actor_name or (_("the customer") if event.actor == "customer" else _("the hub"))
    entry = Entry(event.actor, who, sentence(event.kind, detail), event.at)
    entry.changes = [change for row in detail.get("changes", []) if (change := _change(row, order.currency))]
    entry.note = ": ".join(filter(None, (text.translated(detail.get("reason")), str(detail.get("text") or ""))))
    if detail.get("order"):  # came along from an order that was merged into this one
        entry.note = " · ".join(part for part in (str(detail["order"]), entry.note) if part)
    if event.kind == "merged_into":
        entry.note = ""
    if event.kind == "refused":
        entry.color, entry.note = "red", text.said(detail.get("detail"))
    if event.kind == "message" and detail.get("outcome") in ("failed", "unknown"):
        entry.color, entry.note = "orange", str(detail.get("detail") or "")
    if event.kind == "sent":
        entry.color = "green"
    if event.kind == "payment":
        entry.color = STEP_COLORS.get(str(detail.get("step")), "")
    if event.kind in ("sent", "refused") and (row := _take(tried, event)):
        entry.attempt, entry.ms = row.id, row.ms
    return entry


#: what happened to a payment -> sentence
STEPS = {
    "link": _l("payment link made"),
    "revoked": _l("payment links revoked"),
    "opened": _l("payment of %(sum)s opened at %(connection)s"),
    "waiting": _l("%(connection)s: %(sum)s reserved, not taken yet"),
    "paid": _l("%(connection)s: %(sum)s paid"),
    "failed": _l("%(connection)s: payment of %(sum)s failed"),
    "cancelled": _l("%(connection)s: payment of %(sum)s called off"),
    "expired": _l("%(connection)s: nobody paid %(sum)s in two days"),
    "refunded": _l("%(connection)s: %(sum)s given back"),
    "ask_cancel": _l("asked to call off the payment of %(sum)s at %(connection)s"),
    "ask_refund": _l("asked to give back %(sum)s through %(connection)s"),
    "misfit_amount": _l("%(connection)s: another amount has come than %(sum)s; not counted"),
    "misfit_currency": _l("%(connection)s: another currency has come for %(sum)s; not counted"),
    "misfit_other": _l("%(connection)s: this payment belongs to another order; not counted"),
}


def _step(detail: dict[str, Any]) -> str:
    facts = {"connection": str(detail.get("connection") or "")}
    facts["sum"] = _money(str(detail.get("amount") or "0"), str(detail.get("currency") or "UAH"))
    return str(STEPS[str(detail["step"])]) % facts


def _arrival(detail: dict[str, Any], connection: str) -> str:
    """How an order came, where it was not simply taken from a system."""
    if detail.get("file"):
        return _("order imported from the file %(file)s", file=str(detail["file"]))
    if detail.get("by"):
        who = str(detail["by"])
        return _("order taken from %(name)s: %(who)s did not wait for its payment", name=connection, who=who)
    if detail.get("waited") == "paid":
        return _("order taken from %(name)s: its payment has come", name=connection)
    if detail.get("waited") == "unpaid":
        return _("order taken from %(name)s: its payment did not come in time", name=connection)
    return ""


def sentence(kind: str, detail: dict[str, Any]) -> str:
    if kind == "payment" and detail.get("step") in STEPS:
        return _step(detail)
    facts = {name: str(detail.get(name) or "") for name in ("connection", "external", "name")}
    if detail.get("operation") == "status":
        facts["external"] = text.translated(facts["external"])
    if kind == "merged_into":
        facts["name"] = str(detail.get("text") or "")
    if kind == "refused":
        if detail.get("fault") == "validation":  # its title would say "not accepted" twice
            return _("%(name)s: %(reason)s", name=facts["connection"], reason=_("not accepted"))
        reason = advice.title(str(detail.get("fault", "")))
        return _("%(connection)s: not accepted (%(reason)s)", connection=facts["connection"], reason=reason)
    if kind == "message":
        return str(MESSAGES.get(str(detail.get("outcome")), MESSAGES["sent"])) % {"to": str(detail.get("to") or "")}
    if kind == "imported" and (said := _arrival(detail, facts["connection"])):
        return said
    source = DONE.get(str(detail.get("operation")), DONE["send"]) if kind == "sent" else SENTENCES.get(kind)
    return kind if source is None else str(source) % facts if "%(" in str(source) else str(source)


def _take(tried: list[Any], event: OrderEvent) -> Any | None:
    """The attempt that led to this event: the last one before it towards the same system."""
    name = (event.detail or {}).get("connection")
    for row in tried:
        if row.name == name and row.started_at <= event.at + timedelta(seconds=1):
            tried.remove(row)
            return row
    return None


OUTCOMES = {
    "done": (_l("%(connection)s answered"), ""),
    "later": (_l("%(connection)s: later (%(reason)s)"), "orange"),
    "unknown": (_l("%(connection)s: the answer was lost (%(reason)s)"), "orange"),
    "refused": (_l("%(connection)s: not accepted (%(reason)s)"), "red"),
}


def _attempt(row: Any) -> Entry:
    template, color = OUTCOMES.get(row.outcome or "", (_l("%(connection)s: call under way"), ""))
    words = str(template) % {"connection": row.name, "reason": advice.title(row.fault)}
    return Entry("job", "", words, row.started_at, [], row.detail, color, row.id, row.ms)


def _change(row: Sequence[Any], currency: str) -> tuple[str, str, str] | None:
    if len(row) != 3:
        return None
    name = str(row[0])
    label = LABELS.get(name)
    return _(label) if label else name, shown(name, row[1], currency), shown(name, row[2], currency)


def shown(name: str, value: Any, currency: str) -> str:
    """A value of the timeline in words."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return "; ".join(str(part) for part in value)
    if value in (None, ""):
        return ""
    if name in MONEY:
        return _money(str(value), currency)
    if name in ("length", "width", "height") and isinstance(value, int):
        return text.number(Decimal(value) / 10)
    return text.translated(value) if name in ("status", "external status") or name.endswith("_id") else str(value)


def _money(value: str, currency: str) -> str:
    try:
        return text.money(Decimal(value), currency)
    except InvalidOperation:
        return value


def _by_day(entries: Sequence[Entry]) -> list[tuple[str, list[Entry]]]:
    days: dict[date, list[Entry]] = {}
    for entry in entries:
        days.setdefault(entry.at.astimezone(text.ZONE).date(), []).append(entry)
    return [(_day(day, found[0].at), found) for day, found in days.items()]


def _day(day: date, moment: datetime) -> str:
    today = utcnow().astimezone(text.ZONE).date()
    names = {today: _("Today"), today - timedelta(days=1): _("Yesterday")}
    return names.get(day) or text.day(moment)
