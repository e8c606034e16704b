"""Webhooks going out: written with the change, signed, tried again, given up. The receiver is a real server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jsonschema
import pytest
from flask import Flask
from standardwebhooks import Webhook, WebhookVerificationError

from integrations import http
from jobs import wake, webhooks
from models import Order, Status, WebhookAttempt, WebhookDelivery, WebhookEndpoint, db, utcnow
from orders import editing, outbox, statuses
from orders.timeline import Actor

from .conftest import make_orders

OLENA = Actor("person", "Olena")


class Receiver(ThreadingHTTPServer):
    """Keeps what it is sent; answers with the next of `answers`, else 200."""

    daemon_threads = True

    def __init__(self) -> None:
        self.seen: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((dict(self.headers), body))
        status, headers = self.server.answers.pop(0) if self.server.answers else (200, {})
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    http.close_all()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def extra_env() -> dict[str, str]:
    return {"ALLOW_PRIVATE_ADDRESSES": "1"}


@pytest.fixture(autouse=True)
def clean_sandbox() -> None:
    """None is needed here."""


@pytest.fixture
def endpoint(context: Flask, receiver: Receiver) -> tuple[int, str]:
    row, secret = webhooks.create(receiver.url, outbox.EVENTS)
    db.session.commit()
    return row.id, secret


def confirm(order_id: int) -> None:
    status = db.session.scalar(db.select(Status).where(Status.key == "confirmed"))
    statuses.change([order_id], status, OLENA)
    db.session.commit()


def deliveries() -> list[tuple[str, str, int]]:
    db.session.rollback()
    rows = db.session.scalars(db.select(WebhookDelivery).order_by(WebhookDelivery.id)).all()
    return [(row.event, row.state, row.tries) for row in rows]


def later(endpoint_id: int) -> None:
    """As if the waits were over."""
    now = utcnow() - timedelta(seconds=1)
    db.session.execute(db.update(WebhookDelivery).values(not_before=now))
    db.session.execute(db.update(WebhookEndpoint).values(not_before=now))
    db.session.commit()
    webhooks.deliver(endpoint_id)


def test_changes_are_told_and_signed(context, receiver, endpoint):
    endpoint_id, secret = endpoint
    (order_id,) = make_orders(1)
    confirm(order_id)
    order = db.session.get(Order, order_id)
    editing.update(order_id, order.version, {"city": "Львів"}, None, OLENA)
    db.session.commit()
    webhooks.deliver(endpoint_id)
    events = []
    for headers, body in receiver.seen:
        event = Webhook(secret).verify(body, {name.lower(): value for name, value in headers.items()})
        events.append(event)
    assert [event["type"] for event in events] == list(outbox.EVENTS)
    assert events[1]["data"]["changes"] == [["status", "New", "Confirmed"]]
    assert events[2]["data"]["order"]["delivery"]["city"] == "Львів"
    assert {state for _event, state, _tries in deliveries()} == {"done"}
    assert db.session.get(WebhookEndpoint, endpoint_id).last_ok_at
    assert len({headers["webhook-id"] for headers, _body in receiver.seen}) == 3


def test_events_are_as_the_description_says(context, receiver, endpoint):
    from views.api.schemas import SCHEMAS

    make_orders(1)
    webhooks.deliver(endpoint[0])
    schema = {**SCHEMAS["Event"], "components": {"schemas": SCHEMAS}}
    jsonschema.Draft202012Validator(schema).validate(json.loads(receiver.seen[0][1]))


def test_a_forged_event_is_known(context, receiver, endpoint):
    make_orders(1)
    webhooks.deliver(endpoint[0])
    headers, body = receiver.seen[0]
    told = {name.lower(): value for name, value in headers.items()}
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint[1]).verify(body.replace(b"T-00001", b"T-00002"), told)
    with pytest.raises(WebhookVerificationError):
        Webhook(webhooks.new_secret()).verify(body, told)


def test_what_is_rolled_back_is_not_told(context, receiver, endpoint):
    (order_id,) = make_orders(1)
    status = db.session.scalar(db.select(Status).where(Status.key == "confirmed"))
    statuses.change([order_id], status, OLENA)
    db.session.rollback()
    assert [event for event, _, _ in deliveries()] == ["order.created"]


def test_only_what_is_wanted_is_written(context, receiver, endpoint):
    row = db.session.get(WebhookEndpoint, endpoint[0])
    row.events = ["order.status_changed"]
    other, _secret = webhooks.create(receiver.url, outbox.EVENTS)
    other.enabled = False
    db.session.commit()
    (order_id,) = make_orders(1)
    confirm(order_id)
    assert [event for event, _, _ in deliveries()] == ["order.status_changed"]


def test_a_commit_wakes_a_worker_once(context, receiver, endpoint):
    make_orders(2)
    make_orders(1, number="T-9")
    assert [job.func_name for job in wake.queue("low").jobs] == ["jobs.webhooks.deliver"]


def test_a_failed_delivery_is_tried_again_with_the_same_id_and_body(context, receiver, endpoint):
    endpoint_id, _secret = endpoint
    receiver.answers = [(500, {}), (302, {"Location": "http://127.0.0.1/"})]
    (order_id,) = make_orders(1)
    webhooks.deliver(endpoint_id)
    assert deliveries() == [("order.created", "waiting", 1)]
    webhooks.deliver(endpoint_id)
    assert len(receiver.seen) == 1  # not before its time
    confirm(order_id)
    later(endpoint_id)
    assert len(receiver.seen) == 2
    later(endpoint_id)
    assert [state for _, state, _ in deliveries()] == ["done", "done"]
    tries = [(h["webhook-id"], body) for h, body in receiver.seen if b"order.created" in body]
    assert len(tries) == 3
    assert len(set(tries)) == 1
    attempts = db.session.scalars(db.select(WebhookAttempt.status).order_by(WebhookAttempt.id)).all()
    assert sorted(attempts) == [200, 200, 302, 500]


def test_retry_after_is_obeyed(context, receiver, endpoint):
    receiver.answers = [(429, {"Retry-After": "3600"})]
    make_orders(1)
    webhooks.deliver(endpoint[0])
    row = db.session.scalar(db.select(WebhookDelivery))
    assert row.not_before > utcnow() + timedelta(minutes=59)


def test_an_endpoint_that_is_away_is_left_alone(context, endpoint, receiver):
    row = db.session.get(WebhookEndpoint, endpoint[0])
    row.url = "http://127.0.0.1:9/nobody"
    db.session.commit()
    make_orders(3)
    webhooks.deliver(endpoint[0])
    webhooks.deliver(endpoint[0])
    assert [tries for _, _, tries in deliveries()] == [1, 0, 0]
    attempt = db.session.scalar(db.select(WebhookAttempt))
    assert (attempt.status, attempt.detail.split(":")[0]) == (None, "unreachable")


def test_a_delivery_is_given_up_after_its_last_try(context, receiver, endpoint):
    receiver.answers = [(500, {})] * 20
    make_orders(1)
    for _ in range(12):
        later(endpoint[0])
    assert deliveries() == [("order.created", "failed", len(webhooks.RETRIES) + 1)]
    webhooks.resend(db.session.scalar(db.select(WebhookDelivery)))
    db.session.commit()
    receiver.answers = []
    webhooks.deliver(endpoint[0])
    assert deliveries() == [("order.created", "done", 1)]


@pytest.mark.parametrize("reason", ["days", "gone"])
def test_an_endpoint_is_switched_off(context, receiver, endpoint, reason):
    receiver.answers = [(410 if reason == "gone" else 500, {})]
    make_orders(1)
    row = db.session.get(WebhookEndpoint, endpoint[0])
    if reason == "days":
        row.failing_since = utcnow() - timedelta(days=6)
        db.session.commit()
    webhooks.deliver(endpoint[0])
    db.session.rollback()
    assert (row.enabled, row.given_up_at is not None) == (False, True)
    later(endpoint[0])
    assert len(receiver.seen) == 1
    webhooks.switch(row, True)
    db.session.commit()
    later(endpoint[0])
    assert deliveries() == [("order.created", "done", 2)]


def test_both_secrets_hold_for_a_day(context, receiver, endpoint):
    endpoint_id, old = endpoint
    row = db.session.get(WebhookEndpoint, endpoint_id)
    new = webhooks.rotate(row)
    db.session.commit()
    make_orders(1)
    webhooks.deliver(endpoint_id)
    headers, body = receiver.seen[0]
    told = {name.lower(): value for name, value in headers.items()}
    for secret in (old, new):
        Webhook(secret).verify(body, told)
    kept = dict(row.secrets)
    assert webhooks.valid_secrets(kept, utcnow() + timedelta(hours=25)) == [new]


def test_a_dead_workers_delivery_is_taken_over_and_its_late_answer_changes_nothing(context, receiver, endpoint):
    endpoint_id, _secret = endpoint
    make_orders(1)
    held = webhooks._claim(endpoint_id)
    webhooks.deliver(endpoint_id)
    assert receiver.seen == []
    db.session.execute(db.update(WebhookDelivery).values(lease_until=utcnow() - timedelta(seconds=1)))
    db.session.commit()
    wake.broker().flushall()
    webhooks.sweep()
    assert [job.func_name for job in wake.queue("low").jobs] == ["jobs.webhooks.deliver"]
    webhooks.deliver(endpoint_id)
    assert deliveries() == [("order.created", "done", 2)]
    webhooks._settle(endpoint_id, held, webhooks._Result(500, "late", 1))
    assert deliveries() == [("order.created", "done", 2)]


def test_an_endpoint_that_is_deleted_during_a_call_takes_its_deliveries_along(context, receiver, endpoint):
    endpoint_id, _secret = endpoint
    make_orders(1)
    held = webhooks._claim(endpoint_id)
    db.session.delete(db.session.get_one(WebhookEndpoint, endpoint_id))
    db.session.commit()
    webhooks._settle(endpoint_id, held, webhooks._Result(200, "", 1))
    webhooks.deliver(endpoint_id)
    assert deliveries() == []
    assert db.session.scalars(db.select(WebhookAttempt)).all() == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_long_queue_is_worked_off_in_stints(context, receiver, endpoint):
    endpoint_id, _secret = endpoint
    webhooks.send_test(db.session.get_one(WebhookEndpoint, endpoint_id))
    make_orders(webhooks.STINT)
    broker = wake.broker()
    broker.flushall()
    webhooks.deliver(endpoint_id)
    assert len(receiver.seen) == webhooks.STINT
    assert [job.func_name for job in wake.queue("low").jobs] == ["jobs.webhooks.deliver"]
    webhooks.deliver(endpoint_id)
    assert {state for _event, state, _tries in deliveries()} == {"done"}
    assert json.loads(receiver.seen[0][1])["data"] == {}
    assert len(receiver.seen) == webhooks.STINT + 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_secret_is_in_no_log(context, receiver, endpoint):
    make_orders(1)
    webhooks.deliver(endpoint[0])
    others = [table for table in db.metadata.sorted_tables if table.name != "webhook_endpoints"]
    dump = "\n".join(str(tuple(row)) for table in others for row in db.session.execute(table.select()))
    assert endpoint[1].removeprefix("whsec_") not in dump


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestGuard:
    @pytest.fixture
    def extra_env(self) -> dict[str, str]:
        return {}

    def test_private_addresses_are_not_called(self, context, receiver, endpoint):
        make_orders(1)
        webhooks.deliver(endpoint[0])
        assert receiver.seen == []
        assert db.session.scalar(db.select(WebhookAttempt.detail)).startswith("blocked")
