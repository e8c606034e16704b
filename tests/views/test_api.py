"""The intake API: what a shop's own site does with it, and what it is told when it errs."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from flask import Flask
from flask.testing import FlaskClient

from models import SCOPES, ApiRequest, ApiToken, Order, OrderCount, OrderEvent, Product, Shop, Source, db, utcnow
from orders import creation, once, tokens
from orders.timeline import Actor
from views.text import ZONE

sqlite_only = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ORDER = {
    "recipient": {"last_name": "Шевченко", "first_name": "Олена", "phone": "+380501112233"},
    "delivery": {"method": "np-branch", "city": "Київ", "cost": "60.00"},
    "payment": {"method": "cod"},
    "lines": [{"sku": "CUP-1", "name": "Чашка", "quantity": "2", "price": "125.50", "weight": 300}],
}


@pytest.fixture
def token(app: Flask) -> str:
    with app.app_context():
        shop, source = Shop(name="Site", currency="UAH"), Source(name="Site form")
        db.session.add_all([shop, source])
        db.session.flush()
        _row, token = tokens.create("Site", SCOPES, "Olena", shop_id=shop.id, source_id=source.id)
        db.session.commit()
        return token


@pytest.fixture
def api(client: FlaskClient, token: str):
    def call(method: str, path: str, body=None, token=token, **headers):
        sent = {"Authorization": f"Bearer {token}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        return client.open(f"/api/v1{path}", method=method, json=body, headers=sent)

    return call


def pointers(answer):
    assert answer.content_type == "application/problem+json"
    return [error["pointer"] for error in answer.json.get("errors", [])]


def orders(app):
    with app.app_context():
        return db.session.scalar(db.select(db.func.count(Order.id)))


def test_an_order_is_made_by_the_rules(app, api):
    answer = api("POST", "/orders", ORDER)
    assert answer.status_code == 201, answer.json
    made = answer.json
    assert (made["goods_total"], made["total"], made["payment"]["cod_amount"]) == ("251.00", "311.00", "311.00")
    assert made["shop"]["name"] == "Site"
    assert made["source"]["name"] == "Site form"
    assert made["status"]["code"] == "new"
    assert made["created_at"].endswith("Z")
    assert made["weight"] == 600
    assert api("GET", f"/orders/{made['number']}").json == made
    assert answer.location.endswith(f"/api/v1/orders/{made['number']}")
    with app.app_context():
        event = db.session.scalar(db.select(OrderEvent))
        assert (event.kind, event.actor_name) == ("created", "API: Site")
        assert db.session.scalar(db.select(db.func.sum(OrderCount.n))) == 1
        assert db.session.scalar(db.select(ApiToken)).last_used_at


def test_the_same_key_brings_the_same_order(app, api):
    first = api("POST", "/orders", ORDER, Idempotency_Key="cart-17")
    again = api("POST", "/orders", ORDER, Idempotency_Key="cart-17")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json == first.json
    assert again.location == first.location
    assert again.headers["Idempotency-Replayed"] == "true"
    for bad in ("", "two words", "x" * 256):
        assert api("POST", "/orders", ORDER, Idempotency_Key=bad).status_code == 400
    other = api("POST", "/orders", {**ORDER, "coupon": "X"}, Idempotency_Key="cart-17")
    assert other.status_code == 409
    assert orders(app) == 1


def test_a_refused_order_leaves_its_key_free(app, api):
    assert api("POST", "/orders", {**ORDER, "type": "no-such"}, Idempotency_Key="k").status_code == 422
    assert api("POST", "/orders", ORDER, Idempotency_Key="k").status_code == 201
    assert orders(app) == 1


def test_two_at_once_with_one_key_make_one_order(app, token):
    answers = []

    def send():
        sent = {"Authorization": f"Bearer {token}", "Idempotency-Key": "cart-18"}
        answers.append(app.test_client().post("/api/v1/orders", json=ORDER, headers=sent))

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json["number"] for answer in answers}) == 1
    assert orders(app) == 1


def test_orders_of_one_second_get_numbers_of_their_own(app, token):
    answers = []

    def send():
        answers.append(
            app.test_client().post("/api/v1/orders", json=ORDER, headers={"Authorization": f"Bearer {token}"})
        )

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [201] * 3, [a.json for a in answers]
    assert len({answer.json["number"] for answer in answers}) == 3


@sqlite_only
def test_errors_name_the_field_and_the_cure(app, api):
    body = {
        "recipient": {"phone": "050 111", "nick": "x"},
        "lines": [{"name": "Чашка", "price": 12.5}],
        "delivery": {"country": "UKR"},
        "placed_at": "yesterday",
    }
    answer = api("POST", "/orders", body)
    assert answer.status_code == 400
    told = {error["pointer"]: error["detail"] for error in answer.json["errors"]}
    assert set(told) == {"/recipient/phone", "/recipient/nick", "/lines/0/price", "/delivery/country", "/placed_at"}
    assert told["/recipient/phone"] == "Write it as +380501112233."
    assert told["/lines/0/price"] == "Send a string."
    assert pointers(api("POST", "/orders", {"lines": []})) == ["/recipient", "/lines"]
    rules = {**ORDER, "discount": "9999.00", "delivery": {"method": "ukrposhta"}}
    answer = api("POST", "/orders", rules)
    assert answer.status_code == 422
    assert sorted(pointers(answer)) == ["/delivery/postal_code", "/discount"]
    unknown = api("POST", "/orders", {**ORDER, "type": "x", "delivery": {"method": "y"}})
    assert pointers(unknown) == ["/type", "/delivery/method"]
    assert "np-branch" in unknown.json["errors"][1]["detail"]
    assert pointers(api("POST", "/orders", {**ORDER, "payment": {"method": "cod", "paid": True}})) == ["/payment/paid"]
    assert orders(app) == 0


@pytest.mark.parametrize(
    ("raw", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"a": NaN}', "application/json", 400),
        (b'{"a": "\\ud800"}', "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"null", "application/json", 400),
        (b"a=1", "application/x-www-form-urlencoded", 415),
        (b'"' + b"x" * 300_000 + b'"', "application/json", 413),
    ],
)
@sqlite_only
def test_what_is_no_order_is_refused_as_a_problem(client, token, raw, kind, status):
    sent = {"Authorization": f"Bearer {token}"}
    answer = client.post("/api/v1/orders", data=raw, content_type=kind, headers=sent)
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert answer.json["status"] == status


def test_letters_that_no_column_holds(app, api):
    body = {**ORDER, "customer_comment": "a\0b"}
    assert pointers(api("POST", "/orders", body)) == ["/customer_comment"]
    assert api("GET", "/orders/%00").status_code in (400, 404)
    assert api("GET", "/products/%00").status_code in (400, 404)


@sqlite_only
def test_who_may_do_what(app, api, token):
    for bad in ("", "perron_wrong", token + "x"):
        answer = api("GET", "/orders", token=bad)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    with app.app_context():
        _row, reader = tokens.create("Reader", ["orders:read"], "Olena")
        gone, revoked = tokens.create("Gone", SCOPES, "Olena")
        tokens.revoke(gone.id)
        db.session.commit()
    assert api("GET", "/orders", token=reader).status_code == 200
    answer = api("POST", "/orders", ORDER, token=reader)
    assert answer.status_code == 403
    assert "orders:write" in answer.json["detail"]
    assert api("GET", "/orders", token=revoked).status_code == 401
    assert api("GET", "/nowhere").content_type == "application/problem+json"
    wrong = api("DELETE", "/orders")
    assert (wrong.status_code, wrong.content_type) == (405, "application/problem+json")
    assert "GET" in wrong.headers["Allow"]


@sqlite_only
def test_a_token_has_its_pace(app, api):
    app.config["API_LIMIT"] = "3 per minute"
    codes = [api("GET", path).status_code for path in ("/orders", "/products", "/lists", "/orders")]
    assert codes == [200, 200, 200, 429]
    answer = api("GET", "/orders")
    assert answer.content_type == "application/problem+json"
    assert int(answer.headers["Retry-After"]) > 0


@sqlite_only
def test_guessing_tokens_ends_soon(api, token):
    codes = [api("GET", "/orders", token=f"perron_{n}").status_code for n in range(62)]
    assert codes == [401] * 60 + [429] * 2
    assert api("GET", "/openapi.json").status_code == 429


def test_a_made_number_is_no_other_orders_name(app, api):
    """Orders keep the number that they were born with as their name in other systems, whatever staff call them."""
    with app.app_context():
        soon = [creation.default_number(utcnow() + timedelta(seconds=n), ZONE) for n in range(-1, 60)]
        creation.insert_many([creation.Draft({"number": n, "currency": "UAH"}) for n in soon], Actor("person", "Olena"))
        db.session.execute(db.update(Order).values(number="was " + Order.key))
        db.session.commit()
    answer = api("POST", "/orders", ORDER, Idempotency_Key="k")
    assert answer.status_code == 201, answer.json
    assert answer.json["number"].endswith("-2")


def test_pages_of_orders(app, api):
    numbers = [api("POST", "/orders", {**ORDER, "number": f"S-{n}"}).json["number"] for n in range(5)]
    seen, cursor = [], ""
    while True:
        page = api("GET", f"/orders?limit=2{cursor}").json
        seen += [order["number"] for order in page["orders"]]
        if not page["next"]:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == numbers[::-1]
    api("POST", "/orders/S-1/status", {"status": "confirmed"})
    assert [o["number"] for o in api("GET", "/orders?status=confirmed").json["orders"]] == ["S-1"]
    assert pointers(api("GET", "/orders?limit=0&cursor=***&what=1")) == ["limit", "cursor", "what"]
    assert pointers(api("GET", "/orders?cursor=abc")) == ["cursor"]


def test_changes_come_in_their_order(app, api):
    for n in range(3):
        api("POST", "/orders", {**ORDER, "number": f"S-{n}"})
    api("POST", "/orders/S-0/status", {"status": "confirmed"})
    with app.app_context():  # older than the moment that a list leaves out
        for order in db.session.scalars(db.select(Order)):
            order.updated_at -= timedelta(seconds=10)
        db.session.commit()
    since = "updated_since=2026-01-01T00:00:00Z&limit=2"
    page = api("GET", f"/orders?{since}").json
    rest = api("GET", f"/orders?{since}&cursor={page['next']}").json
    assert [o["number"] for o in page["orders"] + rest["orders"]] == ["S-1", "S-2", "S-0"]
    assert rest["next"] is None


def test_a_status_is_changed_by_its_rules(app, api):
    number = api("POST", "/orders", ORDER).json["number"]
    answer = api("POST", f"/orders/{number}/status", {"status": "cancelled", "text": "changed their mind"})
    assert answer.json["status"] == {"code": "cancelled", "name": "Cancelled", "group": "cancelled"}
    assert api("POST", f"/orders/{number}/status", {"status": "cancelled"}).status_code == 200
    assert pointers(api("POST", f"/orders/{number}/status", {"status": "transferred"})) == ["/status"]
    assert api("POST", "/orders/none/status", {"status": "new"}).status_code == 404
    with app.app_context():
        events = db.session.scalars(db.select(OrderEvent.kind).order_by(OrderEvent.id)).all()
        assert events == ["created", "status"]


def test_a_number_is_taken_once(api):
    assert api("POST", "/orders", {**ORDER, "number": "S/1"}).status_code == 201
    answer = api("POST", "/orders", {**ORDER, "number": "S/1"})
    assert (answer.status_code, pointers(answer)) == (409, ["/number"])
    assert api("GET", "/orders/S/1").json["number"] == "S/1"
    assert pointers(api("POST", "/orders", {**ORDER, "number": "new"})) == ["/number"]


def test_products_are_put_and_read(app, api):
    body = {"name": "Чашка", "price": "125.50", "weight": 300}
    assert api("PUT", "/products/CUP%2F1", body).status_code == 201
    answer = api("PUT", "/products/CUP%2F1", {**body, "price": "130"})
    assert (answer.status_code, answer.json["price"]) == (200, "130.00")
    assert api("GET", "/products/CUP%2F1").json == answer.json
    api("PUT", "/products/BAG", {"name": "Торба", "price": "10.00"})
    page = api("GET", "/products?limit=1").json
    rest = api("GET", f"/products?limit=1&cursor={page['next']}").json
    assert [p["sku"] for p in page["products"] + rest["products"]] == ["CUP/1", "BAG"]
    assert rest["next"] is None
    assert pointers(api("PUT", "/products/X", {"name": "", "price": "1"})) == ["/name"]
    with app.app_context():
        row = db.session.scalar(db.select(Product).where(Product.sku == "CUP/1"))
        assert (row.price, row.search_text) == (Decimal(130), "cup/1 чашка")


@sqlite_only
def test_lists_tell_the_codes(api):
    codes = {entry["code"] for entry in api("GET", "/lists").json["delivery_methods"]}
    assert "np-branch" in codes


def test_keys_are_forgotten_after_two_days(app, api):
    api("POST", "/orders", ORDER, Idempotency_Key="new")
    api("POST", "/orders", ORDER, Idempotency_Key="old")
    with app.app_context():
        old = db.update(ApiRequest).where(ApiRequest.key == "old")
        db.session.execute(old.values(created_at=utcnow() - timedelta(hours=49)))
        once.forget()
        db.session.commit()
        assert db.session.scalars(db.select(ApiRequest.key)).all() == ["new"]
