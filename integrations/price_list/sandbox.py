"""A shop that publishes its price list in YML at a link, as shop builders do; opened by a name and a password.

Fields as https://yandex.ru/support/partnermarketplace/ru/export/yml lists them, with name_ua and stock_quantity that
Ukrainian marketplaces read. Offers are invented from their numbers; every third one begins a new model whose sizes are
variants. Controls: `size` {"offers": n}, `change` {"id": n, "price": …} (also available, quantity, name, gone: true).
"""

import binascii
from base64 import b64decode
from collections.abc import Hashable, Iterable, Iterator
from html import escape
from typing import Any, ClassVar

from werkzeug.routing import Rule

from integrations.sandbox import Request, Response, Sandbox
from integrations.sandbox_store import Account, Thing

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE yml_catalog SYSTEM "shops.dtd">\n'
    '<yml_catalog date="2026-03-20 04:00"><shop><name>Shop</name><company>Shop</company><url>https://shop.example</url>'
    '<currencies><currency id="UAH" rate="1"/></currencies><categories><category id="1">Одяг</category>'
    '<category id="2" parentId="1">Взуття</category>'
    '<category id="3" parentId="1">Куртки</category></categories><offers>\n'
)
FOOT = "</offers></shop></yml_catalog>\n"
MODELS = ("Кросівки бігові", "Черевики зимові", "Сандалі пляжні", "Куртка осіння", "Куртка пухова")
MAKERS = ("Обрій", "Карпати", "Степ")
ERRORS = {
    "unauthorized": 401,
    "expired": 401,
    "denied": 403,
    "refuse": 400,
    "error500": 500,
    "rate_limited": 429,
    "not_found": 404,
    "method": 405,
}


class PriceListSandbox(Sandbox):
    key = "price_list"
    title = "Price list"
    counted = ("changes",)
    controls: ClassVar[dict[str, str]] = {"size": "control_size", "change": "control_change"}
    rules = (Rule("/", endpoint="feed"), Rule("/<path:name>.yml", endpoint="feed"))
    demo: ClassVar[dict[str, str]] = {"login": "shop"}

    def account_options(self, number: int) -> Thing:
        return {"offers": 60}

    def keys(self, kind: str, thing: Thing) -> Iterable[tuple[str, Hashable]]:
        return ()

    def token(self, request: Request) -> str | None:
        """The password; the name is anybody's."""
        kind, _, value = request.headers.get("Authorization", "").partition(" ")
        try:
            return b64decode(value).decode().partition(":")[2] if kind == "Basic" else None
        except (binascii.Error, UnicodeDecodeError):
            return None

    def section(self, path: str) -> str:
        return "feed"

    def error(self, kind: str, request: Request, account: Account | None) -> Response:
        return Response(f"{ERRORS[kind]}\n", ERRORS[kind], mimetype="text/plain")

    def feed(self, request: Request, account: Account, name: str = "") -> Response:
        changes = account.table("changes")
        offers = "".join(_offer(one) for one in _offers(account.options["offers"], changes))
        return Response(f"{HEAD}{offers}{FOOT}", mimetype="application/xml")

    def size(self, offers: int, account: str | None = None) -> None:
        with self.lock:
            self.account(account).options["offers"] = offers

    def change(self, number: int, account: str | None = None, **values: Any) -> None:
        """Another price, quantity, name… of one offer; `gone`: it isn't listed any more."""
        with self.lock:
            shop = self.account(account)
            shop.put("changes", number, {**shop.table("changes").get(number, {}), **values})

    def control_size(self, posted: Thing) -> Thing:
        self.size(int(posted["offers"]), posted.get("token"))
        return {"offers": int(posted["offers"])}

    def control_change(self, posted: Thing) -> Thing:
        values = {name: value for name, value in posted.items() if name not in ("id", "token")}
        self.change(int(posted["id"]), posted.get("token"), **values)
        return posted


def _offers(n: int, changes: dict[int, Thing]) -> Iterator[Thing]:
    for number in range(1, n + 1):
        model = (number - 1) // 3
        made = {
            "id": number,
            "group": model + 1,
            "category": 3 if MODELS[model % 5].startswith("Куртка") else 2,
            "name": f"{MODELS[model % 5]} {MAKERS[model % 3]} {model + 1}",
            "size": str(40 + number % 3),
            "maker": MAKERS[model % 3],
            "price": f"{300 + number * 37 % 4000}.00",
            "quantity": number % 8,
        } | changes.get(number, {})
        if not made.get("gone"):
            yield made


def _offer(one: Thing) -> str:
    number, name = one["id"], escape(str(one["name"]))
    available = str(one.get("available", True)).lower()
    return (
        f'<offer id="{number}" group_id="{one["group"]}" available="{available}">'
        f"<url>https://shop.example/p/{number}</url><price>{one['price']}</price><currencyId>UAH</currencyId>"
        f"<categoryId>{one['category']}</categoryId><picture>https://shop.example/i/{number}.jpg</picture>"
        f"<name>{name}</name><name_ua>{name}</name_ua><vendor>{one['maker']}</vendor><vendorCode>PL-{number:05}</vendorCode>"
        f"<barcode>482{number:010}</barcode><stock_quantity>{one['quantity']}</stock_quantity><weight>0.8</weight>"
        f"<dimensions>32/20/12</dimensions><description>{name}</description>"
        f'<param name="Розмір">{one["size"]}</param></offer>\n'
    )
