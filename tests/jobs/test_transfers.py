"""Transfers against the RetailCRM sandbox: each order there exactly once, every outcome settled."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event as sql_event

from integrations import connectors
from integrations.sandbox import SandboxServer
from jobs import claims, orderdata, work
from models import Attempt, AttemptItem, Connection, Link, Order, OrderEvent, Status, Transfer, db, utcnow
from orders import counts, editing, statuses
from orders import work as requests
from orders.timeline import Actor

from .conftest import make_orders, queued

pytestmark = pytest.mark.usefixtures("unlimited")


def send(ids: list[int], connection: Connection) -> None:
    requests.request_send(ids, connection.id, "Tester")
    db.session.commit()


def states() -> dict[str, int]:
    rows = db.session.execute(db.select(Transfer.state, db.func.count()).group_by(Transfer.state)).all()
    found = dict(rows)
    db.session.rollback()
    return found


def status_names(ids: list[int]) -> set[str]:
    rows = db.session.scalars(db.select(Status.key).join(Order, Order.status_id == Status.id).where(Order.id.in_(ids)))
    return {str(key) for key in rows}


def rename_all() -> None:
    for order in db.session.scalars(db.select(Order)).all():
        editing.update(order.id, order.version, {"first_name": "Марія"}, None, Actor("person", "Tester"))
    db.session.commit()


def make_due() -> None:
    """As if the wait were over."""
    db.session.execute(
        db.update(Transfer).where(Transfer.state == "waiting").values(not_before=utcnow() - timedelta(seconds=1))
    )
    db.session.commit()


def stored_orders(sandbox: SandboxServer) -> list[dict[str, Any]]:
    return list(sandbox.vendor("retailcrm").account("sandbox-token").table("orders").values())


def stored(sandbox: SandboxServer) -> list[str]:
    return [order["externalId"] for order in stored_orders(sandbox)]


def test_a_batch_arrives_once_and_orders_turn_transferred(
    context: Flask, crm: Connection, sandbox: SandboxServer
) -> None:
    ids = make_orders(120)
    send(ids, crm)
    assert queued() == ["jobs.work.drain"]  # one wake-up for all
    work.drain(crm.id)
    assert states() == {"done": 120}
    assert sorted(stored(sandbox)) == sorted(db.session.scalars(db.select(Order.key)))
    assert status_names(ids) == {"transferred"}
    links = db.session.scalars(db.select(Link)).all()
    assert all(link.state == "linked" and link.external_id and "/orders/" in link.url for link in links)
    uploads = db.session.scalars(db.select(Attempt).where(Attempt.verb == "send")).all()
    assert len(uploads) == 3  # 50 a call
    assert all(a.outcome == "done" and a.ms is not None for a in uploads)
    assert "sandbox-token" not in str([a.exchanges for a in uploads])
    cells = counts.by_status()
    transferred = db.session.scalar(db.select(Status.id).filter_by(key="transferred"))
    assert cells.keys() == {transferred}
    assert cells[transferred].n == 120


def test_sending_again_after_an_edit_updates_the_same_copy(
    context: Flask, crm: Connection, sandbox: SandboxServer
) -> None:
    ids = make_orders(1)
    send(ids, crm)
    work.drain(crm.id)
    order = db.session.get_one(Order, ids[0])
    editing.update(order.id, order.version, {"first_name": "Марія"}, None, Actor("person", "Tester"))
    db.session.commit()
    assert requests.preview(ids, crm.id).update == ids
    send(ids, crm)
    work.drain(crm.id)
    assert [o["firstName"] for o in stored_orders(sandbox)] == ["Марія"]
    assert requests.preview(ids, crm.id).unchanged == ids


@pytest.mark.parametrize("fault", ["lost", "garbage"])
def test_a_lost_answer_is_looked_up_not_sent_again(
    context: Flask, crm: Connection, sandbox: SandboxServer, fault: str
) -> None:
    ids = make_orders(3)
    sandbox.vendor("retailcrm").fault(fault, times=1, path="orders/upload")
    send(ids, crm)
    work.drain(crm.id)
    assert states() == {"waiting": 3}
    make_due()
    work.drain(crm.id)
    make_due()
    work.drain(crm.id)
    assert states() == {"done": 3}
    assert len(stored(sandbox)) == 3
    assert status_names(ids) == {"transferred"}


def test_a_refusal_shows_its_reason_and_a_retry_heals(context: Flask, crm: Connection, sandbox: SandboxServer) -> None:
    ids = make_orders(1)
    sandbox.vendor("retailcrm").fault("refuse", times=1, path="orders/create")
    send(ids, crm)
    work.drain(crm.id)
    assert states() == {"refused": 1}
    assert status_names(ids) == {"problem"}
    link = db.session.scalars(db.select(Link)).one()
    assert link.state == "problem"
    assert link.error is not None
    assert link.error["fault"] == "validation"
    assert link.error["detail"]
    transfer = db.session.scalars(db.select(Transfer)).one()
    assert requests.retry([transfer.id], "Tester") == 1
    db.session.commit()
    work.drain(crm.id)
    assert states() == {"done": 1}
    assert status_names(ids) == {"transferred"}
    kinds = db.session.scalars(db.select(OrderEvent.kind).order_by(OrderEvent.id)).all()
    assert sorted(kinds) == ["created", "refused", "sent", "status", "status"]


def test_a_batch_that_is_refused_as_a_whole_goes_singly_and_only_the_wrong_order_stays(
    context: Flask, crm: Connection, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vendor takes fewer at once than it has said."""
    monkeypatch.setattr("integrations.retailcrm.sandbox_orders.MAX_UPLOAD", 2)
    sandbox.vendor("retailcrm").fault("refuse", times=1, path="orders/create")
    send(make_orders(3), crm)
    work.drain(crm.id)
    assert states() == {"done": 2, "refused": 1}
    assert len(stored(sandbox)) == 2


