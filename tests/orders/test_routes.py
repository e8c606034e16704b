"""Two routes to one delivery service: the second stops, says where the first copy is, and needs a reason."""

from __future__ import annotations

from typing import Any

import pytest

from models import Connection, Link, Order, SecondRoute, Transfer, db
from orders import copies, routes, statuses, timeline, work
from orders.timeline import Actor

from . import build
from .build import OLENA

RULE = Actor("rule", "Send to the CRM")


@pytest.fixture
def ways(db_session: Any) -> tuple[Connection, Connection]:
    """A CRM that passes orders on to Fastship, and Fastship itself."""
    crm, fast = build.connection("retailcrm", "CRM"), build.connection("fastship", "Fastship")
    routes.set_services(crm.id, " fastship ,Other post")
    db.session.commit()
    return crm, fast


def stopped() -> list[tuple[int, int, str]]:
    columns = (SecondRoute.order_id, SecondRoute.connection_id, SecondRoute.state)
    return [tuple(row) for row in db.session.execute(db.select(*columns))]


def test_routes_meet_by_the_names_that_are_set(ways: tuple[Connection, Connection]) -> None:
    crm, fast = ways
    another = build.connection("retailcrm", "CRM 2")
    assert routes.rivals(crm.id) == {fast.id}
    assert routes.rivals(fast.id) == {crm.id}
    assert routes.rivals(another.id) == set()  # the same vendor, but nothing is said of it
    routes.set_services(another.id, "OTHER  POST")
    assert routes.rivals(another.id) == {crm.id}
    assert routes.services(crm.id) == "fastship, Other post"
    assert "Fastship" in routes.suggestions(crm.id)
    routes.set_services(crm.id, " ")
    assert routes.rivals(fast.id) == set()


def test_the_second_route_is_blocked_in_the_preview(ways: tuple[Connection, Connection]) -> None:
    crm, fast = ways
    first, second = build.make({"number": "A"}, {"number": "B"})
    build.link(first, crm.id, external_number="C-1")
    found = work.preview([first, second], fast.id)
    assert found.blocked == {"second_route": [first]}
    assert found.create == [second]
    assert routes.first_copies([first, second], fast.id)[first] == routes.First(crm.id, "CRM", "C-1", "")
    assert not work.preview([first], crm.id).blocked  # its own copy is no second one


def test_it_goes_on_with_a_reason_that_is_kept(ways: tuple[Connection, Connection]) -> None:
    crm, fast = ways
    order_id = build.make({"number": "A"})[0]
    build.link(order_id, crm.id)
    order = db.session.get_one(Order, order_id)
    assert copies.request(order, fast, OLENA) == "second_route"
    assert not stopped()  # a person is told at once: no problem is kept
    for blank in ("", "  ", "x"):
        with pytest.raises(routes.NoReason):
            routes.allow([order_id], fast.id, blank, OLENA)
    routes.allow([order_id], fast.id, "a second  parcel", OLENA)
    assert copies.request(order, fast, OLENA) == ""
    db.session.commit()
    assert routes.reasons(order_id)[fast.id].reason == "a second parcel"
    events = {event.kind: event.detail for event in timeline.of_order(order_id)}
    assert events["second_route"]["text"] == "a second parcel"
    assert events["second_route"]["name"] == "CRM"
    assert db.session.scalars(db.select(Transfer.connection_id)).all() == [fast.id]


@pytest.mark.parametrize("asks", ["rule", "job"])
def test_automatic_sends_stop_and_become_a_problem(ways: tuple[Connection, Connection], asks: str) -> None:
    crm, fast = ways
    first, second = build.make({"number": "A"}, {"number": "B"})
    build.link(first, crm.id)
    if asks == "rule":
        assert copies.request(db.session.get_one(Order, first), fast, RULE) == "second_route"
        work.request_send([second], fast.id, "rule")
    else:
        assert work.request_send([first, second], fast.id, "rule") == 1
    db.session.commit()
    assert stopped() == [(first, fast.id, "stopped")]
    assert db.session.scalars(db.select(Transfer.order_id)).all() == [second]
    assert timeline.of_order(first)[0].kind == "stopped"
    assert len(db.session.scalars(routes.stopped()).all()) == 1
    assert routes.set_aside(list(db.session.scalars(routes.stopped()))) == 1
    assert not db.session.scalars(routes.stopped()).all()


def test_a_copy_that_only_waits_counts_as_the_first(ways: tuple[Connection, Connection]) -> None:
    crm, fast = ways
    order_id = build.make({"number": "A"})[0]
    work.request_send([order_id], crm.id, "Olena")
    assert work.request_send([order_id], fast.id, "Olena") == 0
    db.session.commit()
    statuses.change([order_id], build.status("cancelled"), OLENA)  # it is not sent any more
    statuses.change([order_id], build.status("new"), OLENA)
    assert work.preview([order_id], fast.id).create == [order_id]
    assert not db.session.scalars(routes.stopped()).all()


def test_a_deleted_first_copy_leaves_the_way_free(ways: tuple[Connection, Connection]) -> None:
    crm, fast = ways
    order_id = build.make({"number": "A"})[0]
    build.link(order_id, crm.id, state="deleted")
    assert work.preview([order_id], fast.id).create == [order_id]


def test_a_first_copy_that_was_refused_leaves_the_way_free(ways: tuple[Connection, Connection]) -> None:
    crm, fast = ways
    order_id = build.make({"number": "A"})[0]
    build.link(order_id, crm.id, state="problem", external_id=None)
    assert work.request_send([order_id], fast.id, "Olena") == 1
    assert {link.connection_id for link in db.session.scalars(db.select(Link))} == {crm.id, fast.id}
