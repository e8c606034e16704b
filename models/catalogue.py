"""What a connected system sells: its offers, and which of our products each of them is."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import BigId, Json, Model, Money, Quantity, UtcDateTime, db, partial_index, utcnow
from .orders import ZERO


class Category(Model):
    """A group of our products. Names repeat under different parents."""

    __tablename__ = "categories"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("categories.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    position: Mapped[int] = mapped_column(default=0)


class Offer(Model):
    """A product as one connection sells it, kept as it was last read there."""

    __tablename__ = "offers"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    external_id: Mapped[str] = mapped_column(String(64))
    own_id: Mapped[str] = mapped_column(String(100), default="")  # the seller's own id, where the system keeps one
    sku: Mapped[str] = mapped_column(String(100), default="")
    barcode: Mapped[str] = mapped_column(String(64), default="")
    name: Mapped[str] = mapped_column(String(300))
    price: Mapped[Decimal] = mapped_column(Money, default=ZERO)
    old_price: Mapped[Decimal | None] = mapped_column(Money)
    currency: Mapped[str] = mapped_column(String(3), default="UAH")
    quantity: Mapped[Decimal | None] = mapped_column(Quantity)  # None = not told
    available: Mapped[bool] = mapped_column(default=True)
    category: Mapped[str] = mapped_column(String(300), default="")  # its path there, " / " between the names
    url: Mapped[str] = mapped_column(String(500), default="")
    pictures: Mapped[list[str]] = mapped_column(Json, default=list)
    product_id: Mapped[int | None] = mapped_column(ForeignKey("products.id", ondelete="SET NULL"), index=True)
    #: how product_id was found: external_id | own_id | sku | barcode | name | hand | made; "" = no product yet
    matched_by: Mapped[str] = mapped_column(String(12), default="")
    fingerprint: Mapped[str] = mapped_column(String(64), default="")  # of what was read, so that equal news is none
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    gone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # missing from the last complete reading
    #: the stock that this system was last told by us
    told_stock: Mapped[Decimal | None] = mapped_column(Quantity)
    told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    group: Mapped[str] = mapped_column(String(64), default="")  # variants of one product share it there
    #: what else a product is made of: brand, description, options, weight, length, width, height
    more: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    __table_args__ = (
        db.UniqueConstraint("connection_id", "external_id"),
        Index("ix_offers_connection_id_sku", "connection_id", "sku"),
        Index("ix_offers_connection_id_own_id", "connection_id", "own_id"),
        Index("ix_offers_connection_id_seen_at", "connection_id", "seen_at"),
        partial_index("ix_offers_group", "connection_id", "group", where="\"group\" != ''"),
        partial_index("ix_offers_unmatched", "connection_id", "id", where="product_id IS NULL"),
    )


class OfferCategory(Model):
    """A category of a connected system, as the path that its offers have, so that staff can choose."""

    __tablename__ = "offer_categories"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    path: Mapped[str] = mapped_column(String(300))
    __table_args__ = (db.UniqueConstraint("connection_id", "path"),)


#: by what an offer finds its product: our SKU is their id, the seller's own id or their SKU; "id": the seller's own id
#: (theirs where there is none) is our product's number; or both have the same
MATCH_BY = ("sku", "own_id", "external_id", "id", "barcode", "name")
#: what becomes of an offer without a product, and of a product that isn't offered any more
NEW_OFFERS = ("create", "hidden", "leave")
GONE_OFFERS = ("nothing", "none_left", "hide")
#: what of a product that is there follows its offer; none of it: products that are there aren't updated
FOLLOWED = ("price", "stock", "names", "texts", "pictures", "category", "measures")


class CatalogueRule(Model):
    """How the offers of one connection meet our products. No row: as a new one."""

    __tablename__ = "catalogue_rules"
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True)
    match: Mapped[list[str]] = mapped_column(Json, default=lambda: ["sku"])  # of MATCH_BY, tried in turn; [] = none
    new: Mapped[str] = mapped_column(String(10), default="create")
    gone: Mapped[str] = mapped_column(String(10), default="nothing")
    follow: Mapped[list[str]] = mapped_column(Json, default=lambda: ["price", "stock"])  # of FOLLOWED
    #: the paths of those of their categories that are taken, each with all below it; [] = all
    categories: Mapped[list[str]] = mapped_column(Json, default=list)
    sort: Mapped[bool] = mapped_column(default=True)  # new products get their category, made where it is missing


class RunNote(Model):
    """Something that a run left out, and why. A run keeps the first thousand."""

    __tablename__ = "run_notes"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    item: Mapped[str] = mapped_column(String(100))
    reason: Mapped[str] = mapped_column(String(200))


#: what a run did to a product: made it, found it for an offer, changed it; or its offer is there no more
CHANGES = ("made", "found", "updated", "gone")


class RunChange(Model):
    """What a run did to one product, or would do where it only tries. It keeps the first thousand of each kind."""

    __tablename__ = "run_changes"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(10))
    product_id: Mapped[int | None] = mapped_column(ForeignKey("products.id", ondelete="SET NULL"), index=True)
    external_id: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(300), default="")
    changes: Mapped[dict[str, list[str]]] = mapped_column(Json, default=dict)  # {field: [before, after]}
    __table_args__ = (Index("ix_run_changes_run_id_kind_id", "run_id", "kind", "id"),)


class CatalogueFile(Model):
    """A file of products that staff bring in: first it is only tried ("check"), then taken ("take")."""

    __tablename__ = "catalogue_files"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    file: Mapped[str] = mapped_column(String(80), default="")  # its name in DATA_DIR/imports; "" = removed
    layout: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # {"kind": "yml"}, or orders/import_files.py's
    columns: Mapped[list[str]] = mapped_column(Json, default=list)  # the field of each column, "" = not taken
    stage: Mapped[str] = mapped_column(String(10), default="columns")  # columns | check | take
    state: Mapped[str] = mapped_column(String(10), default="ready", index=True)  # ready|waiting|working|done|failed
    fence: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    counts: Mapped[dict[str, int]] = mapped_column(Json, default=dict)
    left_out: Mapped[list[list[str]]] = mapped_column(Json, default=list)  # [[row or id, why], …], the first thousand
    fault: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
