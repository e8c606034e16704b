"""`flask demo-setup` against the sandboxes."""

from __future__ import annotations

import pytest

from cli import demo
from integrations import connectors
from integrations.base import PullsOrders
from integrations.sandbox import TOKENS, SandboxServer, discover
from models import Connection, Mapping, Schedule, db

pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.usefixtures("unlimited"),
]


@pytest.fixture
def sandbox():
    with SandboxServer() as server:
        yield server


@pytest.fixture
def extra_env(sandbox):
    return {"SANDBOX_URL": sandbox.url}


def run(app):
    return app.test_cli_runner().invoke(args=["demo-setup"])


def test_every_sandbox_vendor_is_connected_once_and_followed_to_a_new_address(app, sandbox):
    for _ in range(2):
        done = run(app)
        assert (done.exit_code, done.output) == (0, "")
    with app.app_context():
        rows = db.session.scalars(db.select(Connection)).all()
        wanted = {key: len(demo.WAITING) if connectors()[key].can(PullsOrders) else 1 for key in discover()}
        assert {key: sum(row.kind == key for row in rows) for key in wanted} == wanted
        assert all(row.settings["api_url"] == f"{sandbox.url}/{row.kind}" for row in rows)
        mapped = set(db.session.scalars(db.select(Mapping.connection_id)))
        assert mapped == {row.id for row in rows if connectors()[row.kind].mappings}
        every = {s.task: s.every for s in db.session.scalars(db.select(Schedule))}
        assert {task: every[task] for task in demo.QUICK} == demo.QUICK
    for key, vendor in discover().items():
        if "orders" in vendor.controls:
            held = [len(sandbox.vendor(key).accounts[token].table("orders")) for token in TOKENS]
            assert held[1] == demo.WAITING[1]
            assert held[0] >= demo.WAITING[0]  # one more may have come meanwhile
            assert held[2] == 0

    with app.app_context():
        secrets = {row.id: row.secrets for row in db.session.scalars(db.select(Connection))}
        for row in db.session.scalars(db.select(Connection)):
            row.settings = row.settings | {"api_url": f"http://127.0.0.1:1/{row.kind}"}
        db.session.commit()
    run(app)
    with app.app_context():
        for row in db.session.scalars(db.select(Connection)):
            assert row.settings["api_url"] == f"{sandbox.url}/{row.kind}"
            assert row.secrets == secrets[row.id]


def test_sandboxes_that_do_not_answer_are_a_sentence(app, sandbox):
    sandbox.stop()
    done = run(app)
    assert done.exit_code == 1
    assert "do not answer" in done.output


class TestWithoutSandboxes:
    @pytest.fixture
    def extra_env(self):
        return {}

    def test_it_says_what_is_missing(self, app):
        done = run(app)
        assert done.exit_code == 1
        assert "SANDBOX_URL is not set" in done.output
