"""Automation rules: what they are made of, which orders they are about, and what a rule would have done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from models import Connection, Message, Option, Order, OrderEvent, Rule, RuleRun, RuleWait, Status, db, utcnow

from . import events
from .events import LISTENS

EVENTS = tuple(LISTENS)
#: conditions by the kind of their value: members of a list, yes or no, a sum
LISTED = {
    "type": Order.type_id,
    "source": Order.source_id,
    "shop": Order.shop_id,
    "status": Order.status_id,
    "payment": Order.payment_kind,
}
MARKS = {"do_not_call": Order.do_not_call, "fulfilment": Order.fulfilment, "needs_mapping": Order.needs_mapping}
SUMS = ("total_from", "total_to")
CONDITIONS = (*LISTED, "paid", *SUMS, "mark")
ACTIONS = ("send", "status", "cancel", "chat", "email", "webhook")
UNITS = {"minutes": 60, "hours": 3600, "days": 86_400}
#: schedules: minutes between two runs; "day" = each day at a time of the clock
EVERY = ("15", "60", "360", "day")
#: orders that one run of a schedule acts on: the newest that fit
MOST_A_RUN = 500
#: how deep rules may set each other off, and how often one rule acts on one order within a day: both end loops, the
#: second those that run through other systems, where no chain can be followed
DEPTH, A_DAY = 5, 20


@dataclass(frozen=True)
class Draft:
    """A rule as the editor has it: columns of Rule."""

    name: str
    event: str
    params: Mapping[str, Any] = field(default_factory=dict)
    conditions: Sequence[Mapping[str, Any]] = ()
    actions: Sequence[Mapping[str, Any]] = ()
    stop: bool = False


def listed() -> Sequence[Rule]:
    """All rules in the order they are asked."""
    return db.session.scalars(db.select(Rule).order_by(Rule.position, Rule.id)).all()


def enabled() -> Sequence[Rule]:
    return [] if is_paused() else [rule for rule in listed() if rule.enabled]


def is_paused() -> bool:
    return db.session.get(Option, events.PAUSED) is not None


def pause(paused: bool) -> None:
    """Stop all rules, or let them go on. What happens meanwhile is not made up for."""
    row = db.session.get(Option, events.PAUSED)
    if paused and row is None:
        db.session.add(Option(key=events.PAUSED, value=utcnow().isoformat()))
    if not paused and row is not None:
        db.session.delete(row)
    _changed()


def save(rule: Rule | None, draft: Draft, by: str) -> Rule:
    """Make or change a rule, in the caller's transaction. Times that were running start anew with a changed one."""
    if rule is None:
        last = db.session.scalar(db.select(db.func.max(Rule.position))) or 0
        rule = Rule(position=last + 1, created_by=by[:120])
        db.session.add(rule)
    changed = (rule.event, rule.params) != (draft.event, dict(draft.params))
    rule.name, rule.event, rule.params, rule.stop = draft.name, draft.event, dict(draft.params), draft.stop
    rule.conditions, rule.actions = [dict(c) for c in draft.conditions], [dict(a) for a in draft.actions]
    if changed:
        rule.next_at = next_run(rule.params, utcnow()) if rule.event == "schedule" else None
    db.session.flush()
    if changed:
        db.session.execute(db.delete(RuleWait).where(RuleWait.rule_id == rule.id))
    _changed()
    return rule


def switch(rule: Rule, on: bool) -> None:
    rule.enabled = on
    if on and rule.event == "schedule":
        rule.next_at = next_run(rule.params, utcnow())
    if not on:
        db.session.execute(db.delete(RuleWait).where(RuleWait.rule_id == rule.id))
    _changed()


def remove(rule: Rule) -> None:
    """Its name stays in the traces of the orders it acted on."""
    db.session.delete(rule)
    _changed()


def move(ids: Sequence[int]) -> None:
    """Put the rules into this order; those not named keep theirs after them."""
    found = {rule.id: rule for rule in listed()}
    wanted = [found.pop(i) for i in dict.fromkeys(ids) if i in found]
    for position, rule in enumerate([*wanted, *found.values()], 1):
        rule.position = position


def _changed() -> None:
    db.session.flush()
    events.forget_listening()


