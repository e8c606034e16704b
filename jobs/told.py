"""Our own statuses on their way to a source, and what a status that is read there says meanwhile.

A link remembers the last status known there (`external_status`), the one that we have begun to write (`told`, "" when
that is settled) and until when reads may be older than our write (`told_at`). What is read is then one of five things:

    known   what we knew already
    open    read while a write is under way: it says nothing before that has ended; looked at again then
    old     asked for before our last write ended: the write moved the order there, so the next pull brings it again
    own     our own write, the answer to which was lost
    news    changed over there; ours that still waits to be written is older and is withdrawn
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from models import Link, Prepared, Transfer, among, db, has_state, utcnow
from orders import timeline
from orders.timeline import Actor

from .claims import Claim

_transfers, _links = Transfer.__table__.c, Link.__table__


def _open_ones(state: str) -> Prepared:
    """Writes of these orders' status to a connection that are in this state."""
    return Prepared(
        db.select(_transfers.id, _transfers.payload).where(
            among(_transfers.order_id, "orders"),
            _transfers.connection_id == db.bindparam("connection"),
            _transfers.operation == "status",
            has_state(_transfers, state),
        ),
        same_plan=True,
    )


_WORKING, _WAITING = _open_ones("working"), _open_ones("waiting")
_SETTLE = Prepared(db.update(_links).where(among(_links.c.id, "links")).values(told=""), same_plan=True)


def _set(connection_id: int, order_ids: Sequence[int], *conditions: Any, **values: Any) -> None:
    query = db.update(Link).where(Link.connection_id == connection_id, Link.order_id.in_(order_ids), *conditions)
    db.session.execute(query.values(values).execution_options(synchronize_session=False))


def by_status(claims: Sequence[Claim]) -> Mapping[str, list[int]]:
    """Status -> orders that it is written for."""
    found: dict[str, list[int]] = {}
    for claim in claims:
        found.setdefault(str(claim.payload["status"]), []).append(claim.order_id)
    return found


def begun(connection_id: int, claims: Sequence[Claim]) -> None:
    """These are about to be written."""
    for status, order_ids in by_status(claims).items():
        _set(connection_id, order_ids, told=status[:80])


def done(connection_id: int, order_ids: Sequence[int], status: str, name: str, now: datetime) -> None:
    """They are written. Where something was read between our beginning and now nobody knows which came last: the next
    read says, whatever it is."""
    ended = {"told": "", "told_at": now}
    _set(connection_id, order_ids, Link.told != status[:80], external_status="", external_status_name="", **ended)
    known = {"external_status": status, "external_status_name": name}
    _set(connection_id, order_ids, Link.told == status[:80], **known, **ended)


def failed(connection_id: int, claims: Sequence[Claim], *, lost: bool) -> None:
    """Nothing was written; `lost`: or it was, and the answer did not come."""
    ended: dict[str, Any] = {"told_at": utcnow()} if lost else {"told": ""}
    _set(connection_id, [claim.order_id for claim in claims], **ended)


def judge(link: Link, code: str, asked_at: datetime | None) -> str:
    """What a status that was read says; `asked_at`: when it was asked for, None = just now."""
    if not code or (code == link.external_status and not link.told):
        return "known"
    if asked_at is not None and link.told_at is not None and asked_at <= link.told_at:
        return "old"
    if writing(link):
        return "open"
    if code == link.external_status:  # a write of ours that was lost has not come through
        _settle([link])
        return "known"
    return "own" if code == link.told else "news"


def writing(link: Link) -> bool:
    """Is a write of ours under way?"""
    return bool(_WORKING.rows(orders=[link.order_id], connection=link.connection_id))


def take(read: Sequence[tuple[Link, str, str]]) -> None:
    """Remember what was read, `own` or `news`: (link, code, name)."""
    for link, code, name in read:
        link.external_status, link.external_status_name = code, name
    _settle([link for link, _code, _name in read])


def end_own(link: Link, code: str, name: str, connection_name: str) -> None:
    """Our own write was carried out: the same, waiting to be written once more, is done."""
    if _end(link.connection_id, [link.order_id], "done", code):
        facts = {"connection": connection_name, "operation": "status", "external": name or code}
        timeline.note(link.order_id, Actor("job", connection_name), "sent", **facts)


def withdraw(connection_id: int, order_ids: Sequence[int]) -> None:
    """What waits to be written there of these orders is older than what was read there."""
    if order_ids:
        _end(connection_id, order_ids, "cancelled")


def _end(connection_id: int, order_ids: Sequence[int], state: str, status: str = "") -> bool:
    """End what waits to be written there, this status or any; unless a worker has just taken it."""
    rows = _WAITING.rows(orders=list(order_ids), connection=connection_id)
    ids = [row.id for row in rows if not status or row.payload.get("status") == status]
    if not ids:
        return False
    values = {"state": state, "finished_at": utcnow(), "fault": "", "detail": ""}
    query = db.update(Transfer).where(Transfer.id.in_(ids), has_state(Transfer, "waiting")).values(values)
    ended = query.returning(Transfer.id).execution_options(synchronize_session=False)
    return bool(db.session.scalars(ended).all())


def _settle(links: Sequence[Link]) -> None:
    """By a statement of its own: what the session holds may be older than what a worker has just begun."""
    for link in links:
        link.told = ""
    _SETTLE.run_columns({"links": [[link.id for link in links]]}, 1)
