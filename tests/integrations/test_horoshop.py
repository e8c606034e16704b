"""Horoshop: what the shared suite needs to know of it, its sessions, and a catalogue (more in its fixtures)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.errors import Refused, Unknown
from integrations.sandbox import SandboxServer
from integrations.types import Raw, StatusChange

from . import suite
from .suite import Vendor, fixture

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
SETTINGS = {"login": "api", "password": "sandbox-token", "article": "article", "import_days": 30, "language": "uk"}


VENDOR = Vendor(
    key="horoshop",
    settings=SETTINGS | {"do_not_call_field": ""},
    changed={"password": "a-newer-secret", "article": "display"},
    read=lambda c: list(c.pull({}, NOW)),
    write=lambda c: c.write_statuses([StatusChange("501", "2")]),
    error=lambda words: {"status": "ERROR", "response": {"message": words}},
    page=suite.read_to_the_end,
    unknown_status=lambda c: c.read(Raw("1", {"order_id": 1, "stat_status": "teleported"})).status,
    # at the login, which each of these calls begins with: calls.json has what comes after
    faults={400: "credentials", 422: "credentials", 404: "misconfigured", 403: "unavailable"}
    | dict.fromkeys((500, 502, 504), "unavailable"),
    skips=suite.of_a_source("Horoshop"),
)


@pytest.fixture
def shop(server: SandboxServer) -> Any:
    return server.vendor("horoshop")


@pytest.fixture
def connection(server: SandboxServer) -> Any:
    return VENDOR.connect(f"{server.url}/horoshop")


def test_threads_share_one_login_and_one_renewal(shop: Any, connection: Any) -> None:
    number = str(shop.new_order()["order_id"])
    for logins in (1, 2):
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(lambda _: connection.orders_of([number])[0].external_id, range(4)))
        assert found == [number] * 4
        assert shop.logins == logins
        shop.expire()


def test_two_shops_have_the_same_numbers(server: SandboxServer, shop: Any, connection: Any) -> None:
    other = VENDOR.connect(connection.base_url, password="sandbox-token-2")
    ours, theirs = shop.new_order(), shop.new_order("sandbox-token-2")
    assert ours["order_id"] == theirs["order_id"]
    change = StatusChange(str(ours["order_id"]), "3")
    assert other.write_statuses([change]) == {change.external_id: ("", "")}
    read = [c.read(c.orders_of([change.external_id])[0]).status for c in (connection, other)]
    assert read == ["1", "3"]


def test_a_lost_status_and_a_tracking_number(shop: Any, connection: Any) -> None:
    number = str(shop.new_order()["order_id"])
    change = StatusChange(number, "4")
    shop.fault("lost")
    with pytest.raises(Unknown):
        connection.write_statuses([change])
    assert connection.write_statuses([change]) == {number: ("", "")}
    assert connection.write_statuses([StatusChange(number, "2")]) == {number: ("validation", "order is cancelled")}
    connection.write_tracking(number, "20450000000001", "Нова Пошта")
    order = connection.read(connection.orders_of([number])[0])
    assert (order.status, order.delivery.tracking_number) == ("4", "20450000000001")
    with pytest.raises(Refused, match="not found"):
        connection.write_tracking("999", "20450000000001", "")


def test_a_payment_that_comes_later_is_seen_when_the_last_days_are_read_again(shop: Any, connection: Any) -> None:
    now = datetime.now(UTC)
    number = shop.new_order(created=now - timedelta(days=5), payed=0)["order_id"]
    *_, last = connection.pull({}, now)
    shop.pay(number)
    *pages, last = connection.pull(last.cursor, now + timedelta(minutes=2))
    assert pages == []
    page, _ = connection.pull(last.cursor, now + timedelta(minutes=40))
    assert connection.read(page.orders[0]).payment.paid


def test_orders_add_up(shop: Any, connection: Any) -> None:
    made = {str(one["order_id"]): one for one in (shop.new_order() for _ in range(80))}
    for raw in connection.orders_of(list(made)):
        order, theirs = connection.read(raw), made[raw.external_id]
        goods = sum(line.amount for line in order.lines)
        assert float(goods - order.discount) == theirs["total_sum"]
        assert order.total == goods - order.discount + order.delivery.cost
        assert " ".join(sorted(order.recipient.full_name.split())) == " ".join(sorted(theirs["delivery_name"].split()))
        assert order.recipient.first_name
        assert order.recipient.last_name
    assert {connection.read(raw).do_not_call for raw in connection.orders_of(list(made))} == {True, False}


def test_the_article_and_the_field_of_do_not_call_can_be_chosen() -> None:
    body = fixture("horoshop/order_full.json") | {"do_not_call": 0, "extra": {"quiet": "1"}}
    chosen = VENDOR.connect("http://127.0.0.1:1", article="display", do_not_call_field="extra.quiet")
    order = chosen.read(Raw("501", body))
    assert ([line.sku for line in order.lines], order.do_not_call) == (["3101", "PLT-1", "CARD"], True)


@pytest.mark.parametrize("prices_only", [False, True])
def test_the_catalogue_is_walked_to_its_end(shop: Any, connection: Any, prices_only: bool) -> None:
    articles = [one["article"] for one in shop.account().table("products").values()]
    pages = list(connection.products(prices_only))
    assert [offer.external_id for page in pages for offer in page.products] == articles
    assert all(len(page.products) <= 100 for page in pages) or prices_only
    assert [bool(page.products[0].description) for page in pages] == [not prices_only] * len(pages)


def test_an_order_that_vanishes_between_two_pages_takes_no_other_with_it(shop: Any, connection: Any) -> None:
    made = [shop.new_order()["order_id"] for _ in range(150)]
    pages = connection.pull({}, datetime.now(UTC))
    read = {raw.external_id for raw in next(pages).orders}
    for number in made[-3:]:
        del shop.account().table("orders")[number]
    read |= {raw.external_id for page in pages for raw in page.orders}
    assert read == {str(number) for number in made}
