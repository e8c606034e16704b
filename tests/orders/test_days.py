"""Days of the hub's zone, what an address asks for, and ranges of dates as ranges of ids."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from models import Transfer, db
from orders import asked, days

from . import build


def test_a_day_goes_from_midnight_to_midnight():
    spring = date(2026, 3, 29)
    start, end = days.midnight(spring), days.midnight(spring + timedelta(days=1))
    assert start == datetime(2026, 3, 28, 22, tzinfo=UTC)
    assert end - start == timedelta(hours=23)
    assert (days.of(start), days.of(end - timedelta(microseconds=1)), days.of(end)) == (
        spring,
        spring,
        date(2026, 3, 30),
    )


def test_dates_find_their_rows_and_nothing_else(db_session):
    """Also where a row's id does not quite follow its time, and where there are none."""
    crm, orders = build.connection(), build.make(*({} for _ in range(6)))
    first = date(2026, 5, 1)
    for order_id, day in zip(orders, (0, 0, 2, 1, 2, 4), strict=True):
        at = days.midnight(first + timedelta(days=day)) + timedelta(hours=day)
        db.session.add(Transfer(order_id=order_id, connection_id=crm.id, state="done", created_at=at))
        db.session.flush()

    def found(since, until):
        ends = [None if n is None else first + timedelta(days=n) for n in (since, until)]
        return db.session.scalars(
            db.select(Transfer.order_id).where(*days.between(Transfer, *ends)).order_by(Transfer.order_id)
        ).all()

    assert found(None, None) == orders
    assert found(0, 0) == orders[:2]
    assert found(1, 1) == [orders[3]]
    assert found(2, None) == [orders[2], orders[4], orders[5]]
    assert found(None, 1) == [orders[0], orders[1], orders[3]]
    assert found(3, 3) == found(5, None) == found(None, -1) == []


@pytest.mark.parametrize("text", [None, "", "²", "-1", "1.5", "9" * 12, "x"])
def test_what_is_no_number_is_left_out(text):
    assert asked.number(text) is None


def test_what_is_asked_for_is_read():
    assert (asked.number("12"), asked.one_of("b", ("a", "b")), asked.one_of("c", ("a",))) == (12, "b", "")
    assert (asked.day("2026-05-01"), asked.day("2026-13-01"), asked.day(None)) == (date(2026, 5, 1), None, None)
