"""What the imitation of Ukrposhta refuses, and what it asks for a delivery."""

import re
from collections.abc import Callable
from typing import Any

from integrations.sandbox import Refused, answer
from integrations.sandbox_store import Thing
from integrations.ukrposhta import sandbox_data as data

Check = Callable[[Thing], str]
HEAVIEST = 30_000  # grams
PRICES = {"STANDARD": 45, "EXPRESS": 60}
ENDS = {"W2W": 0, "W2D": 40, "D2W": 40, "D2D": 75}


def checked(body: Any, problem: Check) -> Thing:
    """The body, or the refusal."""
    words = problem(body) if isinstance(body, dict) else "Object expected"
    if words:
        raise Refused(answer({"code": "UPE01000", "message": words}, 400))
    return dict(body)


def address_problem(body: Thing) -> str:
    code = body.get("postcode")
    if not isinstance(code, str) or not re.fullmatch(r"\d{5}", code):
        return "Postcode must have 5 digits"
    return "" if data.known(code) else "Postcode not found"


def client_problem(body: Thing) -> str:
    if body.get("type") not in ("INDIVIDUAL", "PRIVATE_ENTREPRENEUR", "COMPANY"):
        return "Type of client is required"
    for name in ("firstName", "lastName"):
        if body["type"] != "COMPANY" and not body.get(name):
            return f"{name} is required"
    if not re.fullmatch(r"(\+?38)?0\d{9}", str(body.get("phoneNumber") or "")):
        return "Phone number is not valid"
    return ""


def parcels_problem(body: Thing) -> str:
    parcels = body.get("parcels")
    if not isinstance(parcels, list) or not parcels:
        return "At least one parcel should be filled"
    for one in parcels:
        for name in ("weight", "length"):
            if not isinstance(one.get(name), int) or one[name] < 1:
                return f"Parcel {name} must be a whole number above 0"
        if one["weight"] > HEAVIEST:
            return f"Parcel weight must not exceed {HEAVIEST} g"
    most = sum(float(one.get("declaredPrice") or 0) for one in parcels)
    return "PostPay must not exceed the declared price" if float(body.get("postPay") or 0) > most else ""


def shipment_problem(body: Thing) -> str:
    for name in ("sender", "recipient"):
        if not isinstance(body.get(name), dict):
            return f"{name} is required"
    if body.get("type", "EXPRESS") not in PRICES or body.get("deliveryType") not in ENDS:
        return "Type or deliveryType is unknown"
    if len(str(body.get("description") or "")) > 255:
        return "Description is too long"
    return parcels_problem(body)


def price_problem(body: Thing) -> str:
    for name in ("addressFrom", "addressTo"):
        if problem := address_problem(body.get(name) or {}):
            return f"{name}: {problem}"
    if body.get("type") not in PRICES or body.get("deliveryType") not in ENDS:
        return "Type or deliveryType is unknown"
    return parcels_problem(body)


def cost(body: Thing) -> float:
    """Dearer with weight, to the door, and with cash on delivery."""
    weight = sum(one["weight"] for one in body["parcels"])
    declared = sum(float(one.get("declaredPrice") or 0) for one in body["parcels"])
    base = PRICES[body.get("type", "EXPRESS")] + ENDS[body["deliveryType"]] + weight // 1000 * 5
    return round(base + max(declared - 500, 0) * 0.005 + (15 if body.get("postPay") else 0), 2)
