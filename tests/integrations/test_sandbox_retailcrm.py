"""The RetailCRM sandbox against the vendor's documentation, and under an independent client, over real HTTP."""

import json
from typing import Any

import httpx
import pytest
import retailcrm

from integrations.sandbox import SandboxServer
from tests.integrations.sandboxes import SECOND, TOKEN, crm_client, order, send


def test_crm_credentials(server: SandboxServer, crm: httpx.Client) -> None:
    url = f"{server.url}/retailcrm/api/credentials"
    assert httpx.get(url).json() == {"success": False, "errorMsg": '"apiKey" is missing.'}
    wrong = httpx.get(url, headers={"X-API-KEY": "stranger"})
    assert (wrong.status_code, wrong.json()["errorMsg"]) == (403, 'Wrong "apiKey" value.')
    good = httpx.get(url, params={"apiKey": SECOND}).json()
    assert (good["siteAccess"], good["sitesAvailable"]) == ("access_selective", ["shop-2"])
    assert crm.get("/credentials").json()["siteAccess"] == "access_full"
    assert crm.get("/nothing").json()["errorMsg"] == "API method not found"
    assert crm.get("/orders/A").status_code == 404
    assert crm.post("/orders").status_code == 405


def test_crm_wants_json_inside_form_fields(crm: httpx.Client) -> None:
    raw = crm.post("/orders/create", json={"site": "shop-1", "order": order()})
    assert (raw.status_code, raw.json()["errorMsg"]) == (400, "Parameter 'site' is missing")
    raw = crm.post("/orders/create?site=shop-1", json={"order": order()})
    assert (raw.status_code, raw.json()["errorMsg"]) == (400, "Parameter 'order' is missing")
    assert crm.post("/orders/create", data={"site": "shop-1", "order": "{"}).status_code == 400
    assert crm.post("/orders/create", data={"order": json.dumps(order())}).json()["success"] is False


def test_crm_creates_and_reads_an_order(crm: httpx.Client) -> None:
    given = order(email="a+b%@example.com", managerComment="50 % = half & more; «Київ»", number="N-7")
    created = send(crm, "/orders/create", "order", given)
    assert created.status_code == 201
    body = created.json()
    assert body["order"]["id"] == body["id"]
    assert body["order"]["status"] == "new"
    assert (body["order"]["summ"], body["order"]["totalSumm"], body["order"]["prepaySum"]) == (700, 990, 0)
    assert body["order"]["payments"][0]["status"] == "not-paid", "a list in the answer to create"
    read = crm.get("/orders/H-1001").json()["order"]
    assert read == crm.get(f"/orders/{body['id']}", params={"by": "id"}).json()["order"]
    assert (read["managerComment"], read["email"], read["number"]) == (
        "50 % = half & more; «Київ»",
        "a+b%@example.com",
        "N-7",
    )
    payment = body["order"]["payments"][0]
    assert read["payments"] == {str(payment["id"]): payment}, "keyed by id when read"
    assert read["customFields"] == []
    assert read["delivery"]["data"] == []
    assert crm.get(f"/orders/{body['id']}").status_code == 404, "by is externalId unless said otherwise"


