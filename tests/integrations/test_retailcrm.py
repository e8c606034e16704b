"""RetailCRM: what the shared suite needs to know of it, and its own quirks (canned bodies in, expected objects out)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal as D
from typing import Any

import pytest

from integrations.retailcrm import translate
from integrations.sandbox import SandboxServer
from integrations.style import Style
from integrations.types import Delivery, LineData, OrderData, Payment, Person, ProductData

from .suite import Vendor, canned, fault_of, fixture, made

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
HISTORY = fixture("retailcrm/history.json")


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


def _unknown_status(_: Any) -> str:
    with canned((200, HISTORY)) as server:
        return str(VENDOR.connect(server.url).statuses({}, NOW)[0][0].status)


VENDOR = Vendor(
    key="retailcrm",
    settings={"api_key": "sandbox-token", "site": "shop-1", "delivery_code": "", "duplicate_delivery": True,
              "copy_number": False, "external_id_prefix": ""},
    changed={"api_key": "a-newer-key", "site": "shop-2", "copy_number": True},
    read=lambda c: c.find(["A-1"]),
    write=lambda c: c.send([order("A-1")]),
    error=lambda words: {"success": False, "errorMsg": words},
    page=_page,
    unknown_status=_unknown_status,
    faults={503: "rate_limited"},
    create=lambda c: c.send([order("ONCE")]),
    written=lambda full: translate.new_order(full, Style("hub-", "module", duplicate_delivery=True, copy_number=True)),
    skips={"orders_read": "A destination: no orders are taken from RetailCRM."},
)  # fmt: skip


def test_a_change_clears_what_was_removed() -> None:
    bare = translate.changed_order(replace(order("A-1"), delivery=Delivery(code="courier")), Style())
    assert [bare[name] for name in ("patronymic", "email", "discountManualAmount")] == ["", "", 0]
    assert bare["delivery"] == {
        "cost": 0,
        "address": dict.fromkeys([*translate.PLACE, "text"], ""),
        "code": "courier",
    }
    assert not {"number", "status", "managerComment", "payments", "externalId"} & bare.keys()


@pytest.mark.parametrize("case", fixture("retailcrm/payments.json"))
def test_payments_are_brought_in_step(case: dict[str, Any]) -> None:
    changed = order("A-1", payment=made(Payment, case["ours"]), total=D(700))
    found = translate.payment_step(case["held"], changed, Style())
    assert (found and [found[0], *(found[1][name] for name in ("type", "amount", "status"))]) == case["step"]


def test_history_gives_status_changes_of_others() -> None:
    with canned((200, HISTORY)) as server:
        changes, cursor = VENDOR.connect(server.url).statuses({"filter[sinceId]": 7000}, NOW)
        assert "filter%5BsinceId%5D=7000" in server.requests[0][1]
    assert [(c.external_id, c.key, c.status) for c in changes] == [
        ("501", "A-1", "teleported"),
        ("502", "", "complete"),
    ]
    assert cursor == {"filter[sinceId]": 7044}
    with canned((200, {"success": True, "history": []})) as server:
        assert VENDOR.connect(server.url).statuses({}, NOW) == ([], {"filter[startDate]": "2026-01-04 12:00:00"})


def test_a_batch_taken_in_part_tells_each_reason_it_can() -> None:
    with SandboxServer(["retailcrm"]) as server:
        crm = VENDOR.connect(f"{server.url}/retailcrm", external_id_prefix="hub-")
        crm.send([order("A-1")])
        batch = [order("A-1"), order("A-2"), order("A-3", status="no-such")]
        sent = {one.key: one for one in crm.send(batch)}
        assert [sent[f"A-{n}"].fault for n in (1, 2, 3)] == ["duplicate", "", "validation"]
        assert (sent["A-3"].field, sent["A-2"].copy and sent["A-2"].copy.external_id) == ("status", "2")
        assert VENDOR.connect(f"{server.url}/retailcrm").find(["A-1"]) == {}


def test_few_orders_of_a_batch_are_sent_again() -> None:
    batch = [order(f"A-{n}") for n in range(2, 10)]
    answers = [(460, fixture("retailcrm/upload_partial.json")), (400, VENDOR.error("No.")), (503, ""), (500, "")]
    with canned(*answers) as server:
        sent = {one.key: one.fault for one in VENDOR.connect(server.url).send(batch)}
        assert len(server.requests) == 6
    faults = ["", "validation", "rate_limited", "broken", "broken", "broken", "validation", "broken"]
    assert [sent[o.key] for o in batch] == faults


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
    answers = [(200, {"success": True, "id": 1}), (200, {"success": True, "order": {"id": 1, "payments": []}})]
    with canned(*answers, (200, {"success": True, "id": 5})) as server:
        assert VENDOR.connect(server.url).update("1", paid).fault == ""
        assert [path for _, path, _ in server.requests][1:] == [
            "/api/v5/orders/1?by=id",
            "/api/v5/orders/payments/create",
        ]


def test_products_are_made_when_absent() -> None:
    mugs = [ProductData("SKU-1", "Mug"), ProductData("SKU-2", "Plate")]
    offers = {"success": True, "offers": [{"id": 7, "externalId": "SKU-1"}, {"id": 8, "externalId": "sku-2"}]}
    sites = {"success": True, "sites": {"shop-1": {"code": "shop-1", "catalogId": 4}}}
    cases = ((200, [100], {"SKU-1": "7", "SKU-2": "100"}), (200, [], {"SKU-1": "7"}), (400, [], {"SKU-1": "7"}))
    for status, added, wanted in cases:
        answer = {"success": status == 200, "addedProducts": added, "errors": ["Name?"] * (status == 400)}
        with canned((200, offers), (200, sites), (status, answer), (200, offers)) as server:
            assert VENDOR.connect(server.url).ensure_products(mugs) == wanted
            assert "catalogId" in server.requests[2][2]
    with canned((200, offers), (200, sites), (400, VENDOR.error("Access denied."))) as server:
        assert fault_of(VENDOR.connect(server.url).ensure_products, mugs) == "credentials"
    with SandboxServer(["retailcrm"]) as running:
        crm = VENDOR.connect(f"{running.url}/retailcrm")
        assert crm.ensure_products(mugs) == crm.ensure_products(mugs)


@pytest.mark.parametrize(
    ("said", "notes"),
    [
        ({"siteAccess": "access_selective", "sitesAvailable": ["shop-1"], "scopes": ["order_read", "order_write"]}, 0),
        ({"siteAccess": "access_selective", "sitesAvailable": []}, 1),
        ({"siteAccess": "access_full", "scopes": ["order_read"]}, 1),
    ],
)
def test_a_key_is_checked(said: dict[str, Any], notes: int) -> None:
    with canned((200, {"success": True, **said})) as server:
        result = VENDOR.connect(server.url).test()
    assert (result.ok, len(result.notes)) == (not notes, notes)


@pytest.mark.parametrize("case", fixture("retailcrm/complaints.json"))
def test_complaints_are_understood(case: dict[str, Any]) -> None:
    fault, field = case["fault"], case["field"]
    with canned((case["status"], case["body"])) as server:
        crm = VENDOR.connect(server.url)
        assert fault_of(VENDOR.write, crm) == fault
        result = [one.field for one in crm.send([order("A-1")])] if fault in ("validation", "duplicate") else [field]
    assert result == [field]
