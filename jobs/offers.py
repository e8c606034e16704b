"""Offers as they were last read, and what becomes of the products that they are. All in the caller's transaction."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from catalogue import making, matching
from catalogue.categories import Known
from catalogue.rules import Rule
from integrations.text import N_
from integrations.types import ProductData
from models import Connection, Offer, OfferCategory, Prepared, Product, add_rows, among, db, update_rows, utcnow
from orders import stock

from .following import ALL, PRICE, Change, News, follow, made

#: offers in one transaction
BATCH = 500
TWICE = N_("another offer has the same id")
CENT, THOUSANDTH = Decimal("0.01"), Decimal("0.001")
#: what is told by every reading, those of prices alone too: PRICE and
STOCK = ("quantity", "available")
_OTHER = ("brand", "description", "weight", "length", "width", "height")
_COLUMNS = (Offer.id, Offer.external_id, Offer.product_id, Offer.fingerprint, Offer.gone_at, Offer.category,
            *(getattr(Offer, name) for name in PRICE + STOCK))  # fmt: skip
_known = Prepared(
    db.select(*_COLUMNS).where(Offer.connection_id == db.bindparam("connection"), among(Offer.external_id, "ids", str))
)
_seen = Prepared(
    db.update(Offer.__table__)
    .where(among(Offer.id, "ids"))
    .values(seen_at=db.bindparam("now", type_=Offer.seen_at.type)),
    same_plan=True,
)
_ours = Prepared(
    db.select(Offer.id, Offer.product_id, Offer.external_id, Product.name)
    .join(Product, Product.id == Offer.product_id)
    .where(among(Offer.id, "ids"))
    .order_by(Offer.id)
)


def as_told(connection: Connection, rule: Rule) -> Rule:
    """A connection's rule as a reading follows it. A system that we tell our stock says nothing about it: it would only
    repeat us."""
    if not (connection.settings or {}).get(stock.TELL):
        return rule
    gone = "nothing" if rule.gone == "none_left" else rule.gone
    return replace(rule, gone=gone, follow=tuple(what for what in rule.follow if what != "stock"))


@dataclass
class Reading:
    """One reading of a connection's catalogue. `counts` as a run tells them; `left_out`: (id, why); `changes`: what
    became of products."""

    connection_id: int
    rule: Rule
    prices_only: bool = False
    categories: Known = field(default_factory=Known)
    counts: Counter[str] = field(default_factory=Counter)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)  # of categories, as far as they are noted

    def take(self, offers: Sequence[ProductData]) -> None:
        """A batch of what was read; the caller commits."""
        self._alone()
        wanted = {offer.external_id: offer for offer in offers}
        known = self._rows(wanted)
        if known:
            _seen.run(ids=[row.id for row in known.values()], now=utcnow())
        within = {key: offer for key, offer in wanted.items() if self._takes(offer, known.get(key))}
        known = {key: row for key, row in known.items() if key in within}
        fresh = [offer for key, offer in within.items() if key not in known]
        changed = [news for key, row in known.items() if (news := self._news(row, within[key])).what]
        self._write(changed)
        added = [] if self.prices_only else self._add(fresh)
        self._count(offers, known, changed, fresh)
        if skipped := len(wanted) - len(within):
            self.counts["skipped"] += skipped
        self._products([*changed, *added])

    def touch(self, external_ids: Collection[str]) -> None:
        """They are there, whatever else is or isn't known of them: not gone."""
        if seen := self._rows(external_ids):
            _seen.run(ids=[row.id for row in seen.values()], now=utcnow())

    def missed(self, broken: Sequence[tuple[str, str]]) -> None:
        """Offers that could not be read."""
        self._leave_out(broken)
        self.counts["seen"] += len(broken)
        self.touch([key for key, _ in broken])

    def note_categories(self, offers: Sequence[ProductData]) -> None:
        """Keep what categories there are, for staff to choose from."""
        if new := sorted({offer.category[:300] for offer in offers if offer.category} - self.paths):
            self.paths |= set(new)
            add_rows(
                OfferCategory, [{"connection_id": self.connection_id, "path": path} for path in new], _unless_there
            )

    def _takes(self, offer: ProductData, row: Any) -> bool:
        """Prices alone come without categories: what is kept of the offer says which it has."""
        return self.rule.takes((row.category if row else "") if self.prices_only else offer.category[:300])

    def _rows(self, external_ids: Collection[str]) -> dict[str, Any]:
        ids = list(external_ids)
        return {r.external_id: r for r in _known.rows(connection=self.connection_id, ids=ids)} if ids else {}

    def _count(
        self, offers: Sequence[ProductData], known: Collection[Any], changed: Collection[Any], fresh: Collection[Any]
    ) -> None:
        self._leave_out([(key, TWICE) for key, n in Counter(o.external_id for o in offers).items() if n > 1])
        self.counts["seen"] += len(offers)
        self.counts["changed"] += len(changed)
        self.counts["unchanged"] += len(known) - len(changed)
        self.counts["skipped" if self.prices_only else "new"] += len(fresh)

    def _leave_out(self, notes: Sequence[tuple[str, str]]) -> None:
        self.left_out += notes
        self.counts["failed"] += len(notes)

    def _alone(self) -> None:
        """One batch of a connection at a time: two runs would wait for each other's rows in turns."""
        db.session.execute(db.select(Connection.id).where(Connection.id == self.connection_id).with_for_update())

    def _add(self, offers: Sequence[ProductData]) -> list[News]:
        if not offers:
            return []
        head = {"connection_id": self.connection_id, "seen_at": utcnow()}
        told = {offer.external_id: _told(offer) for offer in offers}
        add_rows(Offer, [{**head, **_row(offer), **told[offer.external_id]} for offer in offers], _unless_there)
        ids = {key: row.id for key, row in self._rows(told).items()}
        return [News(ids[o.external_id], None, o, told[o.external_id], frozenset()) for o in offers]

    def _write(self, changed: Sequence[News]) -> None:
        update_rows(
            Offer,
            [
                {"id": n.id, **n.told, "gone_at": None, **({} if self.prices_only else _row(n.offer))}
                for n in sorted(changed, key=lambda n: n.id)
            ],
        )

    def _news(self, row: Any, offer: ProductData) -> News:
        told = _told(offer)
        if self.prices_only:  # such a reading need not tell the currency
            told["currency"] = row.currency
        found = {"price"} if any(getattr(row, name) != told[name] for name in PRICE) else set()
        if any(getattr(row, name) != told[name] for name in STOCK):
            found.add("stock")
        if row.gone_at is not None:
            found |= {"back", "stock"}
        if not self.prices_only and row.fingerprint != fingerprint(offer):
            found.add("rest")
        return News(row.id, row.product_id, offer, told, frozenset(found))

    def _products(self, news: Sequence[News]) -> None:
        """Match what has no product, make what may be made, and let products follow what has changed."""
        without = [] if self.prices_only else [n.id for n in news if n.product_id is None]
        what = {n.id: n.what for n in news if n.product_id is not None}
        found: dict[int, Any] = {}
        if without:
            matching.fill(self.rule, without)
            found = {row.id: row for row in _ours.rows(ids=without)}
            what |= dict.fromkeys(found, ALL)
            self._make(without)
        followed = follow(self.rule, [replace(n, what=what[n.id]) for n in news if what.get(n.id)], self.categories)
        self._tell(found, {change.product_id: change for change in followed})

    def _make(self, offer_ids: Sequence[int]) -> None:
        done = making.make(self.connection_id, self.rule, offer_ids, self.categories)
        self.counts["made"] += done.made
        self.changes += [made(identity, offer) for identity, offer in done.products]
        self._leave_out(done.left_out)

    def _tell(self, found: Mapping[int, Any], followed: dict[int | None, Change]) -> None:
        """Products that were found for an offer are told as such, with what they took over at once."""
        for row in found.values():
            same = followed.pop(row.product_id, None)
            changes = same.changes if same else {}
            self.changes.append(Change("found", row.product_id, row.external_id, row.name, changes))
        self.changes += followed.values()
        for kind, n in (("found", len(found)), ("updated", len(followed))):
            if n:
                self.counts[kind] += n


