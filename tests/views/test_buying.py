""" "Buy" links and what a shop says of its parcels, as pages."""

from __future__ import annotations

from decimal import Decimal

import pytest

from models import Order, OrderEvent, Product, Shop, db
from orders import parcels

from .helpers import login
from .pages import form_of

PERSON = {"Sec-Fetch-User": "?1", "Sec-Fetch-Mode": "navigate"}


@pytest.fixture
def link(app, client):
    """The path of a link to a product that is sold."""
    login(client, "owner")
    with app.app_context():
        db.session.add(Product(sku="MUG/9", name="Кружка", price=Decimal("90.50"), search_text="mug/9 кружка"))
        db.session.commit()
        shop_id = db.session.scalar(db.select(Shop.id).order_by(Shop.id))
    client.post(f"/settings/shops/{shop_id}/buy", data={"on": "1"})
    page = client.get(f"/settings/shops/{shop_id}?sku=MUG/9").text
    with app.app_context():
        key = db.session.scalar(db.select(Shop.buy_key).where(Shop.id == shop_id))
    assert f"http://localhost/buy/{key}/MUG/9" in page
    client.delete_cookie("session")
    return f"/buy/{key}/MUG/9"


def orders(app):
    with app.app_context():
        return [(o.status.key, o.lines[0].sku, o.total) for o in db.session.scalars(db.select(Order))]


def test_the_product_shows_its_link_while_it_is_sold(app, client, link):
    login(client, "manager")
    with app.app_context():
        product = db.session.scalars(db.select(Product)).one()
        address = f"/catalogue/products/{product.id}"
        assert f"http://localhost{link}" in client.get(address).text
        product.active = False
        db.session.commit()
    assert link not in client.get(address).text


def test_whoever_follows_the_link_completes_an_order_of_their_own(app, client, link):
    answer = client.get(link, headers=PERSON)
    assert answer.status_code == 303
    assert answer.location.startswith("/c/")
    assert "Кружка" in client.get(answer.location).text
    assert orders(app) == [("preorder", "MUG/9", Decimal("90.50"))]
    with app.app_context():
        assert db.session.scalar(db.select(OrderEvent.actor).order_by(OrderEvent.id)) == "customer"


def test_coming_back_is_no_second_order_but_another_visitor_is(app, client, link):
    first = client.get(link, headers=PERSON).location
    assert client.get(link).location == first == client.get(link, headers=PERSON).location
    assert app.test_client().get(link, headers=PERSON).location != first
    assert len(orders(app)) == 2


@pytest.mark.parametrize("headers", [{}, PERSON | {"Sec-Purpose": "prefetch"}, {"Sec-Fetch-Mode": "no-cors"}])
def test_programs_that_look_at_the_link_make_no_order(app, client, link, headers):
    page = client.get(link, headers=headers)
    assert page.status_code == 200
    assert "Кружка" in page.text
    assert orders(app) == []
    assert client.post(link, data=form_of(page, "form")).location.startswith("/c/")
    assert len(orders(app)) == 1


def test_links_that_lead_nowhere_say_so(app, client, link):
    assert client.get(link + "0", headers=PERSON).status_code == 404
    assert client.get("/buy/other/MUG/9", headers=PERSON).status_code == 404
    with app.app_context():
        db.session.execute(db.update(Shop).values(buy_key=None))
        db.session.commit()
    gone = client.get(link, headers=PERSON)
    assert gone.status_code == 404
    assert "no longer sold" in gone.text
    assert orders(app) == []


def test_parcels_of_a_shop_are_set_and_wrong_sizes_are_kept_to_be_mended(app, client):
    login(client, "manager")
    with app.app_context():
        shop_id = db.session.scalar(db.select(Shop.id).order_by(Shop.id))
    sizes = {"parcel_weight": "700", "parcel_length": "30,5", "parcel_width": "20", "parcel_height": "10"}
    answer = client.post(f"/settings/shops/{shop_id}/parcels", data={"parcel": "fixed", **sizes})
    assert answer.status_code == 303
    with app.app_context():
        found = parcels.usual(shop_id)
        assert found[1:] == ("fixed", 700, 305, 200, 100)
    wrong = client.post(f"/settings/shops/{shop_id}/parcels", data={"parcel": "fixed", **sizes, "parcel_width": "wide"})
    assert wrong.status_code == 422
    assert 'value="wide"' in wrong.text
    assert 'value="30,5"' in wrong.text


def test_the_card_counts_sizes_while_the_box_is_ticked(app, client):
    login(client, "manager")
    with app.app_context():
        shop_id = db.session.scalar(db.select(Shop.id).order_by(Shop.id))
        db.session.add(Product(sku="MUG", name="Кружка", price=90, length=120, width=90, height=100))
        db.session.get(Shop, shop_id).parcel = "products"
        db.session.commit()
        parcels.forget_usual()
    form = form_of(client.get("/orders/new"), "#order-form")
    form |= {"lines-0-sku": "MUG", "lines-0-name": "Кружка", "lines-0-quantity": "2", "lines-0-price": "90"}
    page = client.post("/orders/totals", data=form).text
    assert 'name="length" type="text" value="18"' in page
    assert "readonly" in page
    typed = {name: value for name, value in form.items() if name != "auto_weight"}
    page = client.post("/orders/totals", data=typed | {"height": "7", "sizes_counted": "1"}).text
    assert 'name="height" type="text" value="7"' in page
