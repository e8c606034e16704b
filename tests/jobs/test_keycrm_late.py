"""What KeyCRM's description leaves open about a batch: what it is answered with, and whether its orders are there at
once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from integrations.sandbox import SandboxServer
from jobs import connections, work
from models import Connection, Transfer, db, utcnow

from .conftest import make_orders
from .test_keycrm import send, there
from .test_transfers import make_due, states

pytestmark = pytest.mark.usefixtures("unlimited")


@pytest.fixture
def crm(context: Flask, sandbox: SandboxServer) -> Connection:
    given = {"api_url": f"{sandbox.url}/keycrm", "api_key": "sandbox-token", "source_id": "7"}
    row = connections.create("keycrm", "KeyCRM", given)
    db.session.commit()
    return row


def test_orders_that_show_a_moment_after_their_batch_are_there_once(crm: Connection, sandbox: SandboxServer) -> None:
    vendor = sandbox.vendor("keycrm")
    vendor.account().options["import_seconds"] = 3600
    send(make_orders(3), crm)
    assert (states(), there(sandbox)) == ({"waiting": 3}, [])
    soonest = min(row.not_before for row in db.session.scalars(db.select(Transfer)))
    assert soonest - utcnow() > timedelta(seconds=50)  # a look-up that comes too soon would send them again
    vendor.take_in()
    make_due()
    work.drain(crm.id)
    assert (states(), len(there(sandbox))) == ({"done": 3}, 3)


def test_a_batch_may_be_answered_with_nothing(crm: Connection, sandbox: SandboxServer) -> None:
    sandbox.vendor("keycrm").account().options["bare_import"] = True
    send(make_orders(3), crm)
    assert (states(), len(there(sandbox))) == ({"done": 3}, 3)
