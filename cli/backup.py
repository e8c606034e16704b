"""`flask backup FILE`, `flask restore FILE`: the database and the keys without which its secrets can't be read.

One tar.gz: database.sqlite3 (SQLite's own online backup, consistent while the hub runs) or database.sql (pg_dump's),
and keys.json. It opens everything that the hub holds: it is written with mode 0600 and
belongs in a safe place.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import IO

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import inspect
from sqlalchemy.engine import make_url

import config
from models import db

SQLITE, DUMP, KEYS = "database.sqlite3", "database.sql", "keys.json"


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@with_appcontext
def backup(file: Path) -> None:
    """Write the database and the keys to FILE (.tar.gz)."""
    hub: config.Settings = current_app.config["HUB"]
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / (SQLITE if hub.is_sqlite else DUMP)
        if hub.is_sqlite:
            _copy(_sqlite_path(hub), database)
        else:
            _run(["pg_dump", "--clean", "--if-exists", "--no-owner", f"--file={database}", _plain_url(hub)])
        draft = file.with_name(f".{file.name}.part")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as out, tarfile.open(fileobj=out, mode="w:gz") as archive:
            archive.add(database, database.name)
            _add_keys(archive, hub)
        draft.replace(file)
    click.echo(f"Written to {file}. It holds the keys to all stored secrets: keep it safe.")


def _add_keys(archive: tarfile.TarFile, hub: config.Settings) -> None:
    keys = json.dumps({"SECRET_KEY": hub.secret_key, "ENCRYPTION_KEYS": ",".join(hub.encryption_keys)}).encode()
    entry = tarfile.TarInfo(KEYS)
    entry.size, entry.mode = len(keys), 0o600
    archive.addfile(entry, io.BytesIO(keys))


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace what the database holds now.")
@with_appcontext
def restore(file: Path, force: bool) -> None:
    """Bring back what `backup` wrote. Stop the hub first."""
    hub: config.Settings = current_app.config["HUB"]
    if inspect(db.engine).has_table("orders") and not force:
        raise click.ClickException("the database is not empty; --force replaces what it holds")
    db.engine.dispose()
    wanted = SQLITE if hub.is_sqlite else DUMP
    with tempfile.TemporaryDirectory() as folder, tarfile.open(file) as archive:
        if wanted not in archive.getnames():
            raise click.ClickException(f"{file} holds no {wanted}: it was made on the other kind of database")
        database = Path(folder) / wanted
        with database.open("wb") as out:
            shutil.copyfileobj(_member(archive, wanted), out)
        if hub.is_sqlite:
            _copy(database, _sqlite_path(hub))
        else:
            _run(["psql", "--quiet", "--set=ON_ERROR_STOP=1", f"--file={database}", _plain_url(hub)])
        _bring_back_keys(hub, json.load(_member(archive, KEYS)))


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    found = archive.extractfile(name)
    if found is None:
        raise click.ClickException(f"{name} in the backup is no file")
    return found


def _bring_back_keys(hub: config.Settings, keys: dict[str, str]) -> None:
    """Into DATA_DIR, from where the next start takes them. Keys that the environment gives have to be set there."""
    for variable, name in (("SECRET_KEY", "secret.key"), ("ENCRYPTION_KEYS", "encryption.key")):
        if not os.environ.get(variable):
            path = hub.data_dir / name
            path.unlink(missing_ok=True)
            config.kept_secret(path, partial(keys.__getitem__, variable))
        elif os.environ[variable] != keys[variable]:
            click.echo(f"{variable} in the environment is another than the backup's: take the one in {KEYS}.", err=True)
    click.echo("Restored. Start the hub; it brings the tables up to date by itself.")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as write:
        read.backup(write)


def _sqlite_path(hub: config.Settings) -> Path:
    return Path(str(make_url(hub.database_url).database))


def _plain_url(hub: config.Settings) -> str:
    return hub.database_url.replace("postgresql+psycopg://", "postgresql://", 1)


def _run(command: list[str]) -> None:
    program = shutil.which(command[0])
    if program is None:
        raise click.ClickException(f"{command[0]} is not installed: install PostgreSQL's client programs")
    done = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        raise click.ClickException(f"{command[0]} failed: {done.stderr.strip()[-500:]}")


commands = (backup, restore)
