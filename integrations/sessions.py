"""The base of connectors whose vendor gives a token for a login, and takes it back after a while.

The token lives as long as the connector, which is one job: logging in costs a call a job, and no token has to be kept,
guarded and thrown away between jobs. The threads of a job share it: one logs in, the others wait for what it gets.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from .base import Account
from .errors import Refused
from .http import HttpClient
from .rest import RestConnector


class Lapsed(Refused):
    """The vendor takes the token no more: a new login may mend it. Nothing was carried out."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("credentials", detail)


class SessionConnector(RestConnector):
    """A vendor's `_judge` raises Lapsed; the call is then made once more with a new token, if there is one."""

    def __init__(self, account: Account, http: HttpClient) -> None:
        super().__init__(account, http)
        self._token = ""
        self._logging_in = threading.Lock()

    def log_in(self) -> str:
        """A token, got by `open_call`; the one at hand where none can be got. Raises VendorError."""
        raise NotImplementedError

    def open_call(self, method: str, path: str, **kwargs: Any) -> Mapping[str, Any]:
        """`call` without a token."""
        return super().call(method, path, **kwargs)

    def call(self, method: str, path: str, **kwargs: Any) -> Mapping[str, Any]:
        token = self._session()
        try:
            return super().call(method, path, **self._with(token, kwargs))
        except Lapsed:
            renewed = self._session(spent=token)
            if renewed == token:
                raise
        return super().call(method, path, **self._with(renewed, kwargs))

    def _with(self, token: str, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        return {**kwargs, "headers": {**kwargs.get("headers", {}), "Authorization": f"Bearer {token}"}}

    def _session(self, spent: str = "") -> str:
        """The token; a new one when it is `spent`. Whoever waited meanwhile gets what the first one got."""
        with self._logging_in:
            if self._token == spent:
                self._token = self.log_in()
                self.http.hide(self._token)
            return self._token
