"""Field tables: which of a vendor's fields is which of ours, as data instead of a line of code for each. Pure.

Paths are dotted: "client.name" inside a vendor's object, "recipient.phone" inside an order of ours. What a table can't
say (money, times, lines, rules) stays code in the vendor's translate.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any

from .types import Person, Reference
from .values import entries, inside, part, phone, text

#: a carrier -> how its name begins, in the languages staff use
CARRIERS = {
    "nova_poshta": ("nova", "нова", "новая"),
    "ukrposhta": ("ukr", "укр"),
    "meest": ("meest", "міст", "мист"),
    "justin": ("justin", "джаст"),
}
#: how names of delivery methods that are a carrier's begin or go on, in the three languages
CARRIER_WORDS = {
    "nova-poshta": ("nova poshta", "нова пошта", "новая почта", "новои пошты", "novaposhta", "нп", "np"),
    "ukrposhta": ("ukrposhta", "ukr poshta", "укрпошта", "укрпочта", "укр пошта"),
    "russian-post": ("russian post", "почта росс", "пошта рос", "pochta ross"),
    "kazpost": ("kazpost", "казпочта", "qazpost"),
    "meest": ("meest", "міст", "мист експрес"),
    "justin": ("justin", "джастин"),
    "rozetka": ("rozetka", "розетка"),
    "cdek": ("cdek", "сдэк", "сдек"),
    "boxberry": ("boxberry", "боксберри"),
    "delivery-auto": ("delivery auto", "деливери", "делівері"),
}
#: what marks of advertising say when nobody sent the customer, or it isn't known who
_DIRECT = frozenset({"", "(direct)", "(none)", "(not set)"})
_PATH = re.compile(r"^[\w.\[\]]+")


def same(*names: str) -> dict[str, str]:
    """The part of a table where both sides use one name."""
    return {name: name for name in names}


def texts(body: Any, table: Mapping[str, str]) -> dict[str, Any]:
    """{ours: theirs} read from `body` as stripped texts, "" for what isn't there; "sku|id" takes the first that holds
    something. To be spread into one of the dataclasses of types.py."""
    ways, fields = _plan((*table, *table.values()))
    whole = part(body)
    parts = [inside(whole, way) if way else whole for way in ways]
    found = {}
    for ours, places in fields:
        value: Any = ""
        for number, name in places:
            value = parts[number].get(name)
            # nearly all are texts, and a call for each of an order's fifty took as long as all else
            value = "" if value is None else value.strip() if type(value) is str else str(value).strip()
            if value:
                break
        found[ours] = value
    return found


_Way = tuple[str, ...]
_Places = tuple[tuple[int, str], ...]


@lru_cache(maxsize=2000)
def _plan(table: tuple[str, ...]) -> tuple[tuple[_Way, ...], tuple[tuple[str, _Places], ...]]:
    """Of our names and, after them, their paths: the objects to look in, each found once, and of each of our names the
    (number of the object, field) to be tried one after the other."""
    middle = len(table) // 2
    read = [[tuple(path.split(".")) for path in theirs.split("|")] for theirs in table[middle:]]
    ways = tuple(dict.fromkeys(path[:-1] for paths in read for path in paths))
    fields = [tuple((ways.index(path[:-1]), path[-1]) for path in paths) for paths in read]
    return ways, tuple(zip(table[:middle], fields, strict=True))


def written(ours: Any, table: Mapping[str, str]) -> dict[str, Any]:
    """{theirs: ours} taken from one of our dataclasses, as the values stand there."""
    return {theirs: attrgetter(path)(ours) for theirs, path in table.items()}


def worded(value: Any, *languages: str) -> str:
    """A text that comes plain, by language {"ua": …, "ru": …}, as {"value": …} of these, or in a list of which the
    first counts: in the first of `languages` that holds something, or in the one there is."""
    value = value[0] if isinstance(value, list) and value else value
    found = part(value)
    if "value" in found:
        return worded(found["value"], *languages)
    if isinstance(value, Mapping | list):
        return next(filter(None, (text(found, name) for name in (*languages, *found))), "")
    return text(value)


def utm(body: Any, prefix: str = "utm_") -> dict[str, str]:
    """source, medium, campaign, term and content, of those that say something. A campaign may come as a number."""
    found = {name: text(body, prefix + name) for name in ("source", "medium", "campaign", "term", "content")}
    return {name: value for name, value in found.items() if value not in _DIRECT}


def person(body: Any, table: Mapping[str, str], region: str, number: str = "", email: str = "") -> Person:
    """A person by a table of names; phone and email are read from fields of these names unless it says otherwise.
    Phone E.164, without a country code one of `region`. `number` and `email` stand in for absent ones."""
    found = texts(body, {"phone": "phone", "email": "email", **table})
    found["phone"] = phone(found["phone"], region) or number
    found["email"] = found["email"] or email
    return Person(**found)


def apart(buyer: Person, recipient: Person) -> Person | None:
    """The buyer where that is somebody else than the recipient."""
    same = buyer.full_name.casefold() == recipient.full_name.casefold() and buyer.phone == recipient.phone
    return None if same else buyer


def references(listed: Any, code: str = "code", usable: str = "active", group: str = "group") -> list[Reference]:
    """Entries {code, name, group} of a list, or of an object keyed by code ([] when PHP has none). Those that `usable`
    marks false can't be used in orders and are left out."""
    shown = [e for e in entries(listed) if e.get(usable, True)]
    return [Reference(text(e, code), text(e, "name"), text(e, group)) for e in shown]


def fixed(names: Mapping[str, str]) -> list[Reference]:
    """A list that the vendor documents instead of offering it: code -> name."""
    return [Reference(code, name) for code, name in names.items()]


def carrier_code(name: str, codes: Mapping[str, str]) -> str:
    """Their code of a carrier that is named by its key in CARRIERS or in words; `codes`: key -> their code. "" when it
    is none of these."""
    spoken = name.strip().casefold()
    return next((codes[key] for key in codes if spoken.startswith(CARRIERS[key])), "")


def field_named(complaints: Iterable[str], table: Mapping[str, str]) -> str:
    """Which of our fields the first complaint that begins with a path ("items[0].quantity: …") is about: the first
    name of the path that `table` {theirs: ours} knows; "" when no complaint says it."""
    paths = (found[0] for said in complaints if (found := _PATH.match(said)))
    return next((table[name] for path in paths for name in re.findall(r"\w+", path) if name in table), "")
