"""The log of calls that belong to no transfer: pulls and statuses read back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from integrations.errors import VendorError
from models import Attempt, db, utcnow

#: exchanges kept of one run
KEPT = 20


def record(
    connection_id: int, verb: str, exchanges: Sequence[dict[str, Any]], error: VendorError | None = None
) -> None:
    """Keep the exchanges of a run that brought something or failed; commits."""
    values = {
        "connection_id": connection_id,
        "verb": verb,
        "exchanges": list(exchanges)[-KEPT:],
        "started_at": utcnow(),
    }
    values |= {"ms": sum(e.get("ms", 0) for e in exchanges), "outcome": error.outcome if error else "done"}
    if error:
        values |= {"fault": error.fault, "detail": error.detail[:2000]}
    db.session.execute(db.insert(Attempt).values(values))
    db.session.commit()
