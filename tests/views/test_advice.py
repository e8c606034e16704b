"""Every way a call can fail has a sentence, somebody who can mend it, and a way there."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations.errors import FAULTS
from models import Connection
from views import advice, text

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
JOBS_OWN = ("needs_mapping", "lease_lost")


@pytest.fixture
def connection() -> Connection:
    return Connection(id=7, kind="demo", name='Shop <b>"100%s"</b>')


@pytest.fixture(autouse=True)
def request_context(app):
    with app.test_request_context("/"):
        yield


def test_every_fault_is_explained(connection):
    assert set(FAULTS) | set(JOBS_OWN) == {fault for fault, _ in advice.known()}
    for fault in (*FAULTS, *JOBS_OWN):
        found = advice.advice(fault, connection)
        assert connection.name in found.what, fault
        assert found.who in advice.WHO
        assert found.cure in found.next_step
        assert found.action_label
        assert found.action_url.startswith("/")
        assert advice.title(fault) != advice.title("never heard of")


def test_who_follows_the_outcome():
    """What is refused is for us to mend; what comes later or is looked up by the hub is not."""
    for fault, outcome in FAULTS.items():
        assert (advice.advice(fault, "X").who == "you") == (outcome == "refused"), fault


def test_buttons_lead_to_the_field(connection):
    assert advice.advice("credentials", connection, field="api_key").action_url == "/settings/integrations/7#api_key"
    assert advice.advice("blocked", connection).action_url == "/settings/integrations/7#api_url"
    refused = advice.advice("validation", connection, "no phone", "phone", order="А 1/2")
    assert refused.action_url == "/orders/%D0%90%201%2F2#phone"


def test_without_an_order_the_button_shows_what_failed_alike(connection):
    url = advice.advice("validation", connection, "no phone & more").action_url
    assert url == "/activity?connection=7&fault=validation&detail=no+phone+%26+more"


def test_an_unknown_class_still_has_words():
    found = advice.advice("from the future", "X")
    assert "X" in found.what
    assert found.action_url
    assert advice.title("") == ""


def test_no_system_known():
    assert "the other system" in advice.advice("timeout").what


def test_no_vendor_is_named():
    source = Path(advice.__file__).read_text(encoding="utf-8").lower()
    assert not any(name in source for name in ("prom", "retailcrm"))


def test_words_of_ours_are_in_the_readers_language_and_theirs_as_they_are(app):
    ours = "A receipt needs the customer's e-mail or phone: enter one in the order, then make the payment again."
    with app.test_request_context("/", headers={"Accept-Language": "uk"}):
        assert text.said(f"{ours}\n+ Bag × 1") == f"{text.translated(ours)} + Bag × 1"
        assert text.translated(ours) != ours
        assert text.said("phone: Order\nrefused") == "phone: Order refused"
        assert text.said(None) == ""
