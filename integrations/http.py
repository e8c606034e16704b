"""The one HTTP client for everything that leaves the machine.

Timeouts on every call, no redirects, private addresses refused after resolution (and the checked address is the one
connected to), answers capped in size, one pace a connection shared by all processes, every exchange recorded with
its secrets hidden. One pooled client a process: making one a call costs 40 ms.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpcore
import httpx

from . import reading
from .errors import Later, Refused, Unknown
from .redact import Redactor

MAX_ANSWER = 20 * 1024 * 1024
MAX_STREAM = 2 * 1024**3
MAX_RECORDED = 60_000
TIMEOUT = httpx.Timeout(30.0, connect=7.0)
USER_AGENT = "Mozilla/5.0 (compatible; Perron order hub)"  # some vendors turn default library agents away
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True)
class Policy:
    """Which private addresses may be called: all (a setting of the machine's owner), or just our own sandbox."""

    allow_private: bool = False
    allowed: frozenset[tuple[str, int]] = frozenset()  # (host, port)

    @classmethod
    def for_sandbox(cls, sandbox_url: str, allow_private: bool = False) -> Policy:
        parts = urlsplit(sandbox_url)
        own = frozenset({(parts.hostname, parts.port)}) if parts.hostname and parts.port else frozenset()
        return cls(allow_private, own)


class _Blocked(Exception):
    pass


def is_public(address: str) -> bool:
    """IPv6 forms that carry an IPv4 address are judged by that one: the kernel or a gateway would deliver there."""
    ip: Any = ipaddress.ip_address(address.split("%")[0])
    if ip in _NAT64:
        ip = ipaddress.ip_address(int(ip) & 0xFFFFFFFF)
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None) or ip
    return bool(inner.is_global and not inner.is_multicast and not getattr(inner, "is_site_local", False))


class _Guard(httpcore.SyncBackend):
    """Resolves, checks every address, and connects to a checked one: no second look-up can slip another in."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        try:
            found = {info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        except OSError as error:
            raise httpcore.ConnectError(f"{host} can't be found: {error}") from error
        exempt = self.policy.allow_private or (host, port) in self.policy.allowed
        private = [] if exempt else sorted(str(address) for address in found if not is_public(str(address)))
        if private:
            raise _Blocked(f"{host} is at the private address {private[0]}")
        last: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in sorted(map(str, found), key=lambda a: ":" in a):  # IPv4 first: hosts without IPv6 are many
            try:
                return super().connect_tcp(address, port, *args, **kwargs)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last


_clients: dict[Policy, httpx.Client] = {}
_lock = threading.Lock()


@cache
def _tls() -> ssl.SSLContext:
    """One for all clients: reading the certificates takes longer than everything else about a client."""
    return httpx.create_ssl_context(trust_env=False)


def _client(policy: Policy) -> httpx.Client:
    with _lock:
        if policy not in _clients:
            limits = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=20)
            transport = httpx.HTTPTransport(verify=_tls(), limits=limits, trust_env=False)
            # httpx offers no hook between resolving and connecting; httpcore does, one layer below
            transport._pool = httpcore.ConnectionPool(
                ssl_context=_tls(),
                max_connections=100,
                max_keepalive_connections=20,
                keepalive_expiry=20,
                network_backend=_Guard(policy),
            )
            _clients[policy] = httpx.Client(
                transport=transport, timeout=TIMEOUT, follow_redirects=False, headers={"User-Agent": USER_AGENT}
            )
        return _clients[policy]


def close_all() -> None:
    """Close the pooled connections (before a fork, at the end of tests)."""
    with _lock:
        for client in _clients.values():
            client.close()
        _clients.clear()


@dataclass
class Answer:
    """A vendor's answer, read to its end."""

    status: int
    headers: httpx.Headers
    body: bytes
    redact: Callable[[str], str] = str  # to be put over the vendor's words before they leave the connector

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        return reading.words(self.body)

    def json(self) -> Any:
        """The body as JSON (numbers with a point stay exact: Decimal-ready strings are the vendors' affair); None where
        it is none, e.g. a proxy's HTML page."""
        try:
            return reading.values(self.body)
        except ValueError:
            return None

    @property
    def retry_after(self) -> float | None:
        value = self.headers.get("retry-after", "")
        return float(value) if value.isdecimal() else None

    @property
    def is_html(self) -> bool:
        """A web page instead of an API's answer: a wrong address, a proxy or a firewall spoke."""
        return self.body.lstrip()[:1] == b"<"


