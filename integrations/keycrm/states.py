"""Statuses of orders and of cards: read, and written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from .. import sources
from ..errors import Refused
from ..types import StatusChange
from .cards import Cards, is_card, number
from .forms import CARDS, OFF, ORDERS
from .orders import Orders
from .translate import TIME

OVERLAP = timedelta(minutes=10)  # clocks differ, and a change may become visible after its own time stamp


class States(Cards, Orders):
    """Of the copies that a connection's orders have."""

    @property
    def mode(self) -> str:
        return str(self.settings.get("mode") or ORDERS)

    def statuses(self, cursor: Mapping[str, Any], now: datetime) -> tuple[Sequence[StatusChange], Mapping[str, Any]]:
        """What changed since the cursor {"since": ISO time}: of cards where orders are sent as such, and of orders, as
        some may have been sent before that was chosen. The span ends tomorrow: what changes while we read stays in it,
        so that pages lose nothing."""
        after = {"since": now.isoformat()}
        if self.mode == OFF or not self.terms.source:
            return [], after
        since = (datetime.fromisoformat(cursor["since"]) if cursor else now) - OVERLAP
        span = f"{since.strftime(TIME)}, {(now + timedelta(days=1)).strftime(TIME)}"
        changed = self.changed_cards(span) if self.mode == CARDS else []
        return [*changed, *self.changed_orders(span)], after

    def statuses_of(self, external_ids: Sequence[str]) -> Sequence[StatusChange]:
        return list(self._known(external_ids))

    def write_statuses(self, changes: Sequence[StatusChange]) -> Mapping[str, tuple[str, str]]:
        return sources.write_statuses(changes, _problem, _wanted, self._set_status)

    def _known(self, external_ids: Sequence[str]) -> Iterator[StatusChange]:
        """Those that are gone are left out."""
        for external_id in external_ids:
            ask = self.card_status if is_card(external_id) else self.order_status
            try:
                yield ask(number(external_id))
            except Refused as refusal:
                if refusal.fault != "not_found":
                    raise

    def _set_status(self, ids: Sequence[str], asked: Mapping[str, Any]) -> Sequence[str]:
        self.write("PUT", asked["path"], {"status_id": int(asked["status"])})
        return ids


def _problem(change: StatusChange) -> str:
    """Orders and cards have statuses of their own."""
    known = is_card(change.external_id) == is_card(change.status) and number(change.status).isdecimal()
    return "" if known else f"no order or card there can get the status {change.status!r}"


def _wanted(change: StatusChange) -> Mapping[str, Any]:
    path = "/pipelines/cards/" if is_card(change.external_id) else "/order/"
    return {"path": path + number(change.external_id), "status": number(change.status)}
