"""Invented orders, as a shop in Ukraine has them: names, phones, places, goods, sums that follow the rules.

Made column by column for a few thousand orders at once, as plain values that both databases load without looking at
them again: money in hundredths, quantities in thousandths, times as ISO text in UTC. The same seed and the same
registries give the same orders, so that benchmarks compare.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Any

from . import search, words

#: every so many orders one has a name that nobody else has: what searches for a rare term find
RARE_EVERY = 20_011
#: share of orders, in percent, by the group of their status
SHARES = {"new": 6, "confirmed": 8, "transferred": 55, "problem": 3, "preorder": 5, "cancelled": 18, "deleted": 5}
#: lines of an order: 1 to 5, 3 in the mean
LINE_COUNTS = (1, 2, 3, 4, 5)
#: why a destination did not take an order
FAULTS = (
    {"fault": "validation", "detail": "phones[0]: value is not a phone number", "field": "phone"},
    {"fault": "not_found", "detail": "Order not found"},
)

ORDER_COLUMNS = (
    *("id", "number", "key", "version", "created_at", "updated_at", "placed_at"),
    *("shop_id", "source_id", "type_id", "status_id", "external_number", "cancel_reason"),
    *("needs_mapping", "unmapped", "last_name", "first_name", "patronymic", "phone", "email"),
    *("buyer_name", "buyer_phone", "region", "city", "street", "house", "postal_code"),
    *("delivery_method_id", "pickup_address", "delivery_cost", "weight"),
    *("currency", "goods_total", "discount", "total", "declared_value", "cod", "cod_amount", "cod_method"),
    *("paid", "payment_method_id", "payment_kind", "customer_comment", "staff_comment"),
    *("utm", "do_not_call", "fulfilment", "ttn"),
)
LINE_COLUMNS = ("order_id", "position", "product_id", "sku", "name", "quantity", "price", "discount", "weight")
SEARCH_COLUMNS = ("order_id", "text")
EVENT_COLUMNS = ("order_id", "at", "actor", "actor_name", "kind", "detail")
LINK_COLUMNS = (
    *("order_id", "connection_id", "role", "state", "external_id", "external_number"),
    *("external_status", "sent_version", "synced_at", "error"),
)


@dataclass(frozen=True)
class Goods:
    """A product as lines name it; price in hundredths, weight in grams."""

    id: int
    sku: str
    name: str
    price: int
    weight: int


@dataclass(frozen=True)
class Registries:
    """What an invented order may point at: rows (id, key, name, kind or group) of each registry, and connections."""

    statuses: Sequence[tuple[int, str]]  # id, group
    types: Sequence[tuple[int, str]]  # id, key
    shops: Sequence[tuple[int, str]]  # id, currency
    sources: Sequence[int]
    delivery: Sequence[tuple[int, str, bool, bool]]  # id, kind, card on delivery, postal code required
    payments: Sequence[tuple[int, str]]  # id, kind
    goods: Sequence[Goods]
    origins: Sequence[int] = ()  # connections that orders come from
    destinations: Sequence[int] = ()  # connections that hold copies


@dataclass
class Chunk:
    """Rows for the tables, each in the order of its columns above."""

    orders: list[tuple[Any, ...]] = field(default_factory=list)
    lines: list[tuple[Any, ...]] = field(default_factory=list)
    searches: list[tuple[Any, ...]] = field(default_factory=list)
    events: list[tuple[Any, ...]] = field(default_factory=list)
    links: list[tuple[Any, ...]] = field(default_factory=list)


class Inventor:
    """Makes orders from `first_id` on, `count` of them, spread evenly from `start` to `end`."""

    def __init__(
        self, registries: Registries, first_id: int, count: int, start: datetime, end: datetime, seed: int = 1
    ) -> None:
        self.of = registries
        self.first_id = first_id
        self.end = end
        self.start = start
        self.step = (end - start) / max(count, 1)
        self.random = Random(seed)  # noqa: S311 - invented data needs no cryptographic randomness
        self.status_weights = _status_weights(registries.statuses)
        self.groups = dict(registries.statuses)
        self.baskets = [self._basket() for _ in range(2000)]

    def _basket(self) -> list[tuple[Goods, int, int]]:
        """Lines of an order: goods, pieces, discount."""
        pick = self.random
        chosen = pick.sample(self.of.goods, pick.choice(LINE_COUNTS))
        lines = [(goods, pick.choice((1, 1, 1, 2, 3)), pick.random() < 0.1) for goods in chosen]
        return [(goods, n, goods.price * n // 10 if reduced else 0) for goods, n, reduced in lines]

    def chunk(self, offset: int, n: int) -> Chunk:
        """The orders number `offset` to `offset + n` of the whole."""
        many = self.random.choices
        columns = zip(
            many(self.of.statuses, cum_weights=self.status_weights, k=n),
            many(words.PEOPLE, k=n),
            many(words.SURNAMES, k=n),
            many(words.PATRONYMICS, k=n),
            many(words.PLACES, k=n),
            many(self.baskets, k=n),
            many(self.of.types, cum_weights=[*accumulate([8] + [1] * (len(self.of.types) - 1))], k=n),
            many(self.of.shops, k=n),
            many(self.of.sources, k=n),
            many(self.of.delivery, k=n),
            many(self.of.payments, k=n),
            strict=True,
        )
        found = Chunk()
        for i, row in enumerate(columns, offset):
            self._add(found, i, *row)
        return found

    def _add(self, to: Chunk, i: int, status: Any, person: Any, surname: Any, patronymic: Any, place: Any,
             basket: Any, type_: Any, shop: Any, source: int, delivery: Any, payment: Any) -> None:  # fmt: skip
        pick = self.random.random
        order_id = self.first_id + i
        created = self.start + self.step * i
        first_name, sex = person
        order: dict[str, Any] = dict.fromkeys(ORDER_COLUMNS, "")
        order.update(
            id=order_id, version=1, status_id=status[0], type_id=type_[0], shop_id=shop[0], source_id=source,
            number=f"F{order_id:07}", key=f"F{order_id:07}",
            external_number=str(200_000_000 + order_id * 7) if order_id % 3 else "",
            last_name=words.RARE[sex] if i % RARE_EVERY == RARE_EVERY - 1 else surname[sex],
            first_name=first_name, patronymic=patronymic[sex] if pick() < 0.4 else "",
            phone=f"+380{words.OPERATORS[int(pick() * len(words.OPERATORS))]}{int(pick() * 10_000_000):07}",
            region=place[0], city=place[1],
            do_not_call=pick() < 0.04, fulfilment=pick() < 0.03,
        )  # fmt: skip
        self._times(order, created, status[1])
        self._extras(order, status[1])
        self._delivery(order, delivery, status[1])
        self._sums(order, basket, "EUR" if type_[1] == "export" else shop[1])
        self._payment(order, payment, delivery, status[1])
        self._links(to, order, status[1])
        to.orders.append(tuple(order.values()))
        to.lines += [
            (order_id, n, goods.id, goods.sku, goods.name, pieces * 1000, goods.price, discount, goods.weight)
            for n, (goods, pieces, discount) in enumerate(basket)
        ]
        to.searches.append((order_id, search.text_of(order, [{"sku": goods.sku} for goods, _, _ in basket])))
        to.events.append((order_id, order["created_at"], "job", "orders fill", "created", "{}"))

    def _times(self, order: dict[str, Any], created: datetime, group: str) -> None:
        changed = created if group == "new" else created + timedelta(seconds=int(self.random.random() * 260_000))
        order["created_at"] = iso(created)
        order["placed_at"] = iso(created - timedelta(seconds=int(self.random.random() * 150)))
        order["updated_at"] = iso(min(changed, self.end))

    def _extras(self, order: dict[str, Any], group: str) -> None:
        pick = self.random.random
        order["unmapped"], order["utm"], order["needs_mapping"] = "[]", "{}", False
        if pick() < 0.3:
            order["email"] = f"client{order['id']}@example.com"
        if pick() < 0.05:
            order["buyer_name"], order["buyer_phone"] = "Гнатюк Богдана", f"+38067{int(pick() * 10_000_000):07}"
        if pick() < 0.1:
            order["customer_comment"] = words.COMMENTS[int(pick() * len(words.COMMENTS))]
        if pick() < 0.05:
            order["staff_comment"] = words.STAFF_COMMENTS[int(pick() * len(words.STAFF_COMMENTS))]
        if pick() < 0.1:
            order["utm"] = '{"utm_source": "google", "utm_medium": "cpc", "utm_campaign": "autumn"}'
        if group == "cancelled":
            order["cancel_reason"] = words.CANCEL_REASONS[int(pick() * len(words.CANCEL_REASONS))]

    def _delivery(self, order: dict[str, Any], delivery: Any, group: str) -> None:
        pick = self.random.random
        order["delivery_method_id"], kind, _, wants_code = delivery
        order["delivery_cost"] = 0 if kind == "self" else 5000 + int(pick() * 80) * 100
        if kind == "pickup":
            order["pickup_address"] = f"Відділення №{1 + int(pick() * 250)}"
        elif kind != "self":
            order["street"] = words.STREETS[int(pick() * len(words.STREETS))]
            order["house"] = str(1 + int(pick() * 120))
        if wants_code:
            order["postal_code"] = f"{1001 + int(pick() * 90_000):05}"
        if group == "transferred":
            order["ttn"] = f"2045{order['id']:010}"

    def _sums(self, order: dict[str, Any], basket: list[tuple[Goods, int, int]], currency: str) -> None:
        goods = sum(g.price * n - discount for g, n, discount in basket)
        discount = goods // 20 if self.random.random() < 0.1 else 0
        order["currency"] = currency
        order["goods_total"] = order["declared_value"] = goods
        order["discount"] = discount
        order["total"] = goods - discount + order["delivery_cost"]
        order["weight"] = sum(g.weight * n for g, n, _ in basket)

    def _payment(self, order: dict[str, Any], payment: Any, delivery: Any, group: str) -> None:
        order["payment_method_id"], kind = payment
        if kind == "cod_card" and not delivery[2]:
            kind = "cod_cash"
        order["cod"] = kind.startswith("cod")
        order["cod_method"] = "card" if kind == "cod_card" else "cash"
        order["cod_amount"] = order["total"] if order["cod"] else 0
        order["declared_value"] = max(order["goods_total"], order["cod_amount"])
        order["payment_kind"] = kind
        order["paid"] = not order["cod"] and (group == "transferred" or self.random.random() < 0.5)

    def _links(self, to: Chunk, order: dict[str, Any], group: str) -> None:
        """The copy an order came from, for a third of them; a copy at a destination for what was sent."""
        order_id, at, number = order["id"], order["updated_at"], order["external_number"]
        pick = self.random.random
        if self.of.origins and order_id % 3 == 1:
            origin = self.of.origins[order_id % len(self.of.origins)]
            to.links.append((order_id, origin, "source", "linked", number, number, "received", None, at, None))
            if pick() < 0.01:
                order["needs_mapping"] = True
                missing = {"table": "delivery_in", "code": "77", "name": "Кур'єр крамниці", "connection_id": origin}
                order["unmapped"] = json.dumps([missing], ensure_ascii=False)
        if self.of.destinations and group in ("transferred", "problem"):
            there = self.of.destinations[order_id % len(self.of.destinations)]
            if group == "problem":
                fault = json.dumps(FAULTS[order_id % len(FAULTS)])
                to.links.append((order_id, there, "destination", "problem", None, "", "", None, at, fault))
            else:
                theirs = str(order_id + 5_000_000)
                to.links.append((order_id, there, "destination", "linked", theirs, theirs, "complete", 1, at, None))


def iso(moment: datetime) -> str:
    """As SQLite keeps it; PostgreSQL reads the same text in a session whose zone is UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def _status_weights(statuses: Sequence[tuple[int, str]]) -> list[float]:
    """Cumulative weights: the share of a group is split among its statuses."""
    groups = [group for _, group in statuses]
    return list(accumulate(SHARES[group] / groups.count(group) for group in groups))
