"""Notices that say themselves what a copy has become."""

from __future__ import annotations

from dataclasses import dataclass

from .types import Notice, StatusChange


@dataclass(frozen=True)
class StatusNotice(Notice):
    """How a copy stood at `change.at`, by their clock: which of two is newer can only be told by it."""

    name: str = ""  # what kind of event it is (marked N_, or as they call it)
    change: StatusChange | None = None
    paid: bool = False  # they say that all of the order is paid
    ignored: str = ""  # why nothing is to be done about it (marked N_): it is kept to be looked at, no more
