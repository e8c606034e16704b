"""Login, one-time links, language, sessions."""

from __future__ import annotations

import re

import pytest

from models import Option, User, UserSession, db
from views import setup_link
from views.auth import local_path

from .helpers import PASSWORD, add_user, login

STRONG = "correct horse battery"


def sign_in(client, email="olena@example.com", password=PASSWORD, **more):
    return client.post("/login", data={"email": email, "password": password}, **more)


@pytest.fixture
def olena(app):
    with app.app_context():
        return add_user()


def test_right_password_opens_a_session_that_is_listed(client, olena, app):
    answer = sign_in(client, email=" Olena@Example.com ", headers={"User-Agent": "Firefox on a laptop"})
    assert (answer.status_code, answer.location) == (302, "/")
    with app.app_context():
        row = db.session.scalars(db.select(UserSession)).one()
        assert (row.user_id, row.agent, row.address) == (olena, "Firefox on a laptop", "127.0.0.1")
        assert len(row.token_hash) == 64


def test_wrong_password_and_unknown_user_look_the_same(client, olena):
    wrong, unknown = sign_in(client, password="not it"), sign_in(client, email="nobody@example.com")
    assert wrong.status_code == unknown.status_code == 422

    def shown(answer):
        text = re.sub(r'name="csrf[^>]*>|content="[^"]*"|value="[^"]*"', "", answer.text)
        return re.sub(r"\s+", " ", text)

    assert shown(wrong) == shown(unknown)
    assert client.get("/login").status_code == 200


def test_an_inactive_user_stays_out(client, app):
    with app.app_context():
        add_user("gone@example.com", active=False)
    assert sign_in(client, email="gone@example.com").status_code == 422


def test_guessing_is_slowed_down_by_account_and_by_address(client, olena):
    codes = [sign_in(client, password="guess").status_code for _ in range(6)]
    assert codes == [422] * 5 + [429]
    others = [sign_in(client, email=f"u{n}@example.com").status_code for n in range(6)]
    assert others[-1] == 429
    assert others[0] == 422


