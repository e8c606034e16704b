"""A catalogue by link: a price list in YML that a shop, a supplier or a marketplace's cabinet publishes.

Format: https://yandex.ru/support/partnermarketplace/ru/export/yml. It is read while it comes, however large it is.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Generator, Mapping
from contextlib import closing

from wtforms import StringField, URLField

from .. import sources
from ..base import Connector, SecretField, SettingsForm, an_address, required
from ..errors import Refused
from ..text import N_
from ..types import ProductPage, TestResult
from ..yml import NotYml, Reader, unpacked

LARGEST = 2 * 1024**3
EMPTY = N_("The price list can be read, but there is no product in it that could be taken.")
OPENS = N_("Only where the browser asks for a name and a password, too.")


class PriceListSettings(SettingsForm):
    advanced = ("login", "password")
    api_url = URLField(
        N_("Link to the price list"),
        [required(), an_address()],
        description=N_("The file itself in YML (XML), plain or packed as .gz: not the page that leads to it."),
    )
    language = sources.language_field()
    login = StringField(N_("Name"), description=OPENS)
    password = SecretField(N_("Password"), description=OPENS)


class PriceList(Connector):
    key = "price_list"
    title = N_("Price list")
    color = "orange"
    summary = N_("Takes a catalogue in from a link: products, prices and stock in YML.")
    api_url = ""
    docs_url = "https://yandex.ru/support/partnermarketplace/ru/export/yml"
    Settings = PriceListSettings
    tasks = sources.CATALOGUE
    help_steps = (
        N_("Find the link to your price list in YML: shop builders keep it under Export or Marketplaces."),
        N_("Open the link in a browser: you should see a file that begins with “yml_catalog”."),
        N_("Paste the link here, save, and press “Test connection”."),
    )

    def test(self) -> TestResult:
        """Its beginning is enough: the rest isn't fetched."""
        pages = self.products()
        try:
            page = next(pages)
        finally:
            pages.close()
        return TestResult.of({EMPTY: not page.products})

    def products(self, prices_only: bool = False) -> Generator[ProductPage]:
        """All of it, page by page. A link has nothing quicker for prices alone."""
        try:
            with closing(self.http.stream(self.base_url, limit=LARGEST, headers=self._opened_by())) as pieces:
                yield from Reader(str(self.settings.get("language") or "uk")).pages(unpacked(pieces, LARGEST))
        except NotYml as error:
            raise Refused("misconfigured", self.http.redact(str(error)), field="api_url") from None

    def _opened_by(self) -> Mapping[str, str]:
        login, password = str(self.settings.get("login") or ""), str(self.settings.get("password") or "")
        if not password:
            return {}
        return {"Authorization": f"Basic {b64encode(f'{login}:{password}'.encode()).decode()}"}
