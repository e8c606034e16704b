"""Addresses of static files, icons and macros: what every page prints dozens of times, made once a process.

A static address carries a mark of the file's contents, so that browsers may keep the file for a year and still get
the new one after an update.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, request, url_for
from markupsafe import Markup


def init_app(app: Flask) -> None:
    folder = Path(app.static_folder or "static")

    @lru_cache(maxsize=1000)
    def mark(filename: str) -> str:
        path = folder / filename
        return f"{zlib.crc32(path.read_bytes()):08x}" if path.is_file() else ""

    @app.url_defaults
    def add_mark(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "v" not in values and (found := mark(values.get("filename", ""))):
            values["v"] = found

    @lru_cache(maxsize=1000)
    def static_url(filename: str) -> str:
        return url_for("static", filename=filename)

    @lru_cache(maxsize=1000)
    def plain_url(endpoint: str, _blueprint: str, _root: str) -> str:
        return url_for(endpoint)

    app.jinja_env.globals["url_for"] = _quick(static_url, plain_url)
    app.jinja_env.globals["icon_markup"] = _icons(app)
    for name in ("ui", "shell"):
        app.jinja_env.globals[name] = _Macros(app, f"macros/{name}.html")


class _Macros:
    """The macros of a template, for all others. Importing them would cost each page, and each of its parts, more than
    they do."""

    def __init__(self, app: Flask, template: str) -> None:
        self._app, self._template = app, template

    def __getattr__(self, macro: str) -> Any:
        return getattr(self._app.jinja_env.get_template(self._template).module, macro)


def _quick(static_url: Callable[[str], str], plain_url: Callable[[str, str, str], str]) -> Callable[..., str]:
    def address(endpoint: str, **values: Any) -> str:
        if endpoint == "static" and len(values) == 1:
            return static_url(values["filename"])
        if not values and request:
            return plain_url(endpoint, request.blueprint or "", request.root_path)
        return url_for(endpoint, **values)

    return address


def _icons(app: Flask) -> Callable[[str, str | None, str], Markup]:
    @lru_cache(maxsize=2000)
    def icon(name: str, label: str | None, css: str) -> Markup:
        made = app.jinja_env.get_template("macros/icon.svg").render(name=name, label=label, css=css)
        return Markup(made)  # noqa: S704 - by a template that escapes

    return icon
