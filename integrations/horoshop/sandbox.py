"""An imitation of a Horoshop shop's API (https://horoshop.notion.site/api-doc), as far as the hub uses it.

Not published, chosen here: newest orders come first; the shop's time is Kyiv's; the field `do_not_call`; words of
complaints but for those of the documented samples; too many calls are answered as a proxy in front would, with a page.
The login is `api` in each shop, the password is the shop's key. The second shop answers as newer versions do (the log
names orders, a refused token is HTTP 401), the third is older than version 4.
"""

import time
import uuid
from collections.abc import Hashable, Iterable
from datetime import UTC, datetime
from random import Random
from typing import Any, ClassVar

from werkzeug.routing import Rule

from integrations.horoshop import sandbox_data as data
from integrations.horoshop import sandbox_invent as invent
from integrations.horoshop import sandbox_rules as rules
from integrations.sandbox import Fault, Request, Response, answer
from integrations.sandbox_shop import ShopSandbox
from integrations.sandbox_store import Account, Thing

LOGIN = "api"
TOKEN_SECONDS = 600
HOOKS = 5
METHODS = ["GET", "POST", "PUT"]
AUTH = "/api/auth"
#: kind of an error -> status and words, all with HTTP 200
ERRORS = {
    "unauthorized": ("AUTHORIZATION_ERROR", "Token is not defined or defined incorrectly"),
    "expired": ("UNAUTHORIZED", "Token is expired"),
    "denied": ("ERROR", "Access denied"),
    "refuse": ("ERROR", "Parameters are defined incorrectly"),
    "not_found": ("UNDEFINED_FUNCTION", "Function is undefined"),
    "method": ("UNDEFINED_FUNCTION", "Function is undefined"),
}
FUNCTIONS = (
    "auth",
    "orders/get",
    "orders/update",
    "orders/get_available_statuses",
    "payment/export",
    "payment/exportMethods",
    "delivery/export",
    "delivery/exportTypes",
    "currency/export",
    "catalog/export",
    "catalog/import",
    "pages/export",
    "hooks/subscribe",
    "hooks/unSubscribe",
)


def _endpoint(function: str) -> str:
    return "do_" + function.replace("/", "_").lower()


