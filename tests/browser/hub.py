"""The hub in production form for the browser: gunicorn, one worker and the scheduler, with sandbox vendors beside."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from flask import Flask

import config
from app import create_app
from integrations.sandbox import SandboxServer
from models import db, use_encryption_keys
from tests import forked, servers
from tests.test_processes import CLEAN, PATIENCE, alive, descendants, ready

EMAIL, PASSWORD = "owner@example.com", "four words and nothing more"
COMMANDS = {
    "web": ["gunicorn", "-c", "ops/gunicorn.conf.py", "app:create_app()"],
    "worker": ["rq", "worker", "-q", "-w", "jobs.worker.HubWorker", "-S", "json", "high", "default", "low"],
    "cron": ["cron"],
}


@dataclass
class Hub:
    """A running hub: its address, its vendors, and the environment that its commands need."""

    url: str
    sandbox: SandboxServer
    env: dict[str, str]
    log: Path

    @contextmanager
    def inside(self) -> Iterator[Flask]:
        """An application context on the hub's own database and broker, to put things there without clicking."""
        use_encryption_keys(self.app.config["HUB"].encryption_keys)
        with self.app.app_context():
            yield self.app
            db.session.remove()
            db.engine.dispose()

    @cached_property
    def app(self) -> Flask:
        return create_app(config.load(self.env))


def environment(data_dir: Path, database_url: str, redis_url: str, sandbox_url: str, port: int) -> dict[str, str]:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{CLEAN.get('PATH', '')}"
    return CLEAN | {
        "PATH": programs,
        "PYTHONUNBUFFERED": "1",
        "DATA_DIR": str(data_dir),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SANDBOX_URL": sandbox_url,
        "PORT": str(port),
        "ADMIN_EMAIL": EMAIL,
        "ADMIN_PASSWORD": PASSWORD,
        "WEB_WORKERS": "1",
        "WEB_THREADS": "8",
        "LOG_LEVEL": "WARNING",
    }


def prepare(env: dict[str, str], log: Path) -> None:
    """What a release does once: tables, registries, the owner. The log gets what it says."""
    log.touch()
    done = forked.start(["flask", "--app", "app", "prepare"], env, log)
    done.join(PATIENCE)
    assert done.exitcode == 0, log.read_text()


@contextmanager
def running(env: dict[str, str], sandbox: SandboxServer, log: Path) -> Iterator[Hub]:
    """The processes of one hub; none of them is left afterwards."""
    started: list[ForkServerProcess] = []
    log.touch()
    url = f"http://127.0.0.1:{env['PORT']}"
    try:
        for command in COMMANDS.values():
            started.append(forked.start(command, env, log))
        servers.wait_until(lambda: ready(url), PATIENCE, f"the hub is ready; it printed:\n{log.read_text()}")
        yield Hub(url, sandbox, env, log)
    finally:
        trees = {pid for process in started for pid in (process.pid, *descendants(process.pid))}
        for pid in alive(trees):
            os.kill(pid, signal.SIGKILL)
        for process in started:
            process.join()
            process.close()
