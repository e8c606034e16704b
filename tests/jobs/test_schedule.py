"""Schedules start runs; nothing is started twice; what died is found."""

from __future__ import annotations

from datetime import timedelta

import pytest
import redis
from flask import Flask
from redis.backoff import NoBackoff
from redis.retry import Retry

from integrations.sandbox import SandboxServer
from jobs import automation, connections, readback, runs, schedule, wake, webhooks, work
from models import Connection, Link, Order, ReferenceItem, Run, Schedule, Status, Transfer, db, utcnow

from .conftest import make_orders, queued
from .test_intake import map_status, run
from .test_transfers import send

pytestmark = pytest.mark.usefixtures("unlimited")


def test_due_schedules_start_a_run_each(context: Flask, prom: Connection) -> None:
    schedule.tick()
    tasks = set(db.session.scalars(db.select(Run.task)))
    assert tasks == {"orders", "references", "stock", "catalogue", "prices"}
    assert queued().count("jobs.runs.carry_out") == 5
    schedule.tick()
    assert db.session.scalar(db.select(db.func.count()).select_from(Run)) == 5
    rows = db.session.scalars(db.select(Schedule)).all()
    assert all(row.next_at > utcnow() for row in rows)


def test_a_paused_schedule_and_a_connection_that_is_off_start_nothing(context: Flask, prom: Connection) -> None:
    for row in db.session.scalars(db.select(Schedule)):
        row.paused = True
    db.session.commit()
    schedule.tick()
    for row in db.session.scalars(db.select(Schedule)):
        row.paused = False
    prom.enabled = False
    db.session.commit()
    schedule.tick()
    assert db.session.scalars(db.select(Run)).all() == []


def test_times_that_staff_set_survive_a_start(context: Flask, prom: Connection) -> None:
    row = db.session.scalars(db.select(Schedule).filter_by(task="orders")).one()
    row.every = 600
    db.session.add(Schedule(connection_id=prom.id, task="dropped", every=60))
    db.session.commit()
    schedule.follow()
    kept = {s.task: s.every for s in db.session.scalars(db.select(Schedule))}
    assert kept["orders"] == 600
    assert "dropped" not in kept


def test_schedules_of_a_connection_that_is_off_wait_as_they_are(context: Flask, prom: Connection) -> None:
    prom.enabled = False
    db.session.add(Schedule(connection_id=prom.id, task="dropped", every=60))
    db.session.commit()
    before = set(db.session.scalars(db.select(Schedule.task)))
    schedule.follow()
    assert set(db.session.scalars(db.select(Schedule.task))) == before
    prom.enabled = True
    db.session.commit()
    schedule.follow()
    assert set(db.session.scalars(db.select(Schedule.task))) == before - {"dropped"}


def test_a_run_that_is_over_is_not_carried_out_again(context: Flask, prom: Connection, sandbox: SandboxServer) -> None:
    done = run(prom)
    asked = sandbox.vendor("prom").requests
    runs.carry_out(done.id)
    assert sandbox.vendor("prom").requests == asked
    assert db.session.get_one(Run, done.id).state == "done"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_database_that_fails_ends_the_run_and_not_the_next(
    context: Flask, prom: Connection, sandbox: SandboxServer
) -> None:
    sandbox.vendor("prom").new_order()
    full = "CREATE TRIGGER full BEFORE INSERT ON reference_items BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    db.session.execute(db.text(full))
    db.session.commit()
    failed = run(prom, "references")
    assert (failed.state, failed.fault, failed.lease_until) == ("failed", "internal", None)
    assert "disk full" in failed.detail
    db.session.execute(db.text("DROP TRIGGER full"))
    db.session.commit()
    assert run(prom, "references").state == "done"


AWAY = redis.Redis(host="127.0.0.1", port=1, retry=Retry(NoBackoff(), 0))


