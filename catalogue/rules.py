"""The rule of a connection: how its offers find our products, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from models import FOLLOWED, GONE_OFFERS, MATCH_BY, NEW_OFFERS, CatalogueRule, db

from .categories import BETWEEN


@dataclass(frozen=True)
class Rule:
    """See models/catalogue.py for the values. `match` () = offers only become products of their own; `follow` () =
    products that are there aren't updated; `categories` () = all."""

    match: tuple[str, ...] = ("sku",)
    new: str = "create"
    gone: str = "nothing"
    follow: tuple[str, ...] = ("price", "stock")
    categories: tuple[str, ...] = ()
    sort: bool = True

    @classmethod
    def checked(
        cls, match: Iterable[str], new: str, gone: str, follow: Iterable[str], categories: Iterable[str] = (),
        sort: bool = True,
    ) -> Rule:  # fmt: skip
        """What a form has sent; whatever isn't offered is left out."""
        plain, wanted = cls(), set(follow)
        return cls(
            tuple(dict.fromkeys(key for key in match if key in MATCH_BY)),
            new if new in NEW_OFFERS else plain.new,
            gone if gone in GONE_OFFERS else plain.gone,
            tuple(key for key in FOLLOWED if key in wanted),
            tuple(sorted({path for path in categories if path})),
            bool(sort),
        )

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Rule:
        """Of what `as_json` gave."""
        return cls.checked(**kept)

    def as_json(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def takes(self, category: str) -> bool:
        """Is an offer with this path among those that were chosen?"""
        chosen = self.categories
        return not chosen or any(category == one or category.startswith(one + BETWEEN) for one in chosen)

    def taking(self, category: Any) -> list[Any]:
        """The same as conditions over a category. LIKE would not tell a from A everywhere."""
        below = [one + BETWEEN for one in self.categories]
        begins = [db.func.substr(category, 1, len(one)) == one for one in below]
        return [db.or_(category.in_(self.categories), *begins)] if below else []


def of(connection_id: int) -> Rule:
    row = db.session.get(CatalogueRule, connection_id, populate_existing=True)
    if row is None:
        return Rule()
    return Rule.checked(row.match, row.new, row.gone, row.follow, row.categories, row.sort)


def save(connection_id: int, rule: Rule) -> None:
    """In the caller's transaction."""
    row = db.session.get(CatalogueRule, connection_id) or CatalogueRule(connection_id=connection_id)
    for name, value in rule.as_json().items():
        setattr(row, name, value)
    db.session.add(row)
