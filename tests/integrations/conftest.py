"""The sandboxes, served once for each module and as good as new for each test."""

from collections.abc import Iterator

import httpx
import pytest

from integrations.sandbox import SandboxServer
from tests.integrations.sandboxes import TLS, crm_client, prom_client


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


@pytest.fixture
def server(running: SandboxServer) -> SandboxServer:
    """The sandboxes as fresh as on their first start."""
    running.app.latency = 0
    for vendor in running.app.vendors.values():
        vendor.emit(None)
        vendor.reset()
    return running


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