# ---- which orders


def condition(row: Mapping[str, Any]) -> Any:
    """One condition in the database's words."""
    name, wanted = row["field"], row.get("op", "is") == "is"
    if name in LISTED:
        column = LISTED[name]
        found = column.in_(row["values"])
        return found if wanted else db.or_(column.is_(None), ~found)
    if name in SUMS:
        amount = Decimal(row["value"])
        return Order.total >= amount if name == "total_from" else Order.total <= amount
    if name == "mark":
        found = db.or_(*(MARKS[mark] for mark in row["values"]))
        return found if wanted else ~found
    return Order.paid if wanted else ~Order.paid


def conditions(rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    """All of them, and that the order is not in the bin: rules let deleted orders be."""
    gone = db.select(Status.id).where(Status.group == "deleted")
    return [Order.status_id.not_in(gone), *(condition(row) for row in rows)]


def fits(rule: Rule, order_id: int) -> bool:
    """Whether the order, as it is now, meets the rule's conditions."""
    query = db.select(Order.id).where(Order.id == order_id, *conditions(rule.conditions))
    return db.session.scalar(query) is not None


def is_about(rule: Rule | Draft, kind: str, detail: Mapping[str, Any]) -> bool:
    """Whether an event of the timeline is the one that the rule waits for; its time and schedule come otherwise."""
    if rule.event in ("waited", "schedule") or kind not in LISTENS[rule.event]:
        return False
    if rule.event == "status":
        wanted = rule.params.get("statuses") or ()
        return not wanted or detail.get("ids", (None, None))[1] in wanted
    if rule.event == "paid":
        return events.became_paid(detail)
    if rule.event == "external":
        return _is_external(rule.params, detail)
    return True


def _is_external(params: Mapping[str, Any], detail: Mapping[str, Any]) -> bool:
    changes = detail.get("changes") or [["", "", ""]]
    if params.get("connection"):
        row = db.session.get(Connection, params["connection"])
        if row is None or row.name != detail.get("connection"):
            return False
    wanted = str(params.get("their") or "").strip().casefold()
    return not wanted or wanted == str(changes[0][2]).strip().casefold()


def span(params: Mapping[str, Any]) -> timedelta:
    """How long an order has to stand in a status."""
    return timedelta(seconds=int(params["number"]) * UNITS[params["unit"]])


def next_run(params: Mapping[str, Any], now: datetime) -> datetime:
    """When a schedule runs next; times of the day are those of the shop."""
    if params["every"] != "day":
        return now + timedelta(minutes=int(params["every"]))
    zone = ZoneInfo("Europe/Kyiv")
    hour, minute = (int(part) for part in params["at"].split(":"))
    local = now.astimezone(zone)
    day = local.date() if (hour, minute) > (local.hour, local.minute) else local.date() + timedelta(days=1)
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)


def due_orders(rule: Rule) -> Sequence[int]:
    """Orders that a schedule's run is about."""
    query = db.select(Order.id).where(*conditions(rule.conditions)).order_by(Order.id.desc()).limit(MOST_A_RUN)
    return db.session.scalars(query).all()


# ---- what a rule would have done

PREVIEW_DAYS = 7
#: events of the timeline that a preview looks through
MOST_EVENTS = 20_000


@dataclass(frozen=True)
class Preview:
    """Orders that the rule would have acted on: how many, the newest of them, and whether there may be more."""

    count: int
    orders: Sequence[Any]  # rows: id, number
    more: bool = False


def preview(draft: Draft) -> Preview:
    """By the timeline of the last days; conditions are looked at as the orders are now."""
    if draft.event == "schedule":
        ids, more = _standing(draft), False
    else:
        ids, more = _happened(draft)
    query = db.select(Order.id, Order.number).where(Order.id.in_(ids[:SHOWN])).order_by(Order.id.desc())
    return Preview(len(ids), db.session.execute(query).all(), more)


SHOWN = 5


def _standing(draft: Draft) -> list[int]:
    query = db.select(Order.id).where(*conditions(draft.conditions)).order_by(Order.id.desc()).limit(MOST_A_RUN)
    return list(db.session.scalars(query))


