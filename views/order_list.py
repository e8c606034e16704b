"""The order list page: its filter, strip, tabs, chips, and the rows; everything the template prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, parse_qsl

from flask_babel import gettext
from flask_login import current_user
from werkzeug.datastructures import MultiDict

from jobs import imports, wake
from models import unchanged
from orders import counts, listing, lists
from orders.filters import FLAGS, LINK_FILTERS, PAYMENTS, OrderFilter
from orders.listing import Cursor

from . import fragments, order_rows, text
from . import order_words as words
from .addresses import orders as list_url
from .order_rows import Context, Look, main_sum

PAGE = 50


def read_filter(args: Mapping[str, str] | MultiDict[str, str]) -> OrderFilter:
    """The filter in an address; a field given several times (ticked statuses) is a list."""
    if isinstance(args, MultiDict):
        args = {key: ",".join(values) if key == "status" else values[-1] for key, values in args.lists()}
    return OrderFilter.read(args)


def filter_of(query: str) -> OrderFilter:
    """The filter in the query part of an address, as pages hand it back."""
    return read_filter({key: ",".join(values) for key, values in parse_qs(query[:2000]).items()})


make_context = order_rows.context


def user_columns() -> list[str]:
    """The columns that the user chose, in their order; the number is always there."""
    chosen = [c for c in (current_user.prefs or {}).get("columns") or words.DEFAULT_COLUMNS if c in words.COLUMNS]
    return chosen if "number" in chosen else ["number", *chosen]


@dataclass
class Option:
    """A choice in the menu of a filter chip."""

    label: str
    url: str
    active: bool


@dataclass
class Chip:
    """A filter: its name, its value when it is on, where × leads, what can be chosen. `options` may be headed."""

    key: str
    label: str
    value: str = ""
    clear: str = ""
    options: Sequence[tuple[str, Sequence[Option]]] = ()


@dataclass
class Cell:
    """A cell of the statistics strip."""

    name: str
    color: str
    n: int
    sum: str
    title: str
    url: str
    active: bool


@dataclass
class ListPage:
    """One answer of the list."""

    f: OrderFilter
    cursor: Cursor = Cursor()

    @cached_property
    def around(self) -> lists.Around:
        user_id: int = current_user.id
        return unchanged(("around", user_id), lambda: lists.around(user_id))

    @cached_property
    def context(self) -> Context:
        return order_rows.context(self.around.rows)

    def url(self, **changes: Any) -> str:
        return list_url(self.f.query(**changes))

    @cached_property
    def query(self) -> str:
        return self.f.query()

    @cached_property
    def statuses(self) -> list[lists.Entry]:
        return self.context.lists.statuses

    @cached_property
    def page(self) -> listing.Page:
        return listing.page(self.f, self.statuses, text.ZONE, self.cursor, PAGE)

    @cached_property
    def columns(self) -> list[str]:
        return user_columns()

    # ---- what the rows' template asks for

    words = words
    slot = fragments.SLOT

    @cached_property
    def can_edit(self) -> bool:
        return bool(current_user.can_edit)

    @cached_property
    def confirm_id(self) -> int | None:
        """The status that the key c gives."""
        found = self.context.lists.first_of_group("confirmed")
        return found.id if found else None

    @cached_property
    def look(self) -> Look:
        return order_rows.look(tuple(self.columns), self.can_edit, self.confirm_id)

    @cached_property
    def printed(self) -> order_rows.Printed:
        return order_rows.printed(self.page.found, self.context, self.look)

    def column_class(self, column: str) -> str:
        return {"sum": "num", "recipient": "cut w-26", "city": "cut w-14"}.get(
            column, "cut w-15" if column in ("items", "comment") else "fit"
        )

    # ---- what the parts of the page that are kept show (views/kept.py): their keys

    @cached_property
    def strip_key(self) -> Hashable:
        cells = tuple((i, cell.n, *cell.sums.items(), *cell.numbers.items()) for i, cell in self.cells.items())
        return self.context, self.f, cells

    @property
    def tabs_key(self) -> Hashable:
        return self.context, self.f, tuple(self.saved), self.can_edit

    @property
    def filters_key(self) -> Hashable:
        return self.context, self.f, datetime.now(text.ZONE).date()

    @property
    def head_key(self) -> Hashable:
        return self.look, self.f

    @property
    def bulk_key(self) -> Hashable:
        return self.context, self.query, self.total, self.page.newer is None and self.page.older is None

    # ---- strip and total

    @cached_property
    def cells(self) -> dict[int, counts.Cell]:
        narrowed = self.f.shop, self.f.source, self.f.type
        return unchanged(("cells", *narrowed), lambda: counts.by_status(*narrowed))

    @cached_property
    def currency(self) -> str:
        """The one that most orders of the strip are in."""
        numbers: Counter[str] = Counter()
        for cell in self.cells.values():
            numbers.update(cell.numbers)
        return numbers.most_common(1)[0][0] if numbers else self.context.lists.currency

    @cached_property
    def strip(self) -> list[Cell]:
        shown = self.f.status_ids(self.statuses)
        everything = {s.id for s in self.statuses if s.group != "deleted"}
        all_shown = shown >= everything
        cells = [self._cell(gettext("All"), "grey", everything, (), all_shown)]
        for s in self.statuses:
            if s.active or s.id in self.cells:
                name = self.context.statuses[s.id].name
                cells.append(self._cell(name, s.color, {s.id}, (s.id,), s.id in shown and not all_shown))
        return cells

    def _cell(self, name: str, color: str, ids: set[int], status: tuple[int, ...], active: bool) -> Cell:
        found = [self.cells[i] for i in ids if i in self.cells]
        sums: dict[str, Decimal] = {}
        for code, total in (pair for cell in found for pair in cell.sums.items()):
            sums[code] = sums.get(code, Decimal(0)) + total
        shown, title = main_sum(sums, self.currency)
        url = self.url(status=status, group="", q="")
        return Cell(name, color, sum(cell.n for cell in found), shown, title, url, active)

    @cached_property
    def total(self) -> int | None:
        """How many are found, when that is known without counting; else the page asks for it separately."""
        if self.f.counted:
            return listing.counted(self.f, self.statuses, self.cells)
        whole = self.page.at_start and self.page.older is None
        return len(self.page.found) if whole and not self.page.shallow else None

    @cached_property
    def held(self) -> str:
        """How many orders wait for their payment and are none of these yet."""
        found = self.around.held
        return f"{found - 1}+" if found == lists.MANY_HELD else str(found or "")

    @property
    def is_blank(self) -> bool:
        """No orders in the whole hub."""
        return not self.cells and self.f.is_default

    # ---- paging

    @property
    def links(self) -> dict[str, str]:
        """first, prev, next, last: those that lead somewhere."""
        return fragments.pager(self.page.newer, self.page.older, self._at)

    def _at(self, cursor: str) -> str:
        return list_url(f"{self.query}&cursor={cursor}".lstrip("&") if cursor else self.query)

    @property
    def link_pairs(self) -> tuple[tuple[str, str], ...]:
        return tuple(self.links.items())

    @property
    def address(self) -> str:
        """Of what is shown, in its shortest form."""
        return self._at(self.cursor.text)

    @property
    def sort_url(self) -> str:
        return self.url(sort="old" if self.f.sort == "new" else "new")

    # ---- tabs

    @property
    def saved(self) -> Sequence[tuple[str, str]]:
        """(name, filter) of the saved views."""
        return self.around.views

    @cached_property
    def tabs(self) -> list[Option]:
        plain = OrderFilter()
        saved = [Option(name, list_url(query), query == self.query) for name, query in self.saved]
        taken = any(tab.active for tab in saved)
        tabs = [Option(gettext("All"), self.url(type=None), self.f.type is None and not taken)]
        tabs += [
            Option(gettext(t.name), list_url(plain.query(type=t.id, status=self.f.status)), self.f.type == t.id)
            for t in self.context.lists.types
            if t.active or self.f.type == t.id
        ]
        return tabs + saved

    # ---- what the forms of the page carry along

    @cached_property
    def search_fields(self) -> list[tuple[str, str]]:
        """The filters to keep while searching. "All" is left out: an emptied search box leads back to New."""
        return [
            (k, v) for k, v in parse_qsl(self.f.query(q="")) if (k, v) not in (("status", "all"), ("status", "new"))
        ]

    def fields_without(self, *names: str) -> list[tuple[str, str]]:
        return [(key, value) for key, value in parse_qsl(self.query) if key not in names]

    # ---- chips

    @cached_property
    def chips(self) -> list[Chip]:
        f = self.f
        return [
            self._simple("payment", gettext("Payment"), words.PAYMENTS, PAYMENTS),
            self._simple("paid", gettext("Paid"), words.PAID, words.PAID),
            self._registry("source", gettext("Source"), "sources"),
            self._registry("shop", gettext("Shop"), "shops"),
            self._links(),
            Chip("dates", gettext("Dates"), self._dates(), self.url(since=None, until=None) if self._dates() else ""),
            self._simple("flag", gettext("Marks"), words.FLAGS, FLAGS),
            *([Chip("file", gettext("File"), self._file(), self.url(file=None))] if f.file else []),
            *([Chip("q", gettext("Search"), f.q, self.url(q=""))] if f.q else []),
        ]

    def _simple(self, key: str, label: str, names: Mapping[str, Any], values: Any) -> Chip:
        now = getattr(self.f, key)
        options = [Option(str(names[value]), self.url(**{key: value}), value == now) for value in values]
        return Chip(key, label, str(names[now]) if now else "", self.url(**{key: ""}), [("", options)])

    def _registry(self, key: str, label: str, registry: str) -> Chip:
        now = getattr(self.f, key)
        names = self.context.names(registry)
        entries = [e for e in getattr(self.context.lists, registry) if e.active or e.id == now]
        options = [Option(names[e.id], self.url(**{key: e.id}), e.id == now) for e in entries]
        value = names.get(now, gettext("removed")) if now is not None else ""
        return Chip(key, label, value, self.url(**{key: None}), [("", options)])

    def _links(self) -> Chip:
        groups = []
        value = ""
        for c in self.context.connections:
            here = [(f"{c.id}:{state}", str(words.LINKS[state])) for state in LINK_FILTERS]
            groups.append((c.name, [Option(label, self.url(link=key), key == self.f.link) for key, label in here]))
            value = next((f"{c.name}, {label}" for key, label in here if key == self.f.link), value)
        return Chip("link", gettext("Systems"), value or self.f.link, self.url(link=""), groups)

    def _file(self) -> str:
        return imports.name(self.f.file or 0) or gettext("removed")

    def _dates(self) -> str:
        if not (self.f.since or self.f.until):
            return ""
        ends = [day.strftime("%d.%m.%Y") if day else "…" for day in (self.f.since, self.f.until)]
        return ends[0] if ends[0] == ends[1] else " – ".join(ends)

    @property
    def date_presets(self) -> list[Option]:
        today = datetime.now(text.ZONE).date()
        spans = [(gettext("Today"), 0), (gettext("Last 7 days"), 6), (gettext("Last 30 days"), 29)]
        return [
            Option(
                label,
                self.url(since=today - timedelta(days=days), until=today),
                self.f.since == today - timedelta(days=days),
            )
            for label, days in spans
        ]

    @cached_property
    def status_value(self) -> str:
        """What the status chip says: one name, several, or nothing for all."""
        if self.f.group:
            return str(words.GROUPS[self.f.group])
        if self.f.status == ():
            return ""
        shown = [self.context.statuses[i].name for i in sorted(self.shown) if i in self.context.statuses]
        more = gettext("%(first)s and %(n)s more", first=shown[0], n=len(shown) - 1) if len(shown) > 1 else ""
        return more or (shown[0] if shown else gettext("removed"))

    @cached_property
    def shown(self) -> set[int]:
        return self.f.status_ids(self.statuses)

    # ---- live updates

    @cached_property
    def live(self) -> dict[str, str]:
        """What the page tells when it asks for news; `top` only where new orders would appear on top."""
        told = {"since": revision(), "view": self.query, "seen": self.printed.seen}
        if self.f.sort == "new" and self.page.at_start:
            told["top"] = str(max(self.page.ids, default=0))
        return told


def revision() -> str:
    found = wake.revision()
    return "" if found is None else str(found)


def seen_rows(given: str) -> dict[int, str]:
    """Id -> stamp of the rows on a page, as the page tells them; at most two pages' worth."""
    pairs = [part.partition(".") for part in given.split(",")[: 2 * PAGE]]
    return {int(number): stamp for number, _, stamp in pairs if number.isdecimal() and len(number) < 19}
