"""What KeyCRM published against what our imitation takes and answers, and against what we send.

Without the published description the calls are made all the same, and judged by nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import jsonschema
import pytest

from integrations import http
from integrations.keycrm.sandbox import PATHS
from integrations.sandbox import SandboxServer
from integrations.types import OrderData, Payment, StatusChange

from .keycrm_box import card, client, order
from .keycrm_contract import answer_schema, described, operation, wrong_with_request
from .suite import fixture, made
from .test_keycrm import BRANCH, VENDOR
from .test_keycrm import order as ours

JSON = dict[str, Any]
#: documented fields that no call of the walk below brings about, or that this imitation hasn't
NOT_SHOWN = {"shipment_type", "warehouse", "shipping_address_country_code", "Назва властивості"}
# What the imitation answers


@pytest.fixture
def walk() -> Iterator[list[httpx.Response]]:
    """Each call of the imitation once, with everything that may be given and included."""
    answers: list[httpx.Response] = []
    with SandboxServer(["keycrm"]) as server:
        server.vendor("keycrm").set_rate(None)
        with client(server) as keycrm:
            keycrm.event_hooks["response"] = [answers.append]
            _orders(keycrm)
            _cards(keycrm)
            _goods(keycrm)
            for name in (
                "tag",
                "source",
                "status",
                "payment-method",
                "expense-type",
                "delivery-service",
                "product-status",
            ):
                keycrm.get(f"/order/{name}", params={"limit": 50})
            keycrm.get("/users", params={"limit": 50, "page": 1})
            keycrm.get("/custom-fields", params={"include": "options", "filter[model]": "order"})
        yield answers


LINE = {
    **{
        "sku": "K-000001",
        "name": "Чашка",
        "price": 124.5,
        "purchased_price": 100,
        "discount_percent": 5,
        "comment": "!",
    },
    **{"discount_amount": 1.5, "quantity": 2, "unit_type": "шт", "picture": "https://images.example.com/1.jpg"},
    "properties": [{"name": "Колір", "value": "Синій"}],
}
SHIPPING = {
    **{"delivery_service_id": 1, "tracking_code": "20450000000001", "shipping_service": "Нова Пошта"},
    **{"shipping_address_city": "Київ", "shipping_address_country": "Україна", "shipping_address_region": "Київська"},
    **{"shipping_address_zip": "01001", "shipping_secondary_line": "кв. 5", "shipping_receive_point": "Відділення 5"},
    **{"recipient_full_name": "Петро", "recipient_phone": "+380501112234", "shipping_date": "2026-01-09"},
    "warehouse_ref": "1ec09d2e-e1c2-11e3-8c4a-0050568002cf",
}
PAYMENT = {
    **{"payment_method_id": 2, "amount": 123.5, "description": "Аванс", "payment_date": "2026-01-05 07:00:00"},
    "status": "not_paid",
}
ONE = {
    **{"buyer_comment": "Дзвоніть", "manager_id": 1, "manager_comment": "Терміново", "promocode": "NEW"},
    **{"discount_percent": 1, "discount_amount": 2, "shipping_price": 70, "wrap_price": 3.5, "gift_message": "Вітаємо"},
    **{"is_gift": True, "gift_wrap": True, "taxes": 2.5, "ordered_at": "2026-01-05 07:00:00", "shipping": SHIPPING},
    **{"marketing": {"utm_source": "ads", "utm_medium": "cpc"}, "products": [LINE], "payments": [PAYMENT]},
    "custom_fields": [{"uuid": "OR_1001", "value": "1"}],
}
INCLUDE = ",".join(
    (
        *("buyer", "products.offer", "manager", "tags", "status", "marketing", "payments", "shipping.lastHistory"),
        *("shipping.deliveryService", "expenses", "custom_fields", "assigned"),
    )
)


def _orders(keycrm: httpx.Client) -> None:
    number = keycrm.post("/order", json=order(**ONE)).json()["id"]
    many = {
        name: value for name, value in ONE.items() if name not in ("manager_id", "gift_message", "is_gift", "gift_wrap")
    }
    many["shipping"] = {name: value for name, value in SHIPPING.items() if name != "shipping_service"}
    keycrm.post("/order/import", json={"orders": [order("B", **many), order("C")]})
    keycrm.post(f"/order/{number}/tag/1")
    keycrm.post(f"/order/{number}/expense", json={"expense_type_id": 1, "amount": 20.5, "description": "Кур'єр"})
    payment = keycrm.post(f"/order/{number}/payment", json={"payment_method_id": 1, "amount": 5}).json()["id"]
    keycrm.put(f"/order/{number}/payment/{payment}", json={"status": "canceled", "description": "Помилка"})
    change = {"status_id": 4, "discount_amount": 3, "products": [{"sku": "K-000001", "price": 11.99, "quantity": 1}]}
    keycrm.put(f"/order/{number + 2}", json=change | {"shipping": {"tracking_code": "1"}, "manager_comment": "Готово"})
    keycrm.get(f"/order/{number}", params={"include": INCLUDE})
    filters = {
        "source_id": "7",
        "source_uuid": "A-1",
        "created_between": "2025-01-01, 2027-01-01",
        "has_tracking_code": "true",
    }
    asked = {f"filter[{name}]": value for name, value in filters.items()}
    keycrm.get("/order", params={"include": INCLUDE, "sort": "-id", "limit": 50, "page": 1, **asked})
    keycrm.delete(f"/order/{number}/tag/1")
    keycrm.get("/order/999")


def _cards(keycrm: httpx.Client) -> None:
    line = {name: LINE[name] for name in ("sku", "price", "quantity", "unit_type", "name", "picture")}
    fields = {"custom_fields": [{"uuid": "LD_1021", "value": "A-1"}]}
    given = card(pipeline_id=2, manager_id=1, utm_source="ads", products=[line], payments=[PAYMENT], **fields)
    number = keycrm.post("/pipelines/cards", json=given | {"manager_comment": "!"}).json()["id"]
    bare = {name: value for name, value in line.items() if name != "unit_type"}
    keycrm.put(
        f"/pipelines/cards/{number}", json={"status_id": 2, "note": "!", "title": "A-1", "products": [bare], **fields}
    )
    payment = keycrm.post(f"/pipelines/cards/{number}/payment", json={"payment_method_id": 1, "amount": 5}).json()["id"]
    keycrm.put(f"/pipelines/cards/{number}/payment/{payment}", json={"status": "paid"})
    include = "contact.client,products,products.offer,manager,status,payments,custom_fields"
    keycrm.get(f"/pipelines/cards/{number}", params={"include": include})
    keycrm.get("/pipelines/cards", params={"include": include, "filter[pipeline_id]": "1", "limit": 50})
    keycrm.get("/pipelines", params={"limit": 50})
    keycrm.get("/pipelines/1/statuses", params={"limit": 50})


def _goods(keycrm: httpx.Client) -> None:
    new = {"name": "Новинка", "sku": "N-1", "price": 12.5, "purchased_price": 7, "barcode": "1", "category_id": 2}
    new |= {"description": "!", "pictures": ["https://images.example.com/1.jpg"], "currency_code": "UAH", "weight": 0.5}
    keycrm.post("/products", json=new)
    keycrm.post("/products/import", json={"products": [new | {"sku": "N-2"}]})
    keycrm.get(
        "/products",
        params={"limit": 50, "include": "custom_fields", "filter[category_id]": "2,3", "filter[is_archived]": "false"},
    )
    keycrm.get("/products/1", params={"include": "custom_fields"})
    keycrm.get("/products/categories", params={"limit": 50, "filter[parent_id]": "1"})
    keycrm.post("/products/categories", json={"name": "Нова", "parent_id": 1})
    keycrm.get("/offers", params={"limit": 50, "include": "product", "sort": "id", "filter[product_id]": "1,4"})
    keycrm.get("/offers/stocks", params={"limit": 50, "filter[details]": "true", "filter[offers_sku]": "K-000001"})
    keycrm.put(
        "/offers", json={"offers": [{"sku": "N-1", "price": 9, "image_url": "https://images.example.com/2.jpg"}]}
    )
    keycrm.put("/offers/stocks", json={"warehouse_id": 1, "stocks": [{"id": 5_000_001, "quantity": 3}]})


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/order", {"source_id": 7}),
        ("POST", "/order", order(cost=5)),
        ("POST", "/order", order(products=[{"name": "x", "price": "5"}])),
        ("POST", "/order", order(shipping={"shipping_price": 5})),
        ("POST", "/order", order(payments=[{"payment_method_id": 1}])),
        ("POST", "/order/import", {"orders": [order(str(n)) for n in range(51)]}),
        ("POST", "/order/import", {"orders": [order(manager_id=1)]}),
        ("POST", "/order/1/payment", {"amount": 5, "status": "done"}),
        ("GET", "/order", {}),
        ("GET", "/order?limit=51", None),
        ("GET", "/order?filter[number]=5", None),
        ("GET", "/order?include=everything", None),
        ("GET", "/order?order=id", None),
    ],
)
def test_what_is_not_published_is_seen(method: str, path: str, body: Any) -> None:
    assert not described() or wrong_with_request(method, f"http://localhost/keycrm{path}", body)


def test_the_imitation_takes_and_answers_what_is_published(walk: list[httpx.Response]) -> None:
    assert [one.status_code for one in walk if one.status_code >= 400] == [404]
    wrong: list[str] = []
    for one in walk if described() else ():
        method, url = one.request.method, str(one.request.url)
        sent = one.request.content
        wrong += wrong_with_request(method, url, json.loads(sent) if sent else None)
        said = answer_schema(method, one.request.url.path, one.status_code)
        assert (
            str(one.status_code) in operation(method, re.sub(r"^/keycrm/v1", "", one.request.url.path))[1]["responses"]
        )
        if said is not None:
            checked = jsonschema.Draft202012Validator(said)
            wrong += [f"{method} {url}: {list(e.path)} {e.message}" for e in checked.iter_errors(one.json())]
    assert wrong == []


def test_the_imitation_shows_every_field_that_is_published(walk: list[httpx.Response]) -> None:
    missing: dict[str, set[str]] = {}
    seen: dict[str, set[str]] = {}
    for one in walk if described() else ():
        path = re.sub(r"^/keycrm/v1", "", one.request.url.path)
        said = answer_schema(one.request.method, path, one.status_code)
        if said is not None:
            call = f"{one.request.method} {operation(one.request.method, path)[0]}"
            missing.setdefault(call, set()).update(promised(said))
            seen.setdefault(call, set()).update(names(one.json()))
    left = {call: fields - seen[call] - NOT_SHOWN for call, fields in missing.items()}
    assert {call: fields for call, fields in left.items() if fields} == {}


def promised(said: JSON) -> Iterator[str]:
    """The names of all fields of a schema."""
    for one in said.get("allOf", ()):
        yield from promised(one)
    for name, inner in said.get("properties", {}).items():
        yield name
        yield from promised(inner)
    yield from promised(said["items"]) if "items" in said else ()


def names(value: Any) -> Iterator[str]:
    """The names of all fields of an answer."""
    if isinstance(value, list):
        for one in value:
            yield from names(one)
    elif isinstance(value, dict):
        for name, held in value.items():
            yield name
            yield from names(held)


def test_every_call_of_the_imitation_is_published_and_walked(walk: list[httpx.Response]) -> None:
    walked = {f"{one.request.method} {re.sub('/[0-9]+', '/#', one.request.url.path)}" for one in walk}
    for path, *verbs in PATHS:
        called = re.sub(r"<int:\w+>", "#", path).replace("<name>", "status")
        for verb in (one.split()[0] for one in verbs):
            assert f"{verb} /keycrm/v1{called}" in walked
            assert not described() or operation(verb, called)


# What we send


@pytest.fixture
def exchanges(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[JSON]]:
    """Everything the connector does, as orders and as cards, recorded whole."""
    monkeypatch.setattr(http, "MAX_RECORDED", 10_000_000)
    with SandboxServer(["keycrm"]) as server:
        server.vendor("keycrm").set_rate(None)
        found: list[JSON] = []
        for mode in ("orders", "cards"):
            more = {"mode": mode, "pipeline_id": "2", "number_field": "LD_1021"}
            keycrm = VENDOR.connect(f"{server.url}/keycrm", **more)
            _work(keycrm, "card-" if mode == "cards" else "")
            found += keycrm.http.exchanges()
        yield found


def _work(keycrm: Any, prefix: str) -> None:
    full: OrderData = made(OrderData, fixture("order.json"))
    delivery = replace(full.delivery, code="1", pickup_code=BRANCH, tracking_number="20450000000001")
    utm = {name: "x" for name in ("source", "medium", "campaign", "term", "content")}
    full = replace(full, delivery=delivery, payment=Payment(code="3"), utm=utm, do_not_call=True, coupon="NEW")
    assert keycrm.test().ok
    assert keycrm.references()
    assert {one.fault for one in keycrm.send([replace(full, key=f"F-{n}") for n in range(3)])} == {""}
    assert {one.fault for one in keycrm.send([full])} == {""}
    copy = keycrm.find([full.key, "nobody"])[full.key]
    paid = replace(full, payment=replace(full.payment, paid=True), customer_comment="Later", discount=full.discount + 1)
    assert keycrm.update(copy.external_id, paid).detail == ""
    status = f"{prefix}{12 if prefix else 4}"
    assert set(keycrm.write_statuses([StatusChange(copy.external_id, status)]).values()) == {("", "")}
    changes, _cursor = keycrm.statuses({}, datetime.now(UTC))
    assert len(changes) >= 4
    assert keycrm.send([ours("bare")])[0].fault == ""
    assert list(keycrm.products())
    assert list(keycrm.products(prices_only=True))
    assert keycrm.categories()


def test_we_send_what_is_published(exchanges: list[JSON]) -> None:
    wrong = []
    for one in exchanges if described() else ():
        wrong += wrong_with_request(one["method"], one["url"], json.loads(one["request"]) if one["request"] else None)
    assert wrong == []
    assert len(exchanges) > 40
