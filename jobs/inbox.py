"""Notices that vendors post: answered at once, worked on in a job. A repetition is one row.

What came stays to be looked at: what it was, whether it is for us, what became of it and why; one that is over can be
worked on once more, which does no more than its coming twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import literal_column

from integrations.base import ReceivesWebhooks
from integrations.errors import Refused
from integrations.notices import StatusNotice
from integrations.types import Notice, Reply
from models import HookSecret, Incoming, Prepared, among, db, insert_into, utcnow

from . import connections, hooks, news, payments, wake
from .together import Together

#: a notice that nobody was woken for is found by the sweep after so long
FORGOTTEN = timedelta(seconds=10)
LIMIT = 100
#: how exactly an address shows when it was last used
USED = timedelta(seconds=10)
#: letters kept of what could not be read
KEPT = 4000
#: what a notice is about -> the work of its connection that settles all such notices together
TOGETHER = {"status": ("news", news.work)}
#: what is over and may be worked on once more
OVER = ("ignored", "failed", "applied")
_NOTICE: Any = literal_column("channel = 'webhook'")
_rows, _secrets = Incoming.__table__.c, HookSecret.__table__
_NEW = Prepared(
    lambda: (
        insert_into(Incoming)
        .on_conflict_do_nothing()
        .returning(_rows.id, _rows.connection_id, _rows.event, _rows.state)
    ),
    ("connection_id", "channel", "event", "external_id", "fingerprint", "body", "received_at", "state", "note"),
)
_USED = Prepared(
    db.update(_secrets)
    .where(among(_secrets.c.id, "ids"))
    .values(last_at=db.bindparam("now", type_=_secrets.c.last_at.type)),
    same_plan=True,
)


def receive(found: hooks.Found, headers: Mapping[str, str], body: bytes) -> Reply:
    """Check a notice, keep it, say what the vendor wants to hear: when this returns, it is committed. Raises Refused.
    The caller has no transaction open: it is checked before anybody has to wait for the database."""
    opened = connections.open_connector(found)
    if not isinstance(opened, ReceivesWebhooks):
        raise Refused("misconfigured", "this system sends no notices")
    used = 0 if found.last_at and found.last_at >= utcnow() - USED else found.secret_id
    try:
        notices = opened.notices(headers, body)
    except Refused as refusal:
        _together(_Came([_refused(found.id, refusal, body)], used))
        raise
    _together(_Came([_row(found.id, notice) for notice in notices], used))
    return opened.answer(notices)


@dataclass(frozen=True)
class _Came:
    """What is to be kept of a post: columns of new rows, and the secret whose use is to be noted (0 = none)."""

    rows: Sequence[dict[str, Any]]
    used: int


def _keep(came: Sequence[_Came]) -> None:
    """One transaction; commits. What is there already stays as it is."""
    db.session.rollback()
    if used := sorted({one.used for one in came if one.used}):
        _USED.run(ids=used, now=utcnow())
    for values in (row for one in came for row in one.rows):
        for new in _NEW.rows(**values):
            if new.state == "new":
                _soon(new.id, new.connection_id, new.event)
    db.session.commit()


_together = Together(_keep)


def _row(connection_id: int, notice: Notice) -> dict[str, Any]:
    kept = {"external_id": notice.external_id, "reference": notice.reference, "notice": notice.body}
    ignored = ""
    if isinstance(notice, StatusNotice):
        kept |= _kept(notice)
        ignored = notice.ignored
    return {
        "connection_id": connection_id,
        "channel": "webhook",
        "event": notice.event,
        "external_id": (notice.reference or notice.external_id)[:100],
        "fingerprint": hashlib.sha256(notice.event_id.encode()).hexdigest(),
        "body": kept,
        "received_at": utcnow(),
        "state": "ignored" if ignored else "new",
        "note": ignored,
    }


def _kept(notice: StatusNotice) -> dict[str, Any]:
    found: dict[str, Any] = {"name": notice.name, "paid": notice.paid}
    if change := notice.change:
        at = change.at.isoformat() if change.at else ""
        found |= {"status": change.status, "status_name": change.status_name, "at": at}
    return found


def _refused(connection_id: int, refusal: Refused, body: bytes) -> dict[str, Any]:
    """Whoever posts to the right address and isn't understood is worth a look; nothing is ever made of it."""
    return {
        "connection_id": connection_id,
        "channel": "webhook",
        "event": "unknown",
        "external_id": "",
        "fingerprint": hashlib.sha256(body).hexdigest(),
        "body": {"text": body[:KEPT].decode(errors="replace").replace("\0", "")},
        "received_at": utcnow(),
        "state": "refused",
        "note": f"{refusal.fault}: {refusal.detail}"[:500],
    }


