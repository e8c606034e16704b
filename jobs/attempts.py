"""The log of calls that belong to no transfer: pulls and statuses read back."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from integrations.errors import VendorError
from models import Attempt, db, utcnow

#: exchanges kept of one run
KEPT = 20
#: letters of an answer that the log of a long reading keeps: what came is kept elsewhere
BEGINNING = 3000


@dataclass
class Log:
    """The exchanges of a reading that may take thousands of calls, as far as they are kept: its memory stays the same
    however long it is."""

    kept: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT))
    ms: int = 0

    def add(self, exchanges: Sequence[dict[str, Any]]) -> None:
        self.ms += sum(e.get("ms", 0) for e in exchanges)
        self.kept += [{**e, "response": (e.get("response") or "")[:BEGINNING]} for e in exchanges[-KEPT:]]

    def record(self, connection_id: int, verb: str, error: VendorError | None = None) -> None:
        """As the function below; commits."""
        record(connection_id, verb, self.kept, error, self.ms)


def record(
    connection_id: int,
    verb: str,
    exchanges: Sequence[dict[str, Any]],
    error: VendorError | None = None,
    ms: int | None = None,
) -> None:
    """Keep the exchanges of a run that brought something or failed; commits. `ms`: milliseconds of all of them, where
    these are only the last."""
    values = {
        "connection_id": connection_id,
        "verb": verb,
        "exchanges": list(exchanges)[-KEPT:],
        "started_at": utcnow(),
    }
    values["ms"] = sum(e.get("ms", 0) for e in exchanges) if ms is None else ms
    values["outcome"] = error.outcome if error else "done"
    if error:
        values |= {"fault": error.fault, "detail": error.detail[:2000]}
    db.session.execute(db.insert(Attempt).values(values))
    db.session.commit()
