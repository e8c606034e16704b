"""What tests of pages start from."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from .helpers import login


@pytest.fixture
def owner(client: FlaskClient) -> FlaskClient:
    """A browser in which an owner is signed in."""
    login(client)
    return client
