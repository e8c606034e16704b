"""Writing what a batch of calls brought: transfers, links, orders' statuses, timeline, attempts, in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from integrations import connector
from models import (
    Attempt,
    AttemptItem,
    Connection,
    Link,
    Order,
    Prepared,
    Status,
    among,
    db,
    to_set,
    update_rows,
    utcnow,
)
from orders import deletion, events, statuses, timeline, work
from orders.timeline import Actor

from . import abilities, claims, retries, told, tracking, vendor_names, wake
from .calls import Batch, Report, Result
from .claims import Claim

#: an order that staff took out of work keeps its status, whatever becomes of a transfer still under way
_KEPT_GROUPS = ("deleted", "cancelled")
#: of the session: orders whose status this transaction has changed
_MOVED = "moved"
#: how often a connection that is well says so
_HEALTH_EVERY = timedelta(seconds=5)

_ATTEMPT, _ITEM, _ORDER, _STATUS = (model.__table__ for model in (Attempt, AttemptItem, Order, Status))
_CLOSED = Prepared(
    db.update(_ATTEMPT)
    .where(_ATTEMPT.c.id == db.bindparam("attempt", type_=_ATTEMPT.c.id.type), _ATTEMPT.c.outcome.is_(None))
    .values(to_set(_ATTEMPT, "ms", "outcome", "fault", "detail", "exchanges")),
    same_plan=True,
)
_ITEMS_CLOSED = Prepared(
    db.update(_ITEM)
    .where(_ITEM.c.attempt_id == db.bindparam("attempt", type_=_ITEM.c.id.type), among(_ITEM.c.transfer_id, "ids"))
    .values(to_set(_ITEM, "outcome", "fault", "detail")),
    same_plan=True,
)
_IN_WORK = Prepared(
    db.select(_ORDER.c.id)
    .join(_STATUS, _STATUS.c.id == _ORDER.c.status_id)
    .where(among(_ORDER.c.id, "ids"), _STATUS.c.group.not_in(_KEPT_GROUPS)),
    same_plan=True,
)


def write(connection_id: int, batch: Batch, report: Report) -> None:
    """Close the attempt and settle every transfer of the batch that is still ours."""
    now = utcnow()
    db.session.info.pop(_MOVED, None)
    held = claims.still_mine(batch.claims)  # transfers first, then attempts: as the sweeper locks them
    _close_attempt(batch, report)
    connection = db.session.get(Connection, connection_id, populate_existing=True)
    if connection is None or not held:
        db.session.commit()
        return
    _note_health(connection, report, now)
    sorted_out: dict[str, list[tuple[Claim, Result]]] = defaultdict(list)
    for claim in held:
        result = report.results[claim.id]
        sorted_out["missing" if result.missing else result.outcome].append((claim, result))
    (_found if batch.verb == "find" else _done)(sorted_out["done"], batch, connection, now)
    _refused(sorted_out["refused"], batch, connection, now)
    if batch.verb == "status":
        for outcome in ("refused", "later", "unknown"):
            told.failed(connection_id, [claim for claim, _ in sorted_out[outcome]], lost=outcome == "unknown")
    _again(sorted_out, batch, connection, now)
    _touch({claim.order_id for claim in held})
    wake.changed()
    db.session.commit()


def _close_attempt(batch: Batch, report: Report) -> None:
    outcomes = {result.outcome for result in report.results.values()}
    faults = [result for result in report.results.values() if result.fault]
    _CLOSED.run(
        attempt=batch.attempt_id,
        to_ms=report.ms,
        to_outcome=outcomes.pop() if len(outcomes) == 1 else "mixed",
        to_fault=faults[0].fault if faults else "",
        to_detail=faults[0].detail[:2000] if faults else "",
        to_exchanges=report.exchanges,
    )
    parts: dict[tuple[str, str, str], list[int]] = {}
    for claim in batch.claims:
        result = report.results[claim.id]
        parts.setdefault((result.outcome, result.fault, result.detail[:2000]), []).append(claim.id)
    for (outcome, fault, detail), ids in parts.items():
        _ITEMS_CLOSED.run(attempt=batch.attempt_id, ids=ids, to_outcome=outcome, to_fault=fault, to_detail=detail)


def _note_health(connection: Connection, report: Report, now: datetime) -> None:
    """A connection is well when the vendor answers; an order refused for its contents says nothing against it."""
    well = connection.last_ok_at if connection.last_error is None else None
    ill = [r for r in report.results.values() if r.fault not in ("", "validation", "duplicate", "not_found")]
    if ill:
        connection.last_error_at = now
        connection.last_error = {"fault": ill[0].fault, "detail": ill[0].detail[:500], "field": ill[0].field}
    elif well is None or now - well > _HEALTH_EVERY:
        connection.last_ok_at = now
        connection.last_error = None


def _set(ids: Sequence[int], **values: Any) -> None:
    if values.get("state") == "waiting":
        ids = claims.supersede(ids, values.get("uncertain"))
    claims.set_values(ids, **values)


def _done(pairs: list[tuple[Claim, Result]], batch: Batch, connection: Connection, now: datetime) -> None:
    if not pairs:
        return
    finished = {"state": "done", "finished_at": now, "uncertain": False, "lease_until": None, "fault": "", "detail": ""}
    _set([claim.id for claim, _ in pairs], **finished)
    if batch.verb in ("send", "update"):
        _link([(claim, result, batch.orders[claim.order_id][0]) for claim, result in pairs], connection, now)
        if batch.verb == "send":
            _tell_statuses(pairs, batch, connection)
        _statuses_of([claim for claim, _ in pairs], connection, "success")
        deletion.request_late([claim.order_id for claim, _ in pairs], connection, _actor(connection))
    elif batch.verb == "status":
        _pushed(pairs, connection, now)
        return
    elif batch.verb == "ttn":
        _mark_links([claim.order_id for claim, _ in pairs], connection, state="linked", synced_at=now, error=None)
    else:  # deleted
        _mark_links([claim.order_id for claim, _ in pairs], connection, state="deleted", synced_at=now, error=None)
    details = [
        (
            claim.order_id,
            {"connection": connection.name, "operation": claim.operation, "external": _number(result)},
        )
        for claim, result in pairs
    ]
    timeline.note_many(details, _actor(connection), "sent")


def _number(result: Result) -> str:
    return (result.copy.number or result.copy.external_id) if result.copy else ""


def _link(rows: Sequence[tuple[Claim, Result, int]], connection: Connection, now: datetime) -> None:
    """Tie the orders to their copies."""
    names = vendor_names.statuses(connection.id)
    common = {"connection_id": connection.id, "state": "linked", "synced_at": now, "error": None}
    links = []
    for claim, result, version in rows:
        copy = result.copy
        assert copy is not None  # what was sent or found has one (jobs/calls.py)
        row = {**common, "order_id": claim.order_id, "sent_version": version, "url": copy.url}
        row |= {"external_id": copy.external_id, "external_number": copy.number, "external_status": copy.status}
        links.append({**row, "external_status_name": copy.status_name or names.get(copy.status, "")})
    update_rows(Link, links, ("order_id", "connection_id"))
    tracking.numbered(connection, links)


def _tell_statuses(pairs: list[tuple[Claim, Result]], batch: Batch, connection: Connection) -> None:
    """New copies that have another status than the order is mapped to, where the system takes one afterwards."""
    if connection.kind not in abilities.told_kinds():
        return
    wanted = [(claim.order_id, batch.order(claim).status, result.copy) for claim, result in pairs]
    other = [(order_id, status) for order_id, status, copy in wanted if status and copy and copy.status != status]
    work.tell_statuses(other, connection.id, connection.name)


def _pushed(pairs: list[tuple[Claim, Result]], connection: Connection, now: datetime) -> None:
    """Statuses that were written: remember them as theirs, so that reading them back is no news."""
    names, reasons = vendor_names.statuses(connection.id), vendor_names.reasons(connection.kind)
    details = []
    for claim, _ in pairs:
        status, reason = str(claim.payload["status"]), str(claim.payload.get("reason") or "")
        detail = {"connection": connection.name, "operation": "status", "external": names.get(status) or status}
        why = {"reason": reasons.get(reason, reason), "text": str(claim.payload.get("text") or "")}
        details.append((claim.order_id, detail | {key: value for key, value in why.items() if value}))
        if claim.payload.get("number"):
            details.append((claim.order_id, {"connection": connection.name, "operation": "ttn", "external": ""}))
    _mark_links([claim.order_id for claim, _ in pairs], connection, state="linked", synced_at=now, error=None)
    for status, ids in told.by_status([claim for claim, _ in pairs]).items():
        told.done(connection.id, ids, status, names.get(status, ""), now)
    timeline.note_many(details, _actor(connection), "sent")


def _mark_links(order_ids: Sequence[int], connection: Connection, **values: Any) -> None:
    db.session.execute(
        db.update(Link)
        .where(Link.connection_id == connection.id, Link.order_id.in_(order_ids))
        .values(values)
        .execution_options(synchronize_session=False)
    )


def _found(pairs: list[tuple[Claim, Result]], batch: Batch, connection: Connection, now: datetime) -> None:
    """Uncertain orders that turned out to be there: done when they hold what we would send, else to be updated."""
    same = [(c, r) for c, r in pairs if c.sent_version == batch.orders[c.order_id][0]]
    if same:
        sent = Batch("send", [c for c, _ in same], batch.orders, batch.attempt_id)
        _done(same, sent, connection, now)
    older = [(c, r) for c, r in pairs if c.sent_version != batch.orders[c.order_id][0]]
    if older:
        _link([(c, r, c.sent_version or 0) for c, r in older], connection, now)
        _set([c.id for c, _ in older], state="waiting", not_before=now, uncertain=False, lease_until=None)


def _refused(pairs: list[tuple[Claim, Result]], batch: Batch, connection: Connection, now: datetime) -> None:
    if not pairs:
        return
    reasons: dict[tuple[str, str, str], list[Claim]] = {}
    for claim, result in pairs:
        reasons.setdefault((result.fault, result.detail, result.field), []).append(claim)
    for (fault, detail, field), group in reasons.items():
        # a look-up that was refused says nothing about the order: it stays uncertain
        certain = {} if batch.verb == "find" else {"uncertain": False}
        _set(
            [c.id for c in group],
            state="refused",
            finished_at=now,
            lease_until=None,
            fault=fault,
            detail=detail,
            **certain,
        )
        _fail([c for c in group], connection, fault, detail, field)


def _fail(group: Sequence[Claim], connection: Connection, fault: str, detail: str, field: str) -> None:
    """Show the reason where staff look: on the link, in the timeline, by the order's status."""
    ids = [claim.order_id for claim in group]
    _mark_links(ids, connection, state="problem", error={"fault": fault, "detail": detail[:2000], "field": field})
    _statuses_of([claim for claim in group if claim.operation == "send"], connection, "failure")
    common = {"connection": connection.name, "fault": fault, "detail": detail[:2000]}
    events = [(claim.order_id, {**common, "operation": claim.operation}) for claim in group]
    timeline.note_many(events, _actor(connection), "refused")


