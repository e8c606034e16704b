"""The import pages over HTTP: what they offer, what they refuse and how they say it."""

from __future__ import annotations

import csv
import io
import re

import pytest

from jobs import importing
from models import Import, Order, db
from orders import import_files, import_values
from tests.orders import build
from views import import_words, imports

from .helpers import count_queries, login

CONTENT = (
    "Number,Recipient,Phone,Product,Quantity,Price,Colour\n"
    "7,Ivanenko Olena,0671112233,=1+1,2,10.50,red\n"
    "8,<b>Petrenko,12,Case,1,x,\n"
)


def upload(client, content: str | bytes = CONTENT, kind: str = "orders", name: str = "<i>.csv"):
    raw = content.encode() if isinstance(content, str) else content
    return client.post("/orders/import", data={"kind": kind, "file": (io.BytesIO(raw), name)})


def one(client) -> Import:
    with client.application.app_context():
        row = db.session.scalars(db.select(Import).order_by(Import.id.desc())).first()
        assert row is not None
        db.session.expunge_all()
        return row


def work(client) -> None:
    import_id = one(client).id
    with client.application.app_context():
        importing.work(import_id)


def check(client, **more):
    answer = client.post(f"/orders/import/{one(client).id}/check", data={"columns": one(client).columns, **more})
    work(client)
    return answer


def test_from_the_file_to_the_orders(client) -> None:
    login(client, "manager")
    assert 'href="/orders/import"' in client.get("/orders").text
    place = upload(client).location
    page = client.get(place).text
    assert "&lt;i&gt;.csv" in page
    assert "CSV, UTF-8, columns separated by comma" in page
    assert '<option value="recipient" selected>' in page
    assert client.post(f"{place}/check", data={"columns": one(client).columns}).location == place
    assert "every 1s" in client.get(f"{place}/state").text
    work(client)
    page = client.get(place).text
    assert "Columns that are not taken: Colour" in page
    assert "Import the one that is fine" in page
    assert "Phone: “12” is no phone of UA. Write it with the country&#39;s code" in page
    assert "Price: “x” is no sum." in page
    page = client.get(f"{place}?fate=create").text
    assert "is no sum" not in page
    assert client.post(f"{place}/start").location == place
    assert "being imported" in client.get("/orders/import").text
    work(client)
    page = client.get(place).text
    assert f'href="/orders?file={one(client).id}"' in page
    assert 'href="/orders/7"' in page
    listed = client.get(f"/orders?file={one(client).id}").text
    assert "Ivanenko" in listed
    assert "&lt;i&gt;.csv" in listed
    assert "order imported from the file &lt;i&gt;.csv" in client.get("/orders/7").text


def test_refused_rows_are_handed_out_for_mending(client) -> None:
    login(client)
    place = upload(client).location
    check(client)
    answer = client.get(f"{place}/refused.csv")
    assert answer.headers["Cache-Control"] == "no-store"
    head, row = csv.reader(io.StringIO(answer.text.removeprefix("\ufeff")), delimiter=";")
    assert head[-2:] == ["Colour", "Reason"]
    assert row[:3] == ["8", "<b>Petrenko", "12"]
    assert row[-1].startswith("Phone: “12” is no phone of UA.")
    upload(client, answer.data, name="refused.csv")
    check(client)
    assert one(client).fates == {"refused": 1}


def test_no_cell_of_the_refused_rows_is_run(client) -> None:
    login(client)
    place = upload(client, "Number,Phone,x\n1,12,=1+1\n").location
    check(client)
    assert ";'=1+1;" in client.get(f"{place}/refused.csv").text


def test_viewers_import_nothing_and_others_see_it_not(client) -> None:
    login(client, "manager")
    place = upload(client).location
    login(client, "manager", "other@example.com")
    assert client.get(place).status_code == 404
    for act in ("check", "start", "reopen", "cancel", "delete"):
        assert client.post(f"{place}/{act}").status_code == 404
    assert client.get(f"{place}/refused.csv").status_code == 404
    login(client, "viewer")
    assert client.get("/orders/import").status_code == 403
    assert upload(client).status_code == 403
    assert "/orders/import" not in client.get("/orders").text
    login(client, "owner")
    assert client.get(place).status_code == 200


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "The file is empty."),
        ("Number\n", "no rows under them"),
        (b"\xd0\xcf\x11\xe0", "Save it as XLSX without a password."),
        (b"\x00\x01", "This is no table"),
        ("a,b\n" + "x" * 200_000, "a quotation mark is missing"),
    ],
)
def test_what_can_not_be_read_is_said(client, content, said) -> None:
    login(client)
    answer = upload(client, content, "statuses")
    assert answer.status_code == 422
    assert said in answer.text
    assert 'value="statuses" checked' in answer.text


