"""Offers as they were last read, and what becomes of the products that they are. All in the caller's transaction."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from catalogue import making, matching, rules
from catalogue.categories import Known
from catalogue.rules import Rule
from integrations.text import N_
from integrations.types import ProductData
from models import Connection, Offer, Prepared, Product, add_rows, among, db, update_rows, utcnow
from orders import creation, stock

#: offers in one transaction
BATCH = 500
TWICE = N_("another offer has the same id")
ZERO, CENT, THOUSANDTH = Decimal(0), Decimal("0.01"), Decimal("0.001")
#: what is told by every reading, those of prices alone too
PRICE = ("price", "old_price", "currency")
STOCK = ("quantity", "available")
_OTHER = ("brand", "description", "weight", "length", "width", "height")
_COLUMNS = (Offer.id, Offer.external_id, Offer.product_id, Offer.fingerprint, Offer.gone_at,
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
_products_of = Prepared(
    db.select(Offer.id, Offer.product_id, Product.sku)
    .join(Product, Product.id == Offer.product_id)
    .where(among(Offer.id, "ids"))
)


def rule_of(connection: Connection) -> Rule:
    """The connection's rule. A system that we tell our stock says nothing about it: it would only repeat us."""
    rule = rules.of(connection.id)
    if not (connection.settings or {}).get(stock.TELL):
        return rule
    gone = "nothing" if rule.gone == "none_left" else rule.gone
    return replace(rule, gone=gone, follow=tuple(what for what in rule.follow if what != "stock"))


@dataclass(frozen=True)
class News:
    """An offer that is new or differs from what is kept. `what`: price, stock, names (whatever else); back: it was
    gone. `told`: its columns of price and stock."""

    id: int
    product_id: int | None
    offer: ProductData
    told: Mapping[str, Any]
    what: frozenset[str]


@dataclass
class Reading:
    """One reading of a connection's catalogue. `counts` as a run tells them; `left_out`: (id, why)."""

    connection_id: int
    rule: Rule
    prices_only: bool = False
    categories: Known = field(default_factory=Known)
    counts: Counter[str] = field(default_factory=Counter)
    left_out: list[tuple[str, str]] = field(default_factory=list)

    def take(self, offers: Sequence[ProductData]) -> None:
        """A batch of what was read; the caller commits."""
        self._alone()
        wanted = {offer.external_id: offer for offer in offers}
        known = self._rows(wanted)
        fresh = [offer for key, offer in wanted.items() if key not in known]
        changed = [news for key, row in known.items() if (news := self._news(row, wanted[key])).what]
        if known:
            _seen.run(ids=[row.id for row in known.values()], now=utcnow())
        self._write(changed)
        added = [] if self.prices_only else self._add(fresh)
        self._count(offers, known, changed, fresh)
        self._products([*changed, *added])

    def missed(self, broken: Sequence[tuple[str, str]]) -> None:
        """Offers that could not be read. They are there all the same: not gone."""
        self._leave_out(broken)
        self.counts["seen"] += len(broken)
        if seen := self._rows([key for key, _ in broken]):
            _seen.run(ids=[row.id for row in seen.values()], now=utcnow())

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
            found.add("names")
        return News(row.id, row.product_id, offer, told, frozenset(found))

    def _products(self, news: Sequence[News]) -> None:
        """Match what has no product, make what may be made, and let products follow what has changed."""
        without = [] if self.prices_only else [n for n in news if n.product_id is None]
        what = {n.id: n.what for n in news if n.product_id is not None}
        if without:
            ids = [n.id for n in without]
            matching.fill(self.rule, ids)
            what |= dict.fromkeys((row.id for row in _products_of.rows(ids=ids)), frozenset(self.rule.follow))
            done = making.make(self.connection_id, self.rule, ids, self.categories)
            self.counts["made"] += done.made
            self._leave_out(done.left_out)
        follow(self.rule, [replace(n, what=what[n.id]) for n in news if what.get(n.id)])


def follow(rule: Rule, news: Sequence[News]) -> None:
    """Let the products of these offers have what the rule lets them follow."""
    now = utcnow()
    rows: dict[str, dict[int, dict[str, Any]]] = {"price": {}, "stock": {}, "names": {}, "back": {}}
    followed = {*rule.follow, *(("back",) if rule.gone == "hide" else ())}
    by_id = {n.id: n for n in news}
    for row in _products_of.rows(ids=list(by_id)) if by_id else ():
        found = by_id[row.id]
        for what in found.what & followed:
            values = _values(what, found, row.sku)
            rows[what][row.product_id] = {"id": row.product_id, "updated_at": now, **values}
    for changed in rows.values():
        update_rows(Product, [changed[key] for key in sorted(changed)])
    stock.changed(sorted(rows["stock"]))


def _values(what: str, news: News, sku: str) -> dict[str, Any]:
    told, name = news.told, news.offer.name[:300]
    if what == "price":
        return {column: told[column] for column in PRICE}
    if what == "stock":
        return {"stock": stock_of(told["quantity"], told["available"])}
    if what == "names":
        return {"name": name, "search_text": creation.product_text(sku, name)}
    return {"active": True}


def stock_of(quantity: Decimal | None, available: bool) -> Decimal | None:
    """What a product has of it; None = not counted. Systems that tell no quantity say at least when there is none."""
    return quantity if quantity is not None else (None if available else ZERO)


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


def mark_gone(connection_id: int, rule: Rule, before: datetime) -> int:
    """After a complete reading that began then: what it has not brought is gone. How many are."""
    now = utcnow()
    missing = (Offer.connection_id == connection_id, Offer.seen_at < before, Offer.gone_at.is_(None))
    quiet: dict[str, Any] = {"execution_options": {"synchronize_session": False}}
    done: Any = db.session.execute(db.update(Offer).where(*missing).values(gone_at=now), **quiet)
    if rule.gone != "nothing" and done.rowcount:
        there = db.select(Offer.id).where(Offer.product_id == Product.id, Offer.gone_at.is_(None))
        gone = db.select(Offer.product_id).where(Offer.connection_id == connection_id, Offer.gone_at == now)
        values: dict[str, Any] = {"stock": ZERO} if rule.gone == "none_left" else {"active": False}
        query = db.update(Product).where(Product.id.in_(gone.where(Offer.product_id.is_not(None))), ~there.exists())
        ids = db.session.scalars(query.values(**values, updated_at=now).returning(Product.id), **quiet).all()
        stock.changed(sorted(ids) if "stock" in values else ())
    return int(done.rowcount)
