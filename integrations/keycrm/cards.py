"""Orders as cards of a pipeline (leads).

A card has no external id: our name for the order is its title, and stands in a field of cards where the settings name
one. Products are only ever appended, so that what is there is looked at first. There is no delivery either: it goes
into the manager's comment. In links and mappings cards and their statuses are "card-5", as orders and their statuses
have numbers of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from ..destinations import outcome_of
from ..errors import FAULTS, Refused, Unknown
from ..types import Copy, OrderData, Reference, Sent, StatusChange
from ..values import alone, entries, filled, moment, part, text
from . import edits, translate
from .client import KeyCrmApi
from .terms import Terms
from .translate import TIME

PREFIX = "card-"
#: how far back a card is looked for that may have been made: longer than lost answers are looked up by themselves
LOOK_BACK = timedelta(days=7)
INCLUDE = "products,payments,custom_fields"


def name(identity: Any) -> str:
    """A card, or a status of cards, as links and mappings have it."""
    return f"{PREFIX}{identity}"


def is_card(external_id: str) -> bool:
    return external_id.startswith(PREFIX)


def number(external_id: str) -> str:
    return external_id.removeprefix(PREFIX)


def new_card(order: OrderData, terms: Terms) -> dict[str, Any]:
    """The body of POST /pipelines/cards. UTM stands at its top, unlike an order's."""
    fields = {"manager_comment": _comment(order), **translate.utm(order)}
    own = [*_own_field(order, terms), *translate.switches(order, terms)]
    return {
        "title": terms.style.name(order.key),
        "source_id": int(terms.source),
        **({"pipeline_id": int(terms.pipeline)} if terms.pipeline else {}),
        "contact": translate.contact(order),
        **filled(fields),
        "products": [translate.product(line) for line in order.lines],
        "payments": [translate.payment(order)],
        **({"custom_fields": own} if own else {}),
    }


def _own_field(order: OrderData, terms: Terms) -> list[dict[str, str]]:
    field = terms.number_field
    return [{"uuid": field, "value": terms.style.name(order.key)}] if field else []


def _comment(order: OrderData) -> str:
    """What cards have no place for: the customer's words, the recipient, where and how it is delivered, discounts."""
    chosen, place = order.delivery, order.address
    off = order.discount + sum(line.discount for line in order.lines)
    where = (chosen.name, chosen.tariff_name, place.city, chosen.pickup_address, translate.street(order))
    cost = f"{chosen.cost:f} {order.currency}" if chosen.cost else ""
    other = (order.recipient.full_name, order.recipient.phone) if order.buyer else ()
    lines = (
        order.customer_comment,
        order.staff_comment,
        ", ".join(filter(None, other)),
        ", ".join(filter(None, (*where, cost, chosen.tracking_number))),
        f"-{off:f} {order.currency} {order.coupon}".strip() if off else order.coupon,
    )
    return "\n".join(filter(None, lines))


def copy(body: Mapping[str, Any], terms: Terms) -> Copy:
    identity = text(body, "id")
    if not identity:
        raise Unknown("broken", "the answer doesn't name the card")
    url = f"{terms.account}/app/leads/{identity}" if terms.account else ""
    return Copy(name(identity), identity, name(text(body, "status_id")), url=url)


def status(body: Mapping[str, Any], terms: Terms) -> StatusChange:
    at = moment(body.get("updated_at"))
    return StatusChange(name(text(body, "id")), name(text(body, "status_id")), key=key(body, terms), at=at)


def key(body: Mapping[str, Any], terms: Terms) -> str:
    """Which order a card is of: by our field, else by its title."""
    held = (e for e in entries(body.get("custom_fields")) if terms.number_field and e.get("uuid") == terms.number_field)
    own = next((text(entry, "value") for entry in held), "")
    return terms.style.key(own or text(body, "title"))


