"""Delivery services behind the page that customers fill in: prices of our delivery methods, settlements, pickup points.

A customer types a city, and each service says what it may mean. A method of ours is priced by the service's method that
it is mapped to, else by the cheapest of the carrier that it stands for. What is asked and how long that is kept is
jobs/delivery.py's business: here, too, nobody waits longer than a page may.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from integrations import connectors
from integrations.base import FindsPlaces, QuotesDelivery
from integrations.delivery import meant
from integrations.types import Address, Place
from models import Connection, DeliveryMethod, Order, db
from models import Mapping as MappingRow
from orders import choices, completion, quotes
from orders.choices import Choice

from . import connections, delivery
from .delivery import Patience

#: seconds: for a page that is opened, and for an answer that somebody has asked for
GLANCE, ASKED = 0.3, 2.5
SHOWN = 12  # suggestions
Words = Mapping[str, str]


@dataclass(frozen=True)
class Price:
    """What a delivery method costs, by a service's offer (orders.choices.OFFER); with `why_not` it is impossible."""

    service: Connection
    place: Place
    offer: Mapping[str, str]

    @property
    def cost(self) -> Decimal:
        return choices.amount(self.offer["cost"])


@dataclass
class Found:
    """What services say to a customer's words. `prices` by our delivery method; `off`: methods that the shop doesn't
    use; `regions`: where the typed city may be, when it may be several; `unknown`: no service knows it; `points` of the
    chosen method, None where it has none; `waiting`: some answers are still to come."""

    services: Sequence[Connection] = ()
    prices: dict[int, Price] = field(default_factory=dict)
    off: set[int] = field(default_factory=set)
    regions: list[str] = field(default_factory=list)
    region: str = ""
    unknown: bool = False
    points: Sequence[Mapping[str, Any]] | None = None
    point: Mapping[str, Any] | None = None
    waiting: bool = False


def services(order: Order) -> list[Connection]:
    """Those that quote in the order's currency."""
    known = connectors()
    usable = [row for row in connections.active() if connections.usable(row) and known[row.kind].can(QuotesDelivery)]
    return [row for row in usable if known[row.kind].currency in ("", order.currency)]


def suggest(order: Order, query: str) -> list[Place]:
    """Settlements that begin like the query."""
    patience, found = Patience(ASKED), dict[tuple[str, str], Place]()
    for row in services(order):
        if connectors()[row.kind].can(FindsPlaces) and order.country in connectors()[row.kind].countries:
            answer = delivery.settlements(row, order.shop_id, query, order.country, patience)
            for place in answer.value:
                found.setdefault((place["name"], place["region"]), Place(**place))
    return list(found.values())[:SHOWN]


def look(order: Order, typed: Words, seconds: float | None) -> Found:
    """What services say of the order with the customer's words (orders.completion.FIELDS) after at most so many
    seconds; None: what is known already. May end the caller's transaction unless seconds is None."""
    found = Found(services(order))
    if not found.services:
        return found
    values = completion.imagined(order, typed)
    patience = None if seconds is None else Patience(seconds)
    mapped, methods = _mapped([row.id for row in found.services]), completion.methods(order)
    known = []
    for row in found.services:
        codes = mapped.get(row.id, {})
        off = quotes.switched_off(order.shop_id, row.id)
        found.off |= {method for method, code in codes.items() if code in off}
        place, sure = _place(row, values, found, patience)
        known.append(sure)
        if place is not None:
            offers = _offers(row, place, values, found, patience)
            _price(row, place, offers, {method: codes.get(method.id) for method in methods}, found)
    found.unknown = bool(values["city"]) and not any(known) and not found.waiting
    _points(values, typed, found, patience)
    return found


def _mapped(connection_ids: Sequence[int]) -> dict[int, dict[int, str]]:
    """connection -> our delivery method -> the service's code for it."""
    query = db.select(MappingRow.connection_id, MappingRow.lookup, MappingRow.theirs).where(
        MappingRow.connection_id.in_(connection_ids), MappingRow.table == "delivery_out", MappingRow.theirs != ""
    )
    found: dict[int, dict[int, str]] = {}
    for connection_id, lookup, theirs in db.session.execute(query):
        found.setdefault(connection_id, {})[int(lookup)] = theirs
    return found


