"""What a failure means to a person: what happened, who can mend it, what to do, and the button that leads there.

One entry for each class of integrations.errors.FAULTS and for those the jobs add. The vendor's own words stay what
they are and are shown beside the advice, never translated and never part of a sentence of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from flask_babel import gettext

from integrations.errors import FAULTS
from integrations.text import N_

from . import addresses

#: who can mend it -> how a page says so
WHO = {
    "you": N_("You can mend this."),
    "them": N_("They have to mend this."),
    "wait": N_("Nothing to do: wait."),
}


@dataclass(frozen=True)
class Advice:
    """`what`: one sentence, what happened. `who`: you | them | wait. `cure`: what to do, in a sentence or two.
    The action is a link (`method` "get") or a button that posts ("post"); both empty when there is none."""

    what: str
    who: str
    cure: str
    action_label: str = ""
    action_url: str = ""
    method: str = "get"

    @property
    def who_text(self) -> str:
        return gettext(WHO[self.who])

    @property
    def next_step(self) -> str:
        """Who and what to do, as the second half of a notice."""
        return f"{self.who_text} {self.cure}"


@dataclass(frozen=True)
class _Entry:
    short: str
    what: str
    who: str
    cure: str
    action: str
    target: str  # where the button leads: settings | order | queue | problems


_ENTRIES = {
    "credentials": _Entry(
        N_("Key not accepted"),
        N_("%(system)s does not accept the key: it is wrong, has expired, or lacks a right."),
        "you",
        N_("Enter a new key in the connection's settings, then retry."),
        N_("Enter a new key"),
        "settings",
    ),
    "validation": _Entry(
        N_("Order refused"),
        N_("%(system)s read the order and refused it."),
        "you",
        N_("Correct what its answer names, then send the order again."),
        N_("Open the order"),
        "order",
    ),
    "duplicate": _Entry(
        N_("Already there"),
        N_("%(system)s says that it has this order already."),
        "wait",
        N_("The hub looks the order up by its number and links it. If it isn't found, you are asked on this page."),
        N_("Show the problem"),
        "problems",
    ),
    "not_found": _Entry(
        N_("Copy is gone"),
        N_("The copy of the order in %(system)s is gone: somebody deleted it there."),
        "you",
        N_("Delete the link on the order's page and send the order again, or leave it as it is."),
        N_("Open the order"),
        "order",
    ),
    "misconfigured": _Entry(
        N_("Settings can't work"),
        N_("The settings of %(system)s can't work as they are."),
        "you",
        N_("Check the address, the shop and the other fields, and test the connection."),
        N_("Open the settings"),
        "settings",
    ),
    "blocked": _Entry(
        N_("Private address"),
        N_("The address of %(system)s leads into a private network, and the hub calls only public ones."),
        "you",
        N_("Enter a public address, or have private addresses allowed in the hub's configuration."),
        N_("Change the address"),
        "settings",
    ),
    "rate_limited": _Entry(
        N_("Asked to slow down"),
        N_("%(system)s asks the hub to slow down."),
        "wait",
        N_("The hub goes on by itself as soon as it may."),
        N_("Show the queue"),
        "queue",
    ),
    "unavailable": _Entry(
        N_("Not working"),
        N_("%(system)s is not working at the moment."),
        "them",
        N_("The hub tries again by itself and loses nothing. If it lasts for hours, write to their support."),
        N_("Show the queue"),
        "queue",
    ),
    "unreachable": _Entry(
        N_("Can't be reached"),
        N_("%(system)s can't be reached."),
        "wait",
        N_("The hub tries again by itself. If it never worked, check the address."),
        N_("Check the address"),
        "settings",
    ),
    "timeout": _Entry(
        N_("No answer"),
        N_("The call to %(system)s went out, but no answer came back."),
        "wait",
        N_("The hub looks whether the order arrived before it sends anything again."),
        N_("Show the queue"),
        "queue",
    ),
    "broken": _Entry(
        N_("Unreadable answer"),
        N_("%(system)s answered with something that can't be read."),
        "them",
        N_("The hub looks whether the order arrived before it sends again. If it lasts, show them the exchange."),
        N_("Show the exchange"),
        "queue",
    ),
    "needs_mapping": _Entry(
        N_("Needs mapping"),
        N_("The order from %(system)s names things that the hub doesn't know yet."),
        "you",
        N_("Say which of your entries they are. The choice is remembered for the next orders."),
        N_("Map them"),
        "problems",
    ),
    "lease_lost": _Entry(
        N_("Work interrupted"),
        N_("The work for %(system)s was interrupted: the process that did it stopped."),
        "wait",
        N_("Another one takes it over, and looks first what had arrived."),
        N_("Show the queue"),
        "queue",
    ),
}
#: for a class that a later version wrote: still a sentence and a way on
_OTHER = _Entry(
    N_("Failed"),
    N_("The work for %(system)s failed."),
    "you",
    N_("Look at the exchange, mend what it names, and retry."),
    N_("Show the exchange"),
    "queue",
)
#: how it goes on when the hub has stopped trying
_ENDED = _Entry(
    N_("Given up"),
    "",
    "you",
    N_("The hub has stopped trying. Retry when %(system)s works again."),
    N_("Show the exchange"),
    "queue",
)
_ENDED_UNKNOWN = _Entry(
    N_("Outcome unknown"),
    "",
    "you",
    N_("The hub couldn't find out whether the order arrived. Look in %(system)s, then say here what you found."),
    N_("Settle it"),
    "problems",
)
_FIELD_OF_SETTINGS = {"blocked": "api_url", "unreachable": "api_url"}


class Named(Protocol):
    """A connection, or what stands for it."""

    @property
    def id(self) -> int: ...

    @property
    def name(self) -> str: ...


class System(NamedTuple):
    """A connection where only its id and name are at hand."""

    id: int
    name: str


def advice(
    fault: str,
    connection: Named | str | None = None,
    detail: str = "",
    field: str = "",
    order: str = "",
    *,
    ended: bool = False,
) -> Advice:
    """Advice for a fault class. `connection`: the row, a System, or just the name. `field`: of the order or of the
    settings, as the connector named it. `order`: the order's number. `detail` finds the transfers that failed alike.
    `ended`: the transfer is refused or parked, so that even what the hub repeats by itself is now for a person."""
    entry = _ENTRIES.get(fault, _OTHER)
    system = (connection if isinstance(connection, str) else connection.name if connection else "") or gettext(
        "the other system"
    )
    follows = _after(fault, ended) or entry
    place = _place(follows, fault, connection, detail, field, order)
    action = N_("Show the orders") if follows.target == "order" and not order else follows.action
    return Advice(
        gettext(entry.what, system=system),
        follows.who,
        gettext(follows.cure, system=system),
        gettext(action) if place else "",
        place,
    )


def of_deletion(connection: Named, order: str = "") -> Advice:
    """A system that would not delete its copy of an order that was deleted here."""
    what = gettext("%(system)s did not delete its copy of the order.", system=connection.name)
    cure = gettext("Delete it in %(system)s by hand, then set this aside; or try once more.", system=connection.name)
    place = addresses.order(order, "copies") if order else ""
    return Advice(what, "you", cure, gettext("Open the order") if place else "", place)


def of_gone_copy(connection: Named) -> Advice:
    """Somebody deleted the copies there; the button beside it makes them anew."""
    what = gettext("The copy of the order in %(system)s is gone: somebody deleted it there.", system=connection.name)
    return Advice(what, "you", gettext("Create it there once more, or set this aside."))


def _after(fault: str, ended: bool) -> _Entry | None:
    outcome = FAULTS.get(fault, "unknown" if fault == "lease_lost" else "")
    return {"later": _ENDED, "unknown": _ENDED_UNKNOWN}.get(outcome) if ended else None


def title(fault: str) -> str:
    """Two or three words for a table or a filter."""
    return gettext(_ENTRIES.get(fault, _OTHER).short) if fault else ""


def known() -> list[tuple[str, str]]:
    """(class, title) of all, for a filter."""
    return [(fault, title(fault)) for fault in _ENTRIES]


def _place(entry: _Entry, fault: str, connection: Named | str | None, detail: str, field: str, order: str) -> str:
    connection_id = None if isinstance(connection, str) or connection is None else connection.id
    if entry.target == "problems":
        return addresses.problems("mapping" if fault == "needs_mapping" else "parked")
    if entry.target == "settings":
        where = field or _FIELD_OF_SETTINGS.get(fault, "")
        return addresses.integrations() if connection_id is None else addresses.integration(connection_id, where)
    if entry.target == "order" and order:
        return addresses.order(order, field)
    return addresses.activity(connection=connection_id, fault=fault, detail=detail[:80])
