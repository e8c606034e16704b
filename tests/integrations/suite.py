"""The cases that every connector has to pass, over real HTTP: against its vendor's sandbox, and against a server that
gives any answer a test wants.

A vendor's test module (test_<key>.py) describes it as data in a `VENDOR`; test_suite.py finds it there by the
connector's key. A case that makes no sense for a vendor stands in its `skips` with the reason.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args, get_type_hints
from urllib.parse import unquote_plus

from werkzeug.wrappers import Response

from integrations import connector
from integrations.base import Account, Connector
from integrations.errors import VendorError
from integrations.http import HttpClient, Policy
from integrations.sandbox_http import WireServer
from integrations.types import OrderData

FIXTURES = Path(__file__).parent.parent / "fixtures"
HTML = "<html><body><h1>It works!</h1></body></html>"

#: status -> fault, after a harmless read and after a write; a vendor overrides what it means otherwise
READ_FAULTS = {
    301: "misconfigured",
    400: "validation",
    401: "credentials",
    403: "credentials",
    404: "not_found",
    405: "misconfigured",
    409: "duplicate",
    422: "validation",
    429: "rate_limited",
    500: "unavailable",
    502: "unavailable",
    503: "unavailable",
}
WRITE_FAULTS = READ_FAULTS | {500: "broken", 502: "timeout", 504: "timeout"}


def fixture(path: str) -> Any:
    """A canned body: JSON under tests/fixtures/."""
    return json.loads((FIXTURES / path).read_text(encoding="utf-8"))


def told(value: Any) -> Any:
    """What a dataclass says beyond its defaults, as JSON would hold it: for comparing with a fixture."""
    if is_dataclass(value):
        pairs = {f: getattr(value, f.name) for f in fields(value)}
        return {
            f.name: told(v)
            for f, v in pairs.items()
            if v != (f.default_factory() if callable(f.default_factory) else f.default)
        }
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: told(held) for name, held in value.items()}
    return [told(one) for one in value] if isinstance(value, list | tuple | Iterator) else value


def made(cls: type[Any], value: Any) -> Any:
    """The reverse of `told`: a dataclass of types.py from JSON."""
    kinds = get_type_hints(cls)
    return cls(**{name: _of_kind(kinds[name], held) for name, held in value.items()})


def _of_kind(kind: Any, held: Any) -> Any:
    """`held` as a field's type wants it: Person, Person | None, Sequence[LineData], Decimal, a time."""
    inner = next((k for k in get_args(kind) if k is not type(None)), kind)
    if isinstance(held, list):
        return [_of_kind(inner, one) for one in held]
    if is_dataclass(inner):
        return made(inner, held)
    return {Decimal: Decimal, datetime: datetime.fromisoformat}.get(inner, lambda as_it_is: as_it_is)(held)


@dataclass(frozen=True)
class Vendor:
    """What the shared cases need to know of a vendor."""

    key: str
    settings: Mapping[str, Any]  # valid ones, with a token that the sandbox takes; without api_url
    changed: Mapping[str, Any]  # one other value for some of them, secrets too
    read: Callable[[Any], Any]  # a harmless call
    write: Callable[[Any], Any]  # a call that changes something for one order
    error: Callable[[str], Any]  # the vendor's error body with these words in it
    #: fills the sandbox with more than two pages and returns (the ids made, the ids read)
    page: Callable[[Any, Any], tuple[set[str], set[str]]]
    #: a raw thing with the status code "teleported" -> the status as the connector tells it
    unknown_status: Callable[[Any], str]
    faults: Mapping[int, str] = field(default_factory=dict)  # overrides of the tables above
    create: Callable[[Any], Any] | None = None  # sends the order of key "ONCE"
    written: Callable[[OrderData], Any] | None = None  # what a destination is sent of an order
    skips: Mapping[str, str] = field(default_factory=dict)  # case -> why

    @property
    def cls(self) -> type[Connector]:
        return connector(self.key)

    @property
    def secrets(self) -> list[str]:
        return [str(self.settings[name]) for name in sorted(self.cls.secret_names())]

    def connect(self, url: str, **settings: Any) -> Any:
        """A connector for the server at `url`. The guard is off for canned servers: with one exemption each, every
        one of them would need a client of its own (and test_http.py is there for the guard)."""
        given = {**self.settings, "api_url": url, **settings}
        secrets = [str(given[name]) for name in self.cls.secret_names()]
        policy = Policy.for_sandbox(url) if url.endswith(f"/{self.key}") else Policy(allow_private=True)
        return self.cls(Account(1, self.key, given), HttpClient(policy, secrets))


