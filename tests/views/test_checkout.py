"""The customer's page with a delivery service behind it: settlements, points and prices of the Shiptor sandbox."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from jobs import checkout, connections, delivery
from models import DeliveryChoice, DeliveryMethod, Mapping, Order, OrderType, PaymentMethod, Product, Shop, db
from orders import choices, order_links, preorders, quotes
from orders.preorders import Wanted
from orders.timeline import Actor

from .helpers import count_queries, login
from .pages import form_of, parse
from .test_preorders import WHO as UA_WHO
from .test_preorders import product

pytestmark = pytest.mark.usefixtures("vendor")
sqlite_only = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
OLENA = Actor("person", "Olena")
WHO = {**UA_WHO, "phone": "+79121112233"}


@pytest.fixture
def extra_env(sandbox) -> dict[str, str]:
    return {"SANDBOX_URL": sandbox.url}


@pytest.fixture
def methods(app, sandbox) -> dict[str, int]:
    """Our delivery methods by name, some of them the service's."""
    with app.app_context():
        settings = {"api_url": f"{sandbox.url}/shiptor", "api_key": "sandbox-token"}
        service = connections.create("shiptor", "Shiptor", settings)
        for name, kind, code in (("CDEK point", "pickup", "17"), ("Courier CDEK", "courier", "18")):
            row = DeliveryMethod(name=name, kind=kind, position=90)
            db.session.add(row)
            db.session.flush()
            db.session.add(Mapping(connection_id=service.id, table="delivery_out", lookup=str(row.id), theirs=code))
        db.session.commit()
        return {m.name: m.id for m in db.session.scalars(db.select(DeliveryMethod))} | {"service": service.id}


@pytest.fixture
def link(app, methods) -> str:
    """The address of a pre-order in roubles; a kilogram."""
    with app.app_context():
        row = db.session.get(Product, product(price="900", currency="RUB", weight=1000))
        made = preorders.create([Wanted(row, Decimal(1))], db.session.scalar(db.select(Shop)), "P-1", OLENA)
        db.session.commit()
        return f"/c/{made.secret['token']}"


class Customer:
    """A browser at the page; without scripts it presses buttons, with them it saves fields and fetches the page."""

    def __init__(self, app, link: str) -> None:
        self.client, self.link = app.test_client(), link

    def types(self, **words):
        assert self.client.post(f"{self.link}/field", data=words).status_code == 204
        return self

    def sees(self, step: int = 2):
        return parse(self.client.get(f"{self.link}?step={step}&look=1").text)

    def sends(self, step: int, **words):
        """The form as it stands, with more words."""
        form = form_of(self.client.get(f"{self.link}?step={step}&look=1").text, "#order")
        return self.client.post(self.link, data={**form, **words})


def price(page, method: int) -> str:
    return page.one(f"#cost-{method}").text


def pay(app, kind: str) -> int:
    with app.app_context():
        return db.session.scalar(db.select(PaymentMethod.id).where(PaymentMethod.kind == kind))


def held(app) -> Order:
    with app.app_context():
        return db.session.scalar(db.select(Order))


def test_settlements_are_suggested_as_they_are_typed(app, link):
    customer = Customer(app, link)
    assert customer.client.get(f"{link}/places?q=вор").json == [{"text": "Воронеж", "note": "Воронежская область"}]
    assert [found["note"] for found in customer.client.get(f"{link}/places?q=бере").json] == [
        "Воронежская область", "Пермский край"]  # fmt: skip
    assert customer.client.get(f"{link}/places?q=в").json == []
    assert customer.client.get("/c/wrong/places?q=вор").status_code == 410


