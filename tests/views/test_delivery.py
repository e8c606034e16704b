"""Delivery on the card: offers, what was agreed to, recalculation, histories; against the Shiptor sandbox over HTTP."""

from __future__ import annotations

import json
import threading
from concurrent.futures import wait
from decimal import Decimal

import pytest

from jobs import connections, delivery, work
from models import Attempt, Connection, KeptAnswer, Link, MethodSwitch, Order, OrderType, PaymentMethod, Shop, db
from orders import choices, quotes
from orders import work as requests

from ..orders import build
from .delivery_card import Card, held, make, prices
from .helpers import count_queries, login
from .pages import parse

pytestmark = pytest.mark.usefixtures("manager", "vendor")


@pytest.fixture
def extra_env(sandbox) -> dict[str, str]:
    return {"SANDBOX_URL": sandbox.url}


def test_offers_are_shown_chosen_and_kept_with_the_order(app, client, shiptor):
    order_id = make(app)
    card = Card(client)
    box = card.ask()
    assert [legend.text for legend in box.all("legend")] == ["Standard", "End-to-end"]
    assert "₽" in prices(box)["18"]
    box = card.ask(offer="18")
    assert card.fields["tariff_name"] == "CDEK Курьер"
    assert held(app) is None, "nothing is saved until it is saved"
    assert card.ask() is None, "nothing new"
    assert card.save().status_code == 302
    kept = held(app)
    assert (kept.offer["code"], kept.place["code"], kept.basis) == ("18", "36000001000", card.sent["quote-key"])
    with app.app_context():
        order = db.session.get(Order, order_id)
        assert (order.tariff_code, order.tariff_name) == ("18", "CDEK Курьер")
        assert order.delivery_cost == Decimal(kept.offer["cost"]) > 0


def test_the_type_follows_the_method(app, client, shiptor):
    order_id = make(app)
    card = Card(client)
    card.ask()
    for offer, key in (("119", "end-to-end"), ("1", "standard")):
        card.ask(offer=offer)
        assert card.save().status_code == 302
        with app.app_context():
            assert db.session.get(Order, order_id).type.key == key
        tab = client.get(f"/orders?type={type_id(app, key)}")
        assert "A-1" in tab.get_data(as_text=True)
        card = Card(client)
        card.ask()


def type_id(app, key):
    with app.app_context():
        return db.session.scalar(db.select(OrderType.id).where(OrderType.key == key))


def test_a_change_of_weight_asks_and_nothing_is_saved_behind_ones_back(app, client, shiptor):
    order_id = make(app)
    card = Card(client)
    card.ask()
    card.ask(offer="1")
    card.save()
    before = held(app).offer["cost"]
    card = Card(client)
    assert not card.ask().all(".quote-news")
    card.sent.poplist("auto_weight")
    card.sent["weight"] = "9000"
    (news,) = card.ask().all(".quote-news")
    assert "→" in news.text
    refused = card.save()
    assert refused.status_code == 422
    assert "Accept or decline" in refused.get_data(as_text=True)
    with app.app_context():
        assert db.session.get(Order, order_id).weight == 400
    assert not card.ask(quote_do="accept").all(".quote-news")
    assert Decimal(card.fields["delivery_cost"]) > Decimal(before)
    assert card.save().status_code == 302
    agreed = Decimal(held(app).offer["cost"])
    with app.app_context():
        order = db.session.get(Order, order_id)
        assert (order.weight, order.delivery_cost) == (9000, agreed)


@pytest.mark.parametrize(
    "change", [{"city": "Казань"}, {"declared_value": "50000"}, {"length": "80", "width": "60", "height": "50"}]
)
def test_declining_keeps_what_was_agreed(app, client, shiptor, change):
    order_id = make(app)
    card = Card(client)
    card.ask()
    card.ask(offer="1")
    card.save()
    before = held(app).offer
    card = Card(client)
    card.ask()
    card.type(**change)
    assert card.ask().all(".quote-news")
    box = card.ask(quote_do="decline")
    assert not box.all(".quote-news")
    assert "delivery_cost" not in card.fields
    assert card.save().status_code == 302
    assert held(app).offer == before
    with app.app_context():
        assert db.session.get(Order, order_id).delivery_cost == Decimal(before["cost"])
    assert not Card(client).ask().all(".quote-news"), "it was answered"


