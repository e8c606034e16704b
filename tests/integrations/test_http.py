"""The one HTTP client: what it refuses, what it hides, and what it makes of answers that don't come."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from integrations.errors import FAULTS, Later, Refused, Unknown, VendorError, failure
from integrations.http import MAX_ANSWER, HttpClient, Policy, close_all, is_public, judge
from integrations.redact import HIDDEN, Redactor

from .suite import canned

OPEN = Policy(allow_private=True)
SECRET = 's3cr&t/"key"'


@pytest.fixture(autouse=True)
def _no_connection_left() -> Iterator[None]:
    yield
    close_all()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "localhost",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:10.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fc00::1]",
        "[fec0::1]",
        "[ff02::1]",
    ],
)
def test_private_addresses_are_refused(host: str) -> None:
    client = HttpClient()
    with pytest.raises(Refused, match="blocked") as caught:
        client.get(f"http://{host}:8080/")
    assert caught.value.field == "api_url"
    assert "private address" in client.exchanges()[0]["error"]


@pytest.mark.parametrize("address", ["8.8.8.8", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::"])
def test_public_addresses_are_not(address: str) -> None:
    assert is_public(address)


def test_a_name_that_leads_home_is_refused_although_its_number_is_allowed() -> None:
    with canned((200, {})) as server:
        policy = Policy.for_sandbox(server.url)
        assert HttpClient(policy).get(server.url).status == 200
        with pytest.raises(Refused, match="blocked"):
            HttpClient(policy).get(server.url.replace("127.0.0.1", "localhost"))
        with pytest.raises(Refused, match="blocked"):
            HttpClient(policy).get("http://127.0.0.1:9/")
        assert HttpClient(OPEN).get(server.url.replace("127.0.0.1", "localhost")).status == 200
        assert len(server.requests) == 2


def test_no_sandbox_no_exemption() -> None:
    assert Policy.for_sandbox("") == Policy()
    assert Policy.for_sandbox("http://127.0.0.1:80", allow_private=True).allow_private


def test_redirects_are_not_followed() -> None:
    with canned((302, "", {"Location": "/elsewhere"})) as server:
        answer = HttpClient(OPEN).get(server.url)
        assert (answer.status, answer.ok, len(server.requests)) == (302, False, 1)
    with pytest.raises(Refused, match="misconfigured"):
        judge(answer)


def test_answers_are_capped() -> None:
    with canned((200, b"x" * (MAX_ANSWER + 1))) as server:
        with pytest.raises(Later, match="larger than 20 MiB"):
            HttpClient(OPEN).get(server.url)
        with pytest.raises(Unknown, match="larger than 20 MiB"):
            HttpClient(OPEN).post(server.url)
    with canned((200, b"x" * (2**20 + 1))) as server:
        with pytest.raises(Refused, match="larger than 1 MiB"):
            list(HttpClient(OPEN).stream(server.url, limit=2**20))
        assert len(list(HttpClient(OPEN).stream(server.url, limit=2**20 + 1))) > 1


def test_a_silent_server_is_later_for_reads_and_unknown_for_writes() -> None:
    with canned((200, None)) as server:
        client = HttpClient(OPEN)
        for call, safe, wanted in (("GET", None, Later), ("POST", None, Unknown), ("POST", True, Later)):
            with pytest.raises(wanted, match="ReadTimeout") as caught:
                client.request(call, server.url, safe=safe, timeout=0.2)
            assert caught.value.fault == ("timeout" if wanted is Unknown else "unavailable")
        assert [note.get("status") for note in client.exchanges()] == [None] * 3


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "http://[::1]:1/", "http://localhost:1/", "http://name.invalid/"]
)
def test_nobody_there_is_later(url: str) -> None:
    with pytest.raises(Later, match="unreachable"):
        HttpClient(OPEN).post(url)


@pytest.mark.parametrize(
    "url",
    ["ftp://127.0.0.1/", "127.0.0.1:8080/x", "http://0177.0.0.1/", "http://[::1", "http://a:b:c/", "", "http:///x"],
)
def test_no_address_is_misconfigured(url: str) -> None:
    with pytest.raises(Refused, match="misconfigured") as caught:
        HttpClient(OPEN).get(url)
    assert caught.value.field == "api_url"


def test_an_answer_that_can_not_be_unpacked_is_lost() -> None:
    with (
        canned((200, b"not gzip", {"Content-Encoding": "gzip"})) as server,
        pytest.raises(Unknown, match="DecodingError"),
    ):
        HttpClient(OPEN).post(server.url)


@pytest.mark.parametrize(("token", "fault"), [("ключ-к-апи", "credentials"), ("two\nlines-of-it", "misconfigured")])
def test_a_token_no_header_can_carry(token: str, fault: str) -> None:
    with canned((200, {})) as server, pytest.raises(Refused, match=fault) as caught:
        HttpClient(OPEN, [token]).get(server.url, headers={"X-Key": token})
    assert "lines-of-it" not in caught.value.detail


@pytest.mark.parametrize(
    "how",
    [
        {"params": {"key": SECRET}},
        {"data": {"key": SECRET, "order": json.dumps({"note": SECRET})}},
        {"json": {"key": SECRET}},
        {"headers": {"X-Key": SECRET}},
        {"params": {"apiKey": "another-one"}},
        {"data": {"token": "another-one", "x": "1"}},
        {"json": {"password": "another-one"}},
    ],
)
def test_secrets_are_hidden_wherever_they_travel(how: dict[str, Any]) -> None:
    with canned((200, {"echo": SECRET, "access_token": "another-one"})) as server:
        client = HttpClient(OPEN, [SECRET, "s3c", ""])
        answer = client.post(server.url, **how)
    (note,) = client.exchanges()
    assert client.exchanges() == []
    assert answer.json()["echo"] == SECRET
    record = json.dumps(note)
    assert not any(word in record for word in (SECRET, "s3cr", "another-one"))
    assert HIDDEN in record
    assert HIDDEN in answer.redact(f"Wrong key {SECRET}")


def test_without_secrets_only_their_names_count() -> None:
    assert (
        Redactor([])('GET /x?token=abc {"secret": "d"} plain')
        == f'GET /x?token={HIDDEN} {{"secret": "{HIDDEN}"}} plain'
    )


def test_a_form_is_recorded_as_people_read_it() -> None:
    with canned((200, {})) as server:
        client = HttpClient(OPEN)
        client.post(server.url, data={"site": "a b", "order": '{"name": "Ірина"}', "none": ""})
    assert client.exchanges()[0]["request"] == 'site=a b\norder={"name": "Ірина"}\nnone='


class Turns:
    """A pace: what each turn says, and what is told."""

    def __init__(self, *waits: float) -> None:
        self.waits = iter(waits)
        self.told: list[Any] = []

    def turn(self) -> float:
        return next(self.waits)

    def answered(self) -> None:
        self.told.append("answered")


def test_the_pace_is_kept_before_a_call() -> None:
    turns = Turns(0.5, 0.2, 0.0, 0.0)
    with canned((204, "")) as server:
        client = HttpClient(OPEN, pace=turns, sleep=turns.told.append, headers={"X-Both": "1"})
        client.get(server.url)
        client.get(server.url)
    assert turns.told == [0.5, 0.2, "answered", "answered"]


def test_a_call_without_an_answer_has_had_its_turn() -> None:
    turns = Turns(0.0)
    with pytest.raises(Later, match="refused"):
        HttpClient(OPEN, pace=turns).get("http://127.0.0.1:9/")
    assert turns.told == ["answered"]


def test_faults_and_outcomes_belong_together() -> None:
    with pytest.raises(ValueError, match="rate_limited is later"):
        Refused("rate_limited")
    for fault, outcome in FAULTS.items():
        assert (failure(fault, "words").outcome, failure(fault, "words").detail) == (outcome, "words")
    assert (VendorError("validation", "x", "phone").field, Later("unreachable").retry_after) == ("phone", None)