def _place(
    row: Connection, values: Mapping[str, Any], found: Found, patience: Patience | None
) -> tuple[Place | None, bool]:
    """Where the order goes in the service's own code, and whether the service has an idea of it."""
    country, city = values["country"] or "", (values["city"] or "").strip()
    if country not in connectors()[row.kind].countries:
        return Place(country=country), True
    answer = delivery.settlements(row, values["shop_id"], city, country, patience)
    found.waiting |= answer.state == "waiting"
    there = [Place(**place) for place in answer.value]
    alike = meant(there, Address(country, "", city))
    exact = meant(there, Address(country, values["region"] or "", city))
    if len(alike) > 1:
        found.regions = list(dict.fromkeys([*found.regions, *(place.region for place in alike)]))
        found.region = exact[0].region if len(exact) == 1 else found.region
    sure = len(exact) == 1 or len(found.regions) > 1 or answer.state == "failed"
    return (exact[0] if len(exact) == 1 else None), sure


def _offers(
    row: Connection, place: Place, values: Mapping[str, Any], found: Found, patience: Patience | None
) -> list[dict[str, str]]:
    answer = delivery.offers(row, values["shop_id"], delivery.parcel(values), place, patience)
    found.waiting |= answer.state == "waiting"
    offers = [choices.flat(offer, choices.OFFER) for offer in answer.value]
    return [offer for offer in offers if offer["currency"] in ("", values["currency"])]


def _price(
    row: Connection,
    place: Place,
    offers: Sequence[Mapping[str, str]],
    codes: Mapping[DeliveryMethod, str | None],
    found: Found,
) -> None:
    for method, code in codes.items():
        named = next((offer for offer in offers if offer["code"] == code), None)
        offer = named if code else _cheapest(method, offers)
        if offer is not None:
            found.prices.setdefault(method.id, Price(row, place, offer))


def _cheapest(method: DeliveryMethod, offers: Iterable[Mapping[str, str]]) -> Mapping[str, str] | None:
    """Of the carrier that the method stands for, a possible one first."""
    fit = [offer for offer in offers if method.key and offer["carrier"] == method.key]
    return min(fit, key=lambda offer: (bool(offer["why_not"]), choices.amount(offer["cost"])), default=None)


def _points(values: Mapping[str, Any], typed: Words, found: Found, patience: Patience | None) -> None:
    price = found.prices.get(values["delivery_method_id"] or 0)
    if price is None or price.offer["category"] != "pickup" or price.offer["why_not"]:
        return
    parcel = delivery.parcel(values)
    code = price.offer["code"]
    answer = delivery.points(price.service, values["shop_id"], price.place, code, parcel, patience)
    found.waiting |= answer.state == "waiting"
    if answer.state == "ready" and answer.value:
        found.points = answer.value
        found.point = next((point for point in answer.value if point["code"] == typed.get("pickup_code")), None)


def fields(price: Price | None) -> dict[str, Any]:
    """The order's fields that follow from the price that the customer agreed to."""
    if price is None:
        return {}
    region = {"region": price.place.region[:120]} if price.place.region else {}
    return {**choices.followed(price.offer), **region, "delivery_cost": price.cost}


#: what delivery.parcel reads of an order
_QUOTED = ("cod", "cod_amount", "cod_method", "weight", "length", "width", "height", "declared_value", "currency")


def agree(order: Order, price: Price | None, seen: int) -> None:
    """The offer becomes the order's, as agreed for the order as it now is; in the caller's transaction. `seen`: the
    version before it was placed. That the price of collecting the delivery's own price is not in it is no news."""
    if price is None:
        return
    parcel = delivery.parcel({name: getattr(order, name) for name in _QUOTED})
    key = delivery.offers_key(price.service, order.shop_id, parcel, price.place)
    place = choices.flat(vars(price.place), choices.PLACE)
    choices.keep(order, Choice(price.service.id, price.offer, place, key), seen)
