"""The order card: status, copies in other systems, attempts, and its column that renews itself."""

from __future__ import annotations

import pytest

from models import Attempt, AttemptItem, Incoming, Link, Order, Run, Status, Transfer, db
from orders import statuses, timeline

from .card_data import EVIL, OLENA, add, connect, errors_of, link, make, saved, typed
from .pages import form_of, parse

pytestmark = pytest.mark.usefixtures("manager")


def test_status_by_hand_and_back(app, client):
    order_id = make(app)
    with app.app_context():
        named = {s.key: s.id for s in db.session.scalars(db.select(Status))}
    answer = client.post(
        f"/order/{order_id}/status", data={"status": named["confirmed"]}, headers={"HX-Request": "true"}
    )
    assert "Confirmed" in answer.text
    assert 'hx-swap-oob="true"' in answer.text
    client.post(f"/order/{order_id}/status", data={"status": named["deleted"]})
    assert client.post(f"/order/{order_id}/restore").status_code == 302
    assert saved(app, order_id, "status_id") == [named["confirmed"]]
    client.post(f"/order/{order_id}/status", data={"status": named["transferred"]})  # only a transfer may
    assert saved(app, order_id, "status_id") == [named["confirmed"]]
    assert client.post(f"/order/{order_id}/status", data={"status": "999"}).status_code == 400


def test_sending_twice_is_asking_once(app, client):
    order_id, crm = make(app), connect(app)
    for _ in range(2):
        client.post(f"/order/{order_id}/send", data={"to": crm})
    with app.app_context():
        assert db.session.scalar(db.select(db.func.count()).select_from(Transfer)) == 1
    assert "waiting for its turn" in client.get("/orders/A-1").text
    assert client.post(f"/order/{order_id}/send", data={"to": "999"}).status_code == 404


def test_a_copy_shows_its_place_and_state(app, client):
    order_id, crm = make(app), connect(app)
    link(app, order_id, crm, url="https://crm.example/orders/77", external_status_name="Новий", sent_version=None)
    page = parse(client.get("/orders/A-1"))
    copy = page.all(f"#copy-{crm}")[0]
    assert copy.all("a")[0].get("href") == "https://crm.example/orders/77"
    assert "Новий" in copy.text
    assert "changed here since" in copy.text


def test_what_was_passed_on_is_told_in_names(app, client):
    order_id, shop = make(app), connect(app)
    link(app, order_id, shop, role="source", external_status="canceled", external_status_name="Cancelled")
    with app.app_context():
        detail = {"connection": "Shop", "operation": "status", "external": "Cancelled"}
        timeline.note(order_id, OLENA, "sent", **detail, reason="Another reason", text="100% <b>sold</b>")
        timeline.note(order_id, OLENA, "external", connection="Shop", changes=[["external status", "New", "Paid"]])
        db.session.commit()
    for language, words in (
        (
            "en",
            ("status passed on to Shop: Cancelled", "Another reason: 100% <b>sold</b>", "Status there: New", "Paid"),
        ),
        ("uk", ("статус передано в Shop: Скасований", "Інша причина: 100% <b>sold</b>", "Новий", "Оплачено")),
    ):
        page = parse(client.get("/orders/A-1", headers={"Accept-Language": language}))
        told = page.one("#history").text
        for each in words:
            assert each in told, (language, each)
        status = "Cancelled" if language == "en" else "Скасований"
        assert status in page.one(f"#copy-{shop}").text


def test_an_address_that_is_no_web_address_is_no_link(app, client):
    order_id, crm = make(app), connect(app)
    link(app, order_id, crm, url="javascript:alert(1)")
    assert "javascript:" not in client.get("/orders/A-1").text


def test_deleting_a_link_unlocks_a_deleted_order(app, client):
    order_id, crm = make(app), connect(app)
    tie = link(app, order_id, crm)
    with app.app_context():
        statuses.change([order_id], db.session.scalar(db.select(Status).filter_by(key="deleted")), OLENA)
        db.session.commit()
    answer = client.get("/orders/A-1")
    assert parse(answer).all("#order-form fieldset")[0].get("disabled") is not None
    sent = {"number": "A-1", "version": "1", "type_id": "1", "country": "UA", "currency": "UAH", "cod_method": "cash"}
    assert "The order is deleted" in errors_of(client.post("/orders/A-1", data={**sent, "city": "Львів"}))
    answer = client.post(f"/order/{order_id}/links/{tie}/delete", headers={"HX-Request": "true"})
    assert answer.headers["HX-Refresh"] == "true"
    assert client.post("/orders/A-1", data=typed(form_of(client.get("/orders/A-1")), city="Львів")).status_code == 302
    assert saved(app, order_id, "city") == ["Львів"]


@pytest.mark.parametrize(("state", "uncertain"), [("working", False), ("waiting", True)])
def test_a_link_is_not_cut_in_the_middle_of_a_transfer(app, client, state, uncertain):
    order_id, crm = make(app), connect(app)
    tie = link(app, order_id, crm)
    add(app, Transfer(order_id=order_id, connection_id=crm, state=state, uncertain=uncertain))
    answer = client.post(f"/order/{order_id}/links/{tie}/delete", follow_redirects=True)
    assert "A transfer is under way" in answer.text
    with app.app_context():
        assert db.session.get(Link, tie) is not None


def test_the_link_to_the_source_stays(app, client):
    order_id, shop = make(app), connect(app, "Shop", "prom")
    tie = link(app, order_id, shop, role="source")
    client.post(f"/order/{order_id}/links/{tie}/delete")
    with app.app_context():
        assert db.session.get(Link, tie) is not None