def test_an_upload_that_is_refused_before_any_order_is_looked_at_says_why_at_each(
    context: Flask, crm: Connection, sandbox: SandboxServer
) -> None:
    crm.settings = {**(crm.settings or {}), "site": "no-such-shop"}
    db.session.commit()
    send(make_orders(3), crm)
    work.drain(crm.id)
    assert (states(), stored(sandbox)) == ({"refused": 3}, [])
    assert all(link.error and link.error["detail"] for link in db.session.scalars(db.select(Link)))


def test_once_the_vendor_is_away_the_rest_of_what_goes_singly_is_not_tried(
    context: Flask, crm: Connection, sandbox: SandboxServer
) -> None:
    ids = make_orders(3)
    send(ids, crm)
    work.drain(crm.id)
    rename_all()
    sandbox.vendor("retailcrm").fault("rate_limited", times=0, path="/edit", retry_after=60)
    before = sandbox.vendor("retailcrm").requests
    send(ids, crm)
    work.drain(crm.id)
    assert (states(), sandbox.vendor("retailcrm").requests - before) == ({"done": 3, "waiting": 3}, 1)
    sandbox.vendor("retailcrm").clear_faults()
    make_due()
    work.drain(crm.id)
    assert states() == {"done": 6}
    assert {order["firstName"] for order in stored_orders(sandbox)} == {"Марія"}


@pytest.mark.parametrize(
    ("kind", "operation", "uncertain", "external", "says"),
    [
        ("prom", "send", False, None, "takes no orders"),
        ("prom", "send", False, "7", "takes no orders"),
        ("prom", "send", True, None, "takes no orders"),
        ("retailcrm", "status", False, "7", "takes no statuses"),
        ("retailcrm", "ttn", False, "7", "takes no tracking numbers"),
        ("retailcrm", "delete", True, "7", "deletes no orders"),
    ],
)
def test_what_a_system_can_not_do_is_refused_and_says_so(
    context: Flask,
    crm: Connection,
    prom: Connection,
    sandbox: SandboxServer,
    kind: str,
    operation: str,
    uncertain: bool,
    external: str | None,
    says: str,
) -> None:
    """As after an update of the hub whose connector can do less than the one that it was asked of."""
    row = {"prom": prom, "retailcrm": crm}[kind]
    send(make_orders(1), row)
    asked = {"operation": operation, "uncertain": uncertain, "payload": {"status": "any", "number": "59000000000001"}}
    db.session.execute(db.update(Transfer).values(**asked))
    db.session.execute(db.update(Link).values(external_id=external))
    db.session.commit()
    work.drain(row.id)
    assert states() == {"refused": 1}
    told = db.session.scalars(db.select(AttemptItem)).one()
    assert (told.fault, says in told.detail) == ("misconfigured", True)
    assert sandbox.vendor(kind).requests == 0


