"""Ready-made rules: the editor opens with them filled in, and nothing is kept before it is saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _

from integrations.text import N_
from orders import reading

from .rule_form import Form


@dataclass(frozen=True)
class Template:
    key: str
    title: str
    text: str
    form: Callable[[], Form]


def _stuck() -> Form:
    new = next((s.id for s in reading.statuses() if s.group == "new"), None)
    return Form(
        _("Cancel what is stuck"),
        "waited",
        {"status": new, "number": 3, "unit": "days"},
        [{"field": "paid", "op": "not"}],
        [{"kind": "cancel", "text": _("The order was not confirmed in time.")}],
    )


TEMPLATES = (
    Template(
        "stuck",
        N_("Cancel what is stuck"),
        N_("An unpaid order that stays New for three days is cancelled, and the marketplace is told with a reason."),
        _stuck,
    ),
)


def form_of(key: str) -> Form | None:
    return next((template.form() for template in TEMPLATES if template.key == key), None)


def offered() -> list[tuple[str, str, Any]]:
    """(key, title, text) of each, in the reader's language."""
    return [(template.key, _(template.title), _(template.text)) for template in TEMPLATES]
