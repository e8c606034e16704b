"""Own account, users, registries."""

from __future__ import annotations

import pytest

from jobs import connections, registries
from models import DeliveryMethod, Mapping, Order, Source, Status, User, UserSession, db
from orders.creation import Draft, insert_many
from orders.timeline import Actor

from .helpers import PASSWORD, add_user, count_queries, login

STRONG = "correct horse battery"
HOSTILE = "<script>alert(1)</script>%s %(x)s"


def an_order(**values):
    """Needs an application context; commits."""
    row = {"number": "A-1", "last_name": "Тестова", "currency": "UAH", "total": 10, **values}
    insert_many([Draft(row)], Actor("person", "Tester"))
    db.session.commit()


def row_named(model, name):
    return db.session.scalar(db.select(model).where(model.name == name))


# ---- account


def test_name_language_and_row_height_are_kept(owner, app):
    answer = owner.post("/settings/profile", data={"name": " Олена ", "language": "uk", "density": "normal"})
    assert answer.status_code == 302
    page = owner.get("/settings/profile").text
    assert '<html lang="uk" data-density="normal"' in page
    with app.app_context():
        assert db.session.scalars(db.select(User.name)).one() == "Олена"
    assert owner.post("/settings/profile", data={"language": "xx", "density": "normal"}).status_code == 422


def test_password_change_wants_the_present_one_and_ends_other_sessions(owner, app):
    other = app.test_client()
    login(other)
    data = {"current": PASSWORD, "password": STRONG, "again": STRONG}
    wrong = owner.post("/settings/profile/password", data=data | {"current": "guess"})
    assert wrong.status_code == 422
    assert "not your present password" in wrong.text
    differ = owner.post("/settings/profile/password", data=data | {"again": "something else"})
    assert differ.status_code == 422
    assert owner.post("/settings/profile/password", data=data).status_code == 302
    assert owner.get("/settings/profile").status_code == 200
    assert other.get("/settings/profile").status_code == 302
    fresh = app.test_client()
    assert fresh.post("/login", data={"email": "owner@example.com", "password": STRONG}).status_code == 302


def test_sessions_are_listed_and_revoked_one_by_one_or_all(owner, app):
    phone, tablet = app.test_client(), app.test_client()
    login(phone)
    login(tablet)
    with app.app_context():
        rows = db.session.scalars(db.select(UserSession).order_by(UserSession.id)).all()
        rows[1].agent = f"Mozilla/5.0 (iPhone; CPU) Safari/604 {HOSTILE}"
        db.session.commit()
        phone_id = rows[1].id
    page = owner.get("/settings/profile").text
    assert "Safari, iPhone" in page
    assert "<script>alert" not in page
    assert owner.post(f"/settings/profile/sessions/{phone_id}/revoke").status_code == 302
    assert phone.get("/settings/profile").status_code == 302
    assert tablet.get("/settings/profile").status_code == 200
    owner.post("/settings/profile/sessions/revoke-others")
    assert tablet.get("/settings/profile").status_code == 302
    assert owner.get("/settings/profile").status_code == 200


def test_nobody_revokes_the_session_of_another(owner, app):
    stranger = app.test_client()
    login(stranger, "manager")
    with app.app_context():
        mine = db.session.scalar(db.select(UserSession.id).order_by(UserSession.id))
    assert stranger.post(f"/settings/profile/sessions/{mine}/revoke").status_code == 404
    assert owner.get("/settings/profile").status_code == 200


# ---- users


def test_a_person_is_added_with_a_link_and_sets_the_password(owner, app):
    page = owner.post("/settings/users", data={"email": " Ivan@Example.com", "name": HOSTILE, "role": "manager"}).text
    assert "<script>alert" not in page
    link = page.split("<code>http://localhost")[1].split("</code>")[0]
    ivan = app.test_client()
    assert ivan.post(link, data={"password": STRONG}).status_code == 302
    assert ivan.get("/settings").status_code == 200
    assert owner.post("/settings/users", data={"email": "ivan@example.com", "role": "viewer"}).status_code == 422
    assert owner.post("/settings/users", data={"email": "no address", "role": "viewer"}).status_code == 422
    assert owner.post("/settings/users", data={"email": "a@example.com", "role": "tsar"}).status_code == 422
    assert "<script>alert" not in owner.get("/settings/users").text


