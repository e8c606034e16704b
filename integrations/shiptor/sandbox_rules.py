"""What the Shiptor sandbox charges, and what it refuses. Prices are invented; that they grow with weight, volume and
distance, and fees with what is collected and declared, is how such services charge."""

from collections.abc import Iterator
from decimal import Decimal
from math import asin, cos, radians, sin, sqrt
from typing import Any

from integrations.shiptor import sandbox_data as data
from integrations.shiptor.sandbox_data import Thing

LOCAL = ("RU", "KZ", "BY")
MOSCOW = "77000000000"
SIDES = ("length", "width", "height")
VOLUME = 5000  # cubic centimetres that count as a kilogram
LONGEST = 150  # centimetres of a side


def number(value: Any) -> Decimal | None:
    """A number, 0 or more; None for anything else (texts that hold one are taken)."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = Decimal(str(value))
    except ArithmeticError:
        return None
    return found if found.is_finite() and found >= 0 else None


def sizes_problem(given: Thing) -> str | None:
    for name in (*SIDES, "weight"):
        found = number(given.get(name))
        if not found:
            return f"Parameter {name} must be a numeric greater than 0."
    return None


def money_problem(given: Thing) -> str | None:
    cod, declared = number(given.get("cod")), number(given.get("declared_cost"))
    if cod is None:
        return "Parameter cod must be a numeric greater or equal 0."
    if declared is None or declared < 10:
        return "Parameter declared_cost must be a numeric greater or equal 10."
    return "Parameter declared_cost can not be less than cod." if declared < cod else None


def chargeable(given: Thing) -> Decimal:
    """Kilograms: of the weight or of the volume, whichever is more."""
    length, width, height = (number(given[name]) or Decimal(1) for name in SIDES)
    return max(number(given["weight"]) or Decimal(0), length * width * height / VOLUME)


def thousands_of_km(start: str, end: str) -> Decimal:
    one, other = (data.SETTLEMENTS[code][5:] for code in (start, end))
    (lat1, lon1), (lat2, lon2) = ((radians(a), radians(b)) for a, b in (one, other))
    arc = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return Decimal(round(2 * 6371 * asin(sqrt(arc)) / 1000, 3))


def offers(given: Thing, start: str | None) -> Iterator[Thing]:
    """Entries of calculateShipping: through offers with a city to start from, else those by the warehouse."""
    end = str(given["kladr_id"])
    far = thousands_of_km(start or MOSCOW, end)
    for row in data.METHODS:
        if (row[2] in data.THROUGH) is not bool(start) or "international" in row[3]:
            continue
        yield _offer(row, given, far, _impossible(row, given, end))


def export_offers(given: Thing) -> Iterator[Thing]:
    far = Decimal(str(data.EXPORT_KM.get(str(given["destination_country_code"]), 5)))
    for row in data.METHODS:
        if "international" in row[3]:
            yield _offer(row, {"cod": 0, **given}, far, _too_heavy(row, given))


def _too_heavy(row: tuple[Any, ...], given: Thing) -> str:
    if chargeable(given) > row[8]:
        return f"Вес больше {row[8]} кг"
    longest = max(number(given[name]) or Decimal(0) for name in SIDES)
    return f"Сторона длиннее {LONGEST} см" if longest > LONGEST else ""


def _impossible(row: tuple[Any, ...], given: Thing, end: str) -> str:
    cod, card = number(given.get("cod")), given.get("card") or given.get("cashless_payment")
    if end in data.VILLAGES and row[4] not in ("russian-post", "cdek"):
        return "Нет доставки в этот населённый пункт"
    if end in data.VILLAGES and row[2].endswith("point"):
        return "Нет пунктов выдачи в этом населённом пункте"
    if cod and card and row[4] == "russian-post":
        return "Оплата картой при получении невозможна"
    return _too_heavy(row, given)


def _offer(row: tuple[Any, ...], given: Thing, far: Decimal, problem: str) -> Thing:
    base, per_kg, per_km = (Decimal(n) for n in row[5:8])
    shipping = (base + per_kg * chargeable(given) + per_km * far).quantize(Decimal(1))
    services = {"shipping": shipping, "cod": _share(given.get("cod"), 25), "cost_declaring": _declaring(given)}
    first = 1 + int(far * 2) + (2 if row[4] == "russian-post" else 0)
    days = {"days": f"{first} - {first + 2}", "min_days": first, "max_days": first + 2}
    price = {
        "services": [_sum(total) | {"service": name} for name, total in services.items()],
        "total": _sum(sum(services.values(), Decimal(0))),
    }
    shown = {"method": data.shown(row), "cost": price, "priority": 0, "types": [], "min_declared_cost": 10, **days}
    return {"status": "error", "message": problem, **shown} if problem else {"status": "ok", **shown}


def _share(amount: Any, permille: int) -> Decimal:
    return ((number(amount) or Decimal(0)) * permille / 1000).quantize(Decimal("0.01"))


def _declaring(given: Thing) -> Decimal:
    return _share(given.get("declared_cost"), 5)


def _sum(amount: Decimal) -> Thing:
    return {"sum": float(amount), "currency": "RUB", "readable": f"{amount} ₽"}


def points(code: str, carriers: set[str]) -> Iterator[Thing]:
    """Points of a settlement: a few of each carrier, always the same."""
    if code in data.VILLAGES:
        return
    name, _kind, _short, region, _country, latitude, longitude = data.SETTLEMENTS[code]
    for carrier in sorted(carriers):
        methods = [r[0] for r in data.METHODS if r[4] == carrier and r[2].endswith("delivery-point")]
        for n in range(4 if methods else 0):
            seed = sum(map(ord, carrier)) + n * 7
            street, house = data.STREETS[seed % len(data.STREETS)], seed % 60 + 1
            address = {"administrative_area": region, "settlement": name, "street": street, "house": house}
            yield {
                "id": int(code[:2]) * 10_000 + seed,
                "courier": carrier,
                "address": f"{name}, ул. {street}, {house}",
                "phones": [f"+7 800 555-{seed % 90 + 10}-{n:02}"],
                "trip_description": "Вход со двора" if n % 2 else "",
                "work_schedule": "пн-вс 09:00-21:00" if n else "пн-пт 10:00-20:00",
                "shipping_days": "",
                "cod": n != 3,
                "card": n % 2 == 0,
                "gps_location": {"latitude": f"{latitude + seed / 3000:.5f}", "longitude": f"{longitude + n / 90:.5f}"},
                "kladr_id": code,
                "shipping_methods": methods,
                "prepare_address": address,
                "limits": {"max_weight": {"value": 15 if n == 2 else 30, "unit": "kg"}},
            }


def parcel_problem(given: Thing, known: set[str], services: set[str]) -> str | None:
    """The first thing that is wrong with the body of addPackage, in the vendor's kind of words."""
    departure = given.get("departure")
    if not isinstance(departure, dict) or not isinstance(departure.get("address"), dict):
        return "Address cannot be empty."
    if len(str(given.get("external_id") or "")) > 64:
        return "The length of external_id can not be more than 64 chars."
    method = data.method(departure.get("shipping_method"))
    if method is None:
        return "Invalid shipping method."
    export = departure["address"].get("country") not in LOCAL
    found = sizes_problem(given) or (None if export else money_problem(given) or _departure_problem(departure, method))
    return found or _address_problem(departure, export) or _products_problem(given, known, services)


