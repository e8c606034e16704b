"""Form fields as people fill them: amounts with a comma or a point, sizes in centimetres, no control characters."""

from __future__ import annotations

import re
import unicodedata
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import Field, SelectField, StringField, TextAreaField, ValidationError
from wtforms.validators import Length, Regexp
from wtforms.widgets import TextInput

from models import Order, OrderLine

from . import text

_NUMBER = re.compile(r"\d{1,15}([.,]\d{0,6})?|[.,]\d{1,6}", re.ASCII)
LONGEST_COMMENT = 10_000


def clean(value: Any, keep: str = "") -> str:
    """Without control characters (a database may refuse them) and without spaces around."""
    kept = (c for c in str(value or "") if c in keep or unicodedata.category(c) not in ("Cc", "Cs"))
    return "".join(kept).strip()


def column_text(name: str, label: str, model: Any = Order, **more: Any) -> StringField:
    """A text field as long as its column."""
    longest = model.__table__.c[name].type.length
    validators = [Length(max=longest, message=_l("Too long: at most %(max)d characters.", max=longest))]
    return StringField(label, [*more.pop("validators", []), *validators], filters=[clean], **more)


def comment(label: str) -> TextAreaField:
    too_long = _l("Too long: at most %(max)d characters.", max=LONGEST_COMMENT)
    return TextAreaField(
        label, [Length(max=LONGEST_COMMENT, message=too_long)], filters=[lambda v: clean(v, keep="\n\t")]
    )


def email_text(name: str, label: str) -> StringField:
    looks = Regexp(r"^$|^[^@\s]+@[^@\s]+\.[^@\s]+$", message=_l("Write it like name@example.com, or leave it empty."))
    return column_text(name, label, validators=[looks])


def line_text(name: str, label: str) -> StringField:
    return column_text(name, label, OrderLine)


def written(number: Decimal | int | None, places: int, scale: int, language: str) -> str:
    """A stored number as people fill it in; `places` and `scale` as NumberField has them."""
    if number is None:
        return ""
    shown = number if scale < 2 else Decimal(number) / scale
    exact = f"{shown:.{places}f}"
    if places != 2 and "." in exact:  # money keeps its cents
        exact = exact.rstrip("0").rstrip(".")
    return exact if language == "en" else exact.replace(".", ",")


class NumberField(Field):
    """A number not below zero. Data: Decimal with `places`, or None when left empty.

    `top`: the largest accepted. `scale`: what is stored is the typed number times this, as a whole number.
    """

    widget = TextInput()

    def __init__(self, label: str = "", places: int = 2, top: int = 10**10, scale: int = 0, **more: Any) -> None:
        super().__init__(label, **more)
        self.places, self.top, self.scale = places, top, scale

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return written(self.data, self.places, self.scale, text.locale())

    def process_formdata(self, valuelist: list[Any]) -> None:
        if not valuelist:
            return
        typed = re.sub(r"[\s'’]", "", str(valuelist[0]))
        self.data = None
        if not typed:
            return
        if not _NUMBER.fullmatch(typed):
            raise ValueError(_("This is not a number from 0 on."))
        exact = Decimal(typed.replace(",", ".")).quantize(Decimal(1).scaleb(-self.places), ROUND_HALF_UP)
        if exact > self.top:
            raise ValueError(_("Too large: at most %(top)s.", top=text.number(self.top)))
        self.data = int(exact * self.scale) if self.scale else exact


class WholeField(NumberField):
    """A whole number from 0 on. Data: int or None."""

    def __init__(self, label: str = "", top: int = 10**9, **more: Any) -> None:
        super().__init__(label, places=0, top=top, scale=1, **more)


class ChoiceField(SelectField):
    """A row of a registry, or nothing. Data: its id or None. A typed name that is no id is refused with the cure."""

    def __init__(self, label: str = "", **more: Any) -> None:
        super().__init__(label, coerce=_id, choices=[], **more)

    def pre_validate(self, form: Any) -> None:
        typed = self.raw_data[0] if self.raw_data else ""
        if (typed and self.data is None) or self.data not in {_id(value) for value, _label in self.choices or []}:
            raise ValidationError(_("Choose one from the list."))


def _id(value: Any) -> int | None:
    written = str(value) if value is not None else ""
    return int(written) if re.fullmatch(r"\d{1,15}", written, re.ASCII) else None


class CodeField(SelectField):
    """One of a few codes; an unknown one that the order has already stays choosable."""

    def __init__(self, label: str = "", **more: Any) -> None:
        super().__init__(label, choices=[], **more)

    def pre_validate(self, form: Any) -> None:
        if self.data not in (value for value, _label in self.choices or []):
            raise ValidationError(_("Choose one from the list."))
