"""The offer of a delivery service that an order was given: what was agreed to, and what became of it since."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from models import DeliveryChoice, Order, OrderType, Prepared, db, insert_into

from . import editing

OFFER = ("code", "name", "category", "kind", "carrier", "cost", "currency", "days", "takes_card", "needs_postal_code",
         "why_not")  # fmt: skip
PLACE = ("code", "name", "region", "country")
_LONGEST = 8000


@dataclass(frozen=True)
class Choice:
    """`offer` and `place`: texts by the names above; flags are "1" or "". `basis`: key of the quotes it is from."""

    connection_id: int
    offer: Mapping[str, str]
    place: Mapping[str, str]
    basis: str = ""
    declined: str = ""

    @property
    def code(self) -> str:
        return self.offer["code"]

    @property
    def cost(self) -> Decimal:
        return amount(self.offer["cost"])

    def written(self) -> str:
        """For a hidden field."""
        return json.dumps(
            {"connection_id": self.connection_id, "offer": dict(self.offer), "place": dict(self.place),
             "basis": self.basis, "declined": self.declined}, ensure_ascii=False)  # fmt: skip


@dataclass(frozen=True)
class News:
    """An offer that no longer is what was agreed to. `now` None: it is gone; `why`: in the service's words, or ""."""

    was: Mapping[str, str]
    now: Mapping[str, str] | None
    why: str = ""


def amount(written: str) -> Decimal:
    try:
        found = Decimal(written)
    except InvalidOperation:
        return Decimal(0)
    return found if found.is_finite() else Decimal(0)


def flat(values: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    """Values as the texts that are kept: flags "1" or ""."""
    shown = {name: values.get(name) for name in names}
    return {k: ("1" if v else "") if isinstance(v, bool) else "" if v is None else str(v) for k, v in shown.items()}


def read(written: str) -> Choice | None:
    """What a hidden field brings back. It proposes: anything that isn't a choice is none."""
    try:
        found = json.loads(written) if 0 < len(written) <= _LONGEST else None
        if not isinstance(found, dict):
            return None
        offer, place = (flat(found[name], names) for name, names in (("offer", OFFER), ("place", PLACE)))
        marks = [str(found.get(name) or "")[:64] for name in ("basis", "declined")]
        return Choice(int(found["connection_id"]), offer, place, *marks) if offer["code"] else None
    except (ValueError, KeyError, AttributeError, TypeError):
        return None


_table = DeliveryChoice.__table__
_ONE = Prepared(
    db.select(_table).where(_table.c.order_id == db.bindparam("order", type_=db.BigInteger)), same_plan=True
)


def of(order_id: int) -> Choice | None:
    found = _ONE.rows(order=order_id)
    if not found:
        return None
    row = found[0]
    return Choice(row.connection_id, flat(row.offer, OFFER), flat(row.place, PLACE), row.basis, row.declined)


def keep(order: Order, choice: Choice | None, seen: int) -> None:
    """Give the order this offer, or none; in the caller's transaction. Another method or place is a change of the
    order, which its copies don't hold yet: unless it has been changed since version `seen`, it gets a new one."""
    held = of(order.id)
    if choice == held:
        return
    if choice is None:
        db.session.execute(db.delete(DeliveryChoice).where(DeliveryChoice.order_id == order.id))
    else:
        values = {"connection_id": choice.connection_id, "offer": dict(choice.offer), "place": dict(choice.place),
                  "basis": choice.basis, "declined": choice.declined}  # fmt: skip
        query = insert_into(DeliveryChoice).values(order_id=order.id, **values)
        db.session.execute(query.on_conflict_do_update(index_elements=["order_id"], set_=values))
    if _route(choice) != _route(held) and order.version == seen:
        order.version += 1


def _route(choice: Choice | None) -> tuple[Any, ...] | None:
    return (choice.connection_id, choice.code, choice.place["code"]) if choice else None


def news(choice: Choice | None, offers: Mapping[str, Mapping[str, str]], key: str) -> News | None:
    """What the offers of now (by code, asked under `key`) say against the choice; None when there is nothing to
    answer: the same price and time, agreed to, or turned down already."""
    if choice is None or key in (choice.basis, choice.declined):
        return None
    now = offers.get(choice.code)
    if now is None or now["why_not"]:
        return News(choice.offer, None, now["why_not"] if now else "")
    same = amount(now["cost"]) == choice.cost and now["days"] == choice.offer["days"]
    return None if same else News(choice.offer, now)


def accepted(choice: Choice, offer: Mapping[str, str], place: Mapping[str, str], key: str) -> Choice:
    return replace(choice, offer=offer, place=place, basis=key, declined="")


def followed(offer: Mapping[str, str]) -> dict[str, Any]:
    """The order's fields that follow from an offer: tariff, time, and the type that its kind of delivery makes."""
    fields = {"tariff_code": offer["code"], "tariff_name": offer["name"][:160], "delivery_term": offer["days"][:60]}
    kind = db.session.scalar(db.select(OrderType.id).where(OrderType.key == offer["kind"]))
    return fields | ({"type_id": kind} if kind else {})


def problems(
    order: Order | None, held: Choice | None, choice: Choice | None, values: Mapping[str, Any]
) -> dict[str, str]:
    """Field -> key of what the choice forbids: a method of a sent end-to-end order can't be another, some methods take
    no cards or want the postal code."""
    found = {}
    if order is not None and _route(choice) != _route(held) and editing.keeps_method(order):
        found["delivery_method_id"] = "method_locked"
    if choice and not choice.offer["takes_card"] and values.get("cod") and values.get("cod_method") == "card":
        found["cod_method"] = "card_impossible"
    if choice and choice.offer["needs_postal_code"] and not values.get("postal_code"):
        found["postal_code"] = "postal_code_required"
    return found
