"""The lists that staff keep: shops, sources, order types, delivery and payment methods, statuses, expense types."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from .base import BigId, Model

#: What a status means to the hub, whatever staff call it. Order = order in the statistics strip.
GROUPS = ("new", "confirmed", "transferred", "problem", "preorder", "cancelled", "deleted")
GROUP_COLORS = {
    "new": "blue",
    "confirmed": "teal",
    "transferred": "green",
    "problem": "red",
    "preorder": "violet",
    "cancelled": "grey",
    "deleted": "grey",
}
COLORS = (
    "blue",
    "azure",
    "cyan",
    "teal",
    "green",
    "lime",
    "yellow",
    "orange",
    "red",
    "pink",
    "violet",
    "indigo",
    "grey",
)
DELIVERY_KINDS = ("courier", "pickup", "post", "self")
#: How the customer pays, as the payment filter sees it. cod_*: on delivery.
PAYMENT_KINDS = ("cod_cash", "cod_card", "online_card", "transfer", "other")


class Named:
    """A row of a registry. `key` marks the rows the hub itself relies on; they can be renamed, not removed."""

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str | None] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    position: Mapped[int] = mapped_column(default=0)
    active: Mapped[bool] = mapped_column(default=True)


class Shop(Named, Model):
    __tablename__ = "shops"
    currency: Mapped[str] = mapped_column(String(3), default="UAH")
    #: colour of the pages that customers see; not "color", which lists of registries show beside the name
    accent: Mapped[str] = mapped_column(String(10), default="blue")
    #: what the parcels of its orders measure: "" = as typed; fixed = the usual parcel; products = counted from them
    parcel: Mapped[str] = mapped_column(String(10), default="")
    parcel_weight: Mapped[int] = mapped_column(default=0)  # grams, of a parcel whose products weigh nothing
    parcel_length: Mapped[int] = mapped_column(default=0)  # millimetres
    parcel_width: Mapped[int] = mapped_column(default=0)
    parcel_height: Mapped[int] = mapped_column(default=0)
    #: the part of its "Buy" links that names the shop; None = it has none
    buy_key: Mapped[str | None] = mapped_column(String(40), unique=True)


class Source(Named, Model):
    """Where an order came from, as staff call it: a marketplace, the phone, Instagram…"""

    __tablename__ = "sources"
    color: Mapped[str] = mapped_column(String(10), default="grey")


class OrderType(Named, Model):
    """Standard, end-to-end, export, and what staff add: the tabs of the orders page."""

    __tablename__ = "order_types"


class DeliveryMethod(Named, Model):
    __tablename__ = "delivery_methods"
    kind: Mapped[str] = mapped_column(String(10), default="courier")
    card_on_delivery: Mapped[bool] = mapped_column(default=True)  # Russian Post takes cash only
    postal_code_required: Mapped[bool] = mapped_column(default=False)
    country: Mapped[str] = mapped_column(String(2), default="")  # whose shops it is for; "" = everybody's


class PaymentMethod(Named, Model):
    __tablename__ = "payment_methods"
    kind: Mapped[str] = mapped_column(String(12), default="other")


class Status(Named, Model):
    __tablename__ = "statuses"
    group: Mapped[str] = mapped_column(String(12), default="new")
    color: Mapped[str] = mapped_column(String(10), default="blue")


class ExpenseType(Named, Model):
    __tablename__ = "expense_types"


REGISTRIES: dict[str, type] = {
    "shops": Shop,
    "sources": Source,
    "types": OrderType,
    "delivery": DeliveryMethod,
    "payment": PaymentMethod,
    "statuses": Status,
    "expenses": ExpenseType,
}
