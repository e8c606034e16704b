"""Rows of the order list as their template needs them: every text ready, so that a page of fifty costs little."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from time import monotonic
from typing import Any

from flask import get_template_attribute
from flask_babel import gettext

import integrations
from integrations.base import Connector, PullsOrders, ReadsStatuses, ReceivesOrders
from models import utcnow
from orders import listing, lists, rows
from orders.lists import Connected, Lists, Rows
from orders.rows import Found, Raw, Row, Tile

from . import addresses, text

#: groups of statuses whose orders are not sent anywhere
UNSENT_GROUPS = ("deleted", "cancelled", "preorder")
#: Link.state (or "working") -> the dot of its tile
_DOTS = {"linked": "ok", "working": "busy", "pending": "busy", "problem": "bad"}


@dataclass(slots=True)  # rows may share one: nobody changes it
class TileView:
    """An external copy (or the place where one could be): `act` says what a click does: open | card | send | none."""

    connection_id: int
    initials: str
    color: str
    dot: str
    title: str
    act: str
    url: str = ""


@dataclass(slots=True)
class StatusView:
    id: int
    name: str
    color: str
    group: str


@dataclass(slots=True)
class SourceView:
    name: str
    short: str
    color: str


@dataclass(slots=True)
class RowView:
    """A row, ready to print. `o` has the order's own columns."""

    o: Any
    url: str
    stamp: str
    created: str
    created_full: str
    created_iso: str
    recipient: str
    phone: str
    method: str
    item: str
    more: int
    sum: str
    status: StatusView
    source: SourceView | None
    tiles: list[TileView]
    here: bool = False
    stale: bool = False
    fresh: bool = False  # changed by what was just done or heard of: it flashes


def class_of(kind: str) -> type[Connector] | None:
    """The connector's class; None when its folder was taken away while connections remain."""
    return integrations.connectors().get(kind)


def _able(rows: Iterable[Connected], capability: type) -> list[Connected]:
    return [c for c in rows if c.enabled and (cls := class_of(c.kind)) and cls.can(capability)]


@dataclass(eq=False)
class Context:
    """What all rows share: the registries in the reader's language. Kept as long as the registries stay as they are
    (see `context`), so nothing may be changed in it; parts of pages are kept by it."""

    lists: Lists
    connections: Sequence[Connected]
    statuses: dict[int, StatusView] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.statuses = {s.id: StatusView(s.id, gettext(s.name), s.color, s.group) for s in self.lists.statuses}
        self.sources = {
            entry.id: SourceView(gettext(entry.name), text.initials(gettext(entry.name)), entry.color)
            for entry in self.lists.sources
        }
        self.methods = self.names("delivery")
        self.destinations = _able(self.connections, ReceivesOrders)
        self.pullable = _able(self.connections, PullsOrders)
        self.readable = _able(self.connections, ReadsStatuses)
        self._unsent = [
            TileView(c.id, *face(c.kind, c.name), "", gettext("Send to %(name)s", name=c.name), "send")
            for c in self.destinations
        ]
        self._language = text.locale()
        self._words = {"linked": gettext("linked"), "working": gettext("working"), "pending": gettext("working"),
                       "problem": gettext("problem"), "deleted": gettext("deleted there")}  # fmt: skip

        self.shop_names, self.type_names = self.names("shops"), self.names("types")

    def names(self, name: str) -> dict[int, str]:
        """Id -> shown name of a registry's entries."""
        return {entry.id: gettext(entry.name) for entry in getattr(self.lists, name)}

    def rows(self, found: Iterable[Row], fits: set[int] | None = None, fresh: bool = False) -> list[RowView]:
        """Rows to print; those outside `fits` are greyed."""
        return [self.row(row, fits is not None and row.o.id not in fits, fresh) for row in found]

    def row(self, row: Row, stale: bool = False, fresh: bool = False) -> RowView:
        o = row.o
        status = self.statuses[o.status_id]
        return RowView(
            o=o,
            url=addresses.order(o.number),
            stamp=listing.stamp(o.looks),
            created=text.ago(o.created_at, self._language),
            created_full=text.full_time(o.created_at),
            created_iso=o.created_at.isoformat(),
            recipient=row.recipient,
            phone=text.phone(o.phone) if o.phone else "",
            method=self.methods.get(o.delivery_method_id, ""),
            item=row.item,
            more=row.items - 1,
            sum=text.money(o.total, o.currency, self._language),
            status=status,
            source=self.sources.get(o.source_id),
            tiles=self._tiles(row, status),
            here=row.here,
            stale=stale,
            fresh=fresh,
        )

    def _tiles(self, row: Row, status: StatusView) -> list[TileView]:
        tiles = [self._tile(tile, row.o.number) for tile in row.tiles]
        if status.group in UNSENT_GROUPS:
            return tiles
        if not tiles:
            return self._unsent
        there = {tile.connection_id for tile in tiles}
        return tiles + [tile for tile in self._unsent if tile.connection_id not in there]

    def _tile(self, tile: Tile, number: str) -> TileView:
        words = [tile.name, self._words.get(tile.state, tile.state), tile.number, text.translated(tile.status)]
        if tile.state == "problem":
            words.append(text.said(tile.detail))
        title = " · ".join(word for word in words if word)
        act, url = "none", ""
        if tile.state == "problem":
            act, url = "card", f"{addresses.order(number)}#copies"
        elif tile.url.startswith(("https://", "http://")):
            act, url = "open", tile.url
        return TileView(tile.connection_id, *face(tile.kind, tile.name), _DOTS.get(tile.state, ""), title, act, url)


