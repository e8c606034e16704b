"""The hub in production form for the browser: gunicorn, one worker and the scheduler, with sandbox vendors beside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flask import Flask

import config
from app import create_app
from integrations.sandbox import SandboxServer
from models import db
from tests import servers
from tests.test_processes import CLEAN, PATIENCE, ROOT, alive, descendants, ready

EMAIL, PASSWORD = "owner@example.com", "four words and nothing more"
COMMANDS = {
    "web": ["gunicorn", "-c", "ops/gunicorn.conf.py", "app:create_app()"],
    "worker": ["rq", "worker", "-q", "-w", "jobs.worker.HubWorker", "-S", "json", "high", "default", "low"],
    "cron": ["python", "-m", "jobs.cron"],
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
        app = create_app(config.load(self.env))
        with app.app_context():
            yield app
            db.session.remove()
            db.engine.dispose()

    def flask(self, *arguments: str) -> str:
        """The output of a `flask` command on this hub; AssertionError with its words when it fails."""
        command = [sys.executable, "-m", "flask", "--app", "app", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        return done.stdout


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


def prepare(env: dict[str, str]) -> None:
    """What a release does once: tables, registries, the owner."""
    command = [sys.executable, "-m", "flask", "--app", "app", "prepare"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr


@contextmanager
def running(env: dict[str, str], sandbox: SandboxServer, log: Path) -> Iterator[Hub]:
    """The processes of one hub; none of them is left afterwards."""
    started: list[subprocess.Popen[bytes]] = []
    url = f"http://127.0.0.1:{env['PORT']}"
    try:
        for command in COMMANDS.values():
            with log.open("ab") as out:
                started.append(
                    subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=out, start_new_session=True)
                )
        servers.wait_until(lambda: ready(url), PATIENCE, f"the hub is ready; it printed:\n{log.read_text()}")
        yield Hub(url, sandbox, env, log)
    finally:
        trees = {pid for process in started for pid in (process.pid, *descendants(process.pid))}
        for pid in alive(trees):
            os.kill(pid, signal.SIGKILL)
        for process in started:
            process.wait()
