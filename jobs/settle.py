"""What staff do to work that waits or has failed: retry, cancel, set aside, settle what nobody could find out.

Each runs in the caller's transaction; nothing here asks a vendor.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement
from sqlalchemy.exc import IntegrityError

from models import Connection, Link, Schedule, Status, Transfer, db, utcnow
from orders import statuses, timeline, work
from orders.timeline import Actor

from . import reports, schedule, wake

CHUNK = 500
#: seconds between runs that staff may choose from; shorter ones only annoy the vendor
INTERVALS = (60, 120, 300, 600, 900, 1800, 3600, 4 * 3600, 12 * 3600, 86_400)


def retry(transfer_ids: Sequence[int], by: str) -> int:
    """Put refused and parked transfers back into the queue; returns how many. What is uncertain is looked up first."""
    done = sum(work.retry(part, by) for part in _chunks(transfer_ids))
    _touch(transfer_ids)
    return done


def send_again(transfer_ids: Sequence[int], by: str) -> int:
    """A person has looked: nothing of the lost call arrived. Sent anew without another look-up."""
    for part in _chunks(transfer_ids):
        db.session.execute(
            db.update(Transfer)
            .where(Transfer.id.in_(part), Transfer.state == "parked")
            .values(uncertain=False)
            .execution_options(synchronize_session=False)
        )
    return retry(transfer_ids, by)


def create_anew(transfer_ids: Sequence[int], actor: Actor) -> int:
    """The copies were deleted there: drop what ties the orders to them, then send. The old ids stay in the timeline."""
    for part in _chunks(transfer_ids):
        dead = db.session.execute(
            db.select(Link.id, Link.order_id, Link.external_id, Connection.name)
            .join(Transfer, (Transfer.order_id == Link.order_id) & (Transfer.connection_id == Link.connection_id))
            .join(Connection, Connection.id == Link.connection_id)
            .where(Transfer.id.in_(part), Transfer.state == "refused", Transfer.fault == "not_found")
            .where(Transfer.operation == "send", Link.role == "destination", Link.external_id.is_not(None))
            .with_for_update(of=Link)
        ).all()
        values = {"external_id": None, "external_number": "", "url": "", "sent_version": None, "state": "pending"}
        db.session.execute(
            db.update(Link)
            .where(Link.id.in_([row.id for row in dead]))
            .values(**values, error=None)
            .execution_options(synchronize_session=False)
        )
        gone = [(row.order_id, {"connection": row.name, "external": row.external_id}) for row in dead]
        timeline.note_many(gone, actor, "unlinked")
    return retry(transfer_ids, actor.name)


def cancel(transfer_ids: Sequence[int], by: str) -> int:
    """Take waiting transfers out of the queue. Those of which a call may have arrived stay: they must be looked up."""
    return _call_off(transfer_ids, by, (Transfer.state == "waiting") & ~Transfer.uncertain)


def set_aside(transfer_ids: Sequence[int], by: str) -> int:
    """Leave failed transfers as they are: no problem any more, and the order can still be sent later."""
    return _call_off(transfer_ids, by, Transfer.state.in_(reports.FAILED))


def _call_off(transfer_ids: Sequence[int], by: str, fitting: ColumnElement[bool]) -> int:
    gone: list[tuple[int, int]] = []
    for part in _chunks(transfer_ids):
        query = (
            db.update(Transfer)
            .where(Transfer.id.in_(part), fitting)
            .values(state="cancelled", finished_at=utcnow(), requested_by=by)
            .returning(Transfer.order_id, Transfer.connection_id)
            .execution_options(synchronize_session=False)
        )
        gone += db.session.execute(query).all()
    _clear_links(gone)
    _touch(transfer_ids)
    return len(gone)


def _clear_links(pairs: Sequence[tuple[int, int]]) -> None:
    """A tie without a copy goes; one with a copy is as it was before. Not where other work is open. Open pages show
    the orders again."""
    for part in _chunks([order_id for order_id, _ in pairs]):
        _show_again(part)
    by_connection: dict[int, list[int]] = {}
    for order_id, connection_id in pairs:
        by_connection.setdefault(connection_id, []).append(order_id)
    for connection_id, order_ids in by_connection.items():
        for part in _chunks(order_ids):
            _clear_some(connection_id, part)


def _clear_some(connection_id: int, order_ids: Sequence[int]) -> None:
    busy = db.select(Transfer.id).where(
        Transfer.order_id == Link.order_id,
        Transfer.connection_id == Link.connection_id,
        Transfer.state.in_(("waiting", "working", *reports.FAILED)),
    )
    mine = (
        Link.connection_id == connection_id,
        Link.order_id.in_(order_ids),
        Link.state.in_(("pending", "problem")),
        ~busy.exists(),
    )
    quietly = {"synchronize_session": False}
    db.session.execute(db.delete(Link).where(*mine, Link.external_id.is_(None)), execution_options=quietly)
    back = db.update(Link).where(*mine, Link.external_id.is_not(None)).values(state="linked", error=None)
    db.session.execute(back, execution_options=quietly)


class NotSettled(Exception):
    """`reason`: gone (settled meanwhile) | taken (another order is linked to this external id)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def confirm_there(transfer_id: int, external_id: str, actor: Actor) -> int:
    """A person has found the copy: tie the order to it, as if the lost answer had come. Returns the order's id. Raises
    NotSettled; the transaction goes on in either case."""
    row = db.session.get(Transfer, transfer_id, with_for_update=True)
    if row is None or row.state != "parked":
        raise NotSettled("gone")
    link = db.session.scalar(db.select(Link).filter_by(order_id=row.order_id, connection_id=row.connection_id))
    if link is None:
        raise NotSettled("gone")
    try:
        with db.session.begin_nested():
            link.external_id, link.external_number = external_id, link.external_number or external_id
            link.state, link.error, link.synced_at, link.sent_version = "linked", None, utcnow(), row.sent_version
    except IntegrityError:
        raise NotSettled("taken") from None
    row.state, row.finished_at, row.uncertain, row.fault, row.detail = "done", utcnow(), False, "", ""
    connection = db.session.get_one(Connection, row.connection_id)
    _show_again([row.order_id])
    _mark_transferred(row.order_id, connection)
    timeline.note(
        row.order_id, actor, "sent", connection=connection.name, operation=row.operation, external=external_id
    )
    _touch([row.id])
    return row.order_id


