"""Products and offers of the KeyCRM sandbox: endpoints, and what staff change. The goods are on the shelf."""

from collections.abc import Sequence
from typing import Any

from integrations.keycrm import sandbox_data as data
from integrations.keycrm import sandbox_rules as rules
from integrations.keycrm import sandbox_shelf as shelf
from integrations.keycrm import sandbox_wire as wire
from integrations.sandbox import Request, Response, Sandbox, answer
from integrations.sandbox_store import Account, Thing
from integrations.sandbox_values import decimal

MAX_IMPORT = 100
MAX_OFFERS = 10_000
OFFER_NUMBERS = ("price", "purchased_price", *shelf.MEASURES)
PRODUCT_TEXT = ("name", "description", "currency_code", "sku", "barcode", "unit_type")


class Goods(Sandbox):
    """Endpoints of /products and /offers."""

    def _begin(self) -> None:
        self._lists: dict[tuple[str, ...], Sequence[int]] = {}
        super()._begin()

    def products_list(self, request: Request, account: Account) -> Response:
        asked = wire.includes(request, ("custom_fields",))
        found = self._listed("products", account, wire.filters(request))
        return wire.paged(request, found, lambda number: shelf.shown_product(shelf.product(account, number), asked))

    def product_read(self, request: Request, account: Account, number: int) -> Response:
        asked = wire.includes(request, ("custom_fields",))
        found = shelf.product(account, number)
        return answer(shelf.shown_product(found, asked)) if found else wire.message(404, "Not Found")

    def offers_list(self, request: Request, account: Account) -> Response:
        asked = wire.includes(request, ("product",))
        found = self._listed("offers", account, wire.filters(request))
        if request.args.get("sort") == "-id":
            found = found[::-1]

        def show(number: int) -> Thing:
            shown = shelf.shown_offer(shelf.offer_at(account, number))
            return shelf.with_product(account, shown) if "product" in asked else shown

        return wire.paged(request, found, show)

    def stocks_list(self, request: Request, account: Account) -> Response:
        given = wire.filters(request)
        names = {"offers_id": "id", "offers_sku": "sku"}
        found = self._listed("offers", account, {names[name]: given[name] for name in names if name in given})
        details = given.get("details") in ("true", "1")
        return wire.paged(request, found, lambda number: shelf.stock_shown(shelf.offer_at(account, number), details))

    def _listed(self, kind: str, account: Account, given: dict[str, str]) -> Sequence[int]:
        """Ids in ascending order; remembered until the catalogue changes, since it is read page by page."""
        size = str(account.options["products"])
        key = (kind, account.token, size, *(f"{name}={value}" for name, value in sorted(given.items())))
        if key not in self._lists:
            self._lists[key] = shelf.listed(kind, account, given)
        return self._lists[key]

    def categories_list(self, request: Request, account: Account) -> Response:
        known: wire.Filters = {"category_id": wire.any_of("id"), "parent_id": wire.any_of("parent_id")}
        found = [*data.CATEGORIES, *account.table("categories").values()]
        return wire.paged(request, wire.selected(found, wire.filters(request), known))

    def category_create(self, request: Request, account: Account) -> Response:
        given = wire.posted(request)
        if not given.get("name"):
            return wire.invalid([("name", "The name field is required.")])
        number = account.next_id("categories", 1001)
        category = {"id": number, "name": given["name"], "parent_id": given.get("parent_id")}
        account.put("categories", number, category)
        return answer(category, 201)

    # Writing

    def product_create(self, request: Request, account: Account) -> Response:
        given = wire.posted(request)
        wire.check(_product_problems(given, account, ""))
        return answer(shelf.shown_product(shelf.product(account, self.add_product(account, given))), 201)

    def products_import(self, request: Request, account: Account) -> Response:
        given = wire.posted(request).get("products")
        if not isinstance(given, list) or not 0 < len(given) <= MAX_IMPORT:
            return wire.invalid([("products", f"The products must have between 1 and {MAX_IMPORT} items.")])
        wire.check(pair for n, row in enumerate(given) for pair in _product_problems(row, account, f"products.{n}."))
        for row in given:
            self.add_product(account, row)
        return answer({"status": True}, 201)

    def add_product(self, account: Account, given: Thing) -> int:
        """A product with its one offer; its id."""
        number = account.next_id("products", shelf.base_id(account) + shelf.FIRST_ADDED)
        offer = account.next_id("offers", shelf.base_id(account) + shelf.FIRST_ADDED_OFFER)
        thing: Thing = {name: given.get(name) for name in (*PRODUCT_TEXT, *shelf.MEASURES, "category_id")}
        thing |= {
            "fields": rules.laid_fields([], given),
            "offers": [offer],
            "has_offers": False,
            "is_archived": False,
            "thumbnail_url": None,
        }
        thing |= {
            "attachments_data": given.get("pictures") or [],
            "created_at": wire.stamp(),
            "updated_at": wire.stamp(),
        }
        sold: Thing = {"product_id": number, "properties": [], "stock": [0, 0], "reserve": 0, "thumbnail_url": None}
        sold |= {name: given.get(name) for name in ("sku", "barcode", *shelf.MEASURES)}
        sold |= {name: rules.plain(rules.known(given.get(name))) for name in ("price", "purchased_price")}
        account.put("products", number, thing | {"currency_code": given.get("currency_code") or "UAH"})
        account.put("offers", offer, sold)
        self._lists.clear()
        return number

    def offers_change(self, request: Request, account: Account) -> Response:
        given = wire.posted(request).get("offers")
        rows = _checked(given, "offers", account, OFFER_NUMBERS)
        for number, row in rows:
            kept = {name: row[name] for name in OFFER_NUMBERS if row.get(name) is not None}
            kept |= {"thumbnail_url": row["image_url"]} if row.get("image_url") else {}
            account.put("changed_offers", number, account.table("changed_offers").get(number, {}) | kept)
        return answer({"status": True}, 202)

    def stocks_change(self, request: Request, account: Account) -> Response:
        given = wire.posted(request)
        places = [number for number, _name in data.WAREHOUSES]
        if given.get("warehouse_id") not in places:
            return wire.invalid([("warehouse_id", "The selected warehouse_id is invalid.")])
        for number, row in _checked(given.get("stocks"), "stocks", account, ("quantity",), required=True):
            stock = list(shelf.offer_at(account, number)["stock"])
            stock[places.index(given["warehouse_id"])] = rules.plain(rules.known(row["quantity"]))
            kept = account.table("changed_offers").get(number, {}) | {"stock": stock}
            account.put("changed_offers", number, kept)
        return answer({"status": True}, 202)

    # Staff

    def change_product(self, number: int, account: str | None = None, **changes: Any) -> Thing:
        """Staff change a product: name, category_id, is_archived, price of its offers, `gone` to remove it.
        KeyError: there is none."""
        with self.lock:
            shop = self.account(account)
            before = shelf.product(shop, number)
            if before is None:
                raise KeyError(f"No product {number}")
            price = changes.pop("price", None)
            for offer in shelf.offers_of(shop, number) if price is not None else ():
                shop.put("changed_offers", offer, shop.table("changed_offers").get(offer, {}) | {"price": price})
            kept = shop.table("changed").get(number, {}) | changes | {"updated_at": wire.stamp()}
            shop.put("changed", number, kept)
            self._lists.clear()
            return (
                shelf.shown_product(shelf.product(shop, number))
                if not changes.get("gone")
                else {"id": number, "gone": True}
            )


