"""The filters of the catalogue page: read from the address, written back to it, turned into conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import String

from models import Offer, Product, db
from orders import asked, search

from . import categories

STOCKS = ("in", "none", "uncounted")
SHOWN = ("hidden", "all")
MARKS = ("no_pictures", "unmatched")


@dataclass(frozen=True)
class ProductFilter:
    """What the page shows. Every field has its name in the address; the default is all that isn't hidden."""

    q: str = ""
    category: int | None = None  # 0 = without one
    stock: str = ""  # see STOCKS
    shown: str = ""  # see SHOWN
    mark: str = ""  # see MARKS
    connection: int | None = None  # sold there
    variants_of: int | None = None

    @classmethod
    def read(cls, args: Mapping[str, str]) -> ProductFilter:
        """From the address. What can't be read is left out: an old or mistyped link still gives a page."""
        given = {key: value.replace("\0", "").strip() for key, value in args.items()}
        return cls(
            q=given.get("q", "")[:200],
            category=asked.number(given.get("category")),
            stock=asked.one_of(given.get("stock"), STOCKS),
            shown=asked.one_of(given.get("shown"), SHOWN),
            mark=asked.one_of(given.get("mark"), MARKS),
            connection=asked.number(given.get("connection")),
            variants_of=asked.number(given.get("variants_of")),
        )

    def query(self, **changes: Any) -> str:
        """The address' query for this filter with some fields changed, without the defaults."""
        f = replace(self, **changes)
        pairs = {name: getattr(f, name) for name in self.__dataclass_fields__}
        return urlencode({name: value for name, value in pairs.items() if value not in (None, "")})

    @property
    def is_default(self) -> bool:
        return self == ProductFilter()

    @property
    def words(self) -> list[str]:
        """What is searched for. Not as orders do it: a SKU of digits and dashes is no phone."""
        return search.normal(self.q).split()[:6]

    def conditions(self) -> list[Any]:
        """SQL conditions, all but the search."""
        found: list[Any] = []
        if self.shown != "all":
            found.append(Product.active if self.shown == "" else ~Product.active)
        if self.category is not None:
            ids = categories.below(self.category) if self.category else []
            found.append(Product.category_id.in_(ids) if ids else Product.category_id.is_(None))
        if self.stock:
            found.append(_STOCKS[self.stock])
        if self.mark == "no_pictures":
            found.append(db.cast(Product.pictures, String) == "[]")
        offers = db.select(Offer.id).where(Offer.product_id == Product.id)
        if self.mark == "unmatched":
            found.append(~offers.exists())
        if self.connection is not None:
            # "+ 0" keeps SQLite from going through all offers of the connection for each product
            found.append(offers.where(Offer.connection_id + 0 == self.connection, Offer.gone_at.is_(None)).exists())
        if self.variants_of is not None:
            found.append(db.or_(Product.id == self.variants_of, Product.variant_of == self.variants_of))
        return found


_STOCKS = {"in": Product.stock > 0, "none": Product.stock <= 0, "uncounted": Product.stock.is_(None)}
