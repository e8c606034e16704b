"""The scan of integrations/: what it finds, and the sentence it stops the start with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import integrations
from integrations import BadConnector, connector, connectors
from integrations.base import (
    Account,
    Connector,
    DeletesOrders,
    GreetsOrders,
    KeepsProducts,
    PullsOrders,
    ReadsStatuses,
    ReceivesOrders,
    WritesStatuses,
    WritesTracking,
)
from integrations.http import HttpClient, Policy
from integrations.sessions import SessionConnector

from .suite import canned

GOOD = """from integrations.base import Connector, SettingsForm
class New(Connector):
    key = "{0}"
    title = "New"
    api_url = ""
    def test(self):
        return None
"""
DESTINATION = GOOD.replace("(Connector)", "(RestDestination)").replace(
    "integrations.base import Connector, SettingsForm", "integrations.destinations import RestDestination"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty package that the scan meets beside the real ones; its name is new each time, as imports are kept."""
    made = tmp_path / f"vendor_{uuid4().hex}"
    made.mkdir()
    (made / "__init__.py").write_text("")
    monkeypatch.setattr(integrations, "__path__", [*integrations.__path__, str(tmp_path)])
    connectors.cache_clear()
    yield made
    connectors.cache_clear()


def test_a_folder_is_all_it_takes(folder: Path) -> None:
    (folder / "connector.py").write_text(GOOD.format(folder.name))
    assert connector(folder.name).title == "New"
    assert [cls.title for cls in connectors().values()] == sorted(cls.title for cls in connectors().values())


def test_the_worked_example_works(folder: Path) -> None:
    """The code blocks of docs/add-an-integration.md, each under the name of its file."""
    page = (Path(__file__).parents[2] / "docs" / "add-an-integration.md").read_text(encoding="utf-8")
    kiosk = folder.rename(folder.parent / "kiosk")
    for name, code in re.findall(r"^`(\w+\.py)`\n```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        (kiosk / name).write_text(code, encoding="utf-8")
    body = {"id": 7, "state": "odd", "phone": "0501112233", "lines": [{"title": "Mug", "price": "250,50", "count": 2}]}
    with canned((200, {"orders": [body]}), (200, {"orders": []})) as server:
        account = Account(1, "Kiosk", {"token": "abcd", "api_url": server.url})
        source: Any = connector("kiosk")(account, HttpClient(Policy(allow_private=True)))
        first, last = source.pull({"after": 5}, datetime.now(UTC))
        assert (last.cursor, source.test().ok) == ({"after": 7}, True)
    order = source.read(first.orders[0])
    assert (order.total, order.recipient.phone, order.status) == (501, "+380501112233", "odd")


def test_a_folder_without_a_connector_is_passed_by(folder: Path) -> None:
    assert folder.name not in connectors()
    with pytest.raises(KeyError):
        connector(folder.name)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("", "must define exactly one Connector, it has 0"),
        (GOOD + "class Second(New):\n    pass\n", "it has 2"),
        (GOOD.replace('    title = "New"\n', ""), r"New\.title is missing"),
        (GOOD.replace('"{0}"', '"other"'), "must be the folder's name"),
        (GOOD.replace("def test", "def try_it"), r"New\.test\(\) is missing"),
        (DESTINATION, "New has no create, edit, look_up"),
        (GOOD + "    Settings = dict\n", "Settings must inherit from SettingsForm"),
    ],
)
def test_a_malformed_one_stops_the_start(folder: Path, code: str, says: str) -> None:
    (folder / "connector.py").write_text(code.replace("{0}", folder.name))
    with pytest.raises(BadConnector, match=says) as caught:
        connectors()
    assert folder.name in str(caught.value)


def test_what_each_can_do() -> None:
    reads = (PullsOrders, ReadsStatuses)
    writes = (ReceivesOrders, KeepsProducts, DeletesOrders, WritesStatuses, GreetsOrders, WritesTracking)
    can = {key: {ability for ability in (*reads, *writes) if cls.can(ability)} for key, cls in connectors().items()}
    assert can["prom"] == {PullsOrders, WritesStatuses, GreetsOrders, WritesTracking}
    assert can["rozetka"] == {PullsOrders, WritesStatuses}
    assert can["horoshop"] == {PullsOrders, WritesStatuses, WritesTracking}
    assert can["shiptor"] == {ReceivesOrders, KeepsProducts, DeletesOrders, ReadsStatuses}
    assert can["retailcrm"] == {ReceivesOrders, KeepsProducts, ReadsStatuses}


def test_the_bases_do_nothing_by_themselves() -> None:
    for base, verb in ((Connector, "test"), (SessionConnector, "log_in")):
        with pytest.raises(NotImplementedError):
            getattr(base(Account(1, "x", {}), HttpClient()), verb)()
