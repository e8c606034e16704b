"""RetailCRM: what the shared suite needs to know of it, and quirks of its own (more in its fixtures)."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal as D
from typing import Any

from integrations.retailcrm import translate
from integrations.sandbox import SandboxServer
from integrations.style import Style
from integrations.types import LineData, OrderData, Payment, Person

from .suite import Vendor

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


def order(key: str, **more: Any) -> OrderData:
    lines = [LineData("Mug", "SKU-1", quantity=D(2), price=D("350.50"))]
    return OrderData(**{"key": key, "recipient": Person("Orlova", "Anna", "", "+79990000001"), "lines": lines, **more})


def _page(connection: Any, sandbox: Any) -> tuple[set[str], set[str]]:
    keys = [f"H-{n}" for n in range(250)]
    for start in range(0, 250, 50):
        connection.send([order(key) for key in keys[start : start + 50]])
    copies = connection.find(keys)
    for copy in copies.values():
        sandbox.set_status(int(copy.external_id), "client-confirmed")
    changes, cursor = connection.statuses({}, datetime.now(UTC))
    assert connection.statuses(cursor, NOW) == ([], cursor)
    assert len(connection.statuses_of([copy.external_id for copy in copies.values()])) == 250
    return set(copies), {change.key for change in changes if change.status == "client-confirmed"}


VENDOR = Vendor(
    key="retailcrm",
    settings={"api_key": "sandbox-token", "site": "shop-1", "delivery_code": "", "duplicate_delivery": True,
              "copy_number": False, "external_id_prefix": ""},
    changed={"api_key": "a-newer-key", "site": "shop-2", "copy_number": True},
    read=lambda c: c.find(["A-1"]),
    write=lambda c: c.send([order("A-1")]),
    error=lambda words: {"success": False, "errorMsg": words},
    page=_page,
    unknown_status=lambda _: translate.status({"status": "teleported"}, Style()).status,
    faults={503: "rate_limited"},
    create=lambda c: c.send([order("ONCE")]),
    written=lambda full: translate.new_order(full, Style("hub-", "module", duplicate_delivery=True, copy_number=True)),
    skips={"orders_read": "A destination: no orders are taken from RetailCRM."},
)  # fmt: skip


def test_a_batch_taken_in_part_tells_each_reason_it_can() -> None:
    with SandboxServer(["retailcrm"]) as server:
        crm = VENDOR.connect(f"{server.url}/retailcrm", external_id_prefix="hub-")
        crm.send([order("A-1")])
        batch = [order("A-1"), order("A-2"), order("A-3", status="no-such")]
        sent = {one.key: one for one in crm.send(batch)}
        assert [sent[f"A-{n}"].fault for n in (1, 2, 3)] == ["duplicate", "", "validation"]
        assert (sent["A-3"].field, sent["A-2"].copy and sent["A-2"].copy.external_id) == ("status", "2")
        assert VENDOR.connect(f"{server.url}/retailcrm").find(["A-1"]) == {}


def test_an_order_is_changed_with_its_payment() -> None:
    with SandboxServer(["retailcrm"]) as server:
        crm = VENDOR.connect(f"{server.url}/retailcrm")
        (sent,) = crm.send([order("A-1", total=D(701))])
        paid = order("A-1", total=D(900), payment=Payment(kind="transfer", paid=True))
        assert crm.update(sent.copy.external_id, paid).copy == sent.copy
        assert [e["url"].rsplit("/v5/")[1] for e in crm.http.exchanges()][1:] == [
            "orders/1/edit",
            "orders/payments/1/edit",
        ]
        assert (crm.update("999", paid).fault, crm.update(sent.copy.external_id, paid).fault) == ("not_found", "")
