"""Hubs to measure: the real app on SQLite and on a real PostgreSQL, migrated and filled, with a real broker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flask_migrate
from cryptography.fernet import Fernet
from flask import Flask

import config
from app import create_app
from jobs import connections
from models import Connection, db
from orders import fill
from tests import servers

from .timing import Clock, children

MIGRATIONS = str(Path(__file__).parent.parent / "migrations")
DATABASES = ("SQLite", "PostgreSQL")
FERNET_KEY = Fernet.generate_key().decode()
#: a server that works for its living would have these; its defaults are for a machine of twenty years ago
POSTGRES = {"shared_buffers": "512MB", "work_mem": "32MB", "effective_cache_size": "2GB", "max_wal_size": "8GB",
            "random_page_cost": "1.1"}  # fmt: skip


@dataclass(eq=False)
class Hub:
    """An application on one database with so many orders."""

    app: Flask
    environ: dict[str, str]
    database: str
    size: int
    clock: Clock
    seconds: float = 0  # that the fill took

    @property
    def name(self) -> str:
        return f"{self.database} {short(self.size)}"


def short(n: int) -> str:
    return f"{n // 1_000_000}M" if n and n % 1_000_000 == 0 else f"{n // 1000}k" if n % 1000 == 0 else str(n)


class Hubs:
    """Servers and hubs of one benchmark, each started when first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stack = ExitStack()
        self._postgres = ""
        self._broker = ""
        self._servers: list[int] = []
        self._hubs: dict[tuple[str, int, str], Hub] = {}

    def __enter__(self) -> Hubs:
        return self

    def __exit__(self, *error: object) -> None:
        for hub in self._hubs.values():
            with hub.app.app_context():
                db.session.remove()
                db.engine.dispose()
        self.stack.close()

    def postgres(self) -> str:
        if not self._postgres:
            self._postgres = self._started(servers.postgres_server(POSTGRES))
        return self._postgres

    def broker(self) -> str:
        if not self._broker:
            self._broker = self._started(servers.valkey_server(self.folder / "broker"))
        return self._broker

    def clock(self, *more: int) -> Clock:
        """Of the servers that were started so far and of other processes."""
        return Clock(*self._servers, *more)

    def _started(self, server: AbstractContextManager[str]) -> str:
        """Its address; its process is remembered for the clock."""
        before = set(children())
        url = self.stack.enter_context(server)
        self._servers += sorted(set(children()) - before)
        return url

    def hub(self, database: str, size: int, sandbox: str = "") -> Hub:
        """A hub with `size` invented orders and two connections; made once. `sandbox`: the address its connections
        reach; its orders have no copies yet."""
        key = (database, size, sandbox)
        if key not in self._hubs:
            self._hubs[key] = self._make(database, size, sandbox)
        return self._hubs[key]

    def _make(self, database: str, size: int, sandbox: str) -> Hub:
        name = f"hub_{size}_{len(self._hubs)}"
        folder = self.folder / f"{database}-{name}"
        folder.mkdir()
        if database == "SQLite":
            url = f"sqlite:///{folder / 'hub.sqlite3'}"
        else:
            url = servers.create_database(self.postgres(), name)
        environ = {
            "DATA_DIR": str(folder),
            "DATABASE_URL": url,
            "SQLITE_SYNCHRONOUS": "NORMAL",  # nor does that PostgreSQL, or the broker, wait for the disk
            "REDIS_URL": self.broker(),
            "SECRET_KEY": "for benchmarks only",
            "ENCRYPTION_KEYS": FERNET_KEY,
            "PUBLIC_URL": "http://localhost",
            "LOG_LEVEL": "ERROR",
            "SANDBOX_URL": sandbox,
        }
        hub = Hub(create_app(config.load(environ)), environ, database, size, self.clock())
        hub.app.config.update(WTF_CSRF_ENABLED=False)
        with hub.app.app_context():
            flask_migrate.upgrade(MIGRATIONS)
            prom, crm = add_connections(sandbox or "http://127.0.0.1:9")
            began = time.perf_counter()
            if size:
                fill.fill(size, origins=[] if sandbox else [prom], destinations=[] if sandbox else [crm])
            hub.seconds = time.perf_counter() - began
            db.session.remove()
        return hub


def add_connections(url: str) -> tuple[int, int]:
    """A source and a destination under this address; returns their ids."""
    prom = connections.create("prom", "Prom", {"api_url": f"{url}/prom", "token": "sandbox-token"})
    settings = {"api_url": f"{url}/retailcrm", "api_key": "sandbox-token", "site": "shop-1"}
    crm = connections.create("retailcrm", "CRM", settings)
    db.session.commit()
    return prom.id, crm.id


@contextmanager
def in_hub(hub: Hub) -> Iterator[Any]:
    """The hub's application context; what is not committed is rolled back."""
    with hub.app.app_context():
        yield db.session
        db.session.rollback()


def ids_of(*kinds: str) -> list[int]:
    """The connections of these kinds, in a hub's context."""
    found = dict(db.session.execute(db.select(Connection.kind, Connection.id)).all())
    return [found[kind] for kind in kinds]
