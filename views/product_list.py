"""What the catalogue page prints: its filter, chips, rows and the links between its pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, parse_qsl

from flask import url_for
from flask_babel import gettext as _
from flask_login import current_user

from catalogue import categories, listing
from catalogue.filters import ProductFilter
from integrations import connectors
from integrations.base import PullsProducts
from integrations.text import N_
from jobs import connections
from models import Connection
from orders.listing import Cursor

from . import fragments
from .text import translated

STOCKS = {"in": N_("In stock"), "none": N_("None left"), "uncounted": N_("Not counted")}
SHOWN = {"hidden": N_("Only hidden"), "all": N_("Hidden ones, too")}
MARKS = {"no_pictures": N_("Without pictures"), "unmatched": N_("Sold nowhere")}


def filter_of(query: str) -> ProductFilter:
    """The filter in the query part of an address, as pages hand it back."""
    return ProductFilter.read({key: values[-1] for key, values in parse_qs(query[:2000]).items()})


def list_url(query: str = "") -> str:
    return url_for("products.index") + (f"?{query}" if query else "")


def sources() -> list[Connection]:
    """The connections that have a catalogue."""
    return [row for row in connections.active() if connections.usable(row) and has_catalogue(row)]


def has_catalogue(row: Connection) -> bool:
    return row.kind in connectors() and connectors()[row.kind].can(PullsProducts)


@dataclass(frozen=True)
class Tile:
    """A connection that sells a product."""

    name: str
    title: str
    color: str
    gone: bool


@dataclass(frozen=True)
class Chip:
    """A filter: its name, its value when it is on, where × leads, and (label, address, chosen) to choose from."""

    label: str
    value: str
    clear: str
    options: Sequence[tuple[str, str, bool]]


@dataclass
class CataloguePage:
    """One answer of the list."""

    f: ProductFilter
    cursor: Cursor = field(default_factory=Cursor)

    @cached_property
    def page(self) -> listing.Page:
        return listing.page(self.f, self.cursor)

    @cached_property
    def query(self) -> str:
        return self.f.query()

    @property
    def can_edit(self) -> bool:
        return bool(current_user.can_edit)

    @cached_property
    def sources(self) -> list[Connection]:
        return sources()

    @cached_property
    def categories(self) -> dict[int, str]:
        return categories.paths()

    @cached_property
    def _sold(self) -> dict[int, dict[int, bool]]:
        return listing.sold_at([row.id for row in self.page.rows])

    def tiles(self, product_id: int) -> list[Tile]:
        sold = self._sold.get(product_id, {})
        return [
            Tile(row.name, connectors()[row.kind].title, connectors()[row.kind].color, not sold[row.id])
            for row in self.sources
            if row.id in sold
        ]

    @cached_property
    def total(self) -> int | None:
        """How many are found, when that is known without counting; else the page asks for it separately."""
        whole = self.page.at_start and self.page.older is None
        return len(self.page.rows) if whole and not self.page.shallow else None

    @property
    def is_blank(self) -> bool:
        return self.f.is_default and not self.page.rows and self.cursor.id is None

    @property
    def links(self) -> dict[str, str]:
        """first, prev, next, last: those that lead somewhere."""
        return fragments.pager(self.page.newer, self.page.older, self._at)

    def _at(self, cursor: str) -> str:
        return list_url(f"{self.query}&cursor={cursor}".lstrip("&") if cursor else self.query)

    @property
    def address(self) -> str:
        """Of what is shown, in its shortest form."""
        return self._at(self.cursor.text)

    @cached_property
    def search_fields(self) -> list[tuple[str, str]]:
        """The filters to keep while searching."""
        return parse_qsl(self.f.query(q=""))

    @cached_property
    def chips(self) -> list[Chip]:
        named = {row.id: row.name for row in self.sources}
        paths = {**self.categories, 0: _("without a category")} if self.categories else {}
        found = [
            self._chip("category", _("Category"), paths),
            self._chip("stock", _("Stock"), _words(STOCKS)),
            self._chip("mark", _("Marks"), _words(MARKS)),
            self._chip("connection", _("Sold at"), named),
            self._chip("shown", _("Hidden"), _words(SHOWN)),
        ]
        if self.f.variants_of is not None:
            found.append(Chip(_("Variants"), _("of one product"), list_url(self.f.query(variants_of=None)), ()))
        return [chip for chip in found if chip.options or chip.value]

    def _chip(self, name: str, label: str, choices: Mapping[Any, str]) -> Chip:
        now = getattr(self.f, name)
        on = now not in (None, "")
        options = [(text, list_url(self.f.query(**{name: key})), key == now) for key, text in choices.items()]
        value = choices.get(now, _("removed")) if on else ""
        return Chip(label, value, list_url(self.f.query(**{name: None if name != "q" else ""})), options)


def _words(choices: Mapping[str, str]) -> dict[str, str]:
    return {key: translated(text) for key, text in choices.items()}