def test_crm_refuses_a_second_order_of_the_same_number(server: SandboxServer, crm: httpx.Client) -> None:
    send(crm, "/orders/create", "order", order())
    again = send(crm, "/orders/create", "order", order())
    assert (again.status_code, again.json()["errorMsg"]) == (400, "Errors in the entity format")
    assert list(again.json()["errors"]) == ["externalId"]
    assert send(crm, "/orders/create", "order", order(), site="shop-2").status_code == 201, "unique per site"


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"status": "no-such"}, "status"),
        ({"status": "archived-status"}, "status"),
        ({"orderMethod": "pigeon"}, "orderMethod"),
        ({"countryIso": "XX"}, "countryIso"),
        ({"firstName": ["Anna"]}, "firstName"),
        ({"weight": "heavy"}, "weight"),
        ({"weight": [1]}, "weight"),
        ({"customer": {"id": 9}}, "customer"),
        ({"length": 1.5}, "length"),
        ({"call": "maybe"}, "call"),
        ({"createdAt": "2026-01-05T10:00:00Z"}, "createdAt"),
        ({"customer": {"externalId": "nobody"}}, "customer"),
        ({"customer": "nobody"}, "customer"),
        ({"customFields": [1]}, "customFields"),
        ({"customFields": {"no-such": 1}}, "customFields.no-such"),
        ({"delivery": {"code": "pigeon"}}, "delivery.code"),
        ({"delivery": {"cost": "free"}}, "delivery.cost"),
        ({"delivery": "courier"}, "delivery"),
        ({"items": {}}, "items"),
        ({"items": ["Mug"]}, "items[0].offer"),
        ({"items": [{"quantity": 1}]}, "items[0].offer"),
        ({"items": [{"offer": "SKU-1"}]}, "items[0].offer"),
        ({"items": [{"offer": {"id": [9]}}]}, "items[0].offer.id"),
        ({"items": [{"offer": {"id": 9}}]}, "items[0].offer.id"),
        ({"items": [{"offer": {"externalId": "X"}}]}, "items[0].offer.externalId"),
        ({"items": [{"productName": "Mug", "quantity": 0}]}, "items[0].quantity"),
        ({"items": [{"productName": "Mug", "initialPrice": "x"}]}, "items[0].initialPrice"),
        ({"items": [{"productName": "Mug", "status": "x"}]}, "items[0].status"),
        ({"payments": [{"amount": 1}]}, "payments[0].type"),
        ({"payments": [{"type": "barter"}]}, "payments[0].type"),
        ({"payments": [{"type": "cash", "status": "x"}]}, "payments[0].status"),
        ({"payments": [{"type": "cash", "amount": "x"}]}, "payments[0].amount"),
        ({"payments": {"1": {}}}, "payments[0].type"),
    ],
)
def test_crm_validates(crm: httpx.Client, more: dict[str, Any], place: str) -> None:
    answer = send(crm, "/orders/create", "order", order(**more))
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [place]


def test_crm_sites(server: SandboxServer, crm: httpx.Client) -> None:
    unknown = send(crm, "/orders/create", "order", order(), site="shop-9")
    assert (unknown.status_code, list(unknown.json()["errors"])) == (400, ["site"])
    own = send(crm, "/orders/create", "order", {"phone": "+79990000001", "createdAt": "2026-01-05 10:00:00"}).json()
    assert own["order"]["createdAt"] == "2026-01-05 10:00:00"
    elsewhere = crm.get(f"/orders/{own['id']}", params={"by": "id", "site": "shop-2"})
    assert (elsewhere.status_code, elsewhere.json()["errorMsg"]) == (404, "Not found")
    with crm_client(server, SECOND) as second:
        assert send(second, "/orders/create", "order", order()).status_code == 403
        assert second.post("/orders/create", data={"order": json.dumps(order())}).json()["order"]["site"] == "shop-2"
        assert list(second.get("/reference/sites").json()["sites"]) == ["shop-2"]


def test_crm_upload_takes_all(server: SandboxServer, crm: httpx.Client) -> None:
    answer = send(crm, "/orders/upload", "orders", [order(f"H-{n}") for n in range(50)])
    assert answer.status_code == 201
    body = answer.json()
    assert (body["success"], body["failedOrders"]) == (True, [])
    assert [one["externalId"] for one in body["uploadedOrders"]] == [f"H-{n}" for n in range(50)]
    too_many = send(crm, "/orders/upload", "orders", [order(f"J-{n}") for n in range(51)])
    assert too_many.status_code == 400
    assert server.vendor("retailcrm").count() == 50


