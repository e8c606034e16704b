"""Nova Poshta's directories -> ours: settlements, streets, branches and parcel lockers. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from .. import delivery
from ..errors import Refused
from ..fields import texts
from ..types import Address, Place, Point
from ..values import money, part, text
from .facts import COUNTRY

PLACE = {"code": "DeliveryCity", "name": "MainDescription", "kind": "SettlementTypeCode"}
POINT = {"code": "Ref", "address": "Description", "latitude": "Latitude", "longitude": "Longitude"}
_REF = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def is_ref(value: str) -> bool:
    return bool(_REF.fullmatch(value))


def place(entry: Mapping[str, Any]) -> Place:
    region = delivery.region(text(entry, "Area"), text(entry, "Region"))
    return Place(**texts(entry, PLACE), region=region, country=COUNTRY)


def typed(city: str) -> Address:
    """A city of the settings: its name, and the region after a comma where several have it."""
    name, _, region = city.partition(",")
    return Address(COUNTRY, region.strip(), name.strip())


def is_locker(entry: Mapping[str, Any]) -> bool:
    return text(entry, "CategoryOfWarehouse") == "Postomat"


def takes(entry: Mapping[str, Any], weight: Decimal, locker: bool) -> bool:
    """Whether this place is open, of the kind that is wanted, and takes so many kilograms."""
    most = [money(entry.get(name)) for name in ("TotalMaxWeightAllowed", "PlaceMaxWeightAllowed")]
    works = text(entry, "WarehouseStatus") in ("", "Working")
    return works and is_locker(entry) == locker and all(not limit or weight <= limit for limit in most)


def point(entry: Mapping[str, Any]) -> Point:
    return Point(**texts(entry, POINT), hours=delivery.hours(part(entry, "Schedule")), phone=text(entry, "Phone"))


def street(found: Sequence[Mapping[str, Any]], name: str) -> str:
    """The Ref of the street; one of just this name goes before others that hold it. Raises Refused."""
    exact = [one for one in found if delivery.bare(text(one, "Description")) == name] or found
    if len(exact) != 1:
        raise Refused("validation", f"{len(exact)} streets of the city are {name!r}", "street")
    return text(exact[0], "Ref")
