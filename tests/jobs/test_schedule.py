"""Schedules start runs; nothing is started twice; what died is found."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from integrations.sandbox import SandboxServer
from jobs import connections, readback, runs, schedule, work
from models import Connection, Link, Order, ReferenceItem, Run, Schedule, Status, db, utcnow

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


def test_a_run_whose_worker_died_is_over(context: Flask, prom: Connection) -> None:
    made = runs.request(prom.id, "orders", "a")
    assert made is not None
    made.state, made.lease_until = "working", utcnow() - timedelta(seconds=1)
    db.session.commit()
    runs.free_expired()
    db.session.refresh(made)
    assert (made.state, made.fault) == ("failed", "lease_lost")
    assert run(prom).state == "done"


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
