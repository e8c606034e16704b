"""Files of orders: what becomes of each row, and that no order comes twice, whatever happens to the worker."""

from __future__ import annotations

import io
from typing import Any

import pytest

from jobs import importing, imports
from models import Import, ImportRow, Order, db
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
