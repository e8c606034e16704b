"""The sandboxes as the vendors' customers see them."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from integrations import http
from integrations.sandbox import SandboxServer
from tests.integrations.keycrm_box import client as keycrm_client
from tests.integrations.sandboxes import TLS, crm_client, prom_client


@pytest.fixture(scope="session", autouse=True)
def _connections_closed_in_the_end() -> Iterator[None]:
    yield
    http.close_all()


@pytest.fixture
def server(sandbox: SandboxServer) -> SandboxServer:
    return sandbox


@pytest.fixture
def control(server: SandboxServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, verify=TLS) as client:
        yield client


@pytest.fixture
def prom(server: SandboxServer) -> Iterator[httpx.Client]:
    with prom_client(server) as client:
        yield client


@pytest.fixture
def crm(server: SandboxServer) -> Iterator[httpx.Client]:
    server.vendor("retailcrm").set_rate(None)
    with crm_client(server) as client:
        yield client


@pytest.fixture
def box(server: SandboxServer) -> Any:
    """KeyCRM's sandbox, without a limit."""
    found = server.vendor("keycrm")
    found.set_rate(None)
    return found


@pytest.fixture
def keycrm(server: SandboxServer, box: Any) -> Iterator[httpx.Client]:
    with keycrm_client(server) as client:
        yield client


@pytest.fixture
def telegram(server: SandboxServer) -> Any:
    return server.vendor("telegram")
