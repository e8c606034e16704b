"""The form of an order: what is typed turned into values for orders.editing, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

from babel import Locale
from flask_babel import gettext as _
from werkzeug.datastructures import ImmutableMultiDict, MultiDict
from wtforms import BooleanField, FieldList, Form, FormField, HiddenField, StringField, ValidationError

from integrations.text import N_
from models import Order
from orders import editing, lists, phones, reading, totals

from . import text
from .order_fields import (
    LONGEST_COMMENT,
    ChoiceField,
    CodeField,
    NumberField,
    WholeField,
    clean,
    column_text,
    comment,
    email_text,
    line_text,
)

MOST_LINES = 300
COUNTRIES = ("UA", "RU", "KZ", "BY", "MD", "PL", "RO", "DE", "CZ", "LT", "LV", "EE", "GE", "AM", "AZ", "UZ", "KG", "TR",
             "GB", "US", "IL")  # fmt: skip
CURRENCIES = ("UAH", "RUB", "KZT", "USD", "EUR", "PLN", "BYN")

#: keys that orders.editing and orders.totals give -> what to do about it
MESSAGES = {
    "required": N_("Fill this in."),
    "number_taken": N_("Another order has this number. Choose another one."),
    "number_reserved": N_("This word is the address of a page. Add a digit to it."),
    "number_unfit": N_("Use letters, digits, spaces and - _ . / only, at most 64."),
    "card_impossible": N_("This delivery method takes cash only. Choose cash, or another method."),
    "postal_code_required": N_("This delivery method needs the postal code."),
    "discount_above_goods": N_("The discount is larger than the goods. Make it smaller."),
    "line_discount_above": N_("A discount is larger than its line. Make it smaller."),
    "weight_too_large": N_("That is more than a thousand tonnes. Check quantities and weights."),
    "sum_too_large": N_("The sum is too large. Check quantities and prices."),
    "quote_changed": N_("The delivery's price or time is another now. Accept or decline that first."),
    "method_locked": N_("An end-to-end order that was transferred keeps its delivery method."),
    "locked": N_("The order is deleted. Restore it, or delete its links, to change it."),
}


class LineForm(Form):
    id = HiddenField(filters=[clean])
    product_id = HiddenField(filters=[clean])
    sku = line_text("sku", N_("SKU"))
    name = line_text("name", N_("Name"))
    quantity = NumberField(N_("Quantity"), places=3, top=10**6)
    price = NumberField(N_("Price"))
    discount = NumberField(N_("Discount"))
    weight = WholeField(N_("Weight of one, g"), top=10**7)

    def validate_name(self, field: StringField) -> None:
        if not field.data and (self.sku.data or self.price.data):
            raise ValidationError(_("Name the product."))

    @property
    def is_blank(self) -> bool:
        return not (self.name.data or self.sku.data or self.price.data)

    def values(self) -> dict[str, Any]:
        """As orders.editing takes a line; "id" only when it is a saved one."""
        row = {
            "product_id": _number(self.product_id.data),
            "sku": self.sku.data or "",
            "name": self.name.data or "",
            "quantity": Decimal(1) if self.quantity.data is None else self.quantity.data,
            "price": self.price.data or Decimal(0),
            "discount": self.discount.data or Decimal(0),
            "weight": self.weight.data or 0,
        }
        return {"id": saved, **row} if (saved := _number(self.id.data)) else row

    @property
    def total(self) -> Decimal:
        return totals.line_total(self.values())


class OrderForm(Form):
    number = column_text("number", N_("Number"))
    shop_id = ChoiceField(N_("Shop"))
    source_id = ChoiceField(N_("Source"))
    type_id = ChoiceField(N_("Type"))

    last_name = column_text("last_name", N_("Last name"))
    first_name = column_text("first_name", N_("First name"))
    patronymic = column_text("patronymic", N_("Patronymic"))
    phone = StringField(N_("Phone"), filters=[clean])
    email = email_text("email", N_("E-mail"))
    same_person = BooleanField(N_("The buyer is the recipient"))
    buyer_name = column_text("buyer_name", N_("Buyer"))
    buyer_phone = StringField(N_("Buyer's phone"), filters=[clean])
    buyer_email = email_text("buyer_email", N_("Buyer's e-mail"))

    country = CodeField(N_("Country"))
    region = column_text("region", N_("Region"))
    city = column_text("city", N_("City"))
    street = column_text("street", N_("Street"))
    house = column_text("house", N_("House"))
    flat = column_text("flat", N_("Flat"))
    postal_code = column_text("postal_code", N_("Postal code"))
    address_text = column_text("address_text", N_("Address in one line"))

    delivery_method_id = ChoiceField(N_("Delivery method"))
    tariff_code = column_text("tariff_code", N_("Tariff code"))
    tariff_name = column_text("tariff_name", N_("Tariff"))
    delivery_term = column_text("delivery_term", N_("Delivery time"))
    pickup_code = column_text("pickup_code", N_("Pickup point code"))
    pickup_address = column_text("pickup_address", N_("Pickup point address"))
    delivery_cost = NumberField(N_("Delivery cost"))
    weight = WholeField(N_("Weight, g"), top=totals.HEAVIEST)
    auto_weight = BooleanField(N_("Weight from the products"))
    length = NumberField(N_("Length, cm"), places=1, top=100_000, scale=10)
    width = NumberField(N_("Width, cm"), places=1, top=100_000, scale=10)
    height = NumberField(N_("Height, cm"), places=1, top=100_000, scale=10)
    ttn = column_text("ttn", N_("Tracking number"))

    currency = CodeField(N_("Currency"))
    discount = NumberField(N_("Discount on the order"))
    coupon = column_text("coupon", N_("Coupon"))
    declared_value = NumberField(N_("Declared value"))
    cod = BooleanField(N_("Collect on delivery"))
    cod_amount = NumberField(N_("To collect"))
    cod_method = CodeField(N_("Paid on delivery by"))
    paid = BooleanField(N_("Paid"))
    payment_method_id = ChoiceField(N_("Payment method"))

    customer_comment = comment(N_("Customer's comment"))
    staff_comment = comment(N_("Your comment"))
    do_not_call = BooleanField(N_("Do not call"))
    fulfilment = BooleanField(N_("Fulfilment"))
    lines = FieldList(FormField(LineForm))

    def __init__(
        self, formdata: MultiDict | None, order: Order | None, *, known: Choices | None = None, **initial: Any
    ) -> None:
        """`known`: what `choices` says, where the caller has it."""
        self.order = order
        super().__init__(_sifted(formdata) if formdata is not None else None, data=initial or None)
        for field, found in (known or choices(order, lists.read())).items():
            self[field].choices = found

    def validate_number(self, field: StringField) -> None:
        if not field.data:
            raise ValidationError(_(MESSAGES["required"]))

    def validate_type_id(self, field: ChoiceField) -> None:
        if field.data is None:
            raise ValidationError(_("Choose one from the list."))

    def validate_phone(self, field: StringField) -> None:
        self._read_phone(field, self.order.phone if self.order else "")

    def validate_buyer_phone(self, field: StringField) -> None:
        if not self.same_person.data:
            self._read_phone(field, self.order.buyer_phone if self.order else "")

    def _read_phone(self, field: StringField, saved: str) -> None:
        """A phone that came from a shop unreadable may stay as it is; a typed one has to be a phone."""
        if field.data == saved:
            return
        found = phones.to_e164(field.data or "", self.country.data or "UA")
        if found is None:
            raise ValidationError(
                _("This can't be a phone number. Write it with the country's code: +380 67 123 45 67.")
            )
        field.data = found

    def values(self) -> dict[str, Any]:
        """What orders.editing takes."""
        values = {name: self[name].data for name in editing.FIELDS}
        if self.same_person.data:
            values |= {"buyer_name": "", "buyer_phone": "", "buyer_email": ""}
        values |= {name: values[name] or 0 for name in ("weight", "length", "width", "height")}
        values |= {name: values[name] or Decimal(0) for name in ("delivery_cost", "discount", "cod_amount")}
        return values

    def line_values(self) -> list[dict[str, Any]]:
        return [entry.form.values() for entry in self.lines if not entry.form.is_blank]

    def refuse(self, errors: Mapping[str, str]) -> None:
        """Show what the rules say beside the fields; what belongs to no field goes on top."""
        for name, key in errors.items():
            message = _(MESSAGES[key])
            if name in self and name != "lines":
                self[name].errors = [*self[name].errors, message]
            else:
                self.form_errors.append(message)

    @property
    def first_errors(self) -> Sequence[str]:
        return [str(message) for field in self for message in field.errors if isinstance(message, str)]


_FIELDS = {name: unbound for name, unbound in vars(OrderForm).items() if hasattr(unbound, "field_class")}
#: the form's fields -> their names, to be translated
LABELS = {name: unbound.args[0] for name, unbound in _FIELDS.items() if name != "lines"}
LINE_LABELS = {name: unbound.args[0] for name, unbound in vars(LineForm).items() if getattr(unbound, "args", ())}
TICKS = [name for name, unbound in _FIELDS.items() if unbound.field_class is BooleanField]
#: field -> decimal places and scale, as NumberField has them
NUMBERS = {name: (unbound.kwargs.get("places", 2), unbound.kwargs.get("scale", 0)) for name, unbound in _FIELDS.items()
           if unbound.field_class is NumberField} | {"weight": (0, 1)}  # fmt: skip
#: text field -> most characters
LONGEST = {name: getattr(Order.__table__.c[name].type, "length", None) or LONGEST_COMMENT
           for name, unbound in _FIELDS.items()
           if issubclass(unbound.field_class, StringField) and len(unbound.args) > 1}  # fmt: skip

Choices = dict[str, list[tuple[Any, str]]]


def choices(order: Order | None, registries: lists.Lists) -> Choices:
    """(value, text) of what each field with a choice may be, in the reader's language."""
    found: Choices = {}
    for field, rows in reading.choices(order, registries).items():
        empty = [] if field == "type_id" else [("", "—")]
        found[field] = [*empty, *((row_id, text.translated(name)) for row_id, name in rows)]
    own = {name: getattr(order, name) for name in ("country", "currency")} if order else {}
    found["country"] = _countries(text.locale(), own.get("country"))
    found["currency"] = [(code, code) for code in _with(CURRENCIES, own.get("currency"))]
    found["cod_method"] = [("cash", _("cash")), ("card", _("card"))]
    return found


