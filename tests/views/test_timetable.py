"""The schedules of many connections: grouped, those that need a look first and open, found by name."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models import Run, db, utcnow

from . import work_data as data
from .helpers import count_queries, login
from .pages import parse

HTMX = {"HX-Request": "true"}
URL = "/activity/schedules"


@pytest.fixture
def systems(app) -> dict[str, int]:
    """Name -> id of six connections: two well ones, and one of each other kind."""
    with app.app_context():
        later, now = utcnow() + timedelta(hours=1), utcnow()
        made = {name: data.connection(name=name) for name in ("Delta", "alpha", "Bravo", "Paused", "Failing", "Late")}
        made["Off"] = data.connection(name="Off", enabled=False)
        for name, row in made.items():
            data.schedule(row, next_at=now - timedelta(minutes=3) if name in ("Late", "Off") else later)
            data.schedule(row, task="references", next_at=later, paused=name == "Paused")
        data.run(made["Failing"], "failed", fault="unreachable")
        data.run(made["Delta"], "working")
        db.session.commit()
        return {name: row.id for name, row in made.items()}


def shown(page: str) -> list[tuple[str, bool]]:
    """(name, whether it stands open) of the groups."""
    groups = parse(page).all("details.timetable")
    return [(group.one("summary b").text, "open" in group.attributes) for group in groups]


def test_what_needs_a_look_comes_first_and_open(client, systems):
    login(client)
    with count_queries(client) as queries:
        page = client.get(URL).text
    assert len(queries) <= 12
    assert shown(page) == [
        *(("Failing", True), ("Late", True), ("Paused", True)),
        *(("alpha", False), ("Bravo", False), ("Delta", False), ("Off", False)),
    ]
    assert "3 connections need a look" in page
    tasks = parse(page).one(f"#system-{systems['Paused']}").all("tbody tr")
    assert ["Paused" in task.text for task in tasks] == [True, False]
    assert ["Resume" in task.text for task in tasks] == [True, False]


def test_a_part_of_the_name_finds_them(client, systems):
    login(client)
    assert shown(client.get(f"{URL}?name=ALPH").text) == [("alpha", True)]
    assert shown(client.get(f"{URL}?name=crm", headers=HTMX).text)[0] == (
        "Failing",
        True,
    )  # RetailCRM, what they all are
    nothing = client.get(f"{URL}?name=%3Cb%3Ezz").text
    assert "No connection is called so" in nothing
    assert "<b>zz" not in nothing


def test_the_group_that_was_worked_in_stays_open(client, app, systems):
    login(client)
    page = parse(client.get(f"{URL}?name=br").text)
    form = next(form for form in page.all("form") if form.get("action", "").startswith(f"{URL}/"))
    came = {"Referer": f"http://localhost{URL}?name=br&open=1"}
    answer = client.post(form.get("action"), data={"every": "600"}, headers=came)
    assert answer.location == f"{URL}?name=br&open={systems['Bravo']}#system-{systems['Bravo']}"
    assert ("Bravo", True) in shown(client.get(f"{URL}?open={systems['Bravo']}").text)
    run = {"connection": systems["alpha"], "task": "orders"}
    elsewhere = {"Referer": "http://localhost/settings/integrations/1/schedules"}
    assert client.post("/activity/runs", data=run, headers=elsewhere).location == "/settings/integrations/1/schedules"


def test_a_run_that_nobody_takes_is_late(client, app, systems):
    with app.app_context():
        db.session.add(Run(connection_id=systems["Bravo"], task="orders", created_at=utcnow() - timedelta(minutes=3)))
        db.session.commit()
    login(client)
    assert ("Bravo", True) in shown(client.get(URL).text)


def test_few_are_all_open_and_a_viewer_presses_nothing(client, app):
    with app.app_context():
        data.schedule(data.connection(), next_at=utcnow() + timedelta(hours=1))
        db.session.commit()
    login(client, "viewer")
    page = parse(client.get(URL).text)
    assert shown(client.get(URL).text) == [("RetailCRM", True)]
    assert not page.all("details.timetable form")
