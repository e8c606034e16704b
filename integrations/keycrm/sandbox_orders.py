"""Orders of the KeyCRM sandbox: taking them in, one or fifty at once, changing them, showing them."""

import math
import time
from typing import Any

from integrations.keycrm import sandbox_data as data
from integrations.keycrm import sandbox_hooks as hooks
from integrations.keycrm import sandbox_rules as rules
from integrations.keycrm import sandbox_shelf as shelf
from integrations.keycrm import sandbox_wire as wire
from integrations.sandbox import Request, Response, answer
from integrations.sandbox_store import Account, Thing
from integrations.sandbox_values import decimal

ID_STEP = 1_000_000
MAX_IMPORT = 50
INCLUDES = (
    *("buyer", "products", "products.offer", "manager", "tags", "status", "marketing", "payments", "shipping"),
    *("shipping.lastHistory", "shipping.deliveryService", "expenses", "custom_fields", "assigned"),
)
SORTS = ("id", "created_at", "updated_at")
SHOWN = (
    *("id", "parent_id", "source_uuid", "source_id", "status_id", "status_group_id", "grand_total", "promocode"),
    *("total_discount", "expenses_sum", "shipping_price", "wrap_price", "taxes", "manager_comment", "buyer_comment"),
    *("gift_message", "is_gift", "payment_status", "last_synced_at", "created_at", "updated_at", "closed_at"),
)
FILTERS: wire.Filters = {
    "status_id": wire.any_of("status_id"),
    "source_id": wire.any_of("source_id"),
    "source_uuid": wire.equal("source_uuid"),
    "buyer_phone": lambda order, value: order["buyer"]["phone"] in wire.listed(value),
    "buyer_email": lambda order, value: order["buyer"]["email"] in wire.listed(value),
    "created_between": wire.between("ordered_at"),
    "updated_between": wire.between("updated_at"),
    "shipping_between": lambda order, value: wire.between("shipping_date_actual")(order["shipping"], value),
    "payment_status": wire.any_of("payment_status"),
    "has_tracking_code": lambda order, value: bool(order["shipping"]["tracking_code"]) == (value in ("1", "true")),
}


ROLE = {"id": 2, "name": "Менеджер", "alias": "manager"}


def first_id(account: Account, kind: str) -> int:
    """The next id of `kind`; accounts count in ranges of their own, so that an id names one account."""
    return account.next_id(kind, 1 + account.number * ID_STEP)


