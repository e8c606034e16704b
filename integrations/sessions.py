"""Vendors that want a login first and give a token that ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import ClassVar, TypeVar

from .base import Account
from .errors import Refused, Unknown
from .http import HttpClient
from .rest import RestConnector

T = TypeVar("T")


class Session:
    """The token of one job, which its threads share. `login` gets one; it is used for `seconds` at most."""

    def __init__(self, login: Callable[[], str], seconds: float) -> None:
        self._login, self._seconds = login, seconds
        self._lock = Lock()
        self._token, self._ends = "", 0.0

    def token(self, instead_of: str = "") -> str:
        """The token, a new one where it is over. `instead_of`: one that was refused; of threads that come with the
        same, the first logs in for all."""
        with self._lock:
            if self._token == instead_of or time.monotonic() > self._ends:
                self._token, self._ends = self._login(), time.monotonic() + self._seconds
            if not self._token:
                raise Unknown("broken", "no token in the answer to the login")
            return self._token

    def use(self, call: Callable[[str], T]) -> T:
        """What `call` gives with the token. A token may end before its time: a call that is refused for it has done
        nothing, and is made once more."""
        token = self.token()
        try:
            return call(token)
        except Refused as refusal:
            if refusal.fault != "credentials":
                raise
        return call(self.token(instead_of=token))


class LoginConnector(RestConnector):
    """Base of connectors that log in: `self.session` is the job's."""

    token_seconds: ClassVar[float]  #: how long a token is used, somewhat less than it lives
    login_field: ClassVar[str] = "password"  #: the setting that a refused login is about

    def __init__(self, account: Account, http: HttpClient) -> None:
        super().__init__(account, http)
        self.session = Session(self._enter, self.token_seconds)

    def login(self) -> str:
        """A new token. Raises VendorError."""
        raise NotImplementedError

    def _enter(self) -> str:
        """At the door a refusal means who is there, and "not found" the whole API."""
        meant = {"validation": ("credentials", self.login_field), "not_found": ("misconfigured", "api_url")}
        try:
            return self.login()
        except Refused as refusal:
            if refusal.fault not in meant:
                raise
            fault, field = meant[refusal.fault]
            raise Refused(fault, refusal.detail, field) from None
