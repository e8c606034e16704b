"""Deleting copies of deleted orders: which systems can, and what is no longer wanted by the time it could be done."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask

from integrations import connectors
from integrations.base import DeletesOrders
from models import Order, Status, Transfer, db, has_state, utcnow
from orders import work

from .claims import Claim


def init_app(app: Flask) -> None:
    """Tell orders/deletion.py, which may not know the connectors."""
    app.extensions["deleting_kinds"] = kinds


def kinds() -> frozenset[str]:
    """The kinds of systems that can delete an order."""
    return frozenset(key for key, cls in connectors().items() if cls.can(DeletesOrders))


def mark_begun(claims: Sequence[Claim]) -> None:
    """From now on the copies may be gone, whatever is heard of the calls. In the caller's transaction."""
    ids = [claim.id for claim in claims]
    marked = db.update(Transfer).where(Transfer.id.in_(ids)).values(uncertain=True)
    db.session.execute(marked.execution_options(synchronize_session=False))


def still_wanted(claims: Sequence[Claim]) -> list[Claim]:
    """Leave out deletions of copies whose orders were restored between two tries; they are called off. Not those whose
    answer was lost: the copy may be gone, and only deleting it once more makes that certain."""
    doubtful = [c for c in claims if c.operation == "delete" and not c.uncertain]
    if not doubtful:
        return list(claims)
    deleted = db.select(Status.id).where(Status.group == "deleted")
    query = db.select(Order.id).where(Order.id.in_([c.order_id for c in doubtful]), Order.status_id.in_(deleted))
    wanted = set(db.session.scalars(query))
    over = {c.id for c in doubtful if c.order_id not in wanted}
    if over:
        off = db.update(Transfer).where(Transfer.id.in_(over), has_state(Transfer, "working"))
        values = {"state": "cancelled", "finished_at": utcnow(), "lease_until": None}
        db.session.execute(off.values(values).execution_options(synchronize_session=False))
        work.TOUCH.run(ids=[c.order_id for c in claims if c.id in over], now=utcnow())
        db.session.commit()
    return [c for c in claims if c.id not in over]
