"""Products made of offers that have none: with their category, and their variants together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models import Offer, Prepared, Product, add_rows, among, db, update_rows, utcnow
from orders import creation
from orders.seeds import N_

from .categories import Known
from .rules import Rule

TAKEN = N_("another product has this SKU")
_without = Prepared(
    db.select(*Offer.__table__.columns)
    .where(among(Offer.id, "ids"), Offer.product_id.is_(None), Offer.matched_by != "hand", Offer.gone_at.is_(None))
    .order_by(Offer.id)
)
_by_sku = Prepared(db.select(Product.id, Product.sku).where(among(Product.sku, "skus", str)))
_mains = Prepared(
    db.select(Offer.group, db.func.min(db.func.coalesce(Product.variant_of, Product.id)).label("main"))
    .join(Product, Product.id == Offer.product_id)
    .where(Offer.connection_id == db.bindparam("connection"), Offer.group != "", among(Offer.group, "groups", str))
    .group_by(Offer.group)
)


@dataclass
class Made:
    """`products`: (id, the row of the offer that it was made of); `left_out`: (id of an offer, why)."""

    products: list[tuple[int, Any]] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)

    @property
    def made(self) -> int:
        return len(self.products)


def make(connection_id: int, rule: Rule, offer_ids: Sequence[int], categories: Known) -> Made:
    """Make products of those of the offers that have none, unless the rule leaves them so. In the caller's
    transaction."""
    result = Made()
    if rule.new == "leave" or not offer_ids:
        return result
    offers = [offer for offer in _without.rows(ids=list(offer_ids)) if rule.takes(offer.category)]
    if not offers:
        return result
    first: dict[str, Any] = {}
    for offer in offers:
        first.setdefault(sku_of(offer), offer)
    taken = {row.sku for row in _by_sku.rows(skus=list(first))}
    chosen = {sku: offer for sku, offer in first.items() if sku not in taken}
    same = "sku" in rule.match  # then two offers of one SKU are one product
    refused = [o for o in offers if chosen.get(sku_of(o)) is not o and not (same and sku_of(o) in chosen)]
    result.left_out = [(offer.external_id, TAKEN) for offer in refused]
    by_path = categories.ids({offer.category for offer in chosen.values()}) if rule.sort else {}
    add_rows(Product, [_product(sku, o, by_path, rule.new != "hidden") for sku, o in chosen.items()], _unless_there)
    ids = {row.sku: row.id for row in _by_sku.rows(skus=list(chosen))}
    tied = [offer for offer in offers if sku_of(offer) in chosen and offer not in refused]
    update_rows(Offer, [{"id": o.id, "product_id": ids[sku_of(o)], "matched_by": "made"} for o in tied])
    _group(connection_id, {ids[sku]: offer.group for sku, offer in chosen.items() if offer.group})
    result.products = [(ids[sku], offer) for sku, offer in chosen.items()]
    return result


def _unless_there(query: Any) -> Any:
    return query.on_conflict_do_nothing()


def sku_of(offer: Any) -> str:
    return str(offer.sku or offer.own_id or offer.external_id)


def _product(sku: str, offer: Any, categories: Mapping[str, int], active: bool) -> dict[str, Any]:
    more = offer.more or {}
    empty = offer.quantity is None and not offer.available
    return {
        "sku": sku,
        "name": offer.name,
        "price": offer.price,
        "old_price": offer.old_price,
        "currency": offer.currency,
        "stock": 0 if empty else offer.quantity,
        "barcode": offer.barcode,
        "brand": more.get("brand", ""),
        "description": more.get("description", ""),
        "url": offer.url,
        "category_id": categories.get(offer.category),
        "options": more.get("options", {}),
        "pictures": [{"url": url} for url in offer.pictures or ()],
        "search_text": creation.product_text(sku, offer.name),
        "active": active,
        "updated_at": utcnow(),
        **{name: more.get(name, 0) for name in ("weight", "length", "width", "height")},
    }


def _group(connection_id: int, groups: Mapping[int, str]) -> None:
    """Products of one group are variants of its first."""
    if not groups:
        return
    mains = {row.group: row.main for row in _mains.rows(connection=connection_id, groups=sorted(set(groups.values())))}
    variants = [{"id": i, "variant_of": mains[group]} for i, group in groups.items() if mains.get(group, i) != i]
    update_rows(Product, variants)
