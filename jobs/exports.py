"""Files of orders: asked for in a page, made by a job, kept for a day, or as retention says.

The row is the queue, as with transfers: the job carries its id, a claim counts the tries, and a worker that comes back
after its lease finds another number there and writes nothing. The web processes hand the file out of
DATA_DIR/exports, so on several machines that folder has to be one they share.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog
from flask_babel import force_locale, get_timezone

from models import OPEN_STATES, Export, ExportPreset, db, insert_into, reading, utcnow
from orders import export_rows, lists
from orders.export_files import File
from orders.export_options import Options
from orders.export_rows import Words

from . import files, retention, wake

log = structlog.get_logger()

#: without a sign of life for so long the worker is dead; packing a workbook of a million rows gives none
LEASE = timedelta(minutes=5)
TRIES = 3
#: seconds between two notes of how far it is
NOTED = 0.7
NAME_LENGTH = 60


class _Stopped(Exception):
    """Somebody cancelled it, or another worker has it now."""


def folder() -> Path:
    return files.folder("exports")


def kept() -> timedelta:
    """How long files stay, as the owner says."""
    return timedelta(days=retention.kept()["files"])


def path(row: Export) -> Path | None:
    """Where the finished file lies; None when there is none (any more)."""
    expired = row.finished_at is None or utcnow() - row.finished_at > kept()
    return None if row.state != "done" or expired else files.lying("exports", row.file)


# ---- asked for in pages; the caller commits


def request(user_id: int, options: Options, language: str) -> Export:
    row = Export(user_id=user_id, options=options.kept(), language=language, replaced_in=[])
    db.session.add(row)
    db.session.flush()
    wake.soon("export", row.id)
    return row


def cancel(row: Export) -> None:
    """The worker notices within a second and throws away what it has written."""
    if row.is_open:
        row.state, row.finished_at, row.lease_until = "cancelled", utcnow(), None


def remove(row: Export) -> None:
    if row.file:
        (folder() / row.file).unlink(missing_ok=True)
    db.session.delete(row)


def words(language: str) -> Words:
    """What a file is written with in this language."""
    return Words(partial(files.said, language), ZoneInfo(str(get_timezone())), lists.read())


# ---- presets


def presets(user_id: int) -> Sequence[ExportPreset]:
    """Everybody's and their own, by name."""
    mine = db.or_(ExportPreset.user_id.is_(None), ExportPreset.user_id == user_id)
    return db.session.scalars(db.select(ExportPreset).where(mine).order_by(ExportPreset.name, ExportPreset.id)).all()


def preset(preset_id: int, user_id: int) -> ExportPreset | None:
    row = db.session.get(ExportPreset, preset_id)
    return row if row and row.user_id in (None, user_id) else None


def keep(name: str, options: Options, user_id: int | None) -> None:
    """Under a name; the same name again replaces it. `user_id` None = for everybody."""
    name, kept = " ".join(name.split())[:NAME_LENGTH], options.preset()
    if user_id is None:  # the database doesn't hold two rows without a user for the same
        same = db.update(ExportPreset).where(ExportPreset.user_id.is_(None), ExportPreset.name == name)
        if db.session.execute(same.values(options=kept)).rowcount:  # type: ignore[attr-defined]  # an UPDATE's has it
            return
    insert = insert_into(ExportPreset).values(user_id=user_id, name=name, options=kept)
    db.session.execute(insert.on_conflict_do_update(index_elements=["user_id", "name"], set_={"options": kept}))


def forget(row: ExportPreset) -> None:
    db.session.delete(row)


# ---- the job


def make(export_id: int) -> None:
    """Make the file. An export that another worker has, or that is over, is left alone."""
    row = _claim(export_id)
    if row is None:
        return
    export = (row.id, row.tries)
    options = Options.read(row.options)
    name = f"{row.id}-{secrets.token_hex(8)}.{options.format}"
    with force_locale(row.language):
        said = words(row.language)
    db.session.commit()
    try:
        _finish(export, name, _write(export, options, said, folder() / name))
    except _Stopped:
        db.session.rollback()
    except OSError as error:  # no room, no right to write
        db.session.rollback()
        log.exception("export_failed", export=export_id)
        _fail(export, "disk" if error.errno else "internal")
    except Exception:  # a fault of ours: the row must not look busy for ever
        db.session.rollback()
        log.exception("export_failed", export=export_id)
        _fail(export, "internal")


def _claim(export_id: int) -> Export | None:
    row = db.session.get(Export, export_id, with_for_update=True, populate_existing=True)
    if row is None or row.state != "waiting":
        db.session.rollback()
        return None
    row.state, row.started_at, row.lease_until = "working", utcnow(), utcnow() + LEASE
    row.tries, row.done = row.tries + 1, 0
    db.session.flush()
    return row


def _write(export: tuple[int, int], options: Options, said: Words, to: Path) -> File:
    """The whole file, or none."""
    file = File(options, said)
    total = export_rows.count(options, said)
    db.session.rollback()
    _note(export, total=total)
    done, noted = 0, time.monotonic()
    with files.new(to) as out:
        for batch in file.written(export_rows.read(options, said), out):
            done += batch.orders
            if time.monotonic() - noted >= NOTED:
                _note(export, done=done)
                noted = time.monotonic()
    _note(export, done=done, total=done)
    return file


def _ours(export: tuple[int, int]) -> list[object]:
    return [Export.id == export[0], Export.tries == export[1], Export.state == "working"]


def _note(export: tuple[int, int], **values: int) -> None:
    """How far it is; a sign of life. Raises _Stopped when it is not ours any more."""
    _set(export, lease_until=utcnow() + LEASE, **values)


def _finish(export: tuple[int, int], name: str, file: File) -> None:
    size = (folder() / name).stat().st_size
    found = {"replaced": file.replaced, "replaced_in": file.replaced_in}
    try:
        _set(export, state="done", file=name, size=size, finished_at=utcnow(), lease_until=None, **found)
    except _Stopped:
        (folder() / name).unlink(missing_ok=True)


def _fail(export: tuple[int, int], fault: str) -> None:
    try:
        _set(export, state="failed", fault=fault, finished_at=utcnow(), lease_until=None)
    except _Stopped:
        log.info("export_left", export=export[0])


def _set(export: tuple[int, int], **values: object) -> None:
    token = reading.set(False)
    try:
        touched = db.session.execute(db.update(Export).where(*_ours(export)).values(**values)).rowcount  # type: ignore[attr-defined]  # an UPDATE's has it
        db.session.commit()
    finally:
        reading.reset(token)
    if not touched:
        raise _Stopped


# ---- at each sweep


def revive() -> None:
    files.revive(Export, "export", TRIES)


def tidy() -> None:
    """Drop what is too old, and files that no row knows."""
    old = utcnow() - kept()
    rows = db.session.scalars(db.select(Export).where(Export.created_at < old, Export.state.not_in(OPEN_STATES)))
    for row in rows.all():
        remove(row)
    db.session.commit()
    files.remove_strays("exports", before=old - timedelta(days=1))
