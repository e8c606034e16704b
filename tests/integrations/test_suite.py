"""Every connector found, through the cases of the shared suite."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from werkzeug.datastructures import MultiDict

from integrations import connectors
from integrations.base import (
    MASK,
    OffersLists,
    PullsOrders,
    PullsProducts,
    ReceivesOrders,
    SendsMessages,
    TakesPayments,
    required,
)
from integrations.errors import Later, Refused, Unknown, VendorError
from integrations.http import close_all
from integrations.sandbox import SandboxServer
from integrations.types import OrderData, ProductData, Raw
from integrations.values import encode

from .suite import (
    FIXTURES,
    HTML,
    READ_FAULTS,
    WRITE_FAULTS,
    Vendor,
    calls,
    canned,
    carry_out,
    fault_of,
    fixture,
    made,
    told,
)

CASES: list[Callable[..., None]] = []


def case(check: Callable[..., None]) -> Callable[..., None]:
    CASES.append(check)
    return check


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer() as running:
        yield running
    close_all()


@pytest.fixture
def sandbox(server: SandboxServer, vendor: Vendor) -> Any:
    """The vendor's sandbox: empty, without faults, without a limit."""
    imitation = server.vendor(vendor.key)
    imitation.reset()
    imitation.set_rate(None)
    return imitation


@pytest.fixture
def connection(server: SandboxServer, vendor: Vendor, sandbox: Any) -> Any:
    return vendor.connect(f"{server.url}/{vendor.key}")


@pytest.fixture
def vendor(request: pytest.FixtureRequest) -> Vendor:
    return _vendor(request.param)


def _vendor(key: str) -> Vendor:
    found: Vendor = importlib.import_module(f"tests.integrations.test_{key}").VENDOR
    return found


def _posted(values: dict[str, Any]) -> MultiDict[str, str]:
    return MultiDict(
        {name: "y" if value is True else str(value) for name, value in values.items() if value is not False}
    )


@case
def settings_round_trip(vendor: Vendor, connection: Any) -> None:
    """Stored values fill the form, secrets as a mask; the form gives them back; a mask changes nothing."""
    stored = vendor.cls.Settings(_posted(connection.settings)).merged({})
    form = vendor.cls.Settings(data=stored)
    shown = {field.name: MASK if field.name in vendor.cls.secret_names() else field.data for field in form}
    page = "".join(str(field()) for field in form)
    assert page.count(MASK) == len(vendor.secrets)
    assert not any(secret in page for secret in vendor.secrets)
    returned = vendor.cls.Settings(_posted(shown))
    assert returned.validate(), returned.errors
    assert returned.merged(stored) == stored
    changed = vendor.cls.Settings(_posted({**shown, **vendor.changed})).merged(stored)
    assert changed == {**stored, **vendor.changed}


@case
def settings_refused(vendor: Vendor) -> None:
    """What is required is asked for; an address must be one; an unset secret shows no mask."""
    empty = vendor.cls.Settings(MultiDict())
    assert not empty.validate()
    assert set(empty.errors) >= vendor.cls.secret_names()
    assert all(empty[name]._value() == "" for name in vendor.cls.secret_names())
    wrong = vendor.cls.Settings(_posted({**vendor.settings, "api_url": "shop, please"}))
    assert not wrong.validate()
    assert set(wrong.errors) == {"api_url"}
    assert required("Say it.").message == "Say it."


@case
def connection_tested(vendor: Vendor, connection: Any) -> None:
    assert connection.test().ok


@case
def wrong_secret(vendor: Vendor, connection: Any) -> None:
    for name in vendor.cls.secret_names():
        stranger = vendor.connect(connection.base_url, **{name: "somebody-else"})
        assert fault_of(stranger.test) == "credentials"
        assert fault_of(vendor.write, stranger) == "credentials"


@case
def expired_secret(vendor: Vendor, connection: Any, sandbox: Any) -> None:
    sandbox.fault("expired", times=0)
    assert fault_of(connection.test) == "credentials"


