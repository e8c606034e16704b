"""KeyCRM: what the shared suite needs to know of it, and quirks of its own (more in its fixtures)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal as D
from typing import Any

from integrations.keycrm import translate
from integrations.keycrm.terms import Terms
from integrations.sandbox import SandboxServer
from integrations.style import Style
from integrations.types import LineData, OrderData, Person, StatusChange
from jobs.suggestions import Ours, Theirs, suggest_out

from .suite import Vendor

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
TERMS = Terms(Style("hub-"), "7", account="https://peron.keycrm.app")
BRANCH = "1ec09d2e-e1c2-11e3-8c4a-0050568002cf"


def order(key: str, **more: Any) -> OrderData:
    lines = [LineData("Mug", "SKU-1", quantity=D(2), price=D("350.50")), LineData("Card", "SKU-2", price=D(5))]
    given = {"key": key, "recipient": Person("Орлова", "Ганна", "", "+380501112233"), "lines": lines, "total": D(706)}
    return OrderData(**{**given, **more})


def _page(connection: Any, sandbox: Any) -> tuple[set[str], set[str]]:
    keys = [f"H-{n}" for n in range(230)]
    for start in range(0, 230, 50):
        assert all(one.fault == "" for one in connection.send([order(key) for key in keys[start : start + 50]]))
    changes, cursor = connection.statuses({}, now := datetime.now(UTC))
    assert cursor == {"since": now.isoformat()}
    return set(connection.find(keys)), {change.key for change in changes}


def _written(full: OrderData) -> dict[str, Any]:
    branch = replace(full.delivery, code="2", pickup_code=BRANCH, tracking_number="20450000000001")
    full = replace(full, delivery=branch, payment=replace(full.payment, code="3"), utm={"source": "ads", "term": ""})
    return translate.new_order(full, TERMS, frozenset({"2"}))


VENDOR = Vendor(
    key="keycrm",
    settings={"api_key": "sandbox-token", "mode": "orders", "source_id": "7", "pipeline_id": "", "number_field": "",
              "no_call_field": "", "account_url": "", "external_id_prefix": ""},
    changed={"api_key": "a-newer-key", "mode": "cards", "pipeline_id": "2"},
    read=lambda c: c.find(["A-1"]),
    write=lambda c: c.write_statuses([StatusChange("1", "2")]),
    error=lambda words: {"message": words},
    page=_page,
    unknown_status=lambda _: translate.status({"id": 1, "status_id": "teleported"}, TERMS).status,
    faults={403: "validation"},
    create=lambda c: c.send([order("ONCE")]),
    written=_written,
    skips={
        "orders_read": "A destination: no orders are taken from KeyCRM.",
        "products_made_once": "Its orders name products, and none has to exist.",
        "lost_answer_found": "An order alone is looked for first, and that answer would be lost; see tests/jobs.",
    },
)  # fmt: skip


def test_its_own_payment_methods_and_services_are_suggested() -> None:
    kinds, names = ("cod_cash", "online_card", "transfer", "other"), ("Нова Пошта", "Укрпошта", "Самовивіз")
    ours = {
        "payment": [Ours(n, "", "—", kind) for n, kind in enumerate(kinds)],
        "delivery": [Ours(n, "", name) for n, name in enumerate(names)],
    }
    with SandboxServer(["keycrm"]) as server:
        lists = VENDOR.connect(f"{server.url}/keycrm").references()
    found = {}
    for table in VENDOR.cls.mappings:
        rows = ours.get(table.ours, [])
        theirs = [Theirs(entry.code, entry.name, entry.group) for entry in lists[table.theirs]]
        found[table.key] = suggest_out(table.ours, rows, theirs, {**table.hints, **table.names})
    assert found["payment_out"] == {0: "1", 1: "2", 2: "3", 3: "5"}
    assert found["delivery_out"] == {0: "1", 1: "2", 2: "3"}
