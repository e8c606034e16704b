"""`flask users|connections|sync|transfer`, as scripts call them: output, errors on stderr, exit status."""

from __future__ import annotations

import json

import pytest

from integrations import connector
from jobs import connections, mapping
from models import (
    Connection,
    DeliveryMethod,
    Link,
    Mapping,
    Order,
    OrderEvent,
    Run,
    Schedule,
    SecondRoute,
    Status,
    User,
    db,
)
from orders import routes
from orders.creation import Draft, insert_many
from orders.timeline import Actor

pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.usefixtures("unlimited"),
]

STRONG = "correct horse battery"


@pytest.fixture
def extra_env(sandbox):
    return {"SANDBOX_URL": sandbox.url}


@pytest.fixture
def flask(app):
    def call(*args, **more):
        return app.test_cli_runner().invoke(args=args, **more)

    return call


@pytest.fixture
def crm(app, sandbox, flask):
    done = flask(
        *("connections", "add", "retailcrm", "--name", "CRM", "--set", f"api_url={sandbox.url}/retailcrm"),
        *("--set", "api_key=sandbox-token", "--set", "site=shop-1"),
    )
    assert done.exit_code == 0, done.output
    return int(done.stdout)


def make_order(number="A-1", **values):
    """Needs an application context; commits."""
    row = {"number": number, "last_name": "Тестова", "first_name": "Олена", "phone": "+380501112233", "total": 10}
    lines = [{"sku": "S-1", "name": "Чашка", "price": 10}]
    insert_many([Draft({**row, "currency": "UAH", "goods_total": 10, **values}, lines)], Actor("person", "Tester"))
    db.session.commit()


def test_users_by_link_and_by_password(app, flask):
    link = flask("users", "add", "Olena@Example.com", "--role", "owner")
    assert link.exit_code == 0
    path = link.stdout.strip().removeprefix("http://localhost")
    assert app.test_client().post(path, data={"password": STRONG}).status_code == 302
    short = flask("users", "add", "ivan@example.com", "--password-stdin", input="short\n")
    assert (short.exit_code, short.stdout) == (1, "")
    assert "characters" in short.stderr
    assert flask("users", "add", "ivan@example.com", "--password-stdin", input=f"{STRONG}\n").exit_code == 0
    login = app.test_client().post("/login", data={"email": "ivan@example.com", "password": STRONG})
    assert login.status_code == 302
    assert flask("users", "add", "no address").exit_code == 1
    assert flask("users", "add", "a@example.com", "--link", "--password-stdin").exit_code == 2
    listed = flask("users", "list").stdout
    assert "olena@example.com\towner\tactive" in listed
    with app.app_context():
        assert db.session.scalar(db.select(db.func.count()).select_from(User)) == 2


def test_connections_are_added_listed_and_tested(flask, crm, sandbox):
    assert flask("connections", "list").stdout == f"{crm}\tretailcrm\tCRM\tunused\n"
    works = flask("connections", "test", "CRM")
    assert (works.exit_code, works.stdout) == (0, "works\n")
    assert flask("connections", "test", str(crm)).exit_code == 0
    add = ("connections", "add", "retailcrm", "--name")
    assert "already" in flask(*add, "CRM").stderr
    missing = flask(*add, "CRM 2", "--set", f"api_url={sandbox.url}/retailcrm")
    assert missing.exit_code == 1
    assert "api_key" in missing.stderr
    assert "api_key" in flask(*add, "CRM 2", "--set", "apikey=1").stderr
    assert "no integration" in flask("connections", "add", "nonsense", "--name", "X").stderr
    wrong = ("--set", "api_key=nonsense", "--set", "site=shop-1", "--set", f"api_url={sandbox.url}/retailcrm")
    assert flask(*add, "Wrong", *wrong).exit_code == 0
    refused = flask("connections", "test", "Wrong")
    assert refused.exit_code == 1
    assert "credentials" in refused.stderr
    assert "CRM, Wrong" in flask("connections", "test", "nobody").stderr


