"""An imitation of KeyCRM's Open API 1.2.0 (https://docs.keycrm.app), as far as the hub uses it.

Written from the vendor's description; what it leaves open follows what integrators found: an unknown `include` is
400, an unknown filter is passed over, a repeated source_uuid makes a second order. Chosen here, because nobody says: a
batch with one bad order is refused whole; `filter[source_uuid]` is one value; lists begin with the oldest; a batch is
answered like other imports, or with nothing (option "bare_import"), and stored at once or later ("import_seconds"). The
limit is a sliding minute, and 429 tells when it has room again. Paths are served with and without /v1.
"""

import math
import re
from collections.abc import Hashable, Iterable
from typing import Any, ClassVar

from werkzeug.routing import Rule

from integrations.keycrm import sandbox_data as data
from integrations.keycrm import sandbox_wire as wire
from integrations.keycrm.sandbox_cards import Cards
from integrations.keycrm.sandbox_goods import Goods
from integrations.sandbox import Request, Response, answer
from integrations.sandbox_store import Account, Thing

#: kind -> (HTTP status, message)
ERRORS = {
    "unauthorized": (401, "Unauthenticated."),
    "expired": (401, "Unauthenticated."),
    "denied": (403, "This action is unauthorized."),
    "error500": (500, "Server Error"),
    "not_found": (404, "Not Found"),
    "method": (405, "The method is not supported for this route."),
}
PATHS = (
    ("/order", "GET orders_list", "POST order_create"),
    ("/order/import", "POST orders_import"),
    ("/order/<int:number>", "GET order_read", "PUT order_change"),
    ("/order/<int:number>/payment", "POST payment_add"),
    ("/order/<int:number>/payment/<int:payment>", "PUT payment_change"),
    ("/order/<int:number>/expense", "POST expense_add"),
    ("/order/<int:number>/tag/<int:tag>", "POST tag_add", "DELETE tag_drop"),
    ("/order/<name>", "GET reference"),
    ("/users", "GET users"),
    ("/custom-fields", "GET custom_fields"),
    ("/pipelines", "GET pipelines"),
    ("/pipelines/<int:pipeline>/statuses", "GET pipeline_statuses"),
    ("/pipelines/cards", "GET cards_list", "POST card_create"),
    ("/pipelines/cards/<int:number>", "GET card_read", "PUT card_change"),
    ("/pipelines/cards/<int:number>/payment", "POST card_payment_add"),
    ("/pipelines/cards/<int:number>/payment/<int:payment>", "PUT card_payment_change"),
    ("/products", "GET products_list", "POST product_create"),
    ("/products/import", "POST products_import"),
    ("/products/<int:number>", "GET product_read"),
    ("/products/categories", "GET categories_list", "POST category_create"),
    ("/offers", "GET offers_list", "PUT offers_change"),
    ("/offers/stocks", "GET stocks_list", "PUT stocks_change"),
)
SHOWN = 100  # orders and cards on the staff's page


