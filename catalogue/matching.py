"""Which product an offer is: found by the rule of its connection, in SQL, so that what a preview says of 200,000 offers
and what is then done is one statement. What a person has matched stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.orm import aliased

from models import Offer, Prepared, Product, among, db

from .rules import Rule

EXAMPLES = 20
#: what a changed rule would do to an offer
FATES = ("found", "moved", "lost", "kept", "none")


def _found(field: str) -> Any:
    """The product that this part of the rule leads to, as a subquery of one value; the first where several fit."""
    if field == "id":
        return _numbered()
    theirs = {"sku": Offer.sku, "own_id": Offer.own_id, "external_id": Offer.external_id, "barcode": Offer.barcode,
              "name": Offer.name}[field]  # fmt: skip
    ours = {"barcode": Product.barcode, "name": Product.name}.get(field, Product.sku)
    conditions = [ours == theirs, theirs != ""]
    if field == "barcode":
        conditions.append(Product.barcode != "")  # in the words of its index
    return db.select(db.func.min(Product.id)).where(*conditions).correlate(Offer).scalar_subquery()


def _numbered() -> Any:
    """The product whose number is the offer's: what isn't a number must not reach the cast."""
    theirs = db.func.coalesce(db.func.nullif(Offer.own_id, ""), Offer.external_id)
    number = db.case((theirs.regexp_match("^[0-9]{1,18}$"), db.cast(theirs, BigInteger)))
    return db.select(Product.id).where(Product.id == number).correlate(Offer).scalar_subquery()


def _target(rule: Rule) -> tuple[Any, Any]:
    """(the product's id or NULL, by what it is found) as expressions over an offer."""
    if not rule.match:
        return db.null(), db.literal("")
    parts = [(field, _found(field)) for field in rule.match]
    product = db.func.coalesce(*(part for _, part in parts), db.null())
    by = db.case(*((part.is_not(None), field) for field, part in parts), else_="")
    return product, by


def _settled(rule: Rule) -> tuple[Any, Any]:
    """The same for an offer that may have a product: one that was made of it stays its own when nothing is found."""
    product, by = _target(rule)
    made = (Offer.matched_by == "made") & product.is_(None)
    return db.case((made, Offer.product_id), else_=product), db.case((made, Offer.matched_by), else_=by)


_fills: dict[tuple[str, ...], Prepared] = {}


def fill(rule: Rule, offer_ids: Sequence[int]) -> None:
    """Find products for those of the offers that have none. In the caller's transaction."""
    if not rule.match or not offer_ids:
        return
    if (query := _fills.get(rule.match)) is None:
        product, by = _target(rule)
        update = db.update(Offer.__table__).where(
            among(Offer.id, "ids"), Offer.product_id.is_(None), Offer.matched_by != "hand", product.is_not(None)
        )
        query = _fills[rule.match] = Prepared(update.values(product_id=product, matched_by=by))
    query.run(ids=list(offer_ids))


@dataclass(frozen=True)
class Example:
    """An offer whose product would be another; names are empty where there is none."""

    fate: str
    offer: str
    external_id: str
    before: str
    after: str


@dataclass(frozen=True)
class Preview:
    """What a rule would change: fate -> offers, and some of them. `made`: those without a product that would be one."""

    counts: dict[str, int]
    examples: Sequence[Example]
    made: int

    @property
    def changes(self) -> int:
        return sum(self.counts.get(fate, 0) for fate in ("found", "moved", "lost")) + self.made


def _fate(product: Any) -> Any:
    return db.case(
        (db.and_(Offer.product_id.is_(None), product.is_(None)), "none"),
        (Offer.product_id.is_(None), "found"),
        (product.is_(None), "lost"),
        (product == Offer.product_id, "kept"),
        else_="moved",
    )


def _theirs(connection_id: int, rule: Rule) -> list[Any]:
    """The offers that the rule is about: those outside the chosen categories are left as they are."""
    return [Offer.connection_id == connection_id, Offer.matched_by != "hand", *rule.taking(Offer.category)]


def preview(connection_id: int, rule: Rule) -> Preview:
    product, _by = _settled(rule)
    found = db.select(Offer.id, Offer.gone_at, product.label("target"), _fate(product).label("fate"))
    rows = found.where(*_theirs(connection_id, rule)).subquery()
    counts = dict(db.session.execute(db.select(rows.c.fate, db.func.count()).group_by(rows.c.fate)).all())
    new = db.select(db.func.count()).where(rows.c.target.is_(None), rows.c.gone_at.is_(None))
    made = 0 if rule.new == "leave" else db.session.scalar(new) or 0
    return Preview(counts, _examples(rows), made)


def _examples(rows: Any) -> list[Example]:
    before, after = aliased(Product), aliased(Product)
    query = (
        db.select(rows.c.fate, Offer.name, Offer.external_id, before.name, after.name)
        .join(Offer, Offer.id == rows.c.id)
        .outerjoin(before, before.id == Offer.product_id)
        .outerjoin(after, after.id == rows.c.target)
        .where(rows.c.fate.in_(("found", "moved", "lost")))
        .order_by(Offer.id)
        .limit(EXAMPLES)
    )
    return [Example(fate, name, ext, old or "", new or "") for fate, name, ext, old, new in db.session.execute(query)]


def rematch(connection_id: int, rule: Rule) -> int:
    """Put each offer of the connection where the rule says; how many were moved. In the caller's transaction."""
    product, by = _settled(rule)
    update = db.update(Offer).where(*_theirs(connection_id, rule), Offer.product_id.is_distinct_from(product))
    values = {"product_id": product, "matched_by": by}
    done: Any = db.session.execute(update.values(values), execution_options={"synchronize_session": False})
    return int(done.rowcount)


def by_hand(offer: Offer, product: Product | None) -> None:
    """A person says which product it is, or that it is none of ours. In the caller's transaction."""
    offer.product_id, offer.matched_by = (product.id if product else None), "hand"


def counts(connection_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """Connection id -> {"all", "matched", "gone"}: its offers."""
    query = db.select(
        Offer.connection_id,
        db.func.count(),
        db.func.count(Offer.product_id),
        db.func.count(Offer.gone_at),
    ).where(Offer.connection_id.in_(connection_ids))
    rows = db.session.execute(query.group_by(Offer.connection_id)).all() if connection_ids else []
    return {key: {"all": n, "matched": matched, "gone": gone} for key, n, matched, gone in rows}


def unmatched(connection_id: int, query: str, after: int, limit: int) -> tuple[Sequence[Offer], bool]:
    """Offers without a product, from this id on, and whether there are more; `query`: a part of a name, SKU or id."""
    found = db.select(Offer).where(Offer.connection_id == connection_id, Offer.product_id.is_(None), Offer.id > after)
    if word := query.strip():
        named = Offer.name.contains(word, autoescape=True)
        found = found.where(db.or_(Offer.sku == word, Offer.external_id == word, named))
    rows = db.session.scalars(found.where(Offer.gone_at.is_(None)).order_by(Offer.id).limit(limit + 1)).all()
    return rows[:limit], len(rows) > limit
