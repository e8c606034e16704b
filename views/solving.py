"""After a click on a problem: what it changed is kept, every page counts anew, and the page says what became of it."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, url_for
from flask_babel import gettext as _

from jobs import reports, wake
from models import db


def keep() -> None:
    reports.forget_problem_count()
    wake.changed()
    db.session.commit()


def told(text: str, n: int) -> Any:
    """Kept, and back to the problems. `n`: how many it settled."""
    keep()
    flash(text if n else _("This was settled meanwhile."), "success" if n else "info")
    return redirect(url_for("problems.index"), 303)
