"""What most connectors that orders are sent to have alike: mapping tables, tasks, the outcome of each order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from .base import MappingTable, Task
from .errors import Refused, Unknown, VendorError
from .rest import RestConnector
from .style import Style
from .text import N_
from .types import Copy, OrderData, ProductData, Sent
from .values import chunks

ASKED_AGAIN = 5  # failed orders of one batch that are sent singly to learn the reason
BATCH_FAULT = ("validation", "")

READ_STATUSES = Task("statuses", N_("Read statuses back"), 300)


def mappings(
    statuses: Mapping[str, str],
    payment: Mapping[str, str],
    help: Mapping[str, str],
    names: Mapping[str, str] | None = None,
) -> tuple[MappingTable, ...]:
    """The tables of most destinations. Hints: their status code or group -> our group, their payment type -> our kind;
    `help`: key of a table -> text; `names`: how payment types are called there -> our kind."""
    tables: tuple[tuple[str, str, str, str, Mapping[str, str]], ...] = (
        ("status_in", N_("Statuses read back"), "in", "statuses", statuses),
        ("status_out", N_("Statuses when sending"), "out", "statuses", {}),
        ("payment_out", N_("Payment types"), "out", "payment", payment),
        ("delivery_out", N_("Delivery types"), "out", "delivery", {}),
    )
    return tuple(
        MappingTable(
            *(key, title, direction, of, of, help.get(key, "")),
            hints=hints,
            names=(names or {}) if of == "payment" else {},
        )
        for key, title, direction, of, hints in tables
    )


class RestDestination(RestConnector, ABC):
    """Base of destinations that speak JSON: ReceivesOrders, from what a vendor can do with one order."""

    find_size: ClassVar[int] = 50  #: keys in one `look_up`: keeps addresses below the 8 KB that servers take

    @property
    def style(self) -> Style:
        return Style.of(self.settings)

    @abstractmethod
    def create(self, order: OrderData) -> Copy:
        """Makes a copy of the order. Raises VendorError."""

    @abstractmethod
    def edit(self, external_id: str, order: OrderData) -> Copy:
        """Changes a copy. Raises VendorError."""

    @abstractmethod
    def look_up(self, keys: Sequence[str]) -> Mapping[str, Copy]:
        """Copies by our key, at most `find_size` of them; others may be among them."""

    def send(self, orders: Sequence[OrderData]) -> Sequence[Sent]:
        """One by one; a vendor with batches has its own and ends it with `batch_outcome`."""
        alone = len(orders) == 1
        return [outcome_of(order.key, partial(self.create, order), alone=alone) for order in orders]

    def update(self, external_id: str, order: OrderData) -> Sent:
        return outcome_of(order.key, partial(self.edit, external_id, order))

    def find(self, keys: Sequence[str]) -> Mapping[str, Copy]:
        found = [self.look_up(chunk) for chunk in chunks(keys, self.find_size)]
        return {key: copies[key] for copies in found for key in keys if key in copies}

    def batch_outcome(
        self,
        orders: Sequence[OrderData],
        stored: Mapping[str, Copy],
        failed: Collection[str],
        body: Mapping[str, Any],
    ) -> list[Sent]:
        """One Sent for each order of a batch: `stored` and `failed` go by our key, `body` is the vendor's answer. An
        order that it mentions in neither may have been stored."""
        done = [Sent(o.key, stored[o.key]) for o in orders if o.key in stored]
        silent = [o.key for o in orders if o.key not in stored and o.key not in failed]
        lost = [Sent(key, fault="broken", detail="the answer doesn't mention this order") for key in silent]
        wrong = [o for o in orders if o.key in failed and o.key not in stored]
        return [*done, *lost, *self._explained(wrong, body)]

    def _explained(self, failed: Sequence[OrderData], body: Mapping[str, Any]) -> Iterator[Sent]:
        """A batch's errors often don't say whose they are, unless all are of one kind: then the first few orders are
        sent again singly to learn it."""
        words = self.http.redact(self.complaint(body))
        faults = [self.known_fault(said) or BATCH_FAULT for said in self.complaints(body)]
        known = faults == [("duplicate", "")] * len(failed)
        asked = () if known else failed[:ASKED_AGAIN]
        for order in asked:
            yield outcome_of(order.key, partial(self.create, order), alone=False)
        fault = "duplicate" if known else "validation"
        yield from (Sent(order.key, fault=fault, detail=words) for order in failed[len(asked) :])


def outcome_of(key: str, write: Callable[[], Copy], *, alone: bool = True) -> Sent:
    """What `write` made of the order `key`: a fault that lies with the order becomes its Sent. Others are raised; in
    the middle of a batch (not `alone`) they are told too, so that the results of the orders before aren't lost."""
    try:
        copy = write()
        if not copy.external_id:
            raise Unknown("broken", "the answer doesn't name the copy")
        return Sent(key, copy)
    except VendorError as error:
        if alone and error.fault not in ("validation", "not_found", "duplicate"):
            raise
        return Sent(key, fault=error.fault, detail=error.detail, field=error.field)


def ensure_products(
    products: Sequence[ProductData],
    look_up: Callable[[Sequence[str]], Mapping[str, str]],
    add: Callable[[Sequence[ProductData]], Sequence[Any]],
    size: int,
) -> dict[str, str]:
    """SKU -> external id, as KeepsProducts asks: looked up, the absent added, at most `size` in one call. `look_up` may
    give more than was asked for; `add` gives the ids of what it made, in the order asked for.

    What the vendor won't take stays unsettled: only the orders with it are to fail, not the batch."""
    known = _found([product.sku for product in products], look_up, size)
    for chunk in chunks([product for product in products if product.sku not in known], size):
        wanted = [product.sku for product in chunk]
        try:
            made = [str(identity) for identity in add(chunk)]
        except Refused as refusal:
            if refusal.fault != "validation":
                raise
            continue
        exact = len(made) == len(wanted)  # otherwise which of them were made is not told
        known |= dict(zip(wanted, made, strict=True)) if exact else _found(wanted, look_up, size)
    return known


def _found(skus: Sequence[str], look_up: Callable[[Sequence[str]], Mapping[str, str]], size: int) -> dict[str, str]:
    answers = [look_up(chunk) for chunk in chunks(skus, size)]
    return {sku: found[sku] for found in answers for sku in skus if sku in found}