def test_crm_upload_in_part_is_460(crm: httpx.Client) -> None:
    bad = order("H-1003", items=[{"offer": {"id": 9}}])
    answer = send(crm, "/orders/upload", "orders", [order("H-1002"), bad, order("H-1002"), 7])
    assert answer.status_code == 460
    body = answer.json()
    assert body["success"] is False
    assert [one["externalId"] for one in body["uploadedOrders"]] == ["H-1002"]
    assert [one["externalId"] for one in body["failedOrders"]] == ["H-1003", "H-1002", None]
    assert body["errorMsg"] == "Orders are loaded with errors"
    assert body["errors"][0] == "items[0].offer.id: Offer with id 9 not found."


def test_crm_edit(crm: httpx.Client) -> None:
    number = send(crm, "/orders/create", "order", order()).json()["id"]
    line = crm.get("/orders/H-1001").json()["order"]["items"][0]
    changes = {
        "managerComment": "Call first",
        "delivery": {"cost": 0},
        "discountManualPercent": 10,
        "customFields": {"commission": 5},
        "items": [
            {"id": line["id"], "quantity": 3},
            {"productName": "Plate", "initialPrice": 100.5, "discountManualAmount": 0.5},
        ],
        "payments": [],
    }
    edited = send(crm, f"/orders/{number}/edit", "order", changes, by="id").json()
    assert edited["id"] == number
    changed = edited["order"]
    assert [one["id"] == line["id"] for one in changed["items"]] == [True, False]
    assert [one["initialPrice"] for one in changed["items"]] == [350, 100.5]
    assert (changed["summ"], changed["totalSumm"]) == (1035, 1035)
    assert changed["delivery"]["address"] == {"city": "Moscow"}, "only what is sent changes"
    assert changed["customFields"] == {"commission": 5}
    assert len(changed["payments"]) == 1, "payments are not edited here"
    assert send(crm, f"/orders/{number}/edit", "order", {}).status_code == 404, "by is externalId by default"
    assert send(crm, "/orders/H-1001/edit", "order", {}, by="phone").status_code == 400
    assert send(crm, "/orders/H-1001/edit", "order", {"status": "x"}).status_code == 400
    send(crm, "/orders/create", "order", order("H-2"))
    assert send(crm, "/orders/H-1001/edit", "order", {"externalId": "H-2"}).status_code == 400
    assert send(crm, "/orders/H-1001/edit", "order", {"externalId": "H-3"}).status_code == 200
    assert crm.get("/orders/H-1001").status_code == 404
    assert crm.get("/orders/H-3").json()["order"]["id"] == number


def test_crm_list_filters(crm: httpx.Client) -> None:
    ids = [send(crm, "/orders/create", "order", order(f"H-{n}", number=f"N-{n}")).json()["id"] for n in range(3)]
    send(crm, "/orders/H-1/edit", "order", {"status": "complete"})

    def found(**query: Any) -> list[int]:
        answer = crm.get("/orders", params={f"filter{name}": value for name, value in query.items()})
        return [one["id"] for one in answer.json()["orders"]]

    assert found(**{"[ids][]": ids[:2]}) == [ids[1], ids[0]]
    assert found(**{"[externalIds][0]": "H-2", "[externalIds][1]": "H-7"}) == [ids[2]]
    assert found(**{"[numbers][]": "N-0"}) == [ids[0]]
    assert found(**{"[extendedStatus][]": ["complete"]}) == [ids[1]]
    assert found(**{"[paymentStatuses][]": ["paid"]}) == []
    assert found(**{"[createdAtFrom]": "2100-01-01 00:00:00"}) == []
    assert found(**{"[createdAtTo]": "2100-01-01 00:00:00"}) == ids[::-1]
    assert crm.get("/orders", params={"filter[externalId]": "H-1"}).status_code == 400
    assert crm.get("/orders", params={"filter": "H-1"}).status_code == 400
    assert crm.get("/orders?filter=1&filter[ids][]=2").status_code == 400
    assert found(**{"[customerExternalId]": "C-1"}) == []
    assert found(**{"[customFields][source_name]": "site"}) == []
    assert crm.get("/orders", params={"limit": 30}).status_code == 400
    assert crm.get("/orders", params={"page": 0}).status_code == 400
    for n in range(3, 23):
        send(crm, "/orders/create", "order", order(f"H-{n}"))
    second = crm.get("/orders", params={"page": 2}).json()
    assert [one["externalId"] for one in second["orders"]] == ["H-2", "H-1", "H-0"]
    assert second["pagination"] == {"limit": 20, "totalCount": 23, "currentPage": 2, "totalPageCount": 2}


