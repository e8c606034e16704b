"""What the orders page promises for every status alike: its panel, Find and Clear, payments by kind, editing."""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import urlencode

import pytest

from models import Connection, Link, Order, Status, db
from orders import editing, statuses
from orders.timeline import Actor
from views.text import ZONE

from ..orders import build
from .helpers import login
from .pages import form_of, parse

OLENA = Actor("person", "Olena")
KEYS = ("new", "transferred", "problem", "confirmed", "preorder", "cancelled", "deleted")


@pytest.fixture(autouse=True)
def signed(client):
    login(client, "manager")


def numbers(client, address):
    return [link.text for link in parse(client.get(address)).all("[data-row] [data-open]")]


def status_id(app, key):
    with app.app_context():
        return build.status(key).id


@pytest.mark.parametrize("key", KEYS)
def test_each_status_has_the_same_panel_and_is_reached_from_the_strip(client, app, key):
    wanted = status_id(app, key)
    with app.app_context():
        build.connection("prom", "Prom shop")
        build.make({"number": f"S-{key}", "status_id": wanted}, {"number": "other"})
        name = db.session.get(Status, wanted).name
    strip = parse(client.get("/orders")).all("#strip a")
    address = next(a.get("href") for a in strip if a.all(".stats-name")[0].text.strip() == name)
    page = parse(client.get(address))
    assert f"S-{key}" in [link.text for link in page.all("[data-row] [data-open]")]
    summaries = {" ".join(one.text.split()) for one in page.all("summary")}
    assert {"Get from", "Create", "Send to", "Change status"} <= summaries
    assert all(any(one.startswith(chip) for one in summaries) for chip in ("Status", "Payment", "Paid"))
    assert page.all("#order-q")
    assert "/orders/export" in " ".join(a.get("href") or "" for a in page.all("a"))
    addresses = {a.get("href") for a in page.all("a")}
    assert {"/orders/new", "/preorders/new"} <= addresses


def test_find_keeps_the_filters_and_clear_leads_back_to_the_new_orders(client, app):
    with app.app_context():
        build.make({"number": "A-1", "paid": True}, {"number": "A-2"}, {"number": "B-1", "paid": True})
        build.make({"number": "A-9", "paid": True, "status_id": build.status("cancelled").id})
    address = "/orders?q=A-&status=all&paid=yes"
    assert numbers(client, address) == ["A-9", "A-1"]
    page = parse(client.get(address))
    fields = [page.one("#order-q"), *(each for each in page.all("input") if each.get("form") == "order-search")]
    kept = {each.get("name"): each.get("value") for each in fields}
    assert kept["paid"] == "yes"
    assert numbers(client, f"{page.one('#order-search').get('action')}?{urlencode(kept)}") == ["A-9", "A-1"]
    clear = next(a for a in page.all("a") if a.text.strip() == "Clear")
    assert clear.get("href") == "/orders"
    assert numbers(client, clear.get("href")) == ["B-1", "A-2", "A-1"]
    assert "Clear" not in [a.text.strip() for a in parse(client.get("/orders")).all("a")]


def test_payments_by_kind(client, app):
    with app.app_context():
        build.make(*({"number": kind, "payment_kind": kind} for kind in KINDS))
    found = {
        name: set(numbers(client, f"/orders?status=all&payment={name}")) for name in ("cash", "card", "prepaid", "")
    }
    assert found == {
        "cash": {"cod_cash"},
        "card": {"cod_card", "online_card"},
        "prepaid": {"online_card", "transfer", "other"},
        "": set(KINDS),
    }


KINDS = ("cod_cash", "cod_card", "online_card", "transfer", "other")


def test_a_new_orders_number_is_its_date_and_time(client):
    number = form_of(client.get("/orders/new"))["number"]
    assert re.fullmatch(r"\d{6}-\d{6}", number)
    passed = datetime.now(ZONE) - datetime.strptime(number, "%y%m%d-%H%M%S").replace(tzinfo=ZONE)
    assert abs(passed.total_seconds()) < 120


@pytest.mark.parametrize("key", [key for key in KEYS if key != "deleted"])
def test_orders_of_any_status_are_edited(client, app, key):
    with app.app_context():
        line = {"sku": "S", "name": "Case", "price": 100, "quantity": 1}
        order_id = editing.create({"number": "A-1", "first_name": "Olena", "city": "Київ"}, [line], OLENA)
        crm = build.connection()
        if key == "transferred":
            build.link(order_id, crm.id, sent_version=1)
        statuses.change([order_id], build.status(key), build.JOB)
        db.session.commit()
    sent = form_of(client.get("/orders/A-1"))
    sent["city"] = "Львів"
    assert client.post("/orders/A-1", data=sent).status_code == 302
    with app.app_context():
        order = db.session.get(Order, order_id)
        assert (order.city, order.status.key) == ("Львів", key)
        assert db.session.scalar(db.select(db.func.count()).select_from(Link)) == (key == "transferred")
        assert db.session.scalar(db.select(db.func.count()).select_from(Connection)) == 1


def test_the_form_recommends_the_postal_code(client, app):
    field = parse(client.get("/orders/new")).all("#postal_code")[0]
    assert field.get("placeholder") == "recommended"


def test_only_a_delivery_service_tells_a_history(client, app):
    with app.app_context():
        (order_id,) = build.make({"number": "A-1", "ttn": "2045001"})
        build.link(order_id, build.connection().id)
    address = f"/order/{order_id}/tracking"
    for page in ("/orders", "/orders/A-1"):
        assert address not in client.get(page).get_data(as_text=True)
    assert "No connected system tells the history" in client.get(address).get_data(as_text=True)


def test_every_entry_of_the_left_bar_has_a_key_of_its_own_and_the_list_of_keys_names_it(client):
    page = parse(client.get("/orders"))
    bar = {link.get("data-go"): link.all(".nav-label")[0].text for link in page.all(".side [data-go]")}
    assert len(bar) == len(page.all(".side [data-go]")) >= 8
    told = {line.all("dt")[0].text: line.all("dd")[0].text for line in page.all(".key-list div")}
    assert {f"g {key}": label for key, label in bar.items()}.items() <= told.items()
