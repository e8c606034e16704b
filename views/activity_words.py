"""How the journal names states, operations, verbs and spans of time."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from babel.dates import format_timedelta
from flask_babel import gettext as _

from integrations.text import N_
from models import utcnow

from .text import full_time, locale, number, translated

OPERATIONS = {
    "send": N_("Send the order"),
    "delete": N_("Delete the copy"),
    "status": N_("Write the status"),
    "ttn": N_("Write the tracking number"),
}
#: Attempt.verb
VERBS = {
    "send": N_("Create"),
    "update": N_("Update"),
    "find": N_("Look up"),
    "status": N_("Write statuses"),
    "ttn": N_("Write tracking numbers"),
    "delete": N_("Delete"),
    "orders": N_("Get orders"),
    "pull": N_("Get orders"),
    "statuses": N_("Read statuses back"),
    "references": N_("Refresh lists"),
    "stock": N_("Tell stock"),
    "catalogue": N_("Get products"),
}
TASKS = {
    "orders": N_("Get orders"),
    "statuses": N_("Read statuses back"),
    "references": N_("Refresh lists"),
    "stock": N_("Tell stock"),
    "catalogue": N_("Take the catalogue in"),
    "prices": N_("Take prices and stock in"),
    "match": N_("Match products"),
    "rehearse": N_("Try the catalogue out"),
}
#: what a reading of a catalogue did to products: (done, only tried)
CHANGES = {
    "made": (N_("New products"), N_("New products")),
    "found": (N_("Found for an offer"), N_("Would be found")),
    "updated": (N_("Changed"), N_("Would change")),
    "gone": (N_("Not offered any more"), N_("Not offered any more")),
}
CHANGED = {
    "price": N_("price"),
    "stock": N_("stock"),
    "names": N_("name"),
    "texts": N_("description and brand"),
    "pictures": N_("pictures"),
    "category": N_("category"),
    "measures": N_("weight and size"),
    "back": N_("shown or hidden"),
}
#: state -> (words, colour, icon): transfers, runs, attempts and what came in share them
STATES = {
    "waiting": (N_("Waiting"), "yellow", "hourglass"),
    "working": (N_("Working"), "blue", "refresh"),
    "open": (N_("Under way"), "blue", "hourglass"),
    "done": (N_("Done"), "green", "check"),
    "failed": (N_("Failed"), "red", "alert-circle"),
    "refused": (N_("Refused"), "red", "alert-circle"),
    "parked": (N_("Outcome unknown"), "red", "help-circle"),
    "cancelled": (N_("Withdrawn"), "grey", "ban"),
    "later": (N_("Later"), "yellow", "clock"),
    "unknown": (N_("Outcome unknown"), "orange", "help-circle"),
    "mixed": (N_("Some failed"), "orange", "alert-triangle"),
    "new": (N_("Not yet processed"), "yellow", "hourglass"),
    "held": (N_("Waits for payment"), "yellow", "hourglass"),
    "applied": (N_("Applied"), "green", "check"),
    "ignored": (N_("Ignored"), "grey", "ban"),
    "echo": (N_("Our own order"), "grey", "repeat"),
    "aside": (N_("Set aside"), "grey", "x"),
}
PRETTY_LIMIT = 40_000


def states(keys: Iterable[str]) -> list[tuple[str, str]]:
    """(state, words) for a filter."""
    return [(key, translated(STATES[key][0])) for key in keys]


def span(value: timedelta | float | None) -> str:
    """How long something took: milliseconds below a second, seconds with a tenth below ten, then one rounded unit."""
    if value is None:
        return "—"
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 1:
        return _("%(n)s ms", n=max(0, round(seconds * 1000)))
    if seconds < 10:
        return _("%(n)s s", n=number(round(seconds, 1)))
    return str(format_timedelta(timedelta(seconds=seconds), format="short", threshold=1.5, locale=locale()))


def interval(seconds: int) -> str:
    """How often periodic work runs: "5 minutes"."""
    return str(format_timedelta(timedelta(seconds=seconds), format="long", threshold=1.01, locale=locale()))


def ahead(moment: datetime) -> str:
    """A time to come: "in 40 sec.", beyond a day the date."""
    left = moment - utcnow()
    if left < timedelta(seconds=1):
        return _("now")
    if left > timedelta(days=1):
        return full_time(moment)
    return str(format_timedelta(left, add_direction=True, format="short", threshold=1.5, locale=locale()))


def pretty(value: Any) -> str:
    """JSON indented, other text as it came; cut where nobody reads on."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return value[:PRETTY_LIMIT]
    if value in (None, "", {}, []):
        return ""
    return json.dumps(value, indent=2, ensure_ascii=False)[:PRETTY_LIMIT]