class Orders(hooks.Triggers):
    """Endpoints of /order. With the option "import_seconds" a batch's orders are there only that much later."""

    def _begin(self) -> None:
        self._later: list[tuple[float, Account, list[Thing]]] = []
        super()._begin()

    def order_create(self, request: Request, account: Account) -> Response:
        given = wire.posted(request)
        wire.check(rules.order_problems(given))
        return answer(_flat(self.add_order(account, given)), 201)

    def orders_import(self, request: Request, account: Account) -> Response:
        """All of a batch or, when one can't be taken, none of it."""
        given = wire.posted(request).get("orders")
        if not isinstance(given, list) or not given:
            return wire.invalid([("orders", "The orders field is required.")])
        if len(given) > MAX_IMPORT:
            return wire.invalid([("orders", f"The orders must not have more than {MAX_IMPORT} items.")])
        wire.check(pair for place, row in enumerate(given) for pair in rules.order_problems(row, f"orders.{place}."))
        rows = [row | {"manager_id": None, "gift_message": None, "is_gift": False} for row in given]
        self._later.append((time.monotonic() + account.options["import_seconds"], account, rows))
        self.take_in(time.monotonic())
        return Response("", 201) if account.options["bare_import"] else answer({"status": True}, 201)

    def take_in(self, now: float = math.inf) -> None:
        """Make the orders of the batches whose time has come; of all, when nothing is said."""
        with self.lock:
            due = [one for one in self._later if one[0] <= now]
            self._later = [one for one in self._later if one[0] > now]
            for _at, account, rows in due:
                for row in rows:
                    self.add_order(account, row)

    def tick(self, now: float) -> None:
        self.take_in(now)
        super().tick(now)

    def add_order(self, account: Account, given: Thing) -> Thing:
        """A second one with the same source_uuid is a second order."""
        number, now = first_id(account, "orders"), wire.stamp()
        ordered = wire.moment(given.get("ordered_at"))
        order: Thing = {
            "id": number,
            "parent_id": None,
            **{name: given.get(name) for name in rules.ORDER_TEXT},
            **{name: rules.plain(rules.known(given.get(name))) for name in rules.ORDER_NUMBERS},
            "source_id": given["source_id"],
            "manager_id": given.get("manager_id"),
            "is_gift": bool(given.get("is_gift")),
            "gift_wrap": bool(given.get("gift_wrap")),
            **{name: now for name in ("created_at", "updated_at", "status_changed_at")},
            "ordered_at": wire.stamp(ordered) if ordered else now,
            "last_synced_at": now[:19].replace("T", " "),
            "closed_at": None,
            "buyer": self._buyer(account, rules.part(given, "buyer")),
            "shipping": _shipping({}, rules.part(given, "shipping")),
            "marketing": {name: rules.part(given, "marketing").get(name) for name in rules.UTM},
            "products": laid_lines(account, given),
            "payments": [rules.laid_payment(one, account) for one in rules.rows(given, "payments")],
            "custom_fields": rules.laid_fields([], given),
            "expenses": [],
            "tags": [],
        }
        order = rules.summed(order | _status(data.STATUSES[0]["id"]))
        account.put("orders", number, order)
        return order

    def _buyer(self, account: Account, given: Thing) -> Thing:
        """The buyer with the same phone or e-mail, or a new one; an order keeps the name it came with."""
        contacts = [one for one in (given.get("phone"), given.get("email")) if one]
        known = next((number for one in contacts if (number := account.find("buyer", one))), None)
        number = known or first_id(account, "buyers")
        buyer = {"id": number, **{name: given.get(name) for name in ("full_name", "email", "phone")}}
        account.put("buyers", number, account.table("buyers").get(number, {}) | buyer)
        return buyer | {"company_id": None, "manager_id": None}

    # Changing

    def order_change(self, request: Request, account: Account, number: int) -> Response:
        order, given = self.order(account, number), wire.posted(request)
        wire.check([*rules.change_problems(given), *_clashes(order, given)])
        return answer(_flat(self.change_order(account, order, given)), 202)

    def change_order(self, account: Account, order: Thing, given: Thing) -> Thing:
        """Take in the fields that a change may have; a new status sets the trigger off, whoever gave it."""
        after = order | {
            name: given[name]
            for name in ("buyer_comment", "manager_comment", "discount_percent", "discount_amount")
            if name in given
        }
        if isinstance(given.get("shipping"), dict):
            after["shipping"] = _shipping(order["shipping"], given["shipping"])
        after["custom_fields"] = rules.laid_fields(order["custom_fields"], given)
        after["products"] = _lines_changed(order["products"], rules.rows(given, "products"))
        if given.get("status_id") is not None:
            after |= _status(given["status_id"])
        return self.keep_order(account, order, after)

    def keep_order(self, account: Account, before: Thing, after: Thing) -> Thing:
        now = wire.stamp()
        after = rules.summed(after) | {"updated_at": now}
        moved = after["status_id"] != before["status_id"]
        if moved:
            closing = data.STATUS_BY_ID[after["status_id"]]["is_closing_order"]
            after |= {"status_changed_at": now, "closed_at": now if closing else None}
        account.put("orders", after["id"], after)
        if moved:
            self.fire(account, hooks.ORDER_STATUS, after)
        if after["payment_status"] != before["payment_status"]:
            self.fire(account, hooks.ORDER_PAID, after)
        return after

    def payment_add(self, request: Request, account: Account, number: int) -> Response:
        order, given = self.order(account, number), wire.posted(request)
        wire.check(rules.payment_problems(given))
        payment = rules.laid_payment(given, account)
        self.keep_order(account, order, order | {"payments": [*order["payments"], payment]})
        return answer(rules.payment_shown(payment), 201)

    def payment_change(self, request: Request, account: Account, number: int, payment: int) -> Response:
        order, given = self.order(account, number), wire.posted(request)
        wire.check(rules.status_problems(given))
        payments, changed = payment_changed(order["payments"], payment, given)
        self.keep_order(account, order, order | {"payments": payments})
        return answer(rules.payment_shown(changed), 202)

    def expense_add(self, request: Request, account: Account, number: int) -> Response:
        order, given = self.order(account, number), wire.posted(request)
        named = (given.get("expense_type_id"), given.get("expense_type"))
        kind = next((row for row in data.EXPENSE_TYPES if row["id"] == named[0] or row["name"] == named[1]), None)
        if decimal(given.get("amount")) is None or kind is None:
            return wire.invalid([("amount", "The amount and expense_type_id fields are required.")])
        now = wire.stamp()
        expense: Thing = {"id": account.next_id("expenses", 301), "expense_type_id": kind["id"], "status": "paid"}
        expense |= {"amount": rules.plain(rules.known(given["amount"])), "description": given.get("description")}
        expense |= {"payment_date": given.get("payment_date"), "created_at": now, "updated_at": now}
        self.keep_order(account, order, order | {"expenses": [*order["expenses"], expense]})
        return answer(expense | {"expense_type": kind}, 201)

    def tag_add(self, request: Request, account: Account, number: int, tag: int) -> Response:
        order = self.order(account, number)
        if tag not in data.by_id(data.TAGS):
            return wire.message(404, "Not Found")
        self.keep_order(account, order, order | {"tags": sorted({*order["tags"], tag})})
        return answer({"status": True}, 202)

    def tag_drop(self, request: Request, account: Account, number: int, tag: int) -> Response:
        order = self.order(account, number)
        if tag not in order["tags"]:
            return wire.message(400, "The order has no such tag")
        self.keep_order(account, order, order | {"tags": [one for one in order["tags"] if one != tag]})
        return Response("", 204)

    # Reading

    def order(self, account: Account, number: int) -> Thing:
        found = account.table("orders").get(number)
        if found is None:
            raise wire.refused(404, "Not Found")
        return found

    def order_read(self, request: Request, account: Account, number: int) -> Response:
        asked = wire.includes(request, INCLUDES)
        return answer(self._shown(account, self.order(account, number), asked))

    def orders_list(self, request: Request, account: Account) -> Response:
        asked = wire.includes(request, INCLUDES)
        found = wire.selected(account.table("orders").values(), wire.filters(request), FILTERS)
        return wire.paged(
            request, wire.ordered(request, found, SORTS), lambda order: self._shown(account, order, asked)
        )

    def _shown(self, account: Account, order: Thing, asked: set[str]) -> Thing:
        shown = _flat(order) | {"ordered_at": order["ordered_at"]}
        now = {"created_at": order["created_at"], "updated_at": order["updated_at"]}
        parts: dict[str, Any] = {
            "buyer": lambda: order["buyer"],
            "products": lambda: [self._line(account, line, asked) for line in order["products"]],
            "manager": lambda: data.by_id(data.USERS).get(order["manager_id"]),
            "tags": lambda: [tag for tag in data.TAGS if tag["id"] in order["tags"]],
            "status": lambda: data.STATUS_BY_ID[order["status_id"]],
            "marketing": lambda: order["marketing"] | now,
            "payments": lambda: [one | {"destination_id": order["id"]} for one in order["payments"]],
            "shipping": lambda: _shipping_shown(order["shipping"], asked),
            "expenses": lambda: [one | {"destination_id": order["id"]} for one in order["expenses"]],
            "custom_fields": lambda: rules.fields_shown(order["custom_fields"]),
            "assigned": lambda: [user | {"role": ROLE} for user in data.USERS if user["id"] == order["manager_id"]],
        }
        wanted = {one.partition(".")[0] for one in asked}
        return shown | {name: make() for name, make in parts.items() if name in wanted}

    def _line(self, account: Account, line: Thing, asked: set[str]) -> Thing:
        if "products.offer" not in asked:
            return line
        return line | {"offer": shelf.offer_of(account, line["sku"])}