@lru_cache(maxsize=20)
def _context(_language: str, rows: Rows) -> Context:
    return Context(*lists.of(rows))


def context(found: Rows | None = None) -> Context:
    """The registries as they are now, or as they were just found: the same object as long as they don't change. One
    query."""
    return _context(text.locale(), lists.snapshot() if found is None else found)


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """How rows are shown to this reader: their columns, and what the keys and menus may do. Made by `look`."""

    columns: tuple[str, ...]
    can_edit: bool
    confirm_id: int | None


#: alike ones are the same object: as a part of keys it then costs nothing
look = lru_cache(maxsize=200)(Look)


@dataclass(slots=True)
class Printed:
    """Rows as a page shows them: their HTML, encoded, and what the page tells of them when it asks for news: their
    "id.stamp,…"."""

    html: bytes
    seen: str


@dataclass(slots=True)
class _Kept:
    """A printed row; `age`: the one that it says, in the words of text.age; `read_at`: when its order was last read;
    `until`: for how long neither has to be looked at."""

    html: bytes
    seen: str
    created_at: datetime
    age: int
    raw: Raw
    read_at: float
    until: float = 0


#: rows printed lately, by order and its last change; each takes 2 to 4 KB
_printed: dict[tuple[Context, Look, int, Any], _Kept] = {}
_KEPT_ROWS = 3000
#: seconds after which an order is read again although it says that nothing changed
TRUSTED = 60


def printed(found: Iterable[Found], shared: Context, shown: Look) -> Printed:
    """The rows of a list. Most were shown a moment ago, and fifty cost far more to read and print than to find: each is
    kept until its order changes."""
    ticks = monotonic()
    keys = [(shared, shown, *pair) for pair in found]
    known = [_printed.get(key) for key in keys]
    if all([kept and kept.until > ticks for kept in known]):
        return _joined(known)
    now = utcnow()
    year = now.astimezone(text.ZONE).year
    unread = [key[2] for key, kept in zip(keys, known, strict=True) if not kept or kept.read_at < ticks - TRUSTED]
    read = {raw[0]: raw for raw in rows.of(unread)}
    made = []
    for key, kept in zip(keys, known, strict=True):
        raw = read.get(key[2]) or (kept.raw if kept else None)
        if raw is None:  # gone since it was found
            continue
        if not kept or kept.raw != raw or kept.age != text.age(kept.created_at, now, year):
            kept = _print(shared, shown, raw, now, year, kept.read_at if kept else ticks)  # printing is no reading
        if key[2] in read:
            kept.read_at = ticks
        kept.until = min(kept.read_at + TRUSTED, ticks + text.age_lasts(kept.created_at, now))
        made.append(kept)
    return _joined(made)


def _joined(made: Sequence[Any]) -> Printed:
    return Printed(b"".join([kept.html for kept in made]), ",".join([kept.seen for kept in made]))


def _print(shared: Context, shown: Look, raw: Raw, now: datetime, year: int, read_at: float) -> _Kept:
    (row,) = rows.read([raw])
    html = get_template_attribute("orders/rows.html", "row")(shared.row(row), shared, shown)
    if len(_printed) >= _KEPT_ROWS:
        _printed.clear()
    seen = f"{row.o.id}.{listing.stamp(row.o.looks)}"
    made = _Kept(html.encode(), seen, row.o.created_at, text.age(row.o.created_at, now, year), raw, read_at)
    _printed[shared, shown, row.o.id, raw[rows.LOOKS]] = made
    return made


def face(kind: str, name: str) -> tuple[str, str]:
    """Initials and colour of a system's tile."""
    cls = class_of(kind)
    return (text.initials(cls.title if cls else name), cls.color if cls else "grey")


def main_sum(sums: Mapping[str, Decimal], currency: str) -> tuple[str, str]:
    """The sum in the main currency, and all of them for the hover text when there are others."""
    shown = text.money(sums.get(currency, Decimal(0)), currency)
    others = [text.money(total, code) for code, total in sorted(sums.items()) if code != currency and total]
    return shown, " + ".join([shown, *others]) if others else ""
