"""Parts of pages that come out alike again and again: rendered once, kept in this process by all that they show.

A part is a template that is given its values and nothing else: neither the request nor the user. What it shows has to
be in its key, so nothing here is ever out of date, and nothing needs to be told that something changed.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import Any

from flask import Flask, g, session
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup

from . import text

#: parts of 1 to 20 KB
KEPT = 400


class _Values:
    """Values that a key stands for: all of them are alike to the cache, which looks at the key only."""

    __slots__ = ("given",)

    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Values)

    def __hash__(self) -> int:
        return 0


def init_app(app: Flask) -> None:
    field = app.config["WTF_CSRF_FIELD_NAME"]  # where Flask-WTF keeps the token of this request

    @lru_cache(maxsize=KEPT)
    def pieces(template: str, _language: str, _key: Hashable, values: _Values) -> tuple[str, ...]:
        """What stands before, between and after the CSRF tokens."""
        given, values.given = values.given, {}  # the key stays, the objects it stands for go
        made = app.jinja_env.get_template(template).render(given)
        token = g.get(field)
        return tuple(made.split(token)) if token else (made,)

    @lru_cache(maxsize=KEPT)
    def signed(_of_session: str) -> str:
        """Signing takes as long as a query, and tokens of a session don't run out before it does."""
        return str(generate_csrf())

    def token() -> str:
        of_session = session.get(field)
        found = signed(of_session) if of_session else str(generate_csrf())
        setattr(g, field, found)
        return found

    def kept(template: str, key: Hashable = None, /, **values: Any) -> Markup:
        """The template with these values, in the reader's language. `key`: what the values show where they are
        objects; without it, the values themselves."""
        found = pieces(template, text.locale(), tuple(values.items()) if key is None else key, _Values(values))
        made = found[0] if len(found) == 1 else (g.get(field) or token()).join(found)
        return Markup(made)  # noqa: S704 - by a template that escapes

    app.jinja_env.globals["kept"] = kept
