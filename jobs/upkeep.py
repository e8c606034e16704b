"""Tidying up, a little at each sweep: counters folded, what nobody can need after a day dropped. What people may want
to look at for longer is retention's."""

from __future__ import annotations

from datetime import timedelta

from models import BulkUndo, db, utcnow
from orders import counts, once, order_links

from . import catalogue_files, exports, imports, mail, stock_due, wake

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
    catalogue_files.revive()
    mail.wake_due()
    stock_due.sweep()
    if now < _next:
        return
    _next = now + timedelta(hours=1)
    once.forget()
    db.session.execute(db.delete(BulkUndo).where(BulkUndo.created_at < now - timedelta(days=1)))
    exports.tidy()
    imports.tidy()
    db.session.commit()
