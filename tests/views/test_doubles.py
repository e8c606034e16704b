"""Deletion with copies elsewhere, second routes and likely duplicates, as pages show them."""

from __future__ import annotations

import pytest

from models import DeliveryRoute, LikelyDuplicate, Order, SecondRoute, Transfer, db
from orders import routes
from tests import warehouse

from ..orders import build
from .helpers import count_queries, login
from .pages import parse

HTMX = {"HX-Request": "true"}
PHONE = "+380671112233"
EVIL = "\"><script>alert(1)</script>'{{7*7}}%(x)s"


@pytest.fixture
def stock():
    with warehouse.running() as server:
        yield server


@pytest.fixture
def hub(client, app, stock):
    """An owner's browser; the warehouse deletes, the CRM does not and passes orders on to the warehouse."""
    login(client, "owner")
    with app.app_context():
        build.connection("warehouse", "Stock")
        build.connection("retailcrm", "CRM")
    return client


def make(app, *orders):
    with app.app_context():
        return build.make(*({"first_name": "Оксана", "last_name": "Шевченко", **o} for o in orders))


def tie(app, order_id, name, **values):
    with app.app_context():
        row = db.session.scalar(db.select(build.Connection).filter_by(name=name))
        build.link(order_id, row.id, **({"external_id": f"{name}{order_id}", "external_number": "77"} | values))


def bin_id(app):
    with app.app_context():
        return build.status("deleted").id


def toast(answer):
    return answer.headers.get("HX-Trigger", "")


def transfers(app):
    with app.app_context():
        return [
            tuple(row) for row in db.session.execute(db.select(Transfer.order_id, Transfer.operation, Transfer.state))
        ]


def test_the_preview_of_a_deletion_says_what_happens_in_each_system(hub, app):
    ids = make(app, {"number": "A"}, {"number": "B"})
    tie(app, ids[0], "Stock")
    tie(app, ids[0], "CRM")
    text = hub.post("/orders/bulk/delete", data={"ids": ids}, headers=HTMX).text
    assert "deleted there too" in text
    assert "left there" in text
    assert not transfers(app)
    form = {"status": bin_id(app), "groups": "change", "ids_change": ",".join(map(str, ids))}
    done = hub.post("/orders/bulk/change", data=form, headers=HTMX)
    assert "1 being deleted" in done.text
    assert "CRM: 1 copy" in done.text
    assert transfers(app) == [(ids[0], "delete", "waiting")]
    address = parse(done.text).one("#deletions").get("hx-get")
    with app.app_context():
        db.session.execute(db.update(Transfer).values(state="refused", fault="validation", detail=EVIL))
        db.session.commit()
    later = hub.get(address, headers=HTMX)
    assert "1 not deleted" in later.text
    assert "<script>alert" not in later.text
    assert "hx-get" not in later.text  # settled: it asks no more


def test_one_order_with_a_copy_that_would_go_is_shown_first(hub, app):
    ids = make(app, {"number": "A"}, {"number": "B"})
    tie(app, ids[0], "Stock")
    assert "Delete 1" in hub.post("/orders/bulk/delete", data={"ids": ids[0]}, headers=HTMX).text
    assert "undo" in toast(hub.post("/orders/bulk/delete", data={"ids": ids[1]}, headers=HTMX))


def test_undo_and_restoring_say_what_is_lost(hub, app):
    ids = make(app, {"number": "A"}, {"number": "B"})
    for order_id in ids:
        tie(app, order_id, "Stock")
    form = {"status": bin_id(app), "groups": "change", "ids_change": ",".join(map(str, ids))}
    hub.post("/orders/bulk/change", data=form, headers=HTMX)
    with app.app_context():
        first = db.session.scalars(db.select(Transfer).filter_by(order_id=ids[0])).one()
        first.state = "working"
        db.session.commit()
    said = toast(hub.post("/orders/undo/1", headers=HTMX))
    assert "Taken back: 2 orders" in said
    assert "1 copy is under way" in said
    assert sorted(transfers(app)) == [(ids[0], "delete", "working"), (ids[1], "delete", "cancelled")]


