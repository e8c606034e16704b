"""What payment services have alike: the connector's base, amounts as they sign them, states from tables, notices
checked, a sum spread over lines."""

from __future__ import annotations

import hmac
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from .errors import Refused
from .rest import RestConnector
from .types import Notice, PaymentState, RefundAsked, Reply, TestResult
from .values import text

#: no shop has a payment of this name: asking for it shows whether the keys are right
NOBODY = "perron-connection-test"


class PaymentService(RestConnector, ABC):
    """Base of a payment service: gives `start_payment`, `read_payment`, `refund_payment`, `notices`."""

    @abstractmethod
    def read_payment(self, external_id: str, reference: str) -> PaymentState: ...

    @abstractmethod
    def refund_payment(self, asked: RefundAsked) -> None: ...

    def test(self) -> TestResult:
        self._known("", NOBODY)
        return TestResult(ok=True)

    def cancel_payment(self, external_id: str, reference: str) -> None:
        """Lets go of money that is held. A page that nobody has paid on is closed where the service can close it."""
        found = self._known(external_id, reference)
        if found is not None and found.state == "waiting":
            self.release(found, external_id, reference)
        elif found is not None and found.state == "pending":
            self.close_page(reference)

    def release(self, held: PaymentState, external_id: str, reference: str) -> None:
        """Held money goes back as paid money does, unless the service has another way."""
        asked = RefundAsked(external_id, reference, held.amount, held.currency, reference, held.amount)
        self.refund_payment(asked)

    def close_page(self, reference: str) -> None:
        """Most services can't: their pages close by themselves."""

    def answer(self, notices: Sequence[Notice]) -> Reply:
        return Reply()

    def _known(self, external_id: str, reference: str) -> PaymentState | None:
        """How it stands; None where nobody has begun to pay."""
        try:
            return self.read_payment(external_id, reference)
        except Refused as refusal:
            if refusal.fault != "not_found":
                raise
        return None


def number(amount: Decimal) -> int | float:
    """The amount as a JSON number whose text, str(number), is what is signed: 1000, 10.5, 1547.36."""
    return int(amount) if amount == int(amount) else float(amount)


def standing(states: Mapping[str, str], raw: str, amount: Decimal, refunded: Decimal) -> str:
    """Our state for the vendor's word; what is paid is refunded once all of it was given back."""
    state = states.get(raw.lower(), "pending")
    if state in ("paid", "refunded") and refunded:
        return "refunded" if refunded >= amount else "paid"
    return state


def since_1970(value: Any, a_second: int = 1) -> datetime | None:
    """A time counted from 1970 in seconds, or in `a_second`ths of one; None when it can't be one."""
    given = text(value)
    return (
        datetime.fromtimestamp(int(given) / a_second, UTC)
        if given.isdecimal() and len(given) < 12 + len(str(a_second))
        else None
    )


def spread(amount: int, weights: Sequence[Decimal]) -> list[int]:
    """A sum in kopecks, parted in proportion to `weights` (none below zero) so that the parts add up to it: what
    rounding leaves goes, a kopeck each, to those that lost most. All nought without any weight."""
    total = sum(weights, Decimal(0))
    if not total:
        return [0] * len(weights)
    parts = [divmod(amount * weight, total) for weight in weights]
    found = [int(whole) for whole, _ in parts]
    left = amount - sum(found)
    for at in sorted(range(len(parts)), key=lambda i: parts[i][1], reverse=True)[:left]:
        found[at] += 1
    return found


def checked(given: Any, right: str) -> None:
    """Raises Refused("credentials") unless the signature is right; takes as long whatever is wrong with it."""
    if not hmac.compare_digest(str(given or "").encode(), right.encode()):
        raise Refused("credentials", "the signature is wrong")


def posted(event_id: str, mine: bool, reference: str, body: Mapping[str, Any]) -> list[Notice]:
    """The notice about the payment `reference`, if it names one. Raises Refused unless it is for our account."""
    if not mine:
        raise Refused("credentials", "a notice for another shop")
    return [Notice("payment", event_id, "", reference, dict(body))] if reference else []
