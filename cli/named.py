"""How commands find a connection: by its name or its id. No command itself."""

from __future__ import annotations

import click

from jobs import connections
from models import Connection


def connection_named(text: str) -> Connection:
    """Raises ClickException, which ends the command with status 1 and the message on stderr."""
    rows = connections.active()
    found = [row for row in rows if row.name == text] or [row for row in rows if str(row.id) == text]
    if not found:
        known = ", ".join(row.name for row in rows) or "none yet"
        raise click.ClickException(f"there is no connection {text!r}; there are: {known}")
    return found[0]
