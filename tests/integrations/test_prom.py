"""Prom: what the shared suite needs to know of it, and its own quirks (canned bodies in, expected objects out)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.errors import Refused, Unknown
from integrations.sandbox import SandboxServer
from integrations.types import OrderData, Raw, StatusChange

from .suite import Vendor, canned, fault_of

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
ACCEPT = StatusChange("300000001", "received")


def _page(connection: Any, sandbox: Any) -> tuple[set[str], set[str]]:
    made = {str(sandbox.new_order()["id"]) for _ in range(250)}
    *pages, last = connection.pull({}, datetime.now(UTC))
    assert (last.orders, all(page.cursor is None for page in pages)) == ((), True)
    ids = [raw.external_id for page in pages for raw in page.orders]
    assert len(ids) == len(set(ids))
    return made, set(ids)


VENDOR = Vendor(
    key="prom",
    settings={"token": "sandbox-token", "import_days": 30, "language": "ru", "accept_new": True},
    changed={"token": "a-newer-token", "import_days": 3},
    read=lambda c: list(c.pull({}, NOW)),
    write=lambda c: c.write_statuses([ACCEPT]),
    error=lambda words: {"error": words},
    page=_page,
    unknown_status=lambda c: c.read(Raw("1", {"id": 1, "status": "teleported"})).status,
    skips=dict.fromkeys(
        ("created_once", "lost_answer_found", "order_written"), "A source: nothing is created at Prom."
    ),
)


def test_new_orders_are_accepted_only_when_asked() -> None:
    on, off = VENDOR.connect("http://127.0.0.1:1"), VENDOR.connect("http://127.0.0.1:1", accept_new=False)
    new, old = (OrderData(external_id="300000001", status=status) for status in ("pending", "paid"))
    assert (on.on_arrival(new), on.on_arrival(old), off.on_arrival(new)) == (ACCEPT, None, None)


@pytest.mark.parametrize(
    ("cursor", "since"),
    [({}, "2026-02-18T12%3A00%3A00"), ({"since": "2026-03-20T11:58:00+02:00"}, "2026-03-20T09%3A48%3A00")],
)
def test_a_pull_starts_before_its_cursor(cursor: dict[str, str], since: str) -> None:
    with canned((200, {"orders": []})) as server:
        (page,) = VENDOR.connect(server.url).pull(cursor, NOW)
        assert f"last_modified_from={since}" in server.requests[0][1]
    assert page.cursor == {"since": NOW.isoformat()}


def test_statuses_are_written_in_groups_and_each_order_is_answered_for() -> None:
    texts = StatusChange("4", "canceled", reason="another", text="Sorry")
    plain = [StatusChange(n, "canceled", reason="duplicate", text="not to be sent") for n in ("5", "6")]
    wrong = [
        StatusChange("x", "received"),
        StatusChange("7", "canceled"),
        StatusChange("8", "canceled", reason="another"),
    ]
    changes = [StatusChange("1", "received"), *wrong, texts, *plain, StatusChange("2", "received")]
    answers = [(200, {"processed_ids": [1]}), (500, {}), (200, {"status": "error", "message": "Too late"})]
    with canned(*answers) as server:
        results = VENDOR.connect(server.url).write_statuses(changes)
        bodies = [body for _, _, body in server.requests]
    assert [results[order][0] for order in "124"] == ["", "validation", "broken"]
    assert {results[order][0] for order in "5678x"} == {"validation"}
    assert results["5"] == ("validation", "Too late")
    assert '"cancellation_text":"Sorry"' in bodies[1]
    assert "not to be sent" not in bodies[2]


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
    unknown = {"delivery_provider_data": None, "delivery_option": {"name": "Pigeon post"}}
    with canned((200, {"order": unknown})) as canned_server, pytest.raises(Refused, match="validation"):
        VENDOR.connect(canned_server.url).write_tracking("1", "1", "Pigeon post")


@pytest.mark.parametrize(("denied", "ok", "notes"), [(["orders"], False, 1), (["payment_options"], True, 1)])
def test_missing_rights_are_named(denied: list[str], ok: bool, notes: int) -> None:
    answers: dict[str, Any] = {"orders/list": {"orders": []}, "payment_options/list": {"payment_options": []}}
    given = [(403, {"error": "No"}) if path.split("/")[0] in denied else (200, body) for path, body in answers.items()]
    with canned(*given) as server:
        result = VENDOR.connect(server.url).test()
    assert (result.ok, len(result.notes)) == (ok, notes)
    with canned((200, {"orders": []}), (400, {"error": "No"})) as server:
        assert fault_of(VENDOR.connect(server.url).test) == "validation"