def _again(
    pairs: Mapping[str, list[tuple[Claim, Result]]], batch: Batch, connection: Connection, now: datetime
) -> None:
    """What is tried again: later, after a look-up, or at once where the look-up found nothing."""
    _set([c.id for c, _ in pairs["missing"]], state="waiting", not_before=now, uncertain=False, lease_until=None)
    for claim, result in pairs["later"]:
        sure = {} if batch.verb == "find" else {"uncertain": False}
        again = retries.next_turn if result.fault == "rate_limited" else retries.later
        _wait(claim, result, again(now, claim.tries, result.retry_after), connection, now, **sure)
    for claim, result in pairs["unknown"]:
        if claim.operation == "send":
            at_once = result.fault == "duplicate" and claim.tries < retries.UNKNOWN_TRIES
            late = connector(connection.kind).shows_late
            when = now if at_once else retries.look_up(now, claim.tries, late)
            # a lost update is simply made again: it says the same twice
            _wait(claim, result, when, connection, now, uncertain=batch.verb != "update")
        else:
            _wait(claim, result, retries.later(now, claim.tries, None), connection, now)


def _wait(
    claim: Claim, result: Result, when: datetime | None, connection: Connection, now: datetime, **more: Any
) -> None:
    failure = {"fault": result.fault, "detail": result.detail[:2000], "lease_until": None, **more}
    if when is not None:
        _set([claim.id], state="waiting", not_before=when, **failure)
        return
    _set([claim.id], state="parked" if more.get("uncertain") else "refused", finished_at=now, **failure)
    _fail([claim], connection, result.fault, result.detail, result.field)


