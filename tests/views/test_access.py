"""Who may do what: every address of the hub against every role."""

from __future__ import annotations

import pytest

from jobs import connections
from models import User, db

from .helpers import login

ROLES = ("owner", "manager", "viewer")
OPEN = {"auth", "health", "completion", "buy", "hooks", "pay", "api", "order_forms"}  # and static files
OWN = {"account", "notices", "orders_views"}  # what users set up for themselves
#: for owners alone
OWNERS = {
    *(("notices.words", "GET"), ("notices.save_words", "POST"), ("notices.preview", "POST")),
    *(("stock.index", "GET"), ("stock.switch", "POST"), ("stock.tell", "POST")),
    ("users.index", "GET"),
    ("users.add", "POST"),
    ("users.role", "POST"),
    ("users.active", "POST"),
    ("users.link", "POST"),
    ("connect.new", "GET"),
    ("connect.create", "POST"),
    ("connect.save", "POST"),
    ("integrations.switch", "POST"),
    ("integrations.delete", "POST"),
    *((f"api_tokens.{name}", "POST") for name in ("create", "create_form", "revoke")),
    *((f"webhooks.{name}", "POST") for name in ("create", "save", "switch", "rotate", "test", "delete", "resend")),
    *((f"automation.{name}", "POST") for name in ("save", "draft", "preview", "switch", "delete", "order")),
    ("automation.new", "GET"),
    ("api_tokens.index", "GET"),
    ("webhooks.index", "GET"),
    ("webhooks.show", "GET"),
}
#: blueprints whose pages are called as every role; the others are only asked what they refuse
OURS = ("account", "users", "settings", "registries", "integrations", "connect", "mappings", "api_tokens", "webhooks")
VALUES = {
    "table": "sources",
    "kind": "prom",
    "filename": "app.css",
    "token": "none",
    "number": "none",
    "session_id": 999,
}


def routes(app):
    """(endpoint, method, address), one for each; deletions last."""
    found = []
    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            values = {}
            for name in rule.arguments:
                values[name] = (
                    "status_out" if (rule.endpoint, name) == (f"mappings.{rule.endpoint[9:]}", "table") else 0
                )
                if not values[name]:
                    values[name] = VALUES.get(name, 1)
            for method in sorted(rule.methods & {"GET", "POST", "PUT", "PATCH", "DELETE"}):
                found.append((rule.endpoint, method, app.url_for(rule.endpoint, **values)))
    return sorted(set(found), key=lambda r: ("delete" in r[0] or "revoke" in r[0], r))


@pytest.fixture
def ready(app):
    with app.app_context():
        connections.create("prom", "Prom", {"token": "secret-of-prom"})
        db.session.commit()
    return app


def is_open(endpoint):
    return endpoint == "static" or endpoint.split(".")[0] in OPEN


def refused(answer):
    return answer.status_code == 403 or (answer.location or "").startswith("/login")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nobody_gets_in_without_login(ready):
    client = ready.test_client()
    for endpoint, method, path in routes(ready):
        if not is_open(endpoint):
            answer = client.open(path, method=method)
            assert refused(answer), (endpoint, method, answer.status_code)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_viewer_changes_nothing_but_what_is_their_own(ready):
    client = ready.test_client()
    login(client, "viewer")
    for endpoint, method, path in routes(ready):
        if method != "GET" and not is_open(endpoint) and endpoint.split(".")[0] not in OWN:
            assert client.open(path, method=method).status_code == 403, (endpoint, method)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("role", ["manager", "viewer"])
def test_what_is_for_owners_is_for_owners(ready, role):
    client = ready.test_client()
    login(client, role)
    known = {(endpoint, method) for endpoint, method, _ in routes(ready)}
    assert known >= OWNERS
    for endpoint, method, path in routes(ready):
        if (endpoint, method) in OWNERS:
            assert client.open(path, method=method).status_code == 403, (endpoint, method, role)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("role", ROLES)
def test_settings_answer_those_who_may(ready, role):
    client = ready.test_client()
    login(client, role)
    for endpoint, method, path in routes(ready):
        if endpoint.split(".")[0] not in OURS or (role != "owner" and (endpoint, method) in OWNERS):
            continue
        if role == "viewer" and method != "GET" and not endpoint.startswith("account."):
            continue
        answer = client.open(path, method=method)
        assert not refused(answer), (endpoint, method, role)
        assert answer.status_code < 500


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_form_wants_its_token(ready):
    ready.config["WTF_CSRF_ENABLED"] = True
    client = ready.test_client()
    login(client)
    for endpoint, method, path in routes(ready):
        # pay.back: services send the customer's browser there with a form of theirs; it changes nothing
        open_ones = ("health", "hooks", "api", "order_forms")
        if method != "GET" and endpoint.split(".")[0] not in open_ones and endpoint != "pay.back":
            answer = client.open(path, method=method, headers={"Origin": "https://evil.example"})
            assert answer.status_code == 400, (endpoint, method)


def test_a_role_that_is_taken_away_counts_at_once(ready):
    client = ready.test_client()
    user_id = login(client)
    assert client.get("/settings/users").status_code == 200
    with ready.app_context():
        db.session.get(User, user_id).role = "viewer"
        db.session.commit()
    assert client.get("/settings/users").status_code == 403