class Pace(Protocol):
    """Whose turn it is to call a vendor that counts calls."""

    def turn(self) -> float:
        """0 = now, else seconds until asking again."""

    def answered(self) -> None:
        """The vendor has counted the call that this thread had its turn for."""


@dataclass
class HttpClient:
    """The client as a connector sees it: bound to one connection's pace, secrets and log."""

    policy: Policy = Policy()
    secrets: Iterable[str] = field(default=(), repr=False)  # an error's text may show a client
    pace: Pace | None = None  # None = as fast as it goes
    headers: Mapping[str, str] = field(default_factory=dict)
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self._redact = Redactor(self.secrets)
        self._log = threading.local()

    def redact(self, words: str) -> str:
        """The words without this connection's secrets."""
        return self._redact(words)

    def hide(self, secret: str) -> None:
        """From now on this, too, is a secret of the connection, e.g. a token that it was given for an hour."""
        self.secrets = [*self.secrets, secret]
        self._redact = Redactor(self.secrets)

    def exchanges(self) -> list[dict[str, Any]]:
        """The exchanges of this thread since the last call of `exchanges`, redacted, and forgets them."""
        taken: list[dict[str, Any]] = getattr(self._log, "items", [])
        self._log.items = []
        return taken

    def request(self, method: str, url: str, *, safe: bool | None = None, **kwargs: Any) -> Answer:
        """One exchange. kwargs as httpx: params, json, data (a mapping: a form), content (UTF-8), headers, timeout.

        `safe`: repeating can't hurt (default: GET and HEAD). Raises Later("unreachable") when nothing was sent;
        when an answer is lost: Unknown("timeout") if the call may have changed something, else Later. What a
        status means is the connector's to say."""
        harmless = method in ("GET", "HEAD") if safe is None else safe
        request = self._built(method, url, **kwargs)
        return self._exchange(request, harmless, _readable(request, kwargs.get("data")))

    def stream(self, url: str, *, limit: int = MAX_STREAM, **kwargs: Any) -> Generator[bytes]:
        """The body of a GET, piece by piece, for files too large to be held: never more of it is here than a piece.
        `limit`: bytes after which it is refused. Raises as `request` does, and what `judge` makes of the status."""
        request = self._built("GET", url, **kwargs)
        with self._noted(request, True, "") as note:
            response = _client(self.policy).send(request, stream=True)
            try:
                yield from self._pieces(response, note, limit)
            finally:
                response.close()

    def _pieces(self, response: httpx.Response, note: dict[str, Any], limit: int) -> Iterator[bytes]:
        """Closed here and now: what is left to the garbage collector is closed whenever that runs, in the midst of the
        pool's own work, too, and waits there for the pool's lock for ever."""
        note["status"] = response.status_code
        size = 0
        with closing(response.iter_bytes()) as pieces:  # type: ignore[type-var]  # a generator
            for piece in pieces:
                if not 200 <= response.status_code < 300:
                    judge(Answer(response.status_code, response.headers, piece[:2000], self._redact))
                if not size:
                    note["response"] = self._redact(reading.words(piece[:3000]))
                size += len(piece)
                if size > limit:
                    raise Refused("validation", f"the file is larger than {limit // 2**20} MiB")
                yield piece
        judge(Answer(response.status_code, response.headers, b"", self._redact))

    def _built(self, method: str, url: str, **kwargs: Any) -> httpx.Request:
        headers = {**self.headers, **kwargs.pop("headers", {})}
        try:
            return _client(self.policy).build_request(method, url, headers=headers, **kwargs)
        except UnicodeEncodeError:  # before ValueError, its parent
            raise Refused("credentials", "a key or token holds letters that no header can carry") from None
        except (httpx.InvalidURL, ValueError) as error:
            raise Refused("misconfigured", self._redact(f"{url}: {error}"), field="api_url") from None

    def get(self, url: str, **kwargs: Any) -> Answer:
        return self.request("GET", url, **kwargs)

    def post(self, url: str, **kwargs: Any) -> Answer:
        return self.request("POST", url, **kwargs)

    def _exchange(self, request: httpx.Request, harmless: bool, readable: str) -> Answer:
        with self._noted(request, harmless, readable) as note:
            answer = self._send(request)
            note["status"] = answer.status
            note["response"] = self._redact(answer.text[: MAX_RECORDED * 2])[:MAX_RECORDED]
        return answer

    @contextmanager
    def _noted(self, request: httpx.Request, harmless: bool, readable: str) -> Iterator[dict[str, Any]]:
        """Around an exchange, once it is our turn: what is noted of it, and the fault that a failure of the network
        is."""
        note: dict[str, Any] = {"method": request.method, "url": self._redact(str(request.url))}
        note["request"] = self._redact(readable)[:MAX_RECORDED]
        while self.pace and (wait := self.pace.turn()) > 0:
            self.sleep(wait)
        started = time.monotonic()
        try:
            yield note
        except _Blocked as error:
            note["error"] = str(error)
            raise Refused("blocked", str(error), field="api_url") from None
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
            note["error"] = type(error).__name__  # its words may repeat a header, which may be a secret
            raise Refused("misconfigured", f"{note['url']}: {note['error']}", field="api_url") from None
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            note["error"] = self._redact(str(error))
            raise Later("unreachable", note["error"]) from None
        except httpx.RequestError as error:
            note["error"] = self._redact(f"{type(error).__name__}: {error}")
            raise _lost(note["error"], harmless) from None
        finally:
            if self.pace:
                self.pace.answered()
            note["ms"] = round((time.monotonic() - started) * 1000)
            self._log.items = [*getattr(self._log, "items", []), note]

    def _send(self, request: httpx.Request) -> Answer:
        response = _client(self.policy).send(request, stream=True)
        try:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER:
                    raise httpx.ReadError(f"the answer is larger than {MAX_ANSWER // 2**20} MiB")
            return Answer(response.status_code, response.headers, bytes(body), self._redact)
        finally:
            response.close()


