"""Queries made once and asked often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.sql import Executable

from models import db


class Prepared:
    """A query of columns (no mapped objects) with named parameters. Making it anew each time, with SQLAlchemy's key to
    its compiled form, takes several times as long as the database takes to answer."""

    __slots__ = ("query",)

    def __init__(self, query: Executable) -> None:
        self.query = query

    def rows(self, **parameters: Any) -> Sequence[Any]:
        """Its rows, in the transaction of the session; what the session has not flushed is not seen."""
        return db.session.connection().execute(self.query, parameters).all()
