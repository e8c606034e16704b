"""The job of an import: it looks at every row of the file, or does what was found fine.

A part at a time: orders, and the marks of their rows, are written in one transaction with the row of the import, whose
fence has to be the worker's own. So whoever goes on after a crash knows what is done, and two at once can't.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from flask_babel import get_timezone
from sqlalchemy.exc import DataError, IntegrityError

from models import Import, ImportRow, User, add_rows, db, update_rows, utcnow
from orders import import_files, lists
from orders.import_files import BadFile, Layout
from orders.import_orders import Orders
from orders.import_rows import Fate, Group, Vocabulary, refused
from orders.import_statuses import Statuses
from orders.timeline import Actor

from . import files, wake
from .imports import LANGUAGES, LEASE, WILL, counted, path

log = structlog.get_logger()

#: orders of a transaction
BATCH = 200
NAMED_REASONS = 8


class _Stopped(Exception):
    """Somebody cancelled it, or another worker has it now."""


def vocabulary() -> Vocabulary:
    spoken = [partial(files.said, language) for language in LANGUAGES]
    return Vocabulary.of(lists.read(), spoken, ZoneInfo(str(get_timezone())))


# ---- the job


@dataclass
class _Task:
    """What a worker needs to know of its import."""

    id: int
    fence: int
    stage: str
    path: Path
    layout: Layout
    handler: Orders | Statuses
    actor: Actor
    name: str
    rows: int = 0


def work(import_id: int) -> None:
    """Check the file or import it. One that another worker has, or that is over, is left alone."""
    claim = _claim(import_id)
    if claim is None:
        return
    try:
        row = db.session.get_one(Import, import_id)
        task = _task(row)
        db.session.commit()
        (_check if task.stage == "check" else _import)(task)
        _set(claim, state="done", finished_at=utcnow(), lease_until=None, total=task.rows, done=task.rows)
    except _Stopped:
        db.session.rollback()
    except BadFile as problem:
        db.session.rollback()
        _fail(claim, problem.fault, problem.row)
    except OSError:
        db.session.rollback()
        log.exception("import_failed", id=import_id)
        _fail(claim, "disk")
    except Exception:  # a fault of ours: the row must not look busy for ever
        db.session.rollback()
        log.exception("import_failed", id=import_id)
        _fail(claim, "internal")


def _claim(import_id: int) -> tuple[int, int] | None:
    row = db.session.get(Import, import_id, with_for_update=True, populate_existing=True)
    if row is None or row.state != "waiting":
        db.session.rollback()
        return None
    row.state, row.started_at, row.lease_until = "working", utcnow(), utcnow() + LEASE
    row.tries, row.fence, row.done = row.tries + 1, row.fence + 1, 0
    claim = (row.id, row.fence)
    db.session.commit()
    return claim


def _task(row: Import) -> _Task:
    found = path(row)
    if found is None:
        raise BadFile("gone")
    user = db.session.get(User, row.user_id)
    who = (user.name or user.email) if user else ""
    return _Task(row.id, row.fence, row.stage, found, Layout(**row.layout), _handler(row), _actor(row, who), row.name)


def _actor(row: Import, who: str) -> Actor:
    """Orders say in their first event which file they are from; a change of status has no place but this."""
    return Actor("person", who if row.kind == "orders" else f"{who} · {row.name}")


def _handler(row: Import) -> Orders | Statuses:
    words, shop = vocabulary(), (row.options or {}).get("shop")
    if row.kind == "statuses":
        return Statuses(row.columns, words, shop)
    return Orders(row.columns, words, shop, files.said(row.language, "Products"))


def _batches(task: _Task) -> Iterator[list[Group]]:
    batch: list[Group] = []
    for group in task.handler.groups(import_files.rows(task.path, task.layout)):
        batch.append(group)
        task.rows += len(group.cells)
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


# ---- what would become of each row


def _check(task: _Task) -> None:
    _own(task)
    # what an interrupted import has done stays as it is
    db.session.execute(db.delete(ImportRow).where(ImportRow.import_id == task.id, ~ImportRow.done))
    db.session.commit()
    seen: dict[int, int] = {}
    for groups in _batches(task):
        _own(task, done=task.rows)
        done = _done(task, groups)
        fates = _fates(task, seen, groups)
        rows = [_ledger(task.id, group, fate) for group, fate in zip(groups, fates, strict=True)]
        add_rows(ImportRow, [row for row in rows if row["row"] not in done])
        db.session.commit()
    _own(task, fates=counted(task.id))
    db.session.commit()


def _done(task: _Task, groups: Sequence[Group]) -> set[int]:
    there = ImportRow.row.between(groups[0].row, groups[-1].row)
    return set(db.session.scalars(db.select(ImportRow.row).where(ImportRow.import_id == task.id, there)))


def _fates(task: _Task, seen: dict[int, int], groups: Sequence[Group]) -> list[Fate]:
    again = [_seen_before(seen, task.handler, group) for group in groups]
    found = iter(task.handler.check([group for group, first in zip(groups, again, strict=True) if not first]))
    return [
        refused("repeated", "Number", group.label, row=first) if first else next(found)
        for group, first in zip(groups, again, strict=True)
    ]


def _seen_before(seen: dict[int, int], handler: Orders | Statuses, group: Group) -> int:
    """The row of the file that the same order has already; 0 = none. Hashes: a hundred thousand names are long."""
    keys = [hash(name) for name in handler.identities(group)]
    first = next((seen[key] for key in keys if key in seen), 0)
    for key in keys:
        seen.setdefault(key, group.row)
    return first


def _ledger(import_id: int, group: Group, fate: Fate) -> dict[str, Any]:
    return {
        "import_id": import_id,
        "row": group.row,
        "rows": len(group.cells),
        "number": group.label.replace("\0", ""),
        "fate": fate.fate,
        "reasons": fate.reasons[:NAMED_REASONS],
        "order_id": fate.order_id,
        "done": False,
    }


# ---- doing it


def _import(task: _Task) -> None:
    for groups in _batches(task):
        left = _left(task, groups)
        if left:
            _apply(task, left)
        db.session.rollback()
    _own(task, fates=counted(task.id))
    db.session.commit()
    wake.changed()
    db.session.commit()


def _left(task: _Task, groups: Sequence[Group]) -> list[tuple[int, Group]]:
    """(id in the ledger, group) of those that are to be done and are not."""
    query = db.select(ImportRow.row, ImportRow.id).where(
        ImportRow.import_id == task.id,
        ImportRow.row.between(groups[0].row, groups[-1].row),
        ImportRow.fate.in_(WILL),
        ~ImportRow.done,
    )
    waiting = dict(map(tuple, db.session.execute(query)))
    db.session.rollback()
    return [(waiting[group.row], group) for group in groups if group.row in waiting]


def _apply(task: _Task, rows: Sequence[tuple[int, Group]]) -> None:
    """One part in one transaction; when something in it clashes, one by one: no order holds up the others."""
    try:
        _apply_all(task, rows)
        return
    except (IntegrityError, DataError) as error:
        db.session.rollback()
        if len(rows) == 1:
            log.warning("row_not_imported", id=task.id, row=rows[0][1].row, error=repr(error))
            _own(task)
            _settle([(rows[0][0], refused("clash", "", rows[0][1].label))])
            db.session.commit()
            return
    for row in rows:
        _apply(task, [row])


def _apply_all(task: _Task, rows: Sequence[tuple[int, Group]]) -> None:
    _own(task, done=task.rows)
    detail = {"file": task.name, "import": task.id}
    fates = task.handler.apply([group for _, group in rows], task.actor, detail)
    _settle([(ledger_id, fate) for (ledger_id, _), fate in zip(rows, fates, strict=True)])
    wake.changed()
    db.session.commit()


def _settle(rows: Sequence[tuple[int, Fate]]) -> None:
    update_rows(
        ImportRow,
        [
            {
                "id": ledger_id,
                "fate": fate.fate,
                "reasons": fate.reasons[:NAMED_REASONS],
                "order_id": fate.order_id,
                "done": fate.fate in WILL,
            }
            for ledger_id, fate in rows
        ],
    )


# ---- its row


def _own(task: _Task, **values: Any) -> None:
    """Part of the transaction: it is still ours, and alive. Nobody else gets past this until we commit."""
    _update((task.id, task.fence), lease_until=utcnow() + LEASE, **values)


def _update(claim: tuple[int, int], **values: Any) -> None:
    mine = (Import.id == claim[0], Import.fence == claim[1], Import.state == "working")
    update = db.update(Import).where(*mine).values(**values).execution_options(synchronize_session=False)
    if not db.session.execute(update).rowcount:  # type: ignore[attr-defined]  # an UPDATE's has it
        raise _Stopped


def _set(claim: tuple[int, int], **values: Any) -> None:
    _update(claim, **values)
    db.session.commit()


def _fail(claim: tuple[int, int], fault: str, row: int = 0) -> None:
    try:
        gone = {"finished_at": utcnow(), "lease_until": None, "fates": counted(claim[0])}
        _set(claim, state="failed", fault=fault, fault_row=row, **gone)
    except _Stopped:
        log.info("import_left", id=claim[0])
