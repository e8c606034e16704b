"""Adding and removing lines of the form before anything is saved: typed texts in, typed texts out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from werkzeug.datastructures import ImmutableMultiDict, MultiDict

from catalogue import products
from models import Product, db

from .card_values import plain
from .order_fields import clean
from .order_form import MOST_LINES

_NAMES = ("id", "product_id", "sku", "name", "quantity", "price", "discount", "weight")
_KEY = re.compile(rf"lines-(\d{{1,4}})-({'|'.join(_NAMES)})", re.ASCII)

Line = dict[str, str]


def asked(form: MultiDict) -> bool:
    """Whether the form was sent to change its lines rather than to be saved (browsers without scripts)."""
    return bool(form.get("do"))


def typed(form: MultiDict) -> list[Line]:
    """The lines as typed, in their order."""
    found: dict[int, Line] = {}
    for key, value in form.items():
        if match := _KEY.fullmatch(key):
            found.setdefault(int(match[1]), {})[match[2]] = value
    return [found[number] for number in sorted(found)]


def edited(form: MultiDict) -> ImmutableMultiDict:
    """The form with what `do` asks for: "remove-<n>" takes the n-th line away, "add" adds what `add` names."""
    lines, do = typed(form), form.get("do", "")
    if match := re.fullmatch(r"remove-(\d{1,4})", do, re.ASCII):
        lines = [line for number, line in enumerate(lines) if number != int(match[1])]
    wanted = next((value for value in map(clean, form.getlist("add")) if value), "")
    if (wanted or do == "add") and len(lines) < MOST_LINES:
        _add(lines, wanted, form.get("currency", ""))
    others = [(k, v) for k, v in form.items(multi=True) if not k.startswith("lines-") and k not in ("do", "add")]
    numbered = [(f"lines-{n}-{name}", line.get(name, "")) for n, line in enumerate(lines) for name in _NAMES]
    return ImmutableMultiDict(others + numbered)


def _add(lines: list[Line], wanted: str, currency: str) -> None:
    product = _product(wanted)
    if product is None:
        lines.append({"name": wanted[:300], "quantity": "1"})
        return
    for line in lines:
        if line.get("product_id") == str(product.id) and (more := _one_more(line)):
            line["quantity"] = more
            return
    price = f"{product.price:.2f}" if product.currency == currency or not currency else ""
    lines.append(
        {
            "product_id": str(product.id),
            "sku": product.sku,
            "name": product.name,
            "quantity": "1",
            "price": price,
            "weight": str(product.weight or ""),
        }
    )


def _product(wanted: str) -> Product | None:
    """A product chosen from the search, or typed as its exact SKU; anything else is a line of its own."""
    if match := re.fullmatch(r"product-(\d{1,15})", wanted, re.ASCII):
        return db.session.get(Product, int(match[1]))
    found = products.find(wanted, 1) if wanted else []
    return found[0] if found and wanted.casefold() in (found[0].sku.casefold(), found[0].name.casefold()) else None


def _one_more(line: Mapping[str, Any]) -> str:
    try:
        return plain(Decimal(str(line.get("quantity") or 0).replace(",", ".")) + 1)
    except InvalidOperation:
        return ""
