"""KeyCRM. API reference: https://docs.keycrm.app (Open API 1.2.0)."""

from __future__ import annotations

from ..base import REFRESH_LISTS
from ..text import N_
from ..types import TestResult
from .client import KeyCrmApi
from .forms import KeyCrmSettings


class KeyCrm(KeyCrmApi):
    key = "keycrm"
    title = "KeyCRM"
    color = "indigo"
    summary = N_("Gets orders or pipeline cards; tells their statuses back.")
    countries = ("UA",)
    docs_url = "https://docs.keycrm.app"
    rate = 1.0
    Settings = KeyCrmSettings
    tasks = (REFRESH_LISTS,)
    help_steps = (
        N_("In KeyCRM open Settings, Sources, and add a source for this shop: name, address, manager, currency."),
        N_("Open Settings, General, press “Generate API key”, copy the key and press “Save” there."),
        N_("Paste the key here, save, and choose the source and how orders are to be sent."),
    )

    def test(self) -> TestResult:
        self.call("GET", "/order/source", params={"limit": 1})
        return TestResult(ok=True)
