"""Pages. A module here with a blueprint `bp` is found by itself; views parse, call one service function, render."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from flask import Blueprint, Flask


def register(app: Flask) -> None:
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name):
        blueprint = getattr(import_module(f"{__name__}.{module.name}"), "bp", None)
        if isinstance(blueprint, Blueprint):
            app.register_blueprint(blueprint)
