"""Texts of messages: placeholders filled with an order's values, cut to what a message may hold.

Values are cut, never the finished text: half a tag or entity makes a chat refuse the message.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from decimal import Decimal

from models import Order, PaymentMethod, Source, db

#: what may stand in braces in a text
NAMES = (
    "number",
    "total",
    "status",
    "name",
    "phone",
    "city",
    "delivery",
    "payment",
    "items",
    "comment",
    "source",
    "shop",
    "ttn",
    "link",
)
#: letters (UTF-16 units) that a chat's message may hold once read
CHAT_LIMIT = 4096
#: what a text itself may be long, so that the shortest values always fit
TEXT_LIMIT = 3000
_LEAST = 20
_MARK = re.compile(r"\{(" + "|".join(NAMES) + r")\}")
_CUT = "…"


def values(order: Order, public_url: str) -> dict[str, str]:
    """The order's values by placeholder."""
    source = db.session.get(Source, order.source_id) if order.source_id else None
    method = db.session.get(PaymentMethod, order.payment_method_id) if order.payment_method_id else None
    return {
        "number": order.number,
        "total": money(order.total, order.currency),
        "status": order.status.name,
        "name": order.recipient or order.buyer_name,
        "phone": order.phone,
        "city": order.city,
        "delivery": order.delivery_method.name if order.delivery_method else "",
        "payment": method.name if method else order.payment_state,
        "items": "\n".join(f"{line.quantity.normalize():f} × {line.name}" for line in order.lines),
        "comment": order.customer_comment,
        "source": source.name if source else "",
        "shop": order.shop.name if order.shop else "",
        "ttn": order.ttn,
        "link": f"{public_url}/orders/{order.number}",
    }


def money(amount: Decimal, currency: str) -> str:
    return f"{amount:,.2f}".replace(",", "\N{NO-BREAK SPACE}").replace(".", ",") + f"\N{NO-BREAK SPACE}{currency}"


def filled(text: str, known: Mapping[str, str]) -> str:
    """Plain text, for letters."""
    return _MARK.sub(lambda mark: known.get(mark[1], ""), text)


def chat_html(text: str, known: Mapping[str, str], limit: int = CHAT_LIMIT) -> str:
    """The text as chats take it: HTML, all of it escaped, the number in bold. The longest values give way first."""
    names = [mark[1] for mark in _MARK.finditer(text)]
    fixed = units(_MARK.sub("", text))
    short = fitting({name: known.get(name, "") for name in names}, names, limit - fixed)
    parts = _MARK.split(text)
    parts[::2] = [html.escape(part, quote=False) for part in parts[::2]]
    parts[1::2] = [_value(name, short[name]) for name in parts[1::2]]
    return "".join(parts).strip() or html.escape(known.get("number", ""), quote=False)


def _value(name: str, value: str) -> str:
    safe = html.escape(value, quote=False)
    return f"<b>{safe}</b>" if name == "number" and safe else safe


def fitting(known: Mapping[str, str], names: list[str], room: int) -> dict[str, str]:
    """The values cut so that all their places together take no more than `room` units."""
    found = dict(known)
    while sum(units(found[name]) for name in names) > max(room, 0):
        longest = max(found, key=lambda name: units(found[name]) * names.count(name))
        over = sum(units(found[name]) for name in names) - room
        keep = units(found[longest]) - max(over // names.count(longest), 1) - 1
        if units(found[longest]) <= _LEAST:
            found[longest] = ""
            continue
        found[longest] = cut(found[longest], max(keep, _LEAST - 1))
    return found


def units(text: str) -> int:
    """Length as chats count it: UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


def cut(text: str, limit: int) -> str:
    """At most `limit` units and a mark that something is missing; no letter is halved."""
    if units(text) <= limit:
        return text
    kept = text.encode("utf-16-le")[: 2 * limit].decode("utf-16-le", "ignore")
    return kept.rstrip() + _CUT
