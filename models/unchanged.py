"""What was read from the database, kept as long as nobody has committed anything since.

Each database says for next to nothing whether it shows what it showed before: SQLite by the number of changes that
others made (`PRAGMA data_version`) and of our own, PostgreSQL by its snapshot, which is another one after each commit.
So nothing kept is ever out of date, not by a moment, and nobody has to be told that something changed. It pays for what
every page shows, of everybody: many open lists ask for the same at once, whenever there is news.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from sqlalchemy import Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import TypeEngine

from .base import db, reading
from .prepared import connected

T = TypeVar("T")
#: for each connection to the database
KEPT = 100


class Shown(ColumnElement[str]):
    """A column that says what the database shows, where it is a matter of asking along; else NULL."""

    inherit_cache = True
    type: TypeEngine[str] = Text()


@compiles(Shown)
def _shown_by_sqlite(_element: Shown, _compiler: Any, **_kw: Any) -> str:
    return "NULL"


@compiles(Shown, "postgresql")
def _shown_by_postgres(_element: Shown, _compiler: Any, **_kw: Any) -> str:
    return "CAST(pg_current_snapshot() AS TEXT)"


def note_shown(shown: str | None) -> None:
    """From now on in this request, which only reads, `unchanged` keeps things. `shown`: what the column Shown said in
    its first query."""
    if not reading.get():
        return
    connection = connected()
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.dbapi_connection
        (others,) = driver.execute("PRAGMA data_version").fetchone()
        shown = f"{others} {driver.total_changes}"
    db.session().info["shown"] = (connection, shown)


def unchanged(key: Hashable, read: Callable[[], T], first: bool = False) -> T:
    """What `read` gives: called anew if anything was committed since it was, over the same connection. Its answer is
    shared, so nobody changes it. `first`: nothing that this request looks at may be older than this, so once it has to
    be read, all is."""
    connection, shown = db.session().info.get("shown", (None, None))
    if shown is None or connection is not connected():  # another transaction than that of the first query
        return read()
    kept: dict[Hashable, tuple[str, Any]] = connection.info.setdefault("unchanged", {})
    known = kept.get(key)
    if known is None or known[0] != shown:
        if len(kept) >= KEPT:
            kept.clear()
        # what is read later than `shown` was may be newer: then nobody will ever see that snapshot again
        known = kept[key] = (shown, read())
        if first:
            del db.session().info["shown"]
    found: T = known[1]
    return found
