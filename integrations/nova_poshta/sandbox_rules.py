"""What the Nova Poshta sandbox refuses, with the vendor's codes, and what it charges."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from integrations.nova_poshta import sandbox_data as data

Thing = dict[str, Any]
KYIV = ZoneInfo("Europe/Kyiv")
REQUIRED = ("PayerType", "PaymentMethod", "DateTime", "CargoType", "Weight", "ServiceType", "SeatsAmount",
            "Description", "Cost", "CitySender", "Sender", "SenderAddress", "ContactSender", "SendersPhone",
            "CityRecipient", "Recipient", "RecipientAddress", "ContactRecipient", "RecipientsPhone")  # fmt: skip
PHONE = re.compile(r"\+?(38)?0\d{9}")
CODES = {"CityRecipient": "20000200104", "Recipient": "20000300431", "RecipientsPhone": "20000300435"}
ALLOWED = {
    "PayerType": ("Sender", "Recipient", "ThirdPerson"),
    "PaymentMethod": ("Cash", "NonCash"),
    "CargoType": ("Parcel", "Cargo", "Documents", "TiresWheels", "Pallet"),
    "ServiceType": ("WarehouseWarehouse", "WarehouseDoors", "DoorsWarehouse", "DoorsDoors"),
}
Problem = tuple[str, str]  # words, code


class Wrong(Exception):
    """The answer is success:false with these problems."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(problems[0][0])
        self.problems = problems


def number(value: Any) -> Decimal:
    """Raises Wrong for what is no number."""
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise Wrong((f"{value} is not a number", "20000100001")) from None


def today() -> date:
    return datetime.now(KYIV).date()


def day(value: Any) -> date:
    try:
        return datetime.strptime(str(value)[:10], "%d.%m.%Y").replace(tzinfo=KYIV).date()
    except ValueError:
        raise Wrong(("DateTime is invalid format", "20000400454")) from None


def check(given: Thing, people: dict[str, str], contacts: set[str], addresses: set[str]) -> None:
    """A waybill's properties. `people`: known counterparties by Ref. Raises Wrong."""
    problems = list(_absent(given)) or list(_odd(given, people, contacts))
    if not problems:
        problems = list(_address(given, addresses)) + list(_money(given))
    if problems:
        raise Wrong(*problems)


def _absent(given: Thing) -> Iterator[Problem]:
    for name in REQUIRED:
        if not str(given.get(name) or ""):
            yield f"{name} is not selected" if name in CODES else f"{name} is empty", CODES.get(name, "20000100002")


def _odd(given: Thing, people: dict[str, str], contacts: set[str]) -> Iterator[Problem]:
    wrong = {
        ("DateTime cannot be less than now", "20000400455"): day(given["DateTime"]) < today(),
        ("CityRecipient not found", "20000200103"): given["CityRecipient"] not in data.CITIES,
        ("CitySender not found", "20000200100"): given["CitySender"] not in data.CITIES,
        ("Recipient does not exist", "20000300428"): given["Recipient"] not in people,
        ("Sender does not exist", "20000300424"): given["Sender"] not in people,
        ("ContactRecipient does not exist", "20000300432"): given["ContactRecipient"] not in contacts,
        ("ContactSender does not exist", "20000300432"): given["ContactSender"] not in contacts,
        ("RecipientsPhone invalid format", "20000300434"): not PHONE.fullmatch(str(given["RecipientsPhone"])),
    }
    wrong |= {(f"{name} is incorrect", "20000100003"): given[name] not in allowed for name, allowed in ALLOWED.items()}
    yield from (problem for problem, found in wrong.items() if found)


def _address(given: Thing, addresses: set[str]) -> Iterator[Problem]:
    there = data.by_ref().get(given["RecipientAddress"])
    doors = given["ServiceType"].endswith("Doors")
    known = given["RecipientAddress"] in addresses if doors else there and there["CityRef"] == given["CityRecipient"]
    if not known:
        yield "RecipientAddress does not exist", "20000300437"
    elif there:
        yield from _room(given, there)