def test_connections_move_to_another_hub(app, flask, crm, tmp_path):
    with app.app_context():
        row = db.session.get(Connection, crm)
        connections.refresh_references(row)
        assert mapping.suggest_all(row) > 5
        done = db.session.scalar(db.select(Status).where(Status.key == "transferred"))
        row.success_status_id = done.id
        own = DeliveryMethod(name="Дрон")
        db.session.add(own)
        db.session.flush()
        db.session.add(Mapping(connection_id=crm, table="delivery_out", lookup=str(own.id), ours=own.id, theirs="42"))
        schedule = db.session.scalar(db.select(Schedule).where(Schedule.task == "statuses"))
        schedule.every, schedule.paused = 900, True
        routes.set_services(crm, "Nova Poshta")
        db.session.add(Mapping(connection_id=crm, table="no_longer_there", lookup="1", theirs="1"))
        db.session.commit()
        before = snapshot(crm)
        own_id = own.id
    plain, full = flask("connections", "export").stdout, flask("connections", "export", "--with-secrets").stdout
    assert "sandbox-token" not in plain
    assert "sandbox-token" in full
    with app.app_context():
        connections.remove(db.session.get(Connection, crm))
        db.session.commit()
    (tmp_path / "full.json").write_text(full)
    (tmp_path / "plain.json").write_text(plain)
    assert flask("connections", "import", str(tmp_path / "full.json")).stdout == "CRM: added\n"
    with app.app_context():
        new = db.session.scalar(db.select(Connection).where(Connection.name == "CRM"))
        assert (new.enabled, new.secrets) == (True, {"api_key": "sandbox-token"})
        assert snapshot(new.id) == before
        db.session.execute(db.delete(Mapping).where(Mapping.ours == own_id))
        db.session.delete(db.session.get(DeliveryMethod, own_id))
        db.session.commit()
    assert flask("connections", "import", str(tmp_path / "plain.json")).stdout == "CRM: changed\n"
    with app.app_context():
        kept = db.session.scalar(db.select(Connection).where(Connection.name == "CRM"))
        assert kept.secrets == {"api_key": "sandbox-token"}
        connections.remove(kept)
        db.session.commit()
    assert "off until the key" in flask("connections", "import", str(tmp_path / "plain.json")).stdout
    with app.app_context():
        bare = db.session.scalar(db.select(Connection).where(Connection.name == "CRM"))
        assert (bare.enabled, bare.secrets) == (False, {})


def test_a_file_that_says_little_leaves_the_rest_as_it_is(app, flask, crm, tmp_path):
    said = {"kind": "retailcrm", "name": "CRM", "settings": {"site": "shop-2"}, "mappings": {"delivery_out": [{}]}}
    with app.app_context():
        said["settings"]["api_url"] = db.session.get(Connection, crm).settings["api_url"]
        before = snapshot(crm)
    (tmp_path / "little.json").write_text(json.dumps({"version": 1, "connections": [said]}))
    assert flask("connections", "import", str(tmp_path / "little.json")).stdout == "CRM: changed\n"
    with app.app_context():
        settings, *rest = snapshot(crm)
        assert (settings["site"], rest) == ("shop-2", list(before[1:]))


def test_a_connection_that_nothing_here_knows_is_told_without_its_mappings(app, flask, crm):
    with app.app_context():
        row = db.session.get(Connection, crm)
        db.session.add(Mapping(connection_id=crm, table="delivery_out", lookup="1", theirs="1"))
        row.kind = "no-longer-there"
        db.session.commit()
    (told,) = json.loads(flask("connections", "export").stdout)["connections"]
    assert (told["kind"], told["name"], told["mappings"]) == ("no-longer-there", "CRM", {})


def snapshot(connection_id):
    row = db.session.get(Connection, connection_id)
    known = [table.key for table in connector(row.kind).mappings]
    held = db.session.scalars(
        db.select(Mapping).where(Mapping.connection_id == connection_id, Mapping.table.in_(known))
    )
    every = db.session.scalars(db.select(Schedule).filter_by(connection_id=connection_id))
    return (
        row.settings,
        row.success_status_id,
        routes.services(connection_id),
        sorted((m.table, m.lookup, m.ours, m.theirs) for m in held),
        sorted((s.task, s.every, s.paused) for s in every),
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        ("[]", "version 1"),
        ('{"version": 1}', "no list"),
        ('{"version": 1, "connections": [{"name": "X", "kind": "nonsense"}]}', "no integration"),
        ('{"version": 1, "connections": [{"name": "CRM", "kind": "prom"}]}', "another connection"),
        ('{"version": 1, "connections": [{"name": "CRM", "kind": "retailcrm", "settings": {}}]}', "api_url"),
    ],
)
def test_a_bad_file_changes_nothing(flask, crm, app, tmp_path, content, words):
    (tmp_path / "bad.json").write_text(content)
    done = flask("connections", "import", str(tmp_path / "bad.json"))
    assert done.exit_code == 1
    assert words in done.stderr
    with app.app_context():
        assert db.session.scalars(db.select(Connection.name)).all() == ["CRM"]


