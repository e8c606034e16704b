"""Names of the rows that a new hub starts with (the first migration inserts them). Here so that they are collected
for translation: pages show them through gettext until staff rename them."""


def N_(text: str) -> str:
    return text


NAMES = (
    *(N_("New"), N_("Confirmed"), N_("Transferred"), N_("Problem"), N_("Pre-order"), N_("Cancelled"), N_("Deleted")),
    *(N_("Standard"), N_("End-to-end"), N_("Export")),
    *(N_("Nova Poshta, branch"), N_("Nova Poshta, courier"), N_("Ukrposhta"), N_("Meest"), N_("Courier")),
    *(N_("Pickup point"), N_("Russian Post"), N_("Self-pickup")),
    *(N_("Cash on delivery"), N_("Card on delivery"), N_("Card online"), N_("Bank transfer")),
    *(N_("By hand"), N_("Phone"), N_("My shop"), N_("Marketplace commission")),
)
