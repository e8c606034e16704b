"""Where parcels are: StatusTracking, by number, whoever made them (https://dev.ukrposhta.ua)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from ..errors import Unknown
from ..types import Event, StatusChange
from ..values import chunks, encode, entries, moment, part, text
from .api import JSON, Api
from .facts import BACK, GIVEN, STATES, TO_SENDER, UNKNOWN

KYIV = ZoneInfo("Europe/Kyiv")
LAST, WHOLE = 100, 50  # numbers in one question: about their last events, about all of them


def told(answer: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """Events by number, in order of time: their `step` isn't. Comes by number, or as one list of last events."""
    found = answer.get("found") or {}
    kept: dict[str, list[Mapping[str, Any]]] = {}
    rows = entries(found) if isinstance(found, list) else [part(e) for many in found.values() for e in _many(many)]
    for row in sorted(rows, key=lambda row: text(row, "date")):
        kept.setdefault(text(row, "barcode"), []).append(row)
    return kept


def _many(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else [value]


def code(row: Mapping[str, Any]) -> str:
    """The event; documents write "31 200", answers a text or a number."""
    event = text(row, "event").replace(" ", "")
    return BACK if event == GIVEN and text(row, "eventReason_id") == TO_SENDER else event


def change(number: str, row: Mapping[str, Any]) -> StatusChange:
    """An event without a name here is told with theirs."""
    event = code(row)
    return StatusChange(number, event, "", "" if event in STATES else text(row, "eventName"))


def event(row: Mapping[str, Any]) -> Event:
    where = (text(row, "index"), text(row, "name"), text(row, "eventReason"))
    words = STATES.get(code(row)) or text(row, "eventName")
    at = moment(text(row, "date"), KYIV)
    return Event(at.astimezone(UTC) if at else None, words, " ".join(filter(None, where)))


class Tracking(Api):
    """The part of the connector that follows parcels."""

    def track(self, numbers: Sequence[str]) -> Sequence[StatusChange]:
        return [change(number, rows[-1]) for number, rows in self.told_of(numbers, "last/", LAST).items()]

    def statuses_of(self, external_ids: Sequence[str]) -> Sequence[StatusChange]:
        return self.track(external_ids)

    def history(self, external_id: str) -> Sequence[Event]:
        return [event(row) for row in self.told_of([external_id], "", WHOLE).get(external_id, ())]

    def told_of(self, numbers: Sequence[str], which: str, size: int) -> dict[str, list[Mapping[str, Any]]]:
        """Events by number; a number that wasn't handed over yet has none."""
        bearer = {**JSON, "Authorization": f"Bearer {self.settings['tracking_key']}"}
        path, found = f"/status-tracking/0.0.1/statuses/{which}with-not-found", dict[str, list[Mapping[str, Any]]]()
        for some in chunks(numbers, size):
            answer = self.call(
                "POST", path, params={"lang": "ua"}, content=encode(list(some)), headers=bearer, safe=True, also=(404,)
            )
            if "found" in answer:
                found |= told(answer)
            elif UNKNOWN not in encode(answer):
                raise Unknown("broken", "the answer tells of no parcels")
        return found
