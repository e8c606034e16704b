"""The few ways a call to a vendor can fail. Connectors raise these; the jobs alone decide what follows.

Each carries a `fault`, one of the classes below, for which the hub knows in plain words what to do, and a
`detail`, the vendor's own words (never translated, never with a secret in it).
"""

from __future__ import annotations

#: fault class -> outcome
FAULTS = {
    "credentials": "refused",  # key wrong, expired or without the right
    "validation": "refused",  # the vendor read the order and says what is wrong with it
    "duplicate": "unknown",  # the vendor says it has it already: look it up, then link
    "not_found": "refused",  # the copy we hold a link to is gone
    "misconfigured": "refused",  # our settings can't work: address, shop code…
    "blocked": "refused",  # a private address that the hub won't call
    "rate_limited": "later",
    "unavailable": "later",  # 5xx before anything can have been stored, or the vendor says so
    "unreachable": "later",  # no connection was made: nothing can have arrived
    "timeout": "unknown",  # sent, no answer
    "broken": "unknown",  # an answer that can't be read
}


class VendorError(Exception):
    """Base of the three below."""

    outcome = "refused"

    def __init__(self, fault: str, detail: str = "", field: str = "") -> None:
        if FAULTS[fault] != self.outcome:
            raise ValueError(f"{fault} is {FAULTS[fault]}, not {self.outcome}")
        super().__init__(f"{fault}: {detail}")
        self.fault = fault
        self.detail = detail
        self.field = field


class Refused(VendorError):
    """The vendor (or our own guard) said no. Repeating won't help; staff must change something."""


class Later(VendorError):
    """Certainly nothing was stored; try again, after `retry_after` seconds where the vendor says so."""

    outcome = "later"

    def __init__(self, fault: str, detail: str = "", retry_after: float | None = None) -> None:
        super().__init__(fault, detail)
        self.retry_after = retry_after


class Unknown(VendorError):
    """It may have been stored. Look before sending again."""

    outcome = "unknown"


def failure(fault: str, detail: str = "", field: str = "", retry_after: float | None = None) -> VendorError:
    """The error of this fault, of whichever class its outcome asks for."""
    outcome = FAULTS[fault]
    if outcome == "later":
        return Later(fault, detail, retry_after)
    return Refused(fault, detail, field) if outcome == "refused" else Unknown(fault, detail, field)