class KeycrmSandbox(Cards, Goods):
    key = "keycrm"
    title = "KeyCRM"
    rate = 60
    rate_seconds = 60.0
    front = "/app"
    counted = ("orders", "cards")
    demo: ClassVar[dict[str, str]] = {"mode": "orders", "source_id": "7"}
    controls: ClassVar[dict[str, str]] = {
        "status": "control_status",
        "card": "control_card",
        "convert": "control_convert",
        "products": "control_products",
        "product": "control_product",
        **Cards.hook_controls,
    }
    rules = tuple(
        Rule(prefix + path, endpoint=verb.split()[1], methods=[verb.split()[0]])
        for prefix in ("", "/v1")
        for path, *verbs in PATHS
        for verb in verbs
    )

    def account_options(self, number: int) -> Thing:
        behaviour = {"leads": True, "bare_import": False, "import_seconds": 0}
        return {**behaviour, "products": 300, "hooks": {}, "hook_sources": []}

    def keys(self, kind: str, thing: Thing) -> Iterable[tuple[str, Hashable]]:
        if kind == "buyers":
            yield from (("buyer", thing[name]) for name in ("phone", "email") if thing.get(name))
        if kind == "offers" and thing.get("sku"):
            yield "sku", thing["sku"]

    def external_id(self, order: Thing) -> str | None:
        return order["source_uuid"]

    def token(self, request: Request) -> str | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return token.strip() if scheme == "Bearer" else None

    def section(self, path: str) -> str:
        return path.removeprefix("/v1").lstrip("/").partition("/")[0]

    def error(self, kind: str, request: Request, account: Account | None) -> Response:
        if kind == "rate_limited":
            wait = account.window.wait() if account else 0.0
            return wire.message(429, "Too Many Attempts.", {"Retry-After": str(max(1, math.ceil(wait)))})
        if kind == "refuse":
            return wire.invalid([("buyer.phone", "The buyer.phone format is invalid.")])
        return wire.message(*ERRORS[kind])

    # Lists

    def reference(self, request: Request, account: Account, name: str) -> Response:
        if name not in data.LISTS:
            return self.error("not_found", request, account)
        return wire.paged(request, wire.ordered(request, list(data.LISTS[name]), ("id",)))

    def users(self, request: Request, account: Account) -> Response:
        return wire.paged(request, data.USERS)

    def custom_fields(self, request: Request, account: Account) -> Response:
        """The one list without pages."""
        asked = wire.includes(request, ("options",))
        found = wire.selected(data.CUSTOM_FIELDS, wire.filters(request), {"model": wire.any_of("model")})
        hidden = set() if "options" in asked else {"options"}
        return answer([{name: value for name, value in row.items() if name not in hidden} for row in found])

    # Staff in the CRM, for tests, the demo and the page

    def set_status(self, order: int | str, status: int | str) -> Thing:
        """Staff move an order (id: int, source_uuid: str), which sets the trigger off. KeyError: no such order;
        ValueError: no such status (id or alias)."""
        row = next((one for one in data.LISTS["status"] if status in (one["id"], one["alias"])), None)
        if row is None:
            raise ValueError(f"No status {status}")
        with self.lock:
            account, found = self._order_anywhere(order)
            return self.change_order(account, found, {"status_id": row["id"]})

    def move_card(self, card: int, status: int) -> Thing:
        """Staff move a card to a status, of any pipeline. KeyError: no such card; ValueError: no such status."""
        if status not in data.STAGE_BY_ID:
            raise ValueError(f"No status {status}")
        with self.lock:
            account, found = self._card_anywhere(card)
            return self.change_card(account, found, {"status_id": status})

    def _order_anywhere(self, uid: int | str) -> tuple[Account, Thing]:
        for account in self.accounts.values():
            for order in account.table("orders").values():
                if uid in (order["id"], order["source_uuid"]):
                    return account, order
        raise KeyError(f"No order {uid}")

    def _card_anywhere(self, number: int) -> tuple[Account, Thing]:
        for account in self.accounts.values():
            if number in account.table("cards"):
                return account, account.table("cards")[number]
        raise KeyError(f"No card {number}")

    def control_status(self, posted: Thing) -> Thing:
        """One order or several, "1, 2, 3": forms can't tell an id from our number, so ids come first."""
        status = _number(posted["status"])
        return {"orders": [_told(self.set_status(uid, status)) for uid in map(self._uid, _several(posted["order"]))]}

    def _uid(self, given: str) -> int | str:
        held = (int(given) in account.table("orders") for account in self.accounts.values() if given.isdecimal())
        return int(given) if any(held) else given

    def control_card(self, posted: Thing) -> Thing:
        cards = [int(one) for one in _several(posted["card"])]
        return {"cards": [_told(self.move_card(card, int(posted["status"]))) for card in cards]}

    def control_convert(self, posted: Thing) -> Thing:
        with self.lock:
            account, card = self._card_anywhere(int(posted["card"]))
            return _told(self.order_of(account, card["id"]))

    def control_products(self, posted: Thing) -> Thing:
        """So many products are in the catalogue from now on: {"count": 100000, "account": token}."""
        with self.lock:
            account = self.account(posted.get("account"))
            account.options["products"] = int(posted["count"])
            account.note_options()
            return {"products": account.options["products"]}

    def control_product(self, posted: Thing) -> Thing:
        changes = {name: value for name, value in posted.items() if name not in ("product", "account")}
        return self.change_product(int(posted["product"]), posted.get("account"), **changes)

    # The pages of its staff

    def page(self, path: str) -> tuple[str, Thing] | None:
        if path.rstrip("/") == "/app":
            return "keycrm/sandbox_staff.html", {"accounts": self._overview(), "fired": self._fired(), **PAGE}
        match = re.fullmatch(r"/app/(orders/view|leads)/(\d+)/?", path)
        if match is None:
            return None
        kind, find = ("order", self._order_anywhere) if "orders" in path else ("card", self._card_anywhere)
        try:
            with self.lock:
                found: dict[str, Any] = {kind: find(int(match[2]))[1]}
        except KeyError:
            found = {"missing": match[2]}
        return "keycrm/sandbox_staff.html", {"kind": kind, "fired": self._fired(), **found, **PAGE}

    def _overview(self) -> list[Thing]:
        with self.lock:
            return [
                {
                    "token": account.token,
                    "options": dict(account.options),
                    "orders": list(account.table("orders").values())[: -SHOWN - 1 : -1],
                    "cards": list(account.table("cards").values())[: -SHOWN - 1 : -1],
                }
                for account in self.accounts.values()
            ]

    def _fired(self) -> list[Any]:
        with self.lock:
            return self.fired[:-21:-1]


PAGE: Thing = {
    "statuses": data.LISTS["status"],
    "stages": data.PIPELINE_STATUSES,
    "status_names": {row["id"]: row["name"] for row in data.STATUSES},
    "stage_names": {row["id"]: row["title"] for row in data.PIPELINE_STATUSES},
    "pipelines": {row["id"]: row["name"] for row in data.PIPELINES},
}


def _several(given: Any) -> list[str]:
    return [str(one) for one in given] if isinstance(given, list) else wire.listed(str(given))


def _number(given: Any) -> int | str:
    return int(given) if str(given).isdecimal() else str(given)


def _told(thing: Thing) -> Thing:
    return {name: thing[name] for name in ("id", "source_uuid", "title", "status_id") if name in thing}
