"""`flask prepare`: what every start and every release does before the first request."""

from __future__ import annotations

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from flask_migrate import upgrade


def first_run(app: Flask) -> str | None:
    """Make the owner from ADMIN_EMAIL and ADMIN_PASSWORD, or return the one-time link that creates one.

    None when there is an owner already, or when the environment made one just now.
    """
    from views.setup_link import ensure_owner_from_env, new_setup_link

    with app.app_context():
        if ensure_owner_from_env(app.config["HUB"]):
            return None
        return new_setup_link()


@click.command("prepare")
@with_appcontext
def command() -> None:
    """Bring the database to the newest schema; print the one-time owner link when there is no user yet."""
    upgrade()
    link = first_run(current_app._get_current_object())  # type: ignore[attr-defined]  # werkzeug's proxy is untyped
    if link:
        click.echo(link)
