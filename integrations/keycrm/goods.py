"""KeyCRM's goods -> offers of a catalogue.

Facts: the vendor's OpenAPI description 1.2.0 (https://docs.keycrm.app). A product without variants (`has_offers` false)
tells its SKU, barcode and price itself; those of one with variants stand in its offers. A category is told by its id.
Nothing tells what has changed since a moment, so every reading is a whole one. What integrators' code adds: offers may
say `is_archived` too. Weights and sizes come in units that the account chose and doesn't tell: they are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from ..fields import texts
from ..types import ProductData, ProductPage
from ..values import entries, money, part, text
from .client import PAGE, KeyCrmApi, Sheet

Entry = Mapping[str, Any]

PRODUCT = {"name": "name", "description": "description", "currency": "currency_code"}
NO_NAME = "no name"


class Tree:
    """KeyCRM's categories, {id: entry}: the path to each, " / " between the names from the top down."""

    def __init__(self, found: Sequence[Entry]) -> None:
        self._by_id = {text(entry, "id"): entry for entry in found}

    def path(self, category: Any) -> str:
        """ "" for one that isn't known; a circle ends where it begins."""
        names, seen, at = list[str](), set[str](), text(category)
        while at in self._by_id and at not in seen:
            seen.add(at)
            names.append(text(self._by_id[at], "name"))
            at = text(self._by_id[at], "parent_id")
        return " / ".join(reversed([name for name in names if name]))

    def paths(self) -> list[str]:
        return sorted({path for identity in self._by_id if (path := self.path(identity))})


def product(body: Entry, tree: Tree) -> ProductData:
    """An entry of /products that has no variants. Raises ValueError for one without a name."""
    return ProductData(
        **_of_product(body, tree),
        **_sold(body),
        external_id=text(body, "id"),
        pictures=_pictures(body),
    )


def variant(body: Entry, of: Entry, tree: Tree) -> ProductData:
    """An entry of /offers, and the product that it is a variant of. Raises ValueError for one without a name."""
    options = {text(e, "name"): text(e, "value") for e in entries(body.get("properties")) if text(e, "name")}
    return ProductData(
        **_of_product(of, tree),
        **_sold(body),
        external_id=variant_id(of, body),
        pictures=_pictures(of, text(body, "thumbnail_url")),
        group=text(of, "id"),
        options=options,
    )


def variant_id(of: Entry, body: Entry) -> str:
    """Products and offers are numbered apart: both numbers name a variant."""
    return f"{text(of, 'id')}-{text(body, 'id')}"


def price(body: Entry) -> ProductData:
    """An entry of /offers with its product, for price and stock alone."""
    of = part(body, "product")
    alone = of.get("has_offers") is False
    identity = text(of, "id") if alone else variant_id(of, body)
    name, currency = text(of, "name"), text(of, "currency_code") or "UAH"
    return ProductData(**_sold(body), name=name, external_id=identity, currency=currency)


def _of_product(body: Entry, tree: Tree) -> dict[str, Any]:
    found = texts(body, PRODUCT)
    if not found["name"]:
        raise ValueError(NO_NAME)
    return {**found, "currency": found["currency"] or "UAH", "category": tree.path(body.get("category_id"))}


def _sold(body: Entry) -> dict[str, Any]:
    """Stock can be below zero there: more was sold than there was."""
    counted = body.get("quantity")
    quantity = None if counted is None else max(money(counted), Decimal(0))
    return {
        **texts(body, {"sku": "sku", "barcode": "barcode"}),
        "price": money(body.get("price")),
        "quantity": quantity,
    }


def _pictures(body: Entry, first: str = "") -> tuple[str, ...]:
    rest = [text(link) for link in body.get("attachments_data") or ()]
    return tuple(dict.fromkeys(link for link in (first, text(body, "thumbnail_url"), *rest) if link))


class Catalogue(KeyCrmApi):
    """The part of the connector that reads products, their prices and stock, and categories."""

    def products(self, prices_only: bool = False) -> Iterator[ProductPage]:
        return self.products_from({}, prices_only)

    def products_from(self, mark: Mapping[str, Any], prices_only: bool = False) -> Iterator[ProductPage]:
        """A call for fifty products, and one for each fifty of their variants; prices alone: one for fifty of either.
        A mark is {"page": the next one, "total": how many there were}."""
        if prices_only:
            for sheet, following in self._walk("/offers", mark, include="product", sort="id"):
                rows = [price(body) for body in sheet.entries if _live(body) and part(body, "product")]
                yield ProductPage(rows, sheet.total, mark=following)
            return
        tree = Tree(self._tree())
        for sheet, following in self._walk("/products", mark):
            live = [body for body in sheet.entries if _live(body)]
            made, broken = _read(live, self._variants(live), tree)
            yield ProductPage(made, sheet.total, broken, following)

    def categories(self) -> Sequence[str]:
        """The paths of all categories."""
        return Tree(self._tree()).paths()

    def _tree(self) -> list[Entry]:
        return self.every("/products/categories")

    def _variants(self, products: Sequence[Entry]) -> Mapping[str, list[Entry]]:
        """Product id -> its offers, of those products that have variants."""
        found: dict[str, list[Entry]] = {text(body, "id"): [] for body in products if body.get("has_offers")}
        if found:
            for body in self.every("/offers", **{"filter[product_id]": ",".join(found), "sort": "id"}):
                found.setdefault(text(body, "product_id"), []).append(body)
        return found

    def _walk(self, path: str, mark: Mapping[str, Any], **query: Any) -> Iterator[tuple[Sheet, dict[str, Any]]]:
        """The pages from a mark on. They are counted by place: where entries vanish meanwhile, those behind them move
        up, so as many pages are read once more as may have been affected. What comes twice does no harm."""
        number, total, ended = int(mark.get("page", 1)), int(mark.get("total") or 0), False
        while not ended:
            back = 1  # a list that ends without its last page has become shorter
            for sheet in self.sheets(path, first=number, **query):
                if number > 1 and sheet.total is not None and sheet.total < total:
                    back, total = -(-(total - sheet.total) // PAGE), sheet.total
                    break
                number, total, ended = sheet.number + 1, sheet.total or 0, sheet.last
                yield sheet, {"page": number, "total": total}
            ended = ended or number == 1
            number = max(number - back, 1)


def _live(body: Entry) -> bool:
    return not (body.get("is_archived") or part(body, "product").get("is_archived"))


def _read(
    products: Sequence[Entry], variants: Mapping[str, Sequence[Entry]], tree: Tree
) -> tuple[list[ProductData], list[tuple[str, str]]]:
    """(offers, (id, why) of those that can't be read) of a page."""
    made, broken = list[ProductData](), list[tuple[str, str]]()
    for body in products:
        identity = text(body, "id")
        mine = [one for one in variants.get(identity, ()) if _live(one)]
        try:
            made += [variant(one, body, tree) for one in mine] if body.get("has_offers") else [product(body, tree)]
        except ValueError as error:
            broken += [(variant_id(body, one), str(error)) for one in mine] or [(identity, str(error))]
    return made, broken
