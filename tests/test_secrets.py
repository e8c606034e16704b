"""Secrets planted in connections, used in every way, and looked for everywhere."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from flask import Flask
from sqlalchemy import inspect, text

import config
from integrations.sandbox import SandboxServer
from jobs import connections, runs, schedule, wake
from jobs import work as jobs_work
from models import Attempt, Connection, Incoming, Order, Transfer, db
from orders import work

from .conftest import close, make_app
from .hostile import addresses
from .views.helpers import PASSWORD, login

pytestmark = pytest.mark.usefixtures("unlimited")

PROM_KEY = 'PLANTED-prom-7fK2/+=&"z'
CRM_KEY = "PLANTED-crm-9xQ4/+=&%w"
sqlite_only = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
#: in whatever form they travel, this part stays readable
PLANTED = ("PLANTED-prom-7fK2", "PLANTED-crm-9xQ4")


@pytest.fixture
def sandbox(sandbox: SandboxServer) -> SandboxServer:
    for vendor, key in (("prom", PROM_KEY), ("retailcrm", CRM_KEY)):
        accounts = sandbox.vendor(vendor).accounts
        accounts[key] = accounts.pop("sandbox-token")
    return sandbox


@pytest.fixture
def app(settings: config.Settings) -> Iterator[Flask]:
    """One of its own: a page is added to it."""
    app = make_app(settings)
    yield app
    close(app)


@pytest.fixture
def extra_env(sandbox: SandboxServer) -> dict[str, str]:
    return {"SANDBOX_URL": sandbox.url, "LOG_LEVEL": "DEBUG"}


@pytest.fixture
def used(app: Flask, sandbox: SandboxServer) -> Flask:
    """A hub whose secrets have been through everything: pulls, sends, complaints, lost answers, wrong addresses."""
    vendors = {key: sandbox.vendor(key) for key in ("prom", "retailcrm")}
    for _ in range(3):
        vendors["prom"].new_order(PROM_KEY)
    with app.app_context():
        prom = connections.create("prom", "Prom", {"api_url": f"{sandbox.url}/prom", "token": PROM_KEY})
        url = f"{sandbox.url}/retailcrm"
        crm = connections.create("retailcrm", "CRM", {"api_url": url, "api_key": CRM_KEY, "site": "shop-1"})
        db.session.commit()
        pull(prom)
        order_ids = list(db.session.scalars(db.select(Order.id)))
        assert len(order_ids) >= 3
        db.session.execute(db.update(Order).values(needs_mapping=False))
        for kind in ("refuse", "error500", "garbage", "lost", ""):
            for vendor in vendors.values():
                vendor.clear_faults()
                if kind:
                    vendor.fault(kind)
            work.request_send(order_ids, crm.id, "Tester")
            db.session.commit()
            jobs_work.drain(crm.id)
            pull(prom)
            hurry()
        connections.test_settings("prom", {"api_url": f"{url}/elsewhere", "token": PROM_KEY}, {})
        connections.test_settings("retailcrm", {"api_url": "http://10.0.0.1", "api_key": CRM_KEY, "site": "s"}, {})
        schedule.tick()
        db.session.commit()
    return app


def pull(connection: Connection) -> None:
    run = runs.request(connection.id, "orders", "Tester")
    db.session.commit()
    if run is not None:
        runs.carry_out(run.id)
    db.session.rollback()


def hurry() -> None:
    db.session.execute(db.update(Transfer).where(Transfer.state == "waiting").values(not_before=db.func.now()))
    db.session.commit()


def found_in(where: str) -> list[str]:
    return [secret for secret in PLANTED if secret in where]


def test_the_database_holds_them_encrypted_only(used, settings, valkey):
    check_broker(used, valkey)
    check_export(used)
    with used.app_context():
        assert db.session.scalar(db.select(db.func.count(Attempt.id))) > 5
        assert db.session.scalar(db.select(db.func.count(Incoming.id))) >= 3
        for table in inspect(db.session.connection()).get_table_names():
            for row in db.session.execute(text(f'SELECT * FROM "{table}"')):  # names from the database itself
                assert found_in(repr(tuple(row))) == [], table
        assert {row.secrets[name] for row in connections.active() for name in row.secrets} == {PROM_KEY, CRM_KEY}
        db.session.rollback()
    database = used.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///")
    files = [*Path(settings.data_dir).rglob("*"), *Path(database).parent.glob("*")]
    assert not settings.is_sqlite or Path(database) in files
    for path in files:
        if path.is_file():
            assert found_in(path.read_bytes().decode("latin-1")) == [], path.name


def check_broker(used: Flask, valkey: redis.Redis) -> None:
    """What jobs are told, and everything else in the broker."""
    with used.app_context():
        for row in connections.active():
            work.wake([row.id])
        wake.changed()
        db.session.commit()
    keys = list(valkey.scan_iter())
    assert keys, "nothing is in the broker"
    for key in keys:
        for value in (key, *_values(valkey, key)):
            assert found_in(_readable(value)) == [], key


def check_export(used: Flask) -> None:
    """Left out unless they are asked for."""
    runner = used.test_cli_runner()
    plain = runner.invoke(args=["connections", "export"])
    assert plain.exit_code == 0, plain.output
    assert found_in(plain.output) == []
    assert len(json.loads(plain.output)["connections"]) == 2
    assert len(found_in(runner.invoke(args=["connections", "export", "--with-secrets"]).output)) == 2


@sqlite_only
def test_no_page_shows_them(used):
    with used.app_context():
        attempts = db.session.execute(text("SELECT order_id, attempt_id FROM attempt_items LIMIT 40")).all()
        numbers = db.session.scalars(db.select(Order.number)).all()
    urls = [url for _rule, url in addresses(used, ids=(1, 2))]
    urls += [f"/order/{order_id}/attempts/{attempt_id}" for order_id, attempt_id in attempts]
    urls += [f"/orders/{number}" for number in numbers] + ["/activity?state=failed"]
    for role, headers in (("owner", {}), ("owner", {"HX-Request": "true"}), ("manager", {}), ("viewer", {})):
        client = used.test_client()
        login(client, role)
        for url in urls:
            answer = client.get(url, headers=headers)
            assert found_in(answer.text + repr(answer.headers)) == [], url


@sqlite_only
def test_a_form_that_is_refused_does_not_send_them_back(app, client):
    login(client)
    with app.app_context():
        connections.create("prom", "Prom", {"token": PROM_KEY})
        db.session.commit()
    form = {"connection_name": "", "api_url": "no address", "token": PROM_KEY, "api_key": CRM_KEY, "site": ""}
    for url in ("/settings/integrations/new/prom", "/settings/integrations/new/retailcrm", "/settings/integrations/1"):
        assert found_in(client.post(url, data=form).text) == []


def _values(valkey: redis.Redis, key: bytes) -> list[bytes]:
    kind = valkey.type(key)
    if kind == b"hash":
        return [part for pair in valkey.hgetall(key).items() for part in pair]
    if kind == b"list":
        return valkey.lrange(key, 0, -1)
    if kind == b"set":
        return list(valkey.smembers(key))
    return valkey.zrange(key, 0, -1) if kind == b"zset" else [valkey.get(key) or b""]


def _readable(value: bytes) -> str:
    """RQ packs a job's arguments."""
    try:
        return zlib.decompress(value).decode("latin-1")
    except zlib.error:
        return value.decode("latin-1")


@sqlite_only
def test_logs_and_error_pages_do_not_tell(used, capfd, caplog):
    @used.get("/boom")
    def boom() -> str:
        row = connections.active()[0]
        connector = connections.open_connector(row)
        raise ValueError(f"{row!r} {connector!r} {connector.http!r}")

    used.config.update(PROPAGATE_EXCEPTIONS=False, TESTING=False)
    client = used.test_client()
    login(client)
    answer = client.get("/boom")
    assert answer.status_code == 500
    wrong = client.post("/login", data={"email": "owner@example.com", "password": f"{PASSWORD} {PLANTED[0]}"})
    written = "".join(capfd.readouterr()) + caplog.text
    assert found_in(answer.text + wrong.text + written) == []


def test_passwords_are_kept_as_hashes_only(app, client):
    login(client)
    with app.app_context():
        for table in inspect(db.session.connection()).get_table_names():
            for row in db.session.execute(text(f'SELECT * FROM "{table}"')):
                assert PASSWORD not in repr(tuple(row)), table
        db.session.rollback()
