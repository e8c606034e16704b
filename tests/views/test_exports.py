"""The export page over HTTP: what it offers, what it refuses, what it hands out."""

from __future__ import annotations

import pytest

from jobs import exports
from models import Export, ExportPreset, User, db
from orders.export_options import Options
from tests.orders import build

from .helpers import count_queries, login

FORM = {"period": "all", "encoding": "utf-8", "separator": "comma", "columns": ["number", "city"]}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def ids(app) -> list[int]:
    with app.app_context():
        return build.make({"city": "Львів"}, {"city": "<b>Київ</b>", "paid": True})


def rows(client) -> list[Export]:
    with client.application.app_context():
        found = list(db.session.scalars(db.select(Export).order_by(Export.id)))
        db.session.expunge_all()
        return found


def make(client, n: int = -1) -> int:
    export_id = rows(client)[n].id
    with client.application.app_context():
        exports.make(export_id)
    return export_id


def content(client, export_id: int) -> str:
    """Of the file as a browser gets it."""
    with client.get(f"/orders/export/{export_id}/file") as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Disposition"].startswith("attachment; filename=orders-")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.mimetype == "text/csv"
        return answer.text


def test_from_the_page_to_the_file(client, ids) -> None:
    login(client, "manager")
    assert client.post("/orders/export", data=FORM).location == "/orders/export#files"
    page = client.get("/orders/export/files", headers=HTMX).text
    assert "every 1s" in page
    export_id = make(client)
    page = client.get("/orders/export/files", headers=HTMX).text
    assert "every 1s" not in page
    assert f'href="/orders/export/{export_id}/file"' in page
    assert content(client, export_id) == "Number,City\r\nN-2,<b>Київ</b>\r\nN-1,Львів\r\n"
    client.post(f"/orders/export/{export_id}/delete")
    assert rows(client) == []
    assert client.get(f"/orders/export/{export_id}/file").status_code == 404


def test_only_its_maker_and_owners_get_the_file(client, ids) -> None:
    login(client, "manager")
    client.post("/orders/export", data=FORM)
    export_id = make(client)
    login(client, "manager", "other@example.com")
    for act in ("cancel", "delete"):
        assert client.post(f"/orders/export/{export_id}/{act}").status_code == 404
    assert client.get(f"/orders/export/{export_id}/file").status_code == 404
    assert f"/orders/export/{export_id}/file" not in client.get("/orders/export").text
    login(client, "owner")
    assert content(client, export_id)


def test_viewers_export_nothing(client, ids) -> None:
    login(client, "viewer")
    assert client.get("/orders/export").status_code == 403
    assert client.post("/orders/export", data=FORM).status_code == 403
    assert "/orders/export" not in client.get("/orders").text


def test_the_preview_is_what_the_file_will_say(client, ids) -> None:
    login(client)
    page = client.post("/orders/export/preview", data=FORM).text
    assert "2 orders in all" in page
    assert "&lt;b&gt;Київ&lt;/b&gt;" in page
    assert "1 order in all" in client.post("/orders/export/preview", data=FORM | {"paid": "yes"}).text
    assert "No orders" in client.post("/orders/export/preview", data=FORM | {"status": "999"}).text
    assert "Choose columns first" in client.post("/orders/export/preview", data=FORM | {"columns": []}).text


def test_the_page_asks_the_database_little(client, ids) -> None:
    login(client)
    with count_queries(client) as queries:
        assert client.get("/orders/export?view=paid%3Dyes").status_code == 200
    assert len(queries) <= 12, queries


@pytest.mark.parametrize(
    ("do", "columns"),
    [
        ("up:city", "city number"),
        ("up:number", "number city"),
        ("down:number", "city number"),
        ("down:city", "number city"),
        ("drop:number", "city"),
        ("add:phone", "number city phone"),
        ("add:no-such", "number city"),
        ("nonsense", "number city"),
    ],
)
def test_columns_are_moved_added_and_dropped(client, ids, do, columns) -> None:
    login(client)
    for headers in ({}, HTMX):
        page = client.post("/orders/export/columns", data=FORM | {"do": do}, headers=headers).text
        there = [part.split('"')[0] for part in page.split('name="columns" value="')[1:]]
        assert there == columns.split()
        assert ("<html" in page) == (not headers)


