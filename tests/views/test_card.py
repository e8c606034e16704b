"""The order card: creating, changing, two editors, what others may not do, and hostile input."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import quote

import pytest

from models import (
    Attempt,
    AttemptItem,
    Connection,
    DeliveryMethod,
    Incoming,
    Link,
    Order,
    OrderEvent,
    Product,
    Run,
    Status,
    Transfer,
    db,
    utcnow,
)
from orders import editing, statuses, timeline
from orders.timeline import Actor

from .helpers import count_queries, login
from .pages import form_of, parse

OLENA = Actor("person", "Olena")
EVIL = "\"><script>alert(1)</script>'{{7*7}}%(x)s"


@pytest.fixture(autouse=True)
def _signed_in(client):
    login(client, "manager")


def make(app, number="A-1", lines=1, **values):
    with app.app_context():
        made = [
            {"sku": f"S-{n}", "name": f"Case {n}", "price": Decimal(100), "quantity": Decimal(1), "weight": 50}
            for n in range(lines)
        ]
        named = {"last_name": "Шевченко", "first_name": "Оксана", "phone": "+380671112233", **values}
        order_id = editing.create({"number": number, "city": "Київ", **named}, made, OLENA)
        db.session.commit()
        return order_id


def connect(app, name="CRM", kind="retailcrm"):
    with app.app_context():
        row = Connection(kind=kind, name=name, settings={"api_url": "https://crm.example"}, secrets={"api_key": "k"})
        db.session.add(row)
        db.session.commit()
        return row.id


def add(app, *rows):
    with app.app_context():
        db.session.add_all(rows)
        db.session.commit()
        return [row.id for row in rows]


def link(app, order_id, connection_id, **more):
    values = {"state": "linked", "external_id": "77", "external_number": "77A", "sent_version": 1, **more}
    return add(app, Link(order_id=order_id, connection_id=connection_id, **values))[0]


def typed(sent, **values):
    changed = sent.copy()
    for name, value in values.items():
        name = name.replace("__", "-")
        if value is None:
            changed.poplist(name)
        else:
            changed[name] = value
    return changed


def errors_of(answer):
    return " ".join(notice.text for notice in parse(answer).all(".notice.is-bad"))


def saved(app, order_id, *names):
    with app.app_context():
        order = db.session.get(Order, order_id)
        return [getattr(order, name) for name in names]


# ---- reading


def test_a_card_costs_a_bounded_number_of_queries(app, client):
    order_id = make(app, lines=50)
    for n in range(3):
        link(app, order_id, connect(app, f"CRM {n}"), external_id=str(n))
    client.get("/orders/A-1")
    with count_queries(client) as queries:
        assert client.get("/orders/A-1").status_code == 200
    assert len(queries) <= 20, "\n".join(queries)


@pytest.mark.parametrize("number", ["A/12", "№ 5-б", "a b", "x.y"])
def test_numbers_of_any_shape_have_a_page(app, client, number):
    make(app, number)
    answer = client.get(f"/orders/{quote(number, safe='')}")
    assert answer.status_code == 200
    assert parse(answer).all("#card-head h2")[0].text == number


def test_an_unknown_number_is_not_found(client):
    assert client.get("/orders/nothing-here").status_code == 404


def test_the_number_that_other_systems_know_leads_here_too(app, client):
    order_id = make(app)
    with app.app_context():
        editing.update(order_id, 1, {"number": "B-2"}, None, OLENA)
        db.session.commit()
    assert "B-2" in client.get("/orders/A-1").text


def test_what_cards_share_carries_nothing_from_one_to_the_other(app, client):
    make(app, city="Київ", staff_comment="перший")
    make(app, "B-1", lines=2, city="Львів", discount=Decimal(5))
    assert "перший" in client.get("/orders/A-1").text
    second = client.get("/orders/B-1")
    assert "перший" not in second.text
    assert "\ue000" not in second.text  # a place left empty
    sent = form_of(second)
    assert (sent["city"], sent["lines-1-name"], sent["staff_comment"]) == ("Львів", "Case 1", "")
    other = app.test_client()
    login(other, "manager", "second@example.com")
    pages = [parse(one.get("/orders/A-1")) for one in (client, other)]
    tokens = [
        {node.get("value") for node in page.all("main [name]") if node.get("name") == "csrf_token"} for page in pages
    ]
    assert [len(found) for found in tokens] == [1, 1]
    assert tokens[0] != tokens[1]


# ---- creating


def test_an_order_is_made_by_hand(app, client):
    sent = form_of(client.get("/orders/new"))
    assert sent["number"]
    line = {"lines-0-name": "Кабель", "lines-0-price": "1 250,50", "lines-0-quantity": "2"}
    sent = typed(sent, number="H-1", phone="067 111 22 33", last_name="Іваненко", cod="y", length="12,5", **line)
    answer = client.post("/orders/new", data=sent)
    assert answer.status_code == 302
    assert answer.location.endswith("/orders/H-1")
    with app.app_context():
        order = db.session.scalar(db.select(Order).filter_by(number="H-1"))
        assert (order.phone, order.total, order.cod_amount, order.length) == ("+380671112233", 2501, 2501, 125)
        assert (order.shop_id, order.source.key, order.status.key) == (1, "manual", "new")
    assert "H-1" in client.get(answer.location).text


def test_a_taken_number_is_refused_and_nothing_typed_is_lost(app, client):
    make(app)
    sent = typed(form_of(client.get("/orders/new")), number="A-1", city="Одеса", lines__0__name="Кабель")
    answer = client.post("/orders/new", data=sent)
    assert answer.status_code == 422
    assert "Another order has this number" in errors_of(answer)
    again = form_of(answer)
    assert (again["city"], again["lines-0-name"]) == ("Одеса", "Кабель")


def test_a_copy_starts_from_the_other_order(app, client):
    make(app, lines=2, ttn="2045", cod=True)
    sent = form_of(client.get("/orders/new?from=A-1"))
    assert (sent["last_name"], sent["lines-1-name"], sent["lines-0-id"], sent["ttn"]) == ("Шевченко", "Case 1", "", "")
    assert sent["number"] != "A-1"


# ---- changing


def test_an_edit_is_saved_and_sent(app, client):
    order_id, crm = make(app, lines=2), connect(app)
    sent = typed(form_of(client.get("/orders/A-1")), city="Львів", lines__1__quantity="3", send_to=str(crm))
    answer = client.post("/orders/A-1", data=sent, follow_redirects=True)
    assert "is saved" in answer.text
    assert saved(app, order_id, "city", "total", "version") == ["Львів", 400, 2]
    with app.app_context():
        assert db.session.scalars(db.select(Transfer.state).filter_by(order_id=order_id)).all() == ["waiting"]
        kinds = db.session.scalars(
            db.select(OrderEvent.kind).filter_by(order_id=order_id).order_by(OrderEvent.id)
        ).all()
        assert kinds == ["created", "edited", "requested"]


def test_saving_what_was_not_touched_changes_nothing(app, client):
    order_id = make(app, lines=3, cod=True, delivery_cost=Decimal("12.30"), length=125, buyer_name="Хтось",
                    customer_comment="рядок\nдругий", discount=Decimal(5))  # fmt: skip
    client.post("/orders/A-1", data=form_of(client.get("/orders/A-1")))
    assert saved(app, order_id, "version") == [1]


def test_an_order_that_cannot_be_sent_is_saved_all_the_same(app, client):
    order_id, crm = make(app, lines=0), connect(app)
    sent = typed(form_of(client.get("/orders/A-1")), city="Львів", send_to=str(crm))
    answer = client.post("/orders/A-1", data=sent, follow_redirects=True)
    assert "The order has no products" in answer.text
    assert saved(app, order_id, "city") == ["Львів"]


def test_a_phone_from_the_shop_may_stay_unreadable_but_not_be_typed_so(app, client):
    order_id = make(app, phone="дзвонити ввечері")
    sent = form_of(client.get("/orders/A-1"))
    assert client.post("/orders/A-1", data=typed(sent, city="Львів")).status_code == 302
    sent = form_of(client.get("/orders/A-1"))
    answer = client.post("/orders/A-1", data=typed(sent, phone="12"))
    assert answer.status_code == 422
    assert "+380 67 123 45 67" in errors_of(answer)
    assert saved(app, order_id, "phone") == ["дзвонити ввечері"]


def test_rules_are_shown_beside_the_field(app, client):
    make(app, currency="RUB")  # the method is of shops in Russia
    sent = typed(form_of(client.get("/orders/A-1")), delivery_method_id="7", cod="y", cod_method="card")
    answer = client.post("/orders/A-1", data=sent)
    assert answer.status_code == 422
    page = parse(answer)
    assert page.all("#postal_code")[0].get("aria-invalid") == "true"
    assert "cash only" in page.all("#cod_method-error")[0].text


def test_two_editors(app, client):
    order_id = make(app, lines=2)
    first, second = form_of(client.get("/orders/A-1")), form_of(client.get("/orders/A-1"))
    client.post("/orders/A-1", data=typed(first, city="Львів", last_name="Перша", lines__0__price="50"))
    mine = typed(second, last_name="Друга", staff_comment="не дзвонити", lines__2__name="Своє", lines__2__price="7")
    answer = client.post("/orders/A-1", data=mine)
    assert answer.status_code == 409
    sent = form_of(answer, "form.merge")
    assert (sent["pick-city"], sent["pick-last_name"], sent["pick-staff_comment"]) == ("theirs", "mine", "mine")
    assert len(parse(answer).all("tr.is-conflict")) == 1
    assert client.post("/orders/A-1", data=sent).status_code == 302
    assert saved(app, order_id, "city", "last_name", "staff_comment", "version") == ["Львів", "Друга", "не дзвонити", 3]
    assert saved(app, order_id, "total") == [157]  # their price, my line


def fill_in(app, order_id, **values):
    """As jobs do: no new version."""
    with app.app_context():
        order = db.session.get(Order, order_id)
        for name, value in values.items():
            setattr(order, name, value)
        order.updated_at = utcnow()
        db.session.commit()


def test_what_jobs_fill_in_meanwhile_is_not_overwritten(app, client):
    order_id = make(app)
    sent = form_of(client.get("/orders/A-1"))
    fill_in(app, order_id, ttn="20450000000001", paid=True)
    assert client.post("/orders/A-1", data=typed(sent, city="Львів")).status_code == 302
    assert saved(app, order_id, "city", "ttn", "paid") == ["Львів", "20450000000001", True]
    with app.app_context():
        event = db.session.scalars(db.select(OrderEvent).filter_by(order_id=order_id, kind="edited")).one()
        assert [change[0] for change in event.detail["changes"]] == ["city"]


def test_what_is_typed_or_emptied_on_purpose_counts(app, client):
    order_id = make(app)
    sent = form_of(client.get("/orders/A-1"))
    fill_in(app, order_id, ttn="20450000000001")
    client.post("/orders/A-1", data=typed(sent, ttn="59000000000002"))
    assert saved(app, order_id, "ttn") == ["59000000000002"]
    client.post("/orders/A-1", data=typed(form_of(client.get("/orders/A-1")), ttn=""))
    assert saved(app, order_id, "ttn") == [""]


def test_a_number_that_came_is_kept_through_a_merge(app, client):
    order_id = make(app)
    mine = typed(form_of(client.get("/orders/A-1")), flat="4")
    client.post("/orders/A-1", data=typed(form_of(client.get("/orders/A-1")), city="Львів"))
    merge = client.post("/orders/A-1", data=mine)
    fill_in(app, order_id, ttn="20450000000001")
    client.post("/orders/A-1", data=form_of(merge, "form.merge"))
    assert saved(app, order_id, "city", "flat", "ttn") == ["Львів", "4", "20450000000001"]


def test_the_number_arrives_with_the_column(app, client):
    order_id = make(app)
    side = parse(client.get("/orders/A-1")).all("#side i")[0]
    fill_in(app, order_id, ttn=EVIL[:40], ttn_state="Створено")
    answer = client.get(f"{side.get('hx-get')}&version=1", headers={"HX-Request": "true"})
    parcel = parse(answer).one("#parcel")
    assert (parcel.get("hx-swap-oob"), parcel.get("data-number")) == ("true", EVIL[:40])
    assert "Створено" in parcel.text
    assert "changed meanwhile" not in answer.text


def test_the_other_version_can_be_chosen_and_a_third_editor_is_no_end(app, client):
    order_id = make(app)
    mine = typed(form_of(client.get("/orders/A-1")), city="Одеса", flat="4")
    for city in ("Львів", "Харків"):
        client.post("/orders/A-1", data=typed(form_of(client.get("/orders/A-1")), city=city))
        answer = client.post("/orders/A-1", data=mine)
        assert answer.status_code == 409
        mine = form_of(answer, "form.merge")
    assert "Харків" in answer.text
    client.post("/orders/A-1", data=typed(mine, **{"pick-city": "theirs"}))
    assert saved(app, order_id, "city", "flat") == ["Харків", "4"]


def test_a_broken_snapshot_only_loses_the_proposal(app, client):
    order_id = make(app)
    stale = typed(form_of(client.get("/orders/A-1")), city="Одеса", base="{not json")
    client.post("/orders/A-1", data=typed(form_of(client.get("/orders/A-1")), city="Львів"))
    answer = client.post("/orders/A-1", data=stale)
    assert answer.status_code == 409
    assert client.post("/orders/A-1", data=form_of(answer, "form.merge")).status_code == 302
    assert saved(app, order_id, "city") == ["Одеса"]


# ---- pieces of the form


def test_sums_follow_what_is_typed(app, client):
    make(app, cod=True)
    sent = typed(form_of(client.get("/orders/A-1")), lines__0__price="200")
    answer = client.post("/orders/totals", data=sent, headers={"HX-Request": "true"})
    page = parse(answer)
    assert "₴200.00" in page.all("#sums")[0].text
    assert page.all("#declared_value")[0].get("value") == "200.00"
    assert page.all("#cod_amount")[0].get("value") == "200.00"
    assert page.all("#weight")[0].get("readonly") is not None


def test_warnings_come_before_saving(app, client):
    make(app)
    sent = typed(form_of(client.get("/orders/A-1")), delivery_method_id="7", discount="900")
    page = parse(client.post("/orders/totals", data=sent))
    assert "postal code" in page.all("#hint-postal_code")[0].text
    assert "larger than the goods" in page.all("#hint-discount")[0].text


def test_products_are_found_and_added(app, client):
    [product] = add(
        app, Product(sku="Q-7", name="Ліхтар", price=Decimal("99.90"), weight=300, search_text="q-7 ліхтар")
    )
    make(app)
    found = client.get("/orders/products?q=ліхт").json
    assert [(row["value"], row["text"]) for row in found] == [(f"product-{product}", "Ліхтар")]
    sent = typed(form_of(client.get("/orders/A-1")), add=f"product-{product}")
    for quantity in ("1", "2"):  # the same product again is one more of it
        page = parse(client.post("/orders/lines", data=sent))
        rows = {f.get("name"): f.get("value") for f in page.all("#lines input")}
        assert (rows["lines-1-name"], rows["lines-1-quantity"], rows["lines-1-price"]) == ("Ліхтар", quantity, "99.90")
        sent = typed(sent, **{name.replace("-", "__"): value for name, value in rows.items()})
    assert len(page.all("#lines tbody tr")) == 2


def test_lines_change_without_scripts_too(app, client):
    order_id = make(app, lines=2)
    sent = typed(form_of(client.get("/orders/A-1")), city="Львів", do="remove-0")
    answer = client.post("/orders/A-1", data=sent)
    again = form_of(answer)
    assert (again["lines-0-name"], again["city"], "lines-1-name" in again) == ("Case 1", "Львів", False)
    answer = client.post("/orders/A-1", data=typed(again, do="add", add="Своя послуга"))
    again = form_of(answer)
    assert again["lines-1-name"] == "Своя послуга"
    assert saved(app, order_id, "version") == [1]
    client.post("/orders/A-1", data=again)
    with app.app_context():
        assert [line.name for line in db.session.get(Order, order_id).lines] == ["Case 1", "Своя послуга"]


# ---- status, copies, attempts


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


# ---- who may


def test_a_viewer_reads_only(app, client):
    order_id = make(app)
    sent = form_of(client.get("/orders/A-1"))
    login(client, "viewer")
    page = client.get("/orders/A-1")
    assert page.status_code == 200
    assert parse(page).all("#order-form fieldset")[0].get("disabled") is not None
    assert not parse(page).all("[data-save], .copy-actions, .head-actions form")
    assert client.get("/orders/new").status_code == 403
    posts = ["/orders/A-1", "/orders/new", "/orders/lines", "/orders/totals"]
    posts += [
        f"/order/{order_id}/{what}" for what in ("status", "restore", "send", "unmapped", "remember", "refresh/1")
    ]
    assert {client.post(path, data=sent).status_code for path in posts} == {403}
    assert saved(app, order_id, "version") == [1]


def test_strangers_are_sent_to_the_login_page(app):
    make(app)
    stranger = app.test_client()
    assert "/login" in stranger.get("/orders/A-1").location
    assert stranger.post("/orders/A-1", data={}).status_code in (302, 400)


def test_forms_need_their_token(app, client):
    order_id = make(app)
    sent = typed(form_of(client.get("/orders/A-1")), city="Львів")
    app.config["WTF_CSRF_ENABLED"] = True
    assert client.post("/orders/A-1", data=typed(sent, csrf_token="forged")).status_code == 400
    assert client.post(f"/order/{order_id}/restore").status_code == 400
    assert saved(app, order_id, "city") == ["Київ"]


# ---- hostile input

TEXTS = ("last_name", "first_name", "patronymic", "buyer_name", "region", "city", "street", "house", "flat",
         "address_text", "tariff_code", "tariff_name", "delivery_term", "pickup_code", "pickup_address", "coupon",
         "customer_comment", "staff_comment", "ttn", "postal_code", "number")  # fmt: skip


def test_no_text_becomes_markup(app, client):
    make(app)
    longest = {"flat": 32, "house": 32, "postal_code": 12, "delivery_term": 60}
    evil = {name: EVIL[: longest.get(name, 99)] for name in TEXTS if name != "number"} | {"number": "<b>'\"&-1"}
    stale = form_of(client.get("/orders/A-1"))
    sent = typed(stale, **evil, lines__0__name=EVIL, lines__0__sku=EVIL, same_person=None)
    answer = client.post("/orders/A-1", data=sent)
    assert answer.status_code == 302, errors_of(answer)
    number = quote(evil["number"], safe="")
    pages = [client.get(f"/orders/{number}"), client.get(f"/orders/new?from={number}")]
    pages.append(client.post(f"/orders/{number}", data=typed(stale, city=EVIL + "2", lines__0__name=EVIL + "3")))
    assert [page.status_code for page in pages] == [200, 200, 409]
    for page in pages:
        assert "<script>alert" not in page.text
        assert "<b>'" not in page.text
        assert parse(page).all("form")
    assert client.get("/orders/products?q=script").mimetype == "application/json"


@pytest.mark.parametrize(
    "values",
    [
        {"city": "x" * 121},
        {"staff_comment": "x" * 10_001},
        {"email": "not an address"},
        {"delivery_cost": "-5"},
        {"delivery_cost": "NaN"},
        {"delivery_cost": "1e9"},
        {"delivery_cost": "9" * 400},
        {"discount": "Infinity"},
        {"weight": "99999999999", "auto_weight": None},
        {"lines-0-quantity": "1000001"},
        {"lines-0-price": "99999999999"},
        {"lines-0-name": "", "lines-0-price": "5"},
        {"lines-0-discount": "500"},
        {"lines-0-weight": "10000000", "lines-0-quantity": "1000000"},
        {"shop_id": "My other shop"},
        {"shop_id": "999999"},
        {"type_id": ""},
        {"country": "<svg>"},
        {"currency": ""},
        {"cod_method": "gold"},
        {"number": ""},
        {"number": "new"},
        {"number": "a//b"},
        {"number": "../x"},
    ],
)
def test_what_cannot_be_is_refused_in_words(app, client, values):
    order_id = make(app)
    sent = form_of(client.get("/orders/A-1"))
    for name, value in values.items():
        if value is None:
            sent.poplist(name)
        else:
            sent[name] = value
    answer = client.post("/orders/A-1", data=sent)
    assert answer.status_code == 422
    assert errors_of(answer)
    assert saved(app, order_id, "version") == [1]
    assert client.post("/orders/totals", data=sent).status_code == 200


@pytest.mark.parametrize(
    "values",
    [
        {"city": "a\x00b\ud800"},
        {"lines-²-name": "x"},
        {"lines-99999999999999999999-name": "x"},
        {"lines-0-id": "²"},
        {"lines-0-product_id": "abc"},
        {"lines-0-id": "999999999999"},
        {"was-total": "NaN", "was-goods_total": "x"},
        {"version": "²"},
        {"unknown": "x"},
    ],
)
def test_odd_input_is_no_accident(app, client, values):
    make(app)
    sent = form_of(client.get("/orders/A-1"))
    for name, value in values.items():
        sent[name] = value.encode("utf-8", "surrogatepass")
    assert client.post("/orders/A-1", data=sent).status_code in (302, 409)
    assert client.get("/orders/A-1").status_code == 200


def test_an_order_has_an_end_of_lines(app, client):
    make(app)
    sent = form_of(client.get("/orders/A-1"))
    for n in range(1, 320):
        sent[f"lines-{n}-name"] = f"L{n}"
    assert client.post("/orders/A-1", data=sent).status_code == 302
    with app.app_context():
        assert len(db.session.scalar(db.select(Order)).lines) == 300


def test_delivery_methods_of_other_countries_are_offered_only_where_the_order_has_one(client, app):
    make(app, "A-1")
    make(app, "A-2", currency="RUB")
    with app.app_context():
        home, away = DeliveryMethod(name="Пошта", country="UA"), DeliveryMethod(name="Почта", country="RU")
        db.session.add_all([home, away, DeliveryMethod(name="Кур'єр", country="")])
        db.session.flush()
        db.session.add(Order(**_copy("A-1"), delivery_method_id=away.id))
        db.session.commit()
    offered = {number: _delivery(client, number) for number in ("A-1", "A-2", "A-3")}
    assert {"Пошта", "Кур'єр"} <= offered["A-1"]
    assert "Почта" not in offered["A-1"]
    assert {"Почта", "Кур'єр"} <= offered["A-2"]
    assert "Пошта" not in offered["A-2"]
    assert {"Пошта", "Почта"} <= offered["A-3"]


def _copy(number):
    first = db.session.scalars(db.select(Order).where(Order.number == number)).one()
    return {"number": "A-3", "key": "A-3", "type_id": first.type_id, "status_id": first.status_id}


def _delivery(client, number):
    page = parse(client.get(f"/orders/{number}"))
    (field,) = [one for one in page.all("select") if one.get("name") == "delivery_method_id"]
    return {option.text for option in field.all("option")}