def _readable(request: httpx.Request, form: Mapping[str, Any] | None) -> str:
    """The body as people read it: a form a line a field, without percent escapes."""
    if form:
        return "\n".join(f"{name}={value}" for name, value in form.items())
    return reading.words(request.content)


def _lost(detail: str, harmless: bool) -> Later | Unknown:
    """No answer came: a harmless call is simply made again, any other may have been carried out."""
    return Later("unavailable", detail) if harmless else Unknown("timeout", detail)


def judge(answer: Answer, detail: str = "", *, write: bool = False) -> None:
    """Raise what an HTTP status means at any vendor; 2xx passes. `detail`: the vendor's words, if it has any.

    Connectors call it after the cases of their own. `write`: the call may have changed something, so a server
    error leaves it open whether it did. Raises Refused, Later or Unknown."""
    if answer.ok:
        return
    words = answer.redact(detail or f"HTTP {answer.status}: {answer.text[:200]}".strip())
    status = answer.status
    if status in (429, 503):
        raise Later("rate_limited" if status == 429 else "unavailable", words, answer.retry_after)
    if status >= 500:
        raise _failed(status, words) if write else Later("unavailable", words, answer.retry_after)
    if status in (401, 403):
        raise Refused("credentials", words)
    if status < 400 or status == 405 or answer.is_html or (status == 404 and not detail):  # somebody else's 404
        raise Refused("misconfigured", words, field="api_url")
    if status == 409:
        raise Unknown("duplicate", words)
    raise Refused("not_found" if status == 404 else "validation", words)


def _failed(status: int, words: str) -> Unknown:
    return Unknown("timeout" if status in (502, 504) else "broken", words)