def test_a_form_without_a_file_or_kind(client) -> None:
    login(client)
    assert "Choose a file first." in client.post("/orders/import", data={"kind": "orders"}).text
    assert upload(client, kind="nonsense").status_code == 400


def test_a_file_beyond_the_limit_is_said(client, monkeypatch) -> None:
    login(client)
    monkeypatch.setattr(import_files, "LARGEST", 10)
    assert "The file is larger than" in upload(client).text
    monkeypatch.setattr(imports, "LARGEST_REQUEST", 100)
    answer = upload(client)
    assert answer.status_code == 413
    assert "The file is larger than" in answer.text


def test_without_a_number_nothing_is_tried_out(client) -> None:
    login(client)
    place = upload(client, "Name,Colour\nIvan,red\n").location
    answer = client.post(f"{place}/check", data={"columns": ["recipient", ""]})
    assert answer.status_code == 422
    assert "Say which column has the order&#39;s number." in answer.text
    place = upload(client, "Number,Colour\n1,red\n", "statuses").location
    assert "Say which column has the status" in client.post(f"{place}/check", data={"columns": ["number"]}).text
    assert one(client).state == "ready"


def test_cancel_change_the_columns_and_forget(client) -> None:
    login(client)
    place = upload(client).location
    client.post(f"{place}/check", data={"columns": one(client).columns})
    assert client.post(f"{place}/check").location == place  # it is being checked
    assert client.post(f"{place}/reopen").location == place
    client.post(f"{place}/cancel")
    work(client)
    assert "Cancelled." in client.get(place).text
    client.post(f"{place}/reopen")
    assert "Try every row" in client.get(place).text
    assert client.post(f"{place}/start").location == place
    assert one(client).state == "ready"  # nobody has looked at its rows
    assert client.post(f"{place}/delete").location == "/orders/import"
    assert client.get(place).status_code == 404


def test_when_everything_is_here_already_there_is_nothing_to_do(client) -> None:
    login(client)
    with client.application.app_context():
        build.make({"number": "1"})
    place = upload(client, "Number\n1\n").location
    check(client, shop="nonsense")
    page = client.get(place).text
    assert "everything is here already" in page
    assert 'href="/orders/1"' in page
    assert f"{place}/start" not in page


def test_long_tables_are_turned_over(client, monkeypatch) -> None:
    monkeypatch.setattr(import_words, "PAGE", 2)
    login(client)
    place = upload(client, "Number\n" + "".join(f"{n}\n" for n in range(1, 6))).location
    check(client)
    seen, url = [], place
    while url:
        page = client.get(url).text
        seen.append(re.findall(r'data-label="Row">(\d+)<', page))
        url = next((u.replace("&amp;", "&") for u in re.findall(r'rel="next" href="([^"]+)"', page)), "")
    assert seen == [["2", "3"], ["4", "5"], ["6"]]
    back = re.findall(r'rel="prev" href="([^"]+)"', page)[0].replace("&amp;", "&")
    assert re.findall(r'data-label="Row">(\d+)<', client.get(back).text) == ["4", "5"]


def test_the_pages_ask_the_database_little(client) -> None:
    login(client)
    place = upload(client).location
    check(client)
    for url in (place, "/orders/import"):
        with count_queries(client) as queries:
            assert client.get(url).status_code == 200
        assert len(queries) <= 8, queries


def test_a_list_of_a_file_that_nobody_knows_is_empty(client) -> None:
    login(client)
    with client.application.app_context():
        build.make({})
    page = client.get("/orders?file=77").text
    assert "Nothing found" in page
    assert client.get("/orders/export?view=file%3D77").status_code == 200


def test_there_is_a_sentence_for_everything(app) -> None:
    with app.test_request_context():
        for code in import_files.FAULTS:
            assert "%(" not in import_words.fault(code, 3)
        for code in (*import_values.CODES, *import_words.REASONS):
            assert code in import_words.REASONS
            facts = dict.fromkeys(("limit", "row", "n", "numbers", "number", "computed"), "5")
            said = import_words.reason({"code": code, "column": "Phone", "value": "100%(x)s", **facts})
            assert said.startswith("Phone: ")
        assert import_words.reason({"code": "no_number", "column": "", "value": ""}).startswith("The row names")


def test_statuses_over_the_page(client) -> None:
    login(client)
    with client.application.app_context():
        build.make({"number": "1"})
    place = upload(client, "Order number;Tracking number\n1;T-1\n", "statuses").location
    check(client)
    client.post(f"{place}/start")
    work(client)
    assert "1</span> changed" in client.get(place).text
    with client.application.app_context():
        assert db.session.scalars(db.select(Order.ttn)).all() == ["T-1"]
