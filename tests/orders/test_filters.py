"""Filters: from the address and back, and what they let through."""

from __future__ import annotations

from datetime import UTC, date, datetime
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import GROUPS, Transfer, db
from orders import listing, lists
from orders.filters import FLAGS, LINK_FILTERS, PAYMENTS, OrderFilter

from . import build

KYIV = ZoneInfo("Europe/Kyiv")
ids = st.integers(1, 10**9)
words = st.text(min_size=1, max_size=30).filter(lambda text: text.strip() == text and text.isprintable())
filters = st.builds(
    OrderFilter,
    q=st.just("") | words,
    status=st.none() | st.lists(ids, max_size=4).map(lambda found: tuple(sorted(set(found)))),
    type=st.none() | ids,
    payment=st.sampled_from(["", *PAYMENTS]),
    paid=st.sampled_from(["", "yes", "no"]),
    source=st.none() | ids,
    shop=st.none() | ids,
    link=st.just("") | st.builds("{}:{}".format, ids, st.sampled_from(LINK_FILTERS)),
    since=st.none() | st.dates(),
    until=st.none() | st.dates(),
    flag=st.sampled_from(["", *FLAGS]),
    sort=st.sampled_from(["new", "old"]),
) | st.builds(OrderFilter, group=st.sampled_from(GROUPS), status=st.just(()))


@given(filters)
def test_an_address_gives_back_the_filter_it_was_made_of(f):
    assert OrderFilter.read(dict(parse_qsl(f.query()))) == f


FIELDS = ["q", "status", "group", "type", "payment", "paid", "source", "shop", "link", "since", "flag", "sort"]


@given(st.dictionaries(st.sampled_from(FIELDS), st.text()))
def test_any_address_gives_a_filter(args):
    f = OrderFilter.read(args)
    assert OrderFilter.read(dict(parse_qsl(f.query()))) == f


@pytest.mark.parametrize(
    ("args", "shown"),
    [
        ({}, "new"),
        ({"type": "2"}, "new"),
        ({"sort": "old"}, "new"),
        ({"q": "olena"}, "all"),
        ({"shop": "1"}, "all"),
        ({"shop": "1", "status": "new"}, "new"),
        ({"status": "all"}, "all"),
        ({"group": "problem"}, "problem"),
        ({"status": "all,2"}, "confirmed"),
    ],
)
def test_which_statuses_an_address_means(db_session, args, shown):
    statuses = lists.read().statuses
    wanted = {s.id for s in statuses if s.group == shown or (shown == "all" and s.group != "deleted")}
    assert OrderFilter.read(args).status_ids(statuses) == wanted


def found(**args):
    page = listing.page(OrderFilter.read({"status": "all", **args}), lists.read().statuses, KYIV)
    return [row.o.number for row in page.rows]


def test_each_filter_alone_and_all_together(db_session):
    prom, shop, crm = build.source("Prom"), build.shop("Garden"), build.connection()
    first, second, _third = build.make(
        {"number": "A", "source_id": prom, "shop_id": shop, "type_id": 1, "payment_kind": "cod_cash", "paid": False,
         "created_at": datetime(2026, 3, 1, 21, 59, tzinfo=UTC), "do_not_call": True},
        {"number": "B", "type_id": 3, "payment_kind": "online_card", "paid": True, "needs_mapping": True,
         "created_at": datetime(2026, 3, 1, 22, 1, tzinfo=UTC), "status_id": build.status("confirmed").id},
        {"number": "C", "type_id": 1, "payment_kind": "transfer", "fulfilment": True,
         "created_at": datetime(2026, 3, 3, 10, 0, tzinfo=UTC), "status_id": build.status("deleted").id},
    )  # fmt: skip
    build.link(first, crm.id)
    db.session.add(Transfer(order_id=second, connection_id=crm.id))
    db.session.commit()
    assert found() == ["B", "A"]
    assert found(status=str(build.status("deleted").id)) == ["C"]
    assert (
        found(source=str(prom)) == found(shop=str(shop)) == found(payment="cash") == found(flag="do_not_call") == ["A"]
    )
    assert found(type="3") == found(payment="card") == found(payment="prepaid") == found(paid="yes") == ["B"]
    assert found(paid="no") == ["A"]
    assert found(flag="mapping") == ["B"]
    assert found(link=f"{crm.id}:linked") == ["A"]
    assert found(link=f"{crm.id}:working") == ["B"]
    assert found(link=f"{crm.id}:none") == ["B"]
    assert found(link=f"{crm.id}:problem") == []
    assert found(until="2026-03-01") == ["A"], "the day ends at midnight in Kyiv"
    assert found(since="2026-03-02") == ["B"]
    assert found(since="2026-03-02", until="2026-03-02", paid="yes", type="3", payment="prepaid", q="b") == ["B"]
    assert found(since="2026-03-02", source=str(prom)) == []
    assert found(sort="old") == ["A", "B"]
    assert OrderFilter(since=date(2026, 3, 2)).counted is False
