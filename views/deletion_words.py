"""What deleting orders does to their copies in other systems, in words: before, meanwhile and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from orders import deletion, listing

from . import addresses

#: orders named in each group
NAMED = 20
#: orders.deletion.FATES -> (what happens to a copy, its colour)
FATES = {
    "delete": (_l("deleted there too"), "red"),
    "late": (_l("being sent right now: deleted as soon as it is there"), "red"),
    "called_off": (_l("waits to be sent: will not be sent"), "grey"),
    "stays": (_l("left there: this system lets nobody delete orders from outside"), "orange"),
    "stays_off": (_l("left there: the connection is switched off"), "orange"),
    "arrives": (_l("being sent right now: it will arrive and stay there"), "orange"),
}
#: those that mean something is left behind
STAYING = ("stays", "stays_off", "arrives")
#: those that can't be taken back for long
GOING = ("delete", "late")


@dataclass
class FateGroup:
    """Copies in one system that the same will happen to. `named`: (number, address) of the first orders."""

    name: str
    what: str
    ids: list[int] = field(default_factory=list)
    named: list[tuple[str, str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return str(FATES[self.what][0])

    @property
    def color(self) -> str:
        return FATES[self.what][1]

    @property
    def more(self) -> int:
        return len(self.ids) - len(self.named)


def groups(fates: Sequence[deletion.Fate]) -> list[FateGroup]:
    """By system and by what happens there, with the first orders of each named."""
    found: dict[tuple[int, str], FateGroup] = {}
    for fate in fates:
        key = (fate.connection_id, fate.what)
        found.setdefault(key, FateGroup(fate.name, fate.what)).ids.append(fate.order_id)
    numbers = listing.numbers([i for group in found.values() for i in group.ids[:NAMED]])
    for group in found.values():
        known = [numbers[i] for i in group.ids[:NAMED] if i in numbers]
        group.named = [(number, addresses.order(number, "copies")) for number in known]
    return list(found.values())


def brief(fates: Sequence[deletion.Fate]) -> str:
    """One order was deleted: what that means for its copies, in a sentence or two; "" when it has none."""
    going = ", ".join(dict.fromkeys(f.name for f in fates if f.what in GOING))
    staying = ", ".join(dict.fromkeys(f.name for f in fates if f.what in STAYING))
    said = []
    if going:
        said.append(_("Its copy is being deleted in %(names)s.", names=going))
    if staying:
        said.append(_("Its copy stays in %(names)s: delete it there by hand.", names=staying))
    return " ".join(said)


def after_restoring(order_ids: Sequence[int]) -> str:
    """What restored orders have lost elsewhere; "" when nothing."""
    lost = deletion.lost(order_ids)
    said = []
    if lost.deleting:
        text = ngettext(
            "The deletion of %(num)s copy is under way and can't be stopped.",
            "The deletion of %(num)s copies is under way and can't be stopped.",
            lost.deleting,
        )
        said.append(text)
    if lost.deleted:
        text = ngettext(
            "%(num)s copy is deleted in the other system already: the order is back only here.",
            "%(num)s copies are deleted in the other systems already: the orders are back only here.",
            lost.deleted,
        )
        said.append(text)
    return " ".join(said)
