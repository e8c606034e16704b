"""Pages of the list: search, keyset paging, what rows show, what changed."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from models import Order, OrderSearch, Transfer, db, utcnow
from orders import listing, lists, removal, search
from orders.filters import OrderFilter
from orders.listing import Cursor

from . import build

KYIV = ZoneInfo("Europe/Kyiv")
EVERYTHING = OrderFilter(status=())


def page(f=EVERYTHING, cursor="", size=50):
    return listing.page(f, lists.read().statuses, KYIV, Cursor.read(cursor), size)


def numbers(f=EVERYTHING, cursor="", size=50):
    return [row.o.number for row in page(f, cursor, size).rows]


def test_walking_forward_back_and_to_the_end(db_session):
    build.make(*({"number": f"{n}"} for n in range(1, 12)))
    first = page(size=4)
    assert [row.o.number for row in first.rows] == ["11", "10", "9", "8"]
    assert (first.newer, first.at_start) == (None, True)
    second = page(cursor=str(first.older), size=4)
    assert [row.o.number for row in second.rows] == ["7", "6", "5", "4"]
    third = page(cursor=str(second.older), size=4)
    assert [row.o.number for row in third.rows] == ["3", "2", "1"]
    assert third.older is None
    back = page(cursor=f"-{third.newer}", size=4)
    assert [row.o.number for row in back.rows] == ["7", "6", "5", "4"]
    start = page(cursor=f"-{back.newer}", size=4)
    assert [row.o.number for row in start.rows] == ["11", "10", "9", "8"]
    assert (start.newer, start.at_start) == (None, True)
    last = page(cursor="last", size=4)
    assert [row.o.number for row in last.rows] == ["4", "3", "2", "1"]
    assert last.older is None
    assert last.newer is not None


def test_oldest_first_walks_the_other_way(db_session):
    build.make(*({"number": f"{n}"} for n in range(1, 8)))
    f = OrderFilter(status=(), sort="old")
    first = page(f, size=3)
    assert [row.o.number for row in first.rows] == ["1", "2", "3"]
    assert numbers(f, str(first.older), 3) == ["4", "5", "6"]
    assert numbers(f, "last", 3) == ["5", "6", "7"]


@pytest.mark.parametrize("text", ["", "x", "-", "--3", "9" * 30, "٣٣", "last "])
def test_a_mistyped_cursor_is_the_first_page(db_session, text):
    build.make({"number": "1"})
    assert numbers(cursor=text) == ["1"]


@pytest.fixture
def people(db_session):
    build.make(
        {"number": "261121-101530", "last_name": "Ковальчук", "first_name": "Юлія", "phone": "+380671234567",
         "email": "Julia@Example.com"},
        {"number": "K2", "last_name": "Мар'яненко", "first_name": "Семён", "phone": "+380507654321",
         "external_number": "987654321", "ttn": "20450099887766", "buyer_name": "Панас Мирний"},
        {"number": "K3", "last_name": "O'Brien 100%_\\", "first_name": "Яя"},
        lines=[{"sku": "TK-77/B", "name": "Чайник", "price": 1}],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("ковальч", ["261121-101530"]),
        ("КОВАЛЬЧУК юл", ["261121-101530"]),
        ("альчу", ["261121-101530"]),
        ("мар’ян", ["K2"]),
        ("марʼяненко", ["K2"]),
        ("семен", ["K2"]),
        ("семён", ["K2"]),
        ("панас", ["K2"]),
        ("julia@example", ["261121-101530"]),
        ("1234567", ["261121-101530"]),
        ("234567", ["261121-101530"]),
        ("+38 (067) 123-45-67", ["261121-101530"]),
        ("067 123 45 67", ["261121-101530"]),
        ("0671234567", ["261121-101530"]),
        ("261121-101530", ["261121-101530"]),
        ("21-1015", ["261121-101530"]),
        ("987654", ["K2"]),
        ("20450099887766", ["K2"]),
        ("tk-77/b", ["K3", "K2", "261121-101530"]),
        ("100%_\\", ["K3"]),
        ("яя", ["K3"]),
        ("юл ко", ["261121-101530"]),
        ("ковальчук k2", []),
        ('" OR text:*', []),
        ("%%%", []),
        ("ковальч\0", ["261121-101530"]),
    ],
)
def test_search(people, query, expected):
    assert numbers(OrderFilter.read({"q": query})) == expected


def test_search_says_when_only_the_newest_were_looked_through(people, monkeypatch):
    assert page(OrderFilter(q="юл", status=())).shallow
    assert not page(OrderFilter(q="юлі", status=())).shallow
    monkeypatch.setattr(search, "SHORT_TERM_DEPTH", 1)
    assert numbers(OrderFilter(q="юл", status=())) == []
    assert numbers(OrderFilter(q="яя", status=())) == ["K3"]


def test_search_of_common_and_rare_names_pages_alike(db_session, monkeypatch):
    """On PostgreSQL the first pages come from a walk and the rest from the trigram index: one order for both."""
    monkeypatch.setattr(search, "WALK", 5)
    build.make(*({"number": f"S{n:02}", "last_name": "Шевченко" if n % 3 == 0 else "Бондар"} for n in range(30)))
    f, seen, cursor = OrderFilter(q="шевч", status=()), [], ""
    while True:
        part = page(f, cursor, 3)
        seen += [row.o.number for row in part.rows]
        if part.older is None:
            break
        cursor = str(part.older)
    assert seen == [f"S{n:02}" for n in range(27, -1, -3)]
    assert numbers(f, f"-{part.newer}", 3) == seen[-4:-1] if len(part.rows) == 1 else seen[-6:-3]


def test_totals_and_choosing_all(people):
    statuses = lists.read().statuses
    assert listing.total_found(OrderFilter(), statuses, KYIV) == (3, True)
    assert listing.total_found(OrderFilter(q="tk-77", status=()), statuses, KYIV) == (3, True)
    assert listing.total_found(OrderFilter(q="яя", status=()), statuses, KYIV) == (1, True)
    assert listing.total_found(OrderFilter(paid="yes", status=()), statuses, KYIV) == (0, True)
    found = listing.ids(OrderFilter(q="tk-77", status=()), statuses, KYIV)
    assert found == sorted(found, reverse=True)
    assert listing.ids(EVERYTHING, statuses, KYIV, top=found[-1]) == found[-1:]


def test_a_row_shows_its_first_product_and_its_copies(db_session):
    crm = build.connection()
    order_id = build.make({}, lines=[{"name": "Kettle", "price": 1}, {"name": "Cup", "price": 1}])[0]
    build.link(order_id, crm.id, url="https://crm.example/1", external_number="7C", external_status_name="Packed")
    row = page().rows[0]
    assert (row.item, row.items) == ("Kettle", 2)
    tile = row.tiles[0]
    assert (tile.name, tile.state, tile.number, tile.status) == ("CRM", "linked", "7C", "Packed")
    db.session.add(Transfer(order_id=order_id, connection_id=crm.id))
    db.session.commit()
    assert page().rows[0].tiles[0].state == "working"


def test_what_changed_is_told_by_stamps_not_by_clocks(db_session):
    ids = build.make({}, {}, {})
    seen = {row.o.id: listing.stamp(row.o.looks) for row in page().rows}
    assert listing.changed(seen) == ([], [])
    db.session.execute(db.update(Order).where(Order.id == ids[0]).values(updated_at=utcnow() - timedelta(days=3)))
    db.session.execute(db.update(Order).where(Order.id == ids[2]).values(status_id=build.status("deleted").id))
    removal.remove([ids[2]], build.OLENA)
    db.session.commit()
    rows, gone = listing.changed(seen)
    assert [row.o.id for row in rows] == [ids[0]]
    assert gone == [ids[2]]


def test_which_rows_still_fit_and_what_arrived(db_session):
    ids = build.make({"last_name": "Шевченко"}, {"last_name": "Шевчук", "status_id": build.status("problem").id})
    statuses = lists.read().statuses
    assert listing.fitting(OrderFilter(), statuses, KYIV, ids) == {ids[0]}
    assert listing.fitting(OrderFilter(q="шевчук", status=()), statuses, KYIV, ids) == {ids[1]}
    assert listing.arrived(OrderFilter(), statuses, KYIV, 0) == 1
    assert listing.arrived(EVERYTHING, statuses, KYIV, ids[0]) == 1
    assert listing.arrived(OrderFilter(q="шев", status=()), statuses, KYIV, 0) == 2
    assert listing.arrived(EVERYTHING, statuses, KYIV, 0, limit=1) == 1


def test_removal_takes_only_deleted_orders_and_all_that_is_theirs(db_session):
    crm = build.connection()
    kept, gone = build.make({"number": "KEEP"}, {"number": "GONE", "status_id": build.status("deleted").id})
    build.link(gone, crm.id)
    db.session.add(Transfer(order_id=gone, connection_id=crm.id))
    db.session.commit()
    assert removal.remove([kept, gone, 999], build.OLENA) == [gone]
    db.session.commit()
    assert numbers(OrderFilter(q="gone", status=(build.status("deleted").id,))) == []
    assert db.session.scalars(db.select(OrderSearch.order_id)).all() == [kept]
    assert listing.total_found(OrderFilter(group="deleted", status=()), lists.read().statuses, KYIV) == (0, True)
    again = build.make({"number": "NEXT"})[0]
    assert again > gone, "the id of a removed order is never given to another"
