"""Settings: where everything that can be set is found."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template

from jobs import connections

from .registries import PAGES

bp = Blueprint("settings", __name__, url_prefix="/settings")


@bp.get("")
def index() -> Any:
    return render_template("settings/index.html", pages=PAGES, connected=len(connections.active()))
