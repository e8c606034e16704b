"""Commands of `flask --app app …`. A module here with a click `command` (or several `commands`) is found by itself."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import click
from flask import Flask


def register(app: Flask) -> None:
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name):
        found = import_module(f"{__name__}.{module.name}")
        for command in getattr(found, "commands", (getattr(found, "command", None),)):
            if isinstance(command, click.Command):
                app.cli.add_command(command)
