"""Two people changed one order: field by field, who changed what, and putting the chosen values together.

Pure. A version is a dict of texts by key; a key that is missing counts as "" (a line that isn't there).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Version = Mapping[str, str]


@dataclass(frozen=True)
class Difference:
    """A field whose saved value ("theirs") and typed value ("mine") differ. `pick`: which one to propose;
    `conflict`: both sides changed it, so a person has to look."""

    key: str
    base: str
    theirs: str
    mine: str
    pick: str
    conflict: bool


def compare(base: Version, theirs: Version, mine: Version) -> list[Difference]:
    """What differs between what is saved now and what was typed, against what the editor started from."""
    keys = dict.fromkeys((*mine, *theirs))
    return [
        _difference(key, base.get(key, ""), theirs.get(key, ""), mine.get(key, ""))
        for key in keys
        if theirs.get(key, "") != mine.get(key, "")
    ]


def _difference(key: str, base: str, theirs: str, mine: str) -> Difference:
    pick = "theirs" if mine == base else "mine"
    return Difference(key, base, theirs, mine, pick, base not in (theirs, mine))


def combine(theirs: Version, mine: Version, picks: Mapping[str, str]) -> dict[str, str]:
    """The version to save: mine, but for the keys picked as "theirs"."""
    keys = dict.fromkeys((*mine, *theirs))
    return {key: (theirs if picks.get(key) == "theirs" else mine).get(key, "") for key in keys}
