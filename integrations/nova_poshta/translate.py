"""Our orders -> Nova Poshta's properties, and its answers -> ours. Pure.

Whatever is sent is a text: whole hryvnias, kilograms, centimetres, dates of Kyiv. Answers mix numbers and texts, and
write times in five ways (https://developers.novaposhta.ua/documentation).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from .. import delivery
from ..errors import Refused
from ..types import Event, OrderData, Parcel, Quote, StatusChange
from ..values import alone, filled, local_moment, money, text
from . import places
from .facts import (
    BRANCH,
    CARRIER,
    CURRENCY,
    DOORS,
    FORMS,
    LOCKER,
    LOCKER_KG,
    LOCKER_SIDES,
    LOCKER_VALUE,
    METHODS,
    STATES,
)

KYIV = ZoneInfo("Europe/Kyiv")
RECIPIENT = {"FirstName": "first_name", "LastName": "last_name", "MiddleName": "patronymic", "Email": "email"}
NAMED = {"number": "IntDocNumber|Number", "name": "InfoRegClientBarcodes|ClientBarcode"}  # our key on a waybill
LONGEST = 100  # letters of a description


def when(value: Any) -> datetime | None:
    return local_moment(value, KYIV, FORMS)


def day(at: datetime) -> str:
    return f"{at.astimezone(KYIV):%d.%m.%Y}"


# Orders


def method(order: OrderData) -> str:
    """How the order goes: as chosen, else what its address says. Raises Refused."""
    otherwise = BRANCH if branch(order) else DOORS if order.address.street else ""
    return delivery.method_code(order, CURRENCY, "|".join(METHODS), otherwise)


def branch(order: OrderData) -> str:
    """The branch's Ref or number: as chosen, else as the address words it ("Відділення №12")."""
    found = re.search(r"№\s*(\d+)", order.delivery.pickup_address)
    return order.delivery.pickup_code or (found[1] if found else "")


def recipient(order: OrderData) -> dict[str, str]:
    """What Counterparty/save is asked; it gives the same person again when asked again."""
    who = {"CounterpartyType": "PrivatePerson", "CounterpartyProperty": "Recipient", "Phone": phone(order)}
    names, words = delivery.whereto(order, RECIPIENT), order.recipient.full_name.split()
    if len(words) > 1 and not (
        order.recipient.last_name and order.recipient.first_name
    ):  # shops with one field for all
        names |= {"LastName": words[0], "FirstName": words[1], "MiddleName": " ".join(words[2:])}
    return {**who, **names}


def phone(order: OrderData) -> str:
    return order.recipient.phone.removeprefix("+")


