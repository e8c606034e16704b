"""Files that staff bring in or take away, each with a row that is its queue: where they lie, whose they are, and what
becomes of rows whose worker died."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, TypeVar

from flask import current_app
from flask_babel import force_locale, gettext

from models import Export, Import, db, utcnow
from orders import import_files
from orders.import_files import BadFile

from . import wake

Row = TypeVar("Row", Export, Import)


def folder(name: str) -> Path:
    """DATA_DIR/<name>, for nobody else to read. Web and workers share it."""
    found: Path = current_app.config["HUB"].data_dir / name
    found.mkdir(mode=0o700, parents=True, exist_ok=True)
    return found


@contextmanager
def new(to: Path) -> Iterator[IO[bytes]]:
    """A file nobody else may read; removed when it does not get finished."""
    try:
        with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            yield out
    except BaseException:
        to.unlink(missing_ok=True)
        raise


@contextmanager
def brought(stream: IO[bytes], ending: str) -> Iterator[Path]:
    """What was brought, kept among the imports; removed when whoever looks at it raises. Raises BadFile."""
    stored = folder("imports") / f"{secrets.token_hex(12)}.{ending}"
    size = 0
    with new(stored) as out:
        while part := stream.read(1024 * 1024):
            size += len(part)
            if size > import_files.LARGEST:
                raise BadFile("too_large")
            out.write(part)
        out.flush()
        yield stored


def lying(name: str, file: str) -> Path | None:
    """The file of a row, in that folder; None when it is gone."""
    found = folder(name) / file
    return found if file and found.is_file() else None


def remove_strays(name: str, before: datetime) -> None:
    """Files that no row knows: those nobody has written to since then."""
    for file in folder(name).iterdir():
        if file.stat().st_mtime < before.timestamp():
            file.unlink(missing_ok=True)


def of_user(table: type[Row], user_id: int) -> Sequence[Row]:
    """Theirs, the newest first."""
    query = db.select(table).where(table.user_id == user_id).order_by(table.id.desc()).limit(20)
    return db.session.scalars(query).all()


def find(table: type[Row], row_id: int, user_id: int, is_owner: bool) -> Row | None:
    """The row, if this user may have it: its maker and owners may."""
    row = db.session.get(table, row_id)
    return row if row and (is_owner or row.user_id == user_id) else None


def revive(table: type[Row], job: str, tries: int) -> None:
    """What a dead worker held goes on; what nobody was woken for begins. Not for ever."""
    now = utcnow()
    dead = [table.state == "working", table.lease_until < now]
    gone = {"state": "failed", "fault": "abandoned", "finished_at": now, "lease_until": None}
    db.session.execute(db.update(table).where(*dead, table.tries >= tries).values(**gone))
    db.session.execute(db.update(table).where(*dead).values(state="waiting", lease_until=None))
    asleep = db.select(table.id).where(table.state == "waiting", table.created_at < now - timedelta(seconds=20))
    for row_id in db.session.scalars(asleep):
        wake.soon(job, row_id)
    db.session.commit()


def said(language: str, text: str) -> str:
    """A text of ours in the language of a file; "" stays so."""
    with force_locale(language):
        return str(gettext(text)) if text else ""
