"""The order card: reading, creating, changing, two editors, and the pieces of its form."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import quote

import pytest

from models import Order, OrderEvent, Product, Transfer, db, utcnow
from orders import editing

from .card_data import EVIL, OLENA, add, connect, errors_of, link, make, saved, typed
from .helpers import count_queries, login
from .pages import form_of, parse

pytestmark = pytest.mark.usefixtures("manager")


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
