"""The KeyCRM sandbox against the vendor's documentation, over real HTTP: access, orders, cards."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from integrations.sandbox import SandboxServer
from tests.integrations.keycrm_box import JSON, card, client, create, fields, order, read
from tests.integrations.sandboxes import SECOND, TOKEN

# Who is let in, and how often


def test_strangers_unknown_paths_and_verbs(server: SandboxServer, keycrm: httpx.Client) -> None:
    for headers in ({}, {"Authorization": "Bearer stranger"}, {"Authorization": TOKEN}):
        answer = httpx.get(f"{server.url}/keycrm/v1/order", headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"message": "Unauthenticated."})
    assert keycrm.get("/nothing").status_code == keycrm.get("/order/nothing").status_code == 404
    assert keycrm.get("/order/999").json() == {"message": "Not Found"}
    assert keycrm.delete("/order").status_code == 405
    plain = httpx.get(f"{server.url}/keycrm/order/source", headers={"Authorization": f"Bearer {TOKEN}"})
    assert plain.json()["total"] == 3, "the address works without /v1 too"


def test_sixty_requests_a_minute(server: SandboxServer) -> None:
    with client(server) as first, client(server, SECOND) as second:
        assert {first.get("/order/tag").status_code for _ in range(60)} == {200}
        answer = first.get("/order/tag")
        assert (answer.status_code, answer.json()["message"]) == (429, "Too Many Attempts.")
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        assert second.get("/order/tag").status_code == 200, "each key has its own minute"
    assert server.vendor("keycrm").over_limit == 1


@pytest.mark.parametrize(
    ("kind", "status"), [("refuse", 422), ("error500", 500), ("rate_limited", 429), ("expired", 401), ("denied", 403)]
)
def test_faults_speak_as_the_vendor(box: Any, keycrm: httpx.Client, kind: str, status: int) -> None:
    if kind == "denied":
        box.account().options["denied"] = ["order"]
    else:
        box.fault(kind)
    answer = keycrm.post("/order", json=order())
    assert (answer.status_code, box.count()) == (status, 0)
    assert answer.json()["message"]


# Orders


def test_an_order_is_made_read_and_summed(keycrm: httpx.Client) -> None:
    line = {"name": "Плед", "price": 100.5, "quantity": 2, "discount_amount": 0.5, "discount_percent": 10}
    bits = [{"name": "Колір", "value": "синій"}, {"name": "без значення"}]
    given = order(
        products=[line | {"properties": bits}, {"sku": "K-000004-M", "price": 10}],
        discount_percent=10,
        discount_amount=5,
        shipping_price=70,
        wrap_price=3,
        taxes=2,
        ordered_at="2026-01-05 07:00:00",
        shipping={
            "delivery_service_id": 2,
            "shipping_address_city": "Київ",
            "cost": 999,
            "shipping_date": "2026-01-09",
        },
        marketing={"utm_source": "ads"},
        custom_fields=[{"uuid": "OR_1001", "value": "1"}, {"uuid": "OR_1004", "value": ["Синій", "Зелений"]}],
        unheard_of=1,
    )
    made = keycrm.post("/order", json=given).json()
    # (100.5 - 0.5 - 10.05) × 2 + 10 = 189.9, less 10 % and 5 = 165.91, and 75 on top; a cost inside shipping is nothing
    assert (made["grand_total"], made["shipping_price"], made["payment_status"]) == (240.91, 70, "not_paid")
    assert made["status_id"] == 1
    assert made["created_at"].endswith(".000000Z")
    assert "T" not in made["last_synced_at"]
    assert "buyer" not in made
    whole = read(keycrm, made["id"], "buyer,products.offer,marketing,payments,shipping,status,custom_fields,tags")
    assert whole["ordered_at"] == "2026-01-05T07:00:00.000000Z"
    assert [len(one["properties"]) for one in whole["products"]] == [1, 0]
    assert [bool(one["offer"]) for one in whole["products"]] == [False, True]
    assert whole["products"][1]["name"].startswith("Плед"), "the catalogue knows its name"
    assert whole["shipping"]["shipping_date_actual"].startswith("2026-01-09")
    assert (whole["marketing"]["utm_source"], whole["marketing"]["utm_term"]) == ("ads", None)
    assert [one["uuid"] for one in whole["custom_fields"]] == ["OR_1001", "OR_1004"]
    assert (whole["status"]["alias"], whole["buyer"]["phone"]) == ("new", "+380501112233")
    assert "cost" not in whole["shipping"]


def test_the_same_number_twice_makes_two_orders_of_one_buyer(keycrm: httpx.Client) -> None:
    first, second = create(keycrm, "A-1"), create(keycrm, "A-1")
    found = keycrm.get("/order", params={"filter[source_uuid]": "A-1", "include": "buyer"}).json()
    assert [one["id"] for one in found["data"]] == [first, second]
    assert len({one["buyer"]["id"] for one in found["data"]}) == 1
    assert keycrm.get("/order", params={"filter[source_uuid]": "A-1,A-2"}).json()["total"] == 0


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"source_id": None}, "source_id"),
        ({"source_id": "7"}, "source_id"),
        ({"source_id": 6}, "source_id"),
        ({"buyer": None}, "buyer"),
        ({"buyer": {"phone": 380}}, "buyer.phone"),
        ({"buyer": []}, "buyer"),
        ({"marketing": []}, "marketing"),
        ({"source_uuid": 5}, "source_uuid"),
        ({"manager_id": 9}, "manager_id"),
        ({"discount_amount": "much"}, "discount_amount"),
        ({"shipping_price": -1}, "shipping_price"),
        ({"taxes": "NaN"}, "taxes"),
        ({"ordered_at": "2026-01-05T07:00:00Z"}, "ordered_at"),
        ({"shipping": {"delivery_service_id": 99}}, "shipping.delivery_service_id"),
        ({"shipping": {"delivery_service_id": 2, "warehouse_ref": "1ec0"}}, "shipping.warehouse_ref"),
        ({"shipping": {"shipping_date": "09.01.2026"}}, "shipping.shipping_date"),
        ({"products": {}}, "products"),
        ({"products": [{"price": 5}]}, "products.0.name"),
        ({"products": [{"name": "x", "price": "five"}]}, "products.0.price"),
        ({"payments": [{"payment_method_id": 3}]}, "payments.0.amount"),
        ({"payments": [{"amount": 5}]}, "payments.0.payment_method_id"),
        ({"payments": [{"payment_method_id": 3, "amount": 5, "status": "done"}]}, "payments.0.status"),
        ({"payments": [{"payment_method_id": 3, "amount": 5, "payment_date": "today"}]}, "payments.0.payment_date"),
        ({"custom_fields": [{"uuid": "LD_1021", "value": "1"}]}, "custom_fields.0.uuid"),
        ({"custom_fields": [{"uuid": "OR_1001", "value": "так"}]}, "custom_fields.0.value"),
        ({"custom_fields": [{"uuid": "OR_1004", "value": ["Рудий"]}]}, "custom_fields.0.value"),
        ({"custom_fields": [{"uuid": "OR_1003", "value": 5}]}, "custom_fields.0.value"),
        ({"status_id": 22}, "status_id"),
    ],
)
def test_what_is_wrong_is_named(box: Any, keycrm: httpx.Client, wrong: JSON, field: str) -> None:
    one = keycrm.post("/order", json=order(**wrong))
    batch = keycrm.post("/order/import", json={"orders": [order("B"), order("C", **wrong)]})
    assert (one.status_code, fields(one)) == (422, [field])
    assert (batch.status_code, fields(batch)) == (422, [f"orders.1.{field}"])
    assert box.count() == 0, "a batch is taken whole or not at all"


def test_a_body_that_is_no_object_lacks_everything(keycrm: httpx.Client) -> None:
    for content in (b"", b"[]", b"{nonsense"):
        answer = keycrm.post("/order", content=content)
        assert fields(answer) == ["buyer", "source_id"]
        assert answer.json()["message"].endswith("(and 1 more error)")
    assert fields(keycrm.post("/order/import", json={"orders": [1]})) == ["orders.0"]


def test_fifty_orders_at_once(box: Any, keycrm: httpx.Client) -> None:
    fifty = [order(f"A-{n}", is_gift=True, manager_id=1) for n in range(50)]
    assert keycrm.post("/order/import", json={"orders": [*fifty, order("B")]}).status_code == 422
    assert keycrm.post("/order/import", json={}).status_code == 422
    assert box.count() == 0
    taken = keycrm.post("/order/import", json={"orders": fifty})
    assert (taken.status_code, taken.json(), box.count()) == (201, {"status": True}, 50)
    found = keycrm.get("/order", params={"filter[source_id]": "7", "sort": "-id", "limit": "50", "include": "manager"})
    assert [one["source_uuid"] for one in found.json()["data"]] == [f"A-{n}" for n in range(49, -1, -1)]
    assert not any(one["is_gift"] or one["manager"] for one in found.json()["data"]), "a batch has no such fields"
    box.account().options["bare_import"] = True
    assert keycrm.post("/order/import", json={"orders": [order("B")]}).content == b""
    assert sorted(box.state()["external_ids"][TOKEN].values())[-1] == "B"


def test_a_batch_may_be_taken_in_later(box: Any, keycrm: httpx.Client) -> None:
    box.account().options["import_seconds"] = 3600
    assert keycrm.post("/order/import", json={"orders": [order()]}).status_code == 201
    box.tick(time.monotonic())
    assert box.count() == 0
    box.take_in()
    assert box.count() == 1


def test_pages(server: SandboxServer, keycrm: httpx.Client) -> None:
    keycrm.post("/order/import", json={"orders": [order(f"A-{n}") for n in range(33)]})
    first = keycrm.get("/order").json()
    assert (first["total"], first["per_page"], first["current_page"], first["last_page"]) == (33, 15, 1, 3)
    url, seen = f"{server.url}/keycrm/v1/order?limit=10&filter[source_id]=7", []
    while url:
        page = keycrm.get(url).json()
        seen += [one["id"] for one in page["data"]]
        url = page["next_page_url"]
    assert (len(seen), sorted(seen)) == (33, seen)
    assert page["first_page_url"].endswith("page=1")
    assert page["last_page_url"].endswith("page=4")
    assert keycrm.get("/order", params={"page": 9}).json()["data"] == []
    for wrong in ({"limit": "51"}, {"limit": "0"}, {"page": "0"}, {"limit": "many"}):
        assert keycrm.get("/order", params=wrong).status_code == 422
    assert keycrm.get("/order", params={"sort": "buyer"}).status_code == 400
    assert keycrm.get("/order", params={"include": "buyer,everything"}).status_code == 400
    assert keycrm.get("/order", params={"filter[nobody_knows]": "1"}).json()["total"] == 33


def test_filters(keycrm: httpx.Client) -> None:
    old = create(keycrm, "A", ordered_at="2025-03-01 09:15:00", shipping={"tracking_code": "2045"})
    other = create(keycrm, "B", source_id=8, buyer={"full_name": "X", "email": "x@example.com"}, payments=[])
    paid = create(
        keycrm, "C", payments=[{"payment_method_id": 1, "amount": 500}], shipping={"shipping_date": "2026-02-02"}
    )

    def ids(**query: str) -> list[int]:
        asked = {f"filter[{name}]": value for name, value in query.items()}
        return [one["id"] for one in keycrm.get("/order", params=asked).json()["data"]]

    assert ids(source_id="8") == [other]
    assert ids(source_id="7, 8", buyer_email="x@example.com, y@example.com") == [other]
    assert ids(buyer_phone="+380501112233") == [old, paid]
    assert ids(created_between="2025-03-01 09:15:00, 2025-03-01 09:15:00") == [old], "of when it was ordered"
    assert ids(created_between="2025-03-01,2025-03-02") == [old]
    assert ids(payment_status="paid,overpaid") == [paid], "a payment without a status is paid"
    assert ids(has_tracking_code="true") == [old]
    assert ids(has_tracking_code="false") == [other, paid]
    assert ids(shipping_between="2026-02-01, 2026-02-03") == [paid]
    now = datetime.now(UTC)
    span = f"{now - timedelta(minutes=1):%Y-%m-%d %H:%M:%S}, {now + timedelta(minutes=1):%Y-%m-%d %H:%M:%S}"
    assert ids(updated_between=span) == [old, other, paid]
    assert ids(updated_between="2025-01-01, 2025-12-31") == []
    keycrm.put(f"/order/{other}", json={"status_id": 19})
    assert ids(status_id="19,20") == [other]
    assert keycrm.get("/order", params={"filter[updated_between]": "yesterday"}).status_code == 422


def test_an_order_is_changed(keycrm: httpx.Client) -> None:
    number = create(keycrm, products=[{"sku": "S", "name": "Чашка", "price": 5}, {"name": "Без артикула", "price": 7}])
    lines = read(keycrm, number, "products")["products"]
    change = {
        "status_id": 12,
        "manager_comment": "Терміново",
        "shipping": {"tracking_code": "20450000000001"},
        "custom_fields": [{"uuid": "OR_1003", "value": "77"}],
        "products": [
            {"sku": "S", "price": 6, "quantity": 2, "name": "Інша"},
            {"id": lines[1]["id"], "comment": "Обережно", "name": "Листівка"},
            {"sku": "NEW", "name": "Новий рядок", "price": 1},
        ],
    }
    changed = keycrm.put(f"/order/{number}", json=change)
    assert (changed.status_code, changed.json()["grand_total"], changed.json()["status_group_id"]) == (202, 19, 5)
    assert changed.json()["closed_at"]
    whole = read(keycrm, number, "products,shipping,custom_fields")
    assert [(one["name"], one["comment"]) for one in whole["products"]] == [("Чашка", ""), ("Листівка", "Обережно")]
    assert whole["shipping"]["tracking_code"] == "20450000000001"
    again = keycrm.put(f"/order/{number}", json={"shipping": {"tracking_code": "20450000000001"}, "status_id": 1})
    assert fields(again) == ["shipping.tracking_code"]
    assert read(keycrm, number, "status")["status"]["id"] == 12, "a refused change changes nothing"
    keycrm.put(f"/order/{number}", json={"shipping": {"shipping_address_city": "Львів"}, "status_id": 4})
    whole = read(keycrm, number, "shipping.deliveryService,shipping.lastHistory")
    assert (whole["shipping"]["shipping_address_city"], whole["closed_at"]) == ("Львів", None)
    assert whole["shipping"]["tracking_code"] == "20450000000001"
    assert keycrm.put("/order/999", json={}).status_code == 404


def test_payments_expenses_and_tags(keycrm: httpx.Client) -> None:
    number = create(keycrm)
    [payment] = read(keycrm, number, "payments")["payments"]
    paid = keycrm.put(f"/order/{number}/payment/{payment['id']}", json={"status": "paid"})
    assert (paid.status_code, paid.json()["status"]) == (202, "paid")
    more = keycrm.post(
        f"/order/{number}/payment", json={"payment_method_id": 2, "payment_method": "Картка", "amount": 1}
    )
    assert (more.status_code, more.json()["status"], more.json()["payment_method_id"]) == (201, "paid", 5)
    named = keycrm.post(
        f"/order/{number}/payment", json={"payment_method": "PayPal", "amount": "2.50", "status": "canceled"}
    )
    assert (named.json()["payment_method_id"], named.json()["amount"]) == (4, 2.5)
    assert keycrm.get(f"/order/{number}").json()["payment_status"] == "overpaid"
    assert keycrm.put(f"/order/{number}/payment/9", json={"status": "paid"}).status_code == 404
    assert keycrm.put(f"/order/{number}/payment/{payment['id']}", json={"status": "x"}).status_code == 422
    assert keycrm.post(f"/order/{number}/payment", json={"amount": 1}).status_code == 422
    expense = keycrm.post(f"/order/{number}/expense", json={"expense_type": "Пакування", "amount": 20.5})
    assert (expense.status_code, expense.json()["expense_type_id"]) == (201, 2)
    assert keycrm.post(f"/order/{number}/expense", json={"amount": 1}).status_code == 422
    for _ in range(2):
        assert keycrm.post(f"/order/{number}/tag/2").json() == {"status": True}
    whole = read(keycrm, number, "tags,expenses,manager,assigned")
    assert ([one["alias"] for one in whole["tags"]], whole["expenses_sum"]) == (["podarunok"], 20.5)
    assert keycrm.delete(f"/order/{number}/tag/2").status_code == 204
    assert keycrm.delete(f"/order/{number}/tag/2").status_code == 400
    assert keycrm.post(f"/order/{number}/tag/99").status_code == 404


# Cards


def test_cards_append_products_and_move_between_pipelines(keycrm: httpx.Client) -> None:
    line = {"name": "Чашка", "sku": "K-000001", "price": 250, "quantity": 2}
    money = {"payment_method_id": 3, "amount": 500, "status": "not_paid"}
    own = [{"uuid": "LD_1021", "value": "A-1"}]
    given = card(products=[line], payments=[money], custom_fields=own, utm_source="ads", pipeline_id=2)
    made = keycrm.post("/pipelines/cards", json=given)
    assert (made.status_code, made.json()["title"], made.json()["status_id"]) == (201, "A-1", 11)
    path = f"/pipelines/cards/{made.json()['id']}"
    moved = keycrm.put(
        path, json={"products": [line], "status_id": 4, "custom_fields": [{"uuid": "LD_1022", "value": "1"}]}
    )
    assert (moved.status_code, moved.json()) == (202, {"status": True})
    include = "contact.client,products.offer,manager,status,payments,custom_fields"
    whole = keycrm.get(path, params={"include": include}).json()
    assert len(whole["products"]) == 2, "appended, not replaced"
    assert whole["products"][0]["offer"]["id"]
    assert (whole["status"]["pipeline_id"], whole["is_finished"], whole["utm_source"]) == (1, "1", "ads")
    assert (whole["contact"]["phone"], whole["contact"]["client"]) == ("+380501112233", None)
    assert [one["uuid"] for one in whole["custom_fields"]] == ["LD_1021", "LD_1022"]
    [payment] = whole["payments"]
    assert keycrm.put(f"{path}/payment/{payment['id']}", json={"status": "paid"}).json()["status"] == "paid"
    assert keycrm.post(f"{path}/payment", json={"payment_method_id": 1, "amount": 1}).json()["status"] == "paid"
    assert len(keycrm.get(path, params={"include": "payments"}).json()["payments"]) == 2
    untitled = keycrm.post("/pipelines/cards", json=card(title=None)).json()
    assert untitled["title"] == str(untitled["id"])
    listed = keycrm.get("/pipelines/cards", params={"filter[pipeline_id]": "1", "filter[source_id]": "7"}).json()
    assert [one["id"] for one in listed["data"]] == [made.json()["id"], untitled["id"]]
    assert (
        keycrm.get("/pipelines/cards", params={"filter[created_between]": "2025-01-01, 2025-01-02"}).json()["total"]
        == 0
    )
    assert [one["leads_count"] for one in keycrm.get("/pipelines/1/statuses").json()["data"]] == [1, 0, 0, 1, 0]
    assert keycrm.get("/pipelines/9/statuses").status_code == keycrm.get("/pipelines/cards/999").status_code == 404


def test_a_card_that_cant_be_is_403(box: Any, keycrm: httpx.Client) -> None:
    for wrong in ({"contact": None}, {"pipeline_id": 9}, {"products": [{}]}, {"status_id": "1"}):
        assert keycrm.post("/pipelines/cards", json=card(**wrong)).status_code == 403
    assert box.count("cards") == 0


def test_pipelines_may_be_switched_off(box: Any, keycrm: httpx.Client) -> None:
    number = keycrm.post("/pipelines/cards", json=card()).json()["id"]
    box.account().options["leads"] = False
    for ask in ("/pipelines", "/pipelines/1/statuses", "/pipelines/cards", f"/pipelines/cards/{number}"):
        assert (keycrm.get(ask).status_code, keycrm.get(ask).json()) == (400, {"message": "Leads are not enabled"})
    assert keycrm.post("/pipelines/cards", json=card()).status_code == 400
    assert keycrm.put(f"/pipelines/cards/{number}", json={}).status_code == 400
