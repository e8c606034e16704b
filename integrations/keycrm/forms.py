"""KeyCRM's settings: the key first; what is chosen from the account's own lists once it is connected."""

from __future__ import annotations

from wtforms import SelectChoice, SelectField, StringField, URLField
from wtforms.validators import Optional

from ..base import SecretField, SettingsForm, an_address, required
from ..forms import ListField
from ..text import N_

OFF, ORDERS, CARDS = "off", "orders", "cards"
MODES = [
    SelectChoice(OFF, N_("Don't send orders")),
    SelectChoice(ORDERS, N_("As orders")),
    SelectChoice(CARDS, N_("As pipeline cards")),
]
#: KeyCRM's own payment methods as it calls them -> our kind
PAYMENTS = dict.fromkeys(("готівка", "наличные", "cash"), "cod_cash")
PAYMENTS |= dict.fromkeys(("банківська картка", "банковская карта", "bank card", "paypal"), "online_card")
PAYMENTS |= dict.fromkeys(("банківський переказ", "банковский перевод", "bank transfer"), "transfer")
PAYMENTS |= dict.fromkeys(("інше", "другое", "other"), "other")
MAPPING_HELP = {
    "status_in": N_("Which of our statuses an order gets when its status changes in KeyCRM."),
    "status_out": N_("What KeyCRM is told when our order gets this status, and when a new order has arrived there."),
    "payment_out": N_("Empty: KeyCRM gets the name of our payment method and decides by itself."),
    "delivery_out": N_("Empty: the name of our delivery method goes into the manager's comment."),
}
HELP = {
    "mode": N_("Orders show up under Sales, Orders there; cards under Sales, Pipelines."),
    "source": N_("The shop that the orders come from, as you named it in KeyCRM under Settings, Sources."),
    "pipeline": N_("Where new cards go; used when orders are sent as cards."),
    "number": N_("A text field of cards that gets our number: a card is found by it even if its title was changed."),
    "no_call": N_("A switch of orders (or cards) that is set where the customer asked not to be called."),
    "account": N_("As you open it in the browser: https://NAME.keycrm.app. Links on our order cards lead there."),
    "prefix": N_("Keeps our orders apart when another shop sends to the same KeyCRM. Don't change it later."),
}


class KeyCrmSettings(SettingsForm):
    advanced = ("api_url", "external_id_prefix")
    once_connected = (
        "mode",
        "source_id",
        "pipeline_id",
        "number_field",
        "no_call_field",
        "account_url",
        "external_id_prefix",
    )

    api_key = SecretField(N_("API key"), [required()])
    mode = SelectField(N_("How orders are sent"), choices=MODES, default=ORDERS, description=HELP["mode"])
    source_id = ListField("sources", N_("Source"), description=HELP["source"])
    pipeline_id = ListField("pipelines", N_("Pipeline"), description=HELP["pipeline"])
    number_field = ListField("number_fields", N_("Field for our number"), description=HELP["number"])
    no_call_field = ListField("switches", N_("Field for “don't call”"), description=HELP["no_call"])
    account_url = URLField(N_("KeyCRM address"), [Optional(), an_address()], description=HELP["account"])
    external_id_prefix = StringField(N_("Prefix of order numbers"), description=HELP["prefix"])
