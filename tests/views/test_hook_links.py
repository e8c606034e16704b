"""The page of a connection's addresses for notices: its links, those that were replaced, and what came."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from integrations.sandbox import SandboxServer
from jobs import connections, hooks, news
from models import Connection, HookSecret, Incoming, Link, Order, db, utcnow

from ..jobs.conftest import make_orders
from ..jobs.test_hooks import told
from ..jobs.test_intake import map_status
from ..orders import build
from .helpers import count_queries, login

PAGE = "/settings/integrations/1/webhook"
SETTINGS = {"api_key": "a key that nobody may see", "mode": "cards", "source_id": "7"}


@pytest.fixture
def extra_env(sandbox: SandboxServer) -> dict[str, str]:
    return {"SANDBOX_URL": sandbox.url}


@pytest.fixture
def path(app: Flask, sandbox: SandboxServer) -> str:
    """Where KeyCRM posts, cards first; a copy of T-00001 is its order 501."""
    with app.app_context():
        key = connections.create("keycrm", "Key", SETTINGS | {"api_url": f"{sandbox.url}/keycrm"})
        map_status(key, "confirmed", "2")
        build.link(make_orders(1)[0], key.id, external_id="501", external_status="1")
        found = hooks.address(key.id).removeprefix("http://localhost")
        db.session.commit()
    return found


def text(client: FlaskClient, address: str = PAGE) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.text


def come(app: Flask, client: FlaskClient, path: str, *bodies: Any) -> None:
    for body in bodies:
        client.post(path, json=body)
    with app.app_context():
        news.work(1)


def test_each_kind_of_news_has_its_link_and_its_steps(client: FlaskClient, path: str) -> None:
    login(client)
    page = text(client)
    assert f"http://localhost{path}/cards" in page
    assert f"http://localhost{path}/orders" in page
    assert "Link for cards" in page
    assert "Card status change" in page
    assert "Nothing has come yet." in page
    login(client, "viewer")
    assert path not in text(client)
    assert "shown to the owner" in text(client)


def test_one_link_where_orders_are_sent_as_such_and_none_where_they_are_not(
    app: Flask, client: FlaskClient, path: str
) -> None:
    login(client)
    for mode, links in (("orders", 1), ("off", 0)):
        with app.app_context():
            row = db.session.get_one(Connection, 1)
            connections.change(row, {**connections.account_settings(row), "mode": mode})
            db.session.commit()
        page = text(client)
        assert page.count(path + "/") // 2 == links  # to be read, and to be copied
        assert "/cards" not in page
    assert "There is nothing to be told of yet" in page


def test_what_came_is_listed_with_what_became_of_it(app: Flask, client: FlaskClient, path: str) -> None:
    come(
        app,
        client,
        path,
        told(2),
        told(2, number=9),
        told(2, number=12, source_id=8, secret="a key that nobody may see"),
    )
    client.post(path, data=b"{")
    login(client)
    page = text(client)
    assert "T-00001" in page
    assert news.NO_COPY in page
    assert "another source" in page
    assert "neither an event" in page or "not a JSON object" in page
    assert all(word in page for word in ("Applied", "Ignored", "Refused"))
    refused = text(client, f"{PAGE}?state=refused")
    assert "T-00001" not in refused
    assert "Nothing fits these filters" in text(client, f"{PAGE}?state=failed")
    shown = text(client, f"{PAGE}/notices/3")
    assert "[hidden]" in shown
    assert "a key that nobody may see" not in shown
    assert "{" in text(client, f"{PAGE}/notices/4")
    assert client.get(f"{PAGE}/notices/99").status_code == 404
    assert client.get("/settings/integrations/2/webhook").status_code == 404


def test_it_is_worked_on_once_more(app: Flask, client: FlaskClient, path: str) -> None:
    login(client)
    come(app, client, path, told(2, number=502), told(2, number=503))
    with app.app_context():
        for number in (502, 503):
            order_id = make_orders(1, number=f"L-{number}")[0]
            build.link(order_id, 1, external_id=str(number), external_status="1")
    said = client.post(f"{PAGE}/notices/1/replay", follow_redirects=True).text
    assert "1 notice is worked on once more" in said
    assert "waits already" in client.post(f"{PAGE}/notices/1/replay", follow_redirects=True).text
    assert "Work on all of them once more" in text(client, f"{PAGE}?state=ignored")
    assert client.post(f"{PAGE}/notices/replay", data={"state": "applied"}).status_code == 400
    said = client.post(f"{PAGE}/notices/replay", data={"state": "ignored"}, follow_redirects=True).text
    assert "1 notice is worked on once more" in said
    come(app, client, path)
    with app.app_context():
        states = set(db.session.scalars(db.select(Incoming.state)))
        moved = db.session.scalars(db.select(Order.number).where(Order.status_id == build.status("confirmed").id)).all()
    assert states == {"applied"}
    assert sorted(moved) == ["L-502", "L-503"]
    login(client, "viewer")
    assert client.post(f"{PAGE}/notices/1/replay").status_code == 403


def test_a_link_is_replaced_and_the_old_one_switched_off(app: Flask, client: FlaskClient, path: str) -> None:
    login(client)
    said = client.post(PAGE, follow_redirects=True).text
    assert "7 days" in said
    assert "A link from before works until" in said
    assert path not in said
    login(client, "manager")
    assert client.post(f"{PAGE}/1/end").status_code == 403
    assert client.post(PAGE).status_code == 403
    login(client)
    assert "is switched off" in client.post(f"{PAGE}/1/end", follow_redirects=True).text
    assert "is switched off" not in client.post(f"{PAGE}/1/end", follow_redirects=True).text
    with app.app_context():
        ends = db.session.scalars(db.select(HookSecret.ends_at)).all()
    assert list(ends) == [None]
    assert client.post(path, json=told(2)).status_code == 404


def test_pages_of_notices_cost_the_same(app: Flask, client: FlaskClient, path: str) -> None:
    login(client)
    with app.app_context():
        key = db.session.scalars(db.select(Link)).one()
        for n in range(120):
            row = Incoming(connection_id=1, channel="webhook", event="status", external_id=str(n), fingerprint=str(n))
            row.body, row.order_id, row.state = {"name": "x"}, key.order_id, "ignored"
            row.received_at = utcnow() - timedelta(minutes=n)
            db.session.add(row)
        db.session.commit()
    with count_queries(client) as queries:
        first = text(client)
    assert len(queries) <= 20
    assert first.count("data-row") == 50
    assert "before=71" in first
    assert text(client, f"{PAGE}?before=71").count("data-row") == 50
    assert text(client, f"{PAGE}?before=21").count("data-row") == 20


def test_addresses_are_of_those_that_receive(app: Flask, client: FlaskClient) -> None:
    login(client)
    with app.app_context():
        connections.create("prom", "Prom", {"token": "x"})
        db.session.commit()
    assert client.get(PAGE).status_code == 404
    assert client.post(PAGE).status_code == 404
