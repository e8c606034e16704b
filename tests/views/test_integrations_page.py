"""Connecting, testing, switching off, deleting, defaults, mappings, schedules, log: as the pages do it."""

from __future__ import annotations

import pytest

from integrations import connectors
from jobs import connections
from models import Attempt, Connection, Mapping, ReferenceItem, Run, Schedule, Status, db

from .helpers import count_queries, login
from .pages import parse

pytestmark = pytest.mark.usefixtures("unlimited")

SECRET = "prom-secret-4711"
HOSTILE = "<script>alert(1)</script>%s %(x)s"


@pytest.fixture
def extra_env(sandbox):
    return {"SANDBOX_URL": sandbox.url}


@pytest.fixture
def prom_id(app, sandbox):
    with app.app_context():
        row = connections.create("prom", "Prom", {"api_url": f"{sandbox.url}/prom", "token": "sandbox-token"})
        db.session.commit()
        return row.id


def page(client, path, status=200):
    answer = client.get(path)
    assert answer.status_code == status
    return answer.text


def form_of(sandbox, **more):
    blank = {"connection_name": "My shop", "import_days": "14", "language": "uk", "api_url": f"{sandbox.url}/prom"}
    return blank | {"token": SECRET} | more


def test_empty_page_teaches_and_the_catalogue_is_searched(owner):
    assert "Nothing is connected yet" in page(owner, "/settings/integrations")
    assert "RetailCRM" not in page(owner, "/settings/integrations?q=prom")
    assert "Prom.ua" not in page(owner, "/settings/integrations?kind=destination")
    assert "Nothing found" in page(owner, "/settings/integrations?q=zzz")
    part = owner.get("/settings/integrations?part=catalogue&q=prom", headers={"HX-Request": "true"}).text
    assert "Prom.ua" in part
    assert "<html" not in part


def test_a_search_among_systems_is_none_among_orders(owner):
    words = {box.get("data-search") is not None: box.get("value") for box in _boxes(owner, "?q=prom")}
    assert words == {True: None, False: "prom"}


def test_systems_are_called_in_the_readers_language(owner):
    for words in ("прайс", "price"):
        found = owner.get(f"/settings/integrations?q={words}", headers={"Accept-Language": "uk"})
        assert parse(found.text).one(".catalogue-card h3").text == "Прайс-лист"


def _boxes(owner, query):
    return [box for box in parse(page(owner, f"/settings/integrations{query}")).all("input") if box.get("name") == "q"]


@pytest.mark.parametrize("kind", sorted(connectors()))
def test_every_system_has_a_form(owner, kind):
    text = page(owner, f"/settings/integrations/new/{kind}")
    form = connectors()[kind].Settings()
    later = form.once_connected
    assert all((f'name="{name}"' in text) is not (name in later) for name in form._fields)


def test_connecting_keeps_the_key_encrypted_and_off_every_page(owner, app, sandbox):
    answer = owner.post("/settings/integrations/new/prom", data=form_of(sandbox))
    assert answer.status_code == 303
    with app.app_context():
        row = db.session.scalars(db.select(Connection)).one()
        assert row.secrets == {"token": SECRET}
        assert "token" not in row.settings
        assert db.session.scalars(db.select(Run.task)).all() == ["references"]
        raw = db.session.execute(db.text("SELECT secrets, settings FROM connections")).one()
        assert SECRET.encode() not in bytes(raw[0])
        connection_id = row.id
    for part in ("", "/settings", "/mappings", "/schedules", "/log"):
        assert SECRET not in page(owner, f"/settings/integrations/{connection_id}{part}")
    assert SECRET not in page(owner, "/settings/integrations")


def test_a_key_left_empty_or_sent_as_its_mask_stays(owner, app, sandbox, prom_id):
    for token in ("", "••••••••"):
        answer = owner.post(f"/settings/integrations/{prom_id}", data=form_of(sandbox, token=token, import_days="3"))
        assert answer.status_code == 303
        with app.app_context():
            row = db.session.get(Connection, prom_id)
            assert (row.secrets, row.settings["import_days"], row.name) == ({"token": "sandbox-token"}, 3, "My shop")
    owner.post(f"/settings/integrations/{prom_id}", data=form_of(sandbox))
    with app.app_context():
        assert db.session.get(Connection, prom_id).secrets == {"token": SECRET}


def test_what_is_typed_wrong_is_said_beside_the_field_and_nothing_is_lost(owner, app, sandbox, prom_id):
    bad = form_of(sandbox, connection_name="Prom", import_days="many", api_url="not an address", token="")
    answer = owner.post("/settings/integrations/new/prom", data=bad)
    assert answer.status_code == 422
    for words in (
        "Another connection has this name",
        "required",
        "Not a valid integer",
        "not an address",
        'value="many',
    ):
        assert words in answer.text
    typed = owner.post("/settings/integrations/new/prom", data=form_of(sandbox, import_days="many"))
    assert typed.status_code == 422
    assert SECRET not in typed.text
    with app.app_context():
        assert db.session.scalars(db.select(Connection.name)).all() == ["Prom"]
    for name, words in (("", "Give it a name"), ("x" * 81, "at most 80")):
        assert (
            words in owner.post(f"/settings/integrations/{prom_id}", data=form_of(sandbox, connection_name=name)).text
        )