@lru_cache(maxsize=8)
def labels(language: str) -> dict[str, str]:
    """The names of the fields in this language, which is the reader's; those of a line as "lines-<name>"."""
    named = LABELS | {f"lines-{name}": label for name, label in LINE_LABELS.items()}
    return {name: text.translated(label) for name, label in named.items()}


@lru_cache(maxsize=300)
def _countries(language: str, own: str | None) -> list[tuple[Any, str]]:
    names = Locale.parse(language).territories
    return [(code, names.get(code, code)) for code in _with(COUNTRIES, own)]


_KEY = re.compile(
    r"lines-\d{1,4}-(id|product_id|sku|name|quantity|price|discount|weight)|(?!lines-)[\w.-]{1,60}", re.ASCII
)


def _sifted(formdata: MultiDict) -> ImmutableMultiDict:
    """Only keys that the form can have, and no more lines than an order may have."""
    kept = [(key, value) for key, value in formdata.items(multi=True) if _KEY.fullmatch(key)]
    numbers = sorted({int(key.split("-")[1]) for key, _value in kept if key.startswith("lines-")})[:MOST_LINES]
    allowed = {str(number) for number in numbers}
    return ImmutableMultiDict((k, v) for k, v in kept if not k.startswith("lines-") or k.split("-")[1] in allowed)


def _with(codes: Sequence[str], own: str | None) -> list[str]:
    return [*codes, own] if own and own not in codes else list(codes)


def _number(value: Any) -> int | None:
    written = str(value or "")
    return int(written) if re.fullmatch(r"\d{1,15}", written, re.ASCII) else None


def initial(order: Order) -> dict[str, Any]:
    """The form's data for an order as it is saved."""
    shown = {name: getattr(order, name) for name in editing.FIELDS}
    shown["same_person"] = not (order.buyer_name or order.buyer_phone or order.buyer_email)
    shown["cod_amount"] = order.cod_amount if order.cod else None
    shown |= {name: shown[name] or None for name in ("discount", "length", "width", "height")}
    shown["lines"] = [{"id": line.id, **_shown_line(editing.line_values(line))} for line in order.lines]
    return shown


def _shown_line(line: dict[str, Any]) -> dict[str, Any]:
    """Noughts that say nothing are left out: an empty field reads quicker."""
    return line | {name: line[name] or None for name in ("discount", "weight")}
