"""Orders and cards that are there already -> what brings them to ours. Pure.

KeyCRM changes lines and adds or removes none, takes no second tracking number, and has no way to know a payment again:
each step is made from what is there, so that the same change made twice does nothing the second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from ..text import N_
from ..types import LineData, OrderData
from ..values import entries, filled, money, part, text
from . import translate
from .terms import Terms

REF, SERVICE, POINT = "warehouse_ref", "delivery_service_id", "shipping_receive_point"
PLACE = {SERVICE, POINT, "shipping_address_city"}
BY_HAND = N_("KeyCRM lets nobody else change which lines an order has. Change them there:")


def changes(order: OrderData, held: Mapping[str, Any], terms: Terms, branches: frozenset[str]) -> dict[str, Any]:
    """The body of PUT /order/{id}: what differs from `held`, the order as it is there with products and shipping.

    A tracking number goes only where there is none, comments are added to what staff wrote there, and lines only
    change: KeyCRM adds and removes none."""
    there = part(held, "shipping")
    sent = translate.shipping(order, branches)
    if text(there, "tracking_code"):
        sent.pop("tracking_code", None)
    sent = _moved(sent, there)
    comments = {
        "buyer_comment": longer(text(held, "buyer_comment"), order.customer_comment),
        "manager_comment": longer(text(held, "manager_comment"), translate.staff_comment(order)),
    }
    off = translate.discount(order)
    lowered = {} if money(held.get("discount_amount")) == off else {"discount_amount": off}
    lines = _changed(order.lines, entries(held.get("products")))
    switched = translate.switches(order, terms, held.get("custom_fields"))
    return lowered | filled({**comments, "shipping": sent, "products": lines, "custom_fields": switched})


def _moved(sent: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, Any]:
    """What of `sent` differs. A branch's reference isn't told back, and is taken with its service only: the two go
    along when the place is another, or when nothing else would show that it is."""
    differing = {name: value for name, value in sent.items() if name != REF and text(there, name) != str(value)}
    if REF in sent and (PLACE & differing.keys() or POINT not in sent):
        differing |= {name: sent[name] for name in (SERVICE, REF)}
    return differing


def longer(theirs: str, ours: str) -> str:
    """Theirs with ours below it; "" when ours is in it already."""
    return "" if ours in theirs else "\n".join(filter(None, (theirs, ours)))


def paired(
    lines: Sequence[LineData], held: Iterable[Mapping[str, Any]]
) -> tuple[list[tuple[LineData, Mapping[str, Any]]], list[LineData], list[Mapping[str, Any]]]:
    """(our lines with theirs, ours that are missing there, theirs that we don't have), told apart by SKU, else name."""
    left, pairs, missing = list(held), [], []
    for line in lines:
        found = next((entry for entry in left if _same(line, entry)), None)
        if found is None:
            missing.append(line)
        else:
            left.remove(found)
            pairs.append((line, found))
    return pairs, missing, left


def _same(line: LineData, entry: Mapping[str, Any]) -> bool:
    return text(entry, "sku") == line.sku if line.sku else text(entry, "name") == line.name


def _changed(lines: Sequence[LineData], held: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for line, entry in paired(lines, held)[0]:
        wanted = {"price": line.price, "quantity": line.quantity, "discount_amount": Decimal(0)}
        wanted |= translate.line_discount(line)
        there = {"discount_amount": entry.get("total_discount"), **entry}  # the latter where the former isn't told
        differing = {name: value for name, value in wanted.items() if money(there.get(name)) != value}
        if differing:
            found.append({"id": entry.get("id"), **differing})
    return found


def difference(missing: Sequence[LineData], extra: Sequence[Mapping[str, Any]]) -> str:
    """What staff have to do there by hand, "" for nothing: a sentence, and in a line of its own what to add (+) and
    what to take out (−)."""
    add = [f"+ {line.name} × {line.quantity.normalize():f}" for line in missing]
    remove = [f"− {text(entry, 'name')} × {money(entry.get('quantity')).normalize():f}" for entry in extra]
    return f"{BY_HAND}\n{'; '.join(add + remove)}" if add or remove else ""


def payment_step(order: OrderData, held: Any) -> tuple[str, str, dict[str, Any]] | None:
    """(method, path below the order or card, body) of what brings `held`, the payments there, to ours; None: nothing.
    The unpaid one becomes paid; a second one is never added."""
    listed = entries(held)
    if not listed:
        return "POST", "payment", translate.payment(order)
    open_one = next((p for p in listed if text(p, "status") == "not_paid"), None)
    return ("PUT", f"payment/{text(open_one, 'id')}", {"status": "paid"}) if order.payment.paid and open_one else None
