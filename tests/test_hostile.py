"""What people with bad intentions, and machines with bad manners, send to the hub."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from integrations import http
from integrations.sandbox import SandboxServer
from models import BulkUndo, Order, SavedView, User, UserSession, db
from orders.creation import Draft, insert_many
from orders.timeline import Actor

from .conftest import make_app, make_settings
from .hostile import ATTACK, OBEYED, addresses, seed
from .views.helpers import PASSWORD, add_user, login

sqlite_only = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
#: pages of open blueprints: they need no login, or are about it
OPEN = ("auth.", "health.", "static")
#: programs and forms of other sites: no cookie counts there, a token of their own does
TOKENS = ("api.", "order_forms.")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server
    http.close_all()


@pytest.fixture
def extra_env(sandbox: SandboxServer) -> dict[str, str]:
    return {"SANDBOX_URL": sandbox.url}


@pytest.fixture
def attacked(app: Flask, client: FlaskClient, sandbox: SandboxServer) -> FlaskClient:
    """The owner's client of a hub that is full of attacks."""
    login(client)
    seed(app, sandbox.url)
    return client


def an_order(app: Flask, number: str = "A-1") -> int:
    with app.app_context():
        ids = insert_many([Draft({"number": number, "last_name": "Тестова", "currency": "UAH"})], Actor("person", "T"))
        db.session.commit()
        return ids[0]


# ---- forms that other sites send


@sqlite_only
def test_a_forged_token_opens_no_form(app, client):
    login(client)
    app.config["WTF_CSRF_ENABLED"] = True
    rules = list(addresses(app, "POST"))
    assert len(rules) > 50
    forged = "IjEi.forged.token"
    for rule, url in rules:
        if rule.endpoint.startswith(TOKENS):
            continue
        answer = client.post(url, data={"csrf_token": forged}, headers={"X-CSRFToken": forged})
        assert answer.status_code == 400, url
        assert "<form" in answer.text or "<a " in answer.text, f"{url}: the page leads nowhere"


@sqlite_only
def test_a_token_of_somebody_else_opens_nothing(app, client):
    stranger = app.test_client()
    login(stranger, "manager")
    app.config["WTF_CSRF_ENABLED"] = True
    theirs = re.search(r'name="csrf-token" content="([^"]+)"', stranger.get("/orders").text)
    login(client)
    assert client.post("/settings/profile", data={"csrf_token": theirs[1], "name": "X"}).status_code == 400


# ---- what belongs to others


@sqlite_only
def test_what_belongs_to_another_is_out_of_reach(app, client):
    mine = login(client)
    stranger = app.test_client()
    login(stranger, "manager")
    order_id = an_order(app)
    with app.app_context():
        status_id = db.session.get(Order, order_id).status_id
        view = SavedView(user_id=mine, name="Моє", query="paid=yes")
        undo = BulkUndo(user_id=mine, orders=[[order_id, status_id + 1, status_id]])
        db.session.add_all([view, undo])
        db.session.commit()
        view_id, undo_id = view.id, undo.id
        session_id = db.session.scalar(db.select(UserSession.id).where(UserSession.user_id == mine))
    for what in ("rename", "delete", "left"):
        stranger.post(f"/orders/views/{view_id}", data={"do": what, "name": "Чуже"})
    stranger.post(f"/orders/undo/{undo_id}")
    assert stranger.post(f"/settings/profile/sessions/{session_id}/revoke").status_code == 404
    assert "Моє" not in stranger.get("/orders").text
    with app.app_context():
        assert db.session.get(SavedView, view_id).name == "Моє"
        assert db.session.get(Order, order_id).status_id == status_id
        assert db.session.get(BulkUndo, undo_id).done_at is None


# ---- texts that would be code


def test_no_text_is_code_on_any_page(app, attacked):
    with app.app_context():
        numbers = db.session.scalars(db.select(Order.number)).all()
    urls = [url for rule, url in addresses(app) if not rule.endpoint.startswith(OPEN)]
    searched = ["status=all", "q=%3Cscript%3Ealert(1)%3C/script%3E", "group=problem", "flag=mapping", "group=deleted"]
    urls += [f"/orders?{query}" for query in searched] + ["/activity?state=failed", "/orders/bulk/send?ids=1,2,3,4,5,6"]
    urls += [f"/orders/{number}" for number in numbers if "/" not in number]
    shown = set()
    for url in dict.fromkeys(urls):
        for headers in ({}, {"HX-Request": "true"}):
            answer = attacked.get(url, headers=headers)
            assert answer.status_code < 500, url
            if answer.mimetype == "text/html":
                assert not [found for found in OBEYED if found in answer.text], url
                assert not re.search(r"href=[\"']?\s*javascript:", answer.text), url
                assert "49" + "%(x)s" not in answer.text, f"{url}: a template within the template"
                shown |= {url.split("?")[0]} if "&lt;script&gt;alert(1)" in answer.text else set()
    known = {"/orders", "/orders/key-0", "/problems", "/activity", "/activity/runs", "/activity/incoming",
             "/settings/registries/statuses", "/settings/users", "/settings/profile", "/order/1/timeline"}  # fmt: skip
    assert shown > known - {"/settings/users"}, "pages that should show the texts don't"