def test_the_row_and_the_card_say_it_too(hub, app):
    ids = make(app, {"number": "A"}, {"number": "B"})
    tie(app, ids[0], "Stock")
    tie(app, ids[1], "CRM")
    said = toast(hub.post(f"/orders/row/{ids[0]}/status", data={"status": bin_id(app)}, headers=HTMX))
    assert "Its copy is being deleted in Stock." in said
    hub.post(f"/order/{ids[1]}/status", data={"status": bin_id(app)})
    assert "Its copy stays in CRM" in hub.get("/orders/B").text
    card = hub.get("/orders/A").text
    assert "being deleted there" in card
    busy = toast(hub.post(f"/orders/row/{ids[0]}/remove", headers=HTMX))
    assert "being deleted or sent" in busy
    assert "Remove for good" in hub.get("/orders/B").text
    hub.post(f"/orders/row/{ids[1]}/remove")
    assert hub.get("/orders/B").status_code == 404


def test_a_copy_that_is_gone_asks_for_its_link_to_be_deleted(hub, app):
    order_id = make(app, {"number": "A"})[0]
    tie(app, order_id, "Stock", state="deleted")
    card = parse(hub.get("/orders/A").text)
    place = next(one for one in card.all(".copy") if "Stock" in one.text)
    assert "deleted there" in place.text
    assert "Delete link" in place.text
    assert "Send" not in [button.text.strip() for button in place.all("button")]
    with app.app_context():
        to = db.session.scalar(db.select(build.Connection.id).filter_by(name="Stock"))
    assert "link" in toast(hub.post(f"/order/{order_id}/send", data={"to": to}, headers=HTMX))


@pytest.fixture
def ways(hub, app):
    """(id of the CRM, id of the warehouse), set on the CRM's page."""
    with app.app_context():
        named = dict(db.session.execute(db.select(build.Connection.name, build.Connection.id)).all())
    address = f"/settings/integrations/{named['CRM']}/settings"
    assert "Stock" in hub.get(address).text
    form = {"success_status_id": 0, "failure_status_id": 0, "services": "stock, Other post"}
    assert hub.post(address, data=form).status_code == 303
    with app.app_context():
        assert db.session.scalars(db.select(DeliveryRoute.services)).all() == ["stock, Other post"]
    return named["CRM"], named["Stock"]


def test_a_second_route_stops_in_the_bulk_preview_until_there_is_a_reason(hub, app, ways):
    _crm, stock = ways
    ids = make(app, {"number": "A"}, {"number": "B"})
    tie(app, ids[0], "CRM", url="https://crm.example/77")
    preview = hub.post("/orders/bulk/send", data={"ids": ids, "to": stock}, headers=HTMX)
    assert ("https://crm.example/77", "77") in [(a.get("href"), a.text) for a in parse(preview.text).all("a")]
    form = {"to": stock, "groups": ["create", "second"], "ids_create": ids[1], "ids_second": ids[0]}
    form["ids"], form["seen"] = f"{ids[0]},{ids[1]}", 1
    refused = hub.post("/orders/bulk/send/start", data=form | {"route_reason": " x "}, headers=HTMX)
    assert refused.status_code == 422
    field = parse(refused).one("#route-reason")
    assert (field.get("value"), field.get("aria-invalid")) == (" x ", "true")
    assert "Write why" in refused.text
    assert [box.get("value") for box in parse(refused).all(".group-head input") if "checked" in box.attributes] == [
        *("create", "second"),
    ]
    assert not transfers(app)
    hub.post("/orders/bulk/send/start", data=form | {"route_reason": "two parcels"}, headers=HTMX)
    assert sorted(transfers(app)) == [(ids[0], "send", "waiting"), (ids[1], "send", "waiting")]


def test_a_second_route_on_the_card_and_in_the_row(hub, app, ways):
    _crm, stock = ways
    order_id = make(app, {"number": "A"})[0]
    tie(app, order_id, "CRM")
    assert 'name="route_reason"' in hub.get("/orders/A").text
    assert "same delivery service" in toast(hub.post(f"/orders/row/{order_id}/send", data={"to": stock}, headers=HTMX))
    blank = {"to": stock, "route_reason": " "}
    assert "Write why" in toast(hub.post(f"/order/{order_id}/send", data=blank, headers=HTMX))
    hub.post(f"/order/{order_id}/send", data={"to": stock, "route_reason": EVIL}, headers=HTMX)
    assert transfers(app) == [(order_id, "send", "waiting")]
    text = hub.get("/orders/A").text
    assert "on purpose" in text
    assert "<script>alert" not in text