def _room(given: Thing, there: Thing) -> Iterator[Problem]:
    """What a branch or a locker says against the parcel."""
    seats = given.get("OptionsSeat") or []
    if there["CategoryOfWarehouse"] == "Postomat":
        if not seats:
            yield "OptionsSeat is empty", "20000202326"
        if any(_too_large(seat) for seat in seats) or number(given["Cost"]) > 10_000:
            yield "Sending to postomat is impossible: size or cost over the limit", "20000202330"
    most = number(there["TotalMaxWeightAllowed"])
    if number(given["Weight"]) > most:
        yield f"Weight over the branch limit ({most})", "20000201162"
    if sum((_volume(seat) for seat in seats), Decimal(0)) > most:
        yield f"Volume weight over the branch limit ({most})", "20000203729"


def _sides(seat: Thing) -> list[Decimal]:
    return sorted(number(seat.get(f"volumetric{name}") or 0) for name in ("Width", "Length", "Height"))


def _volume(seat: Thing) -> Decimal:
    a, b, c = _sides(seat)
    return a * b * c / 4000


def _too_large(seat: Thing) -> bool:
    over = any(a > b for a, b in zip(_sides(seat), (30, 40, 60), strict=True))
    return over or number(seat.get("weight") or 0) > 20


def _money(given: Thing) -> Iterator[Problem]:
    if number(given["Weight"]) <= 0:
        yield "Weight must be greater than zero", "20000100004"
    cost, control = number(given["Cost"]), given.get("AfterpaymentOnGoodsCost")
    if cost < 1 or cost != cost.to_integral_value():
        yield "Cost is invalid", "20000100005"
    back = [one for one in given.get("BackwardDeliveryData") or [] if one.get("CargoType") == "Money"]
    if control and back:
        yield "AfterpaymentOnGoodsCost unavailable with redelivery of money", "20000200035"
    if control and number(control) > cost:
        yield "AfterpaymentOnGoodsCost is too high", "20000200034"
    if back and number(back[0].get("RedeliveryString")) > cost:
        yield "RedeliveryString is more than Cost", "20000200036"


def price(given: Thing) -> Thing:
    """By weight (the volume's, if that is more), whether it leaves the city, and whether it comes to the door."""
    start, end = given.get("CitySender"), given.get("CityRecipient")
    for name, there in (("CitySender", start), ("CityRecipient", end)):
        if there not in data.CITIES:
            raise Wrong((f"{name} not found", CODES.get(name, "20000200100")))
    volume = sum((_volume(seat) for seat in given.get("OptionsSeat") or []), Decimal(0))
    weight = max(number(given.get("Weight") or 0), volume)
    if weight <= 0:
        raise Wrong(("Weight is empty", "20000100002"))
    steps = [(2, 60), (10, 100), (30, 150)]
    base = next((fee for most, fee in steps if weight <= most), 150 + int((weight - 30) * 4))
    base += (0 if start == end else 20) + (35 if str(given.get("ServiceType")).endswith("Doors") else 0)
    cost = number(given.get("Cost") or 0)
    declaring = int(cost * Decimal("0.005")) if cost > 500 else 0
    told: Thing = {"AssessedCost": int(cost), "Cost": base + declaring}
    back = given.get("RedeliveryCalculate") or {}
    return {**told, "CostRedelivery": 20 + int(number(back["Amount"]) * Decimal("0.02"))} if back else told


def days(given: Thing) -> int:
    start, end = data.CITIES.get(given.get("CitySender", "")), data.CITIES.get(given.get("CityRecipient", ""))
    if start is None or end is None:
        raise Wrong(("CityRecipient not found", "20000200103"))
    far = abs(start[6] - end[6]) + abs(start[7] - end[7])
    return 1 + (1 if far > 3 else 0) + (1 if end[1] != "м." else 0)
