""" "Buy" links: an address of a shop and a product that makes a pre-order for whoever opens it."""

from __future__ import annotations

import secrets
from decimal import Decimal

from models import OrderLink, Product, Shop, db

from . import order_links, preorders
from .timeline import Actor


def switch(shop: Shop, on: bool) -> None:
    """Give the shop its links, or take them away: those that were published before don't come back."""
    shop.buy_key = (shop.buy_key or secrets.token_urlsafe(9)) if on else None


def find(key: str, sku: str) -> tuple[Shop, Product] | None:
    """What a link offers. None: no such shop or product, or it isn't sold any more."""
    shop = db.session.scalar(db.select(Shop).where(Shop.buy_key == key, Shop.active))
    product = db.session.scalar(db.select(Product).where(Product.sku == sku, Product.active))
    return (shop, product) if shop is not None and product is not None and product.price > 0 else None


def begin(shop: Shop, product: Product, number: str) -> OrderLink:
    """The pre-order and its link, in the caller's transaction. Raises editing.Invalid."""
    wanted = [preorders.Wanted(product, Decimal(1))]
    return preorders.create(wanted, shop, number, Actor("customer"))


def open_link(link_id: int | None) -> OrderLink | None:
    """A link that was given out before, while it still opens its form."""
    link = db.session.get(OrderLink, link_id) if link_id else None
    return link if link is not None and order_links.state(link) == "open" else None
