"""What KeyCRM tells by itself: triggers of its automation that post to us.

The vendor's help (help.keycrm.app, "webhook-setup-in-keycrm") and integrators' code agree: POST with a JSON body
{"event", "context"}, the context a flat order or card; up to three attempts; no signature and no header of their own,
so that the secret in the address is all that vouches for it. Which source an order is of says `source_id`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..base import HookLink
from ..errors import Refused
from ..notices import StatusNotice
from ..reading import an_object
from ..rest import RestConnector
from ..text import N_
from ..types import Notice, Reply, StatusChange
from ..values import moment, part, text
from . import cards
from .forms import CARDS, ORDERS

ORDER_PAYMENT, CARD_STATUS = "order.change_payment_status", "lead.change_lead_status"
EVENTS = {
    "order.change_order_status": N_("Status of an order"),
    ORDER_PAYMENT: N_("Payment of an order"),
    CARD_STATUS: N_("Status of a card"),
}
PAID = ("paid", "overpaid")

OTHER_EVENT = N_("Nothing is done about this event: the trigger should be for a change of status.")
OTHER_SOURCE = N_("It is of another source than the one chosen here: add the condition “Source” to the trigger.")
NOT_SENT = N_("The settings say that orders are not sent to KeyCRM.")
OPEN = N_("In KeyCRM open Settings, Additional, the tab “Automation”, and press “Add trigger”.")
CONDITION = N_("Execute it at once, on the condition: Source, includes, the source that is chosen here.")
ACTION = N_("Add the action “Send webhook”, paste the link, and choose the HTTP method POST.")
SWITCH_ON = N_("Save the trigger and see that it is switched on. Change a status to try it: it is listed below.")
ORDER_STEPS = (
    OPEN,
    N_("Name it, choose the event “Order status change”, and select all statuses."),
    CONDITION,
    ACTION,
    SWITCH_ON,
    N_("To have payments told, too, make one more trigger with the event “Payment status change” and the same link."),
)
CARD_STEPS = (
    OPEN,
    N_("Name it, choose the event “Card status change”, and select all statuses of the pipelines in use."),
    CONDITION,
    ACTION,
    SWITCH_ON,
)
ORDER_LINK = HookLink(ORDERS, N_("Link for orders"), ORDER_STEPS)
CARD_LINK = HookLink(CARDS, N_("Link for cards"), CARD_STEPS)


class Hooks(RestConnector):
    """The part of the connector that reads notices."""

    def hook_links(self) -> Sequence[HookLink]:
        """Beside cards there may be orders that were sent as such before; triggers tell of the two apart."""
        return {ORDERS: (ORDER_LINK,), CARDS: (CARD_LINK, ORDER_LINK)}.get(self._mode, ())

    def notices(self, headers: Mapping[str, str], body: bytes) -> Sequence[Notice]:
        """At most one. Raises Refused("validation") for what is no notice of theirs."""
        posted = an_object(body)
        event, context = text(posted.get("event")), part(posted.get("context"))
        external_id, status = text(context.get("id")), text(context.get("status_id"))
        if not event or not external_id.isdecimal():
            raise Refused("validation", "neither an event nor what it is about")
        if event in EVENTS and not status.isdecimal():
            raise Refused("validation", "no status")
        name = cards.name if event == CARD_STATUS else str
        changed = moment(text(context.get("updated_at")) or text(context.get("status_changed_at")))
        told = StatusNotice(
            "status",
            _once(event, context),
            name(external_id),
            body=posted,
            name=EVENTS.get(event, event),
            change=StatusChange(name(external_id), name(status), at=changed),
            paid=event == ORDER_PAYMENT and text(context.get("payment_status")) in PAID,
            ignored=self._not_ours(event, context),
        )
        return [told]

    def answer(self, notices: Sequence[Notice]) -> Reply:
        return Reply()

    @property
    def _mode(self) -> str:
        return str(self.settings.get("mode") or ORDERS)

    def _not_ours(self, event: str, context: Mapping[str, Any]) -> str:
        """Why it is none of ours; "" when it is."""
        if event not in EVENTS:
            return OTHER_EVENT
        if self._mode not in (ORDERS, CARDS):
            return NOT_SENT
        source = text(self.settings.get("source_id"))
        return OTHER_SOURCE if source and text(context.get("source_id")) != source else ""


def _once(event: str, context: Mapping[str, Any]) -> str:
    """The same for each attempt to tell the same."""
    parts = ("id", "status_id", "payment_status", "updated_at")
    return "|".join((event, *(text(context.get(name)) for name in parts)))
