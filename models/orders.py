"""Orders and what belongs to one order: lines, payments, timeline, search text; and the kept counters."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Date, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import BigId, Json, Model, Money, Quantity, UtcDateTime, db, partial_index, utcnow
from .many import SEARCHED
from .registries import DeliveryMethod, OrderType, PaymentMethod, Shop, Source, Status

ZERO = Decimal(0)


def _marked(column: str) -> Index:
    """Over the few orders where it is set. SQLite uses such an index where a query repeats its words: "= 1"."""
    return Index(f"ix_orders_{column}", "id", sqlite_where=db.text(f"{column} = 1"), postgresql_where=db.text(column))


class Order(Model):
    """An order as staff work it. `id` follows arrival, so lists sort and page by it alone."""

    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number: Mapped[str] = mapped_column(String(64), unique=True)
    #: our name for the order in other systems: the number it was born with, never changed afterwards
    key: Mapped[str] = mapped_column(String(64), unique=True)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
    #: how often something was asked for that rows show, though the order itself stays as it is. Without an index, so
    #: that PostgreSQL need not write the order into all its indexes anew, as a change of updated_at makes it do
    asks: Mapped[int] = mapped_column(default=0, server_default="0")
    placed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)  # when the customer ordered
    edited_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # first edit by staff: imports stop overwriting

    shop_id: Mapped[int | None] = mapped_column(ForeignKey("shops.id"))
    source_id: Mapped[int | None] = mapped_column(ForeignKey("sources.id"))
    type_id: Mapped[int] = mapped_column(ForeignKey("order_types.id"))
    status_id: Mapped[int] = mapped_column(ForeignKey("statuses.id"))
    external_number: Mapped[str] = mapped_column(String(64), default="")
    cancel_reason: Mapped[str] = mapped_column(String(40), default="")
    cancel_text: Mapped[str] = mapped_column(String(500), default="")
    needs_mapping: Mapped[bool] = mapped_column(default=False)
    #: [{"table": "delivery", "code": "5", "name": "By courier", "connection_id": 1}, …]
    unmapped: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)

    last_name: Mapped[str] = mapped_column(String(120), default="")
    first_name: Mapped[str] = mapped_column(String(120), default="")
    patronymic: Mapped[str] = mapped_column(String(120), default="")
    phone: Mapped[str] = mapped_column(String(32), default="", index=True)  # E.164
    email: Mapped[str] = mapped_column(String(254), default="")
    buyer_name: Mapped[str] = mapped_column(String(250), default="")  # empty = the recipient
    buyer_phone: Mapped[str] = mapped_column(String(32), default="")
    buyer_email: Mapped[str] = mapped_column(String(254), default="")

    country: Mapped[str] = mapped_column(String(2), default="UA")
    region: Mapped[str] = mapped_column(String(120), default="")
    city: Mapped[str] = mapped_column(String(120), default="")
    street: Mapped[str] = mapped_column(String(160), default="")
    house: Mapped[str] = mapped_column(String(32), default="")
    flat: Mapped[str] = mapped_column(String(32), default="")
    postal_code: Mapped[str] = mapped_column(String(12), default="")
    address_text: Mapped[str] = mapped_column(String(500), default="")  # as the source wrote it

    delivery_method_id: Mapped[int | None] = mapped_column(ForeignKey("delivery_methods.id"))
    tariff_code: Mapped[str] = mapped_column(String(64), default="")
    tariff_name: Mapped[str] = mapped_column(String(160), default="")
    delivery_term: Mapped[str] = mapped_column(String(60), default="")  # e.g. "2-3 days", as quoted
    pickup_code: Mapped[str] = mapped_column(String(64), default="")
    pickup_address: Mapped[str] = mapped_column(String(300), default="")
    delivery_cost: Mapped[Decimal] = mapped_column(Money, default=ZERO)
    weight: Mapped[int] = mapped_column(default=0)  # grams
    length: Mapped[int] = mapped_column(default=0)  # millimetres
    width: Mapped[int] = mapped_column(default=0)
    height: Mapped[int] = mapped_column(default=0)
    auto_weight: Mapped[bool] = mapped_column(default=True)  # from the lines; the field is locked then

    currency: Mapped[str] = mapped_column(String(3), default="UAH")
    goods_total: Mapped[Decimal] = mapped_column(Money, default=ZERO)
    discount: Mapped[Decimal] = mapped_column(Money, default=ZERO)
    coupon: Mapped[str] = mapped_column(String(60), default="")
    total: Mapped[Decimal] = mapped_column(Money, default=ZERO)  # goods - discount + delivery
    declared_value: Mapped[Decimal] = mapped_column(Money, default=ZERO)
    cod: Mapped[bool] = mapped_column(default=False)
    cod_amount: Mapped[Decimal] = mapped_column(Money, default=ZERO)
    cod_method: Mapped[str] = mapped_column(String(4), default="cash")  # cash | card
    paid: Mapped[bool] = mapped_column(default=False)
    payment_method_id: Mapped[int | None] = mapped_column(ForeignKey("payment_methods.id"))
    payment_kind: Mapped[str] = mapped_column(String(12), default="other")  # see registries.PAYMENT_KINDS
    payment_state: Mapped[str] = mapped_column(String(40), default="")  # as the source calls it
    commission: Mapped[Decimal | None] = mapped_column(Money)

    customer_comment: Mapped[str] = mapped_column(Text, default="")
    staff_comment: Mapped[str] = mapped_column(Text, default="")
    utm: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    do_not_call: Mapped[bool] = mapped_column(default=False)
    fulfilment: Mapped[bool] = mapped_column(default=False)
    likely_duplicate: Mapped[bool] = mapped_column(default=False)  # an open pair of LikelyDuplicate names it
    ttn: Mapped[str] = mapped_column(String(64), default="")
    ttn_state: Mapped[str] = mapped_column(String(120), default="")

    lines: Mapped[list[OrderLine]] = relationship(
        back_populates="order", order_by="OrderLine.position", cascade="all, delete-orphan", passive_deletes=True
    )
    shop: Mapped[Shop | None] = relationship()
    source: Mapped[Source | None] = relationship()
    type: Mapped[OrderType] = relationship()
    status: Mapped[Status] = relationship()
    delivery_method: Mapped[DeliveryMethod | None] = relationship()
    payment_method: Mapped[PaymentMethod | None] = relationship()

    __table_args__ = (
        # one index a filter; the id, which lists are sorted by, right after the value: a page is a walk that stops
        # after 50 rows. The status at the end: nearly every list leaves some statuses out, seen without the row.
        Index("ix_orders_status_id_id", "status_id", "id"),
        Index("ix_orders_type_id_id_status_id", "type_id", "id", "status_id"),
        Index("ix_orders_shop_id_id_status_id", "shop_id", "id", "status_id"),
        Index("ix_orders_source_id_id_status_id", "source_id", "id", "status_id"),
        Index("ix_orders_payment_kind_id_status_id", "payment_kind", "id", "status_id"),
        Index("ix_orders_paid_id_status_id", "paid", "id", "status_id"),
        # without those that have none: they would make SQLite believe that it is no help
        partial_index("ix_orders_external_number", "external_number", where="external_number <> ''"),
        partial_index("ix_orders_ttn", "ttn", where="ttn <> ''"),
        *(_marked(name) for name in ("needs_mapping", "do_not_call", "fulfilment", "likely_duplicate")),
        {"sqlite_autoincrement": True},  # ids of purged orders are never given to another
    )

    @property
    def recipient(self) -> str:
        return " ".join(part for part in (self.last_name, self.first_name, self.patronymic) if part)


class OrderLine(Model):
    __tablename__ = "order_lines"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"), index=True)
    position: Mapped[int] = mapped_column(default=0)
    product_id: Mapped[int | None] = mapped_column(ForeignKey("products.id", ondelete="SET NULL"))
    sku: Mapped[str] = mapped_column(String(100), default="")
    external_id: Mapped[str] = mapped_column(String(64), default="")  # the line's or product's id at the source
    name: Mapped[str] = mapped_column(String(300), default="")
    quantity: Mapped[Decimal] = mapped_column(Quantity, default=Decimal(1))
    price: Mapped[Decimal] = mapped_column(Money, default=ZERO)
    discount: Mapped[Decimal] = mapped_column(Money, default=ZERO)  # off the whole line
    weight: Mapped[int] = mapped_column(default=0)  # grams a piece
    status: Mapped[str] = mapped_column(String(40), default="")
    order: Mapped[Order] = relationship(back_populates="lines")

    @property
    def total(self) -> Decimal:
        return self.price * self.quantity - self.discount


class Payment(Model):
    """One attempt to pay an order through a payment service: asked for here, believed as the service tells it.
    It is its own work row: `todo` is what the service is to be asked, `next_at` when to ask (or to look) next."""

    __tablename__ = "payments"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"), index=True)
    connection_id: Mapped[int | None] = mapped_column(ForeignKey("connections.id", ondelete="SET NULL"))
    external_id: Mapped[str] = mapped_column(String(100), default="")
    kind: Mapped[str] = mapped_column(String(12), default="payment")  # payment | refund
    state: Mapped[str] = mapped_column(String(20), default="")
    amount: Mapped[Decimal] = mapped_column(Money)
    currency: Mapped[str] = mapped_column(String(3))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    reference: Mapped[str | None] = mapped_column(String(80))  # ours at the service: the order's key and a number
    url: Mapped[str] = mapped_column(String(1000), default="")  # where the customer pays
    refunded: Mapped[Decimal] = mapped_column(Money, default=ZERO)  # in all
    raw: Mapped[str] = mapped_column(String(60), default="")  # the service's word for the state
    detail: Mapped[str] = mapped_column(Text, default="")  # why it failed or doesn't fit, in the service's words
    fault: Mapped[str] = mapped_column(String(20), default="")  # class of the last failed call
    requested_by: Mapped[str] = mapped_column(String(120), default="")  # "" = the customer
    paid_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    todo: Mapped[str] = mapped_column(String(10), default="")  # create | cancel | refund
    refund_to: Mapped[Decimal | None] = mapped_column(Money)  # what `refunded` is to be after the refund
    #: True from just before a call until its answer is stored: whoever takes the row next must look first
    uncertain: Mapped[bool] = mapped_column(default=False)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fence: Mapped[int] = mapped_column(default=0)
    tries: Mapped[int] = mapped_column(default=0)
    __table_args__ = (
        db.UniqueConstraint("connection_id", "external_id", "kind"),
        Index("uq_payments_reference", "connection_id", "reference", unique=True),
    )


class OrderEvent(Model):
    """One line of an order's timeline: who changed what, with before and after."""

    __tablename__ = "order_events"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    actor: Mapped[str] = mapped_column(String(10))  # person | job | webhook | rule
    actor_name: Mapped[str] = mapped_column(String(120), default="")
    kind: Mapped[str] = mapped_column(String(20))  # see orders/timeline.py
    #: {"changes": [["status", "New", "Confirmed"], …], "text": …, "connection": …}
    detail: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    __table_args__ = (Index("ix_order_events_order_id_id", "order_id", "id"),)