@case
def secrets_hidden(vendor: Vendor) -> None:
    """A server that repeats every secret in words, JSON and headers leaves none in exchanges or errors."""
    echo = " ".join(vendor.secrets)
    answers: list[Any] = [
        (200, {"token": echo, "echo": echo}),
        (400, vendor.error(echo), {"X-Echo": echo}),
        (500, echo),
        (200, echo),
    ]
    for answer in answers:
        for call in (vendor.read, vendor.write):
            with canned(answer) as server:
                connection = vendor.connect(server.url)
                seen = _words(call, connection)
                seen += json.dumps(connection.http.exchanges())
            assert "127.0.0.1" in seen
            assert not any(secret in seen for secret in vendor.secrets)


def _words(call: Callable[[Any], Any], connection: Any) -> str:
    try:
        return repr(call(connection))
    except VendorError as error:
        return f"{error} {error.detail}"


@case
def faults_told(vendor: Vendor) -> None:
    """Each status leads to its fault: after a read, and after a write that may have been carried out."""
    for table, call in ((READ_FAULTS, vendor.read), (WRITE_FAULTS, vendor.write)):
        for status, fault in {**table, **vendor.faults}.items():
            with canned((status, vendor.error("No."), {"Location": "http://127.0.0.1:1/"})) as server:
                connection = vendor.connect(server.url)
                assert (status, fault_of(call, connection)) == (status, fault)
                assert len(server.requests) == 1, "a redirect was followed or a call repeated"


@case
def retry_after_told(vendor: Vendor) -> None:
    for status in (429, 503):
        with canned((status, "", {"Retry-After": "7"})) as server, pytest.raises(Later) as caught:
            vendor.read(vendor.connect(server.url))
        assert caught.value.retry_after == 7


@case
def garbage_told(vendor: Vendor, connection: Any, sandbox: Any) -> None:
    sandbox.fault("garbage", times=2)
    assert fault_of(vendor.read, connection) == "broken"
    assert fault_of(vendor.write, connection) == "broken"
    for status, body, fault in ((404, HTML, "misconfigured"), (405, HTML, "misconfigured"), (404, "", "misconfigured")):
        with canned((status, body)) as server:
            assert fault_of(vendor.read, vendor.connect(server.url)) == fault
    for words in ("[]", '"text"', "5", "null", "{}"):
        with canned((200, words)) as server:
            assert fault_of(vendor.read, vendor.connect(server.url)) == "broken"


@case
def refusal_told(vendor: Vendor, connection: Any, sandbox: Any) -> None:
    sandbox.fault("refuse")
    assert fault_of(vendor.write, connection) == "validation"


@case
def limit_told(vendor: Vendor, connection: Any, sandbox: Any) -> None:
    sandbox.set_rate(1)
    assert "rate_limited" in [fault_of(vendor.read, connection) for _ in range(3)]


@case
def unreachable_told(vendor: Vendor, connection: Any, sandbox: Any) -> None:
    with canned((200, "")) as server:
        gone = vendor.connect(server.url)
    with pytest.raises(Later, match="unreachable"):
        vendor.write(gone)
    sandbox.fault("drop", times=0)
    with pytest.raises(Unknown, match="timeout"):
        vendor.write(connection)
    with pytest.raises(Later, match="unavailable"):
        vendor.read(connection)


@case
def private_address_refused(vendor: Vendor, connection: Any) -> None:
    stranger = vendor.connect("http://127.0.0.1:9")
    stranger.http = connection.http
    with pytest.raises(Refused, match="blocked"):
        vendor.read(stranger)


@case
def created_once(vendor: Vendor, connection: Any, sandbox: Any) -> None:
    """Sending twice makes one object, and `find` gives it."""
    assert vendor.create
    assert fault_of(vendor.create, connection) == ""
    assert fault_of(vendor.create, connection) == "duplicate"
    found = connection.find(["ONCE", "NEVER"])
    assert list(found) == ["ONCE"]
    assert found["ONCE"].url.startswith(connection.base_url)
    assert sandbox.count() == 1


@case
def lost_answer_found(vendor: Vendor, connection: Any, sandbox: Any) -> None:
    assert vendor.create
    sandbox.fault("lost")
    with pytest.raises(Unknown, match="timeout"):
        vendor.create(connection)
    assert list(connection.find(["ONCE"])) == ["ONCE"]
    assert fault_of(vendor.create, connection) == "duplicate"
    assert sandbox.count() == 1


