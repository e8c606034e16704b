"""Prom's products <-> ours: what the catalogue tells, what is told of stock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from wtforms import SelectChoice

from ..fields import texts
from ..rest import RestConnector
from ..text import N_
from ..types import ProductData, ProductPage, StockData
from ..values import entries, money, part, text

PAGE = 100
STOCK_BY = [SelectChoice("id", N_("Prom's own number")), SelectChoice("own", N_("The id that the shop gave them"))]
STOCK_BY_HELP = N_("As the offers of the catalogue are: a catalogue by link may hold either.")
NO_NUMBER = "the offer has no number of Prom's: choose in the settings that products are named by the shop's id"
GONE = frozenset({"deleted", "deleted_by_moderator"})
PRODUCT = {
    "external_id": "id",
    "own_id": "external_id",
    "sku": "sku|external_id",
    "name": "name|name_multilang.uk|name_multilang.ru",
    "description": "description",
    "group": "variation_group_id|variation_base_id",
}


def product(body: Mapping[str, Any], groups: Mapping[int, Mapping[str, Any]]) -> ProductData:
    """An entry of `products`. A discount of theirs runs by dates: the price here is the regular one. Raises ValueError
    for one without a name."""
    found = texts(body, PRODUCT)
    if not found["name"]:
        raise ValueError("no name")
    shown = body.get("status") in (None, "on_display") and body.get("presence") != "not_available"
    counted = body.get("quantity_in_stock")
    return ProductData(
        **found,
        price=money(body.get("price")),
        currency=text(body, "currency") or "UAH",
        quantity=None if counted is None else money(counted),
        available=shown,
        category=_path(part(body, "group"), groups) or text(body, "category", "caption"),
        pictures=_pictures(body),
    )


def _path(group: Mapping[str, Any], groups: Mapping[int, Mapping[str, Any]]) -> str:
    """The names from the top down to the group; a circle ends where it begins."""
    names, seen, at = [text(group, "name")], {group.get("id")}, groups.get(group.get("id") or 0, {})
    while (parent := at.get("parent_group_id")) and parent in groups and parent not in seen:
        seen.add(parent)
        at = groups[parent]
        names.append(text(at, "name"))
    return " / ".join(reversed([name for name in names if name]))


def _pictures(body: Mapping[str, Any]) -> tuple[str, ...]:
    all_of = [text(body, "main_image"), *(text(image, "url") for image in entries(body.get("images")))]
    return tuple(dict.fromkeys(address for address in all_of if address))


def stock_id(change: StockData, own: bool) -> int | str | None:
    """What names the product in an edit: Prom's number, or the shop's own id. None when the offer has no such."""
    if own:
        return change.own_id or change.external_id
    return int(change.external_id) if change.external_id.isdecimal() else None


def stock_row(name: int | str, quantity: Decimal) -> dict[str, Any]:
    """Prom counts whole pieces. Availability moves only together with `presence_sure`."""
    pieces = max(int(quantity), 0)
    presence = "available" if pieces else "not_available"
    return {"id": name, "quantity_in_stock": pieces, "presence": presence, "presence_sure": True}


def stock_result(answer: Mapping[str, Any], name: int | str) -> tuple[str, str]:
    """What became of one product of an edit: done only where the answer says so."""
    words = text(part(answer, "errors"), str(name))
    if words:
        return ("not_found" if "not found" in words.lower() else "validation"), words
    done = {str(identity) for identity in answer.get("processed_ids") or ()}
    return ("", "") if str(name) in done else ("validation", "not changed")


class Catalogue(RestConnector):
    """The part of the connector that reads products and tells stock."""

    def products(self, prices_only: bool = False) -> Iterator[ProductPage]:
        """All products that aren't deleted, newest first. Nothing quicker tells prices and stock."""
        groups = {group["id"]: group for page in self._walk("groups/list", "groups") for group in page}
        for page in self._walk("products/list", "products"):
            made, broken = [], []
            for body in page:
                try:
                    made += [product(body, groups)] if body.get("status") not in GONE else []
                except (TypeError, ValueError) as error:
                    broken.append((str(body["id"]), str(error)))
            yield ProductPage(made, broken=broken)

    def _walk(self, path: str, name: str) -> Iterator[list[Mapping[str, Any]]]:
        """The pages of a list, ids descending; `last_id` is inclusive, and a page with nothing below it is the end."""
        query: dict[str, Any] = {"limit": PAGE, "sort_dir": "desc"}
        while page := [e for e in self.listed(path, name, **query) if e["id"] < query.get("last_id", e["id"] + 1)]:
            yield page
            query["last_id"] = min(e["id"] for e in page)

    def write_stock(self, changes: Sequence[StockData]) -> Mapping[str, tuple[str, str]]:
        """HTTP 200 whatever became of the products: the answer tells it for each."""
        own = self.settings.get("stock_by") == "own"
        named = {c.external_id: name for c in changes if (name := stock_id(c, own))}
        rows = [stock_row(named[c.external_id], c.quantity) for c in changes if c.external_id in named]
        path = "products/edit_by_external_id" if own else "products/edit"
        answer = self.call("POST", path, json=rows) if rows else {}
        said = {identity: stock_result(answer, name) for identity, name in named.items()}
        nameless = ("validation", NO_NUMBER)
        return {c.external_id: said.get(c.external_id, nameless) for c in changes}
