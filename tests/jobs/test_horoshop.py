"""Two Horoshop shops from their APIs to the orders page's tables: parts of names, sums, statuses back."""

from __future__ import annotations

import pytest
from flask import Flask

from integrations.sandbox import SandboxServer
from jobs import connections
from models import Connection, Link, Order, db

from .test_intake import count, run

pytestmark = pytest.mark.usefixtures("unlimited")


def shop(sandbox: SandboxServer, number: int) -> Connection:
    key = ("sandbox-token", "sandbox-token-2")[number]
    settings = {"api_url": f"{sandbox.url}/horoshop", "login": "api", "password": key, "import_days": 7}
    row = connections.create("horoshop", f"Shop {number}", settings)
    db.session.commit()
    for _ in range(20):
        sandbox.vendor("horoshop").new_order(key)
    return row


def test_two_shops_with_the_same_numbers(context: Flask, sandbox: SandboxServer) -> None:
    shops = [shop(sandbox, number) for number in (0, 1)]
    theirs = sandbox.vendor("horoshop").accounts["sandbox-token-2"].table("orders")
    for row in (*shops, *shops):
        assert run(row).state == "done"
    assert count(Order) == count(Link) == 40
    query = db.select(Order, Link.external_id).join(Link, Link.order_id == Order.id)
    found = db.session.execute(query.where(Link.connection_id == shops[1].id)).all()
    assert {external for _, external in found} == {str(number) for number in theirs}
    for order, external in found:
        sent = theirs[int(external)]
        assert order.last_name
        assert set(f"{order.last_name} {order.first_name} {order.patronymic}".split()) == set(
            sent["delivery_name"].split()
        )
        assert float(order.total) == sent["total_sum"] + max(sent["delivery_price"], 0)
        assert order.paid == bool(sent["payed"])
        assert order.do_not_call == bool(sent["do_not_call"])