@pytest.mark.parametrize("broker", [None, AWAY], ids=["none", "away"])
def test_what_is_asked_for_without_a_broker_is_found_by_the_sweep(
    context: Flask, prom: Connection, crm: Connection, broker: redis.Redis | None
) -> None:
    extensions, there = context.extensions, context.extensions["broker"]
    extensions["broker"] = broker
    webhooks.create("https://shop.example/hook", ["order.created"])
    ids = make_orders(1)
    send(ids, crm)
    made = runs.request(prom.id, "orders", "Olena")
    assert made is not None
    made.created_at = utcnow() - timedelta(seconds=21)
    db.session.commit()
    work.sweep()
    webhooks.sweep()
    runs.free_expired()
    assert wake.revision() is None
    extensions["broker"] = there
    assert queued() == []
    work.sweep()
    webhooks.sweep()
    runs.free_expired()
    assert sorted(queued()) == ["jobs.runs.carry_out", "jobs.work.drain"]
    assert [job.func_name for job in wake.queue("low").jobs] == ["jobs.webhooks.deliver"]


def test_work_is_done_without_a_broker_too(context: Flask, crm: Connection) -> None:
    there, context.extensions["broker"] = context.extensions["broker"], None
    send(make_orders(1), crm)
    work.drain(crm.id)
    automation.work()
    assert db.session.scalars(db.select(Transfer.state)).all() == ["done"]
    context.extensions["broker"] = there


def test_a_run_whose_worker_died_is_over(context: Flask, prom: Connection) -> None:
    made = runs.request(prom.id, "orders", "a")
    assert made is not None
    made.state, made.lease_until = "working", utcnow() - timedelta(seconds=1)
    db.session.commit()
    runs.free_expired()
    db.session.refresh(made)
    assert (made.state, made.fault) == ("failed", "lease_lost")
    assert run(prom).state == "done"


def test_who_asked_beside_a_run_whose_worker_died_gets_another(context: Flask, prom: Connection) -> None:
    made = runs.request(prom.id, "orders", "schedule")
    assert made is not None
    made.state, made.lease_until = "working", utcnow() - timedelta(seconds=1)
    db.session.commit()
    for _ in range(2):
        assert runs.request_anew(prom.id, "orders", "Olena") is None
    db.session.commit()
    runs.free_expired()
    found = db.session.execute(db.select(Run.state, Run.requested_by).order_by(Run.id)).all()
    assert [tuple(row) for row in found] == [("failed", "schedule"), ("waiting", "Olena")]


def test_references_are_kept_and_renewed(context: Flask, prom: Connection) -> None:
    assert run(prom, "references").state == "done"
    lists = set(db.session.scalars(db.select(ReferenceItem.list)))
    assert {"statuses", "delivery", "payment"} <= lists
    before = db.session.scalar(db.select(db.func.count()).select_from(ReferenceItem))
    run(prom, "references")
    assert db.session.scalar(db.select(db.func.count()).select_from(ReferenceItem)) == before


def test_statuses_are_read_back_from_a_destination(context: Flask, crm: Connection, sandbox: SandboxServer) -> None:
    map_status(crm, "cancelled", "cancel-other")
    ids = make_orders(2)
    send(ids, crm)
    work.drain(crm.id)
    run(crm, "statuses")
    link = db.session.scalars(db.select(Link).where(Link.order_id == ids[0])).one()
    sandbox.vendor("retailcrm").set_status(int(link.external_id or 0), "cancel-other")
    assert run(crm, "statuses").counts["changed"] == 1
    order = db.session.get_one(Order, ids[0], populate_existing=True)
    assert db.session.get_one(Status, order.status_id).key == "cancelled"
    db.session.refresh(link)
    assert link.external_status == "cancel-other"
    assert run(crm, "statuses").counts.get("changed", 0) == 0
    assert readback.apply(crm.id, []) == set()


def test_testing_a_connection(context: Flask, crm: Connection) -> None:
    assert connections.test(crm).ok
    crm.secrets = {"api_key": "sandbox-token-2"}  # a key of another shop
    report = connections.test(crm)
    assert (report.ok, report.fault) == (False, "")
    assert report.notes
    crm.secrets = {"api_key": "nonsense"}
    report = connections.test(crm)
    assert (report.ok, report.fault) == (False, "credentials")
