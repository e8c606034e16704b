"""Settings that are chosen from a connected system's own lists, and mappings tried before they are saved."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jobs import connections, mapping, runs
from models import Connection, Link, Mapping, Order, Run, Status, db, utcnow

from ..jobs.conftest import make_orders

pytestmark = pytest.mark.usefixtures("unlimited")
HOSTILE = "<b>x</b>"


@pytest.fixture
def extra_env(sandbox):
    return {"SANDBOX_URL": sandbox.url}


@pytest.fixture
def posted(sandbox):
    return {"connection_name": "CRM", "api_url": f"{sandbox.url}/keycrm", "api_key": "sandbox-token"}


@pytest.fixture
def crm_id(app, owner, posted):
    answer = owner.post("/settings/integrations/new/keycrm", data=posted | {"do": "save"})
    assert answer.status_code == 303
    with app.app_context():
        return db.session.scalars(db.select(Connection.id)).one()


def fetch(app):
    with app.app_context():
        for run in db.session.scalars(db.select(Run.id).where(Run.state == "waiting", Run.task == "references")).all():
            runs.carry_out(run)


def test_only_the_key_is_asked_for_until_it_is_connected(app, owner, crm_id, posted):
    page = owner.get("/settings/integrations/new/keycrm").text
    assert 'name="api_key"' in page
    assert 'name="source_id"' not in page
    url = f"/settings/integrations/{crm_id}"
    before = owner.get(url).text
    assert 'name="source_id"' in before
    assert "Fetching the lists" in before
    assert 'hx-target="#connect"' in before
    fetch(app)
    page = owner.get(url).text
    assert "Перон, інтернет-магазин" in page
    assert "Лендінги" in page
    assert "Fetching the lists" not in page
    assert "Refresh lists" in page


def test_what_is_chosen_stays_and_its_lists_are_fetched_anew(app, owner, crm_id, posted):
    fetch(app)
    url = f"/settings/integrations/{crm_id}"
    chosen = posted | {"api_key": "", "mode": "cards", "source_id": "7", "pipeline_id": "2", "number_field": HOSTILE}
    assert owner.post(url, data=chosen | {"do": "save"}).status_code == 303
    page = owner.get(url).text
    assert '<option value="7" selected>' in page
    assert HOSTILE not in page  # gone from the list, and shown as what it is
    assert "&lt;b&gt;x" in page
    assert 'hx-target="#lists"' in page  # what is typed meanwhile stays
    fetch(app)
    assert "card-11" in owner.get(f"{url}/mappings/status_in").text
    assert owner.post(url, data=chosen | {"do": "save"}).status_code == 303
    with app.app_context():
        assert db.session.scalar(db.select(db.func.count(Run.id)).where(Run.state == "waiting")) == 0  # nothing changed
    tested = owner.post(url, data=chosen | {"pipeline_id": "9", "do": "test"}).text
    assert "The chosen pipeline is no longer" in tested


def test_a_mapping_is_tried_on_last_weeks_orders_and_nothing_is_saved(app, owner, crm_id):
    fetch(app)
    with app.app_context():
        ids = make_orders(6)
        named = {key: i for key, i in db.session.execute(db.select(Status.key, Status.id))}
        for order_id, key in zip(ids, ("new", "new", "confirmed", "cancelled", "deleted", "new"), strict=True):
            db.session.get_one(Order, order_id).status_id = named[key]
        db.session.get_one(Order, ids[5]).created_at = utcnow() - timedelta(days=8)
        for order_id, code in zip(ids, ("1", "1", "12", "99"), strict=False):
            values = {"role": "destination", "state": "linked", "external_id": str(order_id), "external_status": code}
            db.session.add(Link(order_id=order_id, connection_id=crm_id, **values))
        db.session.commit()
    url = f"/settings/integrations/{crm_id}/mappings"
    typed = {f"to:{named['new']}": "2", f"to:{named['confirmed']}": "none"}
    page = owner.post(f"{url}/status_out/try", data=typed).text
    for said in ("4 orders of the last seven days", "covered: 2", "empty on purpose: 1", "1 order without a mapping"):
        assert said in page
    assert f'href="/orders?status={named["cancelled"]}"' in page
    assert "is-unsaved" in page
    part = owner.post(f"{url}/status_in/try", data={"to:1": str(named["new"])}, headers={"HX-Request": "true"}).text
    assert "<html" not in part
    for said in ("4 orders of the last seven days", "covered: 2", "99: 1 order without a mapping"):
        assert said in " ".join(part.split())
    assert "with none at all: 4" in owner.post(f"{url}/payment_out/try", data={}).text
    with app.app_context():
        assert db.session.scalar(db.select(db.func.count(Mapping.id))) == 0
        row = db.session.get_one(Connection, crm_id)
        assert not any(line.chosen for line in mapping.editor(row, "status_out").rows)


def test_what_can_t_be_known_is_not_tried(app, owner, sandbox):
    with app.app_context():
        row = connections.create("prom", "Prom", {"api_url": f"{sandbox.url}/prom", "token": "sandbox-token"})
        connections.refresh_references(row)
        db.session.commit()
        url = f"/settings/integrations/{row.id}/mappings"
    assert "/status_in/try" in owner.get(f"{url}/status_in").text
    assert "/delivery_in/try" not in owner.get(f"{url}/delivery_in").text
    assert owner.post(f"{url}/delivery_in/try", data={}).status_code == 404
    assert owner.post(f"{url}/nowhere/try", data={}).status_code == 404
    assert "No order of the last seven days" in owner.post(f"{url}/status_in/try", data={}).text