@pytest.mark.parametrize("fault", ["rate_limited", "drop"])
def test_an_absent_vendor_means_later(context: Flask, crm: Connection, sandbox: SandboxServer, fault: str) -> None:
    ids = make_orders(60)
    sandbox.vendor("retailcrm").fault(fault, times=0)
    send(ids, crm)
    work.drain(crm.id)
    assert states() == {"waiting": 60}
    assert status_names(ids) == {"new"}
    sandbox.vendor("retailcrm").clear_faults()
    for _ in range(4):
        make_due()
        work.drain(crm.id)
    assert states() == {"done": 60}
    assert len(stored(sandbox)) == 60


def test_one_call_too_many_holds_up_only_its_own_batch(context: Flask, crm: Connection, sandbox: SandboxServer) -> None:
    ids = make_orders(150)
    sandbox.vendor("retailcrm").fault("rate_limited", times=1, path="orders/upload")
    send(ids, crm)
    work.drain(crm.id)
    assert states() == {"done": 150}
    assert db.session.scalar(db.select(db.func.count()).where(Transfer.tries == 2)) == 50
    assert len(stored(sandbox)) == 150


def test_wrong_credentials_are_refused_with_the_connection_marked(
    context: Flask, crm: Connection, sandbox: SandboxServer
) -> None:
    crm.secrets = {"api_key": "wrong-token"}
    db.session.commit()
    ids = make_orders(2)
    send(ids, crm)
    work.drain(crm.id)
    assert states() == {"refused": 2}
    db.session.refresh(crm)
    assert crm.last_error is not None
    assert crm.last_error["fault"] == "credentials"
    assert "wrong-token" not in str(db.session.scalars(db.select(Attempt.exchanges)).all())


def test_a_dead_worker_s_claims_are_freed_and_looked_up(
    context: Flask, crm: Connection, sandbox: SandboxServer
) -> None:
    ids = make_orders(2)
    send(ids, crm)
    drain = work.Drain(crm.id)
    taken = claims.claim(crm.id, 50)
    assert [c.order_id for c in taken] == ids
    # the worker writes the attempt, the vendor stores the orders, and the worker dies
    from jobs import connections
    from jobs.calls import Caller

    batch = drain_batch(drain, taken, crm)
    Caller(connections.open_connector(crm), set()).call(batch)
    db.session.rollback()
    assert states() == {"working": 2}
    db.session.execute(db.update(Transfer).values(lease_until=utcnow() - timedelta(seconds=1)))
    db.session.commit()
    work.sweep()
    work.drain(crm.id)
    assert states() == {"done": 2}
    assert len(stored(sandbox)) == 2
    dead = db.session.scalars(db.select(AttemptItem).where(AttemptItem.fault == "lease_lost")).all()
    assert len(dead) == 2


def drain_batch(drain: work.Drain, taken: list[claims.Claim], crm: Connection) -> object:
    from jobs.calls import Batch

    drain.size = 50
    batch = Batch("send", taken, orderdata.load([claim.order_id for claim in taken], crm.id))
    drain._open_attempt(batch)
    return batch


def test_a_late_worker_writes_nothing(context: Flask, crm: Connection, sandbox: SandboxServer) -> None:
    from jobs import connections, results
    from jobs.calls import Caller

    ids = make_orders(1)
    send(ids, crm)
    slow = claims.claim(crm.id, 50)
    batch = drain_batch(work.Drain(crm.id), slow, crm)
    report = Caller(connections.open_connector(crm), set()).call(batch)
    db.session.execute(db.update(Transfer).values(lease_until=utcnow() - timedelta(seconds=1)))
    db.session.commit()
    claims.free_expired()
    fast = claims.claim(crm.id, 50)
    assert fast[0].fence == slow[0].fence + 1
    results.write(crm.id, batch, report)  # comes back too late
    row = db.session.scalars(db.select(Transfer).execution_options(populate_existing=True)).one()
    assert (row.state, row.fence) == ("working", fast[0].fence)
    assert status_names(ids) == {"new"}