def test_crm_statuses(server: SandboxServer, crm: httpx.Client) -> None:
    first = send(crm, "/orders/create", "order", order("A")).json()["id"]
    send(crm, "/orders/create", "order", order("B"))
    server.vendor("retailcrm").set_status("B", "delivering", "Courier left")
    query = {"ids[]": [first, 999], "externalIds[]": ["B", "nobody"]}
    lines = crm.get("/orders/statuses", params=query).json()["orders"]
    assert lines == [
        {"id": first, "externalId": "A", "status": "new", "group": "new"},
        {"id": first + 1, "externalId": "B", "status": "delivering", "group": "delivery"},
    ]
    assert crm.get("/orders/statuses", params={"ids[]": list(range(501))}).status_code == 400


def test_crm_history(server: SandboxServer, control: httpx.Client, crm: httpx.Client) -> None:
    number = send(crm, "/orders/create", "order", order("A")).json()["id"]
    send(crm, "/orders/A/edit", "order", {"managerComment": "Hello", "delivery": {"code": "42"}})
    changed = control.post("/_control/retailcrm/status", json={"order": number, "status": "delivering"})
    assert changed.json() == {"id": number, "externalId": "A", "status": "delivering"}
    records = crm.get("/orders/history", params={"filter[sinceId]": 0, "limit": 100}).json()["history"]
    assert records[0]["created"] is True
    assert [record["field"] for record in records] == ["status", "manager_comment", "delivery_type", "status"]
    assert [record["source"] for record in records] == ["api", "api", "api", "user"]
    assert [record.get("apiKey") for record in records] == [{"current": True}] * 3 + [None]
    assert (records[3]["oldValue"], records[3]["newValue"]) == ({"code": "new"}, {"code": "delivering"})
    assert records[3]["order"]["externalId"] == "A"
    later = crm.get("/orders/history", params={"filter[sinceId]": records[2]["id"]}).json()
    assert later["history"] == records[3:]
    assert later["pagination"]["totalPageCount"] == 1
    for query in ({"filter[startDate]": "2100-01-01 00:00:00"}, {"filter[orderId]": 9}, {"filter[sinceId]": 99}):
        assert crm.get("/orders/history", params=query).json()["history"] == []
    assert crm.get("/orders/history", params={"filter[sinceId]": "x"}).status_code == 400
    page = control.get(f"/retailcrm/orders/{number}/edit")
    assert "Orlova" in page.text
    assert control.get("/retailcrm/orders/999/edit").status_code == 404
    assert control.get("/retailcrm/orders/999").status_code == 403
    named = control.post("/_control/retailcrm/status", json={"order": "A", "status": "complete", "comment": "Done"})
    assert named.json()["status"] == "complete"


