"""Catalogues of connections: read page by page, kept as offers, matched with products.

Each batch is a transaction of its own. A run that dies leaves what it has taken; the next one reads from the beginning,
and what is the same costs next to nothing. Only a reading that came to its end says what is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from catalogue import making, matching, rules
from catalogue.categories import Known
from integrations.base import PullsProducts
from integrations.errors import VendorError
from integrations.types import ProductPage
from models import Connection, Offer, Run, RunNote, db, utcnow

from . import attempts, connections, offers, wake

#: notes kept of one run
KEPT = 1000
Keep = Callable[..., None]


def take(run_id: int, connection: Connection, keep: Keep, prices_only: bool = False) -> None:
    """Read the whole catalogue, or its prices and stock. Raises VendorError; what was taken until then stays."""
    connector = connections.open_connector(connection)
    if not isinstance(connector, PullsProducts):
        return
    reading = offers.Reading(connection.id, offers.rule_of(connection), prices_only)
    started = utcnow()
    db.session.commit()  # no transaction is open while the vendor is asked
    try:
        for page in connector.products(prices_only):
            if not _take_page(run_id, reading, page, keep):
                return  # the run was given up meanwhile, and another may be under way
    except VendorError as error:
        db.session.rollback()
        _record(reading.connection_id, connector, error)
        raise
    _finish(run_id, reading, started, keep)
    _record(reading.connection_id, connector)


def _take_page(run_id: int, reading: offers.Reading, page: ProductPage, keep: Keep) -> bool:
    """Is the run still ours?"""
    for start in range(0, max(len(page.products), 1), offers.BATCH):
        if not _is_ours(run_id):
            db.session.rollback()
            return False
        if start == 0:
            reading.missed(page.broken)
        if batch := page.products[start : start + offers.BATCH]:
            reading.take(batch)
        _note(run_id, reading.left_out, reading.counts["failed"] - len(reading.left_out))
        reading.left_out.clear()
        keep(run_id, **reading.counts)
        db.session.commit()
    return True


def _is_ours(run_id: int) -> bool:
    return db.session.scalar(db.select(Run.state).where(Run.id == run_id)) == "working"


def _note(run_id: int, left_out: Sequence[tuple[str, str]], before: int) -> None:
    """Keep what was left out and why, up to KEPT of it; `before`: what was already."""
    room = max(KEPT - before, 0)
    values = [{"run_id": run_id, "item": item[:100], "reason": why[:200]} for item, why in left_out[:room]]
    if values:
        db.session.execute(db.insert(RunNote), values)


def _finish(run_id: int, reading: offers.Reading, started: Any, keep: Keep) -> None:
    """A catalogue in which nothing at all could be read says nothing about what is gone."""
    whole = reading.counts["seen"] > reading.counts["failed"]
    if _is_ours(run_id) and whole and not reading.prices_only:
        reading.counts["gone"] += offers.mark_gone(reading.connection_id, reading.rule, started)
    keep(run_id, **reading.counts)
    db.session.commit()


def _record(connection_id: int, connector: Any, error: VendorError | None = None) -> None:
    """For the log: bodies are long and alike, their beginning is enough."""
    kept = [{**e, "response": (e.get("response") or "")[:3000]} for e in connector.http.exchanges()]
    attempts.record(connection_id, "catalogue", kept, error)


def match(run_id: int, connection: Connection, keep: Keep) -> None:
    """Put the offers of a connection where its rule says, and make products of those without one."""
    connection_id, rule = connection.id, rules.of(connection.id)
    counts = {"seen": 0, "changed": matching.rematch(connection_id, rule), "made": 0, "failed": 0}
    keep(run_id, **counts)
    db.session.commit()
    categories, last = Known(), 0
    while ids := _unmatched(connection_id, last):
        done = making.make(connection_id, rule, ids, categories)
        counts["seen"] += len(ids)
        counts["made"] += done.made
        _note(run_id, done.left_out, counts["failed"])
        counts["failed"] += len(done.left_out)
        last = ids[-1]
        keep(run_id, **counts)
        db.session.commit()
    wake.changed()


def _unmatched(connection_id: int, after: int) -> Sequence[int]:
    query = db.select(Offer.id).where(
        Offer.connection_id == connection_id, Offer.product_id.is_(None), Offer.id > after, Offer.gone_at.is_(None)
    )
    return db.session.scalars(query.order_by(Offer.id).limit(offers.BATCH)).all()
