"""An order as flat texts by key, the shape in which two versions are compared; and what the form carries hidden."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from werkzeug.datastructures import ImmutableMultiDict, MultiDict

from models import Order
from orders import editing, totals

Version = dict[str, str]
AMOUNTS = ("goods_total", "total", "declared_value", "cod_amount")
#: fields that jobs fill in without a new version of the order
FILLED = ("ttn", "paid")
_LINE = ("product_id", "sku", "name", "quantity", "price", "discount", "weight")
_LARGEST = 400_000  # characters of the hidden snapshot


def plain(value: Any) -> str:
    """One text for equal values: 1.50 and 1.5 are the same."""
    if isinstance(value, bool):
        return "1" if value else ""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return "" if value is None else str(value).replace("\r\n", "\n")


def flatten(values: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> Version:
    """Fields by name; lines as JSON by "line:<id>" or "line:new-<n>"."""
    version = {name: plain(values[name]) for name in editing.FIELDS}
    if version["auto_weight"]:
        version["weight"] = ""  # follows the lines; no value of its own
    if not version["cod"]:
        version["cod_amount"] = ""
    for number, line in enumerate(lines):
        key = f"line:{line['id']}" if line.get("id") else f"line:new-{number}"
        version[key] = json.dumps({name: plain(line.get(name)) for name in _LINE}, ensure_ascii=False)
    return version


def saved(order: Order) -> Version:
    values = {name: getattr(order, name) for name in editing.FIELDS}
    return flatten(values, [{"id": line.id, **editing.line_values(line)} for line in order.lines])


def edited(values: Mapping[str, Any], base: Version) -> dict[str, Any]:
    """The form's values without those that jobs fill in and the editor, who found the order as `base`, left alone: what
    came meanwhile is not to be overwritten with what was there before."""
    return {name: value for name, value in values.items() if name not in FILLED or plain(value) != base.get(name)}


def unflatten(version: Mapping[str, str]) -> MultiDict:
    """What a browser would send for this version."""
    form = {name: version.get(name, "") for name in editing.FIELDS if version.get(name) or name not in TICKS}
    if not any(version.get(name) for name in ("buyer_name", "buyer_phone", "buyer_email")):
        form["same_person"] = "1"
    millimetres = {name: form[name] for name in ("length", "width", "height") if form.get(name)}
    form |= {name: plain(Decimal(value) / 10) for name, value in millimetres.items() if value.isdigit()}
    lines = [(key, text) for key, text in version.items() if key.startswith("line:") and text]
    for number, (key, text) in enumerate(lines):
        line = line_of(text)
        form |= {f"lines-{number}-{name}": line.get(name, "") for name in _LINE}
        form[f"lines-{number}-id"] = "" if "new" in key else key.removeprefix("line:")
    return ImmutableMultiDict(form)


TICKS = ("auto_weight", "cod", "paid", "do_not_call", "fulfilment")


def line_of(text: str) -> Version:
    """A line as flatten wrote it; empty for what can't be read."""
    return read(text, longest=5000)


def read(text: str, longest: int = _LARGEST) -> Version:
    """Flat texts from a hidden field. It proposes, decides nothing: what can't be read is as good as nothing."""
    if len(text) > longest:
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(key): value for key, value in found.items() if isinstance(value, str)}


def amounts(form: Mapping[str, str], order: Order | None) -> totals.Before | None:
    """The derived amounts as the form last showed them; the order's own where the form doesn't say."""
    typed = [form.get(f"was-{name}", "") for name in AMOUNTS]
    if all(re.fullmatch(r"\d{1,13}(\.\d{1,4})?", text, re.ASCII) for text in typed):
        return totals.Before(*(Decimal(text) for text in typed))
    return editing.stored_amounts(order) if order else None
