"""What Ukrposhta has to know of a sender."""

from __future__ import annotations

from wtforms import StringField

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
    payer = delivery.payer_field()
    description = delivery.contents_field()
    default_weight = delivery.weight_field()
    default_side = delivery.side_field()
    external_id_prefix = delivery.prefix_field()
