"""Who works on which transfers: claims with lease and fence, leases kept, what a dead worker held set free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from flask import current_app
from sqlalchemy import Select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from models import (
    Attempt,
    AttemptItem,
    Connection,
    Link,
    Prepared,
    Transfer,
    among,
    db,
    has_state,
    to_set,
    utcnow,
)

_TRANSFER, _LINK = (model.__table__ for model in (Transfer, Link))
_COPIES = Prepared(
    db.select(_LINK.c.order_id, _LINK.c.external_id).where(
        _LINK.c.connection_id == db.bindparam("connection", type_=_LINK.c.connection_id.type),
        among(_LINK.c.order_id, "ids"),
    ),
    same_plan=True,
)
_HELD = Prepared(
    db.select(_TRANSFER.c.id, _TRANSFER.c.fence)
    .where(among(_TRANSFER.c.id, "ids"), has_state(Transfer, "working"))
    .order_by(_TRANSFER.c.id)
    .with_for_update(),
    same_plan=True,
)


@dataclass
class Claim:
    """A transfer that this worker holds, as long as nobody claims it with a higher fence."""

    id: int
    order_id: int
    operation: str
    payload: dict[str, Any]
    fence: int
    tries: int
    uncertain: bool
    sent_version: int | None
    external_id: str | None


def lease() -> timedelta:
    return timedelta(seconds=current_app.config["HUB"].lease_seconds)


def set_values(ids: Sequence[int], **values: Any) -> None:
    """Change columns of these transfers."""
    if ids:
        named = {f"to_{name}": value for name, value in values.items()}
        _setting(tuple(sorted(values))).run(ids=list(ids), **named)


@lru_cache(maxsize=50)
def _setting(names: tuple[str, ...]) -> Prepared:
    return Prepared(
        db.update(_TRANSFER).where(among(_TRANSFER.c.id, "ids")).values(to_set(_TRANSFER, *names)), same_plan=True
    )


def _due() -> Select[tuple[int]]:
    """Transfers whose turn it is: the oldest that waits of each order, of orders that nobody works on.

    Said so that it costs the same whatever PostgreSQL's statistics are: those of a queue are old whenever it is long.
    With plain conditions it compared each transfer with all that wait, or with all that are worked on."""
    here = _parameter("connection", _COLUMNS.connection_id)
    earlier, busy = aliased(Transfer), aliased(Transfer)
    waits = db.select(earlier.id).where(earlier.order_id == Transfer.order_id)
    if db.session.get_bind().dialect.name == "postgresql":
        # a look-up for each of those chosen, by the order's index: what else it may not be looked up by is said in
        # terms that no index has. By connection and id it read all that were before, 45,000 for 300 of 1,000
        none = db.literal_column("0")
        waits = waits.where(earlier.connection_id + none == here, earlier.id + none < Transfer.id)
        waits = waits.where(earlier.state.concat("") == "waiting").offset(none)
    else:
        waits = waits.where(earlier.connection_id == here, has_state(earlier, "waiting"), earlier.id < Transfer.id)
    at_work = db.select(busy.order_id).where(busy.connection_id == here, has_state(busy, "working"))
    return (
        db.select(Transfer.id)
        .where(Transfer.connection_id == here, has_state(Transfer, "waiting"))
        .where(Transfer.not_before <= _parameter("now", _COLUMNS.not_before))
        .where(~waits.exists(), Transfer.order_id.not_in(at_work))
        .order_by(Transfer.not_before, Transfer.id)
        .limit(_parameter("n", _COLUMNS.tries))
        .with_for_update(skip_locked=True, of=Transfer)
    )


def _parameter(name: str, column: Any) -> Any:
    return db.bindparam(name, type_=column.type)


_COLUMNS = _TRANSFER.c
_CLAIMED = ("id", "order_id", "operation", "payload", "fence", "tries", "uncertain", "sent_version")
_DUE = Prepared(_due)
_TAKEN = Prepared(
    db.update(_TRANSFER)
    .where(among(_COLUMNS.id, "ids"), has_state(Transfer, "waiting"))
    .values(
        state="working",
        fence=_COLUMNS.fence + 1,
        tries=_COLUMNS.tries + 1,
        lease_until=_parameter("until", _COLUMNS.lease_until),
    )
    .returning(*(_COLUMNS[name] for name in _CLAIMED)),
    same_plan=True,
)


def claim(connection_id: int, limit: int) -> list[Claim]:
    """Take due transfers of this connection, the oldest of each order first, and commit. The rows are locked as they
    are chosen: of two workers each goes to one; the index over working rows stops a second one for the same order."""
    now = utcnow()
    # two statements: PostgreSQL may run a subquery with LIMIT and SKIP LOCKED once for each row that it updates
    ids = [row[0] for row in _DUE.raw(connection=connection_id, now=now, n=limit)]
    try:
        rows = _TAKEN.rows(ids=ids, until=now + lease()) if ids else []
    except IntegrityError:  # another worker took a sibling between our look and our update
        db.session.rollback()
        return []
    copies = dict(_COPIES.raw(connection=connection_id, ids=[row.order_id for row in rows])) if rows else {}
    claims = [Claim(*[*row, copies.get(row.order_id)]) for row in sorted(rows, key=lambda row: row.id)]
    db.session.commit()
    return claims


def keep(claims: Sequence[Claim]) -> None:
    """Show a sign of life: the lease of these starts anew."""
    db.session.execute(
        db.update(Transfer)
        .where(Transfer.id.in_([c.id for c in claims]), has_state(Transfer, "working"))
        .values(lease_until=utcnow() + lease())
        .execution_options(synchronize_session=False)
    )
    db.session.commit()


def supersede(ids: Sequence[int], uncertain: bool | None = None) -> list[int]:
    """Of working transfers that are to wait again, those that may. Where the same was asked for anew meanwhile that
    newer one serves, and takes over that a call may have arrived (`uncertain`: whether it may; None: as it is)."""
    newer = aliased(Transfer)
    query = (
        db.select(Transfer.id, newer.id, Transfer.uncertain, Transfer.sent_version)
        .join(newer, (newer.order_id == Transfer.order_id) & (newer.connection_id == Transfer.connection_id))
        .where(Transfer.id.in_(ids), has_state(Transfer, "working"))
        .where(newer.operation == Transfer.operation, has_state(newer, "waiting"))
    )
    pairs = db.session.execute(query).all() if ids else []
    for _old, new, was_uncertain, version in pairs:
        if was_uncertain if uncertain is None else uncertain:
            set_values([new], uncertain=True, sent_version=version)
    gone = {old for old, *_ in pairs}
    over = {"state": "cancelled", "finished_at": utcnow(), "lease_until": None, "uncertain": False}
    set_values(list(gone), **over)
    return [i for i in ids if i not in gone]


def still_mine(claims: Sequence[Claim]) -> list[Claim]:
    """Those whose fence is still ours, locked until the commit: a late worker writes nothing."""
    held = dict(_HELD.raw(ids=[c.id for c in claims]))
    return [c for c in claims if held.get(c.id) == c.fence]


def free_expired() -> set[int]:
    """Give back what workers held that show no sign of life; returns the connections concerned. What was uncertain
    stays so: the next worker looks before it sends."""
    now = utcnow()
    query = db.select(Transfer.id, Transfer.connection_id).where(
        has_state(Transfer, "working"), Transfer.lease_until < now
    )
    dead = dict(db.session.execute(query.with_for_update(skip_locked=True)).all())
    if not dead:
        db.session.rollback()
        return set()
    _close_attempts(list(dead))
    db.session.execute(
        db.update(Transfer)
        .where(Transfer.id.in_(supersede(list(dead))), has_state(Transfer, "working"), Transfer.lease_until < now)
        .values(state="waiting", not_before=now, lease_until=None)
        .execution_options(synchronize_session=False)
    )
    db.session.commit()
    return set(dead.values())


def _close_attempts(transfer_ids: Sequence[int]) -> None:
    """Nobody knows what came of them."""
    of_these = db.select(AttemptItem.attempt_id).where(
        AttemptItem.transfer_id.in_(transfer_ids), AttemptItem.outcome.is_(None)
    )
    still_open = db.select(Attempt.id).where(Attempt.id.in_(of_these), Attempt.outcome.is_(None))
    attempts = db.session.scalars(still_open.order_by(Attempt.id).with_for_update()).all()  # in one order, by whomever
    for model, condition in (
        (Attempt, Attempt.id.in_(attempts)),
        (AttemptItem, AttemptItem.transfer_id.in_(transfer_ids) & AttemptItem.outcome.is_(None)),
    ):
        db.session.execute(
            db.update(model)
            .where(condition)
            .values(outcome="unknown", fault="lease_lost")
            .execution_options(synchronize_session=False)
        )


def due_connections() -> list[int]:
    """Connections that are on and have work whose time has come."""
    query = (
        db.select(Transfer.connection_id)
        .join(Connection, Connection.id == Transfer.connection_id)
        .where(
            has_state(Transfer, "waiting"),
            Transfer.not_before <= utcnow(),
            Connection.enabled,
            Connection.removed_at.is_(None),
        )
        .distinct()
    )
    return list(db.session.scalars(query))


def due_in(connection_id: int) -> float | None:
    """Seconds until the next of the connection's waiting transfers is due, 0 or less when one is; None: none waits."""
    query = db.select(db.func.min(Transfer.not_before)).where(
        Transfer.connection_id == connection_id, has_state(Transfer, "waiting")
    )
    soonest = db.session.scalar(query)
    return None if soonest is None else float((soonest - utcnow()).total_seconds())
