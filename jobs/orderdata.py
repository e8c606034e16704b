"""Orders on their way out: rows become the plain OrderData that connectors take, in a few queries for a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from integrations.types import Address, Delivery, LineData, OrderData, Payment, Person
from models import DeliveryChoice, DeliveryMethod, Mapping, Order, OrderLine, OrderType, PaymentMethod, db

_ORDER = Order.__table__
_LINE = OrderLine.__table__


def load(order_ids: Sequence[int], connection_id: int) -> dict[int, tuple[int, OrderData]]:
    """Order id -> (version, order). Codes are the connection's own, by its "…_out" mappings; "" where it has none."""
    codes = _codes(connection_id)
    rows = db.session.execute(_SELECT.where(_ORDER.c.id.in_(order_ids)), {"there": connection_id}).mappings().all()
    lines: dict[int, list[LineData]] = {}
    query = (
        db.select(*_LINE_COLUMNS).where(_LINE.c.order_id.in_(order_ids)).order_by(_LINE.c.order_id, _LINE.c.position)
    )
    for line in db.session.execute(query):
        lines.setdefault(line.order_id, []).append(
            LineData(line.name, line.sku, line.external_id, line.quantity, line.price, line.discount, line.weight)
        )
    return {row["id"]: (row["version"], _order(row, lines.get(row["id"], []), codes)) for row in rows}


_LINE_COLUMNS = [
    _LINE.c[name] for name in ("order_id", "name", "sku", "external_id", "quantity", "price", "discount", "weight")
]
_SELECT = (
    db.select(
        _ORDER,
        DeliveryMethod.name.label("delivery_name"),
        PaymentMethod.kind.label("method_kind"),
        PaymentMethod.name.label("payment_name"),
        OrderType.key.label("type_key"),
        DeliveryChoice.offer.label("offer"),
        DeliveryChoice.place.label("place"),
    )
    .outerjoin(DeliveryMethod, DeliveryMethod.id == _ORDER.c.delivery_method_id)
    .outerjoin(PaymentMethod, PaymentMethod.id == _ORDER.c.payment_method_id)
    .outerjoin(OrderType, OrderType.id == _ORDER.c.type_id)
    .outerjoin(
        DeliveryChoice,
        (DeliveryChoice.order_id == _ORDER.c.id) & (DeliveryChoice.connection_id == db.bindparam("there")),
    )
)


def _codes(connection_id: int) -> dict[tuple[str, str], str]:
    """(mapping table, our id) -> their code."""
    query = db.select(Mapping.table, Mapping.lookup, Mapping.theirs).where(
        Mapping.connection_id == connection_id, Mapping.table.in_(("status_out", "payment_out", "delivery_out"))
    )
    return {(table, lookup): theirs for table, lookup, theirs in db.session.execute(query)}


_ADDRESS = ("country", "region", "city", "street", "house", "flat", "postal_code", "address_text")
#: columns that are called there what they are called here
_SAME = (
    "key", "number", "placed_at", "currency", "discount", "coupon", "total", "declared_value", "commission",
    "weight", "length", "width", "height", "customer_comment", "staff_comment", "do_not_call", "fulfilment",
)  # fmt: skip
_SAME_OF_DELIVERY = ("tariff_code", "tariff_name", "pickup_code", "pickup_address")
_SAME_OF_PAYMENT = ("paid", "cod", "cod_amount")


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