def test_an_automatic_second_route_is_a_problem(hub, app, ways):
    _crm, stock = ways
    order_id = make(app, {"number": "A"})[0]
    tie(app, order_id, "CRM")
    with app.app_context():
        routes.stop([order_id], stock, "a rule")
        db.session.commit()
    text = hub.get("/problems").text
    assert "was not sent to Stock" in text
    ways_on = next(a for a in parse(text).all("a") if "Send with a reason" in a.text)
    fields = parse(hub.get(ways_on.get("href")).text).all("#main input")
    assert ("ids_second", str(order_id)) in [(field.get("name"), field.get("value")) for field in fields]
    hub.post(f"/problems/second/{stock}/aside")
    assert "was not sent to Stock" not in hub.get("/problems").text
    with app.app_context():
        assert db.session.scalars(db.select(SecondRoute.state)).all() == ["dropped"]


def twins(app, **more):
    return make(app, {"number": "A", "phone": PHONE}, {"number": "B", "phone": PHONE, **more})


def test_likely_duplicates_are_marked_listed_and_compared(hub, app):
    twins(app, customer_comment=EVIL)
    make(app, {"number": "C"})
    with count_queries(hub) as queries:
        found = hub.get("/orders?status=all&flag=duplicate")
    assert len(queries) <= 12
    tree = parse(found.text)
    assert [link.text for link in tree.all("[data-row] [data-open]")] == ["B", "A"]
    assert found.text.count("Likely duplicate") >= 2
    assert "/duplicates/1" in hub.get("/orders/A").text
    assert "/duplicates/1" in hub.get("/problems").text
    pair = hub.get("/duplicates/1").text
    assert "<script>alert" not in pair
    assert "differs" in pair


def test_not_a_duplicate_is_remembered(hub, app):
    twins(app)
    hub.post("/duplicates/1/dismiss")
    assert "two orders" in hub.get("/duplicates/1").text
    assert "/duplicates/1" not in hub.get("/orders/A").text
    assert "/duplicates/1" not in hub.get("/problems").text


def test_merging_leads_to_the_order_that_stays(hub, app):
    keep, drop = twins(app)
    answer = hub.post("/duplicates/1/merge", data={"keep": keep, "lines": "lacking"})
    assert answer.headers["Location"].endswith("/orders/A")
    dropped = hub.get("/orders/B").text
    assert "/orders/A" in dropped
    assert "merged into A" in dropped
    with app.app_context():
        assert db.session.get_one(Order, drop).status.group == "cancelled"
        assert db.session.scalars(db.select(LikelyDuplicate.state)).all() == ["merged"]
    assert hub.post("/duplicates/1/merge", data={"keep": keep}).status_code == 400


def test_an_order_that_breaks_a_rule_is_not_merged_and_it_says_why(hub, app):
    keep, _drop = twins(app)
    with app.app_context():
        method = db.session.scalars(db.select(build.db.metadata.tables["delivery_methods"].c.id)).first()
        table = build.db.metadata.tables["delivery_methods"]
        db.session.execute(table.update().where(table.c.id == method).values(postal_code_required=True))
        db.session.get_one(Order, keep).delivery_method_id = method
        db.session.commit()
    hub.post("/duplicates/1/merge", data={"keep": keep, "lines": "keep"})
    assert "Mend the order that stays first" in hub.get("/duplicates/1").text


def test_viewers_look_and_change_nothing(client, app, stock):
    login(client, "viewer")
    keep, _drop = twins(app)
    assert "Merge" not in client.get("/duplicates/1").text
    for path in ("merge", "dismiss"):
        assert client.post(f"/duplicates/1/{path}", data={"keep": keep}).status_code == 403
    assert client.get("/duplicates/999").status_code == 404
