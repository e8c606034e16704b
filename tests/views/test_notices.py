"""The page of the profile, notices: a chat is tied and tried, kinds and quiet hours are kept; the owner's words."""

from __future__ import annotations

import re

import pytest

from integrations.sandbox import SandboxServer
from jobs import connections, messages, notices
from models import Message, NoticeChoice, User, db

from .helpers import login
from .pages import form_of, parse


@pytest.fixture
def extra_env(sandbox: SandboxServer) -> dict[str, str]:
    return {"SANDBOX_URL": sandbox.url}


@pytest.fixture
def bot(app, sandbox):
    with app.app_context():
        settings = {"api_url": f"{sandbox.url}/telegram", "token": "sandbox-token"}
        row = connections.create("telegram", "Shop bot", settings)
        db.session.commit()
        return row.id


def choice() -> NoticeChoice:
    return db.session.scalars(db.select(NoticeChoice)).one()


def test_a_chat_is_tied_tried_and_untied(client, app, bot, sandbox):
    login(client, "viewer")
    telegram = sandbox.vendor("telegram")
    client.post("/settings/profile/notices/tie", data={"connection": bot})
    page = parse(client.get("/settings/profile"))
    link = page.one("#tying a[target]").get("href")
    code = re.fullmatch(r"https://t\.me/orders_sandbox_0_bot\?start=([\w-]{32})", link)[1]
    waiting = client.get("/settings/profile/notices/tie", headers={"HX-Request": "true"})
    assert link in waiting.text
    telegram.start("Olena", code=code)
    with app.app_context():
        notices.look_for_code(choice().user_id)
    done = client.get("/settings/profile/notices/tie", headers={"HX-Request": "true"})
    assert done.headers["HX-Refresh"] == "true"
    assert client.get("/settings/profile/notices/tie").status_code == 303
    page = client.get("/settings/profile").text
    assert "Olena" in page
    assert "Shop bot" in page
    client.post("/settings/profile/notices/test")
    with app.app_context():
        messages.deliver()
    assert [m["text"].split("\n")[0] for m in telegram.messages()] == [
        "This chat is tied to your account.",
        "This is a test.",
    ]
    client.post("/settings/profile/notices/untie")
    assert "no place to send it to" in client.post("/settings/profile/notices/test", follow_redirects=True).text
    assert client.post("/settings/profile/notices/tie", data={"connection": 99}).status_code == 404


def test_a_bot_that_gives_no_link_says_why(client, app, bot, sandbox):
    login(client)
    sandbox.vendor("telegram").fault("expired")
    page = client.post("/settings/profile/notices/tie", data={"connection": bot}, follow_redirects=True).text
    assert "Shop bot gave no link: Unauthorized" in page


def test_kinds_and_quiet_hours_are_kept(client, app):
    login(client, "manager")
    page = client.get("/settings/profile")
    form = form_of(page, "#notice-form")
    assert {name for name in form if name.startswith("kind_")} == {"kind_connection", "kind_key"}
    form.setlist("kind_new_order", ["y"])
    for name, value in {"quiet_from": "22:00", "quiet_until": "07:30", "zone": "Asia/Almaty"}.items():
        form[name] = value
    assert client.post("/settings/profile/notices", data=form).status_code == 303
    again = form_of(client.get("/settings/profile"), "#notice-form")
    assert (again["quiet_from"], again["quiet_until"], again["zone"]) == ("22:00", "07:30", "Asia/Almaty")
    assert "kind_new_order" in again
    bad = client.post("/settings/profile/notices", data={"quiet_from": "22:00", "zone": ""})
    assert bad.status_code == 422
    assert "Give both hours, or neither." in bad.text
    assert client.post("/settings/profile/notices", data={"zone": "Mars/Base"}).status_code == 422
    with app.app_context():
        assert (choice().quiet_from, choice().email) == (1320, False)


def test_owners_edit_the_words_and_see_them_first(client, app):
    login(client)
    page = client.get("/settings/notices")
    assert "Олена &lt;Тестова&gt; &amp; Ко" in page.text
    url = "/settings/notices/new_order"
    seen = client.post(f"{url}/preview", data={"text": "{count} <i>{list}", "line": "{number}"})
    assert parse(seen).one(".notice-preview").text == "1 <i>A-1024"
    assert "{nonsense} is no placeholder" in client.post(f"{url}/preview", data={"text": "{nonsense}"}).text
    refused = client.post(url, data={"text": "{nonsense}", "line": ""})
    assert refused.status_code == 422
    assert "{nonsense}</textarea>" in refused.text
    client.post(url, data={"text": "Ура! {list}", "line": "{number}"})
    assert "Ура! {list}</textarea>" in client.get("/settings/notices").text
    client.post(url, data={"do": "own"})
    assert "Ура!" not in client.get("/settings/notices").text
    assert client.post("/settings/notices/nonsense", data={"text": "x"}).status_code == 404
    assert client.post("/settings/notices/nonsense/preview").status_code == 404


def test_only_owners_edit_the_words(client):
    login(client, "manager")
    assert client.get("/settings/notices").status_code == 403
    assert client.post("/settings/notices/problem", data={"text": "x"}).status_code == 403


def test_the_list_of_messages_has_those_to_staff(client, app, bot):
    login(client)
    with app.app_context():
        user = db.session.scalars(db.select(User)).one()
        common = {"user_id": user.id, "connection_id": bot, "channel": "chat", "target": "1", "subject": "Olena"}
        db.session.add(Message(**common, body="x", state="failed", fault="unavailable", detail="away"))
        db.session.commit()
    assert "Notice to staff" in client.get("/automation/messages").text
    assert "Notice to staff" in client.get("/problems").text
    message = client.get("/automation/messages").text
    again = re.search(r"/automation/messages/(\d+)/again", message)[0]
    assert client.post(again).status_code == 303


def test_the_day_until_which_a_key_is_valid(client, app, bot):
    login(client)
    page = client.get(f"/settings/integrations/{bot}")
    assert parse(page).one("#valid_until").get("type") == "date"
    common = {"connection_name": "Shop bot", "token": ""}
    refused = client.post(f"/settings/integrations/{bot}", data={**common, "valid_until": "tomorrow"})
    assert "Write the day as 2030-12-31." in refused.text
    client.post(f"/settings/integrations/{bot}", data={**common, "valid_until": "2030-12-31"})
    assert parse(client.get(f"/settings/integrations/{bot}")).one("#valid_until").get("value") == "2030-12-31"
