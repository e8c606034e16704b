"""Imitations of vendors' APIs over real HTTP, for tests, the demo and a connection's sandbox mode.

Every folder under integrations/ may hold a `sandbox.py` with one `Sandbox` subclass; it is served under `/<key>/…`, so
that `http://127.0.0.1:8090/prom` is what a user enters as the API address. `/` is a page for people, `/_control/…`
takes faults, delays and what a vendor adds. Sandboxes are written from the vendors' documentation, not from our
connectors: the two check each other.
"""

import importlib
import json
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, ClassVar, Self

from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Map, MapAdapter, RequestRedirect, Rule
from werkzeug.wrappers import Response

from integrations.sandbox_http import ConnectionDropped, Request, WireServer
from integrations.sandbox_store import Account, Snapshot, Thing, Window

FAULT_KINDS = ("refuse", "error500", "rate_limited", "slow", "late", "lost", "garbage", "drop", "expired")
TOKENS = ("sandbox-token", "sandbox-token-2", "sandbox-token-3")
HOUSEKEEPING_SECONDS = 0.25


@dataclass
class Fault:
    """One misbehaviour asked for: of `kind`, `times` requests long (0: until cleared), on paths holding `path`."""

    kind: str
    times: int = 1
    path: str = ""
    seconds: float = 2.0
    retry_after: int | None = None
    taken: int = 0

    def takes(self, path: str) -> bool:
        return self.path in path and (self.times == 0 or self.taken < self.times)


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode("utf-8", "surrogatepass"), status, headers, mimetype="application/json")


