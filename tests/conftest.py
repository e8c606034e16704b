"""Fixtures every test may use. Servers, schemas and apps are made once a session; each test gets an empty database.

`app`, `client`, `db_session` and `settings` come twice, on SQLite and on PostgreSQL. A test that has no use for both:
`@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)`. A module that needs more in the environment
(SANDBOX_URL, say) overrides the fixture `extra_env`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import flask_migrate
import hypothesis
import jinja2
import pytest
import redis
import structlog
from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient

import config
from integrations import connectors, http
from integrations.sandbox import SandboxServer

from . import reset, servers

# how long drawing or running an example takes says how busy the machine is, and nothing about the hub
hypothesis.settings.register_profile(
    "hub", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("hub")

FERNET_KEY = Fernet.generate_key().decode()


def plain_logs() -> None:
    """As structlog prints by itself, but for tracebacks: to draw one with rich takes seconds of a processor."""
    structlog.reset_defaults()
    *before, _drawn = structlog.get_config()["processors"]
    structlog.configure([*before, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)])


plain_logs()


@pytest.fixture(scope="session", autouse=True)
def _templates_compiled_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    """However many apps and processes show them: to compile all takes three seconds of a processor. What is kept goes
    by a template's text."""
    from app import Hub

    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "templates"
    folder.mkdir(exist_ok=True)
    Hub.jinja_options = {"bytecode_cache": jinja2.FileSystemBytecodeCache(str(folder))}


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


@pytest.fixture(scope="session")
def vendors() -> Iterator[SandboxServer]:
    """The sandboxes of all vendors; tests ask for `sandbox`."""
    with SandboxServer() as server:
        yield server
    http.close_all()


@pytest.fixture
def sandbox(vendors: SandboxServer) -> SandboxServer:
    """The sandboxes as fresh as on their first start. Not there for the app by itself: see `extra_env`."""
    vendors.app.latency = 0
    for vendor in vendors.app.vendors.values():
        vendor.emit(None)
        vendor.reset()
    return vendors


@pytest.fixture
def unlimited(sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> SandboxServer:
    """Vendors that take any number of calls a second, here and there: for what is not about the pace, which would
    spend most of its time waiting for turns. Processes that a test starts keep the pace."""
    for vendor in sandbox.app.vendors.values():
        vendor.set_rate(None)
    for kind in connectors().values():
        monkeypatch.setattr(kind, "rate", None)
    return sandbox


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


def rest(app: Flask) -> None:
    """Close, but for connections to PostgreSQL: they know its catalogue, and what is in it is the same in each test."""
    from models import db

    with app.app_context():
        db.session.remove()
        if db.engine.dialect.name == "sqlite" or db.engine.pool.checkedout():
            db.engine.dispose()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory, valkey_url: str) -> Path:
    """A migrated, empty database file."""
    folder = tmp_path_factory.mktemp("template")
    path = folder / "hub.sqlite3"
    migrate(make_settings(folder, f"sqlite:///{path}", valkey_url))
    return path


@pytest.fixture(scope="session")
def migrated_postgres(
    postgres_server: str, tmp_path_factory: pytest.TempPathFactory, valkey_url: str
) -> Iterator[reset.Kept]:
    """A migrated database, to be reset before use."""
    url = servers.create_database(postgres_server, "hub_test")
    migrate(make_settings(tmp_path_factory.mktemp("migrated"), url, valkey_url))
    kept = reset.Kept(url)
    yield kept
    kept.close()


@pytest.fixture
def postgres_url(migrated_postgres: reset.Kept) -> str:
    """A PostgreSQL database as the migrations leave it."""
    migrated_postgres.reset()
    return migrated_postgres.url


@pytest.fixture(scope="session")
def sqlite_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sqlite") / "hub.sqlite3"


@pytest.fixture
def sqlite_url(sqlite_path: Path, sqlite_template: Path) -> str:
    """An SQLite database as the migrations leave it. The address stays the same, the file is a new one: what a test
    has left open goes on with the file of that test."""
    fresh = sqlite_path.with_name("fresh")
    shutil.copy(sqlite_template, fresh)
    for ending in ("-wal", "-shm"):
        sqlite_path.with_name(sqlite_path.name + ending).unlink(missing_ok=True)
    fresh.replace(sqlite_path)
    return f"sqlite:///{sqlite_path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture
def extra_env() -> dict[str, str]:
    """More variables for `settings`; override it in a module."""
    return {}


@pytest.fixture
def settings(tmp_path: Path, database_url: str, valkey: redis.Redis, valkey_url: str, extra_env: dict[str, str]) -> Any:
    return make_settings(tmp_path, database_url, valkey_url, **extra_env)


@dataclass
class Apps:
    """Apps that serve one test after the other, as they serve one request after the other: a new one takes a tenth of
    a second to make, and then compiles every template and every query anew. Each environment has its own."""

    made: dict[config.Settings, tuple[Flask, dict[str, Any], dict[str, Any], dict[str, Any]]] = field(
        default_factory=dict
    )

    def serve(self, settings: config.Settings) -> Flask:
        """The app of this environment, with the configuration and the extensions it was made with. There is one
        limiter for all apps: it counts where this app's does."""
        from models import use_encryption_keys
        from views.security import limiter

        key = replace(settings, data_dir=Path())
        if key not in self.made:
            app = make_app(settings)
            self.made[key] = app, dict(app.config), dict(app.extensions), dict(vars(limiter))
        app, configuration, extensions, limits = self.made[key]
        found = (app.config, {**configuration, "HUB": settings}), (app.extensions, extensions), (vars(limiter), limits)
        for held, kept in found:
            held.clear()
            held.update(kept)
        use_encryption_keys(settings.encryption_keys)
        return app


@pytest.fixture(scope="session")
def apps() -> Iterator[Apps]:
    apps = Apps()
    yield apps
    for app, *_ in apps.made.values():
        close(app)


@pytest.fixture
def app(apps: Apps, settings: config.Settings) -> Iterator[Flask]:
    app = apps.serve(settings)
    yield app
    rest(app)


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