def test_the_order_is_placed_with_a_point_and_its_price_without_a_script(app, link, methods):
    customer = Customer(app, link)
    assert customer.client.post(link, data={"step": 1, **WHO}).location.endswith("step=2")
    method = {"delivery_method_id": methods["CDEK point"], "city": "Воронеж"}
    looked = customer.client.post(link, data={"step": 2, "look": 1, **method})
    page = parse(customer.client.get(looked.location).text)
    cost = price(page, methods["CDEK point"])
    assert "₽" in cost
    assert "days" in page.one(f"#term-{methods['CDEK point']}").text
    points = page.all(".point")
    assert len(points) == 4
    assert points[0].one("a").get("rel") == "noopener noreferrer"
    assert "openstreetmap.org/?mlat=51." in points[0].one("a").get("href")
    refused = customer.sends(2, pickup_address="somewhere")
    assert (refused.status_code, "Choose a point" in refused.text) == (422, True)
    code = points[1].one("input").get("value")
    assert customer.sends(2, pickup_code=code).location.endswith("step=3")
    assert customer.sends(3, payment_method_id=pay(app, "online_card")).location == link
    order = held(app)
    assert (order.pickup_code, order.city, order.region) == (code, "Воронеж", "Воронежская область")
    assert order.pickup_address == points[1].one("input").get("data-address")
    assert (order.tariff_code, order.total) == ("17", 900 + order.delivery_cost)
    assert f"{order.delivery_cost}" in cost.replace(",", ".")
    with app.app_context():
        choice = db.session.scalar(db.select(DeliveryChoice))
        assert (choice.offer["code"], choice.place["code"]) == ("17", "36000001000")
        assert db.session.get(OrderType, order.type_id).key == "standard"


def test_staff_see_no_news_in_what_the_customer_agreed_to(app, client, link, methods):
    customer = Customer(app, link).types(**WHO, city="Воронеж", street="Мира", house="7", postal_code="394000")
    customer.types(delivery_method_id=methods["Courier CDEK"], payment_method_id=pay(app, "cod_cash"))
    assert customer.sends(3).location == link
    order = held(app)
    assert (order.cod, order.cod_amount) == (True, 900 + order.delivery_cost)
    login(client, "manager")
    card = form_of(client.get("/orders/P-1").text)
    box = client.post("/delivery/quote", data=card, headers={"HX-Request": "true"}).text
    assert "quote-news" not in box
    assert choices.read(card["choice"]).code == "18"


def test_the_price_is_live_and_what_changed_is_agreed_to_again(app, link, methods):
    """What is collected costs more: the page that was sent before that was known comes back with the new total."""
    customer = Customer(app, link).types(**WHO, city="Воронеж", street="Мира", house="7")
    customer.types(delivery_method_id=methods["Courier CDEK"])
    before = price(customer.sees(), methods["Courier CDEK"])
    again = customer.sends(3, payment_method_id=pay(app, "cod_cash"))
    assert again.status_code == 422
    assert "has changed" in again.text
    assert price(customer.sees(), methods["Courier CDEK"]) != before
    assert customer.client.post(link, data=form_of(again.text, "#order")).location == link
    assert held(app).status_id != 0


def test_a_name_of_several_places_is_asked_about(app, link, methods):
    customer = Customer(app, link).types(city="березовка", delivery_method_id=methods["Courier CDEK"])
    page = customer.sees()
    assert [box.get("value") for box in page.all("#place input")] == ["Воронежская область", "Пермский край"]
    assert price(page, methods["Courier CDEK"]) == ""
    refused = customer.sends(2, street="Мира", house="7")
    assert "Several places have this name" in refused.text
    page = customer.types(region="Пермский край").sees()
    assert "₽" in price(page, methods["Courier CDEK"])
    assert [box.get("value") for box in page.all("#place [checked]")] == ["Пермский край"]
    assert "does not know this place" in customer.types(city="Атлантида", region="").sees().one("#place").text


def test_what_is_impossible_there_says_why_and_can_not_be_chosen(app, link, methods):
    customer = Customer(app, link).types(city="Мезенское", delivery_method_id=methods["CDEK point"])
    page = customer.sees()
    assert "Нет пунктов выдачи" in page.one(f"#term-{methods['CDEK point']}").text
    assert page.all(".point") == []
    assert "not possible here" in customer.sends(2, pickup_address="x").text.lower()


def test_the_post_wants_a_code_and_takes_no_cards(app, link, methods):
    """The method isn't mapped: it stands for the carrier that its key names."""
    post = methods["Russian Post"]
    customer = Customer(app, link).types(city="Воронеж", delivery_method_id=post)
    assert "₽" in price(customer.sees(), post)
    assert "Fill this in" in customer.sends(2, street="Мира", house="7").text
    ways = [box.get("value") for box in customer.sees(3).all(".choices input")]
    assert str(pay(app, "cod_cash")) in ways
    assert str(pay(app, "cod_card")) not in ways


def test_points_are_found_by_street(app, link, methods):
    customer = Customer(app, link).types(city="Воронеж", delivery_method_id=methods["CDEK point"])
    everything = [box.get("data-address") for box in customer.sees().all(".point input")]
    street = everything[2].split(", ")[1].split()[-1]
    found = [
        box.get("data-address") for box in customer.types(pickup_address=street.upper()).sees().all(".point input")
    ]
    assert found == [address for address in everything if street in address]