def test_testing_says_what_is_wrong_in_plain_words(owner, app, sandbox, prom_id):
    good = owner.post("/settings/integrations/new/prom", data=form_of(sandbox, token="sandbox-token", do="test"))
    assert "The connection works." in good.text
    bad = owner.post("/settings/integrations/new/prom", data=form_of(sandbox, do="test"))
    assert "does not accept the key" in bad.text
    assert SECRET not in bad.text
    kept = owner.post(f"/settings/integrations/{prom_id}", data=form_of(sandbox, token="", do="test"))
    assert "The connection works." in kept.text
    private = form_of(sandbox, api_url="http://10.0.0.1/", do="test")
    assert "private network" in owner.post(f"/settings/integrations/{prom_id}", data=private).text
    with app.app_context():
        assert db.session.scalars(db.select(Connection.name)).all() == ["Prom"]


def test_switching_off_and_deleting(owner, app, prom_id):
    owner.post(f"/settings/integrations/{prom_id}/enabled", data={"enabled": "0"})
    with app.app_context():
        assert db.session.get(Connection, prom_id).enabled is False
    assert "Switch on" in page(owner, "/settings/integrations")
    owner.post(f"/settings/integrations/{prom_id}/enabled", data={"enabled": "1"})
    assert "No order is linked to it" in page(owner, f"/settings/integrations/{prom_id}")
    assert owner.post(f"/settings/integrations/{prom_id}/delete").status_code == 303
    page(owner, f"/settings/integrations/{prom_id}", 404)
    with app.app_context():
        row = db.session.get(Connection, prom_id)
        assert row.removed_at
        assert row.secrets == {}
        assert db.session.scalar(db.select(Schedule.id)) is None


def test_a_manager_sees_the_connection_but_no_key_form(client, prom_id):
    login(client, "manager")
    text = page(client, f"/settings/integrations/{prom_id}")
    assert "Keys are changed by the owner" in text
    assert 'name="token"' not in text
    assert "sandbox-token" not in text
    assert client.post(f"/settings/integrations/{prom_id}/mappings/refresh").status_code == 303


def test_defaults_of_a_source_and_of_a_destination(owner, app, sandbox, prom_id):
    with app.app_context():
        crm = connections.create(
            "retailcrm", "CRM", {"api_url": f"{sandbox.url}/retailcrm", "api_key": "sandbox-token", "site": "shop-1"}
        )
        done = db.session.scalar(db.select(Status.id).where(Status.key == "transferred"))
        db.session.commit()
        crm_id = crm.id
    assert 'name="shop_id"' in page(owner, f"/settings/integrations/{prom_id}/settings")
    assert 'name="shop_id"' not in page(owner, f"/settings/integrations/{crm_id}/settings")
    sent = {"success_status_id": str(done), "failure_status_id": "0"}
    assert owner.post(f"/settings/integrations/{crm_id}/settings", data=sent).status_code == 303
    refused = owner.post(f"/settings/integrations/{crm_id}/settings", data=sent | {"failure_status_id": "999"})
    assert refused.status_code == 422
    with app.app_context():
        row = db.session.get(Connection, crm_id)
        assert (row.success_status_id, row.failure_status_id) == (done, None)


def test_mappings_are_suggested_accepted_and_saved(owner, app, prom_id):
    url = f"/settings/integrations/{prom_id}/mappings"
    assert "Their list is not here yet" in page(owner, f"{url}/status_out")
    with app.app_context():
        connections.refresh_references(db.session.get(Connection, prom_id))
        new, confirmed = (
            db.session.scalar(db.select(Status.id).where(Status.key == key)) for key in ("new", "confirmed")
        )
    text = page(owner, f"{url}/status_in")
    assert "suggested" in text
    assert "Accept 5 suggestions" in text
    assert owner.post(f"{url}/status_in/accept").status_code == 303
    assert "suggested" not in page(owner, f"{url}/status_in")
    data = {
        f"to:{new}": "pending",
        f"to:{confirmed}": "received",
        f"x:ttn:{confirmed}": "1",
        f"x:text:{confirmed}": HOSTILE,
        f"x:reason:{confirmed}": "made up",
        "to:999": "pending",
    }
    owner.post(f"{url}/status_out", data=data)
    owner.post(f"{url}/status_out", data={f"to:{new}": "not a code of theirs"})
    with app.app_context():
        rows = {m.ours: m for m in db.session.scalars(db.select(Mapping).where(Mapping.table == "status_out"))}
        assert {i: m.theirs for i, m in rows.items()} == {new: "pending", confirmed: "received"}
        assert rows[confirmed].extra == {"text": HOSTILE, "ttn": True}
    assert "<script>alert" not in page(owner, f"{url}/status_out")
    owner.post(f"{url}/status_out", data={f"to:{new}": "none", f"to:{confirmed}": ""})
    with app.app_context():
        rows = db.session.scalars(db.select(Mapping).where(Mapping.table == "status_out")).all()
        assert [(m.ours, m.theirs) for m in rows] == [(new, "")]