def test_crm_payments(crm: httpx.Client) -> None:
    send(crm, "/orders/create", "order", order("A", payments=[]))
    assert crm.get("/orders/A").json()["order"]["payments"] == []
    payment = {"externalId": "P-1", "type": "bank-card", "amount": 990, "order": {"externalId": "A"}}
    number = send(crm, "/orders/payments/create", "payment", payment).json()["id"]
    assert send(crm, "/orders/payments/create", "payment", payment).status_code == 400
    paid = {"status": "paid", "paidAt": "2026-01-05 10:00:00"}
    assert send(crm, "/orders/payments/P-1/edit", "payment", paid).json()["id"] == number
    read = crm.get("/orders/A").json()["order"]
    assert read["payments"][str(number)]["status"] == "paid"
    assert (read["prepaySum"], bool(read["fullPaidAt"])) == (990, True)
    assert send(crm, "/orders/payments/P-1/edit", "payment", {"comment": "Thanks"}).json()["id"] == number
    by_id = send(crm, f"/orders/payments/{number}/edit", "payment", {"status": "fail"}, by="id")
    assert by_id.status_code == 200
    assert crm.get("/orders/A").json()["order"]["fullPaidAt"] is None
    fields = [record["field"] for record in crm.get("/orders/history").json()["history"]]
    assert fields == ["status", "payments", "payments.status", "payments.status"]
    assert crm.post(f"/orders/payments/{number}/delete").json() == {"success": True}
    assert crm.get("/orders/A").json()["order"]["payments"] == []
    assert crm.post(f"/orders/payments/{number}/delete").status_code == 404
    assert send(crm, "/orders/payments/P-1/edit", "payment", {"type": "x"}).status_code == 400
    assert send(crm, "/orders/payments/create", "payment", {"amount": 1}).status_code == 400
    by_number = {"type": "cash", "order": {"number": read["number"]}}
    assert send(crm, "/orders/payments/create", "payment", by_number).status_code == 201


def test_crm_customers(crm: httpx.Client) -> None:
    customer = {"externalId": "C-77", "firstName": "Anna", "phones": [{"number": "+79990000001"}], "email": "a@b.c"}
    number = send(crm, "/customers/create", "customer", customer).json()["id"]
    assert send(crm, "/customers/create", "customer", customer).status_code == 400
    assert send(crm, "/customers/C-77/edit", "customer", {"firstName": []}).status_code == 400
    assert send(crm, "/customers/C-77/edit", "customer", {"lastName": "Orlova"}).json()["id"] == number
    assert crm.get("/customers/C-77").json()["customer"]["lastName"] == "Orlova"
    assert crm.get("/customers/C-78").status_code == 404
    for query in ({"filter[email]": "a@b.c"}, {"filter[name]": "orlova"}, {"filter[externalIds][]": "C-77"}):
        assert [one["id"] for one in crm.get("/customers", params=query).json()["customers"]] == [number]
    linked = send(crm, "/orders/create", "order", order("A", customer={"externalId": "C-77"})).json()["order"]
    found = send(crm, "/orders/create", "order", order("B")).json()["order"]
    assert linked["customer"]["id"] == found["customer"]["id"] == number, "found by phone when none is named"
    made = send(crm, "/orders/create", "order", order("C", phone="+79990000002")).json()["order"]
    assert made["customer"]["id"] == number + 1
    linked = send(crm, "/orders/C/edit", "order", {"customer": {"id": number}}).json()["order"]
    assert linked["customer"]["externalId"] == "C-77"
    rows = [{"externalId": "D"}, {"externalId": "C-77"}, {"externalId": "E", "phones": ["1"]}, 7]
    upload = send(crm, "/customers/upload", "customers", rows)
    assert upload.status_code == 460
    assert [one["externalId"] for one in upload.json()["failedCustomers"]] == ["C-77", "E", None]
    assert send(crm, "/customers/upload", "customers", [{"externalId": "F"}]).json()["success"] is True
    assert send(crm, "/customers/upload", "customers", [{}] * 51).status_code == 400


def test_crm_goods(crm: httpx.Client) -> None:
    rows = [{"externalId": "SKU-1", "name": "Mug", "article": "M-1", "type": "product", "active": True}]
    created = send(crm, "/store/products/batch/create", "products", rows).json()
    assert created["processedProductsCount"] == 1
    again = send(crm, "/store/products/batch/create", "products", [*rows, {"article": "x"}, 1])
    assert again.status_code == 400
    assert list(again.json()["errors"]) == ["products[0].externalId", "products[1].name", "products[2].name"]
    product = crm.get("/store/products", params={"filter[ids][]": created["addedProducts"]}).json()["products"][0]
    offers = crm.get("/store/offers", params={"filter[externalIds][]": ["SKU-1", "SKU-2"]}).json()["offers"]
    assert [one["id"] for one in offers] == [product["offers"][0]["id"]]
    items = [{"offer": {"externalId": "SKU-1"}, "initialPrice": 5}, {"offer": {"id": offers[0]["id"]}}]
    lines = send(crm, "/orders/create", "order", order(items=items)).json()["order"]["items"]
    assert [line["offer"]["article"] for line in lines] == ["M-1", "M-1"]
    assert lines[0]["productName"] == "Mug"
    assert crm.get("/store/offers", params={"filter[name]": "nothing", "limit": 250}).json()["offers"] == []