def _happened(draft: Draft) -> tuple[list[int], bool]:
    kinds = LISTENS[draft.event]
    query = (
        db.select(OrderEvent.order_id, OrderEvent.kind, OrderEvent.detail, OrderEvent.at, Order.status_id)
        .join(Order, Order.id == OrderEvent.order_id)
        .where(OrderEvent.id >= _first_event(), OrderEvent.kind.in_(kinds), *conditions(draft.conditions))
        .order_by(OrderEvent.id.desc())
        .limit(MOST_EVENTS)
    )
    rows = db.session.execute(query).all()
    if draft.event == "waited":
        ids = _stood(draft, rows)
    else:
        ids = list(dict.fromkeys(row.order_id for row in rows if is_about(draft, row.kind, row.detail)))
    return ids, len(rows) == MOST_EVENTS


def _stood(draft: Draft, rows: Sequence[Any]) -> list[int]:
    """Orders that stood long enough in the status. `rows`: newest first."""
    wanted, least = draft.params["status"], span(draft.params)
    found: dict[int, None] = {}
    left: dict[int, tuple[datetime, int]] = {}  # when the order went on from where the row before put it, and to what
    now = utcnow()
    for row in rows:
        ids = row.detail.get("ids")
        until, after = left.get(row.order_id, (now, row.status_id))
        # what an order was made with is what it first went on from
        entered = ids[1] if ids else after
        if entered == wanted and until - row.at >= least:
            found[row.order_id] = None
        left[row.order_id] = (row.at, ids[0] if ids else entered)
    return list(found)


def _first_event() -> int:
    """The id of the first event of the days looked at. Ids follow time, so a search by halves finds it: twenty looks
    at the key instead of an index that nothing else needs."""
    since = utcnow() - timedelta(days=PREVIEW_DAYS)
    low, high = 0, db.session.scalar(db.select(db.func.max(OrderEvent.id))) or 0
    while low < high:
        middle = (low + high) // 2
        next_one = db.select(OrderEvent.at).where(OrderEvent.id >= middle).order_by(OrderEvent.id).limit(1)
        at = db.session.scalar(next_one)
        if at is not None and at < since:
            low = middle + 1
        else:
            high = middle
    return low


# ---- traces


def trace(order_id: int) -> Sequence[RuleRun]:
    """What rules did with an order, newest first."""
    query = db.select(RuleRun).where(RuleRun.order_id == order_id).order_by(RuleRun.id.desc()).limit(200)
    return db.session.scalars(query).all()


def of_rule(rule_id: int, limit: int = 50) -> Sequence[Any]:
    """What a rule did last, newest first: (run, number of the order)."""
    query = (
        db.select(RuleRun, Order.number)
        .join(Order, Order.id == RuleRun.order_id)
        .where(RuleRun.rule_id == rule_id)
        .order_by(RuleRun.at.desc(), RuleRun.id.desc())
    )
    return db.session.execute(query.limit(limit)).all()


def counts(since: datetime) -> dict[int, int]:
    """How often each rule has acted since."""
    query = (
        db.select(RuleRun.rule_id, db.func.count())
        .where(RuleRun.at >= since, RuleRun.outcome == "acted", RuleRun.rule_id.is_not(None))
        .group_by(RuleRun.rule_id)
    )
    return {row[0]: row[1] for row in db.session.execute(query)}


def calling() -> dict[int, list[str]]:
    """The names of the rules that write to each webhook, by its id."""
    found: dict[int, list[str]] = {}
    for rule in listed():
        for action in rule.actions:
            if action["kind"] == "webhook":
                found.setdefault(action["endpoint"], []).append(rule.name)
    return found


def forget(before: datetime, most: int) -> int:
    """Drop traces and messages made before then; ids follow time, so the first `most` of each are looked at. Returns
    how many."""
    n = 0
    for model, at in ((RuleRun, RuleRun.at), (Message, Message.created_at)):
        first = db.select(model.id).order_by(model.id).limit(most).scalar_subquery()
        query = db.delete(model).where(model.id.in_(first), at < before)
        if model is Message:
            query = query.where(Message.state.not_in(("waiting", "working")))
        n += len(db.session.scalars(query.returning(model.id).execution_options(synchronize_session=False)).all())
    return n
