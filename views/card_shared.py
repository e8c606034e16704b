"""What all cards share, kept as long as the registries and connections stay as they are."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any

from integrations import connectors
from integrations.base import QuotesDelivery, ReadsStatuses, ReceivesOrders, TakesPayments
from models import Order
from orders import lists, reading

from . import order_form, text


class Shared:
    """Nothing may be changed in it: other answers show the same object."""

    def __init__(self, rows: lists.Rows) -> None:
        self.lists, self.connections = lists.of(rows)
        self.statuses = [entry for entry in self.lists.statuses if entry.active]
        self.destinations = tuple(self._able(ReceivesOrders))  # hashable: parts of pages are kept by it
        self.payers = {row.kind for row in self._able(TakesPayments)}
        self.carriers = {row.kind for row in self._able(QuotesDelivery)}
        self.readers = {row.id for row in self._able(ReadsStatuses)}

    @cached_property
    def choices(self) -> order_form.Choices:
        return order_form.choices(None, self.lists)

    @cached_property
    def _values(self) -> dict[str, set[Any]]:
        return {field: {value for value, _name in found} for field, found in self.choices.items()}

    def choices_of(self, order: Order) -> order_form.Choices:
        """What each field of this order may be: with what it has already, even if that is no longer in use."""
        if reading.home_of(order, self.lists) != reading.home_of(None, self.lists):
            return order_form.choices(order, self.lists)
        values = vars(order)
        has_others = any(
            values[field] not in known and values[field] is not None for field, known in self._values.items()
        )
        return order_form.choices(order, self.lists) if has_others else self.choices

    def _able(self, capability: type) -> list[lists.Connected]:
        known = connectors()
        return [c for c in self.connections if c.enabled and c.kind in known and known[c.kind].can(capability)]


@lru_cache(maxsize=20)
def _shared(_language: str, rows: lists.Rows) -> Shared:
    return Shared(rows)


def shared() -> Shared:
    """As it is now: one query, and the same object as long as nothing changes."""
    return _shared(text.locale(), lists.snapshot())
