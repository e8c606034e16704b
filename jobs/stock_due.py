"""Has runs begun for connections whose systems are to be told of stock."""

from __future__ import annotations

from integrations import connectors
from integrations.base import WritesStock
from models import Connection, StockNews, db, utcnow
from orders import stock as told

from . import connections, runs, stock, wake

TASK = "stock"


def start(connection_id: int) -> None:
    """A run for what is due at this connection, unless one is under way: that one looks again before it ends."""
    wake.begun(TASK, connection_id)
    row = db.session.get(Connection, connection_id, populate_existing=True)
    due = row is not None and connections.usable(row) and connection_id in _due()
    if row is not None and due and connectors()[row.kind].can(WritesStock):
        runs.request(connection_id, TASK, stock.HUB)
    db.session.commit()


def sweep() -> None:
    """What no wake-up reached, and what waited for its time."""
    due = _due()
    for connection_id in set(due) & set(told.tellers()) if due else ():
        wake.now(TASK, connection_id)
    db.session.rollback()


def _due() -> list[int]:
    query = db.select(StockNews.connection_id).where(StockNews.state == "waiting", StockNews.not_before <= utcnow())
    return list(db.session.scalars(query.distinct()))
