"""Settings, stock: the owner switches it on, has systems told, and sees what they refused."""

from __future__ import annotations

from models import Offer, Run, StockNews, db
from orders import stock
from tests.orders import build

from .helpers import login


def test_the_owner_switches_it(client, app):
    login(client)
    assert "Stock" in client.get("/settings").text
    assert "stock changes only by hand" in client.get("/settings/stock").text
    client.post("/settings/stock", data={"on": "1"})
    client.post("/settings/stock", data={"on": "1"})
    with app.app_context():
        begun = stock.since()
        assert begun is not None
    assert "On since" in client.get("/settings/stock").text
    client.post("/settings/stock", data={"on": "0"})
    with app.app_context():
        assert stock.since() is None
    login(client, "manager")
    assert client.get("/settings/stock").status_code == 403


def test_systems_are_told_and_what_they_refused_is_shown(client, app):
    login(client)
    with app.app_context():
        crm, prom = build.connection(), build.connection("prom", "Prom")
        prom.settings = {"tell_stock": True}
        sold = Offer(connection_id=prom.id, external_id="5", sku="CUP", name="Cup")
        db.session.add(sold)
        db.session.flush()
        db.session.add(StockNews(connection_id=prom.id, offer_id=sold.id, state="refused", detail="Product not found"))
        db.session.commit()
        crm_id, prom_id = crm.id, prom.id
    page = client.get("/settings/stock").text
    assert "Product not found" in page
    assert f"/settings/stock/tell/{prom_id}" in page
    assert client.post(f"/settings/stock/tell/{prom_id}").status_code == 303
    assert client.post(f"/settings/stock/tell/{crm_id}").status_code == 404
    with app.app_context():
        assert [(run.task, run.requested_by) for run in db.session.scalars(db.select(Run))] == [("stock", "Owner")]