@sqlite_only
def test_what_is_typed_comes_back_as_text(app, attacked):
    """Forms that are refused are shown again with what was typed."""
    names = ("name", "email", "last_name", "number", "connection_name", "api_url", "site", "q", "lines-0-name", "next")
    for rule, url in addresses(app, "POST"):
        if rule.endpoint in ("auth.logout", "account.revoke_others", "account.revoke"):
            continue
        answer = attacked.post(
            url, data=dict.fromkeys(names, ATTACK), headers={"Referer": f"http://localhost/{ATTACK}"}
        )
        assert answer.status_code < 500, url
        assert answer.mimetype != "text/html" or not [found for found in OBEYED if found in answer.text], url
        for _name, value in answer.headers:
            assert "<script>" not in value or _name == "HX-Trigger", url


# ---- addresses that lead elsewhere


def one_line(text: str) -> str:
    """What a server lets through as a header."""
    return re.sub(r"[\r\n]+", "", text)


ELSEWHERE = (
    "https://evil.example",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/%0d%0aSet-Cookie: a=b",
    "/\r\nSet-Cookie: a=b",
    "javascript:alert(1)",
    "https:evil.example",
)


@sqlite_only
@pytest.mark.parametrize("target", ELSEWHERE)
def test_nothing_leads_to_another_site(app, client, target):
    with app.app_context():
        add_user("olena@example.com")
    known = {"email": "olena@example.com", "password": PASSWORD}
    answers = [client.post("/login", query_string={"next": target}, data=known)]
    answers.append(client.post("/language", data={"lang": "uk", "next": target}))
    answers.append(client.post("/settings/integrations/1/mappings/refresh", headers={"Referer": one_line(target)}))
    headers = {"HX-Request": "true", "HX-Current-URL": one_line(target)}
    answers.append(app.test_client().get("/login", headers=headers))
    for answer in answers:
        where = answer.headers.get("Location") or answer.headers.get("HX-Redirect") or "/"
        assert re.match(r"/(?![/\\])", where), where
        assert "a=b" not in answer.headers.get("Set-Cookie", "")


