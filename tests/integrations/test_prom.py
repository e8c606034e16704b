"""Prom: what the shared suite needs to know of it, and a quirk of its own (more in its fixtures)."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from integrations.errors import Unknown
from integrations.sandbox import SandboxServer
from integrations.types import Raw, StatusChange, StockData

from . import suite
from .suite import Vendor

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
ACCEPT = StatusChange("300000001", "received")


VENDOR = Vendor(
    key="prom",
    settings={"token": "sandbox-token", "import_days": 30, "language": "ru", "accept_new": True},
    changed={"token": "a-newer-token", "import_days": 3},
    read=lambda c: list(c.pull({}, NOW)),
    write=lambda c: c.write_statuses([ACCEPT]),
    error=lambda words: {"error": words},
    page=suite.read_to_the_end,
    unknown_status=lambda c: c.read(Raw("1", {"id": 1, "status": "teleported"})).status,
    skips=suite.of_a_source("Prom"),
)


def test_the_whole_catalogue_and_stock_by_either_name() -> None:
    with SandboxServer() as server:
        sandbox, prom = server.vendor("prom"), VENDOR.connect(f"{server.url}/prom")
        pages = list(prom.products())
        offers = [offer for page in pages for offer in page.products]
        table = sandbox.account("sandbox-token").table("products")
        assert {int(offer.external_id) for offer in offers} == {i for i, p in table.items() if p["status"] != "deleted"}
        assert (len(pages) > 1, len(offers)) == (True, len({offer.external_id for offer in offers}))
        one, two = offers[:2]
        told = prom.write_stock([StockData(one.external_id, Decimal(7)), StockData("1", Decimal(7))])
        assert told == {one.external_id: ("", ""), "1": ("not_found", "Product not found")}
        named = VENDOR.connect(f"{server.url}/prom", stock_by="own")
        sandbox.fault("lost")
        with pytest.raises(Unknown):
            named.write_stock([StockData("x", Decimal(0), own_id=two.own_id)])
        assert named.write_stock([StockData("x", Decimal(0), own_id=two.own_id)]) == {"x": ("", "")}
        again = {offer.external_id: offer for page in prom.products() for offer in page.products}
        assert [again[o.external_id].quantity for o in (one, two)] == [7, 0]
        assert again[two.external_id].available is False


def test_a_lost_status_answer_can_be_repeated() -> None:
    with SandboxServer() as server:
        sandbox, prom = server.vendor("prom"), VENDOR.connect(f"{server.url}/prom")
        change = StatusChange(
            str(sandbox.new_order(delivery_option={"id": 8001, "name": "Нова Пошта"})["id"]), "received"
        )
        sandbox.fault("lost")
        with pytest.raises(Unknown):
            prom.write_statuses([change])
        assert prom.write_statuses([change]) == {change.external_id: ("", "")}
        prom.write_tracking(change.external_id, "20450000000001", "Нова Пошта, відділення")
        order = next(prom.pull({}, datetime.now(UTC))).orders[0]
        assert (prom.read(order).status, prom.read(order).delivery.tracking_number) == ("received", "20450000000001")
        prom.write_tracking(change.external_id, "20450000000002", "")


def test_given_orders_are_read_again_and_one_that_is_gone_is_left_out() -> None:
    with SandboxServer(("prom",)) as server:
        sandbox, prom = server.vendor("prom"), VENDOR.connect(f"{server.url}/prom")
        made = [sandbox.new_order() for _ in range(2)]
        paid = sandbox.pay(made[0]["id"])
        found = prom.orders_of([str(made[0]["id"]), "5", str(made[1]["id"])])
    assert [raw.external_id for raw in found] == [str(order["id"]) for order in made]
    assert [raw.body["payment_data"] for raw in found] == [paid["payment_data"], made[1]["payment_data"]]
