"""The intake API, /api/v1: for the shop's own site and other programs. See docs/api.md."""

from . import description, orders, products
from .blueprint import bp

__all__ = ["bp", "description", "orders", "products"]