def _mark_transferred(order_id: int, connection: Connection) -> None:
    chosen = connection.success_status_id
    query = db.select(Status).where(Status.id == chosen if chosen else Status.key == "transferred")
    status = db.session.scalars(query).one()
    statuses.change([order_id], status, Actor("job", connection.name), cause=connection.id)


def change_schedule(
    schedule_id: int, *, every: int | None = None, paused: bool | None = None, at_hour: int | None = None
) -> Schedule | None:
    """Change how often periodic work runs and, of what runs once a day, the hour; or pause it. None: it is gone, or the
    interval or hour isn't offered."""
    row = db.session.get(Schedule, schedule_id, with_for_update=True)
    if row is None or (every is not None and every not in INTERVALS and every != row.every):
        return None
    if at_hour is not None and at_hour not in range(24):
        return None
    now = utcnow()
    if at_hour is not None:
        row.at_hour = at_hour
        row.next_at = schedule.after(row.every, at_hour, now)
    if every is not None:
        row.every = every
        row.next_at = min(row.next_at, schedule.after(every, row.at_hour, now))
    if paused is not None:
        row.next_at = now if row.paused and not paused else row.next_at
        row.paused = paused
    wake.changed()
    return row


def _show_again(order_ids: Sequence[int]) -> None:
    work.TOUCH.run(ids=list(order_ids), now=utcnow())


def _touch(transfer_ids: Sequence[int]) -> None:
    """Tell open pages."""
    if transfer_ids:
        wake.changed()
        reports.forget_problem_count()


def _chunks(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[i : i + CHUNK] for i in range(0, len(ids), CHUNK)]