def _statuses_of(sent: Sequence[Claim], connection: Connection, outcome: str) -> None:
    """The status that a transfer leads to: the one a rule asked for, the connection's, or the system's own. What it
    sets off belongs to the rule's chain."""
    key, usual = ("transferred", connection.success_status_id)
    if outcome == "failure":
        key, usual = ("problem", connection.failure_status_id)
    groups: dict[tuple[int | None, tuple[int, ...]], list[int]] = {}
    for claim in sent:
        wanted = (claim.payload.get(outcome) or usual, tuple(claim.payload.get("chain", ())))
        groups.setdefault(wanted, []).append(claim.order_id)
    for (chosen, chain), ids in groups.items():
        with events.caused_by(chain):
            _change_status(ids, connection, key, chosen)


def _change_status(order_ids: Sequence[int], connection: Connection, key: str, chosen: int | None) -> None:
    status = statuses.find(chosen) if chosen else statuses.keyed(key)
    if status is not None:
        ids = [row.id for row in _IN_WORK.rows(ids=list(order_ids))]
        moved = statuses.change(ids, status, _actor(connection), cause=connection.id).changed
        db.session.info.setdefault(_MOVED, set()).update(moved)


def _touch(order_ids: set[int]) -> None:
    """Open pages show rows again whose updated_at has moved; a change of status has moved it already."""
    if still := order_ids - db.session.info.pop(_MOVED, set()):
        work.TOUCH.run(ids=sorted(still), now=utcnow())


def _actor(connection: Connection) -> Actor:
    return Actor("job", connection.name)
