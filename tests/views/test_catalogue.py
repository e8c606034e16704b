"""The catalogue's pages: found, edited in place and in bulk, one product's page, matching, files."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event as sql_event

from catalogue import listing
from catalogue.filters import ProductFilter
from integrations.sandbox import SandboxServer
from jobs import catalogue_files, connections, pictures, runs
from models import CatalogueFile, Category, Connection, Offer, Product, Run, db, utcnow
from orders.listing import Cursor

from ..orders import build
from .helpers import count_queries, login


@pytest.fixture
def extra_env(sandbox: SandboxServer) -> dict[str, str]:
    return {"SANDBOX_URL": sandbox.url}


@pytest.fixture
def staff(client: FlaskClient) -> FlaskClient:
    login(client)
    return client


def add(sku: str, name: str = "Чашка", **values: Any) -> int:
    return build.product(sku, name, **values).id


def shop(sandbox: SandboxServer) -> Connection:
    settings = {"api_url": f"{sandbox.url}/price_list", "login": "shop", "password": "sandbox-token"}
    row = connections.create("price_list", "Supplier", settings)
    db.session.commit()
    return row


def test_the_list_pages_and_searches(staff: FlaskClient) -> None:
    with staff.application.app_context():
        ids = [add(f"SKU-{n:03}", f"Чашка {n}" if n % 2 else f"Тарілка {n}", price=n) for n in range(120)]
        first = listing.page(ProductFilter())
        assert [row.id for row in first.rows] == ids[:-51:-1]
        second = listing.page(ProductFilter(), Cursor(first.older, "next"))
        assert [row.id for row in second.rows] == ids[-51:-101:-1]
        assert listing.page(ProductFilter(), Cursor(second.newer, "prev")).rows == first.rows
        last = listing.page(ProductFilter(), Cursor.read("last"))
        assert (last.rows[-1].id, last.older) == (ids[0], None)
        for query, found in (
            ("тарілка 110", 1),
            ("SKU-01", 10),
            ("sku-007", 1),
            ("ча", 50),
            ("немає", 0),
            ("1 ілка", 15),
        ):
            assert len(listing.page(ProductFilter(q=query)).rows) == found, query
        assert listing.total_found(ProductFilter(q="тарілка")) == (60, True)
    page = staff.get("/catalogue/products").text
    assert page.count("data-row ") == 50
    assert "counting…" in page
    assert "120 found" in staff.get("/catalogue/products/total").text
    with count_queries(staff) as queries:
        part = staff.get(
            "/catalogue/products?q=SKU-119", headers={"HX-Request": "true", "HX-Trigger": "product-search"}
        )
    assert len(queries) <= 12
    assert (part.text.count("data-row "), part.headers["HX-Push-Url"]) == (1, "/catalogue/products?q=SKU-119")


def test_filters(staff: FlaskClient, sandbox: SandboxServer) -> None:
    with staff.application.app_context():
        top = Category(name="Посуд")
        db.session.add(top)
        db.session.flush()
        below = Category(name="Чашки", parent_id=top.id)
        db.session.add(below)
        db.session.flush()
        one = add("A", category_id=below.id, stock=3, pictures=[{"url": "https://a.example/1.jpg"}])
        two = add("B", stock=0, category_id=top.id)
        three = add("C", active=False)
        row = shop(sandbox)
        db.session.add(Offer(connection_id=row.id, external_id="1", name="A", product_id=one))
        db.session.commit()
        cases: list[tuple[dict[str, Any], list[int]]] = [
            ({}, [two, one]), ({"shown": "hidden"}, [three]), ({"shown": "all"}, [three, two, one]),
            ({"category": top.id}, [two, one]), ({"category": below.id}, [one]),
            ({"category": 0, "shown": "all"}, [three]),
            ({"stock": "in"}, [one]), ({"stock": "none"}, [two]), ({"stock": "uncounted", "shown": "all"}, [three]),
            ({"mark": "no_pictures"}, [two]), ({"mark": "unmatched"}, [two]), ({"connection": row.id}, [one]),
        ]  # fmt: skip
        for given, found in cases:
            f = ProductFilter(**given)
            assert [r.id for r in listing.page(f).rows] == found, given
            assert ProductFilter.read(dict(pair.split("=") for pair in f.query().split("&") if pair)) == f
    assert "Посуд / Чашки" in staff.get("/catalogue/products").text


def test_price_and_stock_in_place(staff: FlaskClient) -> None:
    with staff.application.app_context():
        product_id = add("A", price=5)
    url = f"/catalogue/products/{product_id}/cell"
    row = staff.post(url, data={"price": "1 250,5", "view": ""}).text
    assert 'value="1250.5"' in row
    assert "data-flash" in row
    assert staff.post(url, data={"stock": "7"}).status_code == 200
    refused = staff.post(url, data={"price": "cheap"})
    assert ("no number" in refused.headers["HX-Trigger"], 'value="cheap"' in refused.text) == (True, True)
    assert staff.post(url, data={"price": "-1"}).headers["HX-Trigger"]
    assert "is-stale" in staff.post(url, data={"stock": "0", "view": "stock=in"}).text
    staff.post(url, data={"stock": ""})
    with staff.application.app_context():
        row_now = db.session.get_one(Product, product_id)
        assert (row_now.price, row_now.stock) == (Decimal("1250.50"), None)


def test_many_at_once(staff: FlaskClient) -> None:
    with staff.application.app_context():
        ids = [add(f"A{n}", price=Decimal("10.05")) for n in range(3)]
        category = Category(name="Посуд")
        db.session.add(category)
        db.session.commit()
        category_id = category.id

    def post(**data: Any) -> Any:
        return staff.post("/catalogue/products/bulk", data={"ids": ids[:2], "view": "", **data})

    def column(name: str) -> list[Any]:
        with staff.application.app_context():
            return list(db.session.scalars(db.select(getattr(Product, name)).order_by(Product.id)))

    assert post(do="price", percent="-10").status_code == 303
    assert column("price") == [Decimal("9.05"), Decimal("9.05"), Decimal("10.05")]
    post(do="stock", stock="4")
    post(do=f"category:{category_id}")
    post(do="hide")
    assert (column("stock"), column("category_id")) == ([4, 4, None], [category_id, category_id, None])
    assert column("active") == [False, False, True]
    post(do="show", all="1", view="shown=all", ids=[])
    assert column("active") == [True] * 3
    post(do="category:")
    assert column("category_id") == [None] * 3
    for data in ({"ids": []}, {"do": "price", "percent": "0"}, {"do": "price", "percent": "x"}, {"do": "else"}):
        before = column("price")
        assert post(**data).status_code == 302
        assert column("price") == before


def test_a_product_is_made_and_changed(staff: FlaskClient) -> None:
    assert staff.get("/catalogue/products/new").status_code == 200
    given = {"name": "Чашка", "sku": "CUP", "price": "120,50", "currency": "uah", "stock": "5", "category_id": "0",
             "new_category": "Посуд/Чашки", "options": "Колір: синій", "active": "y", "weight": "300",
             "pictures": "https://a.example/1.jpg\nhttps://a.example/2.jpg"}  # fmt: skip
    made = staff.post("/catalogue/products/new", data=given)
    assert made.status_code == 303
    with staff.application.app_context():
        row = db.session.scalars(db.select(Product)).one()
        assert (row.price, row.currency, row.options, row.weight) == (Decimal("120.50"), "UAH", {"Колір": "синій"}, 300)
        assert [one["url"] for one in row.pictures] == ["https://a.example/1.jpg", "https://a.example/2.jpg"]
        assert db.session.get_one(Category, row.category_id).name == "Чашки"
        category_id = row.category_id
        add("OTHER")
    url = made.headers["Location"]
    assert "Чашка" in staff.get(url).text
    wrong = {**given, "new_category": "", "price": "x", "pictures": "ftp://a", "options": "red", "weight": "1.5"}
    answer = staff.post(url, data=wrong)
    assert (answer.status_code, answer.text.count("is-invalid")) == (422, 4)
    assert "Another product has this SKU" in staff.post(url, data={**given, "sku": "OTHER"}).text
    given |= {"new_category": "", "category_id": str(category_id), "name": "Кухоль"}
    fragment = staff.post(url, data=given, headers={"HX-Request": "true"})
    assert ("Saved" in fragment.headers["HX-Trigger"], 'hx-swap-oob="true"' in fragment.text) == (True, True)
    assert staff.post(url, data=given).status_code == 303
    with staff.application.app_context():
        assert [r.name for r in listing.page(ProductFilter(q="кухоль")).rows] == ["Кухоль"]
        assert listing.page(ProductFilter(q="чашка cup")).rows == []


def test_what_it_is_elsewhere_is_matched_by_hand(staff: FlaskClient, sandbox: SandboxServer) -> None:
    with staff.application.app_context():
        row = shop(sandbox)
        sandbox.vendor("price_list").size(6)
        build.ran(row.id, "catalogue")
        offer = db.session.scalars(db.select(Offer).filter_by(external_id="2")).one()
        product_id, offer_id = offer.product_id, offer.id
        other = add("OTHER", "Інший")
    page = staff.get(f"/catalogue/products/{product_id}").text
    assert ("made from this offer" in page, "Variants" in page) == (True, True)
    staff.post(f"/catalogue/offers/{offer_id}/product", data={"sku": "none such"})
    staff.post(f"/catalogue/offers/{offer_id}/product", data={"sku": "OTHER"})
    assert "by hand" in staff.get(f"/catalogue/products/{other}").text
    staff.post(f"/catalogue/offers/{offer_id}/product")
    with staff.application.app_context():
        offer = db.session.get_one(Offer, offer_id)
        assert (offer.product_id, offer.matched_by) == (None, "hand")


def test_a_rule_is_changed_with_a_preview(staff: FlaskClient, sandbox: SandboxServer) -> None:
    assert "Nothing to match" in staff.get("/catalogue/matching").text
    with staff.application.app_context():
        row = shop(sandbox)
        connection_id = row.id
        add("X", barcode="4820000000001")
        build.ran(row.id, "catalogue")
    assert "Supplier" in staff.get("/catalogue/matching").text
    url = f"/catalogue/matching/{connection_id}"
    rule = {"match": ["barcode", ""], "new": "leave", "gone": "hide", "follow": ["price"]}
    preview = staff.post(url, data={**rule, "do": "preview"}).text
    assert ("move to another: 1" in preview, "stay: 59" in preview) == (True, True)
    assert staff.post(url, data={**rule, "do": "rematch"}).status_code == 303
    with staff.application.app_context():
        made = db.session.scalars(db.select(Run).filter_by(task="match")).one()
        runs.carry_out(made.id)
        db.session.expire_all()
        assert made.counts["changed"] == 1
    assert "Nothing would change" in staff.post(url, data={**rule, "do": "preview"}).text
    assert "None waits" in staff.get(url).text
    assert staff.get(f"{url}?q=nothing").status_code == 200
    assert staff.get("/catalogue/matching/99").status_code == 404


CSV = "Артикул;Назва;Ціна;Залишок;Зображення;Колір\nA;Чашка;120,50;5;https://a.example/1.jpg;x\nB;;9;;;\nC;Ложка;дорого;;;\n"
OFFERS = '<offer id="1"><name>Чашка</name><price>7</price><oldprice>9</oldprice></offer><offer id="2"/>'
OFFERS += '<offer id="3"><name>Ложка</name><price>5</price></offer>'
YML = f"<yml_catalog><shop><offers>{OFFERS}</offers></shop></yml_catalog>"


def upload(staff: FlaskClient, body: bytes, name: str) -> str:
    answer = staff.post("/catalogue/files", data={"file": (io.BytesIO(body), name)})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"])


def work(staff: FlaskClient) -> CatalogueFile:
    with staff.application.app_context():
        catalogue_files.revive()
        row = db.session.scalars(db.select(CatalogueFile).order_by(CatalogueFile.id.desc())).first()
        assert row is not None
        catalogue_files.work(row.id)
        db.session.expire_all()
        db.session.refresh(row)
        return row


def test_a_table_is_tried_and_then_taken(staff: FlaskClient) -> None:
    with staff.application.app_context():
        add("A", "Стара", stock=1, price=Decimal("120.50"))
        add("B", "Блюдце")
    url = upload(staff, CSV.encode("cp1251"), "товари.csv")
    page = staff.get(url).text
    assert "Колір" in page
    assert staff.post(url, data={"do": "check", "columns": ["", "name"]}).status_code == 422
    columns = ["sku", "name", "price", "stock", "pictures", ""]
    staff.post(url, data={"do": "check", "columns": columns})
    assert "tried out" in staff.get(f"{url}/state").text
    row = work(staff)
    assert (row.state, row.counts) == ("done", {"update": 2, "refused": 1})
    assert row.left_out == [["4", "a price, a stock or a size is no number"]]
    assert "Take 2 products" in staff.get(url).text
    staff.post(url, data={"do": "take"})
    assert work(staff).counts == {"update": 2, "refused": 1}
    with staff.application.app_context():
        one = db.session.scalars(db.select(Product).filter_by(sku="A")).one()
        assert (one.name, one.stock, one.pictures) == ("Чашка", 5, [{"url": "https://a.example/1.jpg"}])
        assert [r.sku for r in listing.page(ProductFilter(q="чашка")).rows] == ["A"]
        other = db.session.scalars(db.select(Product).filter_by(sku="B")).one()
        assert (other.name, other.price) == ("Блюдце", 9)
    staff.post(url, data={"do": "take"})
    assert work(staff).counts == {"unchanged": 2, "refused": 1}
    staff.post(url, data={"do": "columns"})
    assert "What the columns are" in staff.get(url).text


def test_a_price_list_from_a_file(staff: FlaskClient) -> None:
    url = upload(staff, YML.encode(), "price.xml")
    row = work(staff)
    assert (row.stage, row.counts) == ("check", {"create": 2, "refused": 1})
    staff.post(url, data={"do": "take"})
    work(staff)
    assert "left out: 1" in staff.get(url).text
    with staff.application.app_context():
        made = db.session.scalars(db.select(Product).order_by(Product.sku))
        assert [(one.sku, one.price, one.old_price) for one in made] == [("1", 7, 9), ("3", 5, None)]
    upload(staff, YML.encode()[:-20], "half.xml")
    assert work(staff).state == "failed"
    assert "no YML" in staff.get("/catalogue/files").text
    for body in (b"", b"\xd0\xcf\x11\xe0", b"\0\0"):
        assert staff.post("/catalogue/files", data={"file": (io.BytesIO(body), "a.csv")}).status_code == 422
    assert staff.post("/catalogue/files").status_code == 422


def test_a_large_table_is_taken_in_parts_and_by_one_worker(staff: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_files, "BATCH", 2)
    rows = "".join(f"S-{n};Товар {n}\n" for n in range(5))
    url = upload(staff, f"Артикул;Назва\n{rows}".encode(), "товари.csv")
    staff.post(url, data={"do": "check", "columns": ["sku", "name"]})
    work(staff)
    staff.post(url, data={"do": "take"})
    claimed: list[Any] = []

    def another(_session: Any) -> None:
        """The lease runs out in the second part, and another worker has the file from then on."""
        claimed.append(_session)
        if len(claimed) == 2:
            with db.engine.begin() as other:
                other.execute(db.update(CatalogueFile).values(fence=CatalogueFile.fence + 1))

    with staff.application.app_context():
        sql_event.listen(db.session(), "after_commit", another)
        catalogue_files.work(int(url.rsplit("/", 1)[1]))
        row = db.session.scalars(db.select(CatalogueFile).execution_options(populate_existing=True)).one()
        assert (row.state, row.counts) == ("working", {"create": 2})
        assert db.session.scalars(db.select(Product.sku)).all() == ["S-0", "S-1"]
        row.lease_until = utcnow()
        db.session.commit()
    assert work(staff).counts == {"unchanged": 2, "create": 3}
    with staff.application.app_context():
        assert len(db.session.scalars(db.select(Product)).all()) == 5
        row = db.session.scalars(db.select(CatalogueFile)).one()
        finished = row.finished_at
        catalogue_files.work(row.id)  # a job that comes twice
        db.session.refresh(row)
        assert row.finished_at == finished


@pytest.mark.parametrize(
    ("trouble", "fault"), [("gone", "empty"), ("encoding", "encoding"), ("layout", catalogue_files.INTERNAL)]
)
def test_a_table_that_can_not_be_tried_says_why(staff: FlaskClient, trouble: str, fault: str) -> None:
    body = "Артикул\n".encode() + b"A\n" * 9000 + (b"\x98" if trouble == "encoding" else b"")
    url = upload(staff, body, "товари.csv")
    with staff.application.app_context():
        row = db.session.scalars(db.select(CatalogueFile)).one()
        if trouble == "gone":
            found = catalogue_files.path(row)
            assert found is not None
            found.unlink()
        elif trouble == "layout":
            row.layout = {**row.layout, "of": "another version of the hub"}
            db.session.commit()
    staff.post(url, data={"do": "check", "columns": ["sku"]})
    row = work(staff)
    assert (row.state, row.fault) == ("failed", fault)


def test_pictures_are_looked_at(staff: FlaskClient, sandbox: SandboxServer) -> None:
    with staff.application.app_context():
        product_id = add("A", pictures=[{"url": f"{sandbox.url}/sandbox.css"}, {"url": "http://127.0.0.1:9/1.jpg"}])
    url = f"/catalogue/products/{product_id}/pictures"
    assert "looking…" in staff.post(url, headers={"HX-Request": "true"}).text
    with staff.application.app_context():
        pictures.check(product_id)
    page = staff.get(url).text
    assert ("no picture there" in page, "can’t be opened" in page, "looking…" in page) == (True, True, False)


def test_viewers_only_look(client: FlaskClient) -> None:
    login(client, "viewer")
    with client.application.app_context():
        product_id = add("A")
    for url, status in (("products", 200), (f"products/{product_id}", 200), ("products/new", 403), ("files", 403)):
        assert client.get(f"/catalogue/{url}").status_code == status, url
    assert "cell-input" not in client.get("/catalogue/products").text
    assert client.post(f"/catalogue/products/{product_id}/cell", data={"price": "1"}).status_code == 403
