"""An imitation of the Prom.ua public API (https://public-api.docs.prom.ua), as far as the hub uses it.

Not published, chosen here: query times without a zone are UTC; `limit` above 100 counts as 100; input that can't be
read is answered with 400; an order made with `_locked` takes no status (it stays out of `processed_ids`).
"""

from collections.abc import Callable, Hashable, Iterable
from datetime import UTC, datetime
from random import Random
from typing import Any, ClassVar

from werkzeug.routing import Rule

from integrations.prom import sandbox_data as data
from integrations.prom import sandbox_invent as invent
from integrations.prom import sandbox_rules as rules
from integrations.sandbox import Request, Response, answer
from integrations.sandbox_shop import ShopSandbox
from integrations.sandbox_store import Account, Thing

ERRORS = {
    "unauthorized": (401, "Invalid authentication token"),
    "expired": (401, "Authentication token has expired"),
    "denied": (403, "Access to this section is not allowed for the token"),
    "refuse": (400, "Validation error: the request was refused"),
    "error500": (500, "Internal server error"),
    "rate_limited": (429, "Too many requests"),
    "not_found": (404, "Not found"),
    "method": (405, "Method not allowed"),
}
SECTIONS = {
    "orders": "orders",
    "delivery": "orders",
    "order_status_options": "orders",
    "payment_options": "orders",
    "delivery_options": "orders",
    "products": "products",
    "groups": "products",
    "clients": "clients",
}