def test_what_is_asked_for_anew_while_its_worker_dies_is_looked_up_before_it_is_sent(
    context: Flask, crm: Connection, sandbox: SandboxServer
) -> None:
    from jobs import connections
    from jobs.calls import Caller

    ids = make_orders(1)
    send(ids, crm)
    batch = drain_batch(work.Drain(crm.id), claims.claim(crm.id, 50), crm)
    Caller(connections.open_connector(crm), set()).call(batch)  # it arrives, and the worker dies
    send(ids, crm)
    assert states() == {"working": 1, "waiting": 1}
    db.session.execute(db.update(Transfer).values(lease_until=utcnow() - timedelta(seconds=1)))
    db.session.commit()
    claims.free_expired()
    assert states() == {"cancelled": 1, "waiting": 1}
    work.drain(crm.id)
    assert (states(), len(stored(sandbox))) == ({"cancelled": 1, "done": 1}, 1)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_transfer_whose_sibling_another_worker_takes_at_this_moment_waits(context: Flask, crm: Connection) -> None:
    """A person has asked for the sibling once more just now. On SQLite there is one writer at a time."""
    ids = make_orders(1)
    send(ids, crm)
    sibling = Transfer(order_id=ids[0], connection_id=crm.id, operation="delete", state="refused", payload={})
    db.session.add(sibling)
    db.session.commit()
    sibling_id = sibling.id

    def another(_conn: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if statement.startswith("UPDATE transfers") and not taken:
            taken.append(sibling_id)
            with db.engine.begin() as other:
                other.execute(db.update(Transfer).where(Transfer.id == sibling_id).values(state="working"))

    taken: list[int] = []
    sql_event.listen(db.engine, "before_cursor_execute", another)
    assert claims.claim(crm.id, 50) == []
    sql_event.remove(db.engine, "before_cursor_execute", another)
    assert states() == {"waiting": 1, "working": 1}
    db.session.execute(db.update(Transfer).where(Transfer.id == sibling_id).values(state="refused"))
    db.session.commit()
    assert [claim.order_id for claim in claims.claim(crm.id, 50)] == ids


def test_an_order_that_the_answer_says_nothing_about_is_looked_up(
    context: Flask, crm: Connection, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connector forgets to tell what became of the last one."""
    kind = connectors()["retailcrm"]
    forgets = {"send": lambda self, orders: kind.send(self, orders)[:-1]}  # type: ignore[attr-defined]  # it can
    monkeypatch.setitem(connectors(), "retailcrm", type("Forgetful", (kind,), forgets))
    send(make_orders(3), crm)
    work.drain(crm.id)
    assert (states(), len(stored(sandbox))) == ({"done": 2, "waiting": 1}, 3)
    make_due()
    work.drain(crm.id)
    assert (states(), len(stored(sandbox))) == ({"done": 3}, 3)


def test_a_connection_that_is_off_keeps_its_work_waiting(context: Flask, crm: Connection) -> None:
    crm.enabled = False
    db.session.commit()
    send(make_orders(1), crm)
    work.drain(crm.id)
    assert states() == {"waiting": 1}


def test_a_cancelled_order_is_not_sent_any_more(context: Flask, crm: Connection, sandbox: SandboxServer) -> None:
    ids = make_orders(2)
    send(ids, crm)
    cancelled = db.session.scalars(db.select(Status).filter_by(key="cancelled")).one()
    statuses.change(ids[:1], cancelled, Actor("person", "Tester"))
    db.session.commit()
    work.drain(crm.id)
    assert states() == {"cancelled": 1, "done": 1}
    assert len(stored(sandbox)) == 1
    assert db.session.scalars(db.select(Link.order_id)).all() == ids[1:]


def test_a_connector_that_stumbles_leaves_its_orders_to_a_look_up(
    context: Flask, crm: Connection, sandbox: SandboxServer
) -> None:
    from jobs import connections, results
    from jobs.calls import Caller

    send(make_orders(1), crm)
    batch = drain_batch(work.Drain(crm.id), claims.claim(crm.id, 50), crm)
    opened = connections.open_connector(crm)
    opened.settings = {}  # what a connector with a fault of its own meets
    report = Caller(opened, set()).call(batch)
    results.write(crm.id, batch, report)
    assert {r.fault for r in report.results.values()} == {"broken"}
    assert states() == {"waiting": 1}
    make_due()
    work.drain(crm.id)
    make_due()
    work.drain(crm.id)
    assert states() == {"done": 1}
