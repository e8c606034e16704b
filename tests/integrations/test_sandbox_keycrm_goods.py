"""Lists and goods of the KeyCRM sandbox."""

from typing import Any

import httpx

from tests.integrations.keycrm_box import JSON, fields, walk

# Lists and goods


def test_reference_lists(keycrm: httpx.Client) -> None:
    lists = {name: keycrm.get(f"/order/{name}").json()["data"] for name in ("source", "status", "payment-method")}
    assert [one["id"] for one in lists["source"]] == [1, 7, 8]
    assert {one["is_active"] for one in lists["status"]} == {True}
    assert [one["name"] for one in lists["status"] if one["name"] == one["alias"]] == ["ochikuie_oplaty"]
    assert len(lists["payment-method"]) == 7
    newest = keycrm.get("/order/delivery-service", params={"sort": "-id", "limit": 2}).json()
    assert [one["id"] for one in newest["data"]] == [6, 5]
    for name in ("tag", "product-status", "expense-type"):
        assert keycrm.get(f"/order/{name}").json()["total"] == 3
    assert keycrm.get("/users").json()["data"][0]["status"] == "active"
    bare = keycrm.get("/custom-fields", params={"filter[model]": "order"}).json()
    assert [one["type"] for one in bare] == ["switcher", "switcher", "text", "select"]
    assert "options" not in bare[0]
    full = keycrm.get("/custom-fields", params={"include": "options"}).json()
    assert [one["value"] for one in full[3]["options"]] == ["Червоний", "Синій", "Зелений"]


def test_the_catalogue_agrees_with_itself(box: Any, keycrm: httpx.Client) -> None:
    box.control_products({"count": 57})
    products = walk(keycrm, "/products")
    offers = walk(keycrm, "/offers", include="product")
    assert (len(products), len(offers)) == (57, 57 + 2 * 11)
    of: dict[int, list[JSON]] = {}
    for offer in offers:
        assert offer["product"]["id"] == offer["product_id"]
        of.setdefault(offer["product_id"], []).append(offer)
    for one in products:
        mine = of[one["id"]]
        assert one["has_offers"] == (len(mine) == 3) == ("sku" not in one)
        assert one["quantity"] == sum(offer["quantity"] for offer in mine)
        assert (one["min_price"], one["max_price"]) == (min(o["price"] for o in mine), max(o["price"] for o in mine))
        assert one["has_offers"] or (one["sku"], one["price"]) == (mine[0]["sku"], mine[0]["price"])
        assert {offer["properties"][0]["value"] if offer["properties"] else "" for offer in mine} in (
            {""},
            {"S", "M", "L"},
        )
    assert len({offer["sku"] for offer in offers}) == len({offer["barcode"] for offer in offers}) == len(offers)
    assert keycrm.get(f"/products/{products[0]['id']}").json() == products[0]
    assert keycrm.get("/products/58").status_code == 404
    assert [one["id"] for one in walk(keycrm, "/offers", sort="-id")] == [one["id"] for one in offers][::-1]


def test_goods_are_filtered(box: Any, keycrm: httpx.Client) -> None:
    def ids(path: str, **query: str) -> list[int]:
        return [one["id"] for one in walk(keycrm, path, **{f"filter[{name}]": value for name, value in query.items()})]

    categories = keycrm.get("/products/categories").json()["data"]
    assert [one["parent_id"] for one in categories[:2]] == [None, 1]
    assert keycrm.get("/products/categories", params={"filter[parent_id]": "1"}).json()["total"] == 3
    both = ids("/products", category_id="2,3")
    assert sorted(ids("/products", category_id="2") + ids("/products", category_id="3")) == both
    assert 0 < len(both) < 300
    assert ids("/products", product_id="3, 5, 999") == [3, 5]
    box.change_product(3, is_archived=True)
    assert ids("/products", is_archived="true") == [3]
    assert len(ids("/products", is_archived="false")) == 299
    assert len(ids("/products")) == 300
    variants = ids("/offers", product_id="4")
    assert len(variants) == 3
    assert ids("/offers", sku="K-000004-S,K-000004-L,K-1,nothing,K-000004-X") == [variants[0], variants[2]]
    assert ids("/offers", id=f"{variants[1]},77,x") == [variants[1]]
    assert len(ids("/offers", is_archived="true")) == 1
    stocks = keycrm.get("/offers/stocks", params={"filter[offers_id]": str(variants[1])}).json()["data"]
    assert "warehouse" not in stocks[0]
    detailed = keycrm.get(
        "/offers/stocks", params={"filter[offers_sku]": "K-000004-M", "filter[details]": "true"}
    ).json()
    assert sum(place["quantity"] for place in detailed["data"][0]["warehouse"]) == stocks[0]["quantity"]


