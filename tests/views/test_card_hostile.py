"""The order card: who may do what, and input that means harm or is odd."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from models import DeliveryMethod, Order, db

from .card_data import EVIL, errors_of, make, saved, typed
from .helpers import login
from .pages import form_of, parse

pytestmark = pytest.mark.usefixtures("manager")


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