class Refused(Exception):
    """Raised inside an endpoint: answer with this response and change nothing more."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


class Sandbox(ABC):
    """Base of one vendor's imitation.

    A subclass gives `key`, `title`, `rate` (requests in `rate_seconds`, None: unlimited), `rules` (endpoints are names
    of methods called with request, account and the path's values), the vendor's error shapes, and may give `seed`,
    `tick`, `keys` and `controls` (name -> method taking the posted dict and giving a dict).
    """

    key: ClassVar[str] = ""
    title: ClassVar[str] = ""
    rate: ClassVar[int | None] = None
    rate_seconds: ClassVar[float] = 1.0
    rules: ClassVar[tuple[Rule, ...]] = ()
    controls: ClassVar[dict[str, str]] = {}
    counted: ClassVar[tuple[str, ...]] = ("orders",)
    front: ClassVar[str] = ""  # the path of a page for the vendor's people, if there is one
    demo: ClassVar[dict[str, str]] = {}  # settings that open the first account, besides its token

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._snapshot: Snapshot | None = None
        self.accounts: dict[str, Account] = {}
        self._begin()

    @classmethod
    @cache
    def _paths(cls) -> MapAdapter:
        return Map((rule.empty() for rule in cls.rules), strict_slashes=False).bind("sandbox")

    def _begin(self) -> None:
        self.faults: list[Fault] = []
        self.requests = 0
        self.over_limit = 0
        self.accounts = {
            token: Account(token, number, self.account_options(number), Window(self.rate, self.rate_seconds), self.keys)
            for number, token in enumerate(TOKENS)
        }
        for account in self.accounts.values():
            self.seed(account)

    # What a vendor fills in

    def account_options(self, number: int) -> Thing:
        """Options the account of this number starts with."""
        return {}

    def seed(self, account: Account) -> None:
        """Put in what a new shop has."""
        return

    @abstractmethod
    def keys(self, kind: str, thing: Thing) -> Iterable[tuple[str, Hashable]]:
        """Further keys of a thing: (index, value) as `Account.find` takes them."""

    def external_id(self, order: Thing) -> str | None:
        """Our own number on a stored order, where the vendor keeps one."""
        return None

    def emit(self, every: float | None, account: str | None = None) -> None:
        """Make an order every so many seconds, where orders begin at the vendor; None stops."""
        return

    def tick(self, now: float) -> None:
        """Called about four times a second with the monotonic clock."""
        return

    @abstractmethod
    def token(self, request: Request) -> str | None:
        """The token or key the request carries."""

    @abstractmethod
    def section(self, path: str) -> str:
        """The name of the right that `path` needs, as `denied` holds it."""

    @abstractmethod
    def error(self, kind: str, request: Request, account: Account | None) -> Response:
        """The vendor's own answer.

        `kind`: unauthorized, expired, denied, refuse, error500, rate_limited, not_found or method.
        """

    def page(self, path: str) -> tuple[str, Thing] | None:
        """A page for people at `path`: template and its values; the value `missing` makes it a 404."""
        return None

    # Faults and counts, for tests and the control page

    def fault(self, kind: str, times: int = 1, path: str = "", **more: Any) -> Fault:
        """Misbehave from now on; `more`: seconds (slow, late), retry_after (rate_limited). ValueError: no such kind."""
        if kind not in FAULT_KINDS:
            raise ValueError(f"fault must be one of {', '.join(FAULT_KINDS)}")
        fault = Fault(kind, times, path, **more)
        with self.lock:
            self.faults.append(fault)
        return fault

    def clear_faults(self) -> None:
        with self.lock:
            self.faults.clear()

    def set_rate(self, most: int | None, seconds: float = 1.0) -> None:
        """At most so many requests within any `seconds` from now on; None: any number."""
        with self.lock:
            for account in self.accounts.values():
                account.window = Window(most, seconds)

    def account(self, token: str | None = None) -> Account:
        return self.accounts[token or TOKENS[0]]

    def count(self, kind: str = "orders", token: str | None = None) -> int:
        """Stored objects of one account, or of all."""
        with self.lock:
            accounts = [self.accounts[token]] if token else list(self.accounts.values())
            return sum(len(account.tables.get(kind, ())) for account in accounts)

    def state(self) -> Thing:
        with self.lock:
            accounts = {
                token: {kind: len(account.tables.get(kind, ())) for kind in self.counted}
                for token, account in self.accounts.items()
            }
            external = {
                token: {identity: self.external_id(order) for identity, order in account.table("orders").items()}
                for token, account in self.accounts.items()
            }
            return {
                "accounts": accounts,
                "external_ids": external,
                "requests": self.requests,
                "over_limit": self.over_limit,
                "faults": [asdict(fault) for fault in self.faults],
            }

    def reset(self) -> None:
        """Forget everything stored, every fault, count and changed limit."""
        with self.lock:
            self._begin()
            if self._snapshot:
                self._snapshot.clear()

    # Serving

    def respond(self, request: Request, path: str, latency: float = 0.0) -> Response:
        """Answer one API call as the vendor would, faults included. ConnectionDropped: close without an answer."""
        if latency:
            time.sleep(latency)
        request.get_data(cache=True)
        with self.lock:
            self.requests += 1
            account = self.accounts.get(self.token(request) or "")
            if account and not account.window.admit():
                self.over_limit += 1
                return self.error("rate_limited", request, account)
            fault = self._take_fault(path)
        if fault is None:
            return self._carry_out(request, account, path)
        return self._misbehave(fault, request, account, path)

    def _take_fault(self, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.takes(path):
                fault.taken += 1
                if fault.times and fault.taken >= fault.times:
                    self.faults.remove(fault)
                return fault
        return None

    def _misbehave(self, fault: Fault, request: Request, account: Account | None, path: str) -> Response:
        if fault.kind == "drop":
            raise ConnectionDropped
        if fault.kind == "garbage":
            return Response("<html><body><h1>It works!</h1></body></html>", 200, mimetype="text/html")
        if fault.kind in ("slow", "late", "lost"):
            time.sleep(fault.seconds if fault.kind == "slow" else 0)
            done = self._carry_out(request, account, path)
            if fault.kind == "lost":
                raise ConnectionDropped
            time.sleep(fault.seconds if fault.kind == "late" else 0)
            return done
        try:
            response = self.error(fault.kind, request, account)
        except Refused as refused:
            response = refused.response
        if fault.retry_after is not None:
            response.headers["Retry-After"] = str(fault.retry_after)
        return response

    def _carry_out(self, request: Request, account: Account | None, path: str) -> Response:
        barred = self._barred(account, path)
        if account is None or barred:
            return self.error(barred or "unauthorized", request, account)
        try:
            endpoint, values = self._paths().match(path, request.method)
        except (NotFound, RequestRedirect):
            return self.error("not_found", request, account)
        except MethodNotAllowed:
            return self.error("method", request, account)
        with self.lock:
            try:
                return getattr(self, endpoint)(request, account, **values)
            except Refused as refused:
                return refused.response

    def _barred(self, account: Account | None, path: str) -> str | None:
        """The kind of error that keeps this token from `path`."""
        if account is None:
            return "unauthorized"
        if account.options["expired"]:
            return "expired"
        return "denied" if self.section(path) in account.options["denied"] else None

    # Keeping on disk

    def keep_in(self, data_dir: Path) -> None:
        """Take in what an earlier run left in `data_dir`, and save there from now on."""
        self._snapshot = Snapshot(data_dir / f"{self.key}.sqlite3")
        for token, kind, identity, body in self._snapshot.rows():
            if token in self.accounts:
                self.accounts[token].load(kind, identity, body)

    def save(self) -> None:
        """Write what changed since the last call."""
        if self._snapshot is None:
            return
        with self.lock:
            rows = [row for account in self.accounts.values() for row in account.take_changes()]
            if rows:
                self._snapshot.save(rows)

    def close(self) -> None:
        self.save()
        if self._snapshot:
            self._snapshot.close()
            self._snapshot = None


def discover() -> dict[str, type[Sandbox]]:
    """Sandbox classes by key (the folder's name), found by scanning the folders beside this file."""
    found: dict[str, type[Sandbox]] = {}
    for path in sorted(Path(__file__).parent.glob("*/sandbox.py")):
        module = importlib.import_module(f"integrations.{path.parent.name}.sandbox")
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, Sandbox) and kind.__module__ == module.__name__:
                found[kind.key] = kind
    return found


class SandboxServer:
    """The sandboxes behind one address: `with SandboxServer() as server: server.url, server.vendor("prom")`.

    `keys`: which vendors (None: all); `port` 0: any free one; `data_dir`: keep the state there between runs.
    """

    def __init__(
        self,
        keys: Iterable[str] | None = None,
        port: int = 0,
        data_dir: Path | str | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        from integrations.sandbox_control import SandboxApp  # it needs the classes above

        kinds = discover()
        self._vendors = {key: kinds[key]() for key in (keys or kinds)}
        if data_dir is not None:
            for vendor in self._vendors.values():
                vendor.keep_in(Path(data_dir))
        self.app = SandboxApp(self._vendors)
        self._wire = WireServer(host, port, self.app)
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._wire.serve_forever, args=(0.02,), name="sandbox", daemon=True),
            threading.Thread(target=self._keep_house, name="sandbox-housekeeper", daemon=True),
        ]

    @property
    def url(self) -> str:
        host, port = self._wire.server_address[:2]
        return f"http://{host!s}:{port}"

    def vendor(self, key: str) -> Any:
        """The vendor's Sandbox object (of its own class, hence Any)."""
        return self._vendors[key]

    def start(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        self._stopping.set()
        self._wire.stop()
        for thread in self._threads:
            thread.join()
        for vendor in self._vendors.values():
            vendor.close()

    def wait(self) -> None:
        """Until `stop` is called elsewhere or a signal raises."""
        self._stopping.wait()

    def _keep_house(self) -> None:
        while not self._stopping.wait(HOUSEKEEPING_SECONDS):
            for vendor in self._vendors.values():
                vendor.tick(time.monotonic())
                vendor.save()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def _leave(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def run(
    host: str = "127.0.0.1",
    port: int = 8090,
    data_dir: Path | str | None = None,
    emit_seconds: float | None = None,
) -> None:
    """Serve in the foreground until Ctrl-C or SIGTERM; `emit_seconds`: shops get a new order that often."""
    signal.signal(signal.SIGTERM, _leave)
    with SandboxServer(port=port, data_dir=data_dir, host=host) as server, suppress(KeyboardInterrupt):
        for vendor in server.app.vendors.values():
            vendor.emit(emit_seconds)
        print(f"Sandboxes at {server.url}", flush=True)
        server.wait()


__all__ = ["Refused", "Request", "Response", "Sandbox", "SandboxServer", "answer", "discover", "run"]