def test_a_hundred_thousand_products(box: Any, keycrm: httpx.Client) -> None:
    box.control_products({"count": 100_000})
    last = keycrm.get("/products", params={"limit": 50, "page": 2000}).json()
    assert (last["total"], last["next_page_url"], last["data"][-1]["sku"]) == (100_000, None, "K-100000")
    offers = keycrm.get("/offers", params={"limit": 50, "page": 2800}).json()
    assert (offers["total"], offers["data"][-1]["product_id"]) == (140_000, 100_000)
    assert keycrm.get("/offers", params={"filter[sku]": "K-099998-L"}).json()["data"][0]["product_id"] == 99_998


def test_goods_are_written(box: Any, keycrm: httpx.Client) -> None:
    rows = [{"name": f"Новинка {n}", "sku": f"N-{n}", "price": 10 + n, "category_id": 2} for n in range(100)]
    assert keycrm.post("/products/import", json={"products": [*rows, rows[0]]}).status_code == 422
    assert keycrm.post("/products/import", json={"products": rows}).json() == {"status": True}
    taken = keycrm.post("/products/import", json={"products": [rows[0], {"sku": "x"}, 1, {"name": "a", "price": "b"}]})
    assert fields(taken) == ["products.0.sku", "products.1.name", "products.2.name", "products.3.price"]
    made = keycrm.post("/products", json={"name": "Окремий", "pictures": ["https://images.example.com/1.jpg"]})
    assert (made.status_code, made.json()["attachments_data"]) == (201, ["https://images.example.com/1.jpg"])
    assert keycrm.post("/products", json={}).status_code == 422
    found = keycrm.get("/offers", params={"filter[sku]": "N-7", "include": "product"}).json()["data"][0]
    assert (found["price"], found["product"]["name"]) == (17, "Новинка 7")
    prices = {"offers": [{"sku": "N-7", "price": 9.5}, {"sku": "K-000001", "image_url": "https://x.example.com/1.jpg"}]}
    assert (keycrm.put("/offers", json=prices).status_code, keycrm.put("/offers", json={}).status_code) == (202, 422)
    stocks = [{"sku": "N-7", "quantity": 4}, {"id": 5_000_001, "quantity": 0}]
    assert keycrm.put("/offers/stocks", json={"warehouse_id": 2, "stocks": stocks}).status_code == 202
    product = keycrm.get("/products", params={"filter[product_id]": str(found["product_id"])}).json()["data"][0]
    assert (product["price"], product["quantity"]) == (9.5, 4)
    for body in (
        {"warehouse_id": 9, "stocks": stocks},
        {"warehouse_id": 1, "stocks": [{"sku": "N-7"}]},
        {"warehouse_id": 1, "stocks": [{"sku": "nobody", "quantity": 1}, 5]},
    ):
        assert keycrm.put("/offers/stocks", json=body).status_code == 422
    assert keycrm.post("/products/categories", json={"name": "Нова", "parent_id": 1}).json()["id"] == 1001
    assert keycrm.post("/products/categories", json={}).status_code == 422
    assert keycrm.get("/products/categories", params={"filter[category_id]": "1001"}).json()["total"] == 1


def test_staff_change_goods(control: httpx.Client, box: Any, keycrm: httpx.Client) -> None:
    def change(**posted: Any) -> httpx.Response:
        return control.post("/_control/keycrm/product", json=posted)

    assert change(product=4, price=999, category_id=6).json()["max_price"] == 999
    assert {one["price"] for one in walk(keycrm, "/offers", **{"filter[product_id]": "4"})} == {999}
    assert 4 in [one["id"] for one in walk(keycrm, "/products", **{"filter[category_id]": "6"})]
    assert change(product=5, gone=True).json() == {"id": 5, "gone": True}
    assert len(walk(keycrm, "/products")) == 299
    assert keycrm.get("/products/5").status_code == 404
    assert walk(keycrm, "/offers", **{"filter[sku]": "K-000005"}) == []
    assert change(product=5, price=1).status_code == 400
