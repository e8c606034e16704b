"""An imitation of Rozetka's seller API (https://api-seller.rozetka.com.ua/apidoc), as far as the hub uses it.

Not published, chosen here: a shop's login is seller<n>@example.com, its password the shop's token; a bad token is
answered with HTTP 200 and 1020, an old session with HTTP 401 and 6001; a page beyond the last is the last one again; an
order that stands as asked takes the same status again; a forbidden step of a fulfilment order's TTN is 1005.
"""

import base64
import binascii
import secrets
from collections.abc import Hashable, Iterable
from datetime import UTC, datetime
from random import Random
from typing import Any, ClassVar

from werkzeug.routing import Rule

from integrations.rozetka import sandbox_data as data
from integrations.rozetka import sandbox_invent as invent
from integrations.rozetka import sandbox_rules as rules
from integrations.sandbox import TOKENS, Request, Response, answer
from integrations.sandbox_shop import ShopSandbox
from integrations.sandbox_store import Account, Thing

#: kind -> (code, HTTP status)
ERRORS = {
    "unauthorized": (1020, 200),
    "expired": (6001, 401),
    "denied": (1010, 200),
    "refuse": (1002, 200),
    "error500": (0, 500),
    "not_found": (5404, 404),
    "method": (5404, 405),
}
LOGINS = {f"seller{number}@example.com": token for number, token in enumerate(TOKENS, 1)}