def test_sync_runs_here_and_tells_how_it_went(flask, app, sandbox):
    url = f"api_url={sandbox.url}/prom"
    flask("connections", "add", "prom", "--name", "Prom", "--set", url, "--set", "token=sandbox-token")
    sandbox.vendor("prom").new_order()
    done = flask("sync", "Prom", "orders")
    assert done.exit_code == 0, done.output
    assert "new=1" in done.stdout
    flask("connections", "add", "prom", "--name", "Wrong", "--set", url, "--set", "token=nonsense")
    failed = flask("sync", "Wrong", "orders")
    assert failed.exit_code == 1
    assert "credentials" in failed.stderr
    assert flask("sync", "Nobody", "orders").exit_code == 1
    assert flask("sync", "Prom", "nonsense").exit_code == 2
    foreign = flask("sync", "Prom", "statuses")
    assert (foreign.exit_code, "no task statuses" in foreign.stderr) == (1, True)
    with app.app_context():
        assert db.session.scalars(db.select(Run.task).distinct()).all() == ["orders"], "nothing was begun"


def test_transfer_asks_or_waits(flask, app, crm, sandbox):
    with app.app_context():
        for number in ("A-1", "A-2", "A-3"):
            make_order(number)
        make_order("A-4", first_name="", last_name="")
    asked = flask("transfer", "A-1", "--to", "CRM")
    assert (asked.exit_code, asked.stdout) == (0, "asked: 1, under way: 0, unchanged: 0\n")
    sent = flask("transfer", "A-1", "A-2", "--to", "CRM", "--wait")
    assert sent.exit_code == 0, sent.output
    assert "A-1: done\nA-2: done\n" in sent.stdout
    assert sandbox.vendor("retailcrm").count() == 2
    again = flask("transfer", "A-2", "--to", "CRM", "--wait")
    assert (again.exit_code, again.stdout) == (0, "asked: 0, under way: 0, unchanged: 1\n")
    blocked = flask("transfer", "A-4", "--to", "CRM", "--wait")
    assert (blocked.exit_code, blocked.stderr) == (1, "A-4: blocked: no_recipient\n")
    assert "no such order: X" in flask("transfer", "A-3", "X", "--to", "CRM").stderr
    with app.app_context():
        linked = db.session.scalars(db.select(Order.number).join(Link).where(Link.external_id.is_not(None)))
        assert sorted(linked) == ["A-1", "A-2"]
        connections.change(
            db.session.get(Connection, crm), connections.account_settings(db.session.get(Connection, crm))
        )
        db.session.get(Connection, crm).enabled = False
        db.session.commit()
    assert "takes no orders" in flask("transfer", "A-3", "--to", "CRM").stderr


def test_a_refused_order_fails_the_command(flask, app, crm, sandbox):
    with app.app_context():
        make_order("A-1")
        row = db.session.get(Connection, crm)
        connections.change(row, connections.account_settings(row) | {"api_key": "nonsense"})
        db.session.commit()
    failed = flask("transfer", "A-1", "--to", "CRM", "--wait", "--timeout", "20")
    assert failed.exit_code == 1
    assert "A-1: refused" in failed.stderr


def test_a_second_route_goes_on_with_a_written_reason(flask, app, crm, sandbox):
    other = flask(
        *("connections", "add", "retailcrm", "--name", "Other", "--set", f"api_url={sandbox.url}/retailcrm"),
        *("--set", "api_key=sandbox-token", "--set", "site=shop-1"),
    )
    with app.app_context():
        make_order("A-1")
        make_order("A-2")
        for connection_id in (crm, int(other.stdout)):
            routes.set_services(connection_id, "Post")
        db.session.commit()
    assert flask("transfer", "A-1", "--to", "CRM").exit_code == 0
    blocked = flask("transfer", "A-1", "A-2", "--to", "Other")
    assert (blocked.exit_code, blocked.stdout) == (1, "asked: 1, under way: 0, unchanged: 0\n")
    assert "A-1: blocked: second_route" in blocked.stderr
    assert "--reason" in blocked.stderr
    assert "three letters" in flask("transfer", "A-1", "--to", "Other", "--reason", "x").stderr
    let = flask("transfer", "A-1", "--to", "Other", "--reason", "the first parcel was lost")
    assert (let.exit_code, let.stdout) == (0, "asked: 1, under way: 0, unchanged: 0\n")
    with app.app_context():
        row = db.session.scalars(db.select(SecondRoute)).one()
        assert (row.state, row.reason, row.by) == ("allowed", "the first parcel was lost", "flask transfer")
        event = db.session.scalars(db.select(OrderEvent).where(OrderEvent.kind == "second_route")).one()
        assert event.detail["text"] == "the first parcel was lost"