def _soon(incoming_id: int, connection_id: int, event: str) -> None:
    if event in TOGETHER:
        wake.soon(TOGETHER[event][0], connection_id)
    else:
        wake.soon("notice", incoming_id)


def process(incoming_id: int) -> None:
    """Work on one notice. One that is done, or that another worker has, is left alone."""
    row = db.session.get(Incoming, incoming_id, with_for_update=True, populate_existing=True)
    if row is None or row.state != "new" or row.channel != "webhook":
        db.session.rollback()
        return
    handler = HANDLERS.get(row.event)
    row.state, row.note = handler(row) if handler else ("failed", f"nothing is done with {row.event}")
    wake.changed()
    db.session.commit()


def sweep() -> None:
    """Notices whose wake-up was lost, and those that had to wait."""
    waiting = db.select(Incoming.id, Incoming.connection_id, Incoming.event).where(
        Incoming.state == "new", Incoming.channel == "webhook", Incoming.received_at < utcnow() - FORGOTTEN
    )
    alone = db.session.execute(waiting.where(Incoming.event.not_in(TOGETHER)).order_by(Incoming.id).limit(LIMIT)).all()
    together = waiting.with_only_columns(Incoming.connection_id, Incoming.event).where(Incoming.event.in_(TOGETHER))
    groups = db.session.execute(together.distinct()).all()
    db.session.rollback()
    for row in alone:
        process(row.id)
    for connection_id, event in groups:
        TOGETHER[event][1](connection_id)


def page(connection_id: int, state: str, before: int, n: int) -> Sequence[Incoming]:
    """The connection's notices, newest first, older than `before` (an id; 0 = the newest), "" = in any state."""
    query = db.select(Incoming).where(Incoming.connection_id == connection_id, _NOTICE)
    if state:
        query = query.where(Incoming.state == state)
    if before:
        query = query.where(Incoming.id < before)
    return db.session.scalars(query.order_by(Incoming.id.desc()).limit(n)).all()


def one(connection_id: int, incoming_id: int) -> Incoming | None:
    query = db.select(Incoming).where(Incoming.id == incoming_id, Incoming.connection_id == connection_id, _NOTICE)
    return db.session.scalar(query)


def replay(connection_id: int, incoming_ids: Sequence[int]) -> int:
    """Have these notices worked on once more, in the caller's transaction. Returns how many; one that waits already, or
    whose contents are gone with their age, is left out. Nothing happens twice by it: what is older than what is known
    changes nothing, and about a payment the service is asked."""
    query = db.select(Incoming).where(Incoming.id.in_(incoming_ids), Incoming.connection_id == connection_id, _NOTICE)
    rows = [row for row in db.session.scalars(query.where(Incoming.state.in_(OVER)).with_for_update()) if row.body]
    for row in rows:
        row.state, row.note = "new", ""
        _soon(row.id, row.connection_id, row.event)
    wake.changed()
    return len(rows)


#: what a notice is about -> what is done with it: (state, note)
HANDLERS: dict[str, Callable[[Incoming], tuple[str, str]]] = {"payment": payments.noticed}