def test_crm_dictionaries(crm: httpx.Client) -> None:
    statuses = crm.get("/reference/statuses").json()["statuses"]
    groups = crm.get("/reference/status-groups").json()["statusGroups"]
    assert statuses["delyvery-did-not-suit"]["group"] == "cancel"
    assert set(groups) == {"new", "approval", "assembling", "delivery", "complete", "cancel"}
    assert {"cash", "bank-card"} <= set(crm.get("/reference/payment-types").json()["paymentTypes"])
    assert crm.get("/reference/payment-statuses").json()["paymentStatuses"]["paid"]["paymentComplete"] is True
    assert "42" in crm.get("/reference/delivery-types").json()["deliveryTypes"]
    assert crm.get("/reference/delivery-services").json()["deliveryServices"] == []
    assert crm.get("/reference/nothing").status_code == 404
    fields = crm.get("/custom-fields", params={"filter[entity]": "order"}).json()["customFields"]
    assert {one["code"] for one in fields} == {"source_name", "commission"}


def test_crm_through_an_independent_client(server: SandboxServer) -> None:
    server.vendor("retailcrm").set_rate(None)
    client = retailcrm.v5(f"{server.url}/retailcrm", TOKEN)
    assert client.api_versions().get_response()["versions"] == ["3.0", "4.0", "5.0"]
    assert client.api_credentials().get_response()["sitesAvailable"] == ["shop-1", "shop-2"]
    assert client.system_info().is_successful()
    created = client.order_create(order("A"), "shop-1")
    assert created.get_status_code() == 201
    number = created.get_response()["id"]
    assert client.order("A").get_response()["order"]["id"] == number
    assert client.order(str(number), "id").get_response()["order"]["externalId"] == "A"
    assert client.order_create(order("A"), "shop-1").get_error_msg() == "Errors in the entity format"
    uploaded = client.orders_upload([order("B"), order("A")], "shop-1")
    assert uploaded.get_status_code() == 460
    assert uploaded.get_response()["failedOrders"] == [{"externalId": "A"}]
    edited = client.order_edit({"externalId": "A", "managerComment": "Привіт"}, "externalId", "shop-1")
    assert edited.get_response()["order"]["managerComment"] == "Привіт"
    found = client.orders({"externalIds": ["A", "B"]}, 50).get_response()
    assert [one["externalId"] for one in found["orders"]] == ["B", "A"]
    statuses = client.orders_statuses([number], ["B"]).get_response()["orders"]
    assert [one["externalId"] for one in statuses] == ["A", "B"]
    history = client.orders_history({"sinceId": 1}, 100).get_response()["history"]
    assert [one["field"] for one in history] == ["status", "manager_comment"]
    payment = {"type": "cash", "amount": 5, "externalId": "P", "order": {"externalId": "B"}}
    assert client.order_payment_create(payment, "shop-1").is_successful()
    assert client.order_payment_edit({"externalId": "P", "status": "paid"}).is_successful()
    customer = client.customer_create({"externalId": "C"}, "shop-1").get_response()["id"]
    assert client.customer("C").get_response()["customer"]["id"] == customer
    assert client.products_batch_create([{"externalId": "S", "name": "Mug"}]).is_successful()
    assert client.offers({"externalIds": ["S"]}).get_response()["offers"][0]["name"] == "Mug"
    for call in (client.statuses, client.status_groups, client.payment_types, client.delivery_types, client.sites):
        assert call().is_successful()
    assert client.custom_fields({"entity": "order"}).is_successful()
