"""What posts to the hub and is no KeyCRM with a changed status: it can't be asked, tells of payment alone, isn't
understood, or should not be posting at all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event as sql_event
from werkzeug.test import TestResponse

from integrations import connectors, destinations
from integrations.base import Connector
from integrations.notices import StatusNotice
from integrations.sandbox import SandboxServer
from integrations.types import Notice, Reply, StatusChange
from jobs import connections, hooks, inbox, news
from models import Connection, Incoming, Link, Order, OrderEvent, Transfer, db, utcnow

from ..orders import build
from .conftest import make_orders, queued
from .test_hooks import ends, ours, told
from .test_intake import count, map_status

AT = datetime(2026, 3, 1, 10, tzinfo=UTC)


class Bell(Connector):
    """A system that tells of its copies and does nothing else: there is no asking it how they stand."""

    key = "bell"
    title = "Bell"
    api_url = ""
    mappings = destinations.mappings({}, {}, {})

    def notices(self, headers: Mapping[str, str], body: bytes) -> Sequence[Notice]:
        said = json.loads(body)
        notice = StatusNotice("status", body.decode(), said["id"], body=said, paid=said.get("paid", False))
        if "status" not in said:
            return [notice]
        return [replace(notice, change=StatusChange(said["id"], said["status"], at=datetime.fromisoformat(said["at"])))]

    def answer(self, notices: Sequence[Notice]) -> Reply:
        return Reply()


@pytest.fixture
def bell(context: Flask, monkeypatch: pytest.MonkeyPatch) -> Connection:
    monkeypatch.setitem(connectors(), "bell", Bell)
    row = connections.create("bell", "Bell", {})
    map_status(row, "confirmed", "2")
    return row


def post(app: Flask, row: Connection, body: Any) -> TestResponse:
    """To the connection's address, as the system would."""
    url = hooks.address(row.id).removeprefix("http://localhost")
    db.session.commit()
    with app.app_context():
        return app.test_client().post(url, data=json.dumps(body), content_type="application/json")


def copy_of(row: Connection, **values: Any) -> int:
    """A new order of ours with the copy "501" there; its id."""
    [order_id] = make_orders(1)
    build.link(order_id, row.id, external_id="501", external_status="1", **values)
    return order_id


def test_a_doubt_about_a_system_that_can_t_be_asked_changes_nothing(context: Flask, bell: Connection) -> None:
    """We wrote there within the same minute: which of the two came last only the system could say."""
    order_id = copy_of(bell, told_at=utcnow())
    assert post(context, bell, {"id": "501", "status": "2", "at": utcnow().isoformat()}).status_code == 200
    news.work(bell.id)
    assert ends() == [("ignored", news.UNASKED)]  # it doesn't wait for ever
    assert ours(order_id) == "new"
    assert db.session.scalars(db.select(Link.external_status)).one() == "1"


def test_a_doubt_that_another_worker_settles_in_the_meantime_is_asked_about_by_nobody(
    context: Flask, bell: Connection
) -> None:
    copy_of(bell, told_at=utcnow())
    assert post(context, bell, {"id": "501", "status": "2", "at": utcnow().isoformat()}).status_code == 200

    def another(_session: Any) -> None:
        with db.engine.begin() as connection:
            connection.execute(db.update(Incoming).values(state="applied", note=news.ASKED))

    sql_event.listen(db.session(), "after_commit", another, once=True)
    news.work(bell.id)
    assert ends() == [("applied", news.ASKED)]  # and not "unasked", which is what doubts about this system come to


def test_without_a_doubt_what_such_a_system_tells_is_ours(context: Flask, bell: Connection) -> None:
    order_id = copy_of(bell)
    assert post(context, bell, {"id": "501", "status": "2", "at": AT.isoformat()}).status_code == 200
    news.work(bell.id)
    assert ends() == [("applied", "")]
    assert ours(order_id) == "confirmed"
    assert count(Transfer) == 0


def test_a_payment_told_without_a_status_leaves_the_status_alone(context: Flask, bell: Connection) -> None:
    order_id = copy_of(bell, external_at=AT)
    assert post(context, bell, {"id": "501", "paid": True}).status_code == 200
    assert post(context, bell, {"id": "501"}).status_code == 200  # and one that says nothing
    assert queued() == ["jobs.news.work"]
    news.work(bell.id)
    assert ends() == [("applied", ""), ("ignored", news.KNOWN)]
    order = db.session.get_one(Order, order_id, populate_existing=True)
    assert (order.paid, order.status.key) == (True, "new")
    link = db.session.scalars(db.select(Link)).one()
    assert (link.external_status, link.external_at) == ("1", AT)
    kinds = db.session.scalars(db.select(OrderEvent.kind).where(OrderEvent.order_id == order_id)).all()
    assert sorted(kinds) == ["created", "payment"]


def test_a_notice_of_another_kind_than_the_hub_knows_is_kept_as_failed(context: Flask, bell: Connection) -> None:
    """An update of the hub may have dropped it; it isn't looked at again and again."""
    copy_of(bell)
    assert post(context, bell, {"id": "501", "paid": True}).status_code == 200
    db.session.execute(db.update(Incoming).values(event="parcel"))
    db.session.commit()
    incoming_id = db.session.scalars(db.select(Incoming.id)).one()
    inbox.process(incoming_id)
    assert ends() == [("failed", "nothing is done with parcel")]


@pytest.mark.parametrize("event", ["order.change_order_status", "order.change_payment_status"])
def test_a_notice_of_a_status_that_names_none_is_refused_and_kept(
    context: Flask, sandbox: SandboxServer, event: str
) -> None:
    given = {"api_url": f"{sandbox.url}/keycrm", "api_key": "sandbox-token", "mode": "orders", "source_id": "7"}
    key = connections.create("keycrm", "Key", given)
    order_id = copy_of(key)
    for status in ("", "new"):
        body = told(2, payment_status="paid", status_id=status) | {"event": event}
        assert (answer := post(context, key, body)).status_code == 400
        assert answer.text == "validation"
    assert ends() == [("refused", "validation: no status")] * 2
    assert queued() == []
    news.work(key.id)
    order = db.session.get_one(Order, order_id, populate_existing=True)
    assert (order.status.key, order.paid) == ("new", False)


def test_a_system_that_sends_no_notices_is_told_so_and_nothing_is_kept(context: Flask, prom: Connection) -> None:
    answer = post(context, prom, told(2))
    assert (answer.status_code, answer.text) == (400, "misconfigured")
    assert count(Incoming) == 0
    assert queued() == []
