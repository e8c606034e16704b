"""Statuses that systems tell by themselves: one notice a change, late, twice, in any order, or not at all.

A notice says how a copy stood at a time of their clock, so the newest wins whatever came first. Where the two clocks
can't say what came first, their change or our own write, the system is asked. What never comes is found by the next
reading of statuses (jobs/readback.py), which is also why nothing is done when in doubt.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from integrations.base import ReadsStatuses
from integrations.errors import VendorError
from integrations.text import N_
from integrations.types import StatusChange
from models import Connection, Incoming, Link, Order, Prepared, db, only_reading, utcnow
from orders import timeline

from . import attempts, connections, readback, told, wake

#: notices settled in one transaction, and seconds until the next one: whoever posts meanwhile waits for it where the
#: database has one writer
BATCH, PAUSE = 10, 0.01
#: of several that came together more may follow: so many seconds until another look, for so many at most, which is
#: cheaper than a job for each
LINGER, SHIFT = 0.05, 10.0
#: copies asked for at once
ASKED_AT_ONCE = 50
#: how far their clock and ours may be apart
SKEW = timedelta(seconds=60)
#: a doubt that the system gives no answer to is left to the next reading of statuses
PATIENCE = timedelta(minutes=10)

OFF = N_("The connection is off.")
NO_COPY = N_("No order here has this copy.")
KNOWN = N_("The hub knows this already: its own change come back, or one that came before.")
OLD = N_("Something newer is known.")
UNANSWERED = N_("The system didn't say how it stands now; the next reading of statuses does.")
UNASKED = N_("The system can't be asked whether this came before or after the hub's own change. Compare the statuses.")
ASKED = N_("The system was asked how it stands now.")
#: what became ours: (link, order, change, verdict)
Taken = tuple[Link, Order, StatusChange, str]
#: verdicts that leave a notice as it is
WAITS = ("open", "doubt")
_rows = Incoming.__table__.c
_NEXT = Prepared(
    db.select(_rows.id)
    .where(
        _rows.state == "new",
        _rows.id > db.bindparam("after"),
        _rows.connection_id == db.bindparam("connection"),
        _rows.channel == "webhook",
        _rows.event == "status",
    )
    .order_by(_rows.id)
    .limit(BATCH)
)


def work(connection_id: int) -> None:
    """Settle what has come of one connection, as it came. Safe to call at any time, any number of times."""
    doubts: dict[int, None] = {}
    until = time.monotonic() + SHIFT
    while _look(connection_id, doubts) > 1 and time.monotonic() < until:
        time.sleep(LINGER)
    wake.begun("news", connection_id)
    _look(connection_id, doubts)  # what came until then has woken nobody
    ids = list(doubts)
    for start in range(0, len(ids), ASKED_AT_ONCE):
        _ask(connection_id, ids[start : start + ASKED_AT_ONCE])


def _look(connection_id: int, doubts: dict[int, None]) -> int:
    """Settle what is there; how many. Those that leave a doubt are put there, and wait."""
    settled = after = 0
    while ids := _next(connection_id, after):
        after = ids[-1]
        n, left = _settle(connection_id, ids)
        settled += n
        doubts.update(dict.fromkeys(left))
        if len(ids) == BATCH:
            time.sleep(PAUSE)
    return settled


def _next(connection_id: int, after: int) -> list[int]:
    with only_reading():
        return [row.id for row in _NEXT.rows(connection=connection_id, after=after)]


def _taken(connection_id: int, ids: Sequence[int]) -> tuple[Connection | None, list[Incoming]]:
    """The notices that no other worker has, in the order of their own time."""
    connection = db.session.get(Connection, connection_id, populate_existing=True)
    query = db.select(Incoming).where(Incoming.id.in_(ids), Incoming.state == "new").order_by(Incoming.id)
    query = query.with_for_update(skip_locked=True).execution_options(populate_existing=True)
    rows = list(db.session.scalars(query))
    return connection, sorted(rows, key=lambda row: (_change(row).at or row.received_at, row.id))


def _settle(connection_id: int, ids: Sequence[int]) -> tuple[int, list[int]]:
    """One transaction. How many are settled, and those that leave a doubt; they wait."""
    connection, rows = _taken(connection_id, ids)
    if connection is None or not connections.usable(connection):
        for row in rows:
            row.state, row.note = "ignored", OFF
        db.session.commit()
        return len(rows), []
    reader = readback.Reader(connection)
    links = reader.links({_change(row).external_id for row in rows})
    orders = readback.orders_of(links.values())
    verdicts: dict[int, str] = {}
    for wave in _waves(rows):
        taken: list[Taken] = []
        verdicts |= {row.id: _one(reader, row, links, orders, taken) for row in wave}
        reader.take_all(taken)
    wake.changed()
    db.session.commit()
    settled = [verdict for verdict in verdicts.values() if verdict not in WAITS]
    return len(settled), [row_id for row_id, verdict in verdicts.items() if verdict == "doubt"]


def _waves(rows: Sequence[Incoming]) -> Iterator[list[Incoming]]:
    """Parts of them, one after the other; in each at most one notice of a copy."""
    wave: dict[str, Incoming] = {}
    for row in rows:
        if (copy := _change(row).external_id) in wave:
            yield list(wave.values())
            wave = {}
        wave[copy] = row
    if wave:
        yield list(wave.values())


def _one(
    reader: readback.Reader, row: Incoming, links: dict[str, Link], orders: dict[int, Order], taken: list[Taken]
) -> str:
    """Settle one notice, but for what is put into `taken`; returns what told.judge and `_verdict` say of it, "" without
    a copy."""
    change = _change(row)
    link = links.get(change.external_id)
    ours = orders.get(link.order_id) if link else None
    if link is None or ours is None:
        row.state, row.note = "ignored", NO_COPY
        return ""
    row.order_id = ours.id
    verdict = _verdict(link, change.status, change.at)
    if verdict == "old":
        row.state, row.note = "ignored", OLD
        return verdict
    changed = _paid(reader, row, ours)
    if verdict in WAITS:
        return verdict
    if verdict in ("own", "news"):
        taken.append((link, ours, change, verdict))
        changed = True
    else:
        reader.met(link, ours, change)
    link.external_at = change.at or link.external_at
    row.state, row.note = ("applied", "") if changed else ("ignored", KNOWN)
    return verdict


def _verdict(link: Link, code: str, at: datetime | None) -> str:
    """What a notice says: known | old | open | doubt | own | news, see jobs/told.py."""
    if at is None or (code == link.external_status and not link.told and not readback.older(at, link.external_at)):
        return told.judge(link, code, None)
    wrote = link.told_at
    if readback.older(at, link.external_at) or (wrote is not None and at < wrote - SKEW):
        return "old"
    if code != link.told and (at == link.external_at or (wrote is not None and at <= wrote + SKEW)):
        return "open" if told.writing(link) else "doubt"
    return told.judge(link, code, None)


def _paid(reader: readback.Reader, row: Incoming, ours: Order) -> bool:
    """Theirs says that all of the order is paid. What is paid on delivery is not paid yet, whoever says so."""
    if not row.body.get("paid") or ours.paid or ours.cod:
        return False
    ours.paid, ours.updated_at = True, utcnow()
    timeline.note(ours.id, reader.actor, "payment", changes=[["paid", False, True]])
    return True


def _ask(connection_id: int, ids: Sequence[int]) -> None:
    """Have the system say how the copies of these notices stand."""
    connection, rows = _taken(connection_id, ids)
    if connection is None or not rows:
        return db.session.rollback()
    opened = connections.open_connector(connection)
    copies = sorted({_change(row).external_id for row in rows})
    db.session.commit()
    asked_at = utcnow()
    if not isinstance(opened, ReadsStatuses):
        return _over(ids, set(), UNASKED)
    try:
        found = opened.statuses_of(copies)
    except VendorError as error:
        attempts.record(connection_id, "statuses", opened.http.exchanges(), error)
        _over(ids, set(), UNANSWERED, utcnow() - PATIENCE)
    else:
        _over(ids, readback.apply(connection_id, found, asked_at), ASKED)


def _over(ids: Sequence[int], changed: set[str], note: str, before: datetime | None = None) -> None:
    """End notices, with `before` only those that came before it."""
    query = db.select(Incoming).where(Incoming.id.in_(ids), Incoming.state == "new")
    if before is not None:
        query = query.where(Incoming.received_at < before)
    for row in db.session.scalars(query.with_for_update().execution_options(populate_existing=True)):
        row.state, row.note = "applied" if _change(row).external_id in changed else "ignored", note
    wake.changed()
    db.session.commit()


def _change(row: Incoming) -> StatusChange:
    """What a notice tells, as jobs/inbox.py has kept it."""
    kept: dict[str, Any] = row.body
    at = datetime.fromisoformat(kept["at"]) if kept.get("at") else None
    return StatusChange(kept["external_id"], kept.get("status", ""), status_name=kept.get("status_name", ""), at=at)
