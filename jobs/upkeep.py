"""Tidying up, a little at each sweep: counters folded, old undo records and recorded exchanges dropped."""

from __future__ import annotations

from datetime import timedelta

from models import Attempt, BulkUndo, db, utcnow
from orders import counts, once, order_links, outbox, rules

from . import exports, imports, mail, wake

#: requests and answers of attempts are kept so long; the attempts themselves stay
EXCHANGES_DAYS = 30
#: rows emptied at once, so that none takes long
LIMIT = 5000


_next = utcnow()


def tidy() -> None:
    """Called at each sweep; what costs more is done once an hour."""
    global _next
    now = utcnow()
    counts.fold()
    if order_links.note_absent():
        wake.changed()
    db.session.commit()
    exports.revive()
    imports.revive()
    mail.wake_due()
    if now < _next:
        return
    _next = now + timedelta(hours=1)
    once.forget()
    outbox.forget()
    rules.forget()
    db.session.execute(db.delete(BulkUndo).where(BulkUndo.created_at < now - timedelta(days=1)))
    exports.tidy()
    imports.tidy()
    old = (
        db.select(Attempt.id)
        .where(
            Attempt.started_at < utcnow() - timedelta(days=EXCHANGES_DAYS), db.cast(Attempt.exchanges, db.Text) != "[]"
        )
        .order_by(Attempt.started_at)
        .limit(LIMIT)
    )
    db.session.execute(
        db.update(Attempt)
        .where(Attempt.id.in_(old.scalar_subquery()))
        .values(exchanges=[])
        .execution_options(synchronize_session=False)
    )
    db.session.commit()
