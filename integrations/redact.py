"""Hides secrets in whatever is recorded of an exchange."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

HIDDEN = "[hidden]"
#: names that hold secrets at any vendor, in a query, a form or JSON
_NAMES = r"api_?key|access_?token|refresh_?token|token|password|passwd|secret|client_secret|authorization|signature"
#: without one of these no name above can be there: spares a batch of orders two slow searches
_SIGNS = ("key", "token", "passw", "secret", "authorization", "signature")
_IN_JSON = re.compile(rf'("(?:{_NAMES})"\s*:\s*)"[^"]*"', re.IGNORECASE)
_IN_FORM = re.compile(rf"((?:^|[?&\s])(?:{_NAMES})=)[^&\s]+", re.IGNORECASE)


class Redactor:
    """Replaces the known secrets of a connection, in each form they may travel in, and anything named like one."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {
            form
            for s in secrets
            if len(s) >= 4
            for form in (s, quote(s, safe=""), quote_plus(s), s.replace('"', '\\"'))
        }
        # longest first: a secret that contains another is hidden whole
        self._known = re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True)))) if forms else None

    def __call__(self, text: str) -> str:
        if self._known:
            text = self._known.sub(HIDDEN, text)
        lower = text.lower()
        if not any(sign in lower for sign in _SIGNS):
            return text
        text = _IN_JSON.sub(rf'\1"{HIDDEN}"', text)
        return _IN_FORM.sub(rf"\1{HIDDEN}", text)
