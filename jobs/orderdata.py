"""Orders on their way out: rows become the plain OrderData that connectors take, in a few queries for a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from integrations.types import Address, Delivery, LineData, OrderData, Payment, Person
from models import (
    DeliveryChoice,
    DeliveryMethod,
    Mapping,
    Order,
    OrderLine,
    OrderType,
    PaymentMethod,
    Prepared,
    among,
    db,
)

_ORDER, _LINE, _MAPPING, _CHOICE = (model.__table__ for model in (Order, OrderLine, Mapping, DeliveryChoice))
_DELIVERY, _PAYMENT, _TYPE = (model.__table__ for model in (DeliveryMethod, PaymentMethod, OrderType))


def load(order_ids: Sequence[int], connection_id: int) -> dict[int, tuple[int, OrderData]]:
    """Order id -> (version, order). Codes are the connection's own, by its "…_out" mappings; "" where it has none."""
    codes = {(table, lookup): theirs for table, lookup, theirs in _CODES.raw(there=connection_id)}
    ids, lines = list(order_ids), dict[int, list[LineData]]()
    for order_id, *line in _LINES.rows(ids=ids):
        lines.setdefault(order_id, []).append(LineData(*line))
    rows = [row._asdict() for row in _ORDERS.rows(ids=ids, there=connection_id)]
    return {row["id"]: (row["version"], _order(row, lines.get(row["id"], []), codes)) for row in rows}


_ADDRESS = ("country", "region", "city", "street", "house", "flat", "postal_code", "address_text")
#: columns that are called there what they are called here
_SAME = (
    "key", "number", "placed_at", "currency", "discount", "coupon", "total", "declared_value", "commission",
    "weight", "length", "width", "height", "customer_comment", "staff_comment", "do_not_call", "fulfilment",
)  # fmt: skip
_SAME_OF_DELIVERY = ("tariff_code", "tariff_name", "pickup_code", "pickup_address")
_SAME_OF_PAYMENT = ("paid", "cod", "cod_amount")
_OTHERS = (
    "id", "version", "status_id", "delivery_method_id", "payment_method_id", "last_name", "first_name", "patronymic",
    "phone", "email", "buyer_name", "buyer_phone", "buyer_email", "delivery_term", "delivery_cost", "ttn",
    "payment_kind", "payment_state", "utm",
)  # fmt: skip
#: in the order of LineData's fields
_OF_LINES = ("order_id", "name", "sku", "external_id", "quantity", "price", "discount", "weight")
_THERE = db.bindparam("there", type_=_MAPPING.c.connection_id.type)
_ORDERS = Prepared(
    db.select(
        *(_ORDER.c[name] for name in (*_OTHERS, *_SAME, *_ADDRESS, *_SAME_OF_DELIVERY, *_SAME_OF_PAYMENT)),
        _DELIVERY.c.name.label("delivery_name"),
        _PAYMENT.c.name.label("payment_name"),
        _TYPE.c.key.label("type_key"),
        _CHOICE.c.offer,
        _CHOICE.c.place,
    )
    .outerjoin(_DELIVERY, _DELIVERY.c.id == _ORDER.c.delivery_method_id)
    .outerjoin(_PAYMENT, _PAYMENT.c.id == _ORDER.c.payment_method_id)
    .outerjoin(_TYPE, _TYPE.c.id == _ORDER.c.type_id)
    .outerjoin(_CHOICE, (_CHOICE.c.order_id == _ORDER.c.id) & (_CHOICE.c.connection_id == _THERE))
    .where(among(_ORDER.c.id, "ids")),
    same_plan=True,
)
_LINES = Prepared(
    db.select(*(_LINE.c[name] for name in _OF_LINES))
    .where(among(_LINE.c.order_id, "ids"))
    .order_by(_LINE.c.order_id, _LINE.c.position),
    same_plan=True,
)
#: mapping table, our id, their code
_CODES = Prepared(
    db.select(_MAPPING.c.table, _MAPPING.c.lookup, _MAPPING.c.theirs).where(
        _MAPPING.c.connection_id == _THERE, _MAPPING.c.table.in_(("status_out", "payment_out", "delivery_out"))
    ),
    same_plan=True,
)


def _order(row: Any, lines: list[LineData], codes: dict[tuple[str, str], str]) -> OrderData:
    return OrderData(
        **{name: row[name] for name in _SAME},
        status=codes.get(("status_out", str(row["status_id"])), ""),
        recipient=Person(row["last_name"], row["first_name"], row["patronymic"], row["phone"], row["email"]),
        buyer=_buyer(row),
        address=Address(*(row[name] for name in _ADDRESS)),
        delivery=_delivery(row, codes.get(("delivery_out", str(row["delivery_method_id"])), "")),
        payment=_payment(row, codes.get(("payment_out", str(row["payment_method_id"])), "")),
        lines=lines,
        utm=row["utm"] or {},
    )


def _delivery(row: Any, code: str) -> Delivery:
    offer, place = row["offer"] or {}, row["place"] or {}
    return Delivery(
        **{name: row[name] for name in _SAME_OF_DELIVERY},
        code=code,
        name=row["delivery_name"] or "",
        term=row["delivery_term"],
        cost=row["delivery_cost"],
        tracking_number=row["ttn"],
        service_code=offer.get("code", ""),
        settlement=place.get("code", ""),
        kind=offer.get("kind") or row["type_key"] or "",
        carrier=offer.get("carrier", ""),
    )


def _payment(row: Any, code: str) -> Payment:
    return Payment(
        **{name: row[name] for name in _SAME_OF_PAYMENT},
        code=code,
        name=row["payment_name"] or "",
        kind=row["payment_kind"],
        state=row["payment_state"],
    )


def _buyer(row: Any) -> Person | None:
    if not (row["buyer_name"] or row["buyer_phone"] or row["buyer_email"]):
        return None
    last, _, first = row["buyer_name"].partition(" ")
    return Person(last, first, "", row["buyer_phone"], row["buyer_email"])
