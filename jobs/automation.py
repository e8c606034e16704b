"""Automation: rules are asked about what happened, and what they order is done.

All of it is rows: an event is taken, its rules' actions are written (transfers, statuses, messages, deliveries of
webhooks) and the event is gone, in one transaction. So a worker that dies has done nothing or everything. What leaves
the machine is sent by other jobs from the rows written here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from models import Order, Rule, RuleEvent, RuleRun, RuleWait, db, insert_into, utcnow
from orders import events, rules

from . import messages, rule_actions, wake

log = structlog.get_logger()

#: events taken in one transaction, and in one job before other work has its turn
BATCH, STINT = 20, 1000
DUE = 500


def work() -> None:
    """The job: ask the rules about what has happened."""
    wake.begun("rules", 0)
    for _ in range(STINT // BATCH):
        if not _some():
            return
    events.wake()
    db.session.commit()


def _some() -> bool:
    """A batch in one transaction; where one event of it can't be worked off, each has its own."""
    ids = _next(BATCH)
    if not ids:
        db.session.rollback()
        return False
    try:
        _work_off(ids)
    except (SQLAlchemyError, LookupError, ValueError, TypeError):
        db.session.rollback()
        for event_id in ids:
            _alone(event_id)
    return True


def _next(limit: int) -> list[int]:
    query = db.select(RuleEvent.id).order_by(RuleEvent.id).limit(limit).with_for_update(skip_locked=True)
    return list(db.session.scalars(query))


def _work_off(ids: Sequence[int]) -> None:
    there = rules.enabled()
    rows = db.session.scalars(db.select(RuleEvent).where(RuleEvent.id.in_(ids)).order_by(RuleEvent.id)).all()
    for row in rows:
        _ask(row, there)
    db.session.execute(db.delete(RuleEvent).where(RuleEvent.id.in_(ids)))
    db.session.commit()


def _alone(event_id: int) -> None:
    """One that fails is told and dropped: it would stop all others behind it for good."""
    query = db.select(RuleEvent.id).where(RuleEvent.id == event_id).with_for_update(skip_locked=True)
    if db.session.scalar(query) is None:
        db.session.rollback()
        return
    try:
        _work_off([event_id])
    except (SQLAlchemyError, LookupError, ValueError, TypeError) as error:
        db.session.rollback()
        log.exception("rules_failed", rule_event=event_id)
        row = db.session.get(RuleEvent, event_id)
        if row is not None:
            name = type(error).__name__
            run = {"rule_id": row.rule_id, "rule_name": "", "order_id": row.order_id, "event": row.kind}
            db.session.add(RuleRun(**run, outcome="failed", reason=f"{name}: {error}"[:300]))
            db.session.delete(row)
        db.session.commit()


# ---- one event


def _ask(row: RuleEvent, there: Sequence[Rule]) -> None:
    order = db.session.get_one(Order, row.order_id, populate_existing=True)
    if row.kind in events.LISTENS["waited"]:
        _keep_waits(order, row, there)
    for rule in there:
        if not _is_about(rule, row) or not rules.fits(rule, order.id):
            continue
        why_not = _barred(rule, order.id, row.chain)
        if why_not:
            _note(rule, row, "stopped", why_not)
            continue
        _act(rule, order, row)
        if rule.stop:
            return


def _is_about(rule: Rule, row: RuleEvent) -> bool:
    return row.rule_id == rule.id if row.rule_id else rules.is_about(rule, row.kind, row.detail)


def _barred(rule: Rule, order_id: int, chain: Sequence[int]) -> str:
    """Why the rule may not act, a key of REASONS; "" when it may."""
    if rule.id in chain:
        return "loop"
    if len(chain) >= rules.DEPTH:
        return "depth"
    recent = db.select(db.func.count()).where(
        RuleRun.order_id == order_id,
        RuleRun.rule_id == rule.id,
        RuleRun.outcome == "acted",
        RuleRun.at > utcnow() - timedelta(days=1),
    )
    return "often" if (db.session.scalar(recent) or 0) >= rules.A_DAY else ""


#: why a rule that fits does not act; pages have the sentence
REASONS = ("loop", "depth", "often")


def _act(rule: Rule, order: Order, row: RuleEvent) -> None:
    chain = (*row.chain, rule.id)
    run = _note(rule, row, "acted", "")
    with events.caused_by(chain):
        run.actions = [rule_actions.carry_out(action, order, rule.name, chain) for action in rule.actions]
    db.session.flush()
    db.session.expire(order)
    wake.changed()


def _note(rule: Rule, row: RuleEvent, outcome: str, reason: str) -> RuleRun:
    run = RuleRun(
        rule_id=rule.id,
        rule_name=rule.name,
        order_id=row.order_id,
        event=rule.event,
        outcome=outcome,
        reason=reason,
        chain=list(row.chain),
    )
    db.session.add(run)
    return run


# ---- time


def _keep_waits(order: Order, row: RuleEvent, there: Sequence[Rule]) -> None:
    """The order has come into the status that it is in now: rules about time begin to count, those about the status
    that it left stop."""
    timed = {rule.id: rule for rule in there if rule.event == "waited"}
    if not timed:
        return
    stay = [i for i, rule in timed.items() if rule.params["status"] == order.status_id]
    db.session.execute(db.delete(RuleWait).where(RuleWait.order_id == order.id, RuleWait.rule_id.not_in(stay)))
    for rule_id in stay:
        due = row.at + rules.span(timed[rule_id].params)
        values = {"since": row.at, "due_at": due, "chain": row.chain}
        query = insert_into(RuleWait.__table__).values(rule_id=rule_id, order_id=order.id, **values)
        db.session.execute(query.on_conflict_do_update(index_elements=["rule_id", "order_id"], set_=values))


def tick() -> None:
    """Every half minute: times that are over, schedules that are due, and whatever no wake-up reached."""
    if not rules.is_paused():
        _end_waits()
        _run_schedules()
    if db.session.scalar(db.select(RuleEvent.id).limit(1)) is not None:
        events.wake()
    if messages.is_due():
        events.wake_messages()
    db.session.commit()


def _end_waits() -> None:
    now = utcnow()
    query = (
        db.select(RuleWait)
        .join(Rule, Rule.id == RuleWait.rule_id)
        .where(RuleWait.due_at <= now, Rule.enabled)
        .order_by(RuleWait.due_at)
        .limit(DUE)
        .with_for_update(skip_locked=True, of=RuleWait)
    )
    for wait in db.session.scalars(query).all():
        rule, order = db.session.get_one(Rule, wait.rule_id), db.session.get_one(Order, wait.order_id)
        if order.status_id == rule.params.get("status"):
            _event(rule, order.id, "waited", wait.chain)
        db.session.delete(wait)


def _run_schedules() -> None:
    now = utcnow()
    query = db.select(Rule).where(Rule.enabled, Rule.event == "schedule", Rule.next_at <= now)
    for rule in db.session.scalars(query.with_for_update(skip_locked=True)).all():
        rule.next_at = rules.next_run(rule.params, now)
        for order_id in rules.due_orders(rule):
            _event(rule, order_id, "schedule", [])


def _event(rule: Rule, order_id: int, kind: str, chain: Sequence[int]) -> None:
    row: Mapping[str, Any] = {"order_id": order_id, "kind": kind, "chain": list(chain), "rule_id": rule.id}
    db.session.add(RuleEvent(**row))
    events.wake()
