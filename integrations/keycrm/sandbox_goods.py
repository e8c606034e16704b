"""The catalogue of the KeyCRM sandbox: invented as it is read, so that it may be a hundred thousand products large.

Of ten products in a row the fourth and the eighth have three variants each. What is changed or added is kept; the
option "products" says how many there are. Chosen here, not published: archived ones are listed unless the filter
leaves them out; a removed product is in no list.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from integrations.keycrm import sandbox_data as data
from integrations.keycrm import sandbox_rules as rules
from integrations.keycrm import sandbox_wire as wire
from integrations.sandbox import Request, Response, Sandbox, answer
from integrations.sandbox_store import Account, Thing

ID_STEP = 10_000_000
FIRST_OFFER = 5_000_000
FIRST_ADDED = 2_000_001
FIRST_ADDED_OFFER = 8_000_001
MAX_IMPORT = 100
MAX_OFFERS = 10_000
#: of ten products: (which of them, which variant or None)
LAYOUT = tuple(
    (place, variant) for place in range(10) for variant in (range(len(data.SIZES)) if place in (3, 7) else (None,))
)
SHEET = len(LAYOUT)
FIRST_OF = {place: LAYOUT.index(pair) for pair in LAYOUT for place in [pair[0]] if pair[1] in (None, 0)}
MEASURES = ("weight", "length", "width", "height")
OFFER_NUMBERS = ("price", "purchased_price", *MEASURES)
PRODUCT_TEXT = ("name", "description", "currency_code", "sku", "barcode", "unit_type")


def _base(account: Account) -> int:
    return account.number * ID_STEP


# Products and offers as they stand


def product(account: Account, number: int) -> Thing | None:
    """The product as the vendor shows it; None for one that isn't there."""
    found = account.table("products").get(number)
    if found is None:
        place = number - _base(account) - 1
        if not 0 <= place < account.options["products"]:
            return None
        found = _invented(place)
    found = {"id": number, **found, **account.table("changed").get(number, {})}
    return (
        None
        if found.pop("gone", False)
        else _summed(found, [_offer(account, one) for one in offers_of(account, number)])
    )


def _invented(place: int) -> Thing:
    category, name, _price = data.GOODS[place % len(data.GOODS)]
    sku, many = f"K-{place + 1:06}", place % 10 in (3, 7)
    thing: Thing = {
        "name": f"{name}, {data.SHADES[place // 7 % len(data.SHADES)]}, №{place + 1}",
        "description": f"<p>{name}, номер {place + 1}</p>",
        "thumbnail_url": f"https://images.example.com/{sku}.jpg",
        "attachments_data": [f"https://images.example.com/{sku}-{n}.jpg" for n in (1, 2)],
        "unit_type": None,
        "currency_code": "UAH",
        **dict(zip(MEASURES, (0.4, 12, 9, 9), strict=True)),
        "has_offers": many,
        "is_archived": False,
        "category_id": category,
        "fields": [{"uuid": "CT_1108", "value": "Україна"}] if place % 5 == 0 else [],
        **data.TIMES,
    }
    return thing if many else thing | {"sku": sku, "barcode": _barcode(place * 10)}


def _barcode(number: int) -> str:
    digits = f"482{number:09}"
    return digits + str(-sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(digits)) % 10)


def _summed(found: Thing, offers: Sequence[Thing]) -> Thing:
    prices = [offer["price"] for offer in offers]
    found |= {"quantity": sum(offer["quantity"] for offer in offers)}
    found |= {"min_price": min(prices, default=0), "max_price": max(prices, default=0)}
    if not found["has_offers"]:
        found |= {name: offer[name] for offer in offers[:1] for name in ("sku", "barcode", "price", "purchased_price")}
    return found


def offers_of(account: Account, number: int) -> Sequence[int]:
    """Ids of a product's offers."""
    added = account.table("products").get(number)
    if added:
        return list(added["offers"])
    sheet, place = divmod(number - _base(account) - 1, 10)
    first = _base(account) + FIRST_OFFER + sheet * SHEET + FIRST_OF[place] + 1
    return range(first, first + (len(data.SIZES) if place in (3, 7) else 1))


def product_of_offer(account: Account, number: int) -> int:
    """The id of an offer's product."""
    added = account.table("offers").get(number)
    if added:
        return int(added["product_id"])
    sheet, place = divmod(number - _base(account) - FIRST_OFFER - 1, SHEET)
    return _base(account) + sheet * 10 + LAYOUT[place][0] + 1


def _offer(account: Account, number: int) -> Thing:
    found = account.table("offers").get(number) or _invented_offer(account, number)
    found = {"id": number, **found, **account.table("changed_offers").get(number, {})}
    return found | {"quantity": sum(found["stock"])}


