"""What the import pages say: why a file or a row can't be taken and how to mend it, names of fields and fates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from jobs import imports
from models import Import, ImportRow, Order, db
from orders import import_columns, import_files
from orders.import_files import Layout

from . import text
from .export_words import size
from .order_form import MESSAGES

KINDS = {"orders": _l("New orders"), "statuses": _l("Statuses and tracking numbers")}
KINDS_EXPLAINED = {
    "orders": _l("Each number that is not here yet becomes an order; rows with one number are its products."),
    "statuses": _l("Orders that are here get the status or the tracking number of their row."),
}
FATES = {
    "create": _l("will be created"),
    "update": _l("will be changed"),
    "unchanged": _l("is so already"),
    "there": _l("is here already"),
    "refused": _l("refused"),
}
DONE = {"create": _l("created"), "update": _l("changed")}
COLORS = {"create": "green", "update": "green", "unchanged": "grey", "there": "grey", "refused": "red"}

#: import_files.FAULTS and what a job can meet -> what happened, and what to do
FAULTS = {
    "none": _l("Choose a file first."),
    "empty": _l("The file is empty. Choose another one."),
    "header_only": _l("The file has headings but no rows under them."),
    "no_headings": _l("The first row is empty. It has to name the columns."),
    "not_a_table": _l("This is no table: neither text with separated columns (CSV) nor an XLSX workbook."),
    "old_excel": _l("This is a workbook of old Excel, or one with a password. Save it as XLSX without a password."),
    "broken_workbook": _l("This workbook can't be read: it is damaged, or no XLSX. Save it anew as XLSX or CSV."),
    "unpacks_too_large": _l("This workbook unpacks to more than the hub takes. Save it as CSV, or in parts."),
    "encoding": _l("Row %(row)s has bytes that are neither UTF-8 nor CP1251. Save the file as CSV in UTF-8."),
    "too_large": _l("The file is larger than %(size)s. Divide it, or save it as XLSX."),
    "too_many_rows": _l("The file has more than %(rows)s rows. Divide it."),
    "too_many_columns": _l("Row %(row)s has more than %(columns)s columns. Leave out what is not needed."),
    "cell_too_large": _l(
        "Row %(row)s has a cell of more than 130,000 characters: perhaps a quotation mark is missing."
    ),
    "gone": _l("The file is no longer kept. Upload it again."),
    "disk": _l("The disk of the hub is full or can't be written to: free some room, then try again."),
    "internal": _l("A fault of the hub; it is in its log. What is done stays done; try again."),
    "abandoned": _l("The worker died several times. What is done stays done; try again, or divide the file."),
}

#: codes of reasons -> what is wrong and what to do; the column's heading stands before
REASONS = {
    "not_money": _l("“%(value)s” is no sum. Write it as 1250.50 or 1250,50."),
    "money_unclear": _l("“%(value)s” can be read in two ways. Write it with two decimals: 1250.50."),
    "not_a_quantity": _l("“%(value)s” is no quantity. Write a number, with at most three decimals."),
    "not_whole": _l("“%(value)s” is no whole number. Write it in grams or millimetres."),
    "not_yes_or_no": _l("“%(value)s” is neither yes nor no. Write one of them."),
    "not_a_date": _l("“%(value)s” is no date. Write it as 21.11.2026 21:06 or 2026-11-21."),
    "not_a_phone": _l("“%(value)s” is no phone of %(country)s. Write it with the country's code: +380…"),
    "not_a_country": _l("“%(value)s” is no country code. Write two letters: UA."),
    "not_a_currency": _l("“%(value)s” is no currency. Write three letters: UAH."),
    "too_long": _l("“%(value)s…” is longer than %(limit)s characters. Make it shorter."),
    "unfit_characters": _l("“%(value)s” has characters that can't be shown. Type it anew."),
    "unknown_entry": _l("the hub knows no “%(value)s”. Correct the cell, or add it in the settings, then check again."),
    "entry_unclear": _l("“%(value)s” may be two things here. Write the name as it is in the settings."),
    "entry_inactive": _l("“%(value)s” is switched off. Choose another status, or switch it on in the settings."),
    "by_hand": _l("“%(value)s” is set by transfers only. Choose another status."),
    "no_number": _l("the row names no order. Fill in its number."),
    "nothing_asked": _l("the row has neither a status nor a tracking number. Fill one in."),
    "no_such_order": _l("there is no order %(value)s here. Correct the number, or import the order first."),
    "ambiguous": _l("%(value)s may be one of several orders: %(numbers)s. Name the shop in a column of its own."),
    "order_deleted": _l("order %(value)s is deleted. Restore it first."),
    "number_of_another": _l(
        "%(value)s is the number of an order of another shop. Take the column as “Number at the source”: "
        "the hub then gives a number of its own."
    ),
    "repeated": _l(
        "%(value)s is in row %(row)s already. Put the rows of one order one below the other, or drop this one."
    ),
    "rows_differ": _l("the rows of this order say different things. Make them alike."),
    "products_differ": _l(
        "“%(value)s” does not name %(n)s products as the other cells do. Give each product a row of its own."
    ),
    "total_differs": _l("the file says %(value)s, its products, discount and delivery make %(computed)s. Correct one."),
    "paid_and_cod": _l("an order that is paid on delivery is not paid yet. Empty one of the two."),
    "clash": _l("somebody is changing this order at the same moment. Check again."),
    # remarks
    "stand_in": _l("the file names no products: one line of %(value)s stands for them."),
    "as_delivery": _l("%(value)s more than the products cost: taken as the delivery cost."),
    "as_discount": _l("%(value)s less than the products cost: taken as a discount."),
    **{code: _l(str(MESSAGES[code])) for code in MESSAGES},
}
PAGE = 50


def brought() -> tuple[str, IO[bytes]]:
    """Name and content of the file that came with the form. Raises BadFile."""
    file = request.files.get("file")
    if file is None or not file.filename:
        raise import_files.BadFile("none")
    return file.filename.replace("\0", ""), file.stream


def fault(code: str, row: int = 0) -> str:
    facts = {"row": row, "size": size(import_files.LARGEST), "rows": text.number(import_files.ROWS)}
    found = FAULTS.get(code, FAULTS["internal"])
    return str(found) % {**facts, "columns": import_files.COLUMNS} if "%(" in str(found) else str(found)


def reason(found: Mapping[str, Any]) -> str:
    """One sentence: the column, what is wrong, what to do."""
    said = str(REASONS.get(str(found.get("code")), REASONS["clash"]))
    said = said % {"value": "", "country": "", **found} if "%(" in said else said
    column = text.translated(found.get("column"))
    return f"{column}: {said}" if column else said[:1].upper() + said[1:]


def reasons(found: Sequence[Mapping[str, Any]]) -> str:
    return " ".join(reason(one) for one in found)


@dataclass
class Column:
    """A column of the file on the page that names them."""

    heading: str
    examples: str
    key: str


def columns(row: Import) -> list[Column]:
    layout = Layout(**row.layout)
    found = zip(layout.headings, zip(*layout.examples, strict=True), row.columns, strict=True)
    return [Column(h or "—", " · ".join(filter(None, cells)), key) for h, cells, key in found]


def choices(row: Import) -> list[tuple[str, str]]:
    """What a column can be: (field, its name)."""
    found = [(column.key, text.translated(column.title)) for column in import_columns.fields(row.kind)]
    return [("", _("— not taken —")), *found]


def not_taken(row: Import) -> list[str]:
    """Headings of columns that the import leaves aside."""
    return [h for h, key in zip(Layout(**row.layout).headings, row.columns, strict=True) if h and not key]


def lacking(row: Import) -> str:
    """What has to be among the columns and is not."""
    missing = import_columns.lacking(row.columns, row.kind)
    if "number" in missing:
        return _("Say which column has the order's number.")
    return _("Say which column has the status or the tracking number.") if missing else ""


def how_read(row: Import) -> str:
    """How the file was taken: to be sure that it was taken right."""
    layout = Layout(**row.layout)
    if layout.format == "xlsx":
        more = ngettext("the only sheet", "the first of %(num)s sheets", layout.sheets)
        return _("Excel (XLSX), sheet “%(name)s”, %(which)s", name=layout.sheet, which=more)
    names = {";": _("semicolon"), ",": _("comma"), "\t": _("tab")}
    encoding = {"cp1251": "CP1251", "utf-16": "UTF-16"}.get(layout.encoding, "UTF-8")
    return _("CSV, %(encoding)s, columns separated by %(mark)s", encoding=encoding, mark=names[layout.separator])


def title(row: Import) -> str:
    """Where an import stands, in a word or two."""
    if row.state == "ready":
        return _("columns to be named")
    if row.stage == "check":
        names = {"waiting": _("being checked"), "working": _("being checked"), "done": _("checked, not imported yet")}
    else:
        names = {"waiting": _("being imported"), "working": _("being imported"), "done": _("imported")}
    return names.get(row.state) or {"failed": _("failed"), "cancelled": _("cancelled")}[row.state]


# ---- rows


@dataclass
class Line:
    """A row of the table of fates."""

    row: str
    number: str
    order: str  # number of the order that it became or is about
    fate: str
    color: str
    reasons: list[str]


def lines(row: Import, fate: str, after: int, before: int) -> tuple[list[Line], int, int]:
    """A page of fates; the rows to go on after and before, 0 = none."""
    columns = (ImportRow.row, ImportRow.rows, ImportRow.number, ImportRow.fate, ImportRow.reasons, ImportRow.done)
    query = db.select(*columns, Order.number.label("order")).outerjoin(Order, Order.id == ImportRow.order_id)
    query = query.where(ImportRow.import_id == row.id)
    query = query.where(ImportRow.fate == fate) if fate else query
    if before:
        found = db.session.execute(
            query.where(ImportRow.row < before).order_by(ImportRow.row.desc()).limit(PAGE + 1)
        ).all()
        more, found = len(found) > PAGE, found[:PAGE][::-1]
        return [_line(r) for r in found], found[-1].row if found else 0, found[0].row if more else 0
    found = db.session.execute(query.where(ImportRow.row > after).order_by(ImportRow.row).limit(PAGE + 1)).all()
    more, found = len(found) > PAGE, found[:PAGE]
    return [_line(r) for r in found], found[-1].row if more else 0, found[0].row if found and after else 0


def _line(r: Any) -> Line:
    place = f"{r.row}–{r.row + r.rows - 1}" if r.rows > 1 else str(r.row)
    name = DONE[r.fate] if r.done and r.fate in DONE else FATES[r.fate]
    return Line(place, r.number, r.order or "", str(name), COLORS[r.fate], [reason(one) for one in r.reasons])


def tabs(row: Import, counts: Mapping[str, int]) -> list[tuple[str, str, int]]:
    """(fate, its name, how many): those that there are."""
    names = {**FATES, **(DONE if counts.get("done") == sum(counts.get(f, 0) for f in imports.WILL) else {})}
    return [(fate, str(names[fate]), counts[fate]) for fate in FATES if counts.get(fate)]
