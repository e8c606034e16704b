"""The page of orders that wait for their payment, and the minutes beside a payment method."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from jobs import connections, mapping, waiting
from models import Connection, HeldOrder, Incoming, Mapping, db, utcnow

from .helpers import count_queries, login

HTMX = {"HX-Request": "true"}
HOSTILE = "<script>alert(1)</script>%s %(x)s"


@pytest.fixture
def held(app, client):
    """Two shops' orders: ids by external id."""
    login(client)
    with app.app_context():
        for n, name in enumerate(("First", HOSTILE)):
            row = connections.create("prom", name, {"token": "x"})
            for external_id in (f"{n}1", f"{n}2"):
                came = Incoming(connection_id=row.id, external_id=external_id, fingerprint="f", body={}, state="held")
                db.session.add(came)
                db.session.flush()
                facts = {"number": external_id, "customer": HOSTILE, "phone": "+380501112233", "sum": Decimal("12.50")}
                until = utcnow() + timedelta(minutes=30 + n)
                db.session.add(
                    HeldOrder(connection_id=row.id, external_id=external_id, incoming_id=came.id, until=until,
                              currency="UAH", payment=HOSTILE, **facts)
                )  # fmt: skip
        db.session.commit()
        return dict(db.session.execute(db.select(HeldOrder.external_id, HeldOrder.id)).all())


def left(app) -> set[str]:
    with app.app_context():
        return set(db.session.scalars(db.select(HeldOrder.external_id).where(HeldOrder.until > utcnow())))


def test_the_list_and_its_badges(app, client, held):
    with count_queries(client) as queries:
        text = client.get("/orders/waiting").text
    assert len(queries) <= 5, queries
    assert text.count("data-countdown") == 4
    assert "<script>alert" not in text
    assert "₴12.50" in text
    assert "Waiting for payment: 4" in client.get("/orders?status=all").text
    with app.app_context():
        first = db.session.scalars(db.select(Connection.id).order_by(Connection.id)).first()
    assert "Waiting for payment: 2" in client.get(f"/settings/integrations/{first}").text
    part = client.get(f"/orders/waiting?connection={first}", headers=HTMX).text
    assert part.count("data-countdown") == 2
    assert "<html" not in part


def test_one_is_taken_or_all_of_a_shop_or_all(app, client, held):
    answer = client.post("/orders/waiting/take", data={"id": held["01"]}, follow_redirects=True)
    assert "1 order is being taken in" in answer.text
    assert left(app) == {"02", "11", "12"}
    assert (
        "taken in already" in client.post("/orders/waiting/take", data={"id": held["01"]}, follow_redirects=True).text
    )
    with app.app_context():
        second = db.session.scalars(db.select(Connection.id).order_by(Connection.id.desc())).first()
        assert db.session.get_one(HeldOrder, held["01"]).taken_by == "Owner"
    client.post("/orders/waiting/take", data={"connection": second})
    assert left(app) == {"02"}
    client.post("/orders/waiting/take")
    assert left(app) == set()


def test_who_only_looks_takes_nothing(app, client, held):
    login(client, "viewer")
    assert "Take now" not in client.get("/orders/waiting").text
    assert client.post("/orders/waiting/take").status_code == 403
    assert len(left(app)) == 4


def test_more_than_a_page_says_so(app, client, held):
    with app.app_context():
        one = db.session.scalars(db.select(HeldOrder)).first()
        common = {"connection_id": one.connection_id, "incoming_id": one.incoming_id, "until": one.until}
        db.session.add_all(HeldOrder(external_id=f"m{n}", **common) for n in range(waiting.SHOWN))
        db.session.commit()
    assert "There are more" in client.get("/orders/waiting").text
    assert "Waiting for payment: 99+" in client.get("/orders?status=all").text


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("30", {"wait": 30}), ("", {}), ("0", {}), ("soon", {}), ("-5", {}), ("99999999", {"wait": 43200})],
)
def test_minutes_beside_a_payment_method(app, client, typed, kept):
    login(client)
    with app.app_context():
        row = connections.create("prom", "Prom", {"token": "x"})
        method = next(choice.value for choice in mapping.editor(row, "payment_in").choices)
        db.session.add(Mapping(connection_id=row.id, table="payment_in", lookup="7", ours=int(method), theirs="7"))
        db.session.commit()
        address = f"/settings/integrations/{row.id}/mappings/payment_in"
    client.post(address, data={"to:7": method, "x:wait:7": typed})
    with app.app_context():
        assert db.session.scalars(db.select(Mapping.extra)).one() == kept
