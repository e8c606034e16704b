"""Settlements, pickup points and delivery prices for the pages that customers fill in.

The hub itself knows none; what does (a delivery service) registers a Provider when the app starts. Several may: their
answers are put together. A provider answers from what is at hand, within some 300 ms: a page waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from models import Order

SHOWN = 12


@dataclass(frozen=True, slots=True)
class Place:
    """A settlement or a pickup point: `text` goes into the field, `note` is shown beside it, `code` is kept with it."""

    text: str
    note: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Quote:
    """What a delivery method costs for an order, in the order's currency, and how long it takes, in words."""

    cost: Decimal
    term: str = ""
    tariff_code: str = ""
    tariff_name: str = ""


class Provider(Protocol):
    """What a delivery service offers. `values`: fields of the order as the customer has filled them (see
    orders.completion.FIELDS); what is absent there is as the order has it."""

    def settlements(self, order: Order, query: str) -> Sequence[Place]: ...

    def points(self, order: Order, values: Mapping[str, str], query: str) -> Sequence[Place]: ...

    def quotes(self, order: Order, values: Mapping[str, str]) -> Mapping[int, Quote]:
        """By the id of the delivery method."""
        ...


providers: list[Provider] = []


def register(provider: Provider) -> None:
    if provider not in providers:
        providers.append(provider)


def settlements(order: Order, query: str) -> list[Place]:
    """Settlements whose names begin with the query."""
    found = [place for provider in providers for place in provider.settlements(order, query)]
    return list(dict.fromkeys(found))[:SHOWN]


def points(order: Order, values: Mapping[str, str], query: str) -> list[Place]:
    """Pickup points of the chosen delivery method in the chosen settlement."""
    found = [place for provider in providers for place in provider.points(order, values, query)]
    return list(dict.fromkeys(found))[:SHOWN]


def quotes(order: Order, values: Mapping[str, str]) -> dict[int, Quote]:
    """Prices that are known now; a method without one is arranged with the shop."""
    found: dict[int, Quote] = {}
    for provider in providers:
        found.update(provider.quotes(order, values))
    return found
