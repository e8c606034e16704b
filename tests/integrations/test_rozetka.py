"""Rozetka: what the shared suite needs to know of it, and quirks of its own (more in its fixtures)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from integrations.errors import Unknown
from integrations.sandbox import SandboxServer
from integrations.types import Raw, StatusChange, StockData

from . import suite
from .suite import Vendor, canned, fault_of

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
LOGIN = {"login": "seller1@example.com", "secret": "sandbox-token"}


VENDOR = Vendor(
    key="rozetka",
    settings={"login": "", "secret": "sandbox-token", "import_days": 30, "language": "uk"},
    changed={"login": "owner", "secret": "a-newer-token", "import_days": 3},
    read=lambda c: list(c.pull({}, NOW)),
    write=lambda c: c.write_statuses([StatusChange("900000001", "26")]),
    error=lambda words: {"success": False, "errors": {"message": words, "code": 1002}},
    page=suite.read_to_the_end,
    unknown_status=lambda c: c.read(Raw("1", {"id": 1, "status": "teleported"})).status,
    skips=suite.of_a_source("Rozetka"),
)


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    with SandboxServer(keys=["rozetka"]) as running:
        yield running


def test_threads_share_one_login_and_renew_it_once(server: SandboxServer) -> None:
    sandbox, rozetka = server.vendor("rozetka"), VENDOR.connect(f"{server.url}/rozetka", **LOGIN)
    assert rozetka.test().ok
    for _day in range(2):
        threads = [threading.Thread(target=rozetka.references) for _ in range(6)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        sandbox.expire_sessions()
    change = StatusChange(str(sandbox.new_order()["id"]), "26")
    assert rozetka.write_statuses([change]) == {change.external_id: ("", "")}
    assert sandbox.logins == 3
    assert not any(token in str(rozetka.http.exchanges()) for token in sandbox.sessions)
    for wrong in ({"login": "seller2@example.com"}, {"secret": "sandbox"}):
        assert fault_of(VENDOR.connect(f"{server.url}/rozetka", **{**LOGIN, **wrong}).test) == "credentials"


def test_an_order_is_led_through_processing_where_no_step_leads_straight(server: SandboxServer) -> None:
    sandbox, rozetka = server.vendor("rozetka"), VENDOR.connect(f"{server.url}/rozetka")
    ids = [str(sandbox.new_order(is_fulfillment=False)["id"]) for _ in range(4)]
    changes = [
        StatusChange(ids[0], "61", tracking_number="20450000000001"),
        StatusChange(ids[1], "2", tracking_number="20450000000002"),
        StatusChange(ids[2], "6"),
        StatusChange(ids[3], "61"),
    ]
    told = rozetka.write_statuses(changes)
    assert [told[identity][0] for identity in ids] == ["", "", "validation", "validation"]
    assert "from status 1 no step leads to 6; Rozetka offers: 26 Опрацьовується менеджером, 42" in told[ids[2]][1]
    orders = {raw.external_id: rozetka.read(raw) for raw in rozetka.orders_of([*ids, "1"])}
    found = [(orders[identity].status, orders[identity].delivery.tracking_number) for identity in ids]
    assert found == [("61", "20450000000001"), ("61", "20450000000002"), ("1", ""), ("1", "")]
    sandbox.fault("lost")
    with pytest.raises(Unknown):
        rozetka.write_statuses([StatusChange(ids[3], "40")])
    assert rozetka.write_statuses([StatusChange(ids[3], "40")]) == {ids[3]: ("", "")}


def test_polls_see_every_change_through_the_night_with_two_threes(server: SandboxServer) -> None:
    """Kyiv's clock goes back at four: what changes in the second hour has times of the first."""
    sandbox, rozetka = server.vendor("rozetka"), VENDOR.connect(f"{server.url}/rozetka", import_days=1)
    begin, cursor, seen = datetime(2026, 10, 24, 23, 30, tzinfo=UTC), {}, set()
    made = set()
    for minute in range(0, 180, 20):
        now = begin + timedelta(minutes=minute)
        made.add(str(sandbox.new_order(at=now)["id"]))
        *pages, last = rozetka.pull(cursor, now)
        seen |= {raw.external_id for page in pages for raw in page.orders}
        cursor = dict(last.cursor)
        assert datetime.fromisoformat(cursor["since"]) <= now
    assert seen == made


def test_the_catalogue_and_its_stock(server: SandboxServer) -> None:
    rozetka = VENDOR.connect(f"{server.url}/rozetka")
    pages = list(rozetka.products())
    goods = {product.external_id: product for page in pages for product in page.products}
    assert (len(goods), [b for page in pages for b in page.broken][0][0], pages[0].total) == (47, "P-TNT-2-BL", 48)
    wanted = {"400000001": 0, "400000002": 7, "1": 1}
    told = rozetka.write_stock([StockData(identity, Decimal(left)) for identity, left in wanted.items()])
    assert told == {"400000001": ("", ""), "400000002": ("", ""), "1": ("validation", "Товар не знайдено")}
    after = {p.external_id: p for page in rozetka.products(prices_only=True) for p in page.products}
    assert [(after[f"40000000{n}"].quantity, after[f"40000000{n}"].available) for n in (1, 2)] == [
        (0, False),
        (7, True),
    ]


def test_pages_that_do_not_go_on_are_an_error_and_no_end() -> None:
    same = {"success": True, "content": {"orders": [{"id": 1}], "_meta": {"pageCount": 3, "totalCount": 41}}}
    with canned((200, same)) as server:
        assert fault_of(VENDOR.read, VENDOR.connect(server.url)) == "broken"
        assert len(server.requests) == 2