@sqlite_only
@pytest.mark.parametrize(
    "number",
    ["../settings", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/settings", "....//x", "%00", "a%0d%0ab", "%ff%fe"],
)
def test_numbers_are_no_paths(client, number):
    login(client)
    answer = client.get(f"/orders/{number}")
    assert answer.status_code in (302, 308, 404)
    assert "root:" not in answer.text


SEARCHED = ("/orders", "/orders/total", "/orders/changes", "/orders/products", "/activity", "/settings/integrations")


@pytest.mark.parametrize("number", [0, 2**31, 2**63, 10**40], ids=["0", "2^31", "2^63", "10^40"])
def test_numbers_that_no_row_has(app, client, number):
    login(client)
    for method in ("GET", "POST"):
        for rule, url in addresses(app, method, ids=(number,)):
            if rule.arguments and rule.endpoint not in ("card.save", "auth.do_setup"):
                data = {"status": str(number), "to": str(number), "ids": str(number), "source": str(number)}
                assert client.open(url, method=method, data=data).status_code < 500, f"{method} {url}"


@pytest.mark.parametrize(
    "odd", ["\x00", "\ud800", "\u202e", "'; DROP TABLE orders; --", "%", "_", "\\", '"', "*", "NEAR("]
)
def test_odd_characters_are_searched_like_any_other(app, client, odd):
    login(client)
    an_order(app)
    sent = odd.encode("utf-8", "surrogatepass")
    for name in ("q", "status", "type", "since", "link", "cursor", "view", "seen", "ids"):
        for path in SEARCHED:
            query = f"{name}=" + "".join(f"%{byte:02x}" for byte in sent)
            assert client.get(f"{path}?{query}").status_code < 500, f"{path}?{query}"


FIELDS = ("name", "last_name", "number", "q", "phone", "total", "lines-0-name", "lines-0-quantity", "status", "version")


@pytest.mark.parametrize(
    "odd", ["\x00", "a\x00b", "\u202e" * 300, "9" * 5000], ids=["nul", "nul inside", "long", "digits"]
)
def test_odd_characters_in_forms(app, client, odd):
    login(client)
    an_order(app)
    for rule, url in addresses(app, "POST", ids=(1,)):
        if rule.endpoint != "auth.logout":
            assert client.post(url, data=dict.fromkeys(FIELDS, odd)).status_code < 500, url


# ---- what every answer carries


TOO_LARGE, FORM = b"staff_comment=" + b"x" * 17 * 2**20, "application/x-www-form-urlencoded"


@sqlite_only
def test_headers_of_every_answer(app, attacked):
    paths = [url for _rule, url in addresses(app)] + ["/nothing/here"]
    answers = [(url, attacked.get(url)) for url in paths]
    answers += [("static", attacked.get("/static/favicon.svg"))]
    answers += [("POST", attacked.post("/orders/new", data={"number": "x"})), ("405", attacked.post("/healthz"))]
    answers += [("413", attacked.post("/orders/new", data=TOO_LARGE, content_type=FORM))]
    for url, answer in answers:
        assert answer.status_code < 500 or url == "/readyz", url
        parts = answer.headers["Content-Security-Policy"].split(";")
        policy = dict(part.strip().split(" ", 1) for part in parts)
        assert policy["default-src"] == "'self'", url
        assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == "'none'", url
        assert policy["form-action"] == "'self'", url
        assert not re.search(r"unsafe|data:|\*", policy.get("script-src", policy["default-src"])), url
        assert "unsafe" not in policy.get("style-src", ""), url
        assert answer.headers["X-Content-Type-Options"] == "nosniff", url
        answer.close()


def cookies_of(settings_of, **env: str) -> list[str]:
    app = make_app(settings_of(**env))
    with app.app_context():
        add_user("cookie@example.com")
    answer = app.test_client().post("/login", data={"email": "cookie@example.com", "password": PASSWORD})
    with app.app_context():
        db.session.execute(db.delete(UserSession))
        db.session.execute(db.delete(User))
        db.session.commit()
        db.session.remove()
        db.engine.dispose()
    return answer.headers.getlist("Set-Cookie")


@sqlite_only
@pytest.mark.parametrize(("public_url", "secure"), [("https://hub.example", True), ("http://localhost", False)])
def test_flags_of_the_session_cookie(tmp_path, database_url, valkey, valkey_url, public_url, secure):
    found = cookies_of(lambda **env: make_settings(tmp_path, database_url, valkey_url, **env), PUBLIC_URL=public_url)
    assert len(found) == 1
    flags = {part.strip().lower() for part in found[0].split(";")[1:]}
    assert {"httponly", "samesite=lax"} <= flags
    assert ("secure" in flags) == secure


@sqlite_only
def test_too_much_is_refused_in_words(client):
    login(client)
    parts = {f"f{n}": "x" for n in range(1100)}
    for data, content_type in ((TOO_LARGE, FORM), (parts, "multipart/form-data")):
        answer = client.post("/orders/new", data=data, content_type=content_type)
        assert answer.status_code == 413
        assert "too large" in answer.text.lower() or "too much" in answer.text.lower()


@sqlite_only
def test_guessing_gets_the_same_answer_for_everybody(app, client):
    with app.app_context():
        add_user("olena@example.com")
        add_user("off@example.com", active=False)
    said = set()
    for email in ("olena@example.com", "nobody@example.com", "off@example.com"):
        answer = client.post("/login", data={"email": email, "password": "not the right one"})
        said.add(
            (answer.status_code, re.sub(r'csrf[-_]token" (content|value)="[^"]+"', "", answer.text.replace(email, "")))
        )
    assert len(said) == 1
    codes = [client.post("/login", data={"email": f"{n}@example.com", "password": "x"}).status_code for n in range(10)]
    assert codes[-1] == 429


# ---- addresses of our own network


PROM = {"connection_name": "P", "token": "t", "do": "test", "import_days": "14", "language": "uk"}


@sqlite_only
@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "http://10.0.0.1", "http://169.254.169.254/latest",
     "http://2130706433:1", "http://0x7f.1:1", "http://[::ffff:127.0.0.1]:1", "http://0.0.0.0:1"],
)  # fmt: skip
def test_connections_do_not_reach_into_the_network(app, client, address):
    login(client)
    said = client.post("/settings/integrations/new/prom", data=PROM | {"api_url": address}).text
    assert "private" in said
    assert address.split("//")[1].split("/")[0] in said


@sqlite_only
def test_the_owner_of_the_machine_may_allow_it(tmp_path, database_url, valkey, valkey_url):
    app = make_app(make_settings(tmp_path, database_url, valkey_url, ALLOW_PRIVATE_ADDRESSES="1"))
    client = app.test_client()
    login(client)
    said = client.post("/settings/integrations/new/prom", data=PROM | {"api_url": "http://127.0.0.1:1"}).text
    assert "private" not in said
    assert "is-bad" in said
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