def _invented_offer(account: Account, number: int) -> Thing:
    at = number - _base(account) - FIRST_OFFER - 1
    sheet, place = divmod(at, SHEET)
    of, variant = sheet * 10 + LAYOUT[place][0], LAYOUT[place][1]
    sku = f"K-{of + 1:06}" + ("" if variant is None else f"-{data.SIZES[variant]}")
    price = data.GOODS[of % len(data.GOODS)][2] + of % 90 + (variant or 0) * 10
    return {
        "product_id": _base(account) + of + 1,
        "sku": sku,
        "barcode": _barcode(of * 10 + (0 if variant is None else variant + 1)),
        "thumbnail_url": f"https://images.example.com/{sku}.jpg",
        "price": price if of % 3 else price + 0.5,
        "purchased_price": price // 2,
        **dict(zip(MEASURES, (0.4, 12, 9, 9), strict=True)),
        "properties": [] if variant is None else [{"name": "Розмір", "value": data.SIZES[variant]}],
        "stock": [at * 7 % 40, at % 3],
        "reserve": at % 2,
    }


def offer_of(account: Account, sku: Any) -> Thing | None:
    """The offer of an article as orders show it; None when the catalogue has none."""
    number = _numbered(account, {"sku": sku})
    return _shown_offer(_offer(account, number)) if number else None


def name_of(account: Account, sku: Any) -> Any:
    """The name of the product with an article; None when the catalogue has none."""
    number = _numbered(account, {"sku": sku})
    found = product(account, product_of_offer(account, number)) if number else None
    return found and found["name"]


def _shown_offer(found: Thing) -> Thing:
    return {name: value for name, value in found.items() if name not in ("stock", "reserve")}


def _numbered(account: Account, given: Thing) -> int | None:
    """The id of the offer that is named by id or article."""
    number = given.get("id") if given.get("id") is not None else _by_sku(account, str(given.get("sku")))
    if number is None or (number not in account.table("offers") and not _is_invented(account, number)):
        return None
    return int(number) if product(account, product_of_offer(account, number)) else None


def _is_invented(account: Account, number: Any) -> bool:
    if not isinstance(number, int) or number <= _base(account) + FIRST_OFFER:
        return False
    return product_of_offer(account, number) - _base(account) <= account.options["products"]


def _by_sku(account: Account, sku: str) -> int | None:
    added = account.find("sku", sku)
    letters, _, rest = sku.partition("-")
    number, _, size = rest.partition("-")
    if added or letters != "K" or not number.isdecimal() or len(number) < 6 or (size and size not in data.SIZES):
        return added
    sheet, place = divmod(int(number) - 1, 10)
    pair = (place, data.SIZES.index(size) if size else None)
    return _base(account) + FIRST_OFFER + sheet * SHEET + LAYOUT.index(pair) + 1 if pair in LAYOUT else None


# Endpoints


class Goods(Sandbox):
    """Endpoints of /products and /offers."""

    def _begin(self) -> None:
        self._lists: dict[tuple[str, ...], list[int]] = {}
        super()._begin()

    def products_list(self, request: Request, account: Account) -> Response:
        asked = wire.includes(request, ("custom_fields",))
        found = self._listed("products", account, wire.filters(request))
        return wire.paged(request, found, lambda number: _shown_product(product(account, number), asked))

    def product_read(self, request: Request, account: Account, number: int) -> Response:
        asked = wire.includes(request, ("custom_fields",))
        found = product(account, number)
        return answer(_shown_product(found, asked)) if found else wire.message(404, "Not Found")

    def offers_list(self, request: Request, account: Account) -> Response:
        asked = wire.includes(request, ("product",))
        found = self._listed("offers", account, wire.filters(request))
        if request.args.get("sort") == "-id":
            found = found[::-1]

        def show(number: int) -> Thing:
            shown = _shown_offer(_offer(account, number))
            return _with_product(account, shown) if "product" in asked else shown

        return wire.paged(request, found, show)

    def stocks_list(self, request: Request, account: Account) -> Response:
        given = wire.filters(request)
        names = {"offers_id": "id", "offers_sku": "sku"}
        found = self._listed("offers", account, {names[name]: given[name] for name in names if name in given})
        details = given.get("details") in ("true", "1")
        return wire.paged(request, found, lambda number: _stock(_offer(account, number), details))

    def _listed(self, kind: str, account: Account, given: dict[str, str]) -> list[int]:
        """Ids in ascending order; remembered until the catalogue changes, since it is read page by page."""
        size = str(account.options["products"])
        key = (kind, account.token, size, *(f"{name}={value}" for name, value in sorted(given.items())))
        if key not in self._lists:
            listed = _products if kind == "products" else _offers
            self._lists[key] = list(listed(account, given))
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
        return answer(_shown_product(product(account, self.add_product(account, given))), 201)

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
        number = account.next_id("products", _base(account) + FIRST_ADDED)
        offer = account.next_id("offers", _base(account) + FIRST_ADDED_OFFER)
        thing: Thing = {name: given.get(name) for name in (*PRODUCT_TEXT, *MEASURES, "category_id")}
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
        sold |= {name: given.get(name) for name in ("sku", "barcode", *MEASURES)}
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
            stock = list(_offer(account, number)["stock"])
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
            before = product(shop, number)
            if before is None:
                raise KeyError(f"No product {number}")
            price = changes.pop("price", None)
            for offer in offers_of(shop, number) if price is not None else ():
                shop.put("changed_offers", offer, shop.table("changed_offers").get(offer, {}) | {"price": price})
            kept = shop.table("changed").get(number, {}) | changes | {"updated_at": wire.stamp()}
            shop.put("changed", number, kept)
            self._lists.clear()
            return _shown_product(product(shop, number)) if not changes.get("gone") else {"id": number, "gone": True}