def test_the_last_owner_stays(owner, app):
    with app.app_context():
        mine = db.session.scalar(db.select(User.id))
        other = add_user("second@example.com", "manager")
    owner.post(f"/settings/users/{mine}/role", data={"role": "viewer"})
    owner.post(f"/settings/users/{mine}/active", data={"active": "0"})
    with app.app_context():
        assert (db.session.get(User, mine).role, db.session.get(User, mine).active) == ("owner", True)
    owner.post(f"/settings/users/{other}/role", data={"role": "owner"})
    owner.post(f"/settings/users/{mine}/role", data={"role": "viewer"})
    with app.app_context():
        assert [db.session.get(User, i).role for i in (mine, other)] == ["viewer", "owner"]


def test_who_is_kept_out_is_out_at_once_and_may_come_back(owner, app):
    ivan = app.test_client()
    ivan_id = login(ivan, "manager")
    owner.post(f"/settings/users/{ivan_id}/active", data={"active": "0"})
    assert ivan.get("/settings").status_code == 302
    owner.post(f"/settings/users/{ivan_id}/active", data={"active": "1"})
    with app.app_context():
        assert db.session.get(User, ivan_id).active
    assert owner.post("/settings/users/999/role", data={"role": "viewer"}).status_code == 404
    assert owner.post(f"/settings/users/{ivan_id}/role", data={"role": "tsar"}).status_code == 400
    assert f"/password/{ivan_id}/" in owner.post(f"/settings/users/{ivan_id}/link").text


# ---- registries


@pytest.mark.parametrize("table", list(registries.FIELDS))
def test_every_registry_is_shown_added_to_and_edited(owner, app, table):
    assert owner.get(f"/settings/registries/{table}").status_code == 200
    full = {"kind": "other" if table == "payment" else "post", "group": "new", "color": "pink", "currency": "EUR"}
    assert owner.post(f"/settings/registries/{table}", data=full | {"name": f"  {HOSTILE} "}).status_code == 303
    wrong = dict.fromkeys(full, "nonsense")
    refused = 303 if table in ("types", "expenses") else 422
    assert owner.post(f"/settings/registries/{table}", data=wrong | {"name": "X"}).status_code == refused
    page = owner.get(f"/settings/registries/{table}").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    with app.app_context():
        row = next(row for row in registries.rows(table) if row.name == HOSTILE)
        row_id = row.id
    assert "<script>alert" not in owner.get(f"/settings/registries/{table}?edit={row_id}").text
    assert owner.post(f"/settings/registries/{table}/{row_id}", data=full | {"name": "Нова назва"}).status_code == 303
    with app.app_context():
        assert registries.get(table, row_id).name == "Нова назва"


def test_a_name_is_needed_and_taken_once(owner):
    post = {"color": "grey"}
    for name, words in (("", "Give it a name"), ("x" * 121, "at most 120"), ("PHONE", "one with this name")):
        answer = owner.post("/settings/registries/sources", data=post | {"name": name})
        assert answer.status_code == 422
        assert words in answer.text


def test_a_translated_name_that_was_not_touched_is_not_frozen(owner, app):
    with app.app_context():
        row = row_named(Source, "Phone")
        row_id = row.id
    owner.post(f"/settings/registries/sources/{row_id}", data={"name": "Phone", "color": "red"})
    with app.app_context():
        row = db.session.get(Source, row_id)
        assert (row.name, row.color, row.key) == ("Phone", "red", "phone")


