"""Statuses that a system tells by itself, from the address it posts to until the order has changed: each once, the
newest wins, what never comes is found by reading. EXAMPLES=500 for a longer search."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.sandbox import SandboxServer
from jobs import connections, hooks, inbox, news, runs, wake, work
from models import (
    Attempt,
    Connection,
    HookSecret,
    Incoming,
    Link,
    Mapping,
    Order,
    OrderEvent,
    Status,
    Transfer,
    db,
    utcnow,
)
from orders import statuses

from ..orders import build
from .conftest import make_orders, queued
from .test_intake import TESTER, count, map_status, run, status

pytestmark = pytest.mark.usefixtures("unlimited")

SOURCE = 7
#: ours -> theirs
PAIRS = {"new": "1", "confirmed": "2", "transferred": "8", "problem": "21", "cancelled": "19"}
BEGAN = datetime(2026, 3, 1, 10, tzinfo=UTC)
Post = Callable[..., int]


@pytest.fixture
def key(context: Flask, sandbox: SandboxServer) -> Connection:
    given = {"api_url": f"{sandbox.url}/keycrm", "api_key": "sandbox-token", "mode": "orders", "source_id": str(SOURCE)}
    row = connections.create("keycrm", "Key", given)
    for ours, theirs in PAIRS.items():
        map_status(row, ours, theirs)
        card = {"lookup": f"card-{theirs}", "theirs": f"card-{theirs}", "ours": status(ours).id, "extra": {}}
        db.session.add(Mapping(connection_id=row.id, table="status_in", **card))
    hooks.rotate(row.id)
    db.session.commit()
    return row


@pytest.fixture
def post(context: Flask, key: Connection) -> Post:
    """post(body) -> the HTTP status that the system is answered."""
    url = hooks.address(key.id).removeprefix("http://localhost")
    client = context.test_client()

    def send(body: Any, path: str = "/orders") -> int:
        db.session.rollback()
        content = body if isinstance(body, bytes) else json.dumps(body)
        with context.app_context():
            return int(client.post(url + path, data=content, content_type="application/json").status_code)

    return send


def told(status: int | str, at: datetime = BEGAN, number: int = 501, **more: Any) -> dict[str, Any]:
    """What is posted when order `number` there gets a status."""
    context = {"id": number, "source_id": SOURCE, "source_uuid": "x", "status_id": int(status)}
    context |= {"updated_at": at.strftime("%Y-%m-%dT%H:%M:%S.000000Z")}
    return {"event": "order.change_order_status", "context": context | more}


def copy_of(key: Connection, external_id: str = "501", order_id: int = 0) -> int:
    """An order of ours, new, with a copy there; its id."""
    order_id = order_id or make_orders(1)[0]
    build.link(order_id, key.id, external_id=external_id, external_status="1")
    return order_id


def ours(order_id: int) -> str:
    query = db.select(Status.key).join(Order, Order.status_id == Status.id).where(Order.id == order_id)
    found = str(db.session.scalar(query))
    db.session.rollback()
    return found


def ends() -> list[tuple[str, str]]:
    found = [(row.state, row.note) for row in db.session.scalars(db.select(Incoming).order_by(Incoming.id))]
    db.session.rollback()
    return found


def there(sandbox: SandboxServer, **values: Any) -> int:
    """An order at the system itself; its number there."""
    vendor = sandbox.vendor("keycrm")
    given = {"source_id": SOURCE, "source_uuid": "T-1", "buyer": {}, "products": [], "payments": []}
    return int(vendor.add_order(vendor.account(), given | values)["id"])


def test_a_change_over_there_becomes_ours_and_is_not_sent_back(context: Flask, key: Connection, post: Post) -> None:
    order_id = copy_of(key)
    assert [post(told(2)) for _ in range(3)] == [200, 200, 200]
    assert queued() == ["jobs.news.work"]  # one wake-up for all
    news.work(key.id)
    assert ours(order_id) == "confirmed"
    assert ends() == [("applied", "")]  # a repetition is no second row
    link = db.session.scalars(db.select(Link)).one()
    assert (link.external_status, link.external_at) == ("2", BEGAN)
    assert count(Transfer) == 0
    kinds = list(db.session.scalars(db.select(OrderEvent.kind).where(OrderEvent.order_id == order_id)))
    assert {"external", "status"} <= set(kinds)
    row = db.session.scalars(db.select(Incoming)).one()
    assert row.order_id == order_id
    assert row.body["name"] == "Status of an order"


def test_what_is_older_changes_nothing(context: Flask, key: Connection, post: Post) -> None:
    order_id = copy_of(key)
    post(told(8, BEGAN + timedelta(minutes=5)))
    news.work(key.id)
    post(told(2, BEGAN))
    post(told(8, BEGAN + timedelta(minutes=6)))
    news.work(key.id)
    assert ours(order_id) == "transferred"
    assert [state for state, _ in ends()] == ["applied", "ignored", "ignored"]
    assert [note for _, note in ends()] == ["", news.OLD, news.KNOWN]


@pytest.mark.parametrize(
    ("body", "note"),
    [
        (told(2, source_id=8), "another source"),
        (told(2, number=999), news.NO_COPY),
        ({"event": "order.created", "context": {"id": 501}}, "Nothing is done about this event"),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_not_ours_is_kept_and_changes_nothing(
    context: Flask, key: Connection, post: Post, body: dict[str, Any], note: str
) -> None:
    order_id = copy_of(key)
    assert post(body) == 200
    news.work(key.id)
    (state, why), *_ = ends()
    assert state == "ignored"
    assert note in why
    assert ours(order_id) == "new"


@pytest.mark.parametrize("body", [b"{", b"[]", b"event=x", b'{"event":"x"}', b'{"context":{"id":1}}', b"\xff\x00"])
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_what_can_t_be_read_is_refused_and_kept(context: Flask, key: Connection, post: Post, body: bytes) -> None:
    assert post(body) == 400
    assert [(row.state, row.event) for row in db.session.scalars(db.select(Incoming))] == [("refused", "unknown")]
    assert queued() == []


def test_cards_are_told_apart_from_orders(context: Flask, key: Connection, post: Post) -> None:
    connections.change(key, {**connections.account_settings(key), "mode": "cards"})
    order, card = make_orders(2)
    copy_of(key, "501", order)
    copy_of(key, "card-501", card)
    body = {"event": "lead.change_lead_status", "context": {**told(2)["context"], "title": "T-00002"}}
    assert post(body, "/cards") == 200
    news.work(key.id)
    assert (ours(order), ours(card)) == ("new", "confirmed")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nothing_is_done_while_orders_are_not_sent_there(context: Flask, key: Connection, post: Post) -> None:
    connections.change(key, {**connections.account_settings(key), "mode": "off"})
    order_id = copy_of(key)
    assert post(told(2)) == 200
    assert [state for state, _ in ends()] == ["ignored"]
    assert ours(order_id) == "new"


def test_paid_there_is_paid_here_but_not_on_delivery(context: Flask, key: Connection, post: Post) -> None:
    order, cod = make_orders(1)[0], make_orders(1, number="C-1", cod=True)[0]
    copy_of(key, "501", order)
    copy_of(key, "502", cod)
    for number in (501, 502):
        body = told(1, number=number, payment_status="paid")
        post(body | {"event": "order.change_payment_status"})
        post(told(1, number=number, payment_status="paid"))  # of the status: not about payment
    news.work(key.id)
    paid = dict(db.session.execute(db.select(Order.id, Order.paid)).all())
    assert paid == {order: True, cod: False}
    assert count(OrderEvent, OrderEvent.order_id == order, OrderEvent.kind == "payment") == 1


def test_our_own_change_comes_back_and_is_no_news(
    context: Flask, key: Connection, post: Post, sandbox: SandboxServer
) -> None:
    """Two of ours, one after the other; what they set off arrives late and the other way round."""
    vendor = sandbox.vendor("keycrm")
    vendor.build_trigger("http://127.0.0.1:9/nobody")
    vendor.hold()
    order_id = copy_of(key, str(there(sandbox)))
    for chosen in ("confirmed", "problem"):
        statuses.change([order_id], status(chosen), TESTER)
        db.session.commit()
        work.drain(key.id)
    bodies = [fired.body for fired in vendor.fired]
    assert [json.loads(body)["context"]["status_id"] for body in bodies] == [2, 21]
    for body in reversed(bodies):
        assert post(body) == 200
    news.work(key.id)
    assert ours(order_id) == "problem"
    assert {state for state, _ in ends()} == {"ignored"}
    assert count(Transfer) == 2


def test_an_echo_that_is_quicker_than_our_own_bookkeeping_waits(context: Flask, key: Connection, post: Post) -> None:
    order_id = copy_of(key)
    link = db.session.scalars(db.select(Link)).one()
    link.told = "2"
    transfer = Transfer(order_id=order_id, connection_id=key.id, operation="status", payload={"status": "2"})
    transfer.state, transfer.lease_until = "working", utcnow() + timedelta(minutes=1)
    db.session.add(transfer)
    db.session.commit()
    post(told(2))
    news.work(key.id)
    assert ends() == [("new", "")]
    transfer.state = "done"
    link.external_status, link.told, link.told_at = "2", "", utcnow()
    db.session.commit()
    db.session.execute(db.update(Incoming).values(received_at=utcnow() - timedelta(minutes=1)))
    db.session.commit()
    inbox.sweep()
    assert ends() == [("ignored", news.KNOWN)]
    assert ours(order_id) == "new"


def test_a_doubt_is_asked_about_and_without_an_answer_left_to_the_next_reading(
    context: Flask, key: Connection, post: Post, sandbox: SandboxServer
) -> None:
    vendor, number = sandbox.vendor("keycrm"), there(sandbox)
    order_id = copy_of(key, str(number))
    link = db.session.scalars(db.select(Link)).one()
    link.told_at = utcnow()  # we have just written; which came first can't be told
    db.session.commit()
    vendor.set_status(number, 8)
    vendor.fault("error500", times=0)
    post(told(2, utcnow(), number))
    news.work(key.id)
    assert ends() == [("new", "")]
    assert count(Attempt) == 1  # the log shows the call
    vendor.clear_faults()
    news.work(key.id)
    assert ends() == [("applied", news.ASKED)]
    assert ours(order_id) == "transferred"  # as it is there, whatever was told

    vendor.fault("error500", times=0)
    link.told_at = utcnow()
    db.session.commit()
    post(told(2, utcnow() + timedelta(seconds=2), number))  # within the same second it would be the same notice
    db.session.execute(db.update(Incoming).values(received_at=utcnow() - news.PATIENCE))
    db.session.commit()
    inbox.sweep()
    assert ends()[-1] == ("ignored", news.UNANSWERED)
    vendor.clear_faults()


def test_what_never_came_is_found_by_reading(
    context: Flask, key: Connection, post: Post, sandbox: SandboxServer
) -> None:
    vendor, number = sandbox.vendor("keycrm"), there(sandbox)
    order_id = copy_of(key, str(number))
    early = utcnow() - timedelta(minutes=3)
    vendor.set_status(number, 8)  # nobody is told
    assert run(key, "statuses").state == "done"
    assert ours(order_id) == "transferred"
    post(told(2, early, number))  # and this one comes three minutes late
    news.work(key.id)
    assert ours(order_id) == "transferred"
    assert ends() == [("ignored", news.OLD)]


def test_an_old_reading_does_not_undo_what_was_told_meanwhile(
    context: Flask, key: Connection, post: Post, sandbox: SandboxServer
) -> None:
    vendor, number = sandbox.vendor("keycrm"), there(sandbox)
    order_id = copy_of(key, str(number))
    vendor.set_status(number, 8)
    post(told(21, utcnow() + timedelta(seconds=30), number))
    news.work(key.id)
    assert ours(order_id) == "problem"
    run(key, "statuses")  # still tells of the status before
    assert ours(order_id) == "problem"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_reading_that_is_older_than_our_own_writing_is_made_again(
    context: Flask, key: Connection, sandbox: SandboxServer
) -> None:
    vendor, number = sandbox.vendor("keycrm"), there(sandbox)
    order_id = copy_of(key, str(number))
    link = db.session.scalars(db.select(Link)).one()
    link.told_at = utcnow() + timedelta(minutes=1)  # our writing ends while theirs is being read
    db.session.commit()
    vendor.set_status(number, 8)
    assert run(key, "statuses").counts["changed"] == 0
    assert ours(order_id) == "new"
    link.told_at = utcnow() - timedelta(minutes=1)
    db.session.commit()
    assert run(key, "statuses").counts["changed"] == 1
    assert ours(order_id) == "transferred"


def test_what_came_while_the_connection_was_off_can_be_taken_up(context: Flask, key: Connection, post: Post) -> None:
    order_id = copy_of(key)
    key.enabled = False
    db.session.commit()
    post(told(2))
    news.work(key.id)
    assert ends() == [("ignored", news.OFF)]
    key.enabled = True
    ids = list(db.session.scalars(db.select(Incoming.id)))
    assert inbox.replay(key.id, ids) == 1
    assert inbox.replay(key.id, ids) == 0  # it waits already
    db.session.commit()
    assert "jobs.news.work" in queued()
    news.work(key.id)
    assert ours(order_id) == "confirmed"
    assert inbox.replay(key.id, ids) == 1
    db.session.commit()
    events = count(OrderEvent)
    news.work(key.id)
    assert ends() == [("ignored", news.KNOWN)]  # once more does nothing more
    assert count(OrderEvent) == events
    db.session.execute(db.update(Incoming).values(body={}))
    assert inbox.replay(key.id, ids) == 0  # what it said is not kept any more


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_lost_wake_up_is_found(context: Flask, key: Connection, post: Post) -> None:
    order_id = copy_of(key)
    post(told(2))
    broker = wake.broker()
    assert broker is not None
    broker.flushall()
    inbox.sweep()
    assert ours(order_id) == "new"  # it may be on its way to a worker
    db.session.execute(db.update(Incoming).values(received_at=utcnow() - timedelta(minutes=1)))
    db.session.commit()
    inbox.sweep()
    assert ours(order_id) == "confirmed"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_unmapped_status_is_noted(context: Flask, key: Connection, post: Post) -> None:
    order_id = copy_of(key)
    post(told(20))
    news.work(key.id)
    order = db.session.get_one(Order, order_id, populate_existing=True)
    assert order.needs_mapping
    assert [gap["code"] for gap in order.unmapped] == ["20"]


def test_a_replaced_link_works_until_it_is_switched_off(context: Flask, key: Connection, post: Post) -> None:
    copy_of(key)
    new = hooks.rotate(key.id)
    db.session.commit()
    old = hooks.replaced(key.id)[0]
    assert post(told(2)) == 200
    assert hooks.end(key.id, new.id) is False  # the one in use is only ever replaced
    assert hooks.end(key.id + 1, old.id) is False
    assert hooks.end(key.id, old.id) is True
    db.session.commit()
    assert post(told(8)) == 404
    assert hooks.replaced(key.id) == []
    secret = hooks.url(new, "orders").split("/")[-2]
    assert len(secret) >= 22  # 128 bits
    assert hooks.find(key.id, secret) is not None
    assert hooks.find(key.id, secret[:-1] + ("A" if secret[-1] != "A" else "B")) is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_many_at_once_are_no_attack(context: Flask, key: Connection, post: Post) -> None:
    """Staff there change a thousand orders; a wrong secret is another matter."""
    assert {post(told(2, number=n)) for n in range(650)} == {200}
    client = context.test_client()
    assert {client.post(f"/hooks/{key.id}/wrong").status_code for _ in range(610)} == {404, 429}


# ---- any order, any number of times

moves = st.lists(st.sampled_from(list(PAIRS)[:4]), min_size=1, max_size=6)


def arrivals(n: int) -> Any:
    """Each of n notices at least once, some more often, in any order; and where the hub works in between."""
    again = st.lists(st.integers(0, n - 1), max_size=4)
    order = again.flatmap(lambda more: st.permutations([*range(n), *more]))
    return st.tuples(order, st.sets(st.integers(0, n + 4)))


days = moves.flatmap(lambda chosen: st.tuples(st.just(chosen), arrivals(len(chosen))))
search = settings(
    max_examples=int(os.environ.get("EXAMPLES") or 20),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def arrive(key_id: int, post: Post, bodies: Sequence[Any], order: Sequence[int], works: set[int]) -> None:
    for place, which in enumerate(order):
        assert post(bodies[which]) == 200
        if place in works:
            news.work(key_id)
    news.work(key_id)


numbers = itertools.count(1)


@search
@given(days)
def test_the_newest_wins_in_any_order(context: Flask, key: Connection, post: Post, day: Any) -> None:
    chosen, (order, works) = day
    db.session.rollback()
    number, key_id = next(numbers), key.id
    order_id = copy_of(key, str(number), make_orders(1, number=f"P-{number}")[0])
    bodies = [told(PAIRS[to], BEGAN + timedelta(minutes=n), number) for n, to in enumerate(chosen)]
    arrive(key_id, post, bodies, order, works)
    assert ours(order_id) == chosen[-1]
    link = db.session.scalars(db.select(Link).where(Link.external_id == str(number))).one()
    assert (link.external_status, link.external_at) == (PAIRS[chosen[-1]], BEGAN + timedelta(minutes=len(chosen) - 1))
    assert count(Transfer) == 0  # nothing is written back to where it came from
    events = count(OrderEvent)
    arrive(key_id, post, bodies, order, works)  # all of it once more
    assert count(OrderEvent) == events
    assert ours(order_id) == chosen[-1]


@search
@given(days)
def test_within_one_second_the_system_is_asked(
    context: Flask, key: Connection, post: Post, sandbox: SandboxServer, day: Any
) -> None:
    chosen, (order, works) = day
    db.session.rollback()
    vendor, key_id = sandbox.vendor("keycrm"), key.id
    vendor.build_trigger("http://127.0.0.1:9/nobody")
    vendor.hold()
    number, before = there(sandbox), len(vendor.fired)
    order_id = copy_of(key, str(number), make_orders(1, number=f"S-{next(numbers)}")[0])
    now = utcnow()
    for to in chosen:
        vendor.set_status(number, int(PAIRS[to]))
    bodies = [json.loads(fired.body) for fired in vendor.fired[before:]]
    for body in bodies:
        body["context"]["updated_at"] = now.strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    places = [place for place in order if place < len(bodies)]
    arrive(key_id, post, bodies, places, works)
    assert ours(order_id) == chosen[-1]


def test_two_workers_settle_each_notice_once(context: Flask, key: Connection, post: Post) -> None:
    """The second begins while the first has looked, but not yet settled."""
    order_ids = make_orders(60)
    for n, order_id in enumerate(order_ids):
        copy_of(key, str(1000 + n), order_id)
        post(told(2, number=1000 + n))
    ids = news._next(key.id, 0)
    news.work(key.id)
    assert news._settle(key.id, ids) == (0, [])
    assert {state for state, _ in ends()} == {"applied"}
    assert count(OrderEvent, OrderEvent.kind == "status") == 60
    assert {ours(order_id) for order_id in order_ids} == {"confirmed"}
    assert runs.request(key.id, "statuses", "Tester") is not None
    assert count(HookSecret) == 1
