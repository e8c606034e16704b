"""Catalogues of connections: read page by page, kept as offers, matched with products.

Each batch is a transaction of its own, and where the reading stands is written with it: a reading that stopped goes on
from there (jobs/standing.py), at systems that can't do that from the beginning, and what is the same costs next to
nothing. Only a reading that came to its end says what is gone. One that is only tried does the same and takes it back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from catalogue import making, matching, rules
from catalogue.categories import Known
from catalogue.rules import Rule
from integrations.base import Connector, PullsProducts, ResumesProducts
from integrations.errors import Later, VendorError
from integrations.types import ProductData, ProductPage
from models import CHANGES, Connection, Offer, Run, RunChange, RunNote, add_rows, db

from . import attempts, connections, following, offers, standing, wake
from .following import Change

#: notes kept of one run, changes kept of each kind
KEPT = 1000
#: seconds after which a reading that can go on makes room for others, well before its worker's time is over
SHIFT = 1500
#: how often in a row a vendor is asked again that wants a moment's patience, and seconds of waiting at most
PATIENCE, LONGEST = 5, 60
Keep = Callable[..., None]


@dataclass
class Walk:
    """One reading as its worker sees it. `dry`: it is only tried, what it does is taken back."""

    run_id: int
    fence: int
    reading: offers.Reading
    memo: dict[str, Any]
    keep: Keep
    dry: bool
    calls: attempts.Log = field(default_factory=attempts.Log)
    begun: float = field(default_factory=time.monotonic)

    @property
    def mark(self) -> Mapping[str, Any]:
        mark: Mapping[str, Any] = self.memo["mark"]
        return mark

    @property
    def moved(self) -> bool:
        """Has this worker come any further?"""
        return bool(self.mark) and self.mark != self.memo["stood"]


def take(run_id: int, connection: Connection, keep: Keep, prices_only: bool = False, dry: bool = False) -> None:
    """Read the whole catalogue, or its prices and stock. Raises VendorError; what was taken until then stays."""
    connector = connections.open_connector(connection)
    if not isinstance(connector, PullsProducts):
        return
    walk = _begin(run_id, connection, connector, keep, prices_only, dry)
    db.session.commit()  # no transaction is open while the vendor is asked
    try:
        ended = _read(walk, connector)
    except VendorError as error:
        db.session.rollback()
        _break_off(walk, connector, error)
        raise
    if ended:
        _finish(walk)
    walk.calls.add(connector.http.exchanges())
    walk.calls.record(walk.reading.connection_id, "catalogue")


def _begin(run_id: int, connection: Connection, connector: Connector, keep: Keep, prices_only: bool, dry: bool) -> Walk:
    run = db.session.get_one(Run, run_id)
    tried = (run.memo or {}).get("rule")
    rule = offers.as_told(connection, Rule.from_json(tried) if tried else rules.of(connection.id))
    memo, counts = standing.begin(run, connection, rule, isinstance(connector, ResumesProducts))
    reading = offers.Reading(connection.id, rule, prices_only, counts=counts)
    return Walk(run_id, run.fence, reading, memo, keep, dry)


def _read(walk: Walk, connector: Any) -> bool:
    """To the end? Else the run was given up meanwhile, or goes on in another worker."""
    tries = 0
    while True:
        try:
            for page in _pages(walk, connector):
                walk.calls.add(connector.http.exchanges())
                if walk.moved and time.monotonic() - walk.begun > SHIFT:
                    return _hand_over(walk)
                if not _take_page(walk, page):
                    return False
                tries = 0
        except Later as wait:
            db.session.rollback()
            tries += 1
            if not isinstance(connector, ResumesProducts) or tries > PATIENCE:
                raise
            time.sleep(min(wait.retry_after or 1, LONGEST))
        else:
            return True


def _pages(walk: Walk, connector: Any) -> Iterator[ProductPage]:
    if isinstance(connector, ResumesProducts):
        return connector.products_from(walk.mark, walk.reading.prices_only)
    pages: Iterator[ProductPage] = connector.products(walk.reading.prices_only)
    return pages


def _take_page(walk: Walk, page: ProductPage) -> bool:
    """Is the run still ours?"""
    reading = walk.reading
    for start in range(0, max(len(page.products), 1), offers.BATCH):
        if not _is_ours(walk):
            db.session.rollback()
            return False
        if start == 0:
            reading.missed(page.broken)
        batch = page.products[start : start + offers.BATCH]
        if batch:
            _take(walk, batch)
        _write(walk, page.mark if start + offers.BATCH >= len(page.products) else {})
        db.session.commit()
    return True


def _take(walk: Walk, batch: Sequence[ProductData]) -> None:
    """One that is only tried is taken all the same, and taken back: so trying and doing can't disagree."""
    reading = walk.reading
    if not walk.reading.prices_only:
        reading.note_categories(batch)
    if not walk.dry:
        return reading.take(batch)
    with db.session.begin_nested() as tried:
        reading.take(batch)
        tried.rollback()
    reading.categories = Known()  # what it had made isn't there any more
    reading.touch([offer.external_id for offer in batch])
    return None