def fingerprint(offer: ProductData) -> str:
    """Of everything but price and stock."""
    told = (
        offer.sku, offer.own_id, offer.barcode, offer.name, offer.category, offer.url, list(offer.pictures),
        offer.group, sorted(offer.options.items()), offer.brand, offer.description, offer.weight, offer.length,
        offer.width, offer.height,
    )  # fmt: skip
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()


def _told(offer: ProductData) -> dict[str, Any]:
    """As the columns keep it: what they would round must not be news each time."""
    return {
        "price": offer.price.quantize(CENT),
        "old_price": None if offer.old_price is None else offer.old_price.quantize(CENT),
        "currency": offer.currency[:3] or "UAH",
        "quantity": None if offer.quantity is None else offer.quantity.quantize(THOUSANDTH),
        "available": offer.available,
    }


def _row(offer: ProductData) -> dict[str, Any]:
    other = {name: value for name in _OTHER if (value := getattr(offer, name))}
    return {
        "external_id": offer.external_id,
        "own_id": offer.own_id[:100],
        "sku": offer.sku[:100],
        "barcode": offer.barcode[:64],
        "name": offer.name[:300],
        "category": offer.category[:300],
        "url": offer.url[:500],
        "pictures": list(offer.pictures),
        "group": offer.group[:64],
        "more": {**other, "options": dict(offer.options)} if offer.options else other,
        "fingerprint": fingerprint(offer),
    }


def _unless_there(query: Any) -> Any:
    return query.on_conflict_do_nothing()
