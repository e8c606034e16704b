"""What tests of pages start from."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from integrations.sandbox import SandboxServer
from jobs import connections
from models import db

from .helpers import login


@pytest.fixture
def owner(client: FlaskClient) -> FlaskClient:
    """A browser in which an owner is signed in."""
    login(client)
    return client


@pytest.fixture
def manager(client: FlaskClient) -> FlaskClient:
    """A browser in which a manager is signed in."""
    login(client, "manager")
    return client


@pytest.fixture
def vendor(sandbox: SandboxServer) -> Any:
    """The imitation behind `shiptor`; it takes any number of calls."""
    imitation = sandbox.vendor("shiptor")
    imitation.set_rate(None)
    return imitation


@pytest.fixture
def shiptor(app: Flask, sandbox: SandboxServer) -> int:
    """The id of a connection that delivers in Russia."""
    with app.app_context():
        settings = {"api_url": f"{sandbox.url}/shiptor", "api_key": "sandbox-token", "sender_city": "77000000000",
                    "sender_name": "Shop", "sender_phone": "+79990000000"}  # fmt: skip
        row = connections.create("shiptor", "Shiptor", settings)
        db.session.commit()
        return row.id
