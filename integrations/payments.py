"""What payment services have alike: amounts as they sign them, states from tables, notices checked. Pure."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from .errors import Refused


def number(amount: Decimal) -> int | float:
    """The amount as a JSON number whose text, str(number), is what is signed: 1000, 10.5, 1547.36."""
    return int(amount) if amount == int(amount) else float(amount)


def standing(states: Mapping[str, str], raw: str, amount: Decimal, refunded: Decimal) -> str:
    """Our state for the vendor's word; what is paid is refunded once all of it was given back."""
    state = states.get(raw.lower(), "pending")
    if state in ("paid", "refunded") and refunded:
        return "refunded" if refunded >= amount else "paid"
    return state


def checked(given: Any, right: str) -> None:
    """Raises Refused("credentials") unless the signature is right; takes as long whatever is wrong with it."""
    if not hmac.compare_digest(str(given or "").encode(), right.encode()):
        raise Refused("credentials", "the signature is wrong")


def read_json(text: bytes | str, **how: Any) -> dict[str, Any]:
    """The object that was posted. Raises Refused("validation")."""
    try:
        found = json.loads(text, **how)
    except (ValueError, RecursionError):  # UnicodeDecodeError too
        found = None
    if not isinstance(found, dict):
        raise Refused("validation", "not a JSON object")
    return found