def test_a_method_that_is_no_longer_possible_says_why(app, client, shiptor):
    make(app)
    card = Card(client)
    card.ask()
    card.ask(offer="25")
    card.save()
    card = Card(client)
    card.ask()
    card.sent.poplist("auto_weight")
    card.sent["weight"] = "16000"
    (news,) = card.ask().all(".quote-news")
    assert "Boxberry ПВЗ is no longer possible. Вес больше 15 кг" in news.text
    assert [button.get("value") for button in news.all("button")] == ["decline"]


def test_pickup_points_are_listed_and_taken(app, client, shiptor):
    order_id = make(app)
    card = Card(client)
    card.ask()
    box = card.ask(offer="17")
    point = next(o.get("value") for o in box.one(".quote-point select").all("option") if o.get("value"))
    box = card.ask(point=point)
    assert card.fields["pickup_code"] == point
    (link,) = [a for a in box.all("a") if "openstreetmap" in a.get("href")]
    assert "mlat=51." in link.get("href")
    card.save()
    with app.app_context():
        order = db.session.get(Order, order_id)
        assert (order.pickup_code, order.pickup_address) == (point, card.sent["pickup_address"])


def test_rules_of_the_post(app, client, shiptor):
    make(app, cod=True, cod_method="card", postal_code="")
    card = Card(client)
    assert "картой" in prices(card.ask())["3"]
    card.sent["cod_method"] = "cash"
    card.ask()
    card.ask(offer="3")
    refused = card.save()
    assert refused.status_code == 422
    assert "postal code" in refused.get_data(as_text=True)
    card.type(postal_code="394000", cod_method="card")
    assert "takes cash only" in card.save().get_data(as_text=True)


def test_places_are_suggested_and_several_have_to_be_chosen_from(app, client, shiptor):
    make(app, city="Берёзовка")
    found = client.get(f"/delivery/places?service={shiptor}&country=RU&q=берез").get_json()
    assert [one["note"] for one in found] == ["Воронежская область", "Пермский край"]
    card = Card(client)
    box = card.ask()
    assert "Several settlements" in box.text
    box = card.ask(place=found[1]["value"])
    assert card.fields["region"] == "Пермский край"
    assert "Нет пунктов выдачи" in prices(box)["17"]


def test_other_currencies_and_services_that_fail_are_said(app, client, shiptor, vendor):
    make(app, "B-1", currency="UAH")
    assert "counts in RUB" in Card(client, "B-1").ask().text
    make(app)
    vendor.fault("error500", times=0)
    card = Card(client)
    box = card.ask()
    assert "gave no prices" in box.text
    vendor.clear_faults()
    assert card.ask(quote_do="again").all(".offer")


def test_a_slow_service_does_not_hold_the_page(app, client, shiptor, vendor, monkeypatch):
    make(app)
    monkeypatch.setattr(delivery, "WAIT", 0.05)
    vendor.fault("slow", path="calculateShipping", times=1, seconds=0.4)
    card = Card(client)
    box = card.ask()
    assert "being asked" in box.text
    assert "load delay" in box.one("#delivery-quote").get("hx-trigger")
    monkeypatch.setattr(delivery, "WAIT", 5)
    assert card.ask().all(".offer")


def test_answers_are_kept_and_forgotten_by_shop(app, client, shiptor, vendor):
    make(app)
    Card(client).ask()
    asked = vendor.requests
    Card(client).ask()
    assert vendor.requests == asked
    with app.app_context():
        shop_id = db.session.scalar(db.select(Shop.id))
        assert quotes.count(shop_id) == 2  # the place and its prices
        quotes.clear(shop_id)
        db.session.commit()
        assert db.session.scalar(db.select(db.func.count()).select_from(KeptAnswer)) == 0
    Card(client).ask()
    assert vendor.requests > asked


def test_methods_that_a_shop_does_not_use_are_not_offered(app, client, shiptor):
    make(app)
    with app.app_context():
        shop_id = db.session.scalar(db.select(Shop.id))
        db.session.add(MethodSwitch(shop_id=shop_id, connection_id=shiptor, code="18"))
        db.session.commit()
    assert "18" not in prices(Card(client).ask())


