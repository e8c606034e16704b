"""The tree of categories: names unique among siblings, no circles, nothing deleted that holds something."""

from __future__ import annotations

import threading

import pytest
from flask import Flask

from catalogue import categories, tree
from models import Category, Product, db
from orders import creation


def grow(*paths: str) -> dict[str, int]:
    known = categories.Known()
    found = known.ids(paths)
    db.session.commit()
    return dict(found)


def put(category_id: int, sku: str, active: bool = True) -> None:
    text = creation.product_text(sku, "x")
    db.session.add(Product(sku=sku, name="x", search_text=text, category_id=category_id, active=active))
    db.session.commit()


def refused(what) -> str:
    with pytest.raises(tree.Refused) as caught:
        what()
    return caught.value.why


@pytest.fixture(autouse=True)
def _inside(app: Flask):
    with app.app_context():
        yield


def test_the_list_goes_down_each_branch_and_counts() -> None:
    ids = grow("Посуд / Чашки", "Посуд / Тарілки", "Одяг", "Посуд 2")
    put(ids["Посуд / Чашки"], "A")
    put(ids["Посуд / Чашки"], "B", active=False)
    put(ids["Посуд"], "C")
    found = [(node.name, node.depth, node.own, node.all, node.children) for node in tree.listed()]
    assert found == [
        ("Одяг", 0, 0, 0, 0),
        *(("Посуд", 0, 1, 3, 2), ("Тарілки", 1, 0, 0, 0), ("Чашки", 1, 2, 2, 0)),
        ("Посуд 2", 0, 0, 0, 0),
    ]
    assert [node.path for node in tree.listed("ЧАШ")] == ["Посуд / Чашки"]
    assert tree.listed("nothing") == []


def test_made_renamed_and_moved_with_all_below() -> None:
    ids = grow("Посуд / Чашки / Великі", "Одяг")
    made = tree.make("  Для   дому ", None)
    assert made.name == "Для дому"
    tree.change(ids["Посуд"], "Кераміка", made.id)
    db.session.commit()
    assert sorted(categories.paths().values()) == [
        *("Для дому", "Для дому / Кераміка", "Для дому / Кераміка / Чашки"),
        *("Для дому / Кераміка / Чашки / Великі", "Одяг"),
    ]
    assert (
        categories.Known().ids(["Для дому / Кераміка / Чашки"])["Для дому / Кераміка / Чашки"] == ids["Посуд / Чашки"]
    )


def test_what_is_refused() -> None:
    ids = grow("Посуд / Чашки", "Одяг", "1 / 2 / 3 / 4 / 5 / 6 / 7 / 8 / 9 / 10")
    put(ids["Одяг"], "A", active=False)
    cups, dishes, clothes = ids["Посуд / Чашки"], ids["Посуд"], ids["Одяг"]
    assert refused(lambda: tree.make("  ", None)) == "blank"
    assert refused(lambda: tree.make("x" * 201, None)) == "long"
    assert refused(lambda: tree.make("a / b", None)) == refused(lambda: tree.make("a /", None)) == "slash"
    assert (
        refused(lambda: tree.make("чашки", dishes)) == refused(lambda: tree.change(clothes, "ПОСУД", None)) == "taken"
    )
    assert refused(lambda: tree.make("x", 999)) == "parent_gone"
    assert refused(lambda: tree.change(dishes, "Посуд", cups)) == "itself"
    assert refused(lambda: tree.change(dishes, "Посуд", dishes)) == "itself"
    assert refused(lambda: tree.change(999, "x", None)) == refused(lambda: tree.delete(999)) == "gone"
    tenth, ninth = (ids[" / ".join(str(n) for n in range(1, last))] for last in (11, 10))
    assert refused(lambda: tree.make("11", tenth)) == refused(lambda: tree.change(dishes, "x", ninth)) == "deep"
    assert refused(lambda: tree.delete(dishes)) == refused(lambda: tree.delete(clothes)) == "full"
    tree.change(tenth, "ten", ninth)  # a name alone may change however deep it stands
    tree.change(cups, "Чашки", dishes)  # and the same name is no other's
    assert tree.delete(cups) == "Чашки"
    assert tree.delete(dishes) == "Посуд"


def test_two_at_once_make_no_circle(app: Flask) -> None:
    ids = grow("A", "B")
    start, ended = threading.Barrier(2), []

    def move(name: str, under: str) -> None:
        with app.app_context():
            start.wait()
            try:
                tree.change(ids[name], name, ids[under])
                db.session.commit()
                ended.append("moved")
            except tree.Refused as error:
                db.session.rollback()
                ended.append(error.why)

    threads = [threading.Thread(target=move, args=pair) for pair in (("A", "B"), ("B", "A"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ended) == ["itself", "moved"]
    assert db.session.scalar(db.select(db.func.count(Category.id)).where(Category.parent_id.is_(None))) == 1
