"""Products and lists of the API."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask import url_for

from models import db
from orders import placing, wire

from ..problem_json import Problem
from .blueprint import operation
from .orders import LIMIT, _cursor, _place
from .schemas import CURSOR


@operation(
    "GET",
    "/products",
    scope="products:read",
    query={"limit": LIMIT, "cursor": CURSOR},
    answers={200: "ProductPage"},
    problems=(422,),
)
def list_products(query: dict[str, Any]) -> Any:
    """List products, in the order in which they came"""
    limit = query.get("limit", LIMIT["default"])
    after = _place(query.get("cursor", ""), None)
    found = placing.products(limit + 1, after[1] if after else 0)
    page = found[:limit]
    following = _cursor(page[-1], None) if len(found) > limit else None
    return {"products": [wire.product_json(product) for product in page], "next": following}


@operation("GET", "/products/{sku}", scope="products:read", answers={200: "Product"}, problems=(404,))
def get_product(sku: str) -> Any:
    """Read a product"""
    product = placing.product(sku)
    if product is None:
        raise Problem(404, "no-product", "There is no product with this SKU.")
    return wire.product_json(product)


@operation(
    "PUT",
    "/products/{sku}",
    scope="products:write",
    body="ProductPut",
    answers={200: "Product", 201: "Product"},
    problems=(413, 415, 422),
)
def put_product(sku: str, body: dict[str, Any]) -> Any:
    """Make a product, or replace it: fields that are not sent get their defaults"""
    if len(sku) > 100 or not sku.isprintable() or sku != sku.strip():
        raise wire.Unfit([("sku", "Use at most 100 printable characters, with none of them a space at an end.")])
    blank = {"currency": "UAH", "barcode": "", "active": True, **dict.fromkeys(wire.SIZES, 0)}
    sizes = {name: int(body[name]) for name in wire.SIZES if name in body}
    product, new = placing.put_product(sku, {**blank, **body, **sizes, "price": Decimal(body["price"])})
    answer = wire.product_json(product)
    db.session.commit()
    return answer, 201 if new else 200, {"Location": url_for("api.get_product", sku=sku)} if new else {}


@operation("GET", "/lists", scope="orders:read", answers={200: "Lists"})
def get_lists() -> Any:
    """Read the lists whose codes orders name: statuses, types, shops, delivery and payment methods"""
    return wire.lists_json()
