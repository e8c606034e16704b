"""Commissions that a marketplace tells become expenses, once an order."""

from __future__ import annotations

from decimal import Decimal

import pytest

from integrations.sandbox import SandboxServer
from models import Connection, Expense, ExpenseType, Order, db
from tests.orders import build


@pytest.fixture
def booked(prom: Connection, unlimited: SandboxServer) -> Connection:
    row = ExpenseType(name="CPA")
    db.session.add(row)
    db.session.flush()
    prom.commission_type_id = row.id
    db.session.commit()
    return prom


def pull(prom: Connection) -> list[Decimal]:
    build.ran(prom.id, "orders")
    return list(db.session.scalars(db.select(Expense.amount)))


def test_a_commission_is_booked_once_and_follows_news(booked: Connection, unlimited: SandboxServer) -> None:
    sandbox = unlimited.vendor("prom")
    number = sandbox.new_order(cpa_commission={"amount": "25,50 грн", "is_refunded": False})["id"]
    sandbox.new_order(cpa_commission=None)
    assert pull(booked) == [Decimal("25.50")]
    sandbox.change(number, client_notes="news")
    assert pull(booked) == [Decimal("25.50")]
    sandbox.change(number, cpa_commission={"amount": "30", "is_refunded": False})
    assert pull(booked) == [Decimal(30)]
    row = db.session.scalars(db.select(Expense)).one()
    assert (row.type.name, row.currency, row.by) == ("CPA", "UAH", "Prom")
    sandbox.change(number, cpa_commission={"amount": "30", "is_refunded": True})
    assert pull(booked) == []
    assert set(db.session.scalars(db.select(Order.commission))) == {Decimal(0), None}


def test_nothing_is_booked_unless_it_is_wanted(prom: Connection, unlimited: SandboxServer) -> None:
    unlimited.vendor("prom").new_order(cpa_commission={"amount": "25", "is_refunded": False})
    assert pull(prom) == []
