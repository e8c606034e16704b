"""The import pages over HTTP: what they offer, what they refuse and how they say it."""

from __future__ import annotations

import io

from jobs import importing
from models import Import, db

from .helpers import login

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
