"""The pages of the tree of categories."""

from __future__ import annotations

import pytest

from catalogue import categories, tree
from models import Category, Product, db
from orders import creation

from .helpers import count_queries, login
from .pages import form_of, parse

URL = "/catalogue/categories"
HTMX = {"HX-Request": "true"}
EVIL = "\"><script>alert(1)</script>'{{7*7}}%(x)s"


@pytest.fixture
def ids(app) -> dict[str, int]:
    with app.app_context():
        found = dict(categories.Known().ids(["Посуд / Чашки", "Одяг"]))
        product = {"sku": "A", "name": "x", "search_text": creation.product_text("A", "x")}
        db.session.add(Product(**product, category_id=found["Посуд / Чашки"], active=False))
        db.session.commit()
        return found


@pytest.fixture
def staff(client):
    login(client, "manager")
    return client


def paths(app) -> list[str]:
    with app.app_context():
        return list(categories.paths().values())


def test_an_empty_tree_teaches(staff):
    assert "No categories yet" in staff.get(URL).text
    assert "No category has this in its name" in staff.get(f"{URL}?name=x").text


def test_the_tree_leads_to_products_and_is_found_by_name(staff, ids):
    with count_queries(staff) as queries:
        page = parse(staff.get(URL).text)
    assert len(queries) <= 12
    rows = page.all("#category-list tbody tr")
    assert [row.one("[data-open]").text for row in rows] == ["Одяг", "Посуд", "Чашки"]
    numbers = [a.get("href") for a in page.all("td.num a")]
    assert numbers[1] == f"/catalogue/products?category={ids['Посуд']}&shown=all"
    assert "1 product" in parse(staff.get(f"{URL}/{ids['Посуд']}", headers=HTMX).text).text
    assert parse(staff.get(numbers[1]).text).all("#rows [data-row]")
    found = parse(staff.get(f"{URL}?name=чаш", headers=HTMX).text)
    assert [a.text for a in found.all("[data-open]")] == ["Посуд / Чашки"]
    deletes = [form.get("action") for form in page.all("form") if "delete" in form.get("action", "")]
    assert deletes == [f"{URL}/{ids['Одяг']}/delete"]


def test_made_renamed_moved_and_deleted(staff, app, ids):
    sent = form_of(staff.get(f"{URL}/new?parent={ids['Одяг']}"), "#category form")
    sent["name"] = EVIL
    done = staff.post(f"{URL}/new", data=sent, follow_redirects=True)
    assert "<script>alert" not in done.text
    assert f"Одяг / {EVIL}" in paths(app)
    sent = form_of(staff.get(f"{URL}/{ids['Посуд']}"), "#category form")
    sent["name"], sent["parent_id"] = "Кераміка", ids["Одяг"]
    answer = staff.post(f"{URL}/{ids['Посуд']}", data=sent, headers=HTMX)
    assert answer.headers["HX-Redirect"] == f"{URL}?changed={ids['Посуд']}#category-{ids['Посуд']}"
    assert "Одяг / Кераміка / Чашки" in paths(app)
    assert "is-changed" in staff.get(f"{URL}?changed={ids['Посуд']}").text
    staff.post(f"{URL}/{ids['Одяг']}/delete")
    assert "There are products or categories in it" in staff.get(URL).text
    with app.app_context():
        evil = db.session.scalar(db.select(Category.id).filter_by(name=EVIL))
    assert "is deleted" in staff.post(f"{URL}/{evil}/delete", follow_redirects=True).text
    assert f"Одяг / {EVIL}" not in paths(app)
    assert staff.get(f"{URL}/{evil}").status_code == 404


def test_what_is_refused_keeps_what_was_typed(staff, app, ids):
    answer = staff.post(f"{URL}/new", data={"name": "одяг", "parent_id": 0}, headers=HTMX)
    assert answer.status_code == 422
    field = parse(answer).one("#name")
    assert (field.get("value"), field.get("aria-invalid")) == ("одяг", "true")
    assert "There is one of this name already" in answer.text
    under = {"name": "Посуд", "parent_id": ids["Посуд / Чашки"]}
    answer = staff.post(f"{URL}/{ids['Посуд']}", data=under)
    assert "put under itself" in answer.text
    offered = [int(one.get("value")) for one in parse(answer).all("#parent_id option")]
    assert offered == [0, ids["Одяг"]]
    for values in ({"name": ""}, {"name": "x", "parent_id": "junk"}, {"name": "x", "parent_id": 999}, {}):
        assert staff.post(f"{URL}/new", data=values).status_code == 422
    assert len(paths(app)) == 3


def test_a_viewer_only_looks(client, app, ids):
    login(client, "viewer")
    page = client.get(URL).text
    assert "New category" not in page
    assert "/delete" not in page
    assert not parse(client.get(f"{URL}/{ids['Одяг']}").text).all("#category form")
    assert client.get(f"{URL}/new").status_code == 403
    assert client.post(f"{URL}/new", data={"name": "x", "parent_id": 0}).status_code == 403
    with app.app_context():
        assert len(tree.listed()) == 3
