"""The customer's payment page, payments on the card, and the address for notices."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from integrations.sandbox import SandboxServer
from jobs import connections, hooks
from jobs import payments as work
from models import HookSecret, Order, OrderEvent, PayLink, Payment, db, utcnow
from orders import pay_links, payments, statuses
from orders.timeline import Actor

from ..jobs.conftest import make_orders
from ..orders.build import status
from .helpers import count_queries, login

KEYS = {"public_key": "sandbox_i10000000000", "private_key": "sandbox-token"}
sqlite_only = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def extra_env(sandbox: SandboxServer) -> dict[str, str]:
    return {"SANDBOX_URL": sandbox.url}


@pytest.fixture
def link(app: Flask, sandbox: SandboxServer) -> str:
    """The address of the payment page of order T-00001, 261 ₴, with LiqPay connected."""
    with app.app_context():
        connections.create("liqpay", "Pay", KEYS | {"api_url": f"{sandbox.url}/liqpay"})
        token = pay_links.issue(make_orders(1, last_name="<i>Тест</i>")[0])
        db.session.commit()
    return f"/pay/{token}"


def change(app: Flask, **values: Any) -> None:
    with app.app_context():
        db.session.execute(db.update(Order).values(**values))
        db.session.commit()


def work_all(app: Flask) -> None:
    with app.app_context():
        for payment_id in db.session.scalars(db.select(Payment.id).order_by(Payment.id)).all():
            work.work(payment_id)


def settle(app: Flask, sandbox: SandboxServer, do: str = "pay") -> None:
    with app.app_context():
        url = db.session.scalars(db.select(Payment.url).order_by(Payment.id.desc())).first()
    sandbox.vendor("liqpay").settle(int(str(url).rsplit("/", 1)[1]), do, notify=False)
    work_all(app)


def text(client: FlaskClient, url: str, code: int = 200) -> str:
    answer = client.get(url)
    assert answer.status_code == code
    return answer.get_data(as_text=True)


def test_the_customer_pays(app: Flask, client: FlaskClient, link: str, sandbox: SandboxServer) -> None:
    page = text(client, link)
    assert "₴261.00" in page
    assert "Pay with LiqPay" in page
    assert "Card, Privat24" in page.replace("Bank card", "Card")
    assert client.get(link).headers["Cache-Control"] == "no-store"
    answer = client.post(link, data={"by": 1})
    assert answer.status_code == 303
    waiting = text(client, answer.location)
    assert 'http-equiv="refresh"' in waiting
    again = waiting.split("url=")[1].split('"')[0].replace("&amp;", "&")
    assert "being opened" in text(client, again)
    work_all(app)
    there = client.get(again)
    assert (there.status_code, there.location.startswith(f"{sandbox.url}/liqpay/checkout/")) == (303, True)

    back = client.post(f"{link}/back", data={"anything": "at all"})
    assert (back.status_code, back.location) == (303, f"{link}?back=1")
    assert "being asked" in text(client, back.location)
    assert "Do not pay twice" in text(client, f"{link}?back=1&n=99")
    settle(app, sandbox)
    for url in (back.location, link, answer.location):
        assert "The order is paid" in text(client, url)
    assert client.post(link, data={"by": 1}).status_code == 303
    with app.app_context():
        assert db.session.scalar(db.select(db.func.count()).select_from(Payment)) == 1


def test_the_address_that_the_service_gets_leads_back(app: Flask, client: FlaskClient, link: str) -> None:
    client.post(link, data={"by": 1})
    with app.app_context():
        row = db.session.scalars(db.select(Payment)).one()
        back = work.return_address(row.id, row.order_id)
        assert work.return_address(row.id, row.order_id) == back
        db.session.commit()
    assert client.get(back.removeprefix("http://localhost")).status_code == 303
    assert "₴261.00" in text(client, back.removeprefix("http://localhost").removesuffix("/back"))


def test_a_failed_payment_says_so(app: Flask, client: FlaskClient, link: str, sandbox: SandboxServer) -> None:
    client.post(link, data={"by": 1})
    work_all(app)
    settle(app, sandbox, "decline")
    page = text(client, f"{link}?back=1")
    assert "did not go through" in page
    assert "Pay with LiqPay" in page
    client.post(link, data={"by": 1})
    work_all(app)
    settle(app, sandbox, "hold")
    page = text(client, link)
    assert "reserved at your bank" in page
    assert "Pay with" not in page


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"paid": True}, "The order is paid"),
        ({"cod": True}, "You pay when you get the order"),
        ({"total": Decimal(0)}, "There is nothing to pay"),
        ({"currency": "RUB"}, "Online payment is switched off"),
    ],
)
@sqlite_only
def test_honest_pages(app: Flask, client: FlaskClient, link: str, values: dict[str, Any], words: str) -> None:
    change(app, **values)
    page = text(client, link)
    assert words in page
    assert "Pay with" not in page
    assert client.post(link, data={"by": 1}).location == link
    with app.app_context():
        assert db.session.scalars(db.select(Payment)).all() == []


@pytest.mark.parametrize(("key", "words"), [("cancelled", "The order is cancelled"), ("preorder", "not complete yet")])
@sqlite_only
def test_orders_that_are_not_to_be_paid(app: Flask, client: FlaskClient, link: str, key: str, words: str) -> None:
    with app.app_context():
        statuses.change([1], status(key), Actor("job", "x"))
        db.session.commit()
    assert words in text(client, link)


@sqlite_only
def test_links_that_are_over(app: Flask, client: FlaskClient, link: str) -> None:
    assert "no such payment link" in text(client, "/pay/nothing", 404)
    assert client.post("/pay/nothing", data={"by": 1}).status_code == 303
    change_link(app, expires_at=utcnow() - timedelta(seconds=1))
    assert "has expired" in text(client, link, 410)
    assert client.post(link, data={"by": 1}).status_code == 303
    change_link(app, revoked_at=utcnow())
    assert "withdrawn" in text(client, link, 410)


def change_link(app: Flask, **values: Any) -> None:
    with app.app_context():
        db.session.execute(db.update(PayLink).values(**values))
        db.session.commit()


@sqlite_only
def test_a_link_opens_no_other_orders_payment(app: Flask, client: FlaskClient, link: str) -> None:
    with app.app_context():
        other = make_orders(1, number="T-2", key="T-2")[0]
        row = payments.start(other, 1)
        db.session.commit()
        work.work(row.id)
        payment_id = row.id
    for url in (f"{link}?go={payment_id}", f"{link}?wait={payment_id}", f"{link}?go=x", f"{link}?go=99"):
        assert "T-00001" in text(client, url)


@sqlite_only
def test_the_page_is_small_and_cheap(app: Flask, client: FlaskClient, link: str) -> None:
    with count_queries(client) as queries:
        page = client.get(link)
    assert len(queries) <= 12
    css = client.get("/static/pay.css", buffered=True)
    assert len(page.data) + len(css.data) < 60_000
    assert b"<script" not in page.data
    assert b"style=" not in page.data


def test_the_card(app: Flask, client: FlaskClient, link: str, sandbox: SandboxServer) -> None:
    login(client)
    page = text(client, "/orders/T-00001")
    assert "Copy payment link" in page
    made = client.post("/order/1/payments/link", headers={"HX-Request": "true"})
    assert "copy-text" in made.headers["HX-Trigger"]
    url = made.get_data(as_text=True).split('value="http://localhost')[1].split('"')[0]
    assert "₴261.00" in text(client, url)
    assert client.post("/order/1/payments/link").location == "/orders/T-00001"
    assert "Copy payment link" in text(client, "/orders/row/1/menu")

    client.post(link, data={"by": 1})
    work_all(app)
    assert "waits for the customer" in text(client, "/orders/T-00001")
    assert "is being asked" in client.post("/order/1/payments/1/check", follow_redirects=True).get_data(as_text=True)
    settle(app, sandbox)
    page = text(client, "/orders/T-00001")
    assert "Paid ₴261.00 of ₴261.00" in page
    assert "Pay: ₴261.00 paid" in page
    assert "Copy payment link" not in page
    assert "Copy payment link" not in text(client, "/orders/row/1/menu")
    assert client.post("/order/1/payments/link", headers={"HX-Request": "true"}).status_code == 204

    for amount in ("300", "-1", "x", "", "1e99", "NaN", "0.001"):
        client.post("/order/1/payments/1/refund", data={"amount": amount})
    with app.app_context():
        assert (
            db.session.scalars(
                db.select(OrderEvent.detail).where(OrderEvent.kind == "payment").order_by(OrderEvent.id)
            ).all()[-1]["step"]
            == "paid"
        )
    answer = client.post("/order/1/payments/1/refund", data={"amount": "1,50"}, headers={"HX-Request": "true"})
    assert "being given back" in answer.get_data(as_text=True)
    work_all(app)
    assert "₴1.50 given back" in text(client, "/orders/T-00001")
    assert client.post("/order/1/payments/1/explode").status_code == 404
    assert client.post("/order/9/payments/1/check").status_code == 404
    client.post("/order/1/payments/revoke")
    assert "withdrawn" in text(client, link, 410)


@sqlite_only
def test_a_payment_is_asked_about_through_its_own_order(app: Flask, client: FlaskClient, link: str) -> None:
    login(client)
    client.post(link, data={"by": 1})
    with app.app_context():
        make_orders(1, number="T-2", key="T-2")
    assert client.post("/order/2/payments/1/cancel").status_code == 302
    with app.app_context():
        assert db.session.get_one(Payment, 1).todo == "create"


@sqlite_only
def test_viewers_only_look(client: FlaskClient, link: str) -> None:
    login(client, "viewer")
    assert "Copy payment link" not in text(client, "/orders/T-00001")
    for path in ("link", "revoke", "1/refund"):
        assert client.post(f"/order/1/payments/{path}").status_code == 403


def test_the_address_for_notices(app: Flask, client: FlaskClient, link: str) -> None:
    login(client)
    page = "/settings/integrations/1/webhook"
    assert "Make the link" in text(client, page)
    assert client.post(page).status_code == 303
    with app.app_context():
        first = hooks.address(1)
        sealed = db.session.execute(db.text("SELECT secret_hash, sealed FROM hook_secrets")).one()
    secret = first.rsplit("/", 1)[1]
    assert first in text(client, page)
    assert secret not in str(sealed[0])
    assert secret.encode() not in bytes(sealed[1])
    client.post(page)
    with app.app_context():
        assert hooks.address(1) != first
        assert db.session.scalar(db.select(db.func.count()).select_from(HookSecret)) == 2
    login(client, "manager")
    assert "/hooks/" not in text(client, page)
    assert client.post(page).status_code == 403


def test_the_receiver_needs_no_login_and_no_form_token(app: Flask, client: FlaskClient, link: str) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    with app.app_context():
        path = hooks.address(1).removeprefix("http://localhost")
        db.session.commit()
    assert client.post(path, data=b"data=x&signature=y").status_code == 403
    assert client.post("/hooks/1/wrong", data=b"x").status_code == 404
    assert client.get(path).status_code == 405 or client.get(path).status_code == 400
