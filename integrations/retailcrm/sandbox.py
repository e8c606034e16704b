"""An imitation of the RetailCRM API v5 (https://docs.retailcrm.ru), as far as the hub uses it.

Not published, chosen here: a second create with an externalId of the same site is refused with 400; unknown filters are
refused; times are UTC+3; a key of several shops must send `site`.
"""

import re
from collections.abc import Hashable, Iterable
from typing import Any, ClassVar

from werkzeug.routing import Rule

from integrations.retailcrm import sandbox_data as data
from integrations.retailcrm import sandbox_rules as rules
from integrations.retailcrm import sandbox_wire as wire
from integrations.retailcrm.sandbox_orders import Orders, partly
from integrations.sandbox import Request, Response, answer
from integrations.sandbox_store import Account, Thing

ERRORS = {
    "expired": (403, 'Wrong "apiKey" value.'),
    "denied": (403, "Access denied."),
    "error500": (500, "Internal Server Error"),
    "not_found": (404, "API method not found"),
    "method": (405, "Method Not Allowed"),
}


class RetailcrmSandbox(Orders):
    key = "retailcrm"
    title = "RetailCRM"
    rate = 10
    counted = ("orders", "customers", "products", "history")
    controls: ClassVar[dict[str, str]] = {"status": "control_status"}
    rules = (
        Rule("/api/credentials", endpoint="credentials", methods=["GET"]),
        Rule("/api/api-versions", endpoint="api_versions", methods=["GET"]),
        Rule("/api/system-info", endpoint="system_info", methods=["GET"]),
        Rule("/api/v5/credentials", endpoint="credentials", methods=["GET"]),
        Rule("/api/v5/reference/<name>", endpoint="reference", methods=["GET"]),
        Rule("/api/v5/custom-fields", endpoint="custom_fields", methods=["GET"]),
        Rule("/api/v5/orders", endpoint="orders_list", methods=["GET"]),
        Rule("/api/v5/orders/create", endpoint="order_create", methods=["POST"]),
        Rule("/api/v5/orders/upload", endpoint="orders_upload", methods=["POST"]),
        Rule("/api/v5/orders/statuses", endpoint="orders_statuses", methods=["GET"]),
        Rule("/api/v5/orders/history", endpoint="orders_history", methods=["GET"]),
        Rule("/api/v5/orders/payments/create", endpoint="payment_create", methods=["POST"]),
        Rule("/api/v5/orders/payments/<uid>/edit", endpoint="payment_edit", methods=["POST"]),
        Rule("/api/v5/orders/payments/<uid>/delete", endpoint="payment_delete", methods=["POST"]),
        Rule("/api/v5/orders/<uid>", endpoint="order_read", methods=["GET"]),
        Rule("/api/v5/orders/<uid>/edit", endpoint="order_edit", methods=["POST"]),
        Rule("/api/v5/customers", endpoint="customers_list", methods=["GET"]),
        Rule("/api/v5/customers/create", endpoint="customer_create", methods=["POST"]),
        Rule("/api/v5/customers/upload", endpoint="customers_upload", methods=["POST"]),
        Rule("/api/v5/customers/<uid>", endpoint="customer_read", methods=["GET"]),
        Rule("/api/v5/customers/<uid>/edit", endpoint="customer_edit", methods=["POST"]),
        Rule("/api/v5/store/products", endpoint="products_list", methods=["GET"]),
        Rule("/api/v5/store/offers", endpoint="offers_list", methods=["GET"]),
        Rule("/api/v5/store/products/batch/create", endpoint="products_create", methods=["POST"]),
    )

    def account_options(self, number: int) -> Thing:
        if number == 0:
            return {"siteAccess": "access_full", "sites": [code for code, _name in data.SITES]}
        return {"siteAccess": "access_selective", "sites": [data.SITES[-number % 2][0]]}

    def keys(self, kind: str, thing: Thing) -> Iterable[tuple[str, Hashable]]:
        external = thing.get("externalId")
        if external is not None and kind in ("customers", "products", "offers"):
            yield kind[:-1], str(external)
        if kind == "orders":
            yield "order_number", thing["number"]
            if external is not None:
                yield "order", (thing["site"], external)
            for payment in thing["payments"]:
                yield "payment_id", payment["id"]
                yield "payment", str(payment.get("externalId"))
        if kind == "customers":
            for phone in thing["phones"]:
                yield "customer_contact", phone["number"]
            if thing.get("email"):
                yield "customer_contact", thing["email"]

    def external_id(self, order: Thing) -> str | None:
        return order.get("externalId")

    def token(self, request: Request) -> str | None:
        return request.headers.get("X-API-KEY") or request.args.get("apiKey") or request.fields.get("apiKey")

    def section(self, path: str) -> str:
        return path.removeprefix("/api/v5/").partition("/")[0] if path.startswith("/api/v5/") else ""

    def error(self, kind: str, request: Request, account: Account | None) -> Response:
        if kind == "unauthorized":
            text = 'Wrong "apiKey" value.' if self.token(request) else '"apiKey" is missing.'
            return wire.refusal(403, text)
        if kind == "rate_limited":
            return Response("<html><h1>503 Service Temporarily Unavailable</h1></html>", 503, mimetype="text/html")
        if kind == "refuse":
            return self._refuse(request)
        return wire.refusal(*ERRORS[kind])

    def _refuse(self, request: Request) -> Response:
        """A validation refusal for the fault: of each order in a batch, of the one entity, of a query."""
        text = "This value is not valid."
        if request.path.endswith("/orders/upload"):
            rows = wire.posted(request, "orders", list)
            failed = [{"externalId": row.get("externalId")} for row in rows]
            return partly([], failed, [f"phone: {text}" for _row in rows], [])
        if request.method == "POST":
            return wire.refusal(400, wire.ENTITY, {"phone": text})
        return wire.refusal(400, wire.INPUT, {"filter": text})

    def page(self, path: str) -> tuple[str, Thing] | None:
        match = re.fullmatch(r"/orders/(\d+)/edit/?", path)
        if match is None:
            return None
        with self.lock:
            found = self._anywhere(int(match[1]))
            if found is None:
                return "retailcrm/sandbox_order.html", {"missing": match[1]}
            account, order = found
            history = [one for one in account.table("history").values() if one["order"]["id"] == order["id"]]
        return "retailcrm/sandbox_order.html", {"order": order, "history": history, "statuses": data.STATUSES}

    # A manager in the CRM, for tests, the demo and the control page

    def set_status(self, order: int | str, code: str, comment: str | None = None) -> Thing:
        """A manager changes an order (id: int, externalId: str). KeyError: no such order; ValueError: no status."""
        if not data.STATUSES.get(code, {}).get("active"):
            raise ValueError(f"No active status {code}")
        with self.lock:
            found = self._anywhere(order)
            if found is None:
                raise KeyError(f"No order {order}")
            given = {"status": code} if comment is None else {"status": code, "statusComment": comment}
            return self.change(found[0], found[1], given, by_user=True)

    def control_status(self, posted: Thing) -> Thing:
        given = posted["order"]
        uid = (
            given if isinstance(given, int) and self._anywhere(given) else str(given)
        )  # forms can't tell 501 from "501"
        order = self.set_status(uid, str(posted["status"]), posted.get("comment"))
        return {"id": order["id"], "externalId": order.get("externalId"), "status": order["status"]}

    def _anywhere(self, uid: int | str) -> tuple[Account, Thing] | None:
        """An order by id (int) or externalId (str) in whichever account has it."""
        for account in self.accounts.values():
            for number in [uid] if isinstance(uid, int) else self.by_external(account, uid):
                if number in account.table("orders"):
                    return account, account.table("orders")[number]
        return None

    # Payments

    def payment_create(self, request: Request, account: Account) -> Response:
        given = wire.posted(request, "payment")
        problems = dict(rules.payment_problems(given))
        if problems:
            return wire.refusal(400, wire.ENTITY, problems)
        order = self._order_of(given.get("order"), account, self.site(request, account))
        external = given.get("externalId")
        if external is not None and any(one.get("externalId") == external for one in order["payments"]):
            text = f"Payment with externalId {external} already exists."
            return wire.refusal(400, wire.ENTITY, {"externalId": text})
        payment = rules.laid_payment(given, {}, account)
        self._pay(account, order, [*order["payments"], payment], "payments", None, payment["type"])
        return answer({"success": True, "id": payment["id"]}, 201)

    def payment_edit(self, request: Request, account: Account, uid: str) -> Response:
        given = wire.posted(request, "payment")
        problems = dict(rules.payment_problems(given, is_new=False))
        if problems:
            return wire.refusal(400, wire.ENTITY, problems)
        order, before = self._payment(account, uid, request.fields.get("by", "externalId"))
        after = rules.laid_payment(given, before, account)
        payments = [after if one["id"] == before["id"] else one for one in order["payments"]]
        self._pay(account, order, payments, "payments.status", before["status"], after["status"])
        return answer({"success": True, "id": after["id"]})

    def payment_delete(self, request: Request, account: Account, uid: str) -> Response:
        order, payment = self._payment(account, uid, "id")
        payments = [one for one in order["payments"] if one["id"] != payment["id"]]
        self._pay(account, order, payments, "payments", payment["type"], None)
        return answer({"success": True})

    def _order_of(self, reference: Any, account: Account, site: str | None) -> Thing:
        reference = reference if isinstance(reference, dict) else {}
        if "number" in reference:
            return self.order(account, str(account.find("order_number", reference["number"]) or 0), "id", site)
        by = "id" if "id" in reference else "externalId"
        return self.order(account, str(reference.get(by)), by, site)

    def _payment(self, account: Account, uid: str, by: str) -> tuple[Thing, Thing]:
        number = account.find("payment_id", int(uid) if uid.isdecimal() else 0)
        if by == "externalId":
            number = account.find("payment", uid)
        order = account.table("orders").get(number or 0)
        if order is None:
            raise wire.refused(404, "Not found")
        field = "id" if by == "id" else "externalId"
        return order, next(one for one in order["payments"] if str(one.get(field)) == uid)

    def _pay(self, account: Account, order: Thing, payments: list[Thing], field: str, old: Any, new: Any) -> None:
        after = rules.summed(order | {"payments": payments})
        account.put("orders", order["id"], after)
        if old != new:
            before, then = (None if code is None else {"code": code} for code in (old, new))
            self.note(account, after, field, before, then)