def test_the_hubs_own_rows_are_renamed_but_neither_removed_nor_moved_to_another_group(owner, app):
    with app.app_context():
        row_id = db.session.scalar(db.select(Status.id).where(Status.key == "new"))
    url = f"/settings/registries/statuses/{row_id}"
    owner.post(url, data={"name": "Свіже", "group": "cancelled", "color": "lime"})
    owner.post(f"{url}/delete")
    owner.post(f"{url}/active", data={"active": "0"})
    with app.app_context():
        row = db.session.get(Status, row_id)
        assert (row.name, row.group, row.color, row.active) == ("Свіже", "new", "lime", True)


def test_order_is_changed_step_by_step(owner, app):
    with app.app_context():
        ids = [row.id for row in registries.rows("delivery")]
    owner.post(f"/settings/registries/delivery/{ids[1]}/move", data={"to": "up"})
    owner.post(f"/settings/registries/delivery/{ids[1]}/move", data={"to": "up"})
    owner.post(f"/settings/registries/delivery/{ids[2]}/move", data={"to": "down"})
    with app.app_context():
        assert [row.id for row in registries.rows("delivery")] == [ids[1], ids[0], ids[3], ids[2], *ids[4:]]


def test_used_rows_are_kept_with_the_count_and_may_be_switched_off(owner, app):
    with app.app_context():
        method = registries.add("delivery", "Дрон", {"kind": "courier"})
        db.session.commit()
        method_id = method.id
        an_order(delivery_method_id=method_id)
    url = f"/settings/registries/delivery/{method_id}"
    owner.post(f"{url}/delete")
    assert "1 order uses it" in owner.get("/settings/registries/delivery").text
    owner.post(f"{url}/active", data={"active": "0"})
    with app.app_context():
        assert db.session.get(DeliveryMethod, method_id).active is False
        db.session.execute(db.delete(Order))
        connection = connections.create("prom", "Prom", {"token": "t"})
        db.session.add(
            Mapping(connection_id=connection.id, table="delivery_in", lookup="7", theirs="7", ours=method_id)
        )
        db.session.commit()
    owner.post(f"{url}/delete")
    assert "a connection&#39;s settings or mappings" in owner.get("/settings/registries/delivery").text
    with app.app_context():
        db.session.execute(db.delete(Mapping))
        db.session.commit()
    owner.post(f"{url}/delete")
    with app.app_context():
        assert db.session.get(DeliveryMethod, method_id) is None


def test_counts_come_from_the_kept_counters(owner, app):
    with app.app_context():
        source_id = row_named(Source, "Phone").id
        for n in range(3):
            an_order(number=f"A-{n}", source_id=source_id)
        assert registries.order_counts("sources") == {source_id: 3}
    with count_queries(owner) as queries:
        owner.get("/settings/registries/sources")
    assert len(queries) <= 12


def test_created_from_where_it_is_chosen(owner, app):
    made = owner.post("/settings/registries/sources/quick", json={"name": "  Instagram "})
    assert (made.status_code, made.json["text"]) == (201, "Instagram")
    again = owner.post("/settings/registries/sources/quick", data={"name": "instagram"})
    assert (again.status_code, again.json["value"]) == (200, made.json["value"])
    assert owner.post("/settings/registries/sources/quick", json={"name": " "}).status_code == 422
    odd = owner.post("/settings/registries/statuses/quick", json={"name": "X", "group": "nonsense", "color": "violet"})
    with app.app_context():
        row = db.session.get(Status, int(odd.json["value"]))
        assert (row.group, row.color) == ("new", "violet")
    assert owner.post("/settings/registries/secrets/quick", json={"name": "X"}).status_code == 404
    assert owner.get("/settings/registries/secrets").status_code == 404
    assert owner.post("/settings/registries/sources/999", data={"name": "X"}).status_code == 404


def test_htmx_gets_the_list_alone(owner):
    part = owner.get("/settings/registries/sources", headers={"HX-Request": "true"}).text
    assert "<table" in part
    assert "<html" not in part


def test_a_viewer_sees_no_buttons(client):
    login(client, "viewer")
    page = client.get("/settings/registries/statuses").text
    assert 'method="post" action="/settings' not in page
    assert "/settings/users" not in client.get("/settings").text
