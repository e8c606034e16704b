"""What we measure against: a bare Flask page, and other products' times as they were measured once.

Without `--peers` the other products are not run. Their times are from one afternoon on a machine of this kind, on
PostgreSQL; they are scaled by how long the same template takes here and now against then: an estimate, printed as one,
and a rough one, since the template's time and theirs do not change alike. With `--peers` django-oscar is run itself
(`oscar_peer.py`), and only what pretix took stays an estimate.
"""

from __future__ import annotations

from collections.abc import Callable

import jinja2
from flask import Flask

from .timing import Clock, best

#: server-side milliseconds of django-oscar 4.2's dashboard and pretix 2026.8, 50 orders a page
OSCAR_LIST = {100_000: 58.0, 1_000_000: 88.0}
OSCAR_RARE = 215.0  # at 1M
OSCAR_COMMON = 1251.0  # at 1M
OSCAR_ORDER = 38.0  # at 100k
PRETIX_RARE = 3019.0  # at 100k
#: rows/s of its CSV of all orders, at 100k
OSCAR_CSV = 1_700.0
#: seconds that the page below took there then, in-process, by Jinja alone
JINJA_THEN = 1 / 831

TEMPLATE = """<!doctype html><html><head><title>{{ title }}</title></head><body><table>
{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table></body></html>"""
#: 50 rows of 12 columns, 17.9 KB as a page
ROWS = [
    [f"F{i:07}", "21.11.2026 19:06", "Шевчишин Тарас", "+380 50 111 2233", "Київ, Нова Пошта", "Чашка «Мавка» + 2",
     "1 250,00 ₴", "Transferred", "Prom", "20450000012345", "карта", "нотатка"]
    for i in range(50)
]  # fmt: skip


def jinja_page() -> Callable[[], str]:
    template = jinja2.Environment(autoescape=True).from_string(TEMPLATE)
    return lambda: template.render(title="Orders", rows=ROWS)


def speed_now(clock: Clock) -> float:
    """How much longer this machine takes for the same work now than it took then."""
    (jinja,) = best(clock, jinja_page(), rounds=20, seconds=1)
    return jinja / JINJA_THEN


def create_app() -> Flask:
    """The least a Flask page of this size can be: one template, no database, no session."""
    app = Flask(__name__)
    template = app.jinja_env.from_string(TEMPLATE)

    @app.get("/")
    def page() -> str:
        return template.render(title="Orders", rows=ROWS)

    return app
