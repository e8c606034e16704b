"""The three steps of the customer's page as forms: who, where, how to pay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from wtforms import Field, Form, HiddenField, StringField, ValidationError

from integrations.text import N_
from jobs.checkout import Found, Price
from models import DeliveryMethod, Order, PaymentMethod
from orders import completion, phones

from .order_fields import ChoiceField, clean, column_text, comment, email_text


def _needed(field: Field) -> None:
    if not field.data:
        raise ValidationError(_("Fill this in."))


class WhoForm(Form):
    """Step 1."""

    last_name = column_text("last_name", N_("Last name"))
    first_name = column_text("first_name", N_("First name"))
    patronymic = column_text("patronymic", N_("Patronymic (if there is one)"))
    phone = StringField(N_("Phone"), filters=[clean])
    email = email_text("email", N_("E-mail (if you want one)"))

    def __init__(self, given: MultiDict, order: Order) -> None:
        self.country = order.country
        super().__init__(given)

    def validate_last_name(self, field: Field) -> None:
        _needed(field)

    def validate_first_name(self, field: Field) -> None:
        _needed(field)

    def validate_phone(self, field: Field) -> None:
        _needed(field)
        found = phones.to_e164(field.data, self.country or "UA")
        if found is None:
            raise ValidationError(_("This can't be a phone number. Write it like +380 67 123 45 67."))
        field.data = found


class WhereForm(Form):
    """Step 2. What of the address has to be there follows the chosen delivery."""

    delivery_method_id = ChoiceField(N_("Delivery"))
    city = column_text("city", N_("City or village"))
    region = column_text("region", N_("Region"))
    pickup_address = column_text("pickup_address", N_("Branch or pickup point: number or address"))
    pickup_code = HiddenField(filters=[clean])
    street = column_text("street", N_("Street"))
    house = column_text("house", N_("House"))
    flat = column_text("flat", N_("Flat"))
    postal_code = column_text("postal_code", N_("Postal code"))

    def __init__(self, given: MultiDict, methods: Sequence[DeliveryMethod], found: Found) -> None:
        self.methods = {method.id: method for method in methods}
        self.found = found
        super().__init__(given)
        self.delivery_method_id.choices = [(method.id, method.name) for method in methods]

    @property
    def method(self) -> DeliveryMethod | None:
        return self.methods.get(self.delivery_method_id.data or 0)

    @property
    def kind(self) -> str:
        return self.method.kind if self.method else ""

    @property
    def price(self) -> Price | None:
        return self.found.prices.get(self.delivery_method_id.data or 0)

    def validate_delivery_method_id(self, field: Field) -> None:
        if field.data is None:
            raise ValidationError(_("Choose one."))
        if self.price and self.price.offer["why_not"]:
            raise ValidationError(_("This is not possible here. Choose another way."))

    def validate_city(self, field: Field) -> None:
        if self.kind != "self":
            _needed(field)

    def validate_region(self, field: Field) -> None:
        if self.kind != "self" and self.found.regions and not self.found.region:
            raise ValidationError(_("Several places have this name: choose which one."))

    def validate_pickup_address(self, field: Field) -> None:
        self._needed_for(field, "pickup")
        if self.kind == "pickup" and self.found.points is not None and self.found.point is None:
            raise ValidationError(_("Choose a point from the list."))

    def validate_street(self, field: Field) -> None:
        self._needed_for(field, "courier", "post")

    def validate_house(self, field: Field) -> None:
        self._needed_for(field, "courier", "post")

    def validate_postal_code(self, field: Field) -> None:
        offered = self.price is not None and bool(self.price.offer["needs_postal_code"])
        if (self.method and self.method.postal_code_required) or offered:
            _needed(field)

    def validate_pickup_code(self, field: Field) -> None:
        field.data = field.data[:64]

    def _needed_for(self, field: Field, *kinds: str) -> None:
        if self.kind in kinds:
            _needed(field)


class PayForm(Form):
    """Step 3."""

    payment_method_id = ChoiceField(N_("Payment"))
    customer_comment = comment(N_("Comment (if there is something to say)"))

    def __init__(self, given: MultiDict, payments: Sequence[PaymentMethod]) -> None:
        super().__init__(given)
        self.payment_method_id.choices = [(payment.id, payment.name) for payment in payments]

    def validate_payment_method_id(self, field: Field) -> None:
        if field.data is None:
            raise ValidationError(_("Choose one."))


class Steps:
    """All three with the customer's words in them, and what delivery services say to these."""

    def __init__(self, order: Order, typed: Mapping[str, str], found: Found) -> None:
        given: MultiDict = MultiDict(typed)
        if found.point is not None:
            given["pickup_address"] = found.point["address"][:300]
        self.typed, self.found = typed, found
        self.methods = [method for method in completion.methods(order) if method.id not in found.off]
        self.who = WhoForm(given, order)
        self.where = WhereForm(given, self.methods, found)
        cash_only = self.where.price is not None and not self.where.price.offer["takes_card"]
        self.payments = completion.payments(self.where.method, cash_only)
        self.pay = PayForm(given, self.payments)
        self.forms: tuple[Form, ...] = (self.who, self.where, self.pay)

    def first_open(self) -> int:
        """The first step (from 1) that still lacks something; the last one when none does."""
        return next((n for n, form in enumerate(self.forms, 1) if not form.validate()), len(self.forms))

    def refused(self) -> int:
        """The first step that can't be accepted, 0 when all can. Leaves the errors in the forms."""
        states = [form.validate() for form in self.forms]
        return states.index(False) + 1 if False in states else 0

    def values(self) -> dict[str, Any]:
        """As orders.completion.submit wants them, after `refused` has said 0."""
        return {name: value for form in self.forms for name, value in form.data.items()}