def test_a_link_of_another_order_is_out_of_reach(app, client):
    first, second, crm = make(app), make(app, "B-1"), connect(app)
    tie = link(app, second, crm)
    client.post(f"/order/{first}/links/{tie}/delete")
    with app.app_context():
        assert db.session.get(Link, tie) is not None


def refused(app, order_id, crm):
    """A refused transfer with its attempt; (transfer's id, attempt's id)."""
    exchange = {"method": "POST", "url": "https://crm.example/api", "request": {"a": EVIL}, "status": 400,
                "response": '{"error": "phone"}', "ms": 12, "error": ""}  # fmt: skip
    link(
        app,
        order_id,
        crm,
        state="problem",
        external_id=None,
        error={"fault": "validation", "detail": EVIL, "field": "phone"},
    )
    with app.app_context():
        transfer = Transfer(
            order_id=order_id, connection_id=crm, state="refused", fault="validation", detail="no phone"
        )
        attempt = Attempt(
            connection_id=crm, verb="send", ms=12, outcome="refused", fault="validation", exchanges=[exchange]
        )
        db.session.add_all([transfer, attempt])
        db.session.flush()
        item = AttemptItem(attempt_id=attempt.id, transfer_id=transfer.id, order_id=order_id, outcome="refused",
                           fault="validation", detail=EVIL)  # fmt: skip
        db.session.add(item)
        db.session.commit()
        return transfer.id, attempt.id


def test_a_failure_is_explained_and_repeated(app, client):
    order_id, crm = make(app), connect(app)
    transfer, attempt = refused(app, order_id, crm)
    answer = client.get("/orders/A-1")
    notice = parse(answer).all(f"#copy-{crm} .notice")[0]
    assert "CRM" in notice.text
    assert notice.all("a.btn")[0].get("href") == "#phone"
    assert "<script>alert" not in answer.text
    exchange = client.get(f"/order/{order_id}/attempts/{attempt}")
    assert "https://crm.example/api" in exchange.text
    assert "<script>" not in exchange.text
    client.post(f"/order/{order_id}/transfers/{transfer}/retry")
    with app.app_context():
        assert db.session.get(Transfer, transfer).state == "waiting"


def test_attempts_and_originals_of_other_orders_are_out_of_reach(app, client):
    first, second, crm = make(app), make(app, "B-1"), connect(app)
    transfer, attempt = refused(app, second, crm)
    [incoming] = add(
        app, Incoming(connection_id=crm, external_id="5", fingerprint="f", body={"x": EVIL}, order_id=second)
    )
    assert client.get(f"/order/{first}/attempts/{attempt}").status_code == 404
    assert client.post(f"/order/{first}/transfers/{transfer}/retry").status_code == 404
    assert client.get(f"/order/{first}/originals/{incoming}").status_code == 404
    shown = client.get(f"/order/{second}/originals/{incoming}")
    assert shown.status_code == 200
    assert "<script>" not in shown.text


def test_statuses_are_read_on_demand(app, client):
    order_id, crm = make(app), connect(app)
    link(app, order_id, crm)
    for _ in range(2):
        client.post(f"/order/{order_id}/refresh/{crm}")
    source = connect(app, "Prom", "prom")
    assert client.post(f"/order/{order_id}/refresh/{source}").status_code == 404, "it has none to read"
    with app.app_context():
        assert db.session.scalars(db.select(Run.task)).all() == ["statuses"]


def test_the_column_renews_itself_only_when_something_changed(app, client):
    order_id, crm = make(app), connect(app)
    side = parse(client.get("/orders/A-1")).all("#side i")[0]
    address = side.get("hx-get")
    htmx = {"HX-Request": "true"}
    assert client.get(f"{address}&version=1", headers=htmx).status_code == 204
    client.post(f"/order/{order_id}/send", data={"to": crm})
    answer = client.get(f"{address}&version=1", headers=htmx)
    assert answer.status_code == 200
    assert "changed meanwhile" not in answer.text
    client.post("/orders/A-1", data=typed(form_of(client.get("/orders/A-1")), city="Львів"))
    assert "changed meanwhile" in client.get(f"{address}&version=1", headers=htmx).text


def test_unknown_codes_are_matched_or_left(app, client):
    order_id, shop = make(app), connect(app, "Shop", "prom")
    entries = [{"table": "delivery_in", "code": "5", "name": EVIL, "connection_id": shop},
               {"table": "payment_in", "code": "6", "name": "Р/р", "connection_id": shop}]  # fmt: skip
    with app.app_context():
        order = db.session.get(Order, order_id)
        order.needs_mapping, order.unmapped = True, entries
        db.session.commit()
    answer = client.get("/orders/A-1")
    assert "<script>alert" not in answer.text
    assert len(parse(answer).all(".unmapped")) == 2
    match = {"table": "delivery_in", "code": "5", "connection_id": shop}
    client.post(f"/order/{order_id}/remember", data=match)  # nothing chosen
    client.post(f"/order/{order_id}/remember", data={**match, "ours": "1"})
    client.post(f"/order/{order_id}/unmapped", data={"table": "payment_in", "code": "6"})
    assert saved(app, order_id, "delivery_method_id", "needs_mapping", "unmapped") == [1, False, []]
    assert client.post(f"/order/{order_id}/remember", data={**match, "ours": "999"}).status_code == 400


def test_the_timeline_tells_who_and_what(app, client):
    order_id = make(app)
    client.post("/orders/A-1", data=typed(form_of(client.get("/orders/A-1")), city="Львів", cod="y"))
    entries = [e.text for e in parse(client.get("/orders/A-1")).all(".event")]
    assert "order changed" in entries[0]
    assert "Київ" in entries[0]
    assert "Львів" in entries[0]
    assert client.get(f"/order/{order_id}/timeline").status_code == 200
