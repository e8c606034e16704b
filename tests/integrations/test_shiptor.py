"""Shiptor: what the shared suite needs to know of it, and a parcel's life (more in its fixtures)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

from integrations.fields import texts
from integrations.sandbox import SandboxServer
from integrations.shiptor import translate
from integrations.style import Style
from integrations.types import Address, Delivery, LineData, OrderData, Person, ProductData

from .suite import Vendor, fault_of

THERE = Delivery(service_code="1", settlement="36000001000")


def order(key: str, **more: Any) -> OrderData:
    given = {"currency": "RUB", "recipient": Person("Orlova", "Anna", "", "+79990000001"), "declared_value": D(701),
             "address": Address("RU", "", "Воронеж", "Мира", "7"), "delivery": THERE, "weight": 600,
             "lines": [LineData("Mug", "SKU-1", quantity=D(2), price=D("350.50"))]}  # fmt: skip
    return OrderData(key, **{**given, **more})


def _send(shiptor: Any, one: OrderData) -> Any:
    shiptor.ensure_products([ProductData(line.sku, line.name) for line in one.lines if line.sku])
    return shiptor.send([one])


def _page(shiptor: Any, sandbox: Any) -> tuple[set[str], set[str]]:
    keys = [f"P-{n}" for n in range(230)]
    copies = [shiptor.make(order(key, lines=())) for key in keys]
    changes, cursor = shiptor.statuses({"ids": [copy.external_id for copy in copies]}, None)
    assert cursor == {}
    return set(keys), {change.key for change in changes}


SENDER = ("point", "email", "region", "settlement", "street", "house", "postal_code")
VENDOR = Vendor(
    key="shiptor",
    settings={"api_key": "sandbox-token", "sender_city": "77000000000", "sender_name": "Shop", "external_id_prefix": "",
              "sender_phone": "+79990000000", "default_weight": "500", "default_side": "100",
              "delivery_sku": "delivery", **{f"sender_{name}": "" for name in SENDER}},
    changed={"api_key": "a-newer-key", "sender_city": "36000001000", "default_weight": "700"},
    read=lambda c: c.find(["A-1"]),
    write=lambda c: [c.update("7", order("A-1"))],
    error=lambda words: {"jsonrpc": "2.0", "error": {"code": -32602, "message": words}, "id": "perron"},
    page=_page,
    unknown_status=lambda _: texts({"status": "teleported"}, translate.STATUS)["status"],
    create=lambda c: _send(c, order("ONCE")),
    written=lambda full: translate.parcel(
        replace(full, delivery=replace(full.delivery, service_code="17", pickup_code="5120")), "77000000000",
        Style("hub-"), {"delivery_sku": "delivery"}
    ),
    skips={"orders_read": "A destination: no orders are taken from Shiptor."},
)  # fmt: skip


def test_a_parcel_is_made_changed_followed_and_removed() -> None:
    with SandboxServer(["shiptor"]) as server:
        sandbox, shiptor = server.vendor("shiptor"), VENDOR.connect(f"{server.url}/shiptor")
        sandbox.set_rate(None)
        (sent,) = _send(shiptor, order("A-1"))
        assert (sent.fault, sent.copy.number, sent.copy.status) == ("", f"RP{sent.copy.external_id}", "new")
        held = sandbox.account().table("orders")[number := int(sent.copy.external_id)]
        assert (held["weight"], held["length"], held["cod"], held["declared_cost"]) == (0.6, 10, 0, 701)
        assert shiptor.update(sent.copy.external_id, order("A-1", weight=900)).fault == ""
        assert sandbox.account().table("orders")[number]["weight"] == 0.9
        sandbox.set_status(number, "sent")
        assert [c.status for c in shiptor.statuses_of([sent.copy.external_id, "999"])] == ["sent"]
        assert [event.text for event in shiptor.history(str(number))] == ["Новая", "Отправлена", "Принято в доставку"]
        assert shiptor.update(sent.copy.external_id, order("A-1")).detail == "Can not edit a package in this state."
        assert fault_of(shiptor.delete, sent.copy.external_id) == "validation"
        gone = _send(shiptor, order("A-2", delivery=replace(THERE, service_code="119", kind="end-to-end")))[0].copy
        assert [fault_of(shiptor.delete, number) for number in (gone.external_id, gone.external_id, "999")] == [
            "", "not_found", "not_found"]  # fmt: skip
