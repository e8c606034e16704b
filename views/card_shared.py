"""What all cards share, kept as long as the registries and connections stay as they are."""

from __future__ import annotations

from functools import lru_cache

from integrations import connectors
from integrations.base import ReadsStatuses, ReceivesOrders
from orders import lists

from . import text


class Shared:
    """Nothing may be changed in it: other answers show the same object."""

    def __init__(self, rows: lists.Rows) -> None:
        self.lists, self.connections = lists.of(rows)
        self.statuses = [entry for entry in self.lists.statuses if entry.active]
        self.destinations = tuple(self._able(ReceivesOrders))  # hashable: parts of pages are kept by it
        self.readers = {row.id for row in self._able(ReadsStatuses)}

    def _able(self, capability: type) -> list[lists.Connected]:
        known = connectors()
        return [c for c in self.connections if c.enabled and c.kind in known and known[c.kind].can(capability)]


@lru_cache(maxsize=20)
def _shared(_language: str, rows: lists.Rows) -> Shared:
    return Shared(rows)


def shared() -> Shared:
    """As it is now: one query, and the same object as long as nothing changes."""
    return _shared(text.locale(), lists.snapshot())