def _product_problems(given: Any, account: Account, at: str) -> wire.Problems:
    if not isinstance(given, dict) or not given.get("name"):
        yield f"{at}name", f"The {at}name field is required."
        return
    yield from rules.product_problems(given, at, OFFER_NUMBERS, PRODUCT_TEXT)
    yield from rules.field_problems(given, "crm_product", at)
    if given.get("sku") and shelf.numbered(account, {"sku": given["sku"]}):
        yield f"{at}sku", f"The {at}sku has already been taken."


def _checked(
    given: Any, name: str, account: Account, fields: tuple[str, ...], required: bool = False
) -> list[tuple[int, Thing]]:
    """(offer's id, row) of each row. Refused: one names no offer, or its numbers are none."""
    if not isinstance(given, list) or not 0 < len(given) <= MAX_OFFERS:
        wire.check([(name, f"The {name} must have between 1 and {MAX_OFFERS} items.")])
    found: list[tuple[int, Thing]] = []
    problems: list[tuple[str, str]] = []
    for place, row in enumerate(given):
        here = f"{name}.{place}."
        number = shelf.numbered(account, row) if isinstance(row, dict) else None
        if number is None:
            problems.append((f"{here}id", f"The selected {here}id is invalid."))
            continue
        problems += rules.product_problems(row, here, fields, ())
        if required and decimal(row.get(fields[0])) is None:
            problems.append((f"{here}{fields[0]}", f"The {here}{fields[0]} field is required."))
        found.append((number, row))
    wire.check(problems)
    return found
