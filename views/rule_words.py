"""Automation rules in plain words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from integrations import connectors
from integrations.base import ReceivesOrders, SendsMessages
from jobs import mail, messages, webhooks
from models import ReferenceItem, WebhookEndpoint
from models.registries import PAYMENT_KINDS
from orders import lists
from orders.lists import Connected, Entry

from .registries import PAYMENT_NAMES
from .text import translated

EVENTS = {
    "created": _l("an order is made here"),
    "imported": _l("an order comes from a connected system or a file"),
    "status": _l("the status changes"),
    "paid": _l("payment is received"),
    "external": _l("a connected system reports a status"),
    "waited": _l("an order stands in a status for some time"),
    "schedule": _l("it is time, by a schedule"),
}
FIELDS = {
    "source": _l("Source"),
    "shop": _l("Shop"),
    "type": _l("Order type"),
    "status": _l("Status"),
    "payment": _l("Payment"),
    "paid": _l("Paid"),
    "total_from": _l("Sum from"),
    "total_to": _l("Sum up to"),
    "mark": _l("Mark"),
}
MARKS = {
    "do_not_call": _l("do not call"),
    "fulfilment": _l("fulfilment"),
    "needs_mapping": _l("needs mapping"),
}
ACTIONS = {
    "send": _l("Send to"),
    "status": _l("Change the status"),
    "cancel": _l("Cancel with a reason"),
    "chat": _l("Write to a chat"),
    "email": _l("Send a letter"),
    "webhook": _l("Call a webhook"),
}
UNITS = {"minutes": _l("minutes"), "hours": _l("hours"), "days": _l("days")}
EVERY = {
    "15": _l("every 15 minutes"),
    "60": _l("every hour"),
    "360": _l("every 6 hours"),
    "day": _l("each day at"),
}
CHIPS = {
    "number": _l("Order number"),
    "total": _l("Sum"),
    "status": _l("Status"),
    "name": _l("Recipient"),
    "phone": _l("Phone"),
    "city": _l("City"),
    "delivery": _l("Delivery"),
    "payment": _l("Payment"),
    "items": _l("Products"),
    "comment": _l("Customer's comment"),
    "source": _l("Source"),
    "shop": _l("Shop"),
    "ttn": _l("Tracking number"),
    "link": _l("Link to the order"),
}
#: why a rule that fits did nothing
STOPPED = {
    "loop": _l("It had acted on this order already in the same chain of rules: going on would turn in a circle."),
    "depth": _l("Five rules in a row had set each other off: the chain ends here."),
    "often": _l("It had acted on this order twenty times within a day."),
}
#: what became of an action
RESULTS = {
    "done": _l("done"),
    "gone": _l("not done: what the rule names is deleted"),
    "off": _l("not done: it is switched off"),
    "unchanged": _l("nothing to do: the copy is up to date"),
    "working": _l("nothing to do: it is being sent already"),
    "same": _l("nothing to do: it is in this status already"),
    "no_mail": _l("not done: no mail server is set up"),
    "no_address": _l("not done: the order has no e-mail address"),
    "deleted": _l("not sent: the order is deleted"),
    "cancelled": _l("not sent: the order is cancelled"),
    "preorder": _l("not sent: the pre-order is not completed"),
    "no_lines": _l("not sent: the order has no products"),
    "no_recipient": _l("not sent: the order has no recipient"),
    "needs_mapping": _l("not sent: something in the order needs mapping"),
}


@dataclass
class Choices:
    """What rules may name, for the editor and for the words."""

    lists: lists.Lists
    connections: list[Connected]
    chats: Sequence[ReferenceItem]
    endpoints: Sequence[WebhookEndpoint]

    def able(self, capability: type) -> list[Connected]:
        known = connectors()
        return [c for c in self.connections if c.enabled and c.kind in known and known[c.kind].can(capability)]

    @property
    def destinations(self) -> list[Connected]:
        return self.able(ReceivesOrders)

    @property
    def bots(self) -> list[Connected]:
        return self.able(SendsMessages)

    @property
    def by_hand(self) -> list[Entry]:
        """Statuses that a rule may give: those that a person may, too."""
        return [s for s in self.lists.statuses if s.active and s.group not in ("transferred", "deleted")]

    def of_field(self, name: str) -> list[tuple[str, str]]:
        """(value, name) of what a condition may hold."""
        if name == "payment":
            return [(kind, translated(PAYMENT_NAMES[kind])) for kind in PAYMENT_KINDS]
        if name == "mark":
            return [(mark, str(label)) for mark, label in MARKS.items()]
        listed = {"type": "types", "source": "sources", "shop": "shops", "status": "statuses"}.get(name)
        rows: list[Entry] = getattr(self.lists, listed) if listed else []
        return [(str(row.id), translated(row.name)) for row in rows if row.active]

    def named(self, table: str, row_id: Any) -> str:
        found = next((row.name for row in getattr(self.lists, table) if row.id == row_id), "")
        return translated(found) or _("(deleted)")

    def connection(self, row_id: Any) -> str:
        return next((row.name for row in self.connections if row.id == row_id), "") or _("(deleted)")

    def chat(self, action: Mapping[str, Any]) -> str:
        code, bot = str(action.get("chat") or ""), action.get("connection")
        return next((c.name for c in self.chats if c.code == code and c.connection_id == bot), code)

    def endpoint(self, action: Mapping[str, Any]) -> str:
        wanted = action.get("endpoint")
        return next((e.url for e in self.endpoints if e.id == wanted), str(action.get("url") or "")) or _("(deleted)")

    @property
    def mail(self) -> bool:
        return mail.is_configured()


def choices() -> Choices:
    registries, connections = lists.of(lists.snapshot())
    return Choices(registries, connections, messages.known_chats(), webhooks.endpoints())


@dataclass(frozen=True)
class Sentence:
    """A rule in words: when, if, then."""

    when: str
    conditions: list[str]
    actions: list[str]


def sentence(rule: Any, known: Choices) -> Sentence:
    """`rule`: anything with the columns of Rule."""
    return Sentence(
        when(rule.event, rule.params, known),
        [condition(row, known) for row in rule.conditions],
        [action(row, known) for row in rule.actions],
    )


def either(names: Sequence[str]) -> str:
    """A, B or C."""
    if len(names) < 2:
        return "".join(names)
    return _("%(some)s or %(last)s", some=", ".join(names[:-1]), last=names[-1])


def when(event: str, params: Mapping[str, Any], known: Choices) -> str:
    if event == "status" and params.get("statuses"):
        names = either([known.named("statuses", i) for i in params["statuses"]])
        return _("the status becomes %(statuses)s", statuses=names)
    if event == "external":
        return _external(params, known)
    if event == "waited":
        status = known.named("statuses", params.get("status"))
        return _("an order stands in %(status)s for %(time)s", status=status, time=span(params))
    if event == "schedule":
        return _every(params)
    return str(EVENTS[event])


def _external(params: Mapping[str, Any], known: Choices) -> str:
    name = known.connection(params["connection"]) if params.get("connection") else _("any system")
    if params.get("their"):
        return _("%(system)s reports the status “%(status)s”", system=name, status=params["their"])
    return _("%(system)s reports a new status", system=name)


def _every(params: Mapping[str, Any]) -> str:
    if params.get("every") == "day":
        return _("it is %(time)s, each day", time=params.get("at", ""))
    return str(EVERY.get(str(params.get("every")), ""))


def span(params: Mapping[str, Any]) -> str:
    number = int(params.get("number") or 0)
    if params.get("unit") == "days":
        return ngettext("%(num)s day", "%(num)s days", number)
    if params.get("unit") == "hours":
        return ngettext("%(num)s hour", "%(num)s hours", number)
    return ngettext("%(num)s minute", "%(num)s minutes", number)


def condition(row: Mapping[str, Any], known: Choices) -> str:
    name, holds = row["field"], row.get("op") != "not"
    if name == "paid":
        return _("it is paid") if holds else _("it is not paid")
    if name == "total_from":
        return _("the sum is %(sum)s or more", sum=row["value"])
    if name == "total_to":
        return _("the sum is %(sum)s or less", sum=row["value"])
    titles = dict(known.of_field(name))
    values = either([titles.get(str(value), _("(deleted)")) for value in row["values"]])
    if name == "mark":
        return _("it is marked “%(mark)s”", mark=values) if holds else _("it is not marked “%(mark)s”", mark=values)
    label = str(FIELDS[name]).lower()
    if holds:
        return _("%(what)s is %(values)s", what=label, values=values)
    return _("%(what)s is not %(values)s", what=label, values=values)


def action(row: Mapping[str, Any], known: Choices) -> str:
    return _THEN[row["kind"]](row, known)


def _send(row: Mapping[str, Any], known: Choices) -> str:
    said = _("send it to %(system)s", system=known.connection(row["connection"]))
    if row.get("success"):
        said = _("%(sent)s, then %(status)s", sent=said, status=known.named("statuses", row["success"]))
    if row.get("failure"):
        said = _("%(sent)s, on refusal %(status)s", sent=said, status=known.named("statuses", row["failure"]))
    return said


def _cancel(row: Mapping[str, Any], _known: Choices) -> str:
    return _("cancel it: “%(reason)s”", reason=row["text"]) if row.get("text") else _("cancel it")


def _email(row: Mapping[str, Any], _known: Choices) -> str:
    return _("send a letter to %(to)s", to=row["to"]) if row.get("to") else _("send a letter to the customer")


_THEN: dict[str, Callable[[Mapping[str, Any], Choices], str]] = {
    "send": _send,
    "status": lambda row, known: _("set the status %(status)s", status=known.named("statuses", row["status"])),
    "cancel": _cancel,
    "chat": lambda row, known: _("write to the chat %(chat)s", chat=known.chat(row)),
    "email": _email,
    "webhook": lambda row, known: _("call the webhook %(url)s", url=known.endpoint(row)),
}


def told(row: Mapping[str, Any]) -> str:
    """An action of a trace and what came of it."""
    result = str(RESULTS.get(str(row.get("result")), row.get("result")))
    label = str(ACTIONS.get(str(row.get("kind")), row.get("kind")))
    if not row.get("to"):
        return _("%(action)s: %(result)s", action=label, result=result)
    name = translated(row["to"]) if row.get("kind") in ("status", "cancel") else row["to"]
    return _("%(action)s, %(name)s: %(result)s", action=label, name=name, result=result)