@pytest.mark.parametrize(
    ("given", "leads_to"),
    [
        (None, "/"),
        ("/orders?q=1", "/orders?q=1"),
        ("/orders?", "/orders"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/evil.example", "/"),
    ],
)
def test_next_leads_nowhere_else(given, leads_to):
    assert local_path(given) == leads_to


def test_next_is_followed_after_login(client, olena):
    assert sign_in(client, query_string={"next": "/orders?q=1"}).location == "/orders?q=1"
    assert client.get("/login", query_string={"next": "//evil.example"}).location == "/"


def test_a_fragment_after_the_end_of_the_session_moves_the_whole_page(client):
    headers = {"HX-Request": "true", "HX-Current-URL": "http://localhost/orders?q=1"}
    answer = client.get("/login", headers=headers)
    assert answer.headers["HX-Redirect"] == "/login?next=%2Forders%3Fq%3D1"


def test_logout_ends_the_session_and_is_no_link(client, app):
    login(client)
    assert client.get("/logout").status_code == 405
    assert client.post("/logout").location == "/login"
    assert client.get("/settings/profile").status_code == 302
    with app.app_context():
        assert db.session.scalars(db.select(UserSession)).one().revoked_at is not None


def test_a_stolen_cookie_dies_with_its_session(client, app):
    login(client)
    with client.session_transaction() as cookie:
        kept = dict(cookie)
    client.post("/logout")
    with client.session_transaction() as cookie:
        cookie.update(kept)
    assert client.get("/settings/profile").location.startswith("/login")


def test_the_link_creates_one_owner_once(client, app):
    with app.app_context():
        link = setup_link.new_setup_link()
    assert link.startswith("http://localhost/setup/")
    path = link.removeprefix("http://localhost")
    assert client.get(path).status_code == 200
    weak = client.post(path, data={"email": "boss@example.com", "password": "short"})
    assert weak.status_code == 422
    assert "at least 10 characters" in weak.text
    made = client.post(path, data={"email": "Boss@Example.com", "name": "<b>Boss</b>", "password": STRONG})
    assert made.location == "/"
    assert client.get(path).status_code == 404
    assert client.post(path, data={"email": "b@example.com", "password": STRONG}).status_code == 404
    with app.app_context():
        owner = db.session.scalars(db.select(User)).one()
        assert (owner.email, owner.role) == ("boss@example.com", "owner")
        assert owner.password_hash.startswith("$argon2id$")
        assert setup_link.new_setup_link() is None


def test_a_new_link_ends_the_one_before_and_age_ends_it_too(client, app):
    with app.app_context():
        first, second = setup_link.new_setup_link(), setup_link.new_setup_link()
        assert client.get(first).status_code == 404
        assert client.get(second).status_code == 200
        row = db.session.get(Option, setup_link.SETUP)
        assert second.rsplit("/", 1)[1] not in str(row.value)
        row.value = {**row.value, "until": "2020-01-01T00:00:00+00:00"}
        db.session.commit()
    assert client.get(second).status_code == 404


def test_the_owner_may_come_from_the_environment_once(app, settings):
    from dataclasses import replace

    given = replace(settings, admin_email="Admin@Example.com", admin_password=STRONG)
    with app.app_context():
        assert setup_link.ensure_owner_from_env(settings) is False
        assert setup_link.ensure_owner_from_env(given) is True
        assert setup_link.ensure_owner_from_env(given) is False
        assert sign_in(app.test_client(), email="admin@example.com", password=STRONG).status_code == 302


def test_a_password_link_works_once_and_ends_other_sessions(client, app, olena):
    elsewhere = app.test_client()
    login(elsewhere, email="olena@example.com")
    with app.app_context():
        path = setup_link.new_password_link(db.session.get(User, olena)).removeprefix("http://localhost")
        db.session.commit()
    assert "olena@example.com" in client.get(path).text
    assert client.post(path, data={"password": "short"}).status_code == 422
    assert client.post(path, data={"password": STRONG}).location == "/"
    assert client.post(path, data={"password": STRONG}).status_code == 404
    assert client.get(path).status_code == 404
    assert elsewhere.get("/settings/profile").status_code == 302
    assert sign_in(app.test_client(), password=STRONG).status_code == 302
    assert client.get(f"/password/{olena}/guess").status_code == 404


def test_language_before_and_after_login(client, app):
    answer = client.post("/language", data={"lang": "uk", "next": "//evil.example"})
    assert answer.location == "/"
    assert '<html lang="uk"' in client.get("/login").text
    client.post("/language", data={"lang": "xx"})
    assert '<html lang="uk"' in client.get("/login").text
    user_id = login(client)
    client.post("/language", data={"lang": "ru", "next": "/settings/profile"})
    with app.app_context():
        assert db.session.get(User, user_id).language == "ru"


def test_a_viewer_may_choose_a_language(client):
    login(client, "viewer")
    assert client.post("/language", data={"lang": "en"}).status_code == 302


def test_forms_want_their_token(app):
    app.config["WTF_CSRF_ENABLED"] = True
    client = app.test_client()
    assert sign_in(client).status_code == 400
    assert client.post("/logout").status_code == 400
    assert client.post("/language", data={"lang": "uk"}).status_code == 400


def test_the_time_of_the_last_visit_is_kept(client, app):
    login(client)
    with app.app_context():
        row = db.session.scalars(db.select(UserSession)).one()
        row.seen_at = row.seen_at.replace(year=2020)
        db.session.commit()
    client.get("/settings/profile")
    with client.session_transaction() as cookie:
        cookie["seen"] = 0
    client.get("/settings/profile")
    with app.app_context():
        assert db.session.scalars(db.select(UserSession)).one().seen_at.year > 2020
