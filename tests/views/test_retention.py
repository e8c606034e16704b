"""Settings, keeping: days are chosen within bounds, pages say what is not kept any more."""

from __future__ import annotations

import pytest

from jobs import exports, retention
from models import Attempt, AttemptItem, Incoming, Option, db

from . import work_data as data
from .helpers import login

CHOSEN = {"originals": 30, "exchanges": 5, "webhooks": 7, "messages": 14, "runs": 60, "files": 3}


def test_days_are_chosen_and_followed(client, app):
    login(client)
    page = client.get("/settings/keeping").text
    assert 'value="90"' in page
    assert "Keeping" in client.get("/settings").text
    assert client.post("/settings/keeping", data=CHOSEN).status_code == 303
    with app.app_context():
        assert retention.kept() == CHOSEN
        assert exports.kept().days == 3


@pytest.mark.parametrize(
    ("name", "value"), [("files", "31"), ("originals", "6"), ("runs", ""), ("webhooks", "x"), ("exchanges", "9" * 30)]
)
def test_what_can_not_be_is_said_beside_the_field(client, app, name, value):
    login(client)
    answer = client.post("/settings/keeping", data={**CHOSEN, name: value})
    kind = retention.KINDS[name]
    assert answer.status_code == 422
    assert f'id="{name}-error"' in answer.text
    assert f"from {kind.least} to {kind.most}" in answer.text
    with app.app_context():
        assert db.session.get(Option, retention.DAYS) is None


def test_the_last_night_is_told(client, app):
    login(client)
    assert "Dropped last" not in client.get("/settings/keeping").text
    with app.app_context():
        last = {"at": "2026-01-02T03:00:00+00:00", "counts": {"exchanges": 1234, "runs": 0}}
        db.session.add(Option(key=retention.STATE, value={"last": last}))
        db.session.commit()
    page = client.get("/settings/keeping").text
    assert "Requests and answers <b" in page
    assert "Runs of schedules <b" not in page


def test_pages_say_that_a_body_is_not_kept_any_more(client, app):
    login(client)
    with app.app_context():
        prom = data.connection("prom", "Prom")
        order_id = data.orders(1)[0]
        common = {"connection_id": prom.id, "state": "applied", "order_id": order_id, "body": {}}
        came = Incoming(external_id="1", fingerprint="f", **common)
        db.session.add(came)
        failed = data.refused(order_id, data.connection())
        db.session.execute(db.update(Attempt).values(exchanges=[]))
        db.session.commit()
        came_id, failed_id, attempt_id = came.id, failed.id, db.session.scalar(db.select(AttemptItem.attempt_id))
    gone = "older than the hub keeps"
    assert gone in client.get(f"/activity/incoming/{came_id}").text
    assert gone in client.get(f"/order/{order_id}/originals/{came_id}").text
    assert gone in client.get(f"/activity/transfers/{failed_id}").text
    assert client.get(f"/order/{order_id}/attempts/{attempt_id}").status_code == 200


def test_only_owners_choose(client):
    login(client, "manager")
    assert client.get("/settings/keeping").status_code == 403
    assert client.post("/settings/keeping", data=CHOSEN).status_code == 403
    assert "/settings/keeping" not in client.get("/settings").text
