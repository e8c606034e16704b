"""Statuses that both sides change, in any order and with answers lost: once nobody changes them they agree, nothing
goes to and fro, and nothing is written back to where it came from. EXAMPLES=500 for a longer search."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from integrations.sandbox import SandboxServer
from jobs import runs, work
from models import Connection, Link, Order, OrderEvent, Status, Transfer, db, utcnow
from orders import statuses

from .test_intake import TESTER, count, map_status, run, status

pytestmark = pytest.mark.usefixtures("unlimited")

#: ours -> theirs, one to one
PAIRS = {"new": "pending", "confirmed": "received", "cancelled": "canceled", "problem": "delivered"}
FAULTS = ("lost", "garbage", "drop", "error500")


@dataclass(frozen=True)
class Step:
    """Something that happens. `before`, `after`: what happens while the vendor is asked, before and after it has done
    as it was asked and before its answer is there."""

    do: str  # staff | theirs | pull | push
    what: str = ""  # a status of ours, or a fault of the call
    before: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()


edits = st.builds(Step, st.sampled_from(["staff", "theirs"]), st.sampled_from(list(PAIRS)))


def meanwhile(other: str) -> Any:
    return st.lists(edits | st.just(Step(other)), max_size=2).map(tuple)


pulls = st.builds(Step, st.just("pull"), before=meanwhile("push"), after=meanwhile("push"))
pushes = st.builds(Step, st.just("push"), st.sampled_from(["", "", *FAULTS]), meanwhile("pull"), meanwhile("pull"))
days = st.lists(edits | pulls | pushes, max_size=9)


@dataclass
class World:
    """One order here and at the vendor's, and what happens to it."""

    app: Flask
    vendor: Any
    prom: int
    number: int = 0
    staff: list[str] = field(default_factory=list)  # what they chose, in the vendor's words
    written: list[str] = field(default_factory=list)
    faults: int = 0
    now: Step = Step("")

    def happen(self, steps: Sequence[Step]) -> None:
        for step in steps:
            before, self.now = self.now, step
            {"staff": self.staff_sets, "theirs": self.they_set, "pull": self.pull, "push": self.push}[step.do](step)
            self.now = before

    def order(self) -> Order:
        query = db.select(Order).join(Link, Link.order_id == Order.id).where(Link.external_id == str(self.number))
        return db.session.scalars(query.execution_options(populate_existing=True)).one()

    def theirs(self) -> str:
        return str(self.vendor.account().table("orders")[self.number]["status"])

    def staff_sets(self, step: Step) -> None:
        changed = statuses.change([self.order().id], status(step.what), TESTER).changed
        db.session.commit()
        self.staff += [PAIRS[step.what]] * len(changed)

    def they_set(self, step: Step) -> None:
        self.vendor.change(self.number, status=PAIRS[step.what])

    def pull(self, _step: Step) -> None:
        made = runs.request(self.prom, "orders", "Tester")
        db.session.commit()
        assert made is not None
        runs.carry_out(made.id)

    def push(self, step: Step) -> None:
        if step.what:
            self.faults += 1
            self.vendor.fault(step.what, times=1, path="orders/set_status")
        db.session.execute(db.update(Transfer).where(Transfer.state == "waiting").values(not_before=utcnow()))
        db.session.commit()
        work.drain(self.prom)
        self.vendor.clear_faults()

    @contextmanager
    def disturbed(self) -> Iterator[None]:
        """Have the vendor's answers come with what happens meanwhile, in its own thread."""
        respond = self.vendor.respond

        def answer(request: Any, path: str, *rest: Any) -> Any:
            asked = {"orders/list": "pull", "orders/set_status": "push"}.get(path.removeprefix("/api/v1/"), "")
            if asked == "push":
                self.written.append(request.get_json()["status"])
            step = self.now
            if step.do != asked:
                return respond(request, path, *rest)
            self.now = Step("")  # once: a second page is undisturbed
            self.meanwhile(step.before)
            try:
                return respond(request, path, *rest)
            finally:
                self.meanwhile(step.after)

        self.vendor.respond = answer
        try:
            yield
        finally:
            del self.vendor.respond

    def meanwhile(self, steps: Sequence[Step]) -> None:
        if steps:
            with self.app.app_context():
                self.happen(steps)
                db.session.remove()

    def settle(self) -> None:
        """Nobody changes anything any more: what is under way ends."""
        for _ in range(4):
            self.happen([Step("push"), Step("pull")])


@pytest.fixture
def shop(context: Flask, prom: Connection, sandbox: SandboxServer) -> Connection:
    for ours, theirs in PAIRS.items():
        map_status(prom, ours, theirs, **({"reason": "buyers_request"} if ours == "cancelled" else {}))
    return prom


def staff(key: str) -> Step:
    return Step("staff", key)


def they(key: str) -> Step:
    return Step("theirs", key)


PULL, PUSH = Step("pull"), Step("push")