def waybill(order: OrderData, there: Mapping[str, str], settings: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The properties of InternetDocument/save but for sender and recipient. `there`: city, address and method."""
    due, size = delivery.due(order), delivery.measures(order, settings)
    body: dict[str, Any] = {
        "PayerType": text(settings, "payer") or "Recipient", "PaymentMethod": text(settings, "payment") or "Cash",
        "DateTime": day(now), "CargoType": "Parcel", "SeatsAmount": "1", "Weight": _plain(size["weight"]),
        "ServiceType": DOORS if there["method"] == DOORS else BRANCH, "OptionsSeat": [_seat(size)],
        "Description": (text(settings, "description") or ", ".join(line.name for line in order.lines))[:LONGEST],
        "Cost": _whole(delivery.declared(order, due, Decimal(1))), "CityRecipient": there["city"],
        "RecipientAddress": there["address"], "RecipientsPhone": phone(order),
        "AdditionalInformation": order.number[:LONGEST],
    }  # fmt: skip
    if due and settings.get("collect_by") == "control":
        return {**body, "AfterpaymentOnGoodsCost": _whole(due)}
    money_back = {"PayerType": "Recipient", "CargoType": "Money", "RedeliveryString": _whole(due)}
    return {**body, "BackwardDeliveryData": [money_back]} if due else body


def _seat(size: Mapping[str, Decimal]) -> dict[str, str]:
    sides = {f"volumetric{name.title()}": _whole(size[name]) for name in ("width", "length", "height")}
    return {**sides, "weight": _plain(size["weight"])}


def _plain(amount: Decimal) -> str:
    return f"{max(amount, Decimal('0.1')).normalize():f}"


def _whole(amount: Decimal) -> str:
    return f"{amount.quantize(Decimal(1), ROUND_UP):f}"


def sender(
    who: str, people: Iterable[Mapping[str, Any]], there: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]
) -> dict[str, str]:
    """The sender's part of a waybill. `people`: contacts of the counterparty `who`; `there`: the branch."""
    wanted = text(settings, "sender_contact").casefold()
    named = [one for one in people if wanted in text(one, "Description").casefold()]
    for found, field in ((named, "sender_contact"), (there, "sender_point")):
        if not found:
            raise Refused("misconfigured", "the account has no such sender, or the city no such branch", field)
    phone = text(settings, "sender_phone") or text(named[0], "Phones")
    place = {"CitySender": text(there[0], "CityRef"), "SenderAddress": text(there[0], "Ref")}
    return {**place, "Sender": who, "ContactSender": text(named[0], "Ref"), "SendersPhone": phone.lstrip("+")}


def at_branch(
    found: Sequence[Mapping[str, Any]], order: OrderData, method: str, settings: Mapping[str, Any]
) -> dict[str, str]:
    """Where the order goes, from the branches that its code can mean. Raises Refused."""
    if len(found) != 1:
        raise Refused("validation", f"{len(found)} branches are {branch(order)!r}", "pickup_code")
    if places.is_locker(found[0]) and (why := unfit(order, settings)):
        raise Refused("validation", why, "pickup_code")
    return {"city": text(found[0], "CityRef"), "address": text(found[0], "Ref"), "method": method}


# Prices


def question(parcel: Parcel, ends: Mapping[str, str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """What getDocumentPrice is asked. `ends`: the cities and how it goes between them."""
    size, cost = delivery.measures(parcel, settings), _whole(delivery.declared(parcel, parcel.cod, Decimal(1)))
    asked = {**ends, "Weight": _plain(size["weight"]), "Cost": cost, "CargoType": "Parcel", "SeatsAmount": "1"}
    back = {"CargoType": "Money", "Amount": _whole(parcel.cod)} if parcel.cod else {}
    return {**asked, "OptionsSeat": [_seat(size)], **filled({"RedeliveryCalculate": back})}


def quote(code: str, price: Any, arrives: Any, parcel: Parcel, settings: Mapping[str, Any], now: datetime) -> Quote:
    """`arrives`: the answer of getDocumentDeliveryDate."""
    name, category = METHODS[code]
    at = when(text(alone(arrives), "DeliveryDate", "date")[:19])
    days = max((at.astimezone(KYIV).date() - now.astimezone(KYIV).date()).days, 1) if at else 0
    why = unfit(parcel, settings) if code == LOCKER else ""
    return Quote(code, name, category, delivery.STANDARD, CARRIER, money(alone(price).get("Cost")), CURRENCY,
                 str(days or ""), why_not=why)  # fmt: skip


def unfit(of: OrderData | Parcel, settings: Mapping[str, Any]) -> str:
    """Why it can't go to a locker; "" when it can."""
    if not delivery.fits(delivery.measures(of, settings), LOCKER_KG, LOCKER_SIDES):
        return "Поштомат: до 20 кг, 60×40×30 см"
    return "Поштомат: оголошена вартість до 10 000 грн" if of.declared_value > LOCKER_VALUE else ""


# Tracking


def change(row: Mapping[str, Any], key: str) -> StatusChange:
    """A code without a name here is told with theirs."""
    code = text(row, "StatusCode")
    return StatusChange(text(row, "Number"), code, key, "" if code in STATES else text(row, "Status"))


def history(row: Mapping[str, Any]) -> list[Event]:
    """What one answer says of the parcel's way."""
    code, where = text(row, "StatusCode"), text(row, "WarehouseRecipient")
    told = (
        ("DateCreated", STATES["1"], text(row, "CitySender")),
        ("ActualDeliveryDate", STATES["8" if code == "8" else "7"], where),
        ("RecipientDateTime", STATES[code if code in ("10", "11") else "9"], text(row, "CityRecipient")),
        ("LastCreatedOnTheBasisDateTime", "Пов’язане відправлення", text(row, "LastCreatedOnTheBasisNumber")),
        ("TrackingUpdateDate", STATES.get(code) or text(row, "Status"), text(row, "UndeliveryReasons")),
    )
    events = {words: Event(at, words, more) for name, words, more in reversed(told) if (at := when(row.get(name)))}
    return sorted(reversed(events.values()), key=lambda event: str(event.at))  # as listed within a second
