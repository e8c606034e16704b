"""What both kinds of import share: the rows of one order, what becomes of them, and the words that cells may use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from . import search
from .export_columns import COD_METHODS, COLUMNS
from .import_columns import Translate
from .import_files import Row
from .import_values import Reason, Refused, plain
from .lists import Lists

#: rows that one order may have
LINES = 500


@dataclass
class Group:
    """Rows that are one order: the first one's number in the file, and field -> cells."""

    row: int
    cells: list[dict[str, str]]

    @property
    def first(self) -> dict[str, str]:
        return self.cells[0]

    @property
    def last_row(self) -> int:
        return self.row + len(self.cells) - 1

    @property
    def label(self) -> str:
        """What the order is called in the file."""
        names = (self.first.get(name, "") for name in ("number", "external_number", "ttn"))
        return plain(next(filter(None, names), ""))[:64]


@dataclass
class Fate:
    """What becomes of a group. `reasons`: of a refusal; else remarks that a person may want to see."""

    fate: str
    reasons: list[Reason] = field(default_factory=list)
    order_id: int | None = None


def refused(code: str, column: str = "", value: str = "", **more: Any) -> Fate:
    return Fate("refused", [{"code": code, "column": column, "value": value[:80], **more}])


@dataclass(frozen=True)
class Vocabulary:
    """What a cell may say: names of our registries, yes and no, in all the hub's languages."""

    zone: ZoneInfo
    names: Mapping[str, Mapping[str, int | None]]  # registry -> normalised name -> id, None = of two entries
    flags: Mapping[str, bool]
    cod_methods: Mapping[str, str]

    @classmethod
    def of(cls, lists: Lists, languages: Sequence[Translate], zone: ZoneInfo) -> Vocabulary:
        def spoken(text: str) -> Iterator[str]:
            yield from {search.normal(word) for word in (text, *(translate(text) for translate in languages))}

        names = {registry: _names(getattr(lists, registry), spoken) for registry in _REGISTRIES}
        flags = {word: said == "Yes" for said in ("Yes", "No") for word in spoken(said)}
        methods = {word: key for key, name in COD_METHODS.items() for word in (key, *spoken(name))}
        return cls(zone, names, {**_FLAGS, **flags}, methods)


_REGISTRIES = ("types", "statuses", "sources", "shops", "delivery", "payment")
_FLAGS = {"1": True, "0": False, "true": True, "false": False, "+": True, "-": False, "y": True, "n": False}


def _names(entries: Iterable[Any], spoken: Callable[[str], Iterable[str]]) -> dict[str, int | None]:
    """What an entry is really called goes before what another one's name is in some language."""
    found: dict[str, int | None] = {}
    for entry in entries:
        for name in spoken(entry.name):
            found[name] = None if name in found else entry.id
    return {**found, **{search.normal(entry.name): entry.id for entry in entries}}


def grouped(rows: Iterable[Row], columns: Sequence[str], by: Sequence[str]) -> Iterator[Group]:
    """Rows that follow each other and say the same in the columns `by` are one order; those that say nothing there
    stand alone."""
    places = [(i, key) for i, key in enumerate(columns) if key]
    group: Group | None = None
    identity: tuple[str, ...] = ()
    for number, cells in rows:
        found = {key: cells[i] for i, key in places}
        mine = tuple(found.get(key, "") for key in by)
        joins = group is not None and mine == identity and any(mine)
        if group is not None and joins and number == group.last_row + 1 and len(group.cells) < LINES:
            group.cells.append(found)
            continue
        if group is not None:
            yield group
        group, identity = Group(number, [found]), mine
    if group is not None:
        yield group


class Cells:
    """Reads the cells of one order, and gathers why some can't be taken."""

    def __init__(self, cells: Mapping[str, str]) -> None:
        self.cells = cells
        self.reasons: list[Reason] = []

    def has(self, name: str) -> bool:
        return bool(self.cells.get(name))

    def read(self, name: str, make: Callable[[str], Any], default: Any = None) -> Any:
        """What `make` makes of the cell, the default where it is empty or refused."""
        value = self.cells.get(name, "")
        if not value:
            return default
        try:
            return make(value)
        except Refused as problem:
            self.reasons.append(problem.reason(COLUMNS[name].title, value))
            return default
