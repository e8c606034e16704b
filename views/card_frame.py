"""Parts of the card printed as frames: everything but the order's own texts, which are put in each time.

Two orders' forms differ in what stands in their fields and in hardly anything else. A frame is a template rendered
with marks instead of those texts, kept by all else that it shows (`fixed`), and filled with the texts, escaped. So a
template may only print what is marked: neither test it nor pass it through a filter; that is done before.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import Any, Protocol

from flask import current_app, g
from flask_wtf.csrf import generate_csrf
from jinja2 import Environment
from markupsafe import Markup, escape

from . import text
from .order_form import LONGEST, labels

#: of the marks, in Unicode's private area: no template has them, and texts are put in where no mark is looked for
_MARK = re.compile("\ue000(.*?)\ue001")
_SLOT, _CSRF = "slot", "csrf"


class Texts(Protocol):
    """What a frame shows: mappings of texts by name, as attributes. With errors it is rendered as it is."""

    @property
    def errors(self) -> Mapping[str, str]: ...


class _Marks(dict[str, str]):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def __missing__(self, name: str) -> str:
        return f"\ue000{self.kind} {name}\ue001"


class _Marked:
    """Stands for a card_shown.Shown or one of its lines."""

    errors: Mapping[str, str] = {}
    longest = LONGEST

    def __init__(self, language: str) -> None:
        self.labels = labels(language)
        self.texts, self.checked, self.options, self.hints = map(_Marks, ("texts", "checked", "options", "hints"))


Fixed = tuple[tuple[str, Hashable], ...]
#: the pieces of HTML, every second one blank for a text; where those come from: (mapping, name); whether any is a token
Frame = tuple[list[str], list[tuple[str, str]], bool]


@lru_cache(maxsize=400)
def _frame(env: Environment, template: str, language: str, fixed: Fixed) -> Frame:
    marked = _Marked(language)
    made = env.get_template(template).render(dict(fixed), form=marked, line=marked, slot=_Marks(_SLOT))
    if token := g.get(current_app.config["WTF_CSRF_FIELD_NAME"]):  # where Flask-WTF keeps the one of this request
        made = made.replace(token, f"\ue000{_CSRF} \ue001")
    pieces = _MARK.split(made)
    places = [(kind, name) for kind, _space, name in (mark.partition(" ") for mark in pieces[1::2])]
    return pieces, places, any(kind == _CSRF for kind, _name in places)


def framed(template: str, shown: Texts | None, slot: Mapping[str, Any], /, **fixed: Hashable) -> Markup:
    """The template with the texts of `shown` (as `form` and as `line`) and of `slot`."""
    if shown is not None and shown.errors:
        return piece(template, **fixed, form=shown, line=shown, slot=slot)
    pieces, places, signed = _frame(current_app.jinja_env, template, text.locale(), tuple(fixed.items()))
    filled = pieces.copy()
    more = {_SLOT: slot, _CSRF: {"": generate_csrf()}} if signed else {_SLOT: slot}
    filled[1::2] = [escape((more.get(kind) or getattr(shown, kind))[name]) for kind, name in places]
    return Markup("".join(filled))  # noqa: S704 - what is put in is escaped


def piece(template: str, **values: Any) -> Markup:
    """The template with these values, printed as it is."""
    made = current_app.jinja_env.get_template(template).render(values)
    return Markup(made)  # noqa: S704 - by a template that escapes