def test_methods_are_ticked_quickly_saved_and_the_kept_answers_cleared(app, client, shiptor):
    make(app)
    with app.app_context():
        shop_id = db.session.scalar(db.select(Shop.id))
        connections.refresh_references(db.session.get(Connection, shiptor))
    url = f"/settings/delivery/{shop_id}"
    assert client.get("/settings/delivery").headers["Location"].endswith(url)
    for preset, gone in (("without-end-to-end", {"117", "118", "119"}), ("pickup", {"1", "3", "18", "118", "119"})):
        page = client.get(f"{url}?show={preset}")
        assert "not yet saved" in page.get_data(as_text=True)
        on = [box.get("value") for box in parse(page).all("[name]") if "checked" in box.attributes]
        assert not gone & set(on)
        assert client.post(url, data={f"on-{shiptor}": on}).status_code == 303
        shown = prices(Card(client).ask())
        assert set(shown) <= set(on)
        assert shown
    with app.app_context():
        assert quotes.count(shop_id) > 0
    assert client.post(f"{url}/clear", follow_redirects=True).status_code == 200
    with app.app_context():
        assert quotes.count(shop_id) == 0
    client.post(url, data={f"on-{shiptor}": [m for m in "1"]})
    login(client, "viewer")
    assert client.get(url).status_code == 200
    assert client.post(url, data={}).status_code == 403


def test_a_kept_answer_costs_few_queries_and_no_call(app, client, shiptor, vendor):
    make(app)
    card = Card(client)
    card.ask()
    asked = vendor.requests
    with count_queries(client) as queries:
        card.ask(quote_do="again")
    assert len(queries) <= 20, "\n".join(queries)
    assert vendor.requests == asked


def test_an_offer_goes_when_it_is_not_wanted_any_more(app, client, shiptor):
    order_id = make(app)
    card = Card(client)
    card.ask()
    card.ask(offer="1")
    card.save()
    card = Card(client)
    card.ask()
    card.ask(quote_do="drop")
    card.save()
    assert held(app) is None
    with app.app_context():
        assert db.session.get(Order, order_id).version == 3


def test_abroad_only_export_is_offered(app, client, shiptor):
    order_id = make(app, country="DE", city="Berlin")
    card = Card(client)
    box = card.ask()
    assert [legend.text for legend in box.all("legend")] == ["Export"]
    card.ask(offer="202")
    card.save()
    with app.app_context():
        assert db.session.get(Order, order_id).type.key == "export"
        requests.request_send([order_id], shiptor, "Tester")
        db.session.commit()
        work.drain(shiptor)
        assert db.session.get(Order, order_id, populate_existing=True).ttn.startswith("RP")


def test_an_order_that_moves_abroad_has_no_points_to_choose_from(app, client, shiptor):
    make(app)
    card = Card(client)
    card.ask()
    assert card.ask(offer="17").all(".quote-point option")
    card.save()
    card = Card(client)
    card.type(country="DE", city="Berlin")
    assert not card.ask().all(".quote-point option")


def test_two_pages_that_wait_for_one_answer_make_one_call_and_one_record(app, shiptor, sandbox):
    sandbox.app.latency = 0.3
    sandbox.vendor("shiptor").fault("error500", times=1)
    start, told = threading.Barrier(2), []

    def page() -> None:
        with app.app_context():
            start.wait(20)
            row = db.session.get(Connection, shiptor)
            told.append(delivery.settlements(row, None, "Воронеж", "RU", delivery.Patience(10)).fault)
            db.session.remove()

    pages = [threading.Thread(target=page) for _ in range(2)]
    for one in pages:
        one.start()
    for one in pages:
        one.join()
    assert told == ["unavailable"] * 2
    with app.app_context():
        assert len(db.session.scalars(db.select(Attempt).where(Attempt.verb == "quote")).all()) == 1


def test_answers_that_no_page_comes_back_for_are_forgotten(app, shiptor, vendor, monkeypatch):
    monkeypatch.setattr(delivery, "_MOST", 4)
    monkeypatch.setattr(delivery, "_under_way", {})
    with app.app_context():
        row = db.session.get(Connection, shiptor)
        for name in ("Воронеж", "Казань", "Самара", "Берёзовка"):
            assert delivery.settlements(row, None, name, "RU", delivery.Patience(0)).state == "waiting"
        wait([asked for asked, _since in delivery._under_way.values()])
        assert delivery.settlements(row, None, "Мезенское", "RU", delivery.Patience(10)).state == "ready"
        assert len(delivery._under_way) == 2
        assert delivery.settlements(row, None, "Берёзовка", "RU", delivery.Patience(10)).value


