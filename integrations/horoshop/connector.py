"""Horoshop: shops on a builder, each with the API on its own address.

API reference: https://horoshop.notion.site/api-doc. What it leaves open (totals, rows a page) follows what integrators
measured: github.com/IgorShutko/horoshop-mcp, github.com/ecomkit-com-ua/horoshop-mcp.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from wtforms import SelectChoice, SelectField, StringField, URLField

from .. import sources
from ..base import REFRESH_LISTS, Extra, SecretField, SettingsForm, an_address, required
from ..errors import Refused, Unknown
from ..fields import fixed
from ..text import N_
from ..types import OrderData, Page, ProductPage, Raw, Reference, StatusChange, TestResult
from ..values import chunks, part, text
from . import catalogue, translate
from .api import ShopApi

PAGE, PRICES_PAGE = 100, 500  # more are not given, whatever is asked for
MEANINGS = {"1": "new", "2": "confirmed", "4": "cancelled"}
ONLINE = dict.fromkeys(("wayforpay", "liqpay", "easypay", "monopay", "plata by mono", "fondy"), "online_card")
TRACKING = Extra("ttn", N_("Send the tracking number"), kind="tick")
ARTICLES = [SelectChoice("article", N_("Internal")), SelectChoice("display", N_("External, shown on the site"))]
ADDRESS_HELP = N_("As customers open it: https://shop.ua")
ARTICLE_HELP = N_("Which of the two becomes the SKU here. Orders are matched by the internal one in any case.")
QUIET_HELP = N_("Where the shop's orders say “do not call” under a name of their own. Empty: it is looked for.")
CANCEL_HELP = N_("Cancelling from here can't be undone at Horoshop, and the goods stay written off there.")
NO_DOOR = {
    "misconfigured": N_("There is no API at this address. Check it, and that the shop's plan includes the API."),
    "broken": N_("A web page answers instead of the API: is it the shop's own address, and is the shop up?"),
}


class HoroshopSettings(SettingsForm):
    advanced = ("do_not_call_field",)

    api_url = URLField(N_("Shop address"), [required(), an_address()], description=ADDRESS_HELP)
    login = StringField(N_("Login"), [required()])
    password = SecretField(N_("Password"), [required()])
    article = SelectField(N_("Article"), choices=ARTICLES, default="article", description=ARTICLE_HELP)
    import_days = sources.import_days_field()
    language = sources.language_field()
    do_not_call_field = StringField(N_("Field for “do not call”"), description=QUIET_HELP)


class Horoshop(ShopApi):
    key = "horoshop"
    title = "Horoshop"
    color = "orange"
    summary = N_("Takes orders and the catalogue in; gives statuses and tracking numbers back.")
    countries = ("UA",)
    api_url = ""
    docs_url = "https://horoshop.notion.site/api-doc"
    rate = 5.0
    Settings = HoroshopSettings
    mappings = sources.mappings(MEANINGS, sources.statuses_back(CANCEL_HELP, [TRACKING]), ONLINE)
    tasks = (sources.TAKE_ORDERS, *sources.CATALOGUE, REFRESH_LISTS)
    help_steps = (
        N_("Make sure that the shop's plan includes access to the API."),
        N_("In the shop's admin panel open Settings, then Admins, and add one for the hub, with the right to the API."),
        N_("Enter the shop's address and that administrator's login and password here, save, press “Test connection”."),
    )

    def test(self) -> TestResult:
        try:
            self._session()
        except (Refused, Unknown) as error:
            if error.fault not in NO_DOOR:
                raise
            return TestResult(ok=False, notes=[NO_DOOR[error.fault]])
        self._orders(limit=1)
        return TestResult(ok=True)

    def pull(self, cursor: Mapping[str, Any], now: datetime) -> Iterator[Page]:
        """Orders made since the cursor, and now and then those of the last days: nothing tells what has changed.

        `from` takes a time without a zone. UTC is safe: read as Kyiv time it lies hours earlier, which costs a few
        repeats and no order."""
        since, following = sources.with_looks_back(self.settings, cursor, now)
        start = {"from": since.strftime("%Y-%m-%d %H:%M:%S")}
        for rows in sources.pages(partial(self._orders, **start), PAGE, "order_id"):
            yield Page(_raw(rows))
        yield Page((), following)

    def read(self, raw: Raw) -> OrderData:
        return translate.order(raw.body, self.settings)

    def orders_of(self, external_ids: Sequence[str]) -> Sequence[Raw]:
        ids = [int(number) for number in external_ids if number.isdecimal()]
        return _raw(self._orders(ids=ids, limit=PAGE)) if ids else ()  # no ids would mean all orders

    def products(self, prices_only: bool = False) -> Iterator[ProductPage]:
        """Descriptions make rows heavy: prices come five times as many at once."""
        fields = catalogue.PRICES if prices_only else (*catalogue.PRICES, *catalogue.DETAILS)
        read = partial(self.rows, "catalog/export", "products", includedParams=fields)
        for rows in sources.pages(read, PRICES_PAGE if prices_only else PAGE, "article"):
            yield catalogue.page(rows, self.settings)

    def write_statuses(self, changes: Sequence[StatusChange]) -> Mapping[str, tuple[str, str]]:
        good = [c for c in changes if c.external_id.isdecimal() and c.status.isdecimal()]
        results = {c.external_id: ("validation", "not a number") for c in changes if c not in good}
        for some in chunks([{"order_id": int(c.external_id), "status": int(c.status)} for c in good], PAGE):
            results |= self._update(some)
        return results

    def write_tracking(self, external_id: str, number: str, carrier: str) -> None:
        """The carrier is the one that the order was made with."""
        results = self._update([{"order_id": int(external_id), "tracking_code": number}])
        if any(results[external_id]):
            raise Refused("validation", results[external_id][1], field="tracking_number")

    def references(self) -> Mapping[str, Sequence[Reference]]:
        found = {name: self._list(f"{name}/export") for name in ("delivery", "payment")}
        # shops may have statuses of their own; those before version 4 can't tell them
        return found | {"statuses": self._list("orders/get_available_statuses", fixed(translate.STATUSES))}

    def _list(self, function: str, absent: Sequence[Reference] = ()) -> Sequence[Reference]:
        try:
            return translate.references(part(self.ask(function), "response"), self.settings)
        except Refused as refusal:
            if refusal.fault != "not_found":
                raise
            return absent

    def _update(self, orders: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, str]]:
        return translate.outcomes(orders, self.ask("orders/update", safe=False, orders=orders))

    def _orders(self, **query: Any) -> list[Mapping[str, Any]]:
        return self.rows("orders/get", "orders", additionalData=True, **query)


def _raw(rows: Sequence[Mapping[str, Any]]) -> list[Raw]:
    return [Raw(text(row, "order_id"), row) for row in rows]
