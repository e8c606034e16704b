"""Status changes: rules, timeline, undo, and counters that always equal a recount."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import BulkUndo, Mapping, Order, OrderCount, OrderDay, OrderEvent, Transfer, User, db
from orders import counts, editing, removal, statuses, timeline

from . import build


def test_a_person_sets_every_status_but_transferred(db_session):
    order_id = build.make({})[0]
    for key in ("confirmed", "problem", "preorder", "cancelled", "deleted", "new"):
        assert statuses.change([order_id], build.status(key), build.OLENA).changed == [order_id]
    refused = statuses.change([order_id], build.status("transferred"), build.OLENA)
    assert (refused.changed, refused.skipped) == ([], [(order_id, "by_hand")])
    assert statuses.change([order_id], build.status("transferred"), build.JOB).changed == [order_id]


def test_a_switched_off_status_is_not_set_by_hand(db_session):
    order_id = build.make({})[0]
    wanted = build.status("confirmed")
    wanted.active = False
    assert statuses.change([order_id], wanted, build.OLENA).skipped == [(order_id, "by_hand")]


def test_what_is_skipped_is_said(db_session):
    order_id = build.make({})[0]
    result = statuses.change([order_id, order_id, 999], build.status("new"), build.OLENA)
    assert result.changed == []
    assert sorted(result.skipped) == sorted([(999, "gone"), (order_id, "same")])


def test_the_timeline_tells_before_and_after(db_session):
    order_id = build.make({})[0]
    statuses.change([order_id], build.status("cancelled"), build.OLENA, reason="out-of-stock", text="sold out")
    event = timeline.of_order(order_id)[0]
    assert (event.kind, event.actor, event.actor_name) == ("status", "person", "Olena")
    ids = [build.status("new").id, build.status("cancelled").id]
    changes = [["status", "New", "Cancelled"]]
    assert event.detail == {"changes": changes, "ids": ids, "reason": "out-of-stock", "text": "sold out"}
    order = db.session.get(Order, order_id)
    assert (order.cancel_reason, order.cancel_text) == ("out-of-stock", "sold out")


def test_a_change_goes_to_the_source_but_not_back_to_who_caused_it(db_session):
    prom, order_id = build.connection("prom", "Prom"), build.make({"ttn": "2045"})[0]
    build.link(order_id, prom.id, role="source")
    confirmed = build.status("confirmed")
    db.session.add(
        Mapping(
            connection_id=prom.id, table="status_out", lookup=str(confirmed.id), theirs="received", extra={"ttn": True}
        )
    )
    db.session.commit()
    statuses.change([order_id], confirmed, build.JOB, cause=prom.id)
    assert db.session.scalars(db.select(Transfer)).all() == []
    statuses.change([order_id], build.status("new"), build.OLENA)
    statuses.change([order_id], confirmed, build.OLENA)
    rows = {row.operation: row.payload for row in db.session.scalars(db.select(Transfer))}
    assert rows["status"]["status"] == "received"
    assert rows["ttn"] == {"number": "2045"}


@pytest.fixture
def user_id(db_session):
    user = User(email="olena@example.com", password_hash="-")
    db.session.add(user)
    db.session.commit()
    return user.id


def test_undo_leaves_alone_what_was_changed_since(user_id):
    ids = build.make({}, {"status_id": build.status("problem").id}, {})
    confirmed = build.status("confirmed")
    undo_id = statuses.remember(statuses.change(ids, confirmed, build.OLENA), confirmed, user_id)
    statuses.change([ids[2]], build.status("cancelled"), build.OLENA)
    db.session.commit()
    assert statuses.undo(undo_id, user_id + 1, build.OLENA) is None, "somebody else's"
    assert statuses.undo(undo_id, user_id, build.OLENA) == 2
    db.session.commit()
    now = [db.session.get(Order, i).status.key for i in ids]
    assert now == ["new", "problem", "cancelled"]
    assert statuses.undo(undo_id, user_id, build.OLENA) is None, "once only"
    told = db.select(OrderEvent.kind).where(OrderEvent.order_id == ids[0]).order_by(OrderEvent.id)
    assert db.session.scalars(told).all() == ["created", "status", "undone"]


def test_undo_ends_after_a_minute(user_id):
    ids, confirmed = build.make({}), build.status("confirmed")
    undo_id = statuses.remember(statuses.change(ids, confirmed, build.OLENA), confirmed, user_id)
    row = db.session.get(BulkUndo, undo_id)
    row.created_at -= timedelta(seconds=statuses.UNDO_SECONDS + 1)
    db.session.commit()
    assert statuses.undo(undo_id, user_id, build.OLENA) is None
    assert statuses.undo(999_999, user_id, build.OLENA) is None


def test_nothing_changed_is_nothing_to_undo(user_id):
    assert statuses.remember(statuses.Changed(), build.status("new"), user_id) is None


def _kept(model, *key):
    totals: Counter = Counter()
    for row in db.session.scalars(db.select(model)):
        place = tuple(getattr(row, name) for name in key)
        totals[(*place, "n")] += row.n
        totals[(*place, "sum")] += row.total
    return {place: value for place, value in totals.items() if value}


def _counters():
    return (
        _kept(OrderCount, "shop_id", "source_id", "type_id", "status_id", "currency"),
        _kept(OrderDay, "day", "source_id", "status_id", "currency"),
    )


operations = st.lists(
    st.tuples(
        st.sampled_from(["make", "status", "edit", "remove", "fold", "undo"]),
        st.integers(0, 9),
        st.sampled_from(["new", "confirmed", "transferred", "problem", "deleted"]),
        st.sampled_from(["UAH", "USD"]),
        st.decimals(0, 10_000, places=2),
    ),
    max_size=12,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=operations)
def test_counters_equal_a_recount_whatever_was_done(user_id, steps):
    undo_id = None
    for number, (what, which, key, currency, amount) in enumerate(steps):
        known = db.session.scalars(db.select(Order.id).order_by(Order.id)).all()
        chosen = [known[which % len(known)]] if known else []
        if what == "make":
            build.make(
                {"number": f"{id(steps)}-{number}", "currency": currency, "total": amount, "type_id": 1 + which % 3}
            )
        elif what == "status":
            wanted = build.status(key)
            undo_id = statuses.remember(statuses.change(chosen + known[:3], wanted, build.JOB), wanted, user_id)
        elif what == "edit" and chosen:
            order = db.session.get(Order, chosen[0])
            editing.update(order.id, order.version, {"currency": currency, "delivery_cost": amount}, None, build.OLENA)
        elif what == "remove":
            removal.remove(chosen, build.OLENA)
        elif what == "undo" and undo_id:
            statuses.undo(undo_id, user_id, build.OLENA)
        elif what == "fold":
            counts.FOLD_AT, kept = 0, counts.FOLD_AT
            counts.fold()
            counts.FOLD_AT = kept
        db.session.commit()
    kept = _counters()
    counts.recount()
    db.session.flush()
    assert kept == _counters()
    db.session.rollback()


def test_the_strip_sums_by_currency_and_narrows(db_session):
    shop = build.shop("Garden")
    build.make(
        {"total": Decimal("10.50"), "shop_id": shop}, {"total": Decimal(2), "currency": "USD"}, {"total": Decimal(5)}
    )
    new = build.status("new").id
    cell = counts.by_status()[new]
    assert (cell.n, cell.sums) == (3, {"UAH": Decimal("15.50"), "USD": Decimal(2)})
    assert counts.by_status(shop_id=shop)[new].n == 1
    assert counts.by_status(type_id=3) == {}
