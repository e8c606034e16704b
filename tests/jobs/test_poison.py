"""What a database refuses stays raw, with the reason, and holds up nothing that came with it."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from integrations.sandbox import SandboxServer
from integrations.types import Raw
from jobs import intake
from models import Connection, Incoming, Link, Order, db

from .test_intake import count, invent, run

pytestmark = pytest.mark.usefixtures("unlimited")

TOO_MANY = 10**30


def kept(external_id: Any) -> Incoming:
    return db.session.scalars(db.select(Incoming).where(Incoming.external_id == str(external_id))).one()


def test_what_no_column_holds_fails_alone(context: Flask, prom: Connection, sandbox: SandboxServer) -> None:
    good = invent(sandbox, 3)
    (bad,) = invent(sandbox, 1)
    bad = {**bad, "id": 4711, "products": [{**bad["products"][0], "quantity": TOO_MANY}]}
    also = [Raw(str(n), {**good[0], "id": n}) for n in (4712, 4713)]
    intake.store(prom.id, [also[0], Raw("4711", bad), also[1]])
    done = run(prom)
    assert (done.state, done.counts["new"], done.counts["failed"]) == ("done", 6, 1)
    assert kept(4711).state == "failed"
    assert kept(4711).note
    assert {kept(order["id"]).state for order in [*good, {"id": 4712}, {"id": 4713}]} == {"applied"}
    assert count(Order) == count(Link) == 6
    assert run(prom).counts["failed"] == 0, "it waits for a person"
    intake.retry_failed([kept(4711).id])
    db.session.commit()
    assert run(prom).counts["failed"] == 1
    assert (kept(4711).state, count(Order)) == ("failed", 6)


@pytest.mark.parametrize("letter", ["\0", "\ud800"])
def test_letters_that_are_none_lose_no_order(
    context: Flask, prom: Connection, sandbox: SandboxServer, letter: str
) -> None:
    invent(sandbox, 2)
    invent(sandbox, 1, client_first_name=f"Ol{letter}ha")
    assert run(prom).counts["new"] == 3
    assert set(db.session.scalars(db.select(Order.first_name))) >= {"Ol\N{REPLACEMENT CHARACTER}ha"}
    again = run(prom)
    assert (again.state, again.counts["new"], again.counts["changed"]) == ("done", 0, 0)
