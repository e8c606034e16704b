"""Receipts that YooKassa has a cash register make (54-FZ). Pure.

Fields and lengths: https://yookassa.ru/developers/api#create_payment_receipt; codes of rates and tax systems:
https://yookassa.ru/developers/54fz/parameters-values; a refund of the whole payment needs none, YooKassa takes it from
the payment: https://yookassa.ru/developers/payment-acceptance/receipts/54fz/yoomoney/refunds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from wtforms import SelectChoice

from ..errors import Refused
from ..payments import spread
from ..text import N_
from ..types import OrderData, Person
from ..values import filled

#: code of the rate -> as staff know it
VAT = (
    SelectChoice("1", N_("No VAT")),
    SelectChoice("2", "0%"),
    SelectChoice("7", "5%"),
    SelectChoice("8", "7%"),
    SelectChoice("3", "10%"),
    SelectChoice("4", "20%"),
    SelectChoice("11", "22%"),
    SelectChoice("9", "5/105"),
    SelectChoice("10", "7/107"),
    SelectChoice("5", "10/110"),
    SelectChoice("6", "20/120"),
    SelectChoice("12", "22/122"),
)
SUBJECTS = (
    SelectChoice("commodity", N_("Goods")),
    SelectChoice("excise", N_("Excisable goods")),
    SelectChoice("job", N_("Work done")),
    SelectChoice("service", N_("A service")),
    SelectChoice("another", N_("Something else")),
)
MODES = (
    SelectChoice("full_prepayment", N_("Paid in full before the hand-over")),
    SelectChoice("full_payment", N_("Paid in full at the hand-over")),
    SelectChoice("advance", N_("Advance")),
)
TAX_SYSTEMS = (
    SelectChoice("", N_("The only one of the shop")),
    SelectChoice("1", N_("General")),
    SelectChoice("2", N_("Simplified, income")),
    SelectChoice("3", N_("Simplified, income less expenses")),
    SelectChoice("5", N_("Agricultural")),
    SelectChoice("6", N_("Patent")),
)
NAME = 128  # characters of a line's description
NO_CONTACT = N_("A receipt needs the customer's e-mail or phone: enter one in the order, then make the payment again.")
DELIVERY = "Доставка"  # as the tax office and the customer read it, whatever language staff use
_PHONE = re.compile(r"\+?(\d{7,15})")


def receipt(order: OrderData, amount: Decimal, currency: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """A receipt for `amount` of what the order costs. Raises Refused when there is nobody to send it to."""
    mode = _mode(str(settings.get("payment_mode") or MODES[0].value), is_part=amount != order.total)
    facts = {"vat_code": int(settings.get("vat_code") or 1), "payment_mode": mode, "measure": "piece"}
    subject = str(settings.get("payment_subject") or SUBJECTS[0].value)
    *goods, delivery = _shares(order, amount)
    lines = [
        (line.name or line.sku, line.quantity, share, subject) for line, share in zip(order.lines, goods, strict=True)
    ]
    lines.append((DELIVERY if order.delivery.cost else f"№ {order.number}", Decimal(1), delivery, "service"))
    items = [
        {**_item(piece, currency), **facts, "payment_subject": what}
        for name, quantity, share, what in lines
        for piece in _pieces(name, quantity, share)
    ]
    system = settings.get("tax_system")
    return {"customer": _customer(order), "items": items} | ({"tax_system_code": int(system)} if system else {})


def _mode(chosen: str, is_part: bool) -> str:
    """What is paid in parts is no full prepayment."""
    return "partial_prepayment" if is_part and chosen == "full_prepayment" else chosen


def _customer(order: OrderData) -> dict[str, str]:
    """Whoever ordered; the recipient where that person has left nothing to write to."""
    for person in (order.buyer or order.recipient, order.recipient):
        if found := _contact(person):
            return found
    raise Refused("validation", NO_CONTACT, field="email")


def _contact(person: Person) -> dict[str, str]:
    phone = _PHONE.fullmatch(person.phone)
    return filled({"email": person.email, "phone": phone[1] if phone else ""})


def _shares(order: OrderData, amount: Decimal) -> list[int]:
    """Kopecks of the amount that fall to each line and, last, to delivery. The discount is off the goods."""
    goods = [max(line.amount, Decimal(0)) for line in order.lines]
    whole = sum(goods, Decimal(0))
    left = max(whole - order.discount, Decimal(0))
    lines = [one * left / whole if whole else whole for one in goods]
    shares = spread(int(amount * 100), [*lines, max(order.delivery.cost, Decimal(0))])
    return shares if any(shares) else [*shares[:-1], int(amount * 100)]


def _pieces(name: str, quantity: Decimal, share: int) -> Iterator[tuple[str, Decimal, int]]:
    """(name, quantity, kopecks a piece) that make up the share: one such line; two with a kopeck between their prices;
    or one for all of it, where there are no whole pieces or not a kopeck for each."""
    if not share:
        return
    if quantity != int(quantity) or share < quantity or not quantity:
        yield f"{name[: NAME - 12]} × {quantity.normalize():f}", Decimal(1), share
        return
    each, more = divmod(share, int(quantity))
    yield name, quantity - more, each
    if more:
        yield name, Decimal(more), each + 1


def _item(one: tuple[str, Decimal, int], currency: str) -> dict[str, Any]:
    name, quantity, kopecks = one
    price = {"value": f"{Decimal(kopecks) / 100:.2f}", "currency": currency}
    return {"description": name[:NAME].strip() or "—", "quantity": f"{quantity:.3f}", "amount": price}