class PromSandbox(ShopSandbox):
    key = "prom"
    title = "Prom.ua"
    counted = ("orders", "products", "clients")
    controls: ClassVar[dict[str, str]] = {
        **ShopSandbox.controls,
        "pay": "control_pay",
        "cancel": "control_cancel",
    }
    rules = (
        Rule("/api/v1/orders/list", endpoint="orders_list", methods=["GET"]),
        Rule("/api/v1/orders/<int:number>", endpoint="order_read", methods=["GET"]),
        Rule("/api/v1/orders/set_status", endpoint="set_status", methods=["POST"]),
        Rule("/api/v1/delivery/save_declaration_id", endpoint="save_declaration", methods=["POST"]),
        Rule("/api/v1/order_status_options/list", endpoint="status_options", methods=["GET"]),
        Rule("/api/v1/payment_options/list", endpoint="payment_options", methods=["GET"]),
        Rule("/api/v1/delivery_options/list", endpoint="delivery_options", methods=["GET"]),
        Rule("/api/v1/groups/list", endpoint="groups_list", methods=["GET"]),
        Rule("/api/v1/products/list", endpoint="products_list", methods=["GET"]),
        Rule("/api/v1/products/<int:number>", endpoint="product_read", methods=["GET"]),
        Rule("/api/v1/products/by_external_id/<external_id>", endpoint="product_by_external", methods=["GET"]),
        Rule("/api/v1/products/edit", endpoint="products_edit", methods=["POST"]),
        Rule("/api/v1/products/edit_by_external_id", endpoint="products_edit_external", methods=["POST"]),
        Rule("/api/v1/clients/list", endpoint="clients_list", methods=["GET"]),
        Rule("/api/v1/clients/<int:number>", endpoint="client_read", methods=["GET"]),
    )

    def seed(self, account: Account) -> None:
        for product in invent.catalogue(1_500_000_001 + account.number * 10_000, datetime(2025, 1, 1, tzinfo=UTC)):
            account.put("products", product["id"], product)

    def keys(self, kind: str, thing: Thing) -> Iterable[tuple[str, Hashable]]:
        if kind == "products":
            yield "product", thing["external_id"]

    def token(self, request: Request) -> str | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None

    def section(self, path: str) -> str:
        return SECTIONS.get(path.removeprefix("/api/v1/").partition("/")[0], "")

    def error(self, kind: str, request: Request, account: Account | None) -> Response:
        status, text = ERRORS[kind]
        return answer({"error": text}, status)

    # What happens in the shop: for tests, the demo and the control page

    def new_order(self, account: str | None = None, **overrides: Any) -> Thing:
        """Invent an order in the shop of token `account`; `overrides` replace fields of the answer by name.

        `date_created` takes a datetime or ISO text and is the modification time too; sums stay as invented unless
        they are overridden. Returns the order as `orders/{id}` would show it.
        """
        with self.lock:
            shop = self.account(account)
            number = shop.next_id("orders", 300_000_001 + shop.number * 10_000_000)
            created = overrides.pop("date_created", None) or datetime.now(UTC)
            if isinstance(created, str):
                created = datetime.fromisoformat(created)
            goods = [product for product in shop.table("products").values() if product["status"] == "on_display"]
            chance = Random(f"{self._seed}/{number}")
            order = invent.order(number, goods, created, chance) | overrides
            shop.put("orders", number, order)
            self._note_client(shop, order)
            return rules.shown(order, "uk")

    def change(self, number: int, **changes: Any) -> Thing:
        """Change fields of an order as the shop or the buyer would; moves its modification time. KeyError: unknown."""
        with self.lock:
            shop = next((shop for shop in self.accounts.values() if number in shop.table("orders")), None)
            if shop is None:
                raise KeyError(f"No order {number}")
            order = shop.table("orders")[number] | changes | {"_modified": datetime.now(UTC).timestamp()}
            shop.put("orders", number, order)
            return rules.shown(order, "uk")

    def pay(self, number: int, status: str = "paid") -> Thing:
        """The buyer pays (or is refunded) through Prom's own payment."""
        return self.change(
            number,
            payment_option={"id": 7002, "name": "Пром-оплата"},
            payment_data={"type": "evopay", "status": status, "status_modified": invent.stamp(datetime.now(UTC))},
        )

    def cancel(self, number: int) -> Thing:
        """The buyer cancels."""
        cancellation = {"title": "Покупець передумав", "initiator": "buyer"}
        return self.change(number, status="canceled", cancellation=cancellation)

    def lives_on(self, orders: dict[int, Thing], number: int, chance: Random) -> None:
        """Now and then one is paid or cancelled."""
        waiting = [
            order["id"]
            for order in rules.newest(orders, number - 1, 20)
            if order["status"] == "pending" and (order["payment_data"] or {}).get("status") == "unpaid"
        ]
        if waiting and chance.random() < 0.3:
            act = self.pay if chance.random() < 0.8 else self.cancel
            act(chance.choice(waiting))

    def control_pay(self, posted: Thing) -> Thing:
        return self.pay(int(posted["order"]), str(posted.get("status") or "paid"))

    def control_cancel(self, posted: Thing) -> Thing:
        return self.cancel(int(posted["order"]))

    def _note_client(self, shop: Account, order: Thing) -> None:
        buyer = order["client"] or {}
        client = {
            "id": order["client_id"],
            "first_name": buyer.get("first_name"),
            "second_name": buyer.get("second_name"),
            "last_name": buyer.get("last_name"),
            "phones": [buyer["phone"]] if buyer.get("phone") else [],
            "emails": [order["email"]] if order["email"] else [],
        }
        shop.put("clients", order["client_id"], client)

    # Orders

    def orders_list(self, request: Request, account: Account) -> Response:
        language = rules.language(request)
        wanted = rules.listing(request, account.table("orders"), rules.order_filters(request))
        return answer({"orders": [rules.shown(order, language) for order in wanted]})

    def order_read(self, request: Request, account: Account, number: int) -> Response:
        order = account.table("orders").get(number)
        if order is None:
            return self.error("not_found", request, account)
        return answer({"order": rules.shown(order, rules.language(request))})

    def set_status(self, request: Request, account: Account) -> Response:
        body = rules.json(request)
        problem = rules.status_problem(body)
        if problem:
            return answer({"error": problem})
        processed = []
        for number in body["ids"]:
            order = account.table("orders").get(number)
            if order is None or order.get("_locked"):
                continue
            cancellation = None
            if body["status"] == "canceled":
                title = body.get("cancellation_text") or data.REASONS[body["cancellation_reason"]]
                cancellation = {"title": title, "initiator": "company"}
            self.change(number, status=body["status"], cancellation=cancellation)
            processed.append(number)
        return answer({"processed_ids": processed})

    def save_declaration(self, request: Request, account: Account) -> Response:
        posted = rules.json(request)
        body = posted if isinstance(posted, dict) else {}
        number, declaration = body.get("order_id"), body.get("declaration_id")
        order = account.table("orders").get(number) if isinstance(number, int) else None
        if order is None:
            return answer({"status": "error", "message": f"Order {number} not found"})
        if not isinstance(declaration, str) or not declaration.strip():
            return answer({"status": "error", "message": "declaration_id is required"})
        if body.get("delivery_type") not in data.DECLARATION_PROVIDERS:
            return answer({"status": "error", "message": "delivery_type is not supported"})
        provider = (order["delivery_provider_data"] or {}) | {
            "provider": body["delivery_type"],
            "declaration_number": declaration,
        }
        self.change(order["id"], delivery_provider_data=provider)
        return answer({"status": "success"})

    def status_options(self, request: Request, account: Account) -> Response:
        column = 2 if rules.language(request) == "uk" else 3
        options = [{"id": row[1], "name": row[0], "title": row[column]} for row in data.STATUSES]
        return answer({"order_status_options": options})

    def payment_options(self, request: Request, account: Account) -> Response:
        column = 1 if rules.language(request) == "uk" else 2
        options = [{"id": row[0], "name": row[column], "description": row[3]} for row in data.PAYMENTS]
        return answer({"payment_options": options})

    def delivery_options(self, request: Request, account: Account) -> Response:
        column = 1 if rules.language(request) == "uk" else 2
        options = [
            {"id": row[0], "name": row[column], "comment": row[3], "enabled": True, "type": row[4]}
            for row in data.DELIVERIES
        ]
        return answer({"delivery_options": options})

    # Goods and clients

    def groups_list(self, request: Request, account: Account) -> Response:
        column = 1 if rules.language(request) == "uk" else 2
        groups = {r[0]: {"id": r[0], "name": r[column], "parent_group_id": data.PARENTS.get(r[0])} for r in data.GROUPS}
        return answer({"groups": rules.listing(request, groups, [])})

    def products_list(self, request: Request, account: Account) -> Response:
        language = rules.language(request)
        tests = rules.between(request, "last_modified", "_modified")
        group = rules.number(request, "group_id", 0)
        if group:
            tests.append(lambda product: product["group"]["id"] == group)
        wanted = rules.listing(request, account.table("products"), tests)
        return answer({"products": [rules.product(product, language) for product in wanted]})

    def product_read(self, request: Request, account: Account, number: int | None) -> Response:
        product = account.table("products").get(number or 0)
        if product is None:
            return self.error("not_found", request, account)
        return answer({"product": rules.product(product, rules.language(request))})

    def product_by_external(self, request: Request, account: Account, external_id: str) -> Response:
        return self.product_read(request, account, account.find("product", external_id))

    def products_edit(self, request: Request, account: Account) -> Response:
        return self._edit(request, account, lambda given: given if isinstance(given, int) else None)

    def products_edit_external(self, request: Request, account: Account) -> Response:
        return self._edit(request, account, lambda given: account.find("product", given))

    def _edit(self, request: Request, account: Account, identify: Callable[[Any], int | None]) -> Response:
        rows = rules.json(request)
        if not isinstance(rows, list) or not all(isinstance(row, dict) and "id" in row for row in rows):
            return answer({"error": "A list of products with id is expected"}, 400)
        processed, errors = [], {}
        for row in rows:
            product = account.table("products").get(identify(row["id"]) or 0)
            problem = rules.product_problem(row) if product else "Product not found"
            if product is None or problem:
                errors[str(row["id"])] = problem
                continue
            account.put("products", product["id"], rules.edited(product, row))
            processed.append(row["id"])
        return answer({"processed_ids": processed, "errors": errors})

    def clients_list(self, request: Request, account: Account) -> Response:
        term = request.args.get("search_term", "").lower()
        wanted = rules.listing(request, account.table("clients"), [lambda client: term in str(client).lower()])
        return answer({"clients": wanted})

    def client_read(self, request: Request, account: Account, number: int) -> Response:
        client = account.table("clients").get(number)
        return answer({"client": client}) if client else self.error("not_found", request, account)
