"""What Nova Poshta has to know of a sender."""

from __future__ import annotations

from wtforms import SelectChoice, SelectField, StringField

from .. import delivery
from ..base import SecretField, SettingsForm, required
from ..text import N_

HELP = {
    "city": N_("As it is written, with the region after a comma where several have the name: Миколаївка, Одеська."),
    "contact": N_("Part of the contact's name, where your account has several. Empty: the first."),
    "collect": N_("Control of payment needs a contract with Nova Poshta; a money transfer needs none."),
}


class NovaPoshtaSettings(SettingsForm):
    advanced = ("api_url", "sender_contact", "sender_phone", "payment", "description", "default_weight",
                "default_side", "external_id_prefix")  # fmt: skip

    api_key = SecretField(N_("API key"), [required()])
    sender_city = StringField(N_("City you send from"), [required()], description=HELP["city"])
    sender_point = StringField(N_("Number of the branch you send from"), [required()])
    payer = delivery.payer_field()
    collect_by = SelectField(N_("Cash on delivery"), default="transfer", description=HELP["collect"], choices=[
        SelectChoice("transfer", N_("Money transfer")), SelectChoice("control", N_("Control of payment"))])  # fmt: skip
    sender_contact = StringField(N_("Sender's contact person"), description=HELP["contact"])
    sender_phone = StringField(N_("Sender's phone"), description=N_("Empty: the contact's."))
    payment = SelectField(
        N_("Delivery is paid"),
        default="Cash",
        choices=[SelectChoice("Cash", N_("in cash")), SelectChoice("NonCash", N_("by account"))],
    )
    description = delivery.contents_field()
    default_weight = delivery.weight_field()
    default_side = delivery.side_field()
    external_id_prefix = delivery.prefix_field()