def _shown_product(found: Thing | None, asked: Iterable[str] = ()) -> Thing:
    shown = {name: value for name, value in (found or {}).items() if name not in ("offers", "fields")}
    if "custom_fields" in asked:
        shown["custom_fields"] = rules.fields_shown((found or {}).get("fields") or [])
    return shown


def _with_product(account: Account, offer: Thing) -> Thing:
    """An offer with its product, which says what values the properties of all its offers have."""
    of = _shown_product(product(account, offer["product_id"]))
    values: dict[str, list[str]] = {}
    for number in offers_of(account, of["id"]):
        for one in _offer(account, number)["properties"]:
            values.setdefault(one["name"], []).append(one["value"])
    return offer | {"product": of | {"properties_agg": values}}


def _stock(offer: Thing, details: bool) -> Thing:
    shown = {name: offer[name] for name in ("id", "sku", "price", "purchased_price", "quantity", "reserve")}
    if details:
        shown["warehouse"] = [
            {"id": number, "name": name, "quantity": held, "reserve": offer["reserve"] if number == 1 else 0}
            for (number, name), held in zip(data.WAREHOUSES, offer["stock"], strict=True)
        ]
    return shown


def _products(account: Account, given: dict[str, str]) -> Iterator[int]:
    """Ids of the products that pass; a product is laid out only where a filter or a change needs it."""
    base, changed = _base(account), account.table("changed")
    wanted = set(wire.listed(given["category_id"])) if "category_id" in given else None
    ids = set(wire.listed(given["product_id"])) if "product_id" in given else None
    for number in (*range(base + 1, base + account.options["products"] + 1), *account.table("products")):
        now = changed.get(number, {})
        if now.get("gone") or (ids is not None and str(number) not in ids) or not _of_archive(now, given):
            continue
        if wanted is None or str(now.get("category_id", _category(account, number))) in wanted:
            yield number


def _category(account: Account, number: int) -> Any:
    added = account.table("products").get(number)
    return added["category_id"] if added else data.GOODS[(number - _base(account) - 1) % len(data.GOODS)][0]


def _of_archive(now: Thing, given: dict[str, str]) -> bool:
    wanted = given.get("is_archived")
    return wanted is None or bool(now.get("is_archived")) == (wanted in ("true", "1"))


def _offers(account: Account, given: dict[str, str]) -> Iterator[int]:
    """Ids of the offers that pass: those named, or all of the products that pass."""
    named: list[Thing] = [{"id": int(one)} for one in wire.listed(given.get("id", "")) if one.isdecimal()]
    named += [{"sku": one} for one in wire.listed(given.get("sku", ""))]
    if {"id", "sku"} & set(given):
        yield from sorted({number for one in named if (number := _numbered(account, one))})
        return
    for product_id in _products(account, given):
        yield from offers_of(account, product_id)


def _product_problems(given: Any, account: Account, at: str) -> wire.Problems:
    if not isinstance(given, dict) or not given.get("name"):
        yield f"{at}name", f"The {at}name field is required."
        return
    yield from rules.product_problems(given, at, OFFER_NUMBERS, PRODUCT_TEXT)
    yield from rules.field_problems(given, "crm_product", at)
    if given.get("sku") and _numbered(account, {"sku": given["sku"]}):
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
        number = _numbered(account, row) if isinstance(row, dict) else None
        if number is None:
            problems.append((f"{here}id", f"The selected {here}id is invalid."))
            continue
        problems += rules.product_problems(row, here, fields, ())
        if required and rules.decimal(row.get(fields[0])) is None:
            problems.append((f"{here}{fields[0]}", f"The {here}{fields[0]} field is required."))
        found.append((number, row))
    wire.check(problems)
    return found