def _departure_problem(departure: Thing, method: Thing) -> str | None:
    code = str(departure["address"].get("kladr_id"))
    if code not in data.SETTLEMENTS:
        return "Invalid kladr_id."
    if departure.get("cashless_payment") and method["courier"] == "russian-post":
        return "Cashless payment is not available for this shipping method."
    if not method["category"].endswith("delivery-point"):
        return None
    wanted = departure.get("delivery_point")
    if not wanted:
        return "Delivery point must be defined."
    there = {p["id"] for p in points(code, {method["courier"]})}
    return None if wanted in there else "Delivery point does not match shipping method."


def _address_problem(departure: Thing, export: bool) -> str | None:
    address = departure["address"]
    if not address.get("country"):
        return "Invalid country code."
    if not (address.get("receiver") or address.get("name")):
        return "Receiver cannot be empty."
    if not str(address.get("phone") or "").startswith("+"):
        return "Invalid phone."
    post = (data.method(departure["shipping_method"]) or {})["courier"] == "russian-post"
    if (export or post) and not address.get("postal_code"):
        return "Postal code cannot be empty."
    there = address.get("address_line_1") or address.get("street") or departure.get("delivery_point")
    return None if there else "Address cannot be empty."


def _products_problem(given: Thing, known: set[str], services: set[str]) -> str | None:
    for item in given.get("products") or ():
        if item.get("shopArticle") not in known:
            return f"Product {item.get('shopArticle')} not found."
        if not number(item.get("count")):
            return "Invalid product count."
    unknown = [s for s in given.get("services") or () if s.get("shopArticle") not in services]
    return f"Service {unknown[0].get('shopArticle')} not found." if unknown else None
