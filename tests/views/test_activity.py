"""The journal: filters in the address, keyset pages, retry and cancel, what was sent and answered."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from models import Incoming, Link, Run, Schedule, Transfer, db, utcnow

from . import work_data as data
from .helpers import count_queries, login

HTMX = {"HX-Request": "true"}


def numbers(page: str) -> list[str]:
    return re.findall(r'cell-title"><a href="/orders/[^"]+">([^<]+)</a>', page)


@pytest.fixture
def filled(app):
    """Sixty transfers to two systems, of which ten failed and five wait."""
    with app.app_context():
        crm, other = data.connection(), data.connection(name=data.HOSTILE[:60])
        ids = data.orders(60)
        for at, order_id in enumerate(ids):
            if at < 10:
                data.refused(order_id, crm, detail=f"phone {order_id} {data.HOSTILE}")
            elif at < 15:
                data.transfer(order_id, crm, "waiting", not_before=utcnow() + timedelta(minutes=5))
            else:
                data.transfer(order_id, other)
        db.session.commit()
        return {"crm": crm.id, "other": other.id, "orders": ids}


def test_empty(client):
    login(client)
    assert "Nothing was sent yet" in client.get("/activity").text
    assert "Nothing has run yet" in client.get("/activity/runs").text
    assert "Nothing is scheduled" in client.get("/activity/schedules").text
    assert "Nothing came in yet" in client.get("/activity/incoming").text
    assert "Nothing fits" in client.get("/activity?state=done").text


def test_list_is_paged_by_id_and_escapes(client, filled):
    login(client)
    with count_queries(client) as queries:
        first = client.get("/activity").text
    assert len(queries) <= 12, "\n".join(queries)
    assert numbers(first)[0] == "A-60"
    assert len(numbers(first)) == 50
    assert "<script>alert" not in first
    older = re.search(r'href="([^"]+)" rel|rel="next" href="([^"]+)"|href="([^"]+)"[^>]*rel="next"', first)
    url = next(group for group in older.groups() if group).replace("&amp;", "&")
    second = client.get(url).text
    assert numbers(second) == [f"A-{i}" for i in range(10, 0, -1)]
    back = re.search(r'rel="prev" href="([^"]+)"', second).group(1).replace("&amp;", "&")
    assert numbers(client.get(back).text) == numbers(first)


FILTERS = {
    "state=failed": 10,
    "state=waiting": 5,
    "state=open": 5,
    "state=failed&fault=validation": 10,
    "fault=timeout": 0,
    "operation=status": 0,
    "q=A-7": 1,
    "detail=phone": 10,
    "detail=%25": 0,
    "since=2001-01-01&until=2001-01-02": 0,
    "since=2001-01-01&state=failed": 10,
    "state=nonsense&connection=x&since=32": 50,
}


def test_filters(client, filled):
    login(client)
    assert {query: len(numbers(client.get(f"/activity?{query}").text)) for query in FILTERS} == FILTERS


def test_filter_by_system(client, filled):
    login(client)
    assert len(numbers(client.get(f"/activity?connection={filled['other']}").text)) == 45


def test_fragment_for_htmx_page_otherwise(client, filled):
    login(client)
    assert client.get("/activity", headers=HTMX).text.lstrip().startswith('<div id="activity">')
    assert "<html" in client.get("/activity").text
    assert "<html" in client.get("/activity", headers={**HTMX, "HX-History-Restore-Request": "true"}).text


def test_retry_all_retries_what_the_filter_shows(client, app, filled):
    login(client)
    page = client.get(f"/activity?connection={filled['crm']}&q=A-1").text
    assert "Retry 1 failed transfer?" in page
    answer = client.post(f"/activity/retry?connection={filled['crm']}&q=A-1")
    assert answer.status_code == 303
    assert "Retry 9 failed transfers?" in client.get("/activity").text
    client.post("/activity/retry")
    with app.app_context():
        query = db.select(Transfer.state, db.func.count()).group_by(Transfer.state)
        states = {state: n for state, n in db.session.execute(query)}
    assert states == {"waiting": 15, "done": 45}


def test_a_replaced_failure_is_not_retried(client, app, filled):
    """The order was sent again since and arrived: its old refusal is history."""
    with app.app_context():
        data.transfer(filled["orders"][0], db.session.get(data.Connection, filled["crm"]), "done")
        db.session.commit()
    login(client)
    assert "Retry 9 failed transfers?" in client.get("/activity").text


def test_cancel_waiting(client, app, filled):
    """What waits goes, its tie without a copy too; what may have arrived stays, for it must be looked up."""
    with app.app_context():
        first, *others = db.session.scalars(db.select(Transfer).where(Transfer.state == "waiting")).all()
        first.uncertain = True
        for row in (first, *others):
            db.session.add(Link(order_id=row.order_id, connection_id=row.connection_id))
        db.session.commit()
        kept = first.order_id
    login(client)
    assert "Cancel 4 waiting transfers?" in client.get("/activity").text
    client.post("/activity/cancel")
    with app.app_context():
        assert db.session.scalars(db.select(Transfer.order_id).where(Transfer.state == "waiting")).all() == [kept]
        assert db.session.scalars(db.select(Link.order_id).where(Link.state == "pending")).all() == [kept]


def test_retry_one_gives_the_changed_row(client, app, filled):
    login(client)
    with app.app_context():
        one = db.session.scalar(db.select(Transfer.id).where(Transfer.state == "refused"))
    answer = client.post(f"/activity/transfers/{one}/retry", headers=HTMX)
    assert f'<tr id="transfer-{one}"' in answer.text
    assert "Waiting" in answer.text
    assert "toast" in answer.headers["HX-Trigger"]
    again = client.post(
        f"/activity/transfers/{one}/retry", headers={"Referer": "http://localhost/activity?state=failed"}
    )
    assert again.headers["Location"] == "/activity?state=failed"
    elsewhere = client.post(f"/activity/transfers/{one}/cancel", headers={"Referer": "https://evil.example/activity"})
    assert elsewhere.headers["Location"] == "/activity"
    with app.app_context():
        assert db.session.get(Transfer, one).state == "cancelled"


def test_what_was_sent_and_answered(client, app, filled):
    login(client)
    with app.app_context():
        row = db.session.scalar(db.select(Transfer).where(Transfer.state == "refused"))
        data.attempt(row, response='{"errorMsg": "Телефон"}')
        data.attempt(row, response="<html>" + data.HOSTILE)
        db.session.commit()
        url = f"/activity/transfers/{row.id}"
    with count_queries(client) as queries:
        page = client.get(url).text
    assert len(queries) <= 12
    assert "read the order and refused it" in page
    assert "Телефон" in page
    assert "You can mend this" in page
    assert "<script>alert" not in page
    assert client.get("/activity/transfers/999999").status_code == 404


def test_live_shows_progress_and_changed_rows(client, app, filled):
    login(client)
    page = client.get("/activity").text
    revision = re.search(r"/activity/live\?revision=(\d+)", page).group(1)
    with app.app_context():
        one = db.session.scalar(db.select(Transfer).where(Transfer.state == "waiting"))
        one.state, one.not_before = "working", utcnow()
        crm = db.session.get(data.Connection, filled["crm"])
        data.run(crm, "working", counts={"seen": 12, "new": 3})
        db.session.commit()
        one_id = one.id
    assert client.get(f"/activity/live?revision={revision}&ids={one_id}", headers=HTMX).status_code == 204
    answer = client.get(f"/activity/live?revision=none&ids={one_id}&ids=x", headers=HTMX).text
    assert "5 transfers to go" in answer
    assert "12 looked at, 3 new" in answer
    assert f'<tr id="transfer-{one_id}"' in answer
    assert 'hx-swap-oob="true"' in answer


def test_runs(client, app, filled):
    with app.app_context():
        crm = db.session.get(data.Connection, filled["crm"])
        data.run(crm, counts={"seen": 7, "new": 2, "changed": 1})
        bad = data.run(crm, "failed", "statuses", fault="unreachable", detail=data.HOSTILE)
        db.session.add(data.Attempt(connection_id=crm.id, verb="statuses", outcome="later", started_at=utcnow()))
        db.session.commit()
        under_way = data.run(crm, "working", "references")
        db.session.add(data.Attempt(connection_id=crm.id, verb="references", outcome="done", started_at=utcnow()))
        db.session.commit()
        bad_id, under_way_id = bad.id, under_way.id
    login(client)
    with count_queries(client) as queries:
        page = client.get("/activity/runs").text
    assert len(queries) <= 12
    assert "be reached" in page
    assert "<script>alert" not in page
    assert len(re.findall("data-row", client.get("/activity/runs?state=failed&task=statuses").text)) == 1
    details = client.get(f"/activity/runs/{bad_id}").text
    assert "can&#39;t be reached" in details
    assert "Run now" in details
    assert "it brought nothing new" not in client.get(f"/activity/runs/{under_way_id}").text
    assert client.get("/activity/runs/999999").status_code == 404


def test_run_now_asks_once(client, app, filled):
    login(client)
    form = {"connection": filled["crm"], "task": "orders"}
    assert client.post("/activity/runs", data=form).status_code == 303
    assert "It is running already" in client.post("/activity/runs", data=form, follow_redirects=True).text
    with app.app_context():
        assert db.session.scalars(db.select(Run.requested_by)).all() == ["Owner"]
    assert client.post("/activity/runs", data={**form, "task": "rm -rf"}).status_code == 404
    assert client.post("/activity/runs", data={**form, "connection": 999}).status_code == 404


def test_schedules_are_changed_paused_resumed(client, app, filled):
    with app.app_context():
        crm = db.session.get(data.Connection, filled["crm"])
        row = data.schedule(crm, next_at=utcnow() + timedelta(hours=2))
        data.run(crm)
        db.session.commit()
        row_id = row.id
    login(client)
    with count_queries(client) as queries:
        assert "2 minutes" in client.get("/activity/schedules").text
    assert len(queries) <= 12
    url = f"/activity/schedules/{row_id}"
    client.post(url, data={"every": "600"})
    client.post(url, data={"do": "pause"})
    with app.app_context():
        row = db.session.get(Schedule, row_id)
        assert (row.every, row.paused) == (600, True)
        assert row.next_at <= utcnow() + timedelta(seconds=600)
    client.post(url, data={"do": "resume"})
    with app.app_context():
        row = db.session.get(Schedule, row_id)
        assert not row.paused
        assert row.next_at <= utcnow()
    assert client.post(url, data={"every": "1"}).status_code == 404
    assert client.post("/activity/schedules/999", data={"every": "600"}).status_code == 404


def test_incoming(client, app, filled):
    with app.app_context():
        for at in range(3):
            db.session.add(
                Incoming(
                    connection_id=filled["crm"], external_id=f"X{at}", fingerprint=str(at), note=data.HOSTILE,
                    body={"client": data.HOSTILE, "city": "Київ"}, state="failed" if at else "applied",
                    order_id=filled["orders"][at], channel="webhook" if at else "pull",
                )
            )  # fmt: skip
        db.session.commit()
        last = db.session.scalar(db.select(db.func.max(Incoming.id)))
    login(client)
    with count_queries(client) as queries:
        page = client.get("/activity/incoming").text
    assert len(queries) <= 12
    assert "<script>alert" not in page
    assert "/orders/A-1" in page
    assert page.count("data-row") == 3
    assert client.get("/activity/incoming?state=failed&channel=webhook&q=X1").text.count("data-row") == 1
    details = client.get(f"/activity/incoming/{last}").text
    assert "Київ" in details
    assert "<script>alert" not in details
    assert client.get("/activity/incoming/999999").status_code == 404


def test_viewers_see_and_change_nothing(client, app, filled):
    login(client, "viewer")
    page = client.get("/activity").text
    assert "Retry" not in page
    assert client.post("/activity/retry").status_code == 403
    with app.app_context():
        one = db.session.scalar(db.select(Transfer.id).where(Transfer.state == "refused"))
    for action in ("retry", "cancel", "aside"):
        assert client.post(f"/activity/transfers/{one}/{action}").status_code == 403
    assert client.post("/activity/runs", data={"connection": filled["crm"], "task": "orders"}).status_code == 403
