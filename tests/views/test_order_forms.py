"""Order forms on a shop's page, and the settings pages of tokens and webhooks."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from flask import Flask
from flask.testing import FlaskClient

from models import ApiToken, Order, Product, Shop, WebhookDelivery, WebhookEndpoint, db
from orders import placing, tokens

from .helpers import count_queries, login

sqlite_only = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SITE = "https://shop.example"
FORM = {"name": "Шевченко Олена", "phone": "050 111-22-33", "sku": ["CUP", "BAG"], "quantity": ["2", "1"]}


@pytest.fixture
def form(app: Flask):
    with app.app_context():
        shop = Shop(name="Site", currency="UAH")
        db.session.add(shop)
        db.session.flush()
        places = {"origin": SITE, "return_url": f"{SITE}/thanks"}
        _row, token = tokens.create("Landing", ["form"], "Olena", shop_id=shop.id, **places)
        for sku, price in (("CUP", "125.50"), ("BAG", "10")):
            placing.put_product(sku, {"name": sku.title(), "price": Decimal(price)})
        db.session.commit()
    return f"/forms/{token}"


def orders(app):
    with app.app_context():
        return [
            (o.first_name, o.phone, str(o.total), o.shop.name, [(line.sku, str(line.price)) for line in o.lines])
            for o in db.session.scalars(db.select(Order))
        ]


def test_a_form_becomes_an_order_at_our_prices(app, client, form):
    answer = client.post(form, data={**FORM, "price": "0.01"}, headers={"Origin": SITE})
    assert (answer.status_code, answer.location) == (303, f"{SITE}/thanks")
    assert orders(app) == [("Олена", "+380501112233", "261.00", "Site", [("CUP", "125.50"), ("BAG", "10.00")])]


def test_the_same_form_sent_twice_is_one_order(app, client, form):
    for _ in range(3):
        assert client.post(form, data=FORM, headers={"Origin": SITE}).status_code == 303
    assert len(orders(app)) == 1


@sqlite_only
def test_who_may_send_a_form(app, client, form):
    elsewhere = ({"Origin": "https://evil.example"}, {"Referer": "https://evil.example/x"}, {}, {"Origin": "null"})
    for headers in elsewhere:
        answer = client.post(form, data=FORM, headers=headers)
        assert answer.status_code == 403
        assert "another site" in answer.text
    assert client.post(form + "x", data=FORM, headers={"Origin": SITE}).status_code == 404
    assert orders(app) == []
    assert client.post(form, data=FORM, headers={"Referer": f"{SITE}/landing"}).status_code == 303
    with app.app_context():
        tokens.revoke(db.session.scalar(db.select(ApiToken.id)))
        db.session.commit()
    assert client.post(form, data=FORM, headers={"Origin": SITE}).status_code == 404


@sqlite_only
def test_a_form_token_opens_nothing_else(client, form):
    sent = {"Authorization": f"Bearer {form.removeprefix('/forms/')}"}
    assert client.get("/api/v1/orders", headers=sent).status_code == 403
    assert client.post("/api/v1/orders", json={}, headers=sent).status_code == 403


@sqlite_only
def test_a_program_that_fills_the_trap_learns_nothing(app, client, form):
    answer = client.post(form, data={**FORM, "website": "http://spam"}, headers={"Origin": SITE})
    assert (answer.status_code, answer.location) == (303, f"{SITE}/thanks")
    assert orders(app) == []


HALF_A_PAIR = "x\ud800".encode("utf-8", "surrogatepass")


@pytest.mark.parametrize(
    "more", [{"phone": "12"}, {"name": " "}, {"sku": ["GONE"]}, {"phone": "\0"}, {"name": HALF_A_PAIR}]
)
@sqlite_only
def test_what_can_not_be_taken_is_said_to_the_customer(app, client, form, more):
    answer = client.post(form, data={**FORM, **more}, headers={"Origin": SITE})
    assert answer.status_code in (303, 422)
    if answer.status_code == 422:
        assert "The order is not sent yet" in answer.text
        assert orders(app) == []


@sqlite_only
def test_a_script_of_the_site_gets_json(client, form):
    sent = {"Origin": SITE, "Accept": "application/json"}
    answer = client.post(form, data=FORM, headers=sent)
    assert answer.status_code == 201
    assert answer.json["number"]
    assert answer.headers["Access-Control-Allow-Origin"] == SITE
    refused = client.post(form, data={**FORM, "phone": ""}, headers=sent)
    assert (refused.status_code, list(refused.json)) == (422, ["error"])


@sqlite_only
def test_an_address_may_send_a_few(client, form):
    codes = [
        client.post(form, data={**FORM, "comment": str(n)}, headers={"Origin": SITE}).status_code for n in range(12)
    ]
    assert codes == [303] * 10 + [429] * 2


# ---- settings


@sqlite_only
def test_a_token_is_shown_once_and_works_until_revoked(app, client):
    login(client)
    answer = client.post("/settings/api", data={"name": "Site", "orders_read": "y", "shop_id": "0", "source_id": "0"})
    token = re.search(r"perron_[\w-]{43}", answer.text)[0]
    assert token not in client.get("/settings/api").text
    assert token[:13] in client.get("/settings/api").text
    sent = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/v1/orders", headers=sent).status_code == 200
    with app.app_context():
        row = db.session.scalar(db.select(ApiToken))
        assert token not in str(vars(row))
        token_id = row.id
    client.post(f"/settings/api/{token_id}/revoke")
    assert client.get("/api/v1/orders", headers=sent).status_code == 401
    refused = client.post("/settings/api", data={"name": "None", "shop_id": "0", "source_id": "0"})
    assert refused.status_code == 422
    assert "Choose at least one" in refused.text


@sqlite_only
def test_a_form_gets_an_address(app, client):
    login(client)
    data = {"name": "L", "shop_id": "0", "source_id": "0", "origin": f"{SITE}/page", "return_url": f"{SITE}/thanks"}
    answer = client.post("/settings/api/forms", data=data)
    address = re.search(r"/forms/perron_[\w-]{43}", answer.text)[0]
    assert client.post(address, data={**FORM, "sku": []}, headers={"Origin": SITE}).status_code == 303
    bad = ({"origin": "shop"}, {"origin": "javascript:x"}, {"return_url": "https://evil.example/"})
    for wrong in bad:
        assert client.post("/settings/api/forms", data={**data, **wrong}).status_code == 422


@sqlite_only
def test_a_webhook_is_kept_and_its_log_shown(app, client):
    login(client)
    events = {"order_created": "y", "order_status_changed": "y"}
    answer = client.post("/settings/webhooks", data={"url": f"{SITE}/hook", **events})
    assert re.search(r"whsec_[\w+/=]{40,}", answer.text)
    assert "whsec_" not in client.get("/settings/webhooks/1").text
    assert client.post("/settings/webhooks/1", data={"url": "ftp://x", **events}).status_code == 422
    assert client.post("/settings/webhooks/1", data={"url": f"{SITE}/hook"}).status_code == 422
    client.post("/settings/webhooks/1", data={"url": f"{SITE}/other", **events})
    with app.app_context():
        row = db.session.get(WebhookEndpoint, 1)
        assert (row.url, row.events) == (f"{SITE}/other", ["order.created", "order.status_changed"])
        db.session.add_all(
            [WebhookDelivery(endpoint_id=1, message=str(n), event="order.created", state="done") for n in range(60)]
        )
        db.session.commit()
    page = client.get("/settings/webhooks/1").text
    older = re.search(r'rel="next" href="([^"]+)"', page)[1]
    assert page.count("<tr data-row") == 50
    assert client.get(older).text.count("<tr data-row") == 10
    with count_queries(client) as queries:
        client.get("/settings/webhooks/1")
    assert len(queries) <= 12
    assert client.post("/settings/webhooks/1/deliveries/1/resend").status_code == 303
    assert client.post("/settings/webhooks/1/enabled", data={"enabled": "0"}).status_code == 303
    assert client.post("/settings/webhooks/1/test").status_code == 303
    assert "whsec_" in client.post("/settings/webhooks/1/secret").text
    with app.app_context():
        assert db.session.get(WebhookEndpoint, 1).enabled is False
        assert db.session.get(WebhookDelivery, 1).state == "waiting"
    client.post("/settings/webhooks/1/delete")
    with app.app_context():
        assert db.session.scalar(db.select(db.func.count(WebhookDelivery.id))) == 0


@sqlite_only
def test_a_shop_that_a_token_uses_can_go(app, client: FlaskClient):
    login(client)
    with app.app_context():
        shop = Shop(name="Gone")
        db.session.add(shop)
        db.session.flush()
        tokens.create("Site", ["orders:read"], "Olena", shop_id=shop.id)
        shop_id = shop.id
        db.session.commit()
    assert client.post(f"/settings/registries/shops/{shop_id}/delete").status_code < 400
    with app.app_context():
        assert db.session.scalar(db.select(ApiToken.shop_id)) is None


@sqlite_only
def test_products_put_by_the_api_are_found(app):
    with app.app_context():
        placing.put_product("X", {"name": "Чашка", "price": Decimal(1)})
        assert db.session.scalar(db.select(Product.search_text)) == "x чашка"
