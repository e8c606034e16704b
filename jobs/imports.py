"""Files of orders, or of their statuses, that staff bring in: looked at, tried out, and done by jobs.

The row of `imports` is the queue. One job says what would become of each row of the file; a person looks; another job
does it (jobs/importing.py). The files lie in DATA_DIR/imports, which web and workers share.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import IO, Any

from flask import current_app
from flask_babel import force_locale, gettext

from models import OPEN_IMPORTS, Import, ImportRow, db, utcnow
from orders import import_columns, import_files
from orders.import_files import BadFile, Layout

from . import wake

#: the hub's languages: headings and names are known in each
LANGUAGES = ("en", "uk", "ru")
LEASE = timedelta(minutes=2)
TRIES = 5
#: how long the file is kept, and what became of its rows
FILE_KEPT, KEPT = timedelta(days=7), timedelta(days=30)
#: fates that leave something to do
WILL = ("create", "update")


def folder() -> Path:
    found: Path = current_app.config["HUB"].data_dir / "imports"
    found.mkdir(mode=0o700, parents=True, exist_ok=True)
    return found


def path(row: Import) -> Path | None:
    """Where the file lies; None when it is gone."""
    found = folder() / row.file
    return found if row.file and found.is_file() else None


# ---- asked for in pages; the caller commits


def upload(user_id: int, kind: str, language: str, name: str, stream: IO[bytes]) -> Import:
    """Keep the file and look what it is. Raises BadFile, and keeps nothing then."""
    stored = folder() / f"{secrets.token_hex(12)}.in"
    try:
        size = _keep(stream, stored)
        layout = import_files.look(stored)
    except BaseException:
        stored.unlink(missing_ok=True)
        raise
    columns = import_columns.matched(layout.headings, headings(), kind)
    row = Import(user_id=user_id, kind=kind, language=language, name=name[:200] or "?", file=stored.name, size=size)
    row.layout, row.columns = layout.kept(), columns
    db.session.add(row)
    db.session.flush()
    return row


def _keep(stream: IO[bytes], to: Path) -> int:
    """A file that nobody else may read; how many bytes it has."""
    size = 0
    with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        while part := stream.read(1024 * 1024):
            size += len(part)
            if size > import_files.LARGEST:
                raise BadFile("too_large")
            out.write(part)
    return size


def of_user(user_id: int) -> Sequence[Import]:
    """Theirs, the newest first."""
    query = db.select(Import).where(Import.user_id == user_id).order_by(Import.id.desc()).limit(20)
    return db.session.scalars(query).all()


def find(import_id: int, user_id: int, is_owner: bool) -> Import | None:
    """The import, if this user may have it: its maker and owners may."""
    row = db.session.get(Import, import_id)
    return row if row and (is_owner or row.user_id == user_id) else None


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
    return import_columns.headings([partial(said, language) for language in LANGUAGES])


def said(language: str, text: str) -> str:
    with force_locale(language):
        return str(gettext(text)) if text else ""


# ---- at each sweep


def revive() -> None:
    """What a dead worker held goes on; what nobody was woken for begins. Not for ever."""
    now = utcnow()
    dead = [Import.state == "working", Import.lease_until < now]
    gone = {"state": "failed", "fault": "abandoned", "finished_at": now, "lease_until": None}
    db.session.execute(db.update(Import).where(*dead, Import.tries >= TRIES).values(**gone))
    db.session.execute(db.update(Import).where(*dead).values(state="waiting", lease_until=None))
    asleep = db.select(Import.id).where(Import.state == "waiting", Import.created_at < now - timedelta(seconds=20))
    for import_id in db.session.scalars(asleep):
        wake.soon("import", import_id)
    db.session.commit()


def tidy() -> None:
    """Drop old files, what is known of older ones, and files that no row knows."""
    now = utcnow()
    over = Import.state.not_in(OPEN_IMPORTS)
    for row in db.session.scalars(db.select(Import).where(over, Import.created_at < now - KEPT)).all():
        remove(row)
    for row in db.session.scalars(
        db.select(Import).where(over, Import.file != "", Import.created_at < now - FILE_KEPT)
    ):
        (folder() / row.file).unlink(missing_ok=True)
        row.file = ""
    db.session.commit()
    for file in folder().iterdir():
        if file.stat().st_mtime < (now - KEPT).timestamp():
            file.unlink(missing_ok=True)


# ---- what can't be imported, for mending


def refused_rows(row: Import, say: Callable[[Sequence[dict[str, Any]]], str]) -> Iterator[list[str]]:
    """Headings and rows of the file that were refused, each with the reason at its end."""
    found = path(row)
    layout = Layout(**row.layout)
    yield [*layout.headings, said(row.language, "Reason")]
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
