"""Files of orders: what becomes of each row, and that no order comes twice, whatever happens to the worker."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pytest

from jobs import exports, importing, imports
from models import DeliveryMethod, Import, ImportRow, Order, PaymentMethod, db
from orders import creation, export_columns, removal, search, statuses, totals
from orders.export_options import Options
from tests.orders import build
from tests.views.helpers import add_user

HEAD = "Number,Last name,Phone,Product,SKU,Quantity,Price"


@pytest.fixture
def user(db_session) -> int:
    return add_user()


def uploaded(user: int, content: str | bytes, kind: str = "orders", name: str = "orders.csv") -> Import:
    raw = content.encode() if isinstance(content, str) else content
    row = imports.upload(user, kind, "en", name, io.BytesIO(raw))
    db.session.commit()
    return row


def checked(user: int, content: str | bytes, kind: str = "orders", **options: Any) -> Import:
    row = uploaded(user, content, kind)
    imports.check(row, row.columns, options)
    db.session.commit()
    importing.work(row.id)
    return again(row)


def imported(row: Import) -> Import:
    imports.start(row)
    db.session.commit()
    importing.work(row.id)
    return again(row)


def again(row: Import) -> Import:
    db.session.expire_all()
    return db.session.get_one(Import, row.id)


def fates(row: Import) -> list[tuple[int, str, str, list[str]]]:
    query = db.select(ImportRow).where(ImportRow.import_id == row.id).order_by(ImportRow.row)
    return [(r.row, r.number, r.fate, [reason["code"] for reason in r.reasons]) for r in db.session.scalars(query)]


def orders() -> list[Order]:
    return list(db.session.scalars(db.select(Order).order_by(Order.id)))


def test_a_file_is_tried_out_then_imported_once(user) -> None:
    content = f"{HEAD}\n7,Ivanenko,0671112233,Case,C-1,2,10.50\n7,Ivanenko,0671112233,Film,F-1,1,5\n"
    content += "8,Petrenko,12,Case,C-1,1,x\n"
    row = checked(user, content)
    assert (row.stage, row.state, row.fates) == ("check", "done", {"create": 1, "refused": 1}), row.fault
    assert fates(row) == [(2, "7", "create", []), (4, "8", "refused", ["not_a_phone", "not_money"])]
    assert orders() == []
    row = imported(row)
    assert row.fates == {"create": 1, "refused": 1, "done": 1}
    (order,) = orders()
    assert (order.number, order.last_name, order.phone, str(order.total)) == ("7", "Ivanenko", "+380671112233", "26.00")
    assert [(line.sku, str(line.quantity)) for line in order.lines] == [("C-1", "2.000"), ("F-1", "1.000")]
    assert imported(row).fates == row.fates
    assert fates(checked(user, content))[0] == (2, "7", "there", [])
    assert len(orders()) == 1


# ---- what the hub has exported


def exported(user: int, language: str = "uk", **options: Any) -> bytes:
    row = exports.request(user, Options(period="all", **options), language)
    db.session.commit()
    exports.make(row.id)
    db.session.expire_all()
    found = exports.path(db.session.get_one(type(row), row.id))
    assert found is not None
    return found.read_bytes()


def remove_all() -> None:
    """As if the file came from another hub."""
    ids = [order.id for order in orders()]
    statuses.change(ids, build.status("deleted"), build.OLENA)
    assert len(removal.remove(ids, build.OLENA)) == len(ids)
    db.session.commit()


#: what the importing hub decides itself
OWN = ("created_at", "updated_at", "key", "copies", "payment_kind", "needs_mapping", "line_barcode")


def some_orders() -> None:
    method = db.session.scalars(db.select(DeliveryMethod)).first()
    payment = db.session.scalars(db.select(PaymentMethod).where(PaymentMethod.kind == "cod_cash")).one()
    lines = [
        {"sku": "=A1", "name": "Case, “red”", "quantity": Decimal("2.5"), "price": Decimal("10.50"), "weight": 100},
        {"sku": "", "name": "Film +", "quantity": Decimal(1), "price": Decimal(5), "discount": Decimal(1), "status": "s"},
    ]
    values = {
        "external_number": "ext 1",
        "shop_id": build.shop("Книгарня"),
        "source_id": build.source("Prom"),
        "status_id": build.status("confirmed").id,
        "last_name": "Коваль",
        "first_name": "Олена",
        "patronymic": "Іванівна",
        "phone": "+380671112233",
        "email": "o@example.com",
        "buyer_name": "=cmd",
        "buyer_phone": "+48221234567",
        "delivery_method_id": method.id if method else None,
        "payment_method_id": payment.id,
        "cod": True,
        "country": "UA",
        "city": "Львів",
        "house": "-5",
        "address_text": "as it was",
        "delivery_cost": Decimal("70.25"),
        "discount": Decimal("3.20"),
        "weight": 350,
        "commission": Decimal(7),
        "customer_comment": "two\nlines; and, marks",
        "utm": {"utm_source": "google"},
        "do_not_call": True,
        "ttn": "20450123456789",
        "length": 300,
    }
    totals.settle(values, lines, "cod_cash")
    plain = {"number": "2", "last_name": "Bondar", "paid": True, "auto_weight": False, "weight": 777}
    totals.settle(plain, [lines[1]], "other")
    creation.insert_many(
        [creation.Draft({"number": "1", **values}, lines), creation.Draft(plain, [lines[1]])], build.OLENA
    )
    creation.insert_many([creation.Draft({"number": "3", "total": Decimal(0)})], build.OLENA)
    db.session.commit()


@pytest.mark.parametrize("rows", ["order", "line"])
@pytest.mark.parametrize(
    ("language", "form"),
    [
        ("uk", {"format": "csv", "encoding": "cp1251", "separator": "semicolon"}),
        ("en", {"format": "csv", "encoding": "utf-8", "separator": "comma", "decimal": "point"}),
        ("ru", {"format": "xlsx"}),
    ],
    ids=["cp1251", "utf-8", "xlsx"],
)
def test_a_file_that_was_exported_is_imported_unchanged(user, language, form, rows) -> None:
    some_orders()
    columns = [key for key in export_columns.COLUMNS if key not in OWN]
    before = exported(user, language, rows=rows, columns=(*columns, *OWN), **form)
    compared = exported(user, "en", rows="line", columns=columns, encoding="utf-8")
    remove_all()
    row = checked(user, before)
    assert fates(row) == [(n, number, "create", []) for n, number, _, _ in fates(row)]
    assert row.fates == {"create": 3}
    imported(row)
    # ids follow arrival, and exports begin with the newest
    after = exported(user, "en", rows="line", columns=columns, encoding="utf-8").decode().splitlines()
    assert sorted(after) == sorted(compared.decode().splitlines())
    assert checked(user, before).fates == {"there": 3}


@pytest.mark.parametrize("rows", ["order", "line"])
def test_so_is_one_with_the_columns_that_nobody_has_chosen(user, rows) -> None:
    some_orders()
    file = exported(user, "uk", rows=rows)
    totals_before = {order.number: order.total for order in orders()}
    remove_all()
    row = imported(checked(user, file))
    assert row.fates == {"create": 3, "done": 3}
    assert {order.number: order.total for order in orders()} == totals_before
    assert {code for _, _, _, codes in fates(row) for code in codes} == {"as_delivery", "as_discount"}


@pytest.mark.parametrize("language", imports.LANGUAGES)
def test_each_heading_of_an_export_is_known(db_session, language) -> None:
    known = imports.headings()
    for key, column in export_columns.COLUMNS.items():
        assert known[search.normal(imports.said(language, column.title))] == key, column.title