@settings(
    max_examples=int(os.environ.get("EXAMPLES") or 12),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(days)
@example([staff("confirmed"), they("cancelled"), PULL, PUSH])  # ours was waiting when theirs was read
@example([staff("confirmed"), PUSH, they("new"), PULL])  # taken back over there: the order looks as it did at first
@example([staff("confirmed"), Step("push", "lost"), staff("problem"), PULL])  # our own lost write is no news
@example([staff("confirmed"), Step("push", "lost", after=(staff("problem"),))])  # asked for anew while it is lost
@example([staff("confirmed"), Step("push", before=(they("cancelled"), PULL))])  # read while we write
@example([staff("confirmed"), Step("push", after=(they("cancelled"), PULL)), staff("problem")])
@example([staff("confirmed"), Step("pull", after=(PUSH,))])  # read before we write, settled after
def test_both_sides_agree_once_nobody_changes_anything(
    context: Flask, shop: Connection, sandbox: SandboxServer, steps: list[Step]
) -> None:
    vendor = sandbox.vendor("prom")
    db.session.rollback()
    prom = shop.id
    vendor.account().table("orders").clear()
    db.session.execute(db.update(Transfer).where(Transfer.state != "done").values(state="cancelled"))
    db.session.commit()
    world = World(context, vendor, prom, vendor.new_order(status="pending")["id"])
    world.pull(PULL)
    with world.disturbed():
        world.happen(steps)
        world.settle()
        found = db.session.scalars(db.select(Status.key).where(Status.id == world.order().status_id)).one()
        db.session.rollback()
        assert PAIRS[str(found)] == world.theirs()
        assert set(world.written) <= set(world.staff)  # nothing but what staff here chose
        assert len(world.written) <= len(world.staff) + world.faults
        assert count(Transfer, Transfer.state.in_(("waiting", "working"))) == 0
        calls, events = len(world.written), count(OrderEvent)
        db.session.rollback()
        world.settle()
        assert (len(world.written), count(OrderEvent)) == (calls, events)  # and nothing goes to and fro


@pytest.fixture
def world(context: Flask, shop: Connection, sandbox: SandboxServer) -> Iterator[World]:
    """One order there, pending, that hasn't been read yet."""
    vendor = sandbox.vendor("prom")
    made = World(context, vendor, shop.id, vendor.new_order(status="pending")["id"])
    db.session.rollback()
    with made.disturbed():
        yield made


def test_what_they_change_is_never_written_back(world: World) -> None:
    world.happen([PULL, they("confirmed"), PULL, they("new"), PULL, they("problem"), PULL, PUSH, PULL])
    assert world.order().status_id == status("problem").id
    assert world.written == []
    assert count(Transfer) == 0


def test_news_that_could_not_be_read_when_they_came_undo_nothing_later(
    context: Flask, shop: Connection, sandbox: SandboxServer
) -> None:
    from jobs import intake
    from models import Incoming

    vendor = sandbox.vendor("prom")
    made = vendor.new_order(status="pending")
    run(shop)
    vendor.change(made["id"], status="received")
    run(shop)
    late = db.session.scalars(db.select(Incoming).order_by(Incoming.id.desc())).first()
    assert late is not None
    late.state = "failed"
    vendor.change(made["id"], status="delivered")
    run(shop)
    assert intake.retry_failed([late.id]) == {shop.id}
    db.session.commit()
    run(shop)
    assert db.session.scalars(db.select(Order.status_id)).one() == status("problem").id


def waiting_write(world: World) -> tuple[str, str]:
    """(state of the only write, what the link says that we have begun to write)."""
    [state], [told] = db.session.scalars(db.select(Transfer.state)), db.session.scalars(db.select(Link.told))
    db.session.rollback()
    return state, told


def test_a_write_whose_answer_was_lost_is_done_once_it_is_read_there(world: World) -> None:
    world.happen([PULL, staff("confirmed"), Step("push", "lost")])
    assert (world.theirs(), waiting_write(world)) == ("received", ("waiting", "received"))
    world.happen([PULL])
    assert waiting_write(world) == ("done", "")
    world.happen([PUSH, PULL])
    assert world.written == ["received"]  # not once more
    order = world.order()
    assert order.status.key == "confirmed"
    kinds = db.session.scalars(db.select(OrderEvent.kind).where(OrderEvent.order_id == order.id)).all()
    assert Counter(kinds)["sent"] == 1  # the timeline says that it arrived
    assert Counter(kinds)["status"] == 1  # and of one change, that of our staff


def test_a_write_that_never_arrived_is_not_undone_by_what_still_stands_there(world: World) -> None:
    world.happen([PULL, staff("confirmed"), Step("push", "drop")])
    assert (world.theirs(), waiting_write(world)) == ("pending", ("waiting", "received"))
    world.happen([PULL])
    assert waiting_write(world) == ("waiting", "")
    order = world.order()
    assert order.status.key == "confirmed"
    kinds = db.session.scalars(db.select(OrderEvent.kind).where(OrderEvent.order_id == order.id)).all()
    assert "external" not in kinds  # nobody there has changed it back
    world.happen([PUSH, PULL])
    assert (world.theirs(), waiting_write(world)) == ("received", ("done", ""))
    assert world.order().status.key == "confirmed"
