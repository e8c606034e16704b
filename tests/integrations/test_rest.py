"""What came of an exchange with a vendor that answers JSON, whoever the vendor is."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.base import Account
from integrations.errors import Later, Refused, VendorError
from integrations.http import HttpClient, Policy
from integrations.rest import ListAt, RestConnector
from integrations.types import Reference

from .suite import canned


class Plain(RestConnector):
    """A vendor that says nothing about itself."""

    api_path = "/api"


class Particular(Plain):
    status_faults = {418: "rate_limited"}
    complaint_faults = {r"no such shop": ("misconfigured", "shop"), r"^gone": ("not_found", "")}
    success = "ok"
    error_fields = {"items": "lines"}


def client(url: str, cls: type[RestConnector] = Particular) -> RestConnector:
    return cls(Account(1, "Any", {"api_url": url}), HttpClient(Policy(allow_private=True), ["s3cret"]))


def fails(status: int, body: Any, method: str = "POST", cls: type[RestConnector] = Particular) -> VendorError:
    with canned((status, body, {"Retry-After": "7"})) as server, pytest.raises(VendorError) as caught:
        client(server.url, cls).call(method, "x")
    return caught.value


@pytest.mark.parametrize(
    ("status", "body", "fault", "detail", "field"),
    [
        (418, {}, "rate_limited", "", ""),
        (200, {"message": "No such shop, s3cret"}, "misconfigured", "No such shop, [hidden]", "shop"),
        (500, {"message": "Gone."}, "not_found", "Gone.", ""),
        (
            200,
            {"errors": ["call us", "items[0].price: wrong"]},
            "validation",
            "call us; items[0].price: wrong",
            "lines",
        ),
        (400, {"errors": {"items": "wrong"}}, "validation", "items: wrong", "lines"),
        (400, {"message": "wrong", "errors": {"items": "wrong"}}, "validation", "items: wrong", "lines"),
        (422, {"message": "No"}, "validation", "No", ""),
        (200, {"ok": False}, "validation", '{"ok": false}', ""),
        (400, {"ok": False}, "validation", 'HTTP 400: {"ok": false}', ""),
        (400, "<html>", "misconfigured", "HTTP 400: <html>", "api_url"),
        (200, "[]", "broken", "HTTP 200, no JSON object: []", ""),
        (200, "{}", "broken", "HTTP 200, no JSON object: {}", ""),
        (502, "", "timeout", "HTTP 502:", ""),
    ],
)
def test_every_answer_is_judged_in_one_order(status: int, body: Any, fault: str, detail: str, field: str) -> None:
    error = fails(status, body)
    assert (error.fault, error.detail, error.field if not isinstance(error, Later) else "") == (fault, detail, field)


def test_a_vendor_that_says_nothing_of_itself() -> None:
    assert fails(200, {"message": "No"}, cls=Plain).fault == "validation"
    assert fails(418, {"message": "No such shop"}, cls=Plain).fault == "validation"
    late = fails(503, "", "GET", cls=Plain)
    assert (isinstance(late, Later) and late.retry_after, late.fault) == (7, "unavailable")
    with canned((200, {"ok": False})) as server:
        assert client(server.url, Plain).call("GET", "x") == {"ok": False}


def test_success_outweighs_words_and_a_status_may_be_read_too() -> None:
    with canned((200, {"ok": True, "message": "Thanks"}), (460, {"message": "In part"})) as server:
        vendor = client(server.url)
        assert vendor.call("POST", "x") == {"ok": True, "message": "Thanks"}
        assert vendor.call("POST", "x", also=(460,)) == {"message": "In part"}


def test_paths_and_forms() -> None:
    with canned((200, {"ok": True})) as server:
        vendor = client(server.url)
        vendor.call("GET", "orders", params={"a": 1})
        vendor.call("GET", "/status")
        vendor.post_form("orders", {"shop": "a b", "order": {"n": 1}})
        assert [request[:2] for request in server.requests] == [
            ("GET", "/api/orders?a=1"), ("GET", "/status"), ("POST", "/api/orders"),
        ]  # fmt: skip
        assert server.requests[2][2] == "shop=a+b&order=%7B%22n%22%3A+1%7D"


def test_a_harmless_post_may_be_repeated() -> None:
    with canned((500, "")) as server:
        for safe, fault in ((None, "broken"), (True, "unavailable")):
            with pytest.raises(VendorError, match=fault):
                client(server.url).call("POST", "search", safe=safe)


@pytest.mark.parametrize("found", [None, {}, "text", [5], [{"name": "no id"}], [{"id": "A"}]])
def test_what_is_no_list_is_not_taken_for_an_empty_one(found: Any) -> None:
    with canned((200, {"ok": True, "orders": found})) as server, pytest.raises(VendorError, match="no list of orders"):
        client(server.url).listed("orders", "orders")


def test_a_journal_is_read_to_its_end() -> None:
    pages = [[{"id": 3}, {"id": 5}], [{"id": 5}, {"id": 9}], [{"id": 9}]]
    with canned(*((200, {"ok": True, "log": page}) for page in pages)) as server:
        vendor = client(server.url)
        records, cursor = vendor.journal("log", "log", {"from": "monday"}, "after", size=2)
        assert ([r["id"] for r in records], cursor) == ([3, 5, 9], {"after": 9})
        assert vendor.journal("log", "log", cursor, "after") == ([], cursor)
        assert [path for _, path, _ in server.requests] == [
            "/api/log?size=2&from=monday", "/api/log?size=2&after=5", "/api/log?size=2&after=9", "/api/log?after=9",
        ]  # fmt: skip


def test_reference_lists() -> None:
    listed = {"b": {"code": "b", "name": "B", "group": "new", "active": True}, "c": {"code": "c", "active": False}}
    places = {"statuses": ListAt("st", "statuses"), "payment": ListAt("p", "types", "id", "on")}
    with canned(
        (200, {"statuses": listed}), (200, {"types": [{"id": 7, "name": "Cash"}, {"id": 8, "on": False}]})
    ) as s:
        lists = client(s.url).lists(places)
    assert lists == {"statuses": [Reference("b", "B", "new")], "payment": [Reference("7", "Cash")]}


@pytest.mark.parametrize(
    ("statuses", "missing"), [((200, 200), []), ((200, 403), ["b"]), ((403, 403), 403), ((200, 400), 400)]
)
def test_rights_section_by_section(statuses: tuple[int, ...], missing: Any) -> None:
    with canned(
        *((status, {"message": str(status)} if status > 200 else {"ok": True}) for status in statuses)
    ) as server:
        vendor = client(server.url)
        if isinstance(missing, list):
            assert list(vendor.missing_rights({"a": "no a", "b": "no b"}, limit=1)) == missing
        else:
            with pytest.raises(Refused, match=str(missing)):
                vendor.missing_rights({"a": "no a", "b": "no b"})
