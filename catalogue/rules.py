"""The rule of a connection: how its offers find our products, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from models import FOLLOWED, GONE_OFFERS, MATCH_BY, NEW_OFFERS, CatalogueRule, db


@dataclass(frozen=True)
class Rule:
    """See models/catalogue.py for the values. `match` () = offers only become products of their own."""

    match: tuple[str, ...] = ("sku",)
    new: str = "create"
    gone: str = "nothing"
    follow: tuple[str, ...] = ("price", "stock")

    @classmethod
    def checked(cls, match: Iterable[str], new: str, gone: str, follow: Iterable[str]) -> Rule:
        """What a form has sent; whatever isn't offered is left out."""
        plain = cls()
        return cls(
            tuple(dict.fromkeys(key for key in match if key in MATCH_BY)),
            new if new in NEW_OFFERS else plain.new,
            gone if gone in GONE_OFFERS else plain.gone,
            tuple(key for key in FOLLOWED if key in set(follow)),
        )


def of(connection_id: int) -> Rule:
    row = db.session.get(CatalogueRule, connection_id, populate_existing=True)
    return Rule.checked(row.match, row.new, row.gone, row.follow) if row else Rule()


def save(connection_id: int, rule: Rule) -> None:
    """In the caller's transaction."""
    row = db.session.get(CatalogueRule, connection_id) or CatalogueRule(connection_id=connection_id)
    row.match, row.new, row.gone, row.follow = list(rule.match), rule.new, rule.gone, list(rule.follow)
    db.session.add(row)
