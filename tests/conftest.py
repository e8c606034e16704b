"""Fixtures every test may use. Servers and schemas are made once a session; each test gets a database of its own.

`app`, `client`, `db_session` and `settings` come twice, on SQLite and on PostgreSQL. A test that has no use for both:
`@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)`. A module that needs more in the environment
(SANDBOX_URL, say) overrides the fixture `extra_env`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
import redis
from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient

import config

from . import reset, servers

FERNET_KEY = Fernet.generate_key().decode()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    with servers.postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.valkey_server(tmp_path_factory.mktemp("valkey")) as url:
        yield url


@pytest.fixture
def valkey(valkey_url: str) -> Iterator[redis.Redis]:
    """A client of the session's broker, emptied before the test."""
    with redis.Redis.from_url(valkey_url) as client:
        client.flushall()
        yield client


def make_settings(data_dir: Path, database_url: str, redis_url: str, **more: str) -> config.Settings:
    environ = {
        "DATA_DIR": str(data_dir),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": "for tests only",
        "ENCRYPTION_KEYS": FERNET_KEY,
        "PUBLIC_URL": "http://localhost",
        "LOG_LEVEL": "WARNING",
    }
    return config.load(environ | more)


def make_app(settings: config.Settings) -> Flask:
    """The app as in production, but for forms without CSRF tokens; tests of the tokens switch them on again."""
    from app import create_app

    app = create_app(settings)
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    return app


def migrate(settings: config.Settings) -> None:
    app = make_app(settings)
    with app.app_context():
        flask_migrate.upgrade(str(Path(__file__).parent.parent / "migrations"))
    close(app)


def close(app: Flask) -> None:
    from models import db

    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory, valkey_url: str) -> Path:
    """A migrated, empty database file."""
    folder = tmp_path_factory.mktemp("template")
    path = folder / "hub.sqlite3"
    migrate(make_settings(folder, f"sqlite:///{path}", valkey_url))
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: str, tmp_path_factory: pytest.TempPathFactory, valkey_url: str) -> str:
    """A migrated database, to be reset before use."""
    url = servers.create_database(postgres_server, "hub_test")
    migrate(make_settings(tmp_path_factory.mktemp("migrated"), url, valkey_url))
    reset.prepare(url)
    return url


@pytest.fixture
def postgres_url(migrated_postgres: str) -> str:
    """A PostgreSQL database as the migrations leave it."""
    reset.reset(migrated_postgres)
    return migrated_postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return request.getfixturevalue("postgres_url")
    path = tmp_path / "hub.sqlite3"
    shutil.copy(request.getfixturevalue("sqlite_template"), path)
    return f"sqlite:///{path}"


@pytest.fixture
def extra_env() -> dict[str, str]:
    """More variables for `settings`; override it in a module."""
    return {}


@pytest.fixture
def settings(tmp_path: Path, database_url: str, valkey: redis.Redis, valkey_url: str, extra_env: dict[str, str]) -> Any:
    return make_settings(tmp_path, database_url, valkey_url, **extra_env)


@pytest.fixture
def app(settings: config.Settings) -> Iterator[Flask]:
    app = make_app(settings)
    yield app
    close(app)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def db_session(app: Flask) -> Iterator[Any]:
    """The session of an application context that lasts as long as the test."""
    from models import db

    with app.app_context():
        yield db.session
        db.session.rollback()
