"""Which systems take statuses: orders/work.py has to know, and may not know the connectors."""

from __future__ import annotations

from functools import lru_cache

from flask import Flask

from integrations import connectors
from integrations.base import WritesStatuses


def init_app(app: Flask) -> None:
    app.extensions["told_kinds"] = told_kinds


@lru_cache(maxsize=1)
def told_kinds() -> list[str]:
    """The kinds of systems that take the status of an order in a call of its own."""
    return [key for key, cls in connectors().items() if cls.can(WritesStatuses)]
