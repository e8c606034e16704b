"""Sessions in signed cookies, as Flask keeps them. A browser sends the same cookie with each request: its signature is
looked at once, and what it says kept."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime
from functools import lru_cache
from time import time
from typing import Any

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import SignatureExpired

#: cookies of a process, each some hundred bytes
KEPT = 1000


class Sessions(SecureCookieSessionInterface):
    def __init__(self) -> None:
        self._serializers: dict[Flask, Any] = {}

    def get_signing_serializer(self, app: Flask) -> Any:
        if app not in self._serializers:
            self._serializers[app] = _Opened(super().get_signing_serializer(app))
        return self._serializers[app]


class _Opened:
    """A serializer that remembers the cookies it has opened."""

    def __init__(self, serializer: Any) -> None:
        self.dumps = serializer.dumps

        @lru_cache(maxsize=KEPT)
        def opened(cookie: str) -> tuple[Any, datetime]:
            said: tuple[Any, datetime] = serializer.loads(cookie, return_timestamp=True)
            return said

        self._opened = opened

    def loads(self, cookie: str, max_age: int) -> Any:
        """What the cookie says, for the caller to change. Raises BadSignature for one that isn't ours or is older than
        `max_age` seconds."""
        said, signed_at = self._opened(cookie)
        age = int(time()) - int(signed_at.timestamp())
        if not 0 <= age <= max_age:
            raise SignatureExpired(f"signed {age} seconds ago", payload=said, date_signed=signed_at)
        return deepcopy(said)
