"""Expenses: on the card, booked from commissions, and in the report."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from models import Connection, Expense, ExpenseType, Order, OrderEvent, db
from orders import expenses, statuses
from tests.orders import build

from .helpers import login

MARCH = datetime(2026, 3, 10, 12, tzinfo=UTC)


def kind(name: str = "Packing") -> int:
    row = db.session.scalar(db.select(ExpenseType).where(ExpenseType.name == name)) or ExpenseType(name=name)
    db.session.add(row)
    db.session.commit()
    return row.id


def test_staff_enter_change_and_delete_them(client, app):
    login(client, "manager")
    with app.app_context():
        [order] = build.make({"number": "E-1"})
        packing, post = kind(), kind("Post")
    url = f"/order/{order}/expenses"
    assert f'hx-get="{url}"' in client.get("/orders/E-1").text
    asked = {"type": packing, "amount": "1 200,50", "note": "box"}
    answer = client.post(url, data=asked, headers={"HX-Request": "true"})
    assert "1,200.50" in answer.text
    with app.app_context():
        [row] = db.session.scalars(db.select(Expense))
        assert (row.amount, row.currency, row.origin, row.by) == (Decimal("1200.50"), "UAH", None, "Manager")
        first = row.id
    assert client.post(f"{url}/{first}", data={"type": post, "amount": "7"}).status_code == 200
    assert client.post(f"{url}/{first}/delete").status_code == 200
    with app.app_context():
        assert db.session.scalars(db.select(Expense)).all() == []
        told = db.session.scalars(
            db.select(OrderEvent.detail).where(OrderEvent.kind == "expense").order_by(OrderEvent.id)
        )
        assert [d["changes"][0][1:] for d in told] == [
            ["", "Packing: 1200.50 UAH (box)"],
            ["Packing: 1200.50 UAH (box)", "Post: 7.00 UAH"],
            ["Post: 7.00 UAH", ""],
        ]
    assert "Packing: 1200.50 UAH (box)" in client.get(f"/order/{order}/timeline").text


@pytest.mark.parametrize("amount", ["", "x", "-1", "0", "1.234", "NaN", "1e12"])
def test_what_is_no_sum_is_said(client, app, amount):
    login(client)
    with app.app_context():
        [order] = build.make({})
        packing = kind()
    answer = client.post(f"/order/{order}/expenses", data={"type": packing, "amount": amount})
    assert answer.status_code == 422
    assert "A sum like 1500." in answer.text


def test_what_is_not_there_is_not_touched(client, app):
    login(client)
    with app.app_context():
        [order, other] = build.make({}, {})
        row = expenses.save(db.session.get_one(Order, other), None, kind(), Decimal(5), "", build.OLENA)
        db.session.commit()
        expense, packing = row.id, row.type_id
    assert client.post(f"/order/{order}/expenses/{expense}/delete").status_code == 404
    assert client.post(f"/order/{order}/expenses", data={"type": 999, "amount": "5"}).status_code == 422
    assert client.get("/order/999/expenses").status_code == 404
    login(client, "viewer")
    assert client.post(f"/order/{order}/expenses", data={"type": packing, "amount": "5"}).status_code == 403
    assert "expense-form" not in client.get(f"/order/{other}/expenses").text


def test_a_type_that_is_used_is_kept(client, app):
    login(client)
    with app.app_context():
        [order] = build.make({})
        row = expenses.save(db.session.get_one(Order, order), None, kind(), Decimal(5), "", build.OLENA)
        packing = row.type_id
        db.session.get_one(ExpenseType, packing).active = False
        db.session.commit()
    client.post(f"/settings/registries/expenses/{packing}/delete")
    with app.app_context():
        assert db.session.get(ExpenseType, packing) is not None
    assert "Packing" in client.get(f"/order/{order}/expenses").text


def test_the_report_adds_up_what_stands(client, app):
    login(client)
    with app.app_context():
        prom, site = build.source("Prom"), build.source("=Site")
        common = {"created_at": MARCH, "currency": "UAH"}
        made = build.make(
            {**common, "source_id": prom, "total": Decimal(1000)},
            {**common, "source_id": prom, "total": Decimal(500)},
            {**common, "source_id": site, "total": Decimal(70), "currency": "EUR"},
            {**common, "source_id": prom, "total": Decimal(9000), "created_at": datetime(2026, 2, 1, tzinfo=UTC)},
        )
        for order, amount in zip(made, ("30", "20", "7", "900"), strict=True):
            expenses.save(db.session.get_one(Order, order), None, kind(), Decimal(amount), "", build.OLENA)
        statuses.change([made[1]], build.status("cancelled"), build.OLENA)
        db.session.commit()
    dates = "since=2026-03-01&until=2026-03-31"
    assert _lines(client, f"by=source&{dates}") == [
        ["'=Site", "EUR", "1", "70.00", "7.00", "63.00"],
        ["Prom", "UAH", "1", "1000.00", "50.00", "950.00"],
    ]
    assert _lines(client, f"by=type&{dates}") == [
        ["Packing", "EUR", "", "", "7.00", ""],
        ["Packing", "UAH", "", "", "50.00", ""],
    ]
    assert _lines(client, f"by=shop&{dates}")[1] == ["not given", "UAH", "1", "1000.00", "50.00", "950.00"]
    assert [line[1:4] for line in _lines(client, f"by=time&{dates}")] == [
        ["EUR", "1", "70.00"],
        ["UAH", "1", "1000.00"],
    ]
    months = _lines(client, "by=time&since=2026-01-15&until=2026-03-31")
    assert [line[3:5] for line in months] == [["9000.00", "900.00"], ["70.00", "7.00"], ["1000.00", "50.00"]]
    for by in ("source", "shop", "type", "time"):
        page = client.get(f"/expenses?by={by}&{dates}").text
        assert "In all" in page
        assert "₴50.00" in page
    assert "Nothing in these days" in client.get("/expenses?by=x&since=nonsense&until=2001-01-01").text


def _lines(client: Any, query: str) -> list[list[str]]:
    answer = client.get(f"/expenses.csv?{query}")
    assert answer.mimetype == "text/csv"
    return list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))[1:]


def test_the_connection_says_what_commissions_are(client, app):
    login(client)
    with app.app_context():
        prom, packing = build.connection("prom", "Prom").id, kind()
    page = client.get(f"/settings/integrations/{prom}/settings").text
    assert "Book its commissions as" in page
    nothing = dict.fromkeys(("shop_id", "source_id", "type_id"), 0)
    client.post(f"/settings/integrations/{prom}/settings", data={**nothing, "commission_type_id": packing})
    with app.app_context():
        assert db.session.get_one(Connection, prom).commission_type_id == packing