def test_all_columns_and_those_of_the_start(client, ids) -> None:
    login(client)
    page = client.post("/orders/export/columns", data=FORM | {"do": "all"}, headers=HTMX).text
    assert page.count('name="columns"') == 75
    page = client.post("/orders/export/columns", data=FORM | {"do": "first"}, headers=HTMX).text
    assert page.count('name="columns"') == 17


def test_without_a_column_nothing_is_made(client, ids) -> None:
    login(client)
    answer = client.post("/orders/export", data=FORM | {"columns": []})
    assert answer.status_code == 422
    assert "Choose at least one column." in answer.text
    assert rows(client) == []


def test_as_the_list_is_filtered(client, ids) -> None:
    login(client)
    assert 'href="/orders/export?view=paid%3Dyes"' in client.get("/orders?paid=yes").text
    page = client.get("/orders/export?view=paid%3Dyes").text
    assert "1 order in all" in page
    client.post("/orders/export", data=FORM | {"scope": "view", "view": "paid=yes"})
    export_id = make(client)
    assert content(client, export_id) == "Number,City\r\nN-2,<b>Київ</b>\r\n"


def test_chosen_orders_come_from_the_bulk_bar(client, ids) -> None:
    login(client)
    answer = client.post("/orders/export/chosen", data={"ids": [str(ids[0])]})
    assert "1 order chosen" in client.get(answer.location).text
    answer = client.post("/orders/export/chosen", data={"all": "1", "view": "paid=yes"}, headers=HTMX)
    assert answer.headers["HX-Redirect"] == "/orders/export?view=paid%3Dyes"
    assert client.post("/orders/export/chosen").location == "/orders"
    client.post("/orders/export", data=FORM | {"scope": "ids", "ids": str(ids[0])})
    export_id = make(client)
    assert content(client, export_id) == "Number,City\r\nN-1,Львів\r\n"


def test_settings_are_kept_by_name_and_the_last_ones_come_back(client, ids) -> None:
    login(client)
    assert client.post("/orders/export/presets", data=FORM).status_code == 422
    page = client.post("/orders/export/presets", data=FORM | {"preset_name": "<i>", "preset_shared": "1"}).text
    assert "&lt;i&gt;" in page
    with client.application.app_context():
        (preset,) = db.session.scalars(db.select(ExportPreset)).all()
    login(client, "manager")
    page = client.get(f"/orders/export?preset={preset.id}").text
    assert page.count('name="columns"') == 2
    client.post("/orders/export", data=FORM | {"columns": ["ttn"]})
    page = client.get("/orders/export").text
    assert page.count('name="columns"') == 1
    assert client.post(f"/orders/export/presets/{preset.id}/delete").status_code == 302
    assert client.post(f"/orders/export/presets/{preset.id}/delete").status_code == 404


def test_a_running_one_tells_how_long_and_can_be_cancelled(client, ids) -> None:
    user_id = login(client)
    with client.application.app_context():
        row = exports.request(user_id, Options(), "en")
        row.state, row.done, row.total = "working", 500, 2000
        row.started_at = row.created_at = db.session.get(User, user_id).created_at
        db.session.commit()
        export_id = row.id
    page = client.get("/orders/export").text
    assert "500 of 2,000" in page
    assert "left" in page
    assert "cancelled" in client.post(f"/orders/export/{export_id}/cancel", headers=HTMX).text
    assert client.get(f"/orders/export/{export_id}/file").status_code == 404


def test_what_went_wrong_is_said_in_words(client, ids) -> None:
    user_id = login(client)
    with client.application.app_context():
        for fault in ("disk", "internal", "abandoned"):
            db.session.add(Export(user_id=user_id, options={}, state="failed", fault=fault, replaced_in=[]))
        db.session.add(Export(user_id=user_id, options={}, state="done", replaced=2, replaced_in=["N-1"]))
        db.session.commit()
    page = client.get("/orders/export").text
    for said in ("The disk of the hub is full", "A fault of the hub", "died three times", "lacks letters of 2 cells"):
        assert said in page
    assert 'href="/orders/N-1"' in page