def test_a_status_that_only_the_vendor_sets_is_refused_with_what_to_choose(owner, app, prom_id):
    url = f"/settings/integrations/{prom_id}/mappings/status_out"
    with app.app_context():
        connections.refresh_references(db.session.get(Connection, prom_id))
        db.session.execute(db.update(ReferenceItem).where(ReferenceItem.code == "delivered").values(settable=False))
        db.session.commit()
        new, confirmed = (db.session.scalar(db.select(Status.id).filter_by(key=key)) for key in ("new", "confirmed"))
    text = page(owner, url)
    assert 'label="Prom.ua sets these itself"' in text
    assert '<option value="delivered" disabled>' in text
    told = owner.post(url, data={f"to:{new}": "pending", f"to:{confirmed}": "delivered"}, follow_redirects=True).text
    assert "“Confirmed” was not saved: no order can be given “Delivered”, Prom.ua sets it itself." in told
    assert "such as “Accepted”." in told
    with app.app_context():
        assert db.session.scalars(db.select(Mapping.theirs).filter_by(table="status_out")).all() == ["pending"]
        db.session.execute(db.update(Mapping).values(theirs="delivered"))
        db.session.commit()
    text = page(owner, url)
    assert '<option value="delivered" selected>' in text
    assert "set: choose another" in text


def test_unknown_tables_connections_and_choices(owner, prom_id):
    url = f"/settings/integrations/{prom_id}/mappings"
    page(owner, f"{url}/nonsense", 404)
    assert owner.post(f"{url}/nonsense").status_code == 404
    assert owner.post(f"{url}/nonsense/accept").status_code == 404
    assert owner.post(f"{url}/delivery_in/remember", data={"code": "5", "ours": "x"}).status_code == 400
    assert owner.post(f"{url}/delivery_in/remember", data={"code": "5", "ours": "999"}).status_code == 404
    assert owner.post(f"{url}/status_out/remember", data={"code": "5", "ours": "1"}).status_code == 404
    assert owner.post(f"{url}/delivery_in/remember", data={"code": "5", "ours": "1"}).status_code == 303
    page(owner, "/settings/integrations/999/mappings", 404)
    page(owner, "/settings/integrations/new/nonsense", 404)
    assert owner.post("/settings/integrations/new/nonsense").status_code == 404


def test_lists_being_fetched_are_asked_for_again_by_the_page(owner, app, prom_id):
    url = f"/settings/integrations/{prom_id}/mappings"
    owner.post(f"{url}/refresh")
    text = page(owner, url)
    assert "Fetching the lists" in text
    assert 'hx-trigger="every 2s"' in text
    part = owner.get(url, headers={"HX-Request": "true"}).text
    assert "<html" not in part
    assert '<div id="mappings" hx-get' in part
    with app.app_context():
        connections.refresh_references(db.session.get(Connection, prom_id))
    part = owner.get(url, headers={"HX-Request": "true"}).text
    assert '<div id="mappings">' in part  # what is chosen meanwhile must not be swapped away
    assert '<div class="map-head" id="map-head" hx-get' in part


def test_schedules_and_log_show_what_happened(owner, app, prom_id):
    with app.app_context():
        failed = {"state": "failed", "fault": "credentials", "detail": HOSTILE, "counts": {"seen": 3}}
        db.session.add(Run(connection_id=prom_id, task="orders", requested_by=HOSTILE, **failed))
        db.session.add(
            Attempt(connection_id=prom_id, verb="pull", outcome="refused", fault="credentials", detail=HOSTILE, ms=12)
        )
        db.session.add(ReferenceItem(connection_id=prom_id, list="delivery", code=HOSTILE, name=HOSTILE))
        row = db.session.get(Connection, prom_id)
        row.last_error, row.last_error_at = {"fault": "credentials", "detail": HOSTILE}, row.created_at
        row.name = HOSTILE
        db.session.commit()
    for part in ("", "/settings", "/mappings/delivery_in", "/schedules", "/log"):
        text = page(owner, f"/settings/integrations/{prom_id}{part}")
        assert "<script>alert" not in text
        assert "does not accept the key" in text
    assert "Key not accepted" in page(owner, f"/settings/integrations/{prom_id}/log")
    listed = page(owner, "/settings/integrations")
    assert "Key not accepted" in listed
    assert "<script>alert" not in listed


def test_few_queries_however_many_connections(owner, app, prom_id):
    with app.app_context():
        for n in range(30):
            connections.create("prom", f"Prom {n}", {"token": "t"})
        connections.refresh_references(db.session.get(Connection, prom_id))
    for path in ("", f"/{prom_id}", f"/{prom_id}/mappings/delivery_in", f"/{prom_id}/schedules", f"/{prom_id}/log"):
        with count_queries(owner) as queries:
            page(owner, f"/settings/integrations{path}")
        assert len(queries) <= 12, (path, queries)
