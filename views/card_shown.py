"""What the form on the card shows: texts by field, of the order as it is saved or as somebody typed it.

Templates know only this. A card that is just read needs no form object with its sixty fields, which cost more than all
queries together; one that was sent and refused does, and both look the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any

from flask import current_app
from jinja2 import Environment
from markupsafe import Markup
from wtforms import BooleanField, SelectField

from models import Order
from orders import editing, parcels, totals

from . import order_form, text
from .card_frame import piece
from .order_fields import written
from .order_form import LONGEST, NUMBERS, TICKS, LineForm, OrderForm, labels

#: fields that may have a hint beside them
HINTED = {"postal_code", "discount", "cod_method"}
_LINE_NUMBERS = {"quantity": (3, 0), "price": (2, 0), "discount": (2, 0), "weight": (0, 1)}
_LINE_TEXTS = ("id", "product_id", "sku", "name")
_NO_TEXTS = {*NUMBERS, *TICKS}
#: amounts that the field leaves empty when they are nought, like a line's: it reads quicker
_BLANK = ("discount", "length", "width", "height")


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table of products. `texts` and `errors` by field; `total` in the order's currency."""

    texts: Mapping[str, str]
    total: Decimal
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Shown:
    """`texts`: by field, of choices the value; `ticks`: the fields that are ticked; `errors`: field -> sentence;
    `hints`: field -> what the rules say of it."""

    texts: dict[str, str]
    ticks: frozenset[str]
    choices: order_form.Choices
    labels: Mapping[str, str]
    lines: Sequence[Line]
    errors: Mapping[str, str] = field(default_factory=dict)
    messages: Sequence[str] = ()
    hints: dict[str, Markup] = field(default_factory=lambda: dict.fromkeys(HINTED, Markup()))
    longest: Mapping[str, int] = field(default_factory=lambda: LONGEST)

    @cached_property
    def checked(self) -> Mapping[str, str]:
        """Tick box -> its attribute."""
        return {name: "checked" if name in self.ticks else "" for name in TICKS}

    @cached_property
    def options(self) -> Mapping[str, Markup]:
        """Field with a choice -> its options."""
        env = current_app.jinja_env
        return {name: _options(env, tuple(found), self.texts[name]) for name, found in self.choices.items()}

    @property
    def method(self) -> str:
        """The name of the delivery method."""
        chosen = self.texts["delivery_method_id"]
        return next((name for value, name in self.choices["delivery_method_id"] if str(value) == chosen), "")

    def settle(self, settled: Mapping[str, Any], problems: Mapping[str, str]) -> None:
        """Show what follows from the rest: the weight, and sentences about what the rules don't allow."""
        if "auto_weight" in self.ticks:
            self.texts["weight"] = str(settled["weight"])
        if parcels.are_counted(settled):
            self.texts |= {name: written(settled[name] or None, 1, 10, text.locale()) for name in parcels.SIDES}
        for name in problems.keys() & HINTED - self.errors.keys():
            self.hints[name] = piece("card/_hint.html", text=problems[name])

    @property
    def currency(self) -> str:
        return self.texts["currency"] or "UAH"

    @property
    def refused(self) -> bool:
        return bool(self.errors or self.messages or any(line.errors for line in self.lines))


@lru_cache(maxsize=1000)
def _options(_env: Environment, choices: tuple[tuple[Any, str], ...], chosen: str) -> Markup:
    return piece("card/_options.html", choices=choices, chosen=chosen)


def of_order(order: Order, choices: order_form.Choices) -> Shown:
    """An order as it is saved."""
    language = text.locale()
    values = vars(order)
    texts = {name: str(values[name] or "") for name in editing.FIELDS if name not in _NO_TEXTS}
    for name, (places, scale) in NUMBERS.items():
        number = values[name]
        texts[name] = written(None if name in _BLANK and not number else number, places, scale, language)
    if not order.cod:
        texts["cod_amount"] = ""
    ticks = {name for name in TICKS if values.get(name)}
    if not (order.buyer_name or order.buyer_phone or order.buyer_email):
        ticks.add("same_person")
    lines = [_of_line(vars(line), language) for line in order.lines]
    return Shown(texts, frozenset(ticks), choices, labels(language), lines)


def _of_line(line: Mapping[str, Any], language: str) -> Line:
    texts = {name: str(line[name] or "") for name in _LINE_TEXTS}
    for name, (places, scale) in _LINE_NUMBERS.items():
        number = line[name]
        blank = not number and name in ("discount", "weight")
        texts[name] = written(None if blank else number, places, scale, language)
    return Line(texts, totals.line_total(line))


def of_form(form: OrderForm) -> Shown:
    """A form as it was typed, with what is wrong in it."""
    fields = [one for one in form if one.name != "lines"]
    return Shown(
        {one.name: _text(one) for one in fields if not isinstance(one, BooleanField)},
        frozenset(one.name for one in fields if isinstance(one, BooleanField) and one.data),
        {one.name: list(one.choices or []) for one in fields if isinstance(one, SelectField)},
        labels(text.locale()),
        [_of_typed(entry.form) for entry in form.lines],
        {one.name: " ".join(map(str, one.errors)) for one in fields if one.errors},
        [str(message) for message in form.form_errors],
    )


def _text(one: Any) -> str:
    if isinstance(one, SelectField):
        return "" if one.data is None else str(one.data)
    return str(one._value())


def _of_typed(form: LineForm) -> Line:
    errors = {one.short_name: " ".join(map(str, one.errors)) for one in form if one.errors}
    return Line({one.short_name: _text(one) for one in form}, form.total, errors)
