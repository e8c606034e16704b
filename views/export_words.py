"""What the export page says: names of choices, what a file holds, how long it still takes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

from babel.dates import format_timedelta
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from jobs import exports
from models import Export, utcnow
from orders import export_rows
from orders.export_options import Options

from . import order_words, text
from .order_list import make_context

PERIODS = {"month": _l("Month"), "3months": _l("3 months"), "year": _l("Year"), "all": _l("All the time")}
FORMATS = {"csv": _l("CSV"), "xlsx": _l("Excel (XLSX)")}
ROWS = {"order": _l("An order a row"), "line": _l("A product a row")}
SEPARATORS = {"semicolon": _l("Semicolon ;"), "comma": _l("Comma ,"), "tab": _l("Tab")}
ENCODINGS = {
    "utf-8-bom": _l("UTF-8, Excel recognises it"),
    "utf-8": _l("UTF-8 without a mark"),
    "cp1251": _l("CP1251, old Windows programs"),
}
DECIMALS = {"comma": _l("Comma: 1250,50"), "point": _l("Point: 1250.50")}
FAULTS = {
    "disk": _l("The disk of the hub is full or can't be written to: free some room, then try again."),
    "internal": _l("A fault of the hub; it is in its log. Try again, or with fewer columns."),
    "abandoned": _l("The worker died three times while making it. Try a shorter period."),
}
#: orders and rows of a preview
ORDERS, ROWS_SHOWN = 5, 10


@dataclass
class Choice:
    """A select of the form."""

    name: str
    label: str
    options: list[tuple[str, str]]
    value: str


def choices(options: Options) -> dict[str, Choice]:
    context = make_context()
    types = [(str(e.id), context.names("types")[e.id]) for e in context.lists.types if e.active]
    statuses = [(str(e.id), context.names("statuses")[e.id]) for e in context.lists.statuses if e.active]
    found = [
        Choice("type", _("Type"), [("", _("All types")), *types], _id(options.type)),
        Choice("status", _("Status"), [("", _("All but deleted")), *statuses], _id(options.status)),
        _of("period", _("Period"), PERIODS, options),
        Choice("payment", _("Payment"), [("", _("All")), *_texts(order_words.PAYMENTS)], options.payment),
        Choice("paid", _("Paid"), [("", _("All")), *_texts(order_words.PAID)], options.paid),
        _of("format", _("Format"), FORMATS, options),
        _of("rows", _("Rows"), ROWS, options),
        _of("separator", _("Column separator"), SEPARATORS, options),
        _of("encoding", _("Encoding"), ENCODINGS, options),
        _of("decimal", _("Decimal mark"), DECIMALS, options),
    ]
    return {choice.name: choice for choice in found}


def _of(name: str, label: str, names: dict[str, Any], options: Options) -> Choice:
    return Choice(name, label, _texts(names), str(getattr(options, name)))


def _texts(names: dict[str, Any]) -> list[tuple[str, str]]:
    return [(key, str(name)) for key, name in names.items()]


def _id(value: int | None) -> str:
    return "" if value is None else str(value)


def preview(options: Options, language: str) -> dict[str, Any]:
    """The first rows as the file will have them, and how many orders it is for."""
    words = exports.words(language)
    count = export_rows.count(options, words)
    shown = Options.read({**options.kept(), "format": "csv"}) if options.format == "xlsx" else options
    rows: list[Any] = []
    if options.columns:
        for batch in export_rows.read(shown, words, ORDERS):
            rows += islice(zip(*batch.columns, strict=True), ROWS_SHOWN - len(rows))
    return {"rows": rows, "count": count}


@dataclass
class Shown:
    """A file on the page."""

    row: Export
    title: str
    left: str
    size: str
    is_there: bool
    fault: str


def shown(row: Export) -> Shown:
    return Shown(
        row,
        _title(Options.read(row.options)),
        _left(row),
        size(row.size),
        exports.path(row) is not None,
        str(FAULTS.get(row.fault, "")),
    )


def _title(options: Options) -> str:
    chosen = ngettext("%(num)s column", "%(num)s columns", len(options.columns))
    which = {"view": _("as filtered"), "ids": _("chosen ones")}.get(options.scope) or str(PERIODS[options.period])
    return f"{options.format.upper()} · {which} · {chosen}"


def _left(row: Export) -> str:
    """About 2 minutes; nothing while that can't be told."""
    if row.state != "working" or not row.total or not row.done or row.started_at is None:
        return ""
    seconds = (utcnow() - row.started_at).total_seconds() * (row.total - row.done) / row.done
    about = format_timedelta(timedelta(seconds=max(1, round(seconds))), locale=text.locale())
    return _("about %(time)s left", time=about)


def size(n: int) -> str:
    if n < 1_000_000:
        return _("%(n)s KB", n=text.number(max(1, round(n / 1000))))
    return _("%(n)s MB", n=text.number(round(n / 1_000_000, 1)))


def file_name(row: Export, kind: str) -> str:
    made = (row.finished_at or row.created_at).astimezone(text.ZONE)
    return f"orders-{made:%Y-%m-%d-%H%M}.{kind}"
