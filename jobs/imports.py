"""Files of orders, or of their statuses, that staff bring in: looked at, tried out, and done by jobs.

The row of `imports` is the queue. One job says what would become of each row of the file; a person looks; another job
does it (jobs/importing.py). The files lie in DATA_DIR/imports, which web and workers share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import IO, Any

from models import OPEN_STATES, Import, ImportRow, db, utcnow
from orders import import_columns, import_files
from orders.import_files import Layout

from . import files, wake

#: the hub's languages: headings and names are known in each
LANGUAGES = ("en", "uk", "ru")
LEASE = timedelta(minutes=2)
TRIES = 5
#: how long the file is kept, and what became of its rows
FILE_KEPT, KEPT = timedelta(days=7), timedelta(days=30)
#: fates that leave something to do
WILL = ("create", "update")


def folder() -> Path:
    return files.folder("imports")


def path(row: Import) -> Path | None:
    """Where the file lies; None when it is gone."""
    return files.lying("imports", row.file)


# ---- asked for in pages; the caller commits


def upload(user_id: int, kind: str, language: str, name: str, stream: IO[bytes]) -> Import:
    """Keep the file and look what it is. Raises BadFile, and keeps nothing then."""
    with files.brought(stream, "in") as stored:
        layout, size = import_files.look(stored), stored.stat().st_size
    columns = import_columns.matched(layout.headings, headings(), kind)
    row = Import(user_id=user_id, kind=kind, language=language, name=name[:200] or "?", file=stored.name, size=size)
    row.layout, row.columns = layout.kept(), columns
    db.session.add(row)
    db.session.flush()
    return row


def name(import_id: int) -> str:
    """Of the file; "" when nothing is known of it any more."""
    return db.session.scalar(db.select(Import.name).where(Import.id == import_id)) or ""


def check(row: Import, columns: Sequence[str], options: dict[str, Any]) -> None:
    """Have a worker say what would become of each row."""
    row.columns = import_columns.chosen(columns, len(row.columns), row.kind)
    row.options = options
    _ask(row, "check")


def start(row: Import) -> None:
    """Have a worker do what the check found fine, or the rest of it."""
    _ask(row, "import")


def _ask(row: Import, stage: str) -> None:
    row.stage, row.state, row.fault, row.fault_row = stage, "waiting", "", 0
    row.tries, row.done, row.total = 0, 0, Layout(**row.layout).rows or None
    row.created_at, row.finished_at = utcnow(), None
    db.session.flush()
    wake.soon("import", row.id)


def cancel(row: Import) -> None:
    """The worker notices with its next part; what is done stays done."""
    if row.is_open:
        row.state, row.finished_at, row.lease_until = "cancelled", utcnow(), None
        row.fates = counted(row.id)


def reopen(row: Import) -> None:
    """Back to the columns; nothing has been imported yet, or the rest is to be looked at anew."""
    if not row.is_open:
        row.stage, row.state, row.fault = "columns", "ready", ""


def remove(row: Import) -> None:
    """The file, and what is known of its rows; the orders stay."""
    if row.file:
        (folder() / row.file).unlink(missing_ok=True)
    db.session.execute(db.delete(ImportRow).where(ImportRow.import_id == row.id))
    db.session.delete(row)


def counted(import_id: int) -> dict[str, int]:
    """Fate -> orders; "done": those that the import has made or changed."""
    query = db.select(ImportRow.fate, ImportRow.done, db.func.count()).where(ImportRow.import_id == import_id)
    found: dict[str, int] = {}
    for fate, done, n in db.session.execute(query.group_by(ImportRow.fate, ImportRow.done)):
        found[fate] = found.get(fate, 0) + n
        if done:
            found["done"] = found.get("done", 0) + n
    return found


# ---- words


def headings() -> dict[str, str]:
    return import_columns.headings([partial(files.said, language) for language in LANGUAGES])


# ---- at each sweep


def revive() -> None:
    files.revive(Import, "import", TRIES)


def tidy() -> None:
    """Drop old files, what is known of older ones, and files that no row knows."""
    now = utcnow()
    over = Import.state.not_in(OPEN_STATES)
    for row in db.session.scalars(db.select(Import).where(over, Import.created_at < now - KEPT)).all():
        remove(row)
    for row in db.session.scalars(
        db.select(Import).where(over, Import.file != "", Import.created_at < now - FILE_KEPT)
    ):
        (folder() / row.file).unlink(missing_ok=True)
        row.file = ""
    db.session.commit()
    files.remove_strays("imports", before=now - KEPT)


# ---- what can't be imported, for mending


def refused_rows(row: Import, say: Callable[[Sequence[dict[str, Any]]], str]) -> Iterator[list[str]]:
    """Headings and rows of the file that were refused, each with the reason at its end."""
    found = path(row)
    layout = Layout(**row.layout)
    yield [*layout.headings, files.said(row.language, "Reason")]
    if found is None:
        return
    ledger = _refused(row.id)
    span, reason = _next(ledger, say)
    for number, cells in import_files.rows(found, layout):
        while span and number >= span.stop:
            span, reason = _next(ledger, say)
        if not span:
            return
        if number in span:
            yield [*cells, reason]


def _next(ledger: Iterator[Any], say: Callable[[Sequence[dict[str, Any]]], str]) -> tuple[range, str]:
    row = next(ledger, None)
    return (range(row.row, row.row + row.rows), say(row.reasons)) if row else (range(0), "")


def _refused(import_id: int) -> Iterator[Any]:
    """By row, a thousand at a time."""
    after = 0
    columns = (ImportRow.row, ImportRow.rows, ImportRow.reasons)
    query = db.select(*columns).where(ImportRow.import_id == import_id, ImportRow.fate == "refused")
    while found := db.session.execute(query.where(ImportRow.row > after).order_by(ImportRow.row).limit(1000)).all():
        after = found[-1].row
        yield from found
