"""What the hub has exported is imported unchanged."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from jobs import exports, files, imports
from models import DeliveryMethod, PaymentMethod, db
from orders import creation, export_columns, removal, search, statuses, totals
from orders.export_options import Options
from tests.orders import build

from .test_imports import checked, fates, imported, orders


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
        {
            "sku": "",
            "name": "Film +",
            "quantity": Decimal(1),
            "price": Decimal(5),
            "discount": Decimal(1),
            "status": "s",
        },
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
        assert known[search.normal(files.said(language, column.title))] == key, column.title
