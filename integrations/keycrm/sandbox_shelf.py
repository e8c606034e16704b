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
from integrations.sandbox_store import Account, Thing

ID_STEP = 10_000_000
FIRST_OFFER = 5_000_000
FIRST_ADDED = 2_000_001
FIRST_ADDED_OFFER = 8_000_001
#: of ten products: (which of them, which variant or None)
LAYOUT = tuple(
    (place, variant) for place in range(10) for variant in (range(len(data.SIZES)) if place in (3, 7) else (None,))
)
SHEET = len(LAYOUT)
FIRST_OF = {place: LAYOUT.index(pair) for pair in LAYOUT for place in [pair[0]] if pair[1] in (None, 0)}
MEASURES = ("weight", "length", "width", "height")


def base_id(account: Account) -> int:
    return account.number * ID_STEP


# Products and offers as they stand


def product(account: Account, number: int) -> Thing | None:
    """The product as the vendor shows it; None for one that isn't there."""
    found = account.table("products").get(number)
    if found is None:
        place = number - base_id(account) - 1
        if not 0 <= place < account.options["products"]:
            return None
        found = _invented(place)
    found = {"id": number, **found, **account.table("changed").get(number, {})}
    if found.pop("gone", False):
        return None
    return _summed(found, [offer_at(account, one) for one in offers_of(account, number)])


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
    sheet, place = divmod(number - base_id(account) - 1, 10)
    first = base_id(account) + FIRST_OFFER + sheet * SHEET + FIRST_OF[place] + 1
    return range(first, first + (len(data.SIZES) if place in (3, 7) else 1))


def product_of_offer(account: Account, number: int) -> int:
    """The id of an offer's product."""
    added = account.table("offers").get(number)
    if added:
        return int(added["product_id"])
    sheet, place = divmod(number - base_id(account) - FIRST_OFFER - 1, SHEET)
    return base_id(account) + sheet * 10 + LAYOUT[place][0] + 1


def offer_at(account: Account, number: int) -> Thing:
    found = account.table("offers").get(number) or _invented_offer(account, number)
    found = {"id": number, **found, **account.table("changed_offers").get(number, {})}
    return found | {"quantity": sum(found["stock"])}


def _invented_offer(account: Account, number: int) -> Thing:
    at = number - base_id(account) - FIRST_OFFER - 1
    sheet, place = divmod(at, SHEET)
    of, variant = sheet * 10 + LAYOUT[place][0], LAYOUT[place][1]
    sku = f"K-{of + 1:06}" + ("" if variant is None else f"-{data.SIZES[variant]}")
    price = data.GOODS[of % len(data.GOODS)][2] + of % 90 + (variant or 0) * 10
    return {
        "product_id": base_id(account) + of + 1,
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
    number = numbered(account, {"sku": sku})
    return shown_offer(offer_at(account, number)) if number else None


def name_of(account: Account, sku: Any) -> Any:
    """The name of the product with an article; None when the catalogue has none."""
    number = numbered(account, {"sku": sku})
    found = product(account, product_of_offer(account, number)) if number else None
    return found and found["name"]


def shown_offer(found: Thing) -> Thing:
    return {name: value for name, value in found.items() if name not in ("stock", "reserve")}


def numbered(account: Account, given: Thing) -> int | None:
    """The id of the offer that is named by id or article."""
    number = given.get("id") if given.get("id") is not None else _by_sku(account, str(given.get("sku")))
    if number is None or (number not in account.table("offers") and not _is_invented(account, number)):
        return None
    return int(number) if product(account, product_of_offer(account, number)) else None


def _is_invented(account: Account, number: Any) -> bool:
    if not isinstance(number, int) or number <= base_id(account) + FIRST_OFFER:
        return False
    return product_of_offer(account, number) - base_id(account) <= account.options["products"]


def _by_sku(account: Account, sku: str) -> int | None:
    added = account.find("sku", sku)
    letters, _, rest = sku.partition("-")
    number, _, size = rest.partition("-")
    if added or letters != "K" or not number.isdecimal() or len(number) < 6 or (size and size not in data.SIZES):
        return added
    sheet, place = divmod(int(number) - 1, 10)
    pair = (place, data.SIZES.index(size) if size else None)
    return base_id(account) + FIRST_OFFER + sheet * SHEET + LAYOUT.index(pair) + 1 if pair in LAYOUT else None


# Lists of ids


def listed(kind: str, account: Account, given: dict[str, str]) -> Sequence[int]:
    """Ids of "products" or "offers" that pass the filters, in ascending order."""
    found = _products(account, given) if kind == "products" else _offers(account, given)
    return _untouched(kind, account, given) or list(found)


def _untouched(kind: str, account: Account, given: dict[str, str]) -> range | None:
    """All ids of a catalogue that is as it was invented, without walking it; None when it has to be walked."""
    if given or account.table("products") or any(now.get("gone") for now in account.table("changed").values()):
        return None
    size, base = account.options["products"], base_id(account)
    sheets, rest = divmod(size, 10)
    offers = sheets * SHEET + FIRST_OF[rest]
    first, many = (base + 1, size) if kind == "products" else (base + FIRST_OFFER + 1, offers)
    return range(first, first + many)


def _products(account: Account, given: dict[str, str]) -> Iterator[int]:
    """Ids of the products that pass; a product is laid out only where a filter or a change needs it."""
    base, changed = base_id(account), account.table("changed")
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
    return added["category_id"] if added else data.GOODS[(number - base_id(account) - 1) % len(data.GOODS)][0]


def _of_archive(now: Thing, given: dict[str, str]) -> bool:
    wanted = given.get("is_archived")
    return wanted is None or bool(now.get("is_archived")) == (wanted in ("true", "1"))


def _offers(account: Account, given: dict[str, str]) -> Iterator[int]:
    """Ids of the offers that pass: those named, or all of the products that pass."""
    named: list[Thing] = [{"id": int(one)} for one in wire.listed(given.get("id", "")) if one.isdecimal()]
    named += [{"sku": one} for one in wire.listed(given.get("sku", ""))]
    if {"id", "sku"} & set(given):
        yield from sorted({number for one in named if (number := numbered(account, one))})
        return
    for product_id in _products(account, given):
        yield from offers_of(account, product_id)


# As it is shown


def shown_product(found: Thing | None, asked: Iterable[str] = ()) -> Thing:
    shown = {name: value for name, value in (found or {}).items() if name not in ("offers", "fields")}
    if "custom_fields" in asked:
        shown["custom_fields"] = rules.fields_shown((found or {}).get("fields") or [])
    return shown


def with_product(account: Account, offer: Thing) -> Thing:
    """An offer with its product, which says what values the properties of all its offers have."""
    of = shown_product(product(account, offer["product_id"]))
    values: dict[str, list[str]] = {}
    for number in offers_of(account, of["id"]):
        for one in offer_at(account, number)["properties"]:
            values.setdefault(one["name"], []).append(one["value"])
    return offer | {"product": of | {"properties_agg": values}}


def stock_shown(offer: Thing, details: bool) -> Thing:
    shown = {name: offer[name] for name in ("id", "sku", "price", "purchased_price", "quantity", "reserve")}
    if details:
        shown["warehouse"] = [
            {"id": number, "name": name, "quantity": held, "reserve": offer["reserve"] if number == 1 else 0}
            for (number, name), held in zip(data.WAREHOUSES, offer["stock"], strict=True)
        ]
    return shown