class OrderSearch(Model):
    """What search looks through: one lower-case text an order. A trigram index lies over it (see the migration)."""

    __tablename__ = "order_search"
    order_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    text: Mapped[str] = mapped_column(Text)
    __table_args__ = ({"info": SEARCHED},)


class OrderCount(Model):
    """Kept counters. Insert-only: a change adds rows of +1/-1, reading sums them, the sweeper folds them.
    So two transactions never wait for each other's counter, and never deadlock on two of them."""

    __tablename__ = "order_counts"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    shop_id: Mapped[int | None]
    source_id: Mapped[int | None]
    type_id: Mapped[int]
    status_id: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    n: Mapped[int]
    total: Mapped[Decimal] = mapped_column(Money)


class OrderDay(Model):
    """The same by day of arrival in the hub's zone (orders/days.py), for the charts; insert-only likewise."""

    __tablename__ = "order_days"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    day: Mapped[date] = mapped_column(Date, index=True)
    source_id: Mapped[int | None]
    status_id: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    n: Mapped[int]
    total: Mapped[Decimal] = mapped_column(Money)


class SavedView(Model):
    """A set of filters with a name: a tab of the orders page. Shared views have no user."""

    __tablename__ = "saved_views"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(60))
    query: Mapped[str] = mapped_column(String(500))  # as in the address, without "?"
    position: Mapped[int] = mapped_column(default=0)
    __table_args__ = (db.UniqueConstraint("user_id", "name"),)