class RozetkaSandbox(ShopSandbox):
    key = "rozetka"
    title = "Rozetka"
    counted = ("orders", "goods")
    controls: ClassVar[dict[str, str]] = {
        **ShopSandbox.controls,
        "pay": "control_pay",
        "cancel": "control_cancel",
        "sessions": "control_sessions",
    }
    rules = (
        Rule("/sites", endpoint="login", methods=["POST"]),
        Rule("/sites/logout", endpoint="logout", methods=["POST"]),
        Rule("/orders/search", endpoint="orders_search", methods=["GET"]),
        Rule("/orders/counts-new", endpoint="orders_counts", methods=["GET"]),
        Rule("/orders/<int:number>", endpoint="order_read", methods=["GET"]),
        Rule("/orders/<int:number>", endpoint="order_change", methods=["PUT"]),
        Rule("/order-statuses/search", endpoint="statuses", methods=["GET"]),
        Rule("/status-availables/search", endpoint="availables", methods=["GET"]),
        Rule("/delivery-services/search", endpoint="services", methods=["GET"]),
        Rule("/market-payment-methods/list", endpoint="payments", methods=["GET"]),
        Rule("/goods/all", endpoint="goods_all", methods=["GET"]),
        Rule("/items/mass-update", endpoint="mass_update", methods=["PUT"]),
    )

    def _begin(self) -> None:
        self.sessions: dict[str, str] = {}  # token of a login -> the shop's
        self.logins = 0
        super()._begin()

    def seed(self, account: Account) -> None:
        first = 400_000_001 + account.number * 1000
        for thing in invent.catalogue(first, datetime(2025, 1, 1, tzinfo=UTC)):
            account.put("goods", thing["item_id"], thing)

    def keys(self, kind: str, thing: Thing) -> Iterable[tuple[str, Hashable]]:
        if kind == "goods" and thing["rz_item_id"]:
            yield "rozetka", thing["rz_item_id"]

    def token(self, request: Request) -> str | None:
        if request.path.endswith("/sites"):
            return self._shop_of(rules.posted(request))
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return self.sessions.get(token, token) if scheme == "Bearer" else None

    def _shop_of(self, body: Thing) -> str | None:
        """The shop that a login opens; a password that isn't base64 opens none."""
        shop = LOGINS.get(str(body.get("username")))
        try:
            password = base64.b64decode(str(body.get("password")), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        return shop if shop and password == shop else None

    def section(self, path: str) -> str:
        return {"goods": "goods", "items": "goods", "sites": "sites"}.get(path.lstrip("/").partition("/")[0], "orders")

    def error(self, kind: str, request: Request, account: Account | None) -> Response:
        if kind == "rate_limited":
            return answer({"success": False, "errors": {"message": "too_many_requests", "code": 429}}, 429)
        code, status = ERRORS[kind]
        if kind == "unauthorized" and request.path.endswith("/sites"):
            code = 1004
        if kind == "unauthorized" and "Authorization" not in request.headers and code != 1004:
            code, status = 6001, 401
        return rules.failure(code, status=status)

    def expire_sessions(self) -> None:
        """A day has passed: whoever logged in has to do so again."""
        with self.lock:
            self.sessions.clear()

    # What happens in the shop: for tests, the demo and the control page

    def new_order(self, account: str | None = None, at: datetime | None = None, **overrides: Any) -> Thing:
        """Invent an order in the shop of token `account`; `overrides` replace fields by name, those of `expand` too."""
        with self.lock:
            shop = self.account(account)
            number = shop.next_id("orders", 900_000_001 + shop.number * 1_000_000)
            goods = list(shop.table("goods").values())
            order = invent.order(number, goods, at or datetime.now(UTC), Random(f"{self._seed}/{number}"))
            self._override(order, overrides)
            shop.put("orders", number, order)
            return self._whole(order)

    def change(self, number: int, **changes: Any) -> Thing:
        """Change fields of an order; moves the time of its change. KeyError: unknown."""
        with self.lock:
            shop = next((shop for shop in self.accounts.values() if number in shop.table("orders")), None)
            if shop is None:
                raise KeyError(f"No order {number}")
            now = datetime.now(UTC)
            order = {**shop.table("orders")[number], "changed": invent.stamp(now), "_changed": now.timestamp()}
            order["_more"] = dict(order["_more"])
            self._override(order, changes)
            shop.put("orders", number, order)
            return self._whole(order)

    def _override(self, order: Thing, changes: Thing) -> None:
        for name, value in changes.items():
            (order["_more"] if name in order["_more"] else order)[name] = value
        order["status_group"] = rules.group_of(order["status"])

    def _whole(self, order: Thing) -> Thing:
        return {name: value for name, value in order.items() if not name.startswith("_")} | order["_more"]

    def pay(self, number: int, status: int = 2) -> Thing:
        """The buyer pays online; `status` of the published ones."""
        paid = invent.payment_status(status, datetime.now(UTC))
        order = self.change(number)
        return self.change(number, payment={**order["payment"], "payment_status": paid}, status_payment=paid)

    def cancel(self, number: int) -> Thing:
        """The buyer cancels."""
        return self.change(number, status=45)

    def lives_on(self, orders: dict[int, Thing], number: int, chance: Random) -> None:
        """Now and then one is cancelled."""
        waiting = [n for n in sorted(orders)[-20:-1] if orders[n]["status"] == 1]
        if waiting and chance.random() < 0.2:
            self.cancel(chance.choice(waiting))

    def control_pay(self, posted: Thing) -> Thing:
        return self.pay(int(posted["order"]), int(posted.get("status") or 2))

    def control_cancel(self, posted: Thing) -> Thing:
        return self.cancel(int(posted["order"]))

    def control_sessions(self, posted: Thing) -> Thing:
        self.expire_sessions()
        return {"sessions": 0}

    # The API

    def login(self, request: Request, account: Account) -> Response:
        token = secrets.token_urlsafe(24)
        self.sessions[token] = account.token
        self.logins += 1
        market = {"id": 1086 + account.number, "business_model": "b2c", "title": f"shop-{account.number + 1}",
                  "market_url": "https://rozetka.example/seller/shop", "status": "6", "status_label": "Активний",
                  "fulfillment_available": True}  # fmt: skip
        phone = {"id": 1, "phone_number": "+380500000000", "confirmed": True}
        email = rules.posted(request)["username"]
        seller = {"fio": "Тестовий менеджер", "email": email, "first_phone": phone, "wizard": False}
        return rules.content(
            {"id": 111 + account.number, "access_token": token, "permissions": ["order_edit"],
             "roles": ["default_owner"], "seller": seller, "market": market, "needInterview": False, "lang": "uk"}
        )  # fmt: skip

    def logout(self, request: Request, account: Account) -> Response:
        self.sessions.pop(request.headers["Authorization"].partition(" ")[2], None)
        return rules.content({"logout": True})

    def orders_search(self, request: Request, account: Account) -> Response:
        """What can't be read finds nothing, unless the header asks to be told."""
        try:
            tests = rules.order_tests(request)
            found = [order for order in account.table("orders").values() if all(test(order) for test in tests)]
            orders, meta = rules.page(request, rules.ordered(request, found))
        except ValueError as wrong:
            if request.headers.get("Accept-Validate-Exception") in ("1", "true"):
                raise rules.refuse(1002, [str(wrong)]) from None
            orders, meta = [], {"totalCount": 0, "pageCount": 0, "currentPage": 1, "perPage": rules.PAGE}
        return rules.content({"orders": [rules.shown(order, request) for order in orders], "_meta": meta})

    def orders_counts(self, request: Request, account: Account) -> Response:
        orders = list(account.table("orders").values())
        names = {"inProgress": 2, "inDone": 3, "inNotDone": 6, "new": 4, "delivering": 5, "all": 1}
        counts = {name: sum(rules.TYPES[kind](order) for order in orders) for name, kind in names.items()}
        return rules.content({**counts, "unwatched": sum(not order["is_viewed"] for order in orders)})

    def order_read(self, request: Request, account: Account, number: int) -> Response:
        return rules.content(rules.shown(self._order(account, number), request))

    def order_change(self, request: Request, account: Account, number: int) -> Response:
        """A number that comes with status 2 sends the order on to 61."""
        order, body = self._order(account, number), rules.posted(request)
        if problem := rules.change_problem(order, body):
            return problem
        changes: Thing = {"status": body["status"]}
        if body.get("ttn"):
            changes |= {"ttn": str(body["ttn"]), "status": 61 if body["status"] == 2 else body["status"]}
        if body.get("seller_comment"):
            said = {"comment": body["seller_comment"], "created": invent.stamp(datetime.now(UTC))}
            changes |= {"seller_comment": [said, *order["seller_comment"]], "current_seller_comment": said["comment"]}
        self.change(number, **changes)
        return rules.content(rules.shown(self._order(account, number), request))

    def _order(self, account: Account, number: int) -> Thing:
        order = account.table("orders").get(number)
        if order is None:
            raise rules.refuse(1404)
        return order

    def statuses(self, request: Request, account: Account) -> Response:
        detailed = "status_available" in request.args.get("expand", "")
        rows = [rules.status_row(status, request) for status in data.STATUSES]
        rows = [row | ({"status_available": rules.steps(row["id"])} if detailed else {}) for row in rows]
        page, meta = rules.page(request, rows)
        return rules.content({"orderStatus": page, "_meta": meta})

    def availables(self, request: Request, account: Account) -> Response:
        rows = [step for status in data.STEPS for step in rules.steps(status)]
        asked = {name: request.args[name] for name in ("parent_id", "child_id") if name in request.args}
        rows = [row for row in rows if all(str(row[name]) == wanted for name, wanted in asked.items())]
        page, meta = rules.page(request, rows)
        return rules.content({"statusAvailables": page, "_meta": meta})

    def services(self, request: Request, account: Account) -> Response:
        rows = [{"id": number, "name": name, "type": int(number == 1234), "status": 1, "can_edit": False,
                 "can_use": True, "is_default": False, "titleTranslate": name, "delivery_methods": [1, 2]}
                for number, name, _weight in data.SERVICES]  # fmt: skip
        whole = request.args.get("pageSize") == "0"
        page, meta = rules.page(request, rows, len(rows) if whole else rules.PAGE)
        return rules.content({"deliveryServices": page, "_meta": meta})

    def payments(self, request: Request, account: Account) -> Response:
        rows = [{"id": number, "name": name, "description": name, "is_auto_hold": False, "must_has_keys": False,
                 "has_keys": False, "status": 1, "legal_person": None, "has_active_dc": True}
                for number, name, _kind, _weight in data.PAYMENTS]  # fmt: skip
        return rules.content({"payment_methods": rows})

    def goods_all(self, request: Request, account: Account) -> Response:
        found = list(account.table("goods").values())
        page, meta = rules.page(request, found, rules.goods_size(request))
        return rules.content({"count": len(found), "items": page, "_meta": meta})

    def mass_update(self, request: Request, account: Account) -> Response:
        """What can be done is done; the rest is named, item by item."""
        rows = rules.posted(request).get("items")
        if not isinstance(rows, list) or not rows:
            return rules.failure(1001, ["items"])
        errors = {}
        for row in rows:
            identity = account.find("rozetka", row.get("item_rz_id"))
            goods = account.table("goods").get(identity or 0)
            if problem := rules.stock_problem(goods, row):
                errors[str(row.get("item_rz_id"))] = {"reason": [{"id": 1, "value": problem}]}
            elif goods is not None:
                self._restock(account, goods, row)
        return answer({"success": False, "errors": errors} if errors else {"success": True, "content": None})

    def _restock(self, account: Account, goods: Thing, row: Thing) -> None:
        names = ("price", "stock_quantity", "price_old", "price_promo")
        changed = goods | {name: None if row[name] == -1 else row[name] for name in names if name in row}
        left = changed["stock_quantity"] > 0
        account.put("goods", goods["item_id"], changed | {"available": int(left), "rz_sell_status": 4 if left else 7})
