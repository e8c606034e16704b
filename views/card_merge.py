"""Two people changed one order: the page that shows both versions, and the version put together from the choices."""

from __future__ import annotations

import json
from typing import Any

from flask import render_template
from flask_babel import gettext as _
from werkzeug.datastructures import ImmutableMultiDict, MultiDict

from models import Order
from orders import merging, timeline

from . import card_timeline, card_values
from .order_form import OrderForm


def page(form: OrderForm, order: Order, base: card_values.Version, send_to: str) -> Any:
    """Both versions, field by field. `order`: how it stands now; `base`: how the editor found it."""
    theirs, mine = card_values.saved(order), card_values.flatten(form.values(), form.line_values())
    differences = merging.compare(base, theirs, mine)
    last = next((e for e in timeline.of_order(order.id, 10) if e.kind == "edited"), None)
    now = render_template(
        "card/merge.html",
        order=order,
        rows=[(d, _label(d.key), *(_shown(d.key, t, form) for t in (d.base, d.theirs, d.mine))) for d in differences],
        conflicts=sum(d.conflict for d in differences),
        last=last,
        theirs=json.dumps(theirs, ensure_ascii=False),
        mine=json.dumps(mine, ensure_ascii=False),
        send_to=send_to,
    )
    return now, 409


def combined(form: MultiDict) -> ImmutableMultiDict:
    """The form as it would have been sent, had its editor typed what was chosen on the merge page."""
    theirs, mine = card_values.read(form.get("theirs", "")), card_values.read(form.get("mine", ""))
    picks = {key.removeprefix("pick-"): value for key, value in form.items() if key.startswith("pick-")}
    chosen = card_values.unflatten(merging.combine(theirs, mine, picks))
    carried = {"version": form.get("version", ""), "base": form.get("theirs", ""), "send_to": form.get("send_to", "")}
    return ImmutableMultiDict({**chosen.to_dict(), **carried})


def _label(key: str) -> str:
    if key.startswith("line:"):
        return _("Product")
    label = card_timeline.LABELS.get(key)
    return _(label) if label else key


def _shown(key: str, value: str, form: OrderForm) -> str:
    """A flat value in words, as the form would show it."""
    if key.startswith("line:"):
        return _line(value)
    if key in card_values.TICKS:
        return _("yes") if value else _("no")
    choices = getattr(form[key], "choices", None) if key in form else None
    if choices:
        return next((str(label) for code, label in choices if str(code) == value), value)
    if key in ("length", "width", "height"):
        return card_timeline.shown(key, int(value or 0), "")
    return card_timeline.shown(key, value, form.currency.data or "")


def _line(value: str) -> str:
    line = card_values.line_of(value)
    if not line:
        return ""
    parts = [line.get("sku", ""), line.get("name", ""), f"{line.get('quantity', '')} × {line.get('price', '')}"]
    if line.get("discount") not in ("", "0", None):
        parts.append(f"−{line['discount']}")
    return " · ".join(part for part in parts if part)