class BulkUndo(Model):
    """What a bulk change of statuses replaced, kept for 60 seconds so that it can be taken back."""

    __tablename__ = "bulk_undos"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
    #: [[order id, status id before, status id after], …]
    orders: Mapped[list[list[int]]] = mapped_column(Json)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Product(Model):
    """What can be sold. Learned from incoming lines, typed in, or taken from catalogues."""

    __tablename__ = "products"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    sku: Mapped[str] = mapped_column(String(100), unique=True)
    name: Mapped[str] = mapped_column(String(300))
    price: Mapped[Decimal] = mapped_column(Money, default=ZERO)
    currency: Mapped[str] = mapped_column(String(3), default="UAH")
    weight: Mapped[int] = mapped_column(default=0)  # grams
    length: Mapped[int] = mapped_column(default=0)  # millimetres
    width: Mapped[int] = mapped_column(default=0)
    height: Mapped[int] = mapped_column(default=0)
    barcode: Mapped[str] = mapped_column(String(64), default="")
    active: Mapped[bool] = mapped_column(default=True)
    old_price: Mapped[Decimal | None] = mapped_column(Money)
    stock: Mapped[Decimal | None] = mapped_column(Quantity)  # what is there to sell; None = not counted
    brand: Mapped[str] = mapped_column(String(100), default="")
    description: Mapped[str] = mapped_column(Text, default="")
    url: Mapped[str] = mapped_column(String(500), default="")
    category_id: Mapped[int | None] = mapped_column(ForeignKey("categories.id", ondelete="SET NULL"), index=True)
    #: the main product of a variant
    variant_of: Mapped[int | None] = mapped_column(ForeignKey("products.id", ondelete="SET NULL"), index=True)
    options: Mapped[dict[str, str]] = mapped_column(Json, default=dict)  # what tells a variant: {"Color": "red"}
    #: [{"url"}, and where it was looked at: "width", "height", "bytes", "fault"]
    pictures: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    #: lower-case name and SKU; a trigram index lies over it (migration 0021)
    search_text: Mapped[str] = mapped_column(String(500), default="")
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    __table_args__ = (
        Index("ix_products_name", "name"),
        partial_index("ix_products_barcode", "barcode", where="barcode != ''"),
        Index("ix_products_hidden", "id", sqlite_where=db.text("active = 0"), postgresql_where=db.text("NOT active")),
        {"info": SEARCHED},
    )