def test_methods_that_the_shop_switched_off_are_not_offered(app, link, methods):
    with app.app_context():
        shop = db.session.scalar(db.select(Shop.id))
        quotes.switch(shop, methods["service"], ["17", "18"], ["18"])
        db.session.commit()
    page = Customer(app, link).types(city="Воронеж").sees()
    assert page.all(f"#cost-{methods['CDEK point']}") == []
    assert price(page, methods["Courier CDEK"])


def test_a_slow_service_does_not_hold_the_page(app, link, methods, vendor, monkeypatch):
    monkeypatch.setattr(checkout, "ASKED", 0.05)
    customer = Customer(app, link).types(city="Казань", delivery_method_id=methods["Courier CDEK"])
    vendor.fault("slow", path="calculateShipping", times=1, seconds=0.4)
    page = customer.sees()
    assert page.all("[data-again]")
    assert price(page, methods["Courier CDEK"]) == ""
    monkeypatch.setattr(checkout, "ASKED", 5)
    assert "₽" in price(customer.sees(), methods["Courier CDEK"])


def test_a_service_that_fails_leaves_the_page_as_it_is_without_one(app, link, methods, vendor):
    customer = Customer(app, link).types(**WHO, city="Воронеж", street="Мира", house="7")
    customer.types(delivery_method_id=methods["Courier CDEK"], payment_method_id=pay(app, "cod_cash"))
    for _ in range(12):
        vendor.fault("error500")
    page = customer.sees()
    assert (price(page, methods["Courier CDEK"]), page.all("[data-again]")) == ("", [])
    assert customer.sends(3).location == link
    assert held(app).delivery_cost == 0


def test_points_that_are_not_told_leave_the_address_to_be_typed(app, link, methods, vendor):
    customer = Customer(app, link).types(**WHO, city="Воронеж", delivery_method_id=methods["CDEK point"])
    vendor.fault("error500", times=0, path="getDeliveryPoints")
    page = customer.sees()
    assert "₽" in price(page, methods["CDEK point"])
    assert page.all(".point") == []
    assert customer.sends(2, pickup_address="ул. Мира, 7").location.endswith("step=3")


def test_abroad_the_service_is_asked_for_no_places_and_quotes_by_the_country(app, link, methods, vendor):
    with app.app_context():
        export = DeliveryMethod(name="Export", kind="courier", position=91)
        db.session.add(export)
        db.session.flush()
        db.session.add(Mapping(connection_id=methods["service"], table="delivery_out", lookup=str(export.id),
                               theirs="202"))  # fmt: skip
        db.session.execute(db.update(Order).values(country="DE"))
        db.session.commit()
        export_id = export.id
    customer = Customer(app, link)
    assert customer.client.get(f"{link}/places?q=бер").json == []
    assert vendor.requests == 0
    assert "₽" in price(customer.types(city="Berlin").sees(), export_id)


@sqlite_only
def test_an_order_in_another_currency_asks_no_service(app, link, methods, vendor):
    with app.app_context():
        order = db.session.scalar(db.select(Order))
        order.currency = "UAH"
        db.session.commit()
        assert checkout.look(order, {}, 1) == checkout.Found(services=[])
    page = Customer(app, link).types(city="Воронеж").sees()
    assert page.all("#place") == []


def test_the_page_stays_light_and_asks_the_database_little(app, client, link, methods):
    customer = Customer(app, link).types(city="Воронеж", delivery_method_id=methods["CDEK point"])
    customer.sees()
    with count_queries(client) as queries:
        page = customer.client.get(f"{link}?step=2").text
    assert len(queries) <= 20
    assets = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    sizes = [(Path(app.static_folder) / a.removeprefix("/static/").split("?")[0]).stat().st_size for a in assets]
    assert len(page.encode()) + sum(sizes) < 60 * 1024


def test_only_kept_answers_count_while_rows_are_locked(app, link, methods):
    with app.app_context():
        found = order_links.by_token(link.removeprefix("/c/"), lock=True)
        typed = {"city": "Самара", "delivery_method_id": str(methods["Courier CDEK"])}
        words = {name: typed.get(name, "") for name in checkout.completion.FIELDS}
        assert checkout.look(found.order, words, None).waiting
        assert delivery.Patience(0).left == 0
