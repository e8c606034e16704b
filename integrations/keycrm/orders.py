"""Our orders as orders there: taken in by the batch, looked up, changed, their statuses read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import islice
from threading import Lock
from typing import Any

from ..errors import Refused, Unknown, VendorError
from ..fields import field_named
from ..types import Copy, OrderData, Sent, StatusChange
from ..values import entries, part, text
from . import edits, translate
from .client import KeyCrmApi

INCLUDE = "products.offer,payments,shipping.deliveryService,custom_fields"
INVALID = 422  # an order of an import can't be taken: then none is
NOVA_POSHTA = "novaposhta"  # `source_name` of services that take a branch by its own id
NEWEST = 2  # pages of the newest orders that are read before one order is asked for at a time
_PLACE = re.compile(r"^orders\.(\d+)\.?(.*)")


class Orders(KeyCrmApi):
    """What a connection does with orders."""

    @cached_property
    def _import(self) -> Lock:
        """One import at a time: what it made is then on top of the list."""
        return Lock()

    @cached_property
    def _branch_services(self) -> frozenset[str]:
        listed = self.every("/order/delivery-service")
        return frozenset(text(e, "id") for e in listed if NOVA_POSHTA in text(e, "source_name").casefold())

    def import_orders(self, orders: Sequence[OrderData]) -> tuple[dict[str, Sent], dict[str, Copy]]:
        """(the refused, the stored) by our key. Raises VendorError: Unknown as soon as something may be stored."""
        with self._import:
            refused = self._take_in(orders)
            keys = [order.key for order in orders if order.key not in refused]
            try:
                return refused, self._newest(keys, 1) if keys else {}
            except VendorError as error:  # they are there: whatever keeps us from seeing them, they can't be sent again
                raise Unknown("broken", error.detail) from error

    def _take_in(self, orders: Sequence[OrderData]) -> dict[str, Sent]:
        """One import; where it is refused for some of its orders, a second one of the others."""
        answer = self.sent("POST", "/order/import", self._batch(orders))
        if answer.status != INVALID:
            self.taken(answer)
            return {}
        refused = self._refused(orders, part(answer.json()))
        rest = [order for order in orders if order.key not in refused]
        if rest:
            self.write("POST", "/order/import", self._batch(rest))
        return refused

    def _batch(self, orders: Sequence[OrderData]) -> dict[str, Any]:
        return {"orders": [self.new_order(order) for order in orders]}

    def _refused(self, orders: Sequence[OrderData], body: Mapping[str, Any]) -> dict[str, Sent]:
        """By our key. Raises Refused when a complaint doesn't say which order it is about."""
        found: dict[int, list[str]] = {}
        for said in self.complaints(body) or [""]:
            place = _PLACE.match(said)
            if place is None or int(place[1]) >= len(orders):
                raise Refused("validation", self.http.redact(self.complaint(body)))
            found.setdefault(int(place[1]), []).append(place[2])
        return {
            orders[index].key: Sent(
                orders[index].key,
                fault="validation",
                detail=self.http.redact("; ".join(words)),
                field=field_named(words, self.error_fields),
            )
            for index, words in found.items()
        }

    def new_order(self, order: OrderData) -> dict[str, Any]:
        return translate.new_order(order, self.terms, self._branches(order))

    def create_order(self, order: OrderData) -> Copy:
        """Nothing there keeps an order from being made twice: so it is looked for before."""
        if held := self._by_name(order.key).get(order.key):
            raise Unknown("duplicate", f"order {held.number} has this number")
        return translate.copy(self.write("POST", "/order", self.new_order(order)), self.terms)

    def edit_order(self, identity: str, order: OrderData) -> Copy:
        """What can't be changed is told once everything else is. Raises VendorError."""
        path = f"/order/{identity}"
        held = self.call("GET", path, params={"include": INCLUDE})
        if changed := edits.changes(order, held, self.terms, self._branches(order)):
            self.write("PUT", path, changed)
        if step := edits.payment_step(order, held.get("payments")):
            method, below, body = step
            self.write(method, f"{path}/{below}", body)
        _, missing, extra = edits.paired(order.lines, entries(held.get("products")))
        if problem := edits.difference(missing, extra):
            raise Refused("validation", problem, "lines")
        return translate.copy(held, self.terms)

    def find_orders(self, keys: Sequence[str]) -> dict[str, Copy]:
        """The newest orders first; who isn't among them is asked for by the one filter that is documented as exact."""
        found = self._newest(keys, NEWEST)
        for key in keys:
            found |= {} if key in found else self._by_name(key)
        return found

    def _by_name(self, key: str) -> dict[str, Copy]:
        query = {"filter[source_uuid]": self.terms.style.name(key), "filter[source_id]": self.terms.source}
        return self._copies(self.every("/order", **query), {key})

    def _newest(self, keys: Iterable[str], pages: int) -> dict[str, Copy]:
        """Those of `keys` among the newest orders of the source. What arrives meanwhile moves the others on to later
        pages: some come twice, none is skipped."""
        wanted, found = set(keys), dict[str, Copy]()
        query: dict[str, Any] = {"filter[source_id]": self.terms.source, "sort": "-id"}
        for sheet in islice(self.sheets("/order", **query), pages):
            found |= self._copies(sheet.entries, wanted)
            if len(found) == len(wanted):
                break
        return found

    def _copies(self, listed: Iterable[Mapping[str, Any]], wanted: set[str]) -> dict[str, Copy]:
        """By our key; of two that have the same, the older one."""
        found: dict[str, Copy] = {}
        for body in sorted(listed, key=lambda e: -int(text(e, "id"))):
            key = self.terms.style.key(text(body, "source_uuid"))
            if key in wanted and text(body, "source_id") == self.terms.source:
                found[key] = translate.copy(body, self.terms)
        return found

    def changed_orders(self, span: str) -> list[StatusChange]:
        query = {"filter[source_id]": self.terms.source, "filter[updated_between]": span, "sort": "id"}
        return [translate.status(body, self.terms) for body in self.every("/order", **query)]

    def order_status(self, identity: str) -> StatusChange:
        return translate.status(self.call("GET", f"/order/{identity}"), self.terms)

    def _branches(self, order: OrderData) -> frozenset[str]:
        """Asked for only when the order has a branch that may be one of theirs."""
        return self._branch_services if translate.has_ref(order) else frozenset()