class Cards(KeyCrmApi):
    """What a connection does with cards."""

    def send_cards(self, orders: Sequence[OrderData]) -> list[Sent]:
        """One by one; once the vendor wants to be left alone, the rest isn't tried."""
        sent: list[Sent] = []
        for order in orders:
            sent.append(outcome_of(order.key, partial(self.create_card, order), alone=not sent))
            if FAULTS.get(sent[-1].fault) == "later":
                break
        return [*sent, *(replace(sent[-1], key=order.key) for order in orders[len(sent) :])]

    def create_card(self, order: OrderData) -> Copy:
        return copy(self.write("POST", "/pipelines/cards", new_card(order, self.terms)), self.terms)

    def edit_card(self, identity: str, order: OrderData) -> Copy:
        """Appends what is missing, marks the payment paid. Raises Refused where lines would have to go."""
        path = f"/pipelines/cards/{identity}"
        held = self._card(identity, include=INCLUDE)
        _, missing, extra = edits.paired(order.lines, entries(held.get("products")))
        switched = translate.switches(order, self.terms, held.get("custom_fields"))
        if changed := filled({"products": [translate.product(line) for line in missing], "custom_fields": switched}):
            self.write("PUT", path, changed)
        if step := edits.payment_step(order, held.get("payments")):
            method, below, body = step
            self.write(method, f"{path}/{below}", body)
        if problem := edits.difference((), extra):
            raise Refused("validation", problem, "lines")
        return copy(held, self.terms)

    def find_cards(self, keys: Iterable[str]) -> dict[str, Copy]:
        """Those of the last days by our names; of two the older one."""
        now = datetime.now(UTC)
        span = f"{(now - LOOK_BACK).strftime(TIME)}, {(now + timedelta(days=1)).strftime(TIME)}"
        query: dict[str, Any] = {"filter[source_id]": self.terms.source, "filter[created_between]": span}
        include: dict[str, Any] = {"include": "custom_fields"} if self.terms.number_field else {}
        wanted, found = set(keys), dict[str, Copy]()
        for sheet in self.sheets("/pipelines/cards", **query, **include):
            for body in sheet.entries:
                held = copy(body, self.terms)
                known = found.get(key(body, self.terms))
                if key(body, self.terms) in wanted and (known is None or int(held.number) < int(known.number)):
                    found[key(body, self.terms)] = held
        return found

    def card_statuses(self) -> list[Reference]:
        """Of all pipelines, the chosen one first: a status of another pipeline moves a card there."""
        pipelines = sorted(self.every("/pipelines"), key=lambda p: text(p, "id") != self.terms.pipeline)
        found = []
        for pipeline in pipelines:
            of = f" · {text(pipeline, 'name')}" if len(pipelines) > 1 else ""
            for body in self.every(f"/pipelines/{text(pipeline, 'id')}/statuses"):
                found.append(Reference(name(text(body, "id")), text(body, "title") + of))
        return found

    def custom_fields(self) -> list[Mapping[str, Any]]:
        """Of orders and cards; the one list without pages."""
        query = {"filter[model]": "order,lead"}
        answer = self.http.get(self.url("/custom-fields"), headers=self.headers(), params=query)
        listed = answer.json()
        self._judge(answer, part(listed), write=False)
        if not isinstance(listed, list):
            raise Unknown("broken", "no list of custom fields")
        return entries(listed)

    def changed_cards(self, span: str) -> list[StatusChange]:
        """The list can't be sorted; what changed in the span is few enough for a page or two."""
        query = {"filter[source_id]": self.terms.source, "filter[updated_between]": span}
        return [status(body, self.terms) for body in self.every("/pipelines/cards", **query)]

    def card_status(self, identity: str) -> StatusChange:
        return status(self._card(identity), self.terms)

    def _card(self, identity: str, **query: Any) -> Mapping[str, Any]:
        """The description wraps it as a page of a list, integrators get it bare."""
        body = self.call("GET", f"/pipelines/cards/{identity}", params=query)
        return body if "id" in body else alone(body.get("data"))