def test_a_new_order_is_made_with_its_offer(app, client, shiptor):
    make(app)
    card = Card(client, "new?from=A-1")
    card.url = "/orders/new"
    card.type(number="N-1")
    card.ask()
    card.ask(offer="18")
    assert card.save().status_code == 302
    assert held(app).offer["code"] == "18"


def test_a_parcel_gets_its_number_and_tells_its_history(app, client, shiptor, vendor):
    order_id = make(app)
    card = Card(client)
    card.ask()
    card.ask(offer="119")
    card.save()
    with app.app_context():
        requests.request_send([order_id], shiptor, "Tester")
        db.session.commit()
        work.drain(shiptor)
        link = db.session.scalar(db.select(Link))
        assert link.error is None
        order = db.session.get(Order, order_id)
        assert (order.ttn, order.status.key) == (link.external_number, "transferred")
        vendor.set_status(int(link.external_id), "sent")
        build.ran(shiptor, "statuses")
        assert db.session.get(Order, order_id, populate_existing=True).ttn_state == "sent"
        connections.refresh_references(db.session.get(Connection, shiptor))
        vendor.set_status(int(link.external_id), "delivered")
        build.ran(shiptor, "statuses")
        assert db.session.get(Order, order_id, populate_existing=True).ttn_state == "Доставлена"
    page = parse(client.get(f"/order/{order_id}/tracking"))
    steps = [step.one("b").text for step in page.all(".parcel-steps li")]
    assert steps[0] == "Вручено получателю"
    assert "Доставлена" in steps[1:3]  # what two lists tell of one second has no order
    row = parse(client.get("/orders?status=all")).one(f"#order-{order_id}")
    assert any(a.get("href") == f"/order/{order_id}/tracking" for a in row.all("a"))
    card = Card(client)
    box = card.ask()
    assert all("disabled" in fields.attributes for fields in box.all("fieldset"))
    card.ask(offer="1")
    forged = json.loads(card.sent["choice"])
    forged["offer"]["code"] = "1"
    card.sent["choice"] = json.dumps(forged)
    assert "keeps its delivery method" in card.save().get_data(as_text=True)


def test_a_parcel_of_an_order_that_waits_for_its_payment_is_warned_of(app, client, shiptor):
    with app.app_context():
        crm = connections.create("retailcrm", "CRM", {"api_url": "https://crm.example", "api_key": "k", "site": "s"}).id
        online = db.session.scalar(db.select(PaymentMethod.id).where(PaymentMethod.kind == "online_card"))
        db.session.commit()
    unpaid = make(app, payment_method_id=online)
    others = [make(app, "B-1", payment_method_id=online, paid=True), make(app, "C-1", cod=True)]
    htmx = {"HX-Request": "true"}

    def preview(ids, to):
        return client.post("/orders/bulk/send", data={"ids": ids, "to": to}, headers=htmx).get_data(as_text=True)

    assert "1 order waits for an online payment" in preview([unpaid, *others], shiptor)
    assert "online payment" not in preview(others, shiptor)
    assert "online payment" not in preview([unpaid], crm), "a CRM makes no parcel"
    card = parse(client.get("/orders/A-1"))
    assert "without cash on delivery" in card.one(f"#copy-{shiptor}").text
    assert "without cash on delivery" not in card.one(f"#copy-{crm}").text
    assert "without cash on delivery" not in client.get("/orders/B-1").get_data(as_text=True)
    for order_id, said in ((unpaid, True), (others[0], False)):
        sent = client.post(f"/orders/row/{order_id}/send", data={"to": shiptor}, headers=htmx)
        assert ("without cash on delivery" in sent.headers["HX-Trigger"]) is said


def test_viewers_and_hubs_without_a_service_see_no_box(app, client):
    make(app)
    assert not parse(client.get("/orders/A-1")).all("#delivery-quote")
    assert client.get("/order/9999/tracking").status_code == 404


@pytest.mark.parametrize(
    "written", ["", "-", "[]", "{}", '{"offer": 5, "place": {}}', "x" * 9000, '{"offer":{"code":""}}']
)
def test_hidden_fields_that_lie_are_no_choice(app, written):
    assert choices.read(written) is None
