"""What staff want to be told of, found by looking: so that taking in orders and sending them costs nothing more.

`tick` runs every half minute, alone (the row of OPTION is locked). Orders are found by id since the last look, one look
late: ids become visible out of order while transactions overlap. Problems are told when there are more than at the last
look, by the counts that the badge shows. Nobody listens, nothing is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm.attributes import flag_modified

from models import (
    Connection,
    ImportedOrder,
    Message,
    Notice,
    Option,
    Order,
    OrderEvent,
    Outage,
    Run,
    Schedule,
    db,
    insert_into,
    utcnow,
)
from orders import events
from orders.days import ZONE

from . import messages, notices, reports, wake
from .notice_texts import PROBLEMS, SHOWN

OPTION = "notices"
#: days before the end of a key at which staff are reminded
KEY_DAYS = (14, 7, 1)
#: a connection that is out of order for a while is told of after so many of its intervals, and not before 10 minutes
INTERVALS = 3
LEAST = timedelta(minutes=10)


def tick() -> None:
    """The periodic job."""
    found = notices.readers()
    if not found:
        _forget()
        db.session.commit()
        return
    state = _state()
    if any(reader.wants(kind) for reader in found for kind in ("new_order", "payment")):
        _orders(state.value, found)
    else:
        state.value.pop("seen", None)
        state.value.pop("told", None)
    if any(reader.wants("problem") for reader in found):
        _problems(state.value, found)
    else:
        state.value.pop("problems", None)
    if _connections(found):
        found = notices.readers()  # one of them may be the messenger itself
    _keys(state.value, found)
    flag_modified(state, "value")
    db.session.flush()
    notices.tell(found)
    if messages.is_due():
        events.wake_messages()
    db.session.commit()


def _state() -> Option:
    """Where the last look ended, locked."""
    first = insert_into(Option).values(key=OPTION, value={})
    db.session.execute(first.on_conflict_do_nothing(index_elements=["key"]))
    return db.session.get_one(Option, OPTION, with_for_update=True, populate_existing=True)


def _forget() -> None:
    """Who starts to listen later is told of what happens from then on."""
    row = db.session.get(Option, OPTION)
    if row is not None:
        db.session.delete(row)
        db.session.execute(db.delete(Notice))
        db.session.execute(db.delete(Outage))


# ---- orders


def _orders(state: dict[str, Any], readers: Sequence[notices.Reader]) -> None:
    newest = db.session.scalar(db.select(db.func.max(Order.id))) or 0
    told, seen = state.get("told", newest), state.get("seen", newest)
    state["told"], state["seen"] = seen, newest
    if seen > told:
        _arrived(told, seen, readers)
        _waited(told, seen, readers)


def _arrived(told: int, seen: int, readers: Sequence[notices.Reader]) -> None:
    by_hand = db.select(OrderEvent.id).where(
        OrderEvent.order_id == Order.id, OrderEvent.kind == "created", OrderEvent.actor == "person"
    )
    from_file = db.select(ImportedOrder.identity).where(ImportedOrder.order_id == Order.id)
    new = db.select(Order.id).where(Order.id > told, Order.id <= seen, ~by_hand.exists(), ~from_file.exists())
    n = db.session.scalar(db.select(db.func.count()).select_from(new.subquery())) or 0
    first = db.session.scalars(new.order_by(Order.id).limit(SHOWN)).all() if n else ()
    notices.add(readers, "new_order", n, [{"id": order_id} for order_id in first])


def _waited(told: int, seen: int, readers: Sequence[notices.Reader]) -> None:
    """Those that were kept back until now. Whom a person would not let wait, they know of."""
    outcome, by = (OrderEvent.detail[name].as_string() for name in ("waited", "by"))
    query = db.select(OrderEvent.order_id, outcome.label("outcome")).where(
        OrderEvent.order_id > told, OrderEvent.order_id <= seen, OrderEvent.kind == "imported"
    )
    rows = db.session.execute(query.where(outcome.is_not(None), by == "").order_by(OrderEvent.order_id)).all()
    items = [{"id": row.order_id, "outcome": row.outcome} for row in rows[:SHOWN]]
    notices.add(readers, "payment", len(rows), items)


# ---- problems


def _problems(state: dict[str, Any], readers: Sequence[notices.Reader]) -> None:
    revision, before = wake.revision(), state.get("problems")
    if before is not None and revision is not None and state.get("revision") == revision:
        return
    staff = messages_to_staff()
    counted = reports.waiting(staff)
    now = {name: getattr(counted, name) for name in PROBLEMS}
    # one of our own that did not arrive would be told of by the next, for ever
    now["sent"] -= counted.others[0]
    state["problems"], state["revision"] = now, revision
    if before is None:
        return
    grown = [{"what": name, "n": n - before.get(name, 0)} for name, n in now.items() if n > before.get(name, 0)]
    notices.add(readers, "problem", sum(item["n"] for item in grown), grown)


def messages_to_staff() -> Any:
    """A query for those that did not arrive."""
    open_ = db.text("messages.state IN ('failed', 'unknown')")
    return db.select(Message.id).where(open_, Message.user_id.is_not(None))


# ---- connections


@dataclass(frozen=True)
class _Ailing:
    at_once: bool  # it refuses us: waiting would not mend it
    fault: str
    detail: str


def _connections(readers: Sequence[notices.Reader]) -> int:
    """An outage is told of once, and so is its end; a short one not at all. How many there were to tell of."""
    now = utcnow()
    systems = {h.id: h for h in reports.health()}
    ailing = _ailing(systems, now)
    outages = {row.connection_id: row for row in db.session.scalars(db.select(Outage))}
    intervals = _intervals()
    told: list[dict[str, Any]] = []
    for connection_id, row in outages.items():
        if connection_id not in ailing:
            if row.told_at and connection_id in systems and systems[connection_id].state != "off":
                told.append({"id": connection_id, "name": systems[connection_id].name, "well": True})
            db.session.delete(row)
    for connection_id, why in ailing.items():
        row = outages.get(connection_id) or Outage(connection_id=connection_id, since=now)
        db.session.add(row)
        patience = _patience(intervals.get(connection_id, 0))
        if row.told_at is None and (why.at_once or now - row.since >= patience):
            row.told_at = now
            about = {"name": systems[connection_id].name, "fault": why.fault, "detail": why.detail[:200]}
            told.append({"id": connection_id, "well": False, **about})
    notices.add(readers, "connection", len(told), told)
    return len(told)


def _ailing(systems: Mapping[int, reports.Health], now: datetime) -> dict[int, _Ailing]:
    found = {row.connection_id: _Ailing(False, row.fault, row.detail) for row in _failed_runs()}
    found |= {connection_id: _Ailing(False, "", "") for connection_id in _overdue(now) if connection_id not in found}
    for h in systems.values():
        if h.state in ("broken", "shaky"):
            found[h.id] = _Ailing(h.state == "broken", h.fault, h.detail)
    return {each: why for each, why in found.items() if each in systems and systems[each].state != "off"}


def _failed_runs() -> Sequence[Any]:
    return db.session.execute(reports.failed_runs(Run.connection_id, Run.fault, Run.detail)).all()


def _pulls() -> Any:
    query = db.select(Schedule.connection_id, Schedule.every, Connection.last_pull_at).join(Connection)
    return query.where(Schedule.task == "orders", ~Schedule.paused, Schedule.at_hour.is_(None), Connection.enabled)


def _overdue(now: datetime) -> list[int]:
    """Sources that gave nothing for long, though no call failed: a run that hangs, say."""
    rows = db.session.execute(_pulls()).all()
    late = [row for row in rows if row.last_pull_at and now - row.last_pull_at > _patience(row.every)]
    return [row.connection_id for row in late]


def _patience(every: int) -> timedelta:
    return max(INTERVALS * timedelta(seconds=every), LEAST)


def _intervals() -> dict[int, int]:
    """Seconds between two pulls, by connection."""
    return {row.connection_id: row.every for row in db.session.execute(_pulls())}


# ---- keys


def _keys(state: dict[str, Any], readers: Sequence[notices.Reader]) -> None:
    """Each step is told once, and a missed one with the next; a new day in the settings starts anew."""
    today, known = utcnow().astimezone(ZONE).date(), state.get("keys", {})
    steps: dict[str, list[Any]] = {}
    told = []
    query = db.select(Connection.id, Connection.name, Connection.settings).where(
        Connection.removed_at.is_(None), Connection.enabled
    )
    for row in db.session.execute(query):
        day = str((row.settings or {}).get("valid_until") or "")
        left = days_left(day, today)
        step = min((days for days in KEY_DAYS if left is not None and left <= days), default=None)
        if step is None or left is None or left < 0:
            continue
        before_day, before_step = known.get(str(row.id), ["", None])
        if before_day != day or before_step is None or step < before_step:
            told.append({"id": row.id, "name": row.name, "day": day, "days": left})
        steps[str(row.id)] = [day, step]
    state["keys"] = steps
    notices.add(readers, "key", len(told), told)


def days_left(day: str, today: date) -> int | None:
    """None where no day stands in the settings."""
    try:
        return (date.fromisoformat(day) - today).days
    except ValueError:
        return None
