"""What Rozetka published against what we send, what our imitation answers, and what we make of their samples.

The files aren't ours to keep: they are read where the environment variable CONTRACTS names their folder."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from integrations import http
from integrations.rozetka import goods, sandbox_data, steps, translate
from integrations.sandbox import SandboxServer
from integrations.types import StatusChange, StockData

from .test_rozetka import LOGIN, VENDOR

FOLDER = Path(os.environ.get("CONTRACTS", "/nonexistent")) / "rozetka"
#: said of every list by the `_meta` of its answer, if not by its parameters
META = {"page", "pageSize", "sort"}
#: of the reference's pages "Models" and "AboutAPI", which the files don't hold
MODELS = {
    *("message", "code", "details", "description"),
    *("payment_method_name", "payment_invoice_id", "credit", "recipient_first_name", "recipient_last_name"),
    *("recipient_second_name", "uuid", "ff_can_approve", "front_group"),
}


def published(name: str, absent: Any) -> Any:
    path = FOLDER / name
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else absent


def samples() -> dict[str, list[Any]]:
    """ "get_orders_id" -> its samples."""
    found: dict[str, list[Any]] = {}
    for path in sorted(FOLDER.glob("samples/*.json")):
        found.setdefault(re.sub(r"_\d$", "", path.stem), []).append(json.loads(path.read_text(encoding="utf-8")))
    return found


def shape(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, kind) of everything in a JSON value; of lists that of their entries."""
    if isinstance(value, Mapping):
        for name, held in value.items():
            yield from shape(held, f"{path}.{name}")
    elif isinstance(value, list):
        yield path, "list"
        for held in value:
            yield from shape(held, f"{path}[]")
    else:
        kinds = {bool: "bool", str: "text", int: "number", float: "number", type(None): "null"}
        yield path, kinds[type(value)]


@pytest.fixture
def exchanges(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Everything the connector does, once, recorded whole."""
    monkeypatch.setattr(http, "MAX_RECORDED", 10_000_000)
    with SandboxServer(keys=["rozetka"]) as server:
        sandbox, rozetka = server.vendor("rozetka"), VENDOR.connect(f"{server.url}/rozetka", **LOGIN)
        ids = [str(sandbox.new_order(is_fulfillment=n == 0)["id"]) for n in range(45)]
        assert rozetka.test().ok
        assert len([raw for page in rozetka.pull({}, datetime.now(UTC)) for raw in page.orders]) == 45
        assert len(rozetka.orders_of(ids[:2])) == 2
        rozetka.references()
        said = [StatusChange(ids[1], "61", tracking_number="20450000000001"), StatusChange(ids[2], "40", text="No")]
        assert set(rozetka.write_statuses(said).values()) == {("", "")}
        assert list(rozetka.products())
        rozetka.write_stock([StockData("400000001", Decimal(3))])
        return rozetka.http.exchanges()


def test_we_ask_for_nothing_that_is_not_published(exchanges: list[dict[str, Any]]) -> None:
    known: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for entry in published("rozetka-apidoc-endpoints.json", {"endpoints": []})["endpoints"]:
        known.setdefault((entry["method"], entry["path"]), []).append(entry["request"])
    assert len(exchanges) > 15
    for exchange in exchanges if known else ():
        parts = urlsplit(exchange["url"])
        variants = known[exchange["method"], re.sub(r"/\d+$", "/{id}", parts.path.removeprefix("/rozetka"))]
        query = {f["name"] for v in variants for kind in v if "Body" not in kind for f in v[kind]}
        assert set(dict(parse_qsl(parts.query))) <= query | META, exchange["url"]
        if exchange["request"]:
            body = set(json.loads(exchange["request"]))
            fields = [v.get("Request Body Parameters", []) for v in variants]
            fits = [{f["name"] for f in f_ if f["required"]} <= body <= {f["name"] for f in f_} for f_ in fields]
            assert any(fits), exchange


def test_the_imitation_answers_in_the_published_shape(exchanges: list[dict[str, Any]]) -> None:
    """Each field it shows is in a sample, of the same kind there, or in the reference's lists of fields."""
    kinds: dict[str, set[str]] = {}
    for path, kind in (pair for several in samples().values() for sample in several for pair in shape(sample)):
        kinds.setdefault(leaf(path), set()).add(kind)
    endpoints = published("rozetka-apidoc-endpoints.json", {"endpoints": []})["endpoints"]
    listed = {leaf(field["name"]) for entry in endpoints for field in entry["response_fields"] or ()} | MODELS
    strange = set()
    for exchange in exchanges if kinds else ():
        for path, kind in shape(json.loads(exchange["response"])):
            name = leaf(path)
            if name not in listed and kind != "null" and not kinds.get(name, set()) & {kind, "null"}:
                strange.add((urlsplit(exchange["url"]).path, path, kind))
    assert strange == set()


def leaf(path: str) -> str:
    return path.split(".")[-1].removesuffix("[]")


def test_samples_are_read() -> None:
    found = samples()
    orders = [o for body in found.get("get_orders_search", ()) for o in body["content"]["orders"]]
    orders += [body["content"] for name in ("get_orders_id", "put_orders_id") for body in found.get(name, ())]
    for body in orders:
        order = translate.order(body, "uk")
        assert (order.external_id, order.status) == (str(body["id"]), str(body["status"]))
        assert order.placed_at
        assert order.recipient.full_name or not body.get("user")
        assert len(order.lines) == len(body.get("purchases", ()))
        assert order.total == Decimal(body["cost_with_discount"])
        assert sum(line.amount for line in order.lines) in (0, order.total)
        assert order.payment.kind == ("cod_cash" if body.get("payment_type") == "cash" else "other")
    for body in found.get("get_goods_all", ()):
        [product] = goods.page(body["content"]["items"], 1).products
        assert (product.external_id, product.own_id, product.sku) == ("344560030", "7372", "2348400")
        assert (product.price, product.quantity, product.available, product.brand) == (45003, 15, False, "UFI")
    for body in found.get("get_order-statuses_search", ()):
        assert [row.group for row in steps.listed(body["content"]["orderStatus"], "uk")] == ["in_work"]
    refused = [goods.refused(body) for body in found.get("put_items_mass-update", ())]
    assert refused in ([], [{}, dict.fromkeys(("102069758", "192630536"), "some_text1; some_text2; some_text3")])
    assert len(orders) == (8 if found else 0)


def test_the_statuses_are_those_that_are_published() -> None:
    known = published("rozetka-order-statuses.json", {str(code): name for code, name in sandbox_data.STATUSES.items()})
    assert {str(code): name for code, name in sandbox_data.STATUSES.items()} == known
    assert {code for code, *_rest in steps.MEANINGS.items() if code != "failed"} <= set(known)