class HoroshopSandbox(ShopSandbox):
    key = "horoshop"
    title = "Horoshop"
    counted = ("orders", "products")
    demo: ClassVar[dict[str, str]] = {"login": LOGIN}
    number_field = "order_id"
    controls: ClassVar[dict[str, str]] = {**ShopSandbox.controls, "pay": "control_pay", "expire": "control_expire"}
    rules = tuple(Rule(f"/api/{name}/", endpoint=_endpoint(name), methods=METHODS) for name in FUNCTIONS)

    def __init__(self, seed: int = 1) -> None:
        self._sessions: dict[str, tuple[str, float]] = {}  # token -> password, when it was given
        super().__init__(seed)

    def _begin(self) -> None:
        self.logins = 0
        super()._begin()

    def account_options(self, number: int) -> Thing:
        return {"api_off": False, "newer": number == 1, "older": number == 2}

    def seed(self, account: Account) -> None:
        for at, offer in enumerate(invent.catalogue(), 1):
            account.put("products", at, offer)

    def keys(self, kind: str, thing: Thing) -> Iterable[tuple[str, Hashable]]:
        if kind == "products":
            yield "product", thing["article"]

    def token(self, request: Request) -> str | None:
        """The password that opens the shop, told at the door or remembered with the token."""
        asked = rules.body(request)
        if _at_the_door(request.path):
            return str(asked.get("password")) if asked.get("login") == LOGIN else None
        password, given = self._sessions.get(str(asked.get("token")), ("", 0.0))
        return password if time.monotonic() - given < TOKEN_SECONDS else None

    def section(self, path: str) -> str:
        return path.removeprefix("/api/").partition("/")[0]

    def error(self, kind: str, request: Request, account: Account | None) -> Response:
        if kind == "rate_limited":
            return Response("<html><body>error code: 1015</body></html>", 429, mimetype="text/html")
        if kind == "error500":
            return rules.envelope("EXCEPTION", {"message": "Internal error"}, 500)
        door = _at_the_door(request.path)
        if account and account.options["api_off"] or (kind == "not_found" and "/api/" not in request.path):
            return Response("<html><body><h1>404</h1></body></html>", 404, mimetype="text/html")
        if door and kind in ("unauthorized", "expired"):
            return rules.envelope("ERROR", {"message": "Wrong login or password"})
        session = self._sessions.get(str(rules.body(request).get("token")))
        status, words = ERRORS["expired" if kind == "unauthorized" and session else kind]
        password = session[0] if session else ""
        newer = password in self.accounts and self.accounts[password].options["newer"]
        lost = newer and status in ("UNAUTHORIZED", "AUTHORIZATION_ERROR")
        return rules.envelope(status, {"message": words}, 401 if lost else 200)

    def _barred(self, account: Account | None, path: str) -> str | None:
        return "not_found" if account and account.options["api_off"] else super()._barred(account, path)

    def _take_fault(self, path: str) -> Fault | None:
        """A fault that names no path is about the work: the login is spared."""
        if _at_the_door(path) and not any(fault.path and fault.takes(path) for fault in self.faults):
            return None
        return super()._take_fault(path)

    # What happens in the shop: for tests, the demo and the control page

    def new_order(self, account: str | None = None, **overrides: Any) -> Thing:
        """Invent an order in the shop of key `account`; `overrides` replace fields of the answer by name, `created` is
        a datetime. Returns the order as orders/get would show it."""
        with self.lock:
            shop = self.account(account)
            created = overrides.pop("created", None) or datetime.now(UTC)
            number = shop.next_id("orders", 501)
            offers = [one for one in shop.table("products").values() if one["display_in_showcase"]]
            chance = Random(f"{self._seed}/{shop.number}/{number}")
            order = invent.order(number, offers, created, chance) | overrides
            shop.put("orders", number, order)
            return rules.shown(order)

    def change(self, number: int, account: str | None = None, **changes: Any) -> Thing:
        """Change fields of an order as the shop's people would. KeyError: unknown."""
        with self.lock:
            shop = self.account(account)
            shop.put("orders", number, shop.table("orders")[number] | changes)
            return rules.shown(shop.table("orders")[number])

    def pay(self, number: int, account: str | None = None) -> Thing:
        """The payment service tells the shop that the order is paid."""
        return self.change(number, account, payed=1)

    def expire(self) -> None:
        """All tokens are over."""
        with self.lock:
            self._sessions = {token: (password, -TOKEN_SECONDS) for token, (password, _) in self._sessions.items()}

    def lives_on(self, orders: dict[int, Thing], number: int, chance: Random) -> None:
        """Now and then one is paid."""
        newest = list(orders.values())[-20:]
        unpaid = [o for o in newest if o["payment_type"]["id"] == data.ONLINE and not o["payed"]]
        if unpaid and chance.random() < 0.3:
            self.pay(chance.choice(unpaid)["order_id"], self._emitting)

    def control_pay(self, posted: Thing) -> Thing:
        return self.pay(int(posted["order"]), posted.get("account") or None)

    def control_expire(self, posted: Thing) -> Thing:
        self.expire()
        return {}

    # Functions of the API

    def do_auth(self, request: Request, account: Account) -> Response:
        token = uuid.uuid4().hex
        self.logins += 1
        self._sessions[token] = (account.token, time.monotonic())
        return rules.envelope("OK", {"token": token})

    def do_orders_get(self, request: Request, account: Account) -> Response:
        asked = rules.body(request)
        try:
            tests = rules.order_tests(asked)
            newest = sorted(account.table("orders").values(), key=lambda order: -order["order_id"])
            found = rules.page([order for order in newest if all(test(order) for test in tests)], asked)
        except rules.Wrong as problem:
            return rules.envelope("ERROR", {"message": str(problem)})
        additional = str(asked.get("additionalData")).lower() in ("true", "1")
        return _listed("orders", [rules.shown(order, additional) for order in found])

    def do_orders_update(self, request: Request, account: Account) -> Response:
        updates = rules.body(request).get("orders")
        if not isinstance(updates, list) or not updates or not all(isinstance(one, dict) for one in updates):
            return rules.envelope("ERROR", {"message": "orders is not defined or defined incorrectly"})
        statuses = {row[0] for row in (*data.STATUSES, data.OWN_STATUS)}
        log = [self._updated(account, update, statuses) for update in updates]
        return rules.envelope("OK" if all(one["status"] == "OK" for one in log) else "WARNING", {"log": log})

    def _updated(self, account: Account, update: Thing, statuses: set[int]) -> Thing:
        given = str(update.get("order_id"))
        order = account.table("orders").get(int(given)) if given.isdecimal() else None
        problem = rules.update_problem(update, order, statuses)
        if order is not None and not problem:
            account.put("orders", order["order_id"], rules.updated(order, update))
        entry = {"status": "ERROR" if problem else "OK", "messages": problem or "UPDATED"}
        if account.options["newer"]:
            return {"order_id": update.get("order_id"), "status": entry["status"], "message": entry["messages"]}
        return entry

    def do_orders_get_available_statuses(self, request: Request, account: Account) -> Response:
        if account.options["older"]:
            return self.error("not_found", request, account)
        flag = "success" if account.options["newer"] else "is_successful"
        rows = (*data.STATUSES, data.OWN_STATUS)
        listed = [{"id": row[0], "title": invent.both(row[1], row[2]), flag: row[3]} for row in rows]
        return _listed("statuses", listed)

    def do_payment_export(self, request: Request, account: Account) -> Response:
        return _listed(
            "payments",
            [
                {"id": row[0], "title": invent.both(row[1], row[2]), "description": invent.both("", ""),
                 "payment_method": row[3], "enabled": row[4]}
                for row in data.PAYMENTS
            ],
        )  # fmt: skip

    def do_payment_exportmethods(self, request: Request, account: Account) -> Response:
        rows = data.PAYMENT_METHODS
        return _listed("paymentMethods", [{"id": r[0], "title": invent.both(*r[1:3]), "is_simple": r[3]} for r in rows])

    def do_delivery_export(self, request: Request, account: Account) -> Response:
        payments = [row[0] for row in data.PAYMENTS if row[4]]
        return _listed(
            "deliveries",
            [
                {"id": row[0], "title": invent.both(row[1], row[2]), "type": row[3], "enabled": row[4],
                 "payments": payments, "price_options": []}
                for row in data.DELIVERIES
            ],
        )  # fmt: skip

    def do_delivery_exporttypes(self, request: Request, account: Account) -> Response:
        return _listed("deliveryTypes", [{"id": r[0], "title": invent.both(*r[1:])} for r in data.DELIVERY_TYPES])

    def do_currency_export(self, request: Request, account: Account) -> Response:
        return _listed(
            "currencies", [dict(zip(("id", "iso", "sign", "rate"), r, strict=True)) for r in data.CURRENCIES]
        )

    def do_catalog_export(self, request: Request, account: Account) -> Response:
        asked = rules.body(request)
        try:
            tests = rules.offer_tests(asked)
            offers = [one for one in account.table("products").values() if all(test(one) for test in tests)]
            found = rules.page(offers, asked)
        except rules.Wrong as problem:
            return rules.envelope("ERROR", {"message": str(problem)})
        return _listed("products", [rules.cut(offer, asked) for offer in found])

    def do_catalog_import(self, request: Request, account: Account) -> Response:
        """Offers are known by their article. A quantity is taken and forgotten."""
        rows = rules.body(request).get("products")
        if not isinstance(rows, list) or not all(isinstance(row, dict) and row.get("article") for row in rows):
            return rules.envelope("ERROR", {"message": "products is not defined or defined incorrectly"})
        log = []
        for row in rows:
            at = account.find("product", str(row["article"]))
            offer = account.table("products")[at] if at else None
            code, words = rules.import_code(row, offer)
            if at and offer and not code:
                account.put("products", at, offer | {name: row[name] for name in rules.EDITABLE if name in row})
            log.append({"article": row["article"], "info": [{"code": code, "message": words}]})
        done = all(entry["info"][0]["code"] == 0 for entry in log)
        return rules.envelope("OK" if done else "WARNING", {"log": log})

    def do_pages_export(self, request: Request, account: Account) -> Response:
        parent = str(rules.body(request).get("parent") or 0)
        rows = [row for row in data.PAGES if str(row[1]) == parent]
        return _listed("pages", [{"id": r[0], "parent": r[1], "title": invent.both(*r[2:])} for r in rows])

    def do_hooks_subscribe(self, request: Request, account: Account) -> Response:
        asked = rules.body(request)
        if asked.get("event") not in data.EVENTS or not str(asked.get("target_url") or "").startswith("http"):
            return rules.envelope("ERROR", {"message": "event or target_url is defined incorrectly"})
        same = [hook for hook in account.table("hooks").values() if hook["event"] == asked["event"]]
        if len(same) >= HOOKS:
            return rules.envelope("ERROR", {"message": "Subscriptions limit for current event has been reached"})
        number = account.next_id("hooks")
        account.put("hooks", number, {"id": number, "event": asked["event"], "target_url": asked["target_url"]})
        return answer({"id": number}, 201)

    def do_hooks_unsubscribe(self, request: Request, account: Account) -> Response:
        asked = rules.body(request)
        number = str(asked.get("id") or "")
        hook = account.table("hooks").get(int(number)) if number.isdecimal() else None
        if hook is None or hook["target_url"] != asked.get("target_url"):
            return rules.envelope("ERROR", {"message": "id or target_url is defined incorrectly"})
        del account.table("hooks")[hook["id"]]
        return answer({"id": hook["id"]}, 410)


def _at_the_door(path: str) -> bool:
    return path.rstrip("/").endswith(AUTH)


def _listed(name: str, rows: list[Thing]) -> Response:
    return rules.envelope("OK" if rows else "EMPTY", {name: rows})
