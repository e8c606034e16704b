"""Our orders -> Ukrposhta's addresses, clients and shipments. Pure.

Grams, whole centimetres, hryvnias as numbers; postal codes are texts of five digits
(https://dev.ukrposhta.ua, eCom API 0.0.1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_UP, Decimal
from typing import Any

from .. import delivery
from ..errors import Refused
from ..names import split
from ..types import Copy, OrderData, Parcel
from ..values import entries, filled, text
from .facts import NEW, STATES

CURRENCY, COUNTRY, CARRIER = "UAH", "UA", "ukrposhta"
#: our code of a method: its type and its ends (from a post office to one, or to the door)
METHODS = {"STANDARD-W2W": ("Укрпошта Стандарт: відділення", "pickup"),
           "EXPRESS-W2W": ("Укрпошта Експрес: відділення", "pickup"),
           "STANDARD-W2D": ("Укрпошта Стандарт: кур’єр", "courier"),
           "EXPRESS-W2D": ("Укрпошта Експрес: кур’єр", "courier")}  # fmt: skip
TO_DOOR = "W2D"
ADDRESS = {"city": "city", "region": "region", "street": "street", "houseNumber": "house", "apartmentNumber": "flat"}
LONGEST = 120  # letters of a description
_CODE = re.compile(r"\b\d{5}\b")


def method(order: OrderData) -> tuple[str, str]:
    """(type, ends), as chosen; else by post office where one is known, else to the door. Raises Refused."""
    otherwise = "STANDARD-W2W" if office(order) else "STANDARD-W2D" if order.address.street else ""
    kind, _, ends = delivery.method_code(order, CURRENCY, "|".join(METHODS), otherwise).partition("-")
    return kind, ends


def office(order: OrderData) -> str:
    """The postal code of the post office: as chosen, else as its address or the recipient's says."""
    chosen = order.delivery
    found = _CODE.search(f"{chosen.pickup_code} {chosen.pickup_address} {order.address.postal_code}")
    return found[0] if found else ""


def address(order: OrderData, ends: str) -> dict[str, str]:
    """Where the order goes, for POST /addresses. Raises Refused."""
    if not (code := order.address.postal_code if ends == TO_DOOR else office(order)):
        raise Refused("validation", "Ukrposhta finds the recipient by a postal code of five digits", "postal_code")
    there = delivery.whereto(order, ADDRESS) if ends == TO_DOOR else {}
    if ends == TO_DOOR and not there.get("street"):
        raise Refused("validation", "a courier needs the street", "street")
    return {"postcode": code, "country": COUNTRY, **there}


def recipient(order: OrderData, address_id: Any, name: str) -> dict[str, Any]:
    """The client that the order goes to. `name`: our external id, by which it is found again."""
    who = order.recipient
    known = (who.last_name, who.first_name, who.patronymic)
    last, first, middle = known if who.last_name and who.first_name else split(who.full_name)
    names = filled({"lastName": last, "firstName": first, "middleName": middle, "email": who.email})
    return {"type": "INDIVIDUAL", "externalId": name, "addressId": address_id, "phoneNumber": phone(order), **names}


def phone(order: OrderData) -> str:
    """A Ukrainian number as the documentation writes it, from 0 on."""
    return re.sub(r"^\+?380", "0", order.recipient.phone).lstrip("+")


def shipment(
    order: OrderData, ends: tuple[str, str], sender: Mapping[str, Any], to: str, settings: Mapping[str, Any], name: str
) -> dict[str, Any]:
    """`sender`: the client who sends; `to`: the recipient's uuid."""
    due, what = delivery.due(order), text(settings, "description") or ", ".join(line.name for line in order.lines)
    sized = parcel(order, delivery.declared(order, due, Decimal(1)), settings)
    body = {
        "type": ends[0], "deliveryType": ends[1], "externalId": name, "sender": {"uuid": text(sender, "uuid")},
        "recipient": {"uuid": to}, "paidByRecipient": text(settings, "payer") != "Sender",
        "onFailReceiveType": "RETURN", "description": what[:LONGEST], "parcels": [sized],
    }  # fmt: skip
    return {**body, **collected(due, sender)} if due else body


def collected(due: Decimal, sender: Mapping[str, Any]) -> dict[str, Any]:
    """Cash on delivery: people get it in cash, companies and entrepreneurs on their account only."""
    to_account = text(sender, "type") not in ("", "INDIVIDUAL")
    return {"postPay": due, "postPayPaidByRecipient": True, "transferPostPayToBankAccount": to_account}


def parcel(of: OrderData | Parcel, declared: Decimal, settings: Mapping[str, Any]) -> dict[str, Any]:
    size = delivery.measures(of, settings)
    sides = {name: int(size[name].to_integral_value(ROUND_UP)) for name in ("length", "width", "height")}
    return {"weight": int(size["weight"] * 1000), **sides, "declaredPrice": declared}


def postcode(client: Mapping[str, Any]) -> str:
    """Of a client's main address."""
    known = entries(client.get("addresses"))
    main = next((one for one in known if one.get("main")), known[0] if known else {})
    return text(main, "address", "postcode")


def copy(made: Mapping[str, Any], url: str) -> Copy:
    number = text(made, "barcode") or text(made, "parcels", "barcode")
    return Copy(number, number, NEW, STATES[NEW], f"{url}/tracking_UA.html?barcode={number}")
