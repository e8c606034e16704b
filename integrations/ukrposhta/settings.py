"""What Ukrposhta has to know of a sender."""

from __future__ import annotations

from wtforms import SelectChoice, SelectField, StringField

from .. import delivery
from ..base import SecretField, SettingsForm, required
from ..text import N_

HELP = {
    "sender": N_("The uuid of your own client at Ukrposhta: it holds your name, address and account."),
    "tracking": N_("Tracking has a key of its own. Your manager at Ukrposhta gives it with the others."),
}


class UkrposhtaSettings(SettingsForm):
    advanced = ("api_url", "description", "default_weight", "default_side", "external_id_prefix")

    api_key = SecretField(N_("Key of the eCom API (bearer)"), [required()])
    token = SecretField(N_("Counterparty token"), [required()])
    tracking_key = SecretField(N_("Key of the tracking API (bearer)"), [required()], description=HELP["tracking"])
    sender_uuid = StringField(N_("Sender's uuid"), [required()], description=HELP["sender"])
    payer = SelectField(
        N_("Who pays for delivery"),
        default="Recipient",
        choices=[SelectChoice("Recipient", N_("Recipient")), SelectChoice("Sender", N_("Sender"))],
    )
    description = StringField(N_("What is in the parcels"), description=N_("Empty: the products' names."))
    default_weight = StringField(N_("Usual weight"), default="500", description=delivery.HELP["weight"])
    default_side = StringField(N_("Usual side"), default="100", description=delivery.HELP["side"])
    external_id_prefix = StringField(N_("Prefix of external ids"), description=delivery.HELP["prefix"])