def _write(walk: Walk, mark: Mapping[str, Any]) -> None:
    """What the run has to tell so far, and where it stands."""
    reading = walk.reading
    _note(walk.run_id, reading.left_out, reading.counts["failed"] - len(reading.left_out))
    _tell(walk.run_id, reading.counts, reading.changes, walk.dry)
    reading.left_out.clear()
    reading.changes.clear()
    walk.keep(walk.run_id, **reading.counts)
    if mark:
        walk.memo = {**walk.memo, "mark": dict(mark)}
        db.session.execute(db.update(Run).where(Run.id == walk.run_id).values(memo=walk.memo))


def _tell(run_id: int, counts: Mapping[str, int], changes: Sequence[Change], lost: bool) -> None:
    """Keep KEPT changes of each kind, of those that `counts` has counted. `lost`: products that were made are gone
    again."""
    for kind in CHANGES:
        mine = [change for change in changes if change.kind == kind]
        room = max(KEPT - (counts.get(kind, 0) - len(mine)), 0)
        rows = [
            {
                "run_id": run_id,
                "kind": kind,
                "product_id": None if lost and kind == "made" else change.product_id,
                "external_id": change.external_id,
                "name": change.name[:300],
                "changes": change.changes,
            }
            for change in mine[:room]
        ]
        add_rows(RunChange, rows)


def _hand_over(walk: Walk) -> bool:
    """Others wait for workers, too: the rest is read by whoever comes next."""
    waiting = {"state": "waiting", "lease_until": None}
    mine = (Run.id == walk.run_id, Run.state == "working", Run.fence == walk.fence)
    db.session.execute(db.update(Run).where(*mine).values(waiting))
    wake.run_next(walk.run_id)
    db.session.commit()
    return False


def _is_ours(walk: Walk) -> bool:
    mine = (Run.id == walk.run_id, Run.state == "working", Run.fence == walk.fence)
    return db.session.scalar(db.select(Run.id).where(*mine)) is not None


def _note(run_id: int, left_out: Sequence[tuple[str, str]], before: int) -> None:
    """Keep what was left out and why, up to KEPT of it; `before`: what was already."""
    room = max(KEPT - before, 0)
    values = [{"run_id": run_id, "item": item[:100], "reason": why[:200]} for item, why in left_out[:room]]
    if values:
        db.session.execute(db.insert(RunNote), values)


def _finish(walk: Walk) -> None:
    """A catalogue in which nothing at all could be read says nothing about what is gone. The run stands nowhere then:
    the next one begins anew."""
    reading = walk.reading
    if not _is_ours(walk):
        return db.session.rollback()
    if reading.counts["seen"] > reading.counts["failed"] and not reading.prices_only:
        with db.session.begin_nested() as tried:
            since = standing.since(walk.memo)
            gone, changes = following.mark_gone(reading.connection_id, reading.rule, since)
            if walk.dry:
                tried.rollback()
        _tell(walk.run_id, {}, changes, walk.dry)
        reading.counts["gone"] += gone
    _write(walk, {})
    db.session.commit()
    return None


def _break_off(walk: Walk, connector: Connector, error: VendorError) -> None:
    """Whoever asks next goes on; a schedule does so soon, if this one has come any further."""
    if walk.moved and not walk.dry:
        standing.again_soon(db.session.get_one(Run, walk.run_id))
        db.session.commit()
    walk.calls.add(connector.http.exchanges())
    walk.calls.record(walk.reading.connection_id, "catalogue", error)


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
        _tell(run_id, counts, [following.made(identity, offer) for identity, offer in done.products], lost=False)
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
