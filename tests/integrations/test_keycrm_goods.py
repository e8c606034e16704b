"""KeyCRM's catalogue: products with variants, prices alone, categories, and a list that moves while it is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from integrations import connector
from integrations.base import Account, PullsProducts, ResumesProducts, TellsCategories
from integrations.http import HttpClient, Policy
from integrations.sandbox import SandboxServer

from .suite import canned, fixture, told

GOODS = fixture("keycrm/goods.json")


def connect(url: str) -> Any:
    policy = Policy.for_sandbox(url) if url.endswith("/keycrm") else Policy(allow_private=True)
    return connector("keycrm")(Account(1, "K", {"api_url": url, "api_key": "sandbox-token"}), HttpClient(policy))


@pytest.fixture
def crm(unlimited: SandboxServer) -> Any:
    return connect(f"{unlimited.url}/keycrm")


def page(found: Sequence[Any], number: int = 1, total: int | None = None) -> tuple[int, Any]:
    """`number` 0: the last one."""
    following = f"https://openapi.keycrm.app/v1/products?page={number + 1}" if number else None
    return 200, {"data": found, "total": len(found) if total is None else total, "next_page_url": following}


def goods(*numbers: int) -> list[Any]:
    return [{"id": n, "name": f"P{n}", "sku": f"S{n}", "price": n, "quantity": 1, "has_offers": False} for n in numbers]


def test_products_and_variants_are_read() -> None:
    with canned(page(GOODS["categories"], 0), page(GOODS["products"], 0), page(GOODS["offers"], 0)) as server:
        found = list(connect(server.url).products())
        assert server.requests[-1][1].startswith("/offers?limit=50&page=1&filter%5Bproduct_id%5D=12&sort=id")
    assert [told(product) for one in found for product in one.products] == GOODS["read"]
    assert [list(one.broken) for one in found] == [[("14", "no name")]]


def test_what_it_can(crm: Any) -> None:
    for capability in (PullsProducts, ResumesProducts, TellsCategories):
        assert type(crm).can(capability)
    paths = crm.categories()
    assert paths == sorted(set(paths))
    told_by_products = {product.category for one in crm.products() for product in one.products} - {""}
    assert told_by_products
    assert told_by_products <= set(paths)


def test_prices_have_the_ids_and_the_figures_of_the_whole(crm: Any, sandbox: SandboxServer) -> None:
    whole = {product.external_id: product for one in crm.products() for product in one.products}
    prices = {product.external_id: product for one in crm.products(prices_only=True) for product in one.products}
    assert len(whole) == 300 + 60 * 2
    assert whole.keys() == prices.keys()
    for identity, product in prices.items():
        same = whole[identity]
        assert (product.price, product.quantity, product.currency) == (same.price, same.quantity, same.currency)


def test_it_is_read_on_from_any_page(crm: Any) -> None:
    for prices_only in (False, True):
        pages = list(crm.products(prices_only))
        for n, one in enumerate(pages):
            rest = [p.external_id for later in crm.products_from(one.mark, prices_only) for p in later.products]
            wanted = [p.external_id for later in pages[n + 1 :] for p in later.products]
            assert rest == wanted or (n == len(pages) - 1 and rest == [p.external_id for p in one.products])


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        # one of the first fifty vanished before the second page: the last product of it had moved to the first
        (
            [page(goods(*range(1, 51)), 1, 101), page(goods(*range(52, 102)), 2, 100),
             page(goods(*range(2, 52)), 1, 100), page(goods(*range(52, 102)), 0, 100)],
            [1, 2, 1, 2],
        ),
        # the third page is no more: what stood there has moved to the second
        (
            [page(goods(*range(1, 51)), 1, 101), page(goods(*range(51, 101)), 2, 101), page([], 0, 100),
             page(goods(*range(52, 102)), 0, 100), page(goods(*range(2, 52)), 1, 100),
             page(goods(*range(52, 102)), 0, 100)],
            [1, 2, 3, 2, 1, 2],
        ),
        ([page([], 0)], [1]),
    ],
)  # fmt: skip
def test_nothing_is_missed_when_products_vanish_meanwhile(answers: Sequence[Any], asked: Sequence[int]) -> None:
    with canned(page([], 0), *answers) as server:
        found = {product.external_id for one in connect(server.url).products() for product in one.products}
        assert [path for _method, path, _body in server.requests[1:]] == [f"/products?limit=50&page={n}" for n in asked]
    if len(asked) > 1:
        assert {str(n) for n in range(2, 102)} <= found


def test_a_page_that_cannot_be_read_ends_it() -> None:
    with canned(page([], 0), page(goods(1), 1), (200, {"data": "?"})) as server:
        pages = connect(server.url).products()
        assert [product.external_id for product in next(pages).products] == ["1"]
        with pytest.raises(Exception, match="no list in the answer"):
            next(pages)
