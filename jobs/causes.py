"""What failed alike, failed for the same cause: how the words of a failure are compared."""

from __future__ import annotations

import re

_QUOTED = re.compile(r"\"[^\"]{1,80}\"|'[^']{1,80}'|«[^»]{1,80}»|“[^”]{1,80}”")
_DIGITS = re.compile(r"[+#№]?\d[\d\s.,:/-]*")


def normal(detail: str) -> str:
    """The vendor's words without what differs from order to order: numbers and what stands in quotes.

    >>> normal('Order "A-17": phone +380 50 111 is wrong')
    'order *: phone * is wrong'
    """
    text = _QUOTED.sub("*", detail[:600])
    return " ".join(_DIGITS.sub("* ", text).lower().split())[:160]
