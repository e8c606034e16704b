"""A waybill from the card: its branch chosen, made, printed without the key leaving the server, its way shown."""

from __future__ import annotations

import pytest

from jobs import connections, delivery, work
from models import Attempt, Link, Order, db
from orders import work as requests

from ..orders import build
from .delivery_card import Card, prices
from .helpers import login
from .pages import parse

KEY = "sandbox-token"


@pytest.fixture
def extra_env(sandbox) -> dict[str, str]:
    return {"SANDBOX_URL": sandbox.url}


@pytest.fixture
def vendor(sandbox):
    imitation = sandbox.vendor("nova_poshta")
    imitation.set_rate(None)
    return imitation


@pytest.fixture
def poshta(app, client, sandbox, vendor) -> int:
    login(client, "manager")
    with app.app_context():
        roubles = {"api_url": f"{sandbox.url}/shiptor", "api_key": KEY, "sender_city": "77000000000"}
        connections.create("shiptor", "A first service", roubles)
        settings = {"api_url": f"{sandbox.url}/nova_poshta", "api_key": KEY, "sender_city": "Київ", "sender_point": "1"}
        row = connections.create("nova_poshta", "Nova Poshta", settings)
        db.session.commit()
        connections.refresh_references(row)
        return row.id


def make(app, number="W-1", **values) -> int:
    with app.app_context():
        return build.to_deliver("UA", number, **values)


def read(app, connection_id) -> None:
    with app.app_context():
        build.ran(connection_id, "statuses")


def test_from_the_branch_to_the_printed_label(app, client, poshta, vendor):
    order_id = make(app)
    card = Card(client, "W-1")
    box = card.ask()
    assert set(prices(box)) == {"WarehouseWarehouse", "WarehousePostomat", "WarehouseDoors"}, "the one in hryvnias"
    box = card.ask(offer="WarehouseWarehouse")
    options = [option for option in box.one(".quote-point select").all("option") if option.get("value")]
    assert options[1].text.startswith("Відділення №2")
    card.ask(point=options[1].get("value"))
    assert card.save().status_code == 302
    assert "Create TTN" in parse(client.get("/orders/W-1")).one(f"#copy-{poshta}").text
    with app.app_context():
        requests.request_send([order_id], poshta, "Tester")
        db.session.commit()
        work.drain(poshta)
        order = db.session.get(Order, order_id)
        number, made = order.ttn, next(iter(vendor.account().table("orders").values()))
        assert (order.status.key, number, made["RecipientAddress"]) == (
            "transferred", made["IntDocNumber"], options[1].get("value"))  # fmt: skip
    vendor.set_status(number, "7")
    read(app, poshta)
    assert "Прибуло у відділення" in parse(client.get("/orders?status=all")).one(f"#order-{order_id}").text
    page = client.get("/orders/W-1").get_data(as_text=True)
    papers = [a.get("href") for a in parse(page).one(f"#copy-{poshta}").all(".copy-actions a")]
    assert len(papers) == 2
    label = client.get(papers[0])
    assert (label.mimetype, label.data[:5]) == ("application/pdf", b"%PDF-")
    assert number in label.headers["Content-Disposition"]
    assert KEY not in page + str(label.headers)
    steps = parse(client.get(f"/order/{order_id}/tracking")).all(".parcel-steps li")
    assert [step.one("b").text for step in steps] == ["Прибуло у відділення", "Створено, ще не передано"]


def test_a_label_that_is_not_printed_says_so_and_hides_the_key(app, client, poshta, vendor, monkeypatch):
    order_id = make(app, pickup_address="Відділення №2")
    with app.app_context():
        requests.request_send([order_id], poshta, "Tester")
        db.session.commit()
        work.drain(poshta)
    url = f"/order/{order_id}/paper/{poshta}/printDocument"
    vendor.fault("garbage", path="/orders/")
    assert "printed nothing" in client.get(url, follow_redirects=True).get_data(as_text=True)
    with monkeypatch.context() as patched:
        patched.setattr(delivery, "PRINTED_IN", 0.05)
        vendor.fault("slow", times=1, path="/orders/", seconds=0.4)
        assert "printed nothing" in client.get(url, follow_redirects=True).get_data(as_text=True)
    assert client.get(f"/order/{order_id}/paper/{poshta}/secrets").status_code == 302
    assert client.get(f"/order/{make(app, 'W-2')}/paper/{poshta}/printDocument").status_code == 404
    with app.app_context():
        (attempt,) = db.session.scalars(db.select(Attempt).where(Attempt.verb == "print"))
        assert KEY not in str(attempt.exchanges)
        assert db.session.scalar(db.select(Link.external_number)) in attempt.exchanges[0]["url"]


def test_a_number_that_was_typed_in_shows_its_way(app, client, poshta, vendor):
    order_id = make(app, ttn="20450000000001")
    assert "No connected system tells" in client.get(f"/order/{order_id}/tracking").get_data(as_text=True)
    read(app, poshta)
    page = client.get(f"/order/{order_id}/tracking").get_data(as_text=True)
    assert "Nova Poshta" in page
    assert "No connected system tells" not in page
    assert "Номер не знайдено" in parse(client.get("/orders?status=all")).one(f"#order-{order_id}").text
