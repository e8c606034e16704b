"""Notices that vendors post: answered at once, worked on in a job. A repetition is one row."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from integrations.base import ReceivesWebhooks
from integrations.errors import Refused
from integrations.types import Notice, Reply
from models import Connection, HookSecret, Incoming, db, insert_into, utcnow

from . import connections, payments, wake

#: a notice that nobody was woken for is found by the sweep after so long
FORGOTTEN = timedelta(seconds=10)
LIMIT = 100


def receive(connection: Connection, secret: HookSecret, headers: Mapping[str, str], body: bytes) -> Reply:
    """Check a notice, keep it, say what the vendor wants to hear; commits. Raises Refused."""
    opened = connections.open_connector(connection)
    if not isinstance(opened, ReceivesWebhooks):
        raise Refused("misconfigured", "this system sends no notices")
    notices = opened.notices(headers, body)
    _store(connection.id, notices)
    secret.last_at = utcnow()
    db.session.commit()
    return opened.answer(notices)


def _store(connection_id: int, notices: Sequence[Notice]) -> None:
    values = [
        {
            "connection_id": connection_id,
            "channel": "webhook",
            "event": notice.event,
            "external_id": (notice.reference or notice.external_id)[:100],
            "fingerprint": hashlib.sha256(notice.event_id.encode()).hexdigest(),
            "body": {"external_id": notice.external_id, "reference": notice.reference, "notice": notice.body},
            "received_at": utcnow(),
            "state": "new",
            "note": "",
        }
        for notice in notices
    ]
    if not values:
        return
    query = insert_into(Incoming).values(values).on_conflict_do_nothing().returning(Incoming.__table__.c.id)
    new = db.session.scalars(query).all()
    db.session().info.setdefault("jobs", set()).update(("notice", incoming_id) for incoming_id in new)


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
    """Notices whose wake-up was lost."""
    waiting = db.select(Incoming.id).where(
        Incoming.state == "new", Incoming.channel == "webhook", Incoming.received_at < utcnow() - FORGOTTEN
    )
    ids = db.session.scalars(waiting.order_by(Incoming.id).limit(LIMIT)).all()
    db.session.rollback()
    for incoming_id in ids:
        process(incoming_id)


#: what a notice is about -> what is done with it: (state, note)
HANDLERS: dict[str, Callable[[Incoming], tuple[str, str]]] = {"payment": payments.noticed}
