"""The schema: up, down, up again, and nothing in the models that a migration forgot."""

from __future__ import annotations

import flask_migrate
import pytest
from sqlalchemy import inspect

from models import db

from . import servers
from .conftest import close, make_app, make_settings


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    else:
        server = request.getfixturevalue("postgres_server")
        yield servers.create_database(server, "hub_empty")
        servers.drop_database(server, "hub_empty")


@pytest.fixture
def empty_app(tmp_path, empty_database_url, valkey_url):
    app = make_app(make_settings(tmp_path, empty_database_url, valkey_url))
    with app.app_context():
        yield app
    close(app)


def test_up_down_and_up_again(empty_app):
    flask_migrate.upgrade()
    there = set(inspect(db.engine).get_table_names())
    assert set(db.metadata.tables) <= there
    flask_migrate.downgrade(revision="base")
    left = {name for name in inspect(db.engine).get_table_names() if not name.startswith("sqlite_")}
    assert left <= {"alembic_version"}
    flask_migrate.upgrade()
    assert set(inspect(db.engine).get_table_names()) == there


def test_models_and_migrations_agree(empty_app):
    flask_migrate.upgrade()
    flask_migrate.check()  # exits with the difference when there is one