def laid_lines(account: Account, given: Thing) -> list[Thing]:
    """New lines; one that has only an article is called as in the catalogue."""
    lines = [rules.laid_line(line, account) for line in rules.rows(given, "products")]
    return [line | {"name": line["name"] or shelf.name_of(account, line["sku"])} for line in lines]


def _flat(order: Thing) -> Thing:
    return {name: order[name] for name in SHOWN}


def _status(number: int) -> Thing:
    return {"status_id": number, "status_group_id": data.STATUS_BY_ID[number]["group_id"]}


def _shipping(before: Thing, given: Thing) -> Thing:
    empty: Thing = dict.fromkeys(rules.SHIPPING_TEXT, None)
    empty |= {"delivery_service_id": None, "shipping_status": None, "shipping_date_actual": None}
    kept = {name: given[name] for name in (*rules.SHIPPING_TEXT, "delivery_service_id") if name in given}
    if given.get("shipping_date"):
        kept["shipping_date_actual"] = f"{given['shipping_date']}T00:00:00.000000Z"
    return empty | before | kept


def _shipping_shown(shipping: Thing, asked: set[str]) -> Thing:
    shown = {name: value for name, value in shipping.items() if name != "warehouse_ref"}
    if "shipping.deliveryService" in asked:
        shown["delivery_service"] = data.by_id(data.DELIVERY_SERVICES).get(shipping["delivery_service_id"])
    if "shipping.lastHistory" in asked:
        shown["last_history"] = None
    return shown


def _clashes(order: Thing, given: Thing) -> wire.Problems:
    if rules.part(given, "shipping").get("tracking_code") and order["shipping"]["tracking_code"]:
        yield "shipping.tracking_code", "The order already has a tracking code."


def _lines_changed(lines: list[Thing], given: list[Thing]) -> list[Thing]:
    """Existing lines, each found by id or article, with what is given of them; others are passed over."""
    changed = list(lines)
    for row in given:
        place = next((n for n, line in enumerate(changed) if _is_line(line, row)), None)
        if place is not None:
            fields = (*rules.LINE_NUMBERS, "comment", "product_status_id", *([] if changed[place]["sku"] else ["name"]))
            changed[place] = rules.line_summed(
                changed[place] | {name: row[name] for name in fields if row.get(name) is not None}
            )
    return changed


def _is_line(line: Thing, given: Thing) -> bool:
    if given.get("id") is not None:
        return bool(line["id"] == given["id"])
    return bool(given.get("sku")) and line["sku"] == given["sku"]


def payment_changed(payments: list[Thing], number: int, given: Thing) -> tuple[list[Thing], Thing]:
    """(all payments, the changed one). Refused: there is no such payment."""
    found = next((one for one in payments if one["id"] == number), None)
    if found is None:
        raise wire.refused(404, "Not Found")
    kept = {name: given[name] for name in ("status", "description") if given.get(name) is not None}
    changed = found | kept | {"updated_at": wire.stamp()}
    return [changed if one is found else one for one in payments], changed