def read_to_the_end(connection: Any, sandbox: Any) -> tuple[set[str], set[str]]:
    """`page` of a shop that keeps orders for us to read."""
    made = {str(sandbox.new_order()[sandbox.number_field]) for _ in range(250)}
    *pages, last = connection.pull({}, datetime.now(UTC))
    assert (last.orders, all(page.cursor is None for page in pages)) == ((), True)
    ids = [raw.external_id for page in pages for raw in page.orders]
    assert len(ids) == len(set(ids))
    return made, set(ids)


def of_a_source(title: str) -> dict[str, str]:
    """`skips` of a vendor that only has orders to give."""
    cases = ("created_once", "lost_answer_found", "order_written", "products_made_once")
    return dict.fromkeys(cases, f"A source: nothing is created at {title}.")


def fault_of(call: Callable[..., Any], *args: Any) -> str:
    """The fault that a call ends with, raised or told for its one order; "" when it went well."""
    try:
        result = call(*args)
    except VendorError as error:
        return error.fault
    if isinstance(result, Mapping):
        return "".join(pair[0] for pair in result.values() if isinstance(pair, tuple))
    results = result if isinstance(result, Sequence) else [result]
    return "".join(getattr(one, "fault", "") for one in results)


@dataclass
class Canned:
    """A server that answers with what it is given, in turn; the last answer stays. Keeps the requests."""

    answers: list[tuple[int, Any, Mapping[str, str]]]
    requests: list[tuple[str, str, str]] = field(default_factory=list)  # method, path with query, body
    url: str = ""
    gate: threading.Event = field(default_factory=threading.Event)  # an answer of None waits here

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        query = environ["QUERY_STRING"]
        path = environ["PATH_INFO"] + (f"?{query}" if query else "")
        self.requests.append((environ["REQUEST_METHOD"], path, environ["wsgi.input"].read().decode()))
        status, body, headers = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if body is None:
            self.gate.wait(30)
        raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        return Response(raw, status, headers)(environ, start)


@contextmanager
def canned(*answers: tuple[int, Any] | tuple[int, Any, Mapping[str, str]]) -> Iterator[Canned]:
    """`with canned((200, {...}), (429, "", {"Retry-After": "3"})) as server: server.url, server.requests`."""
    app = Canned([(a[0], a[1], a[2] if len(a) > 2 else {}) for a in answers])
    server = WireServer("127.0.0.1", 0, app)
    app.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield app
    finally:
        app.gate.set()
        server.stop()
        thread.join()


def calls(key: str) -> list[dict[str, Any]]:
    """fixtures/<key>/calls.json, where there is one: what the connector makes of canned answers. A case an entry:

    case: what it shows; call: a verb of the connector; given: its arguments; settings: those that differ;
    answers: [[status, body]…], "@name" for a body in a file beside; asked: for each request words that it holds, after
    "!" such as it doesn't; told: the result as `told` has it with the server at http://vendor, or fault and field of
    the error it ends with."""
    return fixture(f"{key}/calls.json") if (FIXTURES / key / "calls.json").exists() else []


def carry_out(vendor: Vendor, entry: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """({"told": result} or {"fault": …}, the requests made: method, path and body)."""
    answers = [
        (status, fixture(f"{vendor.key}/{body[1:]}") if str(body)[:1] == "@" else body)
        for status, body in entry.get("answers", ())
    ]
    with canned(*answers) as server:
        verb = getattr(vendor.connect(server.url, **entry.get("settings", {})), entry["call"])
        kinds = [kind for name, kind in get_type_hints(verb).items() if name != "return"]
        given = [_of_kind(kind, held) for kind, held in zip(kinds, entry.get("given", ()), strict=True)]
        try:
            ended = {"told": json.loads(json.dumps(told(verb(*given))).replace(server.url, "http://vendor"))}
        except VendorError as error:
            ended = {"fault": error.fault, **({"field": error.field} if error.field else {})}
    return ended, [f"{method} {path} {unquote_plus(body)}" for method, path, body in server.requests]
