"""`flask connections`: connected systems from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from integrations import connectors
from jobs import connections, exchange, overview, reports
from models import db

from .named import connection_named

command = AppGroup("connections", help="Connected systems.")


@command.command("list")
def list_connections() -> None:
    """Id, kind, name and state of each."""
    for system in reports.health():
        click.echo(f"{system.id}\t{system.kind}\t{system.name}\t{system.state}")


@command.command("add")
@click.argument("kind")
@click.option("--name", required=True)
@click.option("--set", "pairs", multiple=True, metavar="K=V", help="A setting of the connector's form; repeat it.")
def add(kind: str, name: str, pairs: tuple[str, ...]) -> None:
    """Connect a system; prints the id."""
    if kind not in connectors():
        raise click.ClickException(f"there is no integration {kind!r}; there are: {', '.join(connectors())}")
    if overview.name_taken(name):
        raise click.ClickException(f"there is a connection {name!r} already")
    settings = _settings(kind, pairs)
    try:
        row = connections.create(kind, name, settings)
    except connections.InvalidSettings as error:
        raise click.ClickException(_told(error)) from None
    db.session.commit()
    click.echo(row.id)


@command.command("test")
@click.argument("name")
def test(name: str) -> None:
    """Try the key with a harmless call."""
    report = connections.test(connection_named(name))
    for note in report.notes:
        click.echo(note, err=not report.ok)
    if not report.ok:
        raise click.ClickException(": ".join(part for part in (report.fault, report.detail) if part) or "it fails")
    click.echo("works")


@command.command("export")
@click.option("--with-secrets", is_flag=True, help="Keys too, readable: keep the file safe.")
def export(with_secrets: bool) -> None:
    """Write all connections as JSON to standard output."""
    click.echo(json.dumps(exchange.export(with_secrets), indent=2, ensure_ascii=False))


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
def import_file(file: Path) -> None:
    """Make or change connections from an exported file; all of it or nothing."""
    try:
        with click.open_file(str(file), encoding="utf-8") as stream:
            content: Any = json.load(stream)
        lines = exchange.load(content)
    except ValueError as error:
        raise click.ClickException(f"{file}: not JSON: {error}") from None
    except exchange.BadFile as error:
        raise click.ClickException(f"{file}: {error}") from None
    except connections.InvalidSettings as error:
        raise click.ClickException(f"{file}: {_told(error)}") from None
    db.session.commit()
    for line in lines:
        click.echo(line)


def _settings(kind: str, pairs: tuple[str, ...]) -> dict[str, str]:
    known = {field.name for field in connectors()[kind].Settings()}
    settings = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or key not in known:
            raise click.UsageError(f"--set {key}: use K=V with one of {', '.join(sorted(known))}")
        settings[key] = value
    return settings


def _told(error: connections.InvalidSettings) -> str:
    return "; ".join(f"{name}: {' '.join(map(str, texts))}" for name, texts in error.errors.items())