@case
def orders_read(vendor: Vendor, connection: Any) -> None:
    """fixtures/<key>/order_<name>.json is read as order_<name>.read.json says; broken answers are among them."""
    wanted = sorted((FIXTURES / vendor.key).glob("order_*.read.json"))
    assert "order_broken.read.json" in [path.name for path in wanted]
    for path in wanted:
        body = fixture(f"{vendor.key}/{path.name.replace('.read', '')}")
        assert told(connection.read(Raw("1", body))) == json.loads(path.read_text(encoding="utf-8")), path.name


@case
def order_written(vendor: Vendor) -> None:
    """fixtures/order.json, an order that has everything, is sent as fixtures/<key>/order_created.json says."""
    assert vendor.written
    full = made(OrderData, fixture("order.json"))
    assert told(full) == fixture("order.json")
    assert json.loads(encode(vendor.written(full))) == fixture(f"{vendor.key}/order_created.json")


@case
def products_made_once(vendor: Vendor, connection: Any) -> None:
    products = [ProductData("SKU-1", "Mug"), ProductData("SKU-2", "Plate")]
    made = connection.ensure_products(products)
    assert made.keys() == {"SKU-1", "SKU-2"}
    assert connection.ensure_products(products) == made


@case
def status_unknown(vendor: Vendor, connection: Any) -> None:
    assert vendor.unknown_status(connection) == "teleported"


@case
def read_to_the_end(vendor: Vendor, connection: Any, sandbox: Any) -> None:
    made, read = vendor.page(connection, sandbox)
    assert len(made) > 200
    assert read == made


@case
def lists_offered(vendor: Vendor, connection: Any) -> None:
    """Every mapping table finds its list, and hints name what is in it or its group."""
    assert connection.can(OffersLists)
    lists = connection.references()
    for table in vendor.cls.mappings:
        codes = {word for entry in lists[table.theirs] for word in (entry.code, entry.group)}
        assert set(table.hints) <= codes
        assert table.direction in ("in", "out")
        assert len({extra.key for extra in table.extras}) == len(table.extras)


@case
def facts_complete(vendor: Vendor) -> None:
    cls = vendor.cls
    assert cls.secret_names()
    assert cls.help_steps
    assert cls.summary
    assert cls.docs_url.startswith("https://")
    assert {field.name for field in cls.Settings()} >= {"api_url", *cls.Settings.advanced}
    assert any(cls.can(kind) for kind in (PullsOrders, PullsProducts, ReceivesOrders, TakesPayments, SendsMessages))
    assert bool(cls.paid_by) == cls.can(TakesPayments)
    assert len({table.key for table in cls.mappings}) == len(cls.mappings)
    # the fields of an order that jobs/remembered.py fills in
    assert {table.ours for table in cls.mappings if table.direction == "in"} <= {"delivery", "payment", "statuses"}


def _chosen() -> list[Any]:
    """Every case with every connector, but for those a vendor skips with a reason."""
    named = {check.__name__: check for check in CASES}
    pairs = [(key, name) for key in connectors() for name in named if name not in _vendor(key).skips]
    return [pytest.param(key, named[name], id=f"{key}-{name}") for key, name in pairs]


@pytest.mark.parametrize(("vendor", "check"), _chosen(), indirect=["vendor"])
def test_connector(vendor: Vendor, check: Callable[..., None], request: pytest.FixtureRequest) -> None:
    wanted = check.__code__.co_varnames[: check.__code__.co_argcount]
    check(**{name: request.getfixturevalue(name) for name in wanted})


@pytest.mark.parametrize(
    ("vendor", "entry"),
    [pytest.param(key, entry, id=f"{key}-{entry['case']}") for key in connectors() for entry in calls(key)],
    indirect=["vendor"],
)
def test_canned_call(vendor: Vendor, entry: dict[str, Any]) -> None:
    ended, requests = carry_out(vendor, entry)
    wanted = [[words] if isinstance(words, str) else words for words in entry.get("asked", ())]
    assert len(requests) == len(wanted)
    for request, said in zip(requests, wanted, strict=True):
        for words in said:
            assert (words.removeprefix("!") in request) is not words.startswith("!"), (words, request)
    assert ended == {name: entry[name] for name in ("told", "fault", "field") if name in entry}


@pytest.mark.parametrize("key", list(connectors()))
def test_skipped_cases_exist_and_say_why(key: str) -> None:
    vendor = _vendor(key)
    assert vendor.key == key
    assert set(vendor.skips) <= {check.__name__ for check in CASES}
    assert all(len(reason) > 10 for reason in vendor.skips.values())
