"""The calls of a drain: what is asked of the connector for a batch, run in a thread, without any database.

Each kind of call turns claims into results, one for each: a Copy, or a fault. Whatever a connector raises becomes a
result here; the drain then writes them all in one transaction.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from integrations.base import Connector, DeletesOrders, KeepsProducts, ReceivesOrders, WritesStatuses, WritesTracking
from integrations.errors import FAULTS, Later, Refused, Unknown, VendorError
from integrations.types import Copy, LineData, OrderData, ProductData, Sent, StatusChange

from .claims import Claim

log = structlog.get_logger()


@dataclass
class Result:
    """What became of one claim. fault "" = done."""

    copy: Copy | None = None
    fault: str = ""
    detail: str = ""
    field: str = ""
    retry_after: float | None = None
    missing: bool = False  # a look-up found nothing: it may be sent anew

    @property
    def outcome(self) -> str:
        return FAULTS[self.fault] if self.fault else "done"

    @classmethod
    def of(cls, error: VendorError) -> Result:
        return cls(None, error.fault, error.detail, error.field, getattr(error, "retry_after", None))


@dataclass
class Batch:
    """Claims that go in one call (or the few that belong together), with what the call needs."""

    verb: str  # send | update | find | status | ttn | delete
    claims: Sequence[Claim]
    orders: Mapping[int, tuple[int, OrderData]] = field(default_factory=dict)  # order id -> (version, order)
    attempt_id: int = 0

    def order(self, claim: Claim) -> OrderData:
        return self.orders[claim.order_id][1]


@dataclass
class Report:
    """What came back of a batch: a result for each claim, the exchanges, how long it took, products now known."""

    results: dict[int, Result]  # by transfer id
    exchanges: list[dict[str, Any]]
    ms: int
    products: dict[str, str] = field(default_factory=dict)


def _products(lines: Iterable[LineData]) -> dict[str, ProductData]:
    return {line.sku: ProductData(line.sku, line.name, line.price, line.weight) for line in lines if line.sku}


class Caller:
    """Makes the calls of one drain. Several threads use it at once."""

    def __init__(self, connector: Connector, known_products: set[str]) -> None:
        self.connector = connector
        self.known = known_products
        self._products = threading.Lock()  # two batches must not both create the same absent product
        self._coming: dict[str, ProductData] = {}  # of all that is claimed, not asked for yet

    def expect(self, orders: Iterable[OrderData]) -> None:
        """Orders that are to be sent soon: when products have to be looked up, theirs are in the same calls."""
        found = _products(line for order in orders for line in order.lines)
        with self._products:
            self._coming |= {sku: product for sku, product in found.items() if sku not in self.known}

    def call(self, batch: Batch) -> Report:
        started = time.monotonic()
        products: dict[str, str] = {}
        verbs: dict[str, Callable[[Batch], dict[int, Result]]] = {
            "send": self._send, "update": self._update, "find": self._find,
            "status": self._statuses, "ttn": self._tracking, "delete": self._delete,
        }  # fmt: skip
        try:
            if batch.verb in ("send", "update"):
                products = self._ensure_products(batch)
            results = verbs[batch.verb](batch)
        except VendorError as error:
            results = {claim.id: Result.of(error) for claim in batch.claims}
        except Exception as error:  # a fault of ours: the call may have been made, so it counts as a lost answer
            log.exception("connector_failed", connection=self.connector.account.id, verb=batch.verb)
            lost = Result(fault="broken", detail=f"the hub stumbled: {type(error).__name__}: {error}")
            results = {claim.id: lost for claim in batch.claims}
        ms = round((time.monotonic() - started) * 1000)
        return Report(results, self.connector.http.exchanges(), ms, products)

    def _ensure_products(self, batch: Batch) -> dict[str, str]:
        if not isinstance(self.connector, KeepsProducts):
            return {}
        with self._products:
            found = _products(line for claim in batch.claims for line in batch.order(claim).lines)
            absent = {sku: product for sku, product in found.items() if sku not in self.known}
            if not absent:
                return {}
            wanted = {sku: product for sku, product in self._coming.items() if sku not in self.known} | absent
            known = dict(self.connector.ensure_products(list(wanted.values())))
            self._coming = {}  # what the vendor won't take is asked for again by the batches with it only
            self.known |= known.keys()
            return known

    def _send(self, batch: Batch) -> dict[int, Result]:
        if not isinstance(self.connector, ReceivesOrders):
            raise Refused("misconfigured", "this system takes no orders")
        try:
            answers = {sent.key: sent for sent in self.connector.send([batch.order(claim) for claim in batch.claims])}
        except Refused as error:
            if error.fault != "validation" or len(batch.claims) == 1:
                raise
            # the batch as a whole was refused for something in one of its orders: singly, only that one is
            return self._one_by_one(batch, lambda claim: self._send(Batch("send", [claim], batch.orders))[claim.id])
        results = {}
        for claim in batch.claims:
            results[claim.id] = _told(answers.get(batch.order(claim).key))
        return results

    def _update(self, batch: Batch) -> dict[int, Result]:
        def one(claim: Claim) -> Result:
            if not isinstance(self.connector, ReceivesOrders):
                raise Refused("misconfigured", "this system takes no orders")
            return _told(self.connector.update(str(claim.external_id), batch.order(claim)))

        return self._one_by_one(batch, one)

    def _find(self, batch: Batch) -> dict[int, Result]:
        if not isinstance(self.connector, ReceivesOrders):
            raise Refused("misconfigured", "this system takes no orders")
        copies = self.connector.find([batch.order(claim).key for claim in batch.claims])
        return {
            c.id: Result(copies.get(batch.order(c).key), missing=batch.order(c).key not in copies) for c in batch.claims
        }

    def _statuses(self, batch: Batch) -> dict[int, Result]:
        if not isinstance(self.connector, WritesStatuses):
            raise Refused("misconfigured", "this system takes no statuses")
        changes = [
            StatusChange(
                str(c.external_id),
                c.payload["status"],
                reason=c.payload.get("reason", ""),
                text=c.payload.get("text", ""),
                tracking_number=c.payload.get("number", ""),
            )
            for c in batch.claims
        ]
        failed = self.connector.write_statuses(changes)
        return {c.id: Result(None, *failed.get(str(c.external_id), ("", ""))) for c in batch.claims}

    def _tracking(self, batch: Batch) -> dict[int, Result]:
        def one(claim: Claim) -> Result:
            if not isinstance(self.connector, WritesTracking):
                raise Refused("misconfigured", "this system takes no tracking numbers")
            self.connector.write_tracking(
                str(claim.external_id), claim.payload["number"], claim.payload.get("carrier", "")
            )
            return Result()

        return self._one_by_one(batch, one)

    def _delete(self, batch: Batch) -> dict[int, Result]:
        def one(claim: Claim) -> Result:
            if not isinstance(self.connector, DeletesOrders):
                raise Refused("misconfigured", "this system deletes no orders")
            try:
                self.connector.delete(str(claim.external_id))
            except Refused as error:
                if error.fault != "not_found":  # gone already is what was wanted
                    raise
            return Result()

        return self._one_by_one(batch, one)

    def _one_by_one(self, batch: Batch, one: Callable[[Claim], Result]) -> dict[int, Result]:
        """A call each. Once the vendor is away, the rest waits without being tried."""
        results: dict[int, Result] = {}
        away: Later | None = None
        for claim in batch.claims:
            if away is not None:
                results[claim.id] = Result.of(away)
                continue
            try:
                results[claim.id] = one(claim)
            except (Refused, Unknown) as error:
                results[claim.id] = Result.of(error)
            except Later as error:
                results[claim.id] = Result.of(error)
                away = error
        return results


def _told(sent: Sent | None) -> Result:
    """What a connector says became of an order. One that is done has a copy."""
    if sent is None or not (sent.fault or sent.copy):
        return Result(fault="broken", detail="the answer says nothing about this order")
    return Result(sent.copy, sent.fault, sent.detail, sent.field)
