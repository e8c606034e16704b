"""Pre-orders: the dialog, the link, the customer's three steps, and what staff see meanwhile."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from jobs import upkeep, wake
from models import DeliveryMethod, Order, OrderEvent, OrderLink, PaymentMethod, Product, Status, db, utcnow
from orders import completion, order_links, statuses
from orders.timeline import Actor
from tests.orders import build

from .helpers import count_queries, login

sqlite_only = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
WHO = {"last_name": "Тестова", "first_name": "Олена", "phone": "067 111 22 33", "email": "olena@example.com"}


def product(sku: str = "CASE-1", name: str = "Чохол прозорий", price: str = "450.50", **more) -> int:
    row = Product(sku=sku, name=name, price=Decimal(price), search_text=f"{sku} {name}".lower(), **more)
    db.session.add(row)
    db.session.commit()
    return row.id


def made(client, quantity: str = "2") -> tuple[int, str]:
    """(order id, path of the link) of a pre-order made by the dialog."""
    with client.application.app_context():
        product_id = db.session.scalar(db.select(Product.id)) or product()
    answer = client.post("/preorders/new", data={"product": product_id, "quantity": quantity, "do": "create"})
    assert answer.status_code == 302, answer.text
    page = client.get(answer.location).text
    return int(answer.location.rsplit("/", 1)[1]), re.search(r"http://localhost(/c/[\w-]+)", page)[1]


def ids(app) -> dict[str, int]:
    with app.app_context():
        methods = {m.key: m.id for m in db.session.scalars(db.select(DeliveryMethod))}
        return methods | {f"pay-{p.key}": p.id for p in db.session.scalars(db.select(PaymentMethod))}


def fill(client, path: str, app, delivery: str = "np-branch", pay: str = "pay-cod", **more):
    """All three steps as a browser without scripts sends them; the last answer."""
    known = ids(app)
    where = {"delivery_method_id": known[delivery], "city": "Київ", "pickup_address": "Відділення 5"} | more
    answer = client.post(path, data={"step": 1, **WHO})
    assert answer.location.endswith("step=2"), answer.text
    answer = client.post(path, data={"step": 2, **where})
    assert answer.location.endswith("step=3"), answer.text
    return client.post(path, data={"step": 3, "payment_method_id": known[pay], "customer_comment": "Подзвоніть"})


def test_products_are_found_by_name_and_sku_and_made_into_a_pre_order(app, client):
    login(client, "manager")
    with app.app_context():
        case, lamp = product(), product("LAMP-9", "Лампа настільна", "1899")
        product("GONE-1", "Чохол старий", active=False)
    assert "Чохол прозорий" in client.get("/preorders/products?q=чохол").text
    assert "Чохол старий" not in client.get("/preorders/products?q=чохол").text
    assert "Лампа" in client.get("/preorders/products?q=lamp-9").text
    page = client.post("/preorders/new", data={"q": "чохол", "do": "enter"}).text
    assert f'name="product" value="{case}"' in page
    page = client.post("/preorders/new", data={"product": case, "quantity": "1", "q": "LAMP", "do": "enter"}).text
    assert f'name="product" value="{lamp}"' in page
    twice = client.post("/preorders/new", data={"product": case, "quantity": "1", "add": case}).text
    assert 'name="quantity" value="2"' in twice
    gone = client.post("/preorders/new", data={"product": case, "quantity": "1", "remove": case}).text
    assert 'name="product"' not in gone
    lines = {"product": [case, lamp], "quantity": ["2", "1,5"], "do": "create"}
    assert "3749.50" in client.post("/preorders/total", data=lines).text.replace(",", "")
    answer = client.post("/preorders/new", data=lines)
    with app.app_context():
        order = db.session.get(Order, int(answer.location.rsplit("/", 1)[1]))
        assert (order.status.key, order.total, order.source.key) == ("preorder", Decimal("3749.50"), "manual")
        assert [(line.product_id, line.quantity, line.price) for line in order.lines] == [
            (case, 2, Decimal("450.50")), (lamp, Decimal("1.5"), Decimal(1899))
        ]  # fmt: skip


@sqlite_only
def test_nothing_and_unlike_currencies_make_no_order(app, client):
    login(client)
    with app.app_context():
        case, foreign = product(), product("EUR-1", "Import", currency="EUR")
    assert client.post("/preorders/new", data={"do": "create"}).status_code == 422
    assert "Nothing found" in client.post("/preorders/new", data={"q": "zzz"}).text
    added = client.post("/preorders/new", data={"product": case, "quantity": "1", "add": foreign}).text
    assert "different currencies" in added
    both = {"product": [case, foreign], "quantity": ["1", "1"], "do": "create"}
    assert client.post("/preorders/new", data=both).status_code == 422
    odd = {"product": [case, "x", 999], "quantity": ["zero", "1", "1"]}
    assert 'name="quantity" value="1"' in client.post("/preorders/new", data=odd | {"remove": "0"}).text
    with app.app_context():
        assert db.session.scalar(db.select(db.func.count(Order.id))) == 0


def test_two_within_a_second_get_numbers_of_their_own(app, client):
    login(client)
    numbers = {made(client)[0] for _ in range(3)}
    with app.app_context():
        assert len({db.session.get(Order, i).number for i in numbers}) == 3


def test_only_the_hash_of_the_token_is_readable(app, client):
    login(client)
    _order_id, path = made(client)
    token = path.removeprefix("/c/")
    assert len(token) >= 32  # 24 random bytes: 192 bits
    with app.app_context():
        raw = db.session.execute(db.text("SELECT * FROM order_links")).one()
        assert token not in "".join(
            bytes(v).decode("latin-1") if isinstance(v, bytes | memoryview) else str(v) for v in raw
        )
        assert raw.token_hash == order_links.digest(token)


def test_the_customer_completes_the_order_in_three_steps(app, client):
    login(client)
    order_id, path = made(client)
    customer = app.test_client()
    page = customer.get(path)
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    answer = fill(customer, path, app)
    assert answer.status_code == 302
    with app.app_context():
        order = db.session.get(Order, order_id)
        assert (order.status.key, order.phone, order.city) == ("new", "+380671112233", "Київ")
        assert (order.cod, order.cod_method, order.cod_amount) == (True, "cash", order.total)
        assert (order.pickup_address, order.street, order.customer_comment) == ("Відділення 5", "", "Подзвоніть")
        kinds = list(db.session.scalars(db.select(OrderEvent.kind).where(OrderEvent.actor == "customer")))
        assert set(kinds) == {"edited", "completed", "status"}
    done = customer.get(path)
    assert done.status_code == 200
    assert "067" not in done.text
    assert "Тестова" not in done.text  # whoever has the link now learns nothing of the customer
    assert customer.post(path, data={"step": 1, **WHO, "last_name": "Інша"}).status_code == 200
    assert customer.post(f"{path}/field", data={"last_name": "Інша"}).status_code == 410
    with app.app_context():
        assert db.session.get(Order, order_id).last_name == "Тестова"


def test_the_open_list_shows_it_at_once(app, client):
    login(client)
    order_id, path = made(client)
    with app.app_context():
        before = wake.revision()
    assert client.get(f"/orders/changes?since={before}").status_code == 204
    fill(app.test_client(), path, app)
    with app.app_context():
        (newer,) = build.make({"number": "NEWER"})
    below = f"/orders/changes?since={before}&top={newer}&view="
    assert "1 new order" in client.get(f"{below}&seen={newer}.x").text  # although newer ones came meanwhile
    assert "new order" not in client.get(f"{below}&seen={newer}.x,{order_id}.x").text
    assert "new order" in client.get(f"/orders/changes?since={before}&top={order_id - 1}&view=").text


def test_nothing_typed_is_lost(app, client):
    login(client)
    _order_id, path = made(client)
    phone = app.test_client()
    assert phone.post(f"{path}/field", data={"last_name": "Дуже-Довга", "phone": "067"}).status_code == 204
    assert phone.post(f"{path}/field", data={"city": "Одеса", "status_id": "1", "total": "0"}).status_code == 204
    elsewhere = app.test_client()
    assert "Дуже-Довга" in elsewhere.get(f"{path}?step=1").text
    assert "Одеса" in elsewhere.get(f"{path}?step=2").text
    refused = elsewhere.post(path, data={"step": 1, **WHO, "phone": "12"})
    assert refused.status_code == 422
    assert "aria-invalid" in refused.text
    assert 'value="12"' in refused.text
    assert "The customer is filling it in" in client.get("/orders?status=all").text
    client.post(f"/preorders/{_order_id}/renew")
    assert "The customer is filling it in" not in client.get("/orders?status=all").text, "nobody can by the old link"
    page = client.get(f"/preorders/{_order_id}").text
    assert "Одеса" in elsewhere.get(re.search(r"http://localhost(/c/[\w-]+)", page)[1] + "?step=2").text


def test_each_dead_link_has_its_own_page(app, client):
    login(client)
    seen = {}
    for state in ("revoked", "expired", "closed"):
        order_id, path = made(client)
        with app.app_context():
            link = order_links.current(order_id)
            if state == "expired":
                link.expires_at = utcnow() - timedelta(seconds=1)
            elif state == "closed":
                confirmed = db.session.scalar(db.select(Status).where(Status.key == "confirmed"))
                statuses.change([order_id], confirmed, Actor("person", "Olena"))
            db.session.commit()
        if state == "revoked":
            client.post(f"/preorders/{order_id}/revoke")
        answer = app.test_client().get(path)
        assert answer.status_code == 410
        assert app.test_client().post(path, data={"step": 1, **WHO}).status_code == 410
        seen[state] = re.search(r"<h1>(.+?)</h1>", answer.text)[1]
    wrong = app.test_client().get("/c/nothing-of-ours")
    assert wrong.status_code == 404
    seen["wrong"] = re.search(r"<h1>(.+?)</h1>", wrong.text)[1]
    assert app.test_client().post("/c/nothing-of-ours/field").status_code == 404
    assert len(set(seen.values())) == 4


def test_a_new_link_stops_the_old_one(app, client):
    login(client)
    order_id, old = made(client)
    answer = client.post(f"/preorders/{order_id}/renew", headers={"HX-Request": "true"})
    new = re.search(r"http://localhost(/c/[\w-]+)", answer.text)[1]
    assert app.test_client().get(old).status_code == 410
    assert app.test_client().get(new).status_code == 200
    client.post(f"/preorders/{order_id}/revoke")
    assert "revoked" in client.get(f"/preorders/{order_id}").text
    assert new not in client.get(f"/preorders/{order_id}").text
    fill_order_id, path = made(client)
    fill(app.test_client(), path, app)
    client.post(f"/preorders/{fill_order_id}/renew")
    with app.app_context():
        assert db.session.scalar(db.select(db.func.count(OrderLink.id)).where(OrderLink.order_id == fill_order_id)) == 1


def test_a_link_is_used_once_even_by_two_at_the_same_time(app, client):
    login(client)
    order_id, _path = made(client)
    with app.app_context():
        link = order_links.current(order_id)
        assert order_links.take(link.id)
        assert not order_links.take(link.id)
        db.session.rollback()
        link = order_links.current(order_id)
        order_links.revoke(link, Actor("person", "Olena"))
        with pytest.raises(completion.Closed):
            completion.submit(link, {}, {}, Actor("customer"))


@sqlite_only
def test_the_address_asks_for_what_the_delivery_needs(app, client):
    login(client)
    order_id, path = made(client)
    known, customer = ids(app), app.test_client()
    customer.post(path, data={"step": 1, **WHO})
    post = {"step": 2, "delivery_method_id": known["ukrposhta"], "city": "Київ", "pickup_address": ""}
    refused = customer.post(path, data=post)
    assert refused.status_code == 422
    assert {"street-wrong", "house-wrong", "postal_code-wrong"} <= set(re.findall(r'id="(\w+-wrong)"', refused.text))
    ok = customer.post(path, data=post | {"street": "Садова", "house": "1", "postal_code": "01001"})
    assert ok.location.endswith("step=3")
    assert customer.post(path, data={"step": 2, "delivery_method_id": "777"}).status_code == 422
    last = customer.post(path, data={"step": 3, "payment_method_id": known["pay-cod"]})
    assert "step=2&check=1" in last.location  # step 2 was broken meanwhile
    assert "choices" in customer.get(last.location).text
    back = customer.post(path, data={"step": 2, "to": 1, "delivery_method_id": known["self"]})
    assert back.location.endswith("step=1")
    assert customer.post(path, data={"step": 3, "payment_method_id": known["pay-cod"]}).status_code == 302
    with app.app_context():
        order = db.session.get(Order, order_id)
        assert (order.status.key, order.street, order.postal_code) == ("new", "", "")


@sqlite_only
def test_a_card_on_delivery_is_not_offered_where_it_is_impossible(app, client):
    login(client)
    with app.app_context():
        product("MUG-1", "Кружка", currency="RUB")
    _order_id, path = made(client)
    known, customer = ids(app), app.test_client()
    card = f'name="payment_method_id" value="{known["pay-cod-card"]}"'
    customer.post(f"{path}/field", data={"delivery_method_id": known["courier"]})
    assert card in customer.get(f"{path}?step=3").text
    customer.post(f"{path}/field", data={"delivery_method_id": known["russian-post"]})
    page = customer.get(f"{path}?step=3").text
    assert card not in page
    assert "takes cash only" in page


@sqlite_only
@pytest.mark.parametrize(
    ("currency", "offered"),
    [("UAH", {"np-branch", "ukrposhta", "courier"}), ("RUB", {"russian-post", "courier"}),
     ("EUR", {"np-branch", "russian-post"})],
)  # fmt: skip
def test_a_customer_is_offered_what_serves_shops_of_the_country(app, client, currency, offered):
    login(client)
    with app.app_context():
        product("MUG-1", "Кружка", currency=currency)
    _order_id, path = made(client)
    shown = set(re.findall(r'name="delivery_method_id" value="(\d+)"', app.test_client().get(f"{path}?step=2").text))
    foreign = {"UAH": {"russian-post"}, "RUB": {"np-branch", "np-courier", "ukrposhta", "meest"}, "EUR": set()}
    known = ids(app)
    assert {str(known[key]) for key in offered} <= shown
    assert not {str(known[key]) for key in foreign[currency]} & shown


def test_staff_see_that_the_customer_is_filling_it_in(app, client):
    login(client)
    order_id, path = made(client)
    words = "The customer is filling it in"
    assert words not in client.get("/orders?status=all").text
    customer = app.test_client()
    customer.get(path)  # a messenger's preview opens links, too
    assert words not in client.get(f"/preorders/{order_id}/link").text
    customer.post(f"{path}/field", data={})
    preorder = ids_of_status(app, "preorder")
    assert words in client.get(f"/orders?status={preorder}").text
    assert words in client.get(f"/preorders/{order_id}/link").text
    with app.app_context():
        link = order_links.current(order_id)
        assert not order_links.seen(link)  # not written down each time
        assert order_links.note_absent() == 0
        link.seen_at = utcnow() - timedelta(seconds=order_links.HERE_SECONDS + 1)
        db.session.commit()
        assert order_links.filling([order_id]) == set()
        before = wake.revision()
        upkeep.tidy()
        assert wake.revision() == before + 1  # for lists and cards to fetch it again
        upkeep.tidy()
        assert wake.revision() == before + 1
    assert words not in client.get(f"/orders?status={preorder}").text


def ids_of_status(app, key: str) -> int:
    with app.app_context():
        return db.session.scalar(db.select(Status.id).where(Status.key == key))


@sqlite_only
def test_the_card_shows_the_link_of_a_pre_order_only(app, client):
    login(client)
    order_id, path = made(client)
    with app.app_context():
        number = db.session.get(Order, order_id).number
    assert f"/preorders/{order_id}/link" in client.get(f"/orders/{number}").text
    fill(app.test_client(), path, app)
    card = client.get(f"/orders/{number}").text
    assert f"/preorders/{order_id}/link" not in card
    assert "filled in by the customer" in card


@sqlite_only
def test_a_viewer_makes_no_links_and_sees_none(app, client):
    login(client)
    order_id, path = made(client)
    login(client, "viewer")
    assert client.get("/preorders/new").status_code == 403
    assert client.post(f"/preorders/{order_id}/renew").status_code == 403
    assert path not in client.get(f"/preorders/{order_id}").text


@sqlite_only
def test_the_page_speaks_the_customer_s_language(app, client):
    login(client)
    _order_id, path = made(client)
    customer = app.test_client()
    assert '<html lang="ru"' in customer.get(path, headers={"Accept-Language": "ru"}).text
    customer.post(f"{path}/language", data={"lang": "uk", "step": 1})
    assert '<html lang="uk"' in customer.get(path, headers={"Accept-Language": "ru"}).text


@sqlite_only
def test_the_page_is_light_and_needs_no_login_page(app, client):
    login(client)
    _order_id, path = made(client)
    customer = app.test_client()
    with count_queries(client) as queries:
        page = customer.get(f"{path}?step=2").text
    assert len(queries) <= 12
    assets = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    files = sum(
        (Path(app.static_folder) / asset.removeprefix("/static/").split("?")[0]).stat().st_size for asset in assets
    )
    assert len(assets) >= 2
    assert len(page.encode()) + files < 60 * 1024
    assert not re.search(r'(?:src|href)="https?://', page)
