"""An incoming order becomes columns: codes looked up in the connection's mappings, money settled, gaps marked."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from integrations import connector
from integrations.sources import WAIT
from integrations.types import Delivery, OrderData, Person
from models import Connection, Mapping, PaymentMethod, Prepared, Status, db, utcnow
from orders import creation, parcels, totals
from orders.creation import Draft

_maps, _methods = Mapping.__table__.c, PaymentMethod.__table__.c
_MAPPINGS = Prepared(
    db.select(_maps.table, _maps.lookup, _maps.ours, _maps.extra).where(
        _maps.connection_id == db.bindparam("connection")
    ),
    same_plan=True,
)
_KINDS = Prepared(db.select(_methods.id, _methods.kind), same_plan=True)


#: columns that are called there what they are called here
_SAME = (
    "currency", "discount", "commission", "customer_comment", "staff_comment", "do_not_call", "fulfilment",
    "length", "width", "height", "weight",
)  # fmt: skip


class Maker:
    """Makes drafts for one connection; looks its mappings up once."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.tables = {table.key: table for table in connector(connection.kind).mappings if table.direction == "in"}
        db.session.flush()
        rows = _MAPPINGS.rows(connection=connection.id)
        self.codes = {(table, lookup): ours for table, lookup, ours, _extra in rows}
        #: their code of a way to pay -> minutes that an unpaid order is kept back
        self.waits = {
            r.lookup: int(r.extra[WAIT]) for r in rows if r.table == "payment_in" and (r.extra or {}).get(WAIT)
        }
        self.payment_kinds = dict(_KINDS.rows())
        self.default_status = creation.default_status_id()
        #: asked of the connection once: its attributes take longer than a dict's
        self.place = {
            "type_id": connection.type_id or creation.default_type_id(),
            "shop_id": connection.shop_id,
            "source_id": connection.source_id,
        }
        self.event = {"connection": connection.name}

    def ours(self, table: str, code: str, name: str, gaps: list[dict[str, Any]]) -> int | None:
        """Our entry for their code. A code that is not mapped is noted in `gaps`; one mapped to nothing is not."""
        if not code or table not in self.tables:
            return None
        if (table, code) not in self.codes:
            gaps.append({"table": table, "code": code, "name": name or code, "connection_id": self.connection.id})
            return None
        return self.codes[(table, code)]

    def group(self, order: OrderData) -> str:
        """What the order's status there means: as it is mapped, else as the connector knows its own; "" = unknown."""
        if status_id := self.codes.get(("status_in", order.status)):
            found = status_of(status_id)
            return found.group if found else ""
        return self.tables["status_in"].hints.get(order.status, "") if "status_in" in self.tables else ""

    def draft(self, order: OrderData) -> Draft:
        """Columns and lines for a new order."""
        gaps: list[dict[str, Any]] = []
        found = lines(order)
        values = self.contents(order, gaps, found)
        status_id = self.ours("status_in", order.status, order.status_name, gaps)
        values |= {
            "number": order.number or order.external_id,
            "external_number": order.number or order.external_id,
            "status_id": status_id or self.default_status,
            **self.place,
            "placed_at": order.placed_at or utcnow(),
            "unmapped": gaps,
            "needs_mapping": bool(gaps),
        }
        parcels.follow(values, found)
        return Draft(values, found, self.event)

    def contents(self, order: OrderData, gaps: list[dict[str, Any]], goods: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """What the vendor tells of the order itself, money settled. `goods`: its `lines`."""
        delivery_id = self.ours("delivery_in", order.delivery.code, order.delivery.name, gaps)
        payment_id = self.ours("payment_in", order.payment.code, order.payment.name, gaps)
        kind = self.payment_kinds.get(payment_id or 0, order.payment.kind)
        cod = (kind.startswith("cod_") or order.payment.cod) and not order.payment.paid
        values: dict[str, Any] = {
            **_person(order.recipient),
            **_buyer(order.buyer),
            **_address(order),
            **_delivery(order.delivery, delivery_id),
            **{name: getattr(order, name) for name in _SAME},
            "coupon": order.coupon[:60],
            "cod": cod,
            "cod_amount": order.payment.cod_amount or None,
            "cod_method": "card" if kind == "cod_card" else "cash",
            "paid": order.payment.paid,
            "payment_method_id": payment_id,
            "payment_state": order.payment.state[:40],
            "utm": dict(order.utm),
            "cancel_reason": order.cancel_reason[:40],
            "cancel_text": order.cancel_text[:500],
            "auto_weight": not order.weight,
        }
        totals.settle(values, goods, kind)
        return values


def status_of(status_id: int) -> Status | None:
    return db.session.get(Status, status_id)


def lines(order: OrderData) -> list[dict[str, Any]]:
    return [
        {"sku": line.sku[:100], "external_id": line.external_id[:64], "name": line.name[:300],
         "quantity": line.quantity, "price": line.price, "discount": line.discount or Decimal(0), "weight": line.weight}
        for line in order.lines
    ]  # fmt: skip


def _person(person: Person) -> dict[str, str]:
    return {
        "last_name": person.last_name[:120],
        "first_name": person.first_name[:120],
        "patronymic": person.patronymic[:120],
        "phone": person.phone[:32],
        "email": person.email[:254],
    }


def _buyer(person: Person | None) -> dict[str, str]:
    if person is None:
        return {}
    return {"buyer_name": person.full_name[:250], "buyer_phone": person.phone[:32], "buyer_email": person.email[:254]}


def _delivery(told: Delivery, method_id: int | None) -> dict[str, Any]:
    return {
        "delivery_method_id": method_id,
        "tariff_code": told.tariff_code,
        "tariff_name": (told.tariff_name or (told.name if method_id is None else ""))[:160],
        "delivery_term": told.term,
        "pickup_code": told.pickup_code,
        "pickup_address": told.pickup_address[:300],
        "delivery_cost": told.cost,
        "ttn": told.tracking_number,
    }


def _address(order: OrderData) -> dict[str, str]:
    a = order.address
    found = {"region": a.region[:120], "city": a.city[:120], "street": a.street[:160], "house": a.house[:32],
             "flat": a.flat[:32], "postal_code": a.postal_code[:12], "address_text": a.text[:500]}  # fmt: skip
    return found | ({"country": a.country} if a.country else {})
