"""Orders of the RetailCRM sandbox: taking them in, changing them with a history, showing them."""

from collections.abc import Iterable
from typing import Any

from integrations.retailcrm import sandbox_data as data
from integrations.retailcrm import sandbox_rules as rules
from integrations.retailcrm import sandbox_wire as wire
from integrations.retailcrm.sandbox_more import AroundOrders, first_id
from integrations.sandbox import Request, Response, answer
from integrations.sandbox_store import Account, Thing

MAX_UPLOAD = 50
MAX_STATUSES = 500
# our field -> its name in the history
TRACKED = {
    "status": "status",
    "number": "number",
    "firstName": "first_name",
    "lastName": "last_name",
    "patronymic": "patronymic",
    "phone": "phone",
    "email": "email",
    "customerComment": "customer_comment",
    "managerComment": "manager_comment",
    "shipmentDate": "shipment_date",
    "shipped": "shipped",
    "fullPaidAt": "full_paid_at",
    "totalSumm": "total_summ",
}


class Orders(AroundOrders):
    """Endpoints of orders and orders/history."""

    def order_create(self, request: Request, account: Account) -> Response:
        site = self.site_to_write(request, account)
        given = wire.posted(request, "order")
        problems = self._problems(given, site, account)
        if problems:
            return wire.refusal(400, wire.ENTITY, problems)
        order = self._add(given, site, account)
        return answer({"success": True, "id": order["id"], "order": rules.shown(order, payments_by_id=False)}, 201)

    def orders_upload(self, request: Request, account: Account) -> Response:
        site = self.site_to_write(request, account)
        rows = wire.posted(request, "orders", list)
        if len(rows) > MAX_UPLOAD:
            text = f"This collection should contain {MAX_UPLOAD} elements or less."
            return wire.refusal(400, wire.INPUT, {"orders": text})
        done: list[Thing] = []
        failed: list[Thing] = []
        errors: list[str] = []
        for row in rows:
            problems = self._problems(row, site, account)
            if problems:
                failed.append({"externalId": row.get("externalId") if isinstance(row, dict) else None})
                errors += [f"{place}: {text}" for place, text in problems.items()]
            else:
                done.append(self._add(row, site, account))
        uploaded = [{"id": order["id"], "externalId": order.get("externalId")} for order in done]
        return partly(uploaded, failed, errors, [rules.shown(order, payments_by_id=False) for order in done])

    def _problems(self, given: Any, site: str, account: Account) -> dict[str, str]:
        if not isinstance(given, dict) or not given:
            return {"order": "This value should not be blank."}
        problems = rules.order_problems(given, account)
        external = given.get("externalId")
        if external is not None and account.find("order", (site, str(external))) is not None:
            problems["externalId"] = f"Order with externalId {external} already exists."
        return problems

    def _add(self, given: Thing, site: str, account: Account) -> Thing:
        number, moment = first_id(account, "orders"), rules.now()
        order: Thing = {
            "slug": number,
            "id": number,
            "number": f"{number}A",
            "site": site,
            "status": "new",
            "orderType": "eshop-individual",
            "privilegeType": "none",
            "countryIso": "RU",
            "createdAt": moment,
            "statusUpdatedAt": moment,
            "markDatetime": moment,
            "fromApi": True,
            "expired": False,
            "shipped": False,
            "customer": self._link(given, site, account),
            "payments": [rules.laid_payment(one, {}, account) for one in given.get("payments") or []],
            "items": [],
        }
        order = rules.laid_out(order, given, account)
        account.put("orders", number, order)
        self.note(account, order, "status", None, {"code": order["status"]}, created=True)
        return order

    def _link(self, given: Thing, site: str, account: Account) -> Thing:
        """The customer of an order: the one named, one with the same phone or e-mail, or a new one."""
        reference = given.get("customer") or {}
        number = rules.find_customer(account, reference) if {"id", "externalId"} & set(reference) else None
        for contact in (given.get("phone"), given.get("email")):
            if number is None and contact:
                number = account.find("customer_contact", contact)
        if number is None:
            own = {name: given[name] for name in ("firstName", "lastName", "patronymic", "email") if given.get(name)}
            phones = [{"number": given["phone"]}] if given.get("phone") else []
            number = self.add_customer(account, {**own, "phones": phones}, site)["id"]
        customer = account.table("customers")[number]
        return {"type": "customer", "id": number, "externalId": customer.get("externalId"), "site": customer["site"]}

    def order_edit(self, request: Request, account: Account, uid: str) -> Response:
        given = wire.posted(request, "order")
        order = self.order(account, uid, request.fields.get("by", "externalId"), self.site(request, account))
        problems = rules.order_problems(given, account)
        external = given.get("externalId")
        if external is not None and account.find("order", (order["site"], str(external))) not in (None, order["id"]):
            problems["externalId"] = f"Order with externalId {external} already exists."
        if problems:
            return wire.refusal(400, wire.ENTITY, problems)
        order = self.change(account, order, given)
        return answer({"success": True, "id": order["id"], "order": rules.shown(order)})

    def change(self, account: Account, order: Thing, given: Thing, by_user: bool = False) -> Thing:
        after = rules.laid_out(order, given, account)
        if given.get("customer"):
            after["customer"] = self._link(given, order["site"], account)
        if after["status"] != order["status"]:
            after["statusUpdatedAt"] = rules.now()
        account.put("orders", order["id"], after)
        for field, old, new in _differences(order, after):
            self.note(account, after, field, old, new, by_user=by_user)
        return after

    def note(
        self,
        account: Account,
        order: Thing,
        field: str,
        old: Any,
        new: Any,
        created: bool = False,
        by_user: bool = False,
    ) -> None:
        number = account.next_id("history")
        who: Thing = {"source": "user", "user": {"id": 12}}
        if not by_user:
            who = {"source": "api", "apiKey": {"current": True}}
        short = {name: order.get(name) for name in ("id", "externalId", "number", "site", "status")}
        record = {"id": number, "createdAt": rules.now(), **({"created": True} if created else {}), **who}
        account.put("history", number, record | {"field": field, "oldValue": old, "newValue": new, "order": short})

    # Reading orders

    def by_external(self, account: Account, external: str, site: str | None = None) -> list[int]:
        sites = [site] if site else [code for code, _name in data.SITES]
        return [number for code in sites if (number := account.find("order", (code, external))) is not None]

    def order(self, account: Account, uid: str, by: str, site: str | None) -> Thing:
        if by not in ("id", "externalId"):
            raise wire.refused(400, wire.INPUT, {"by": "This value should be id or externalId."})
        numbers = self.by_external(account, uid, site)
        if by == "id":
            numbers = [int(uid)] if uid.isdecimal() else []
        for number in numbers:
            order = account.table("orders").get(number)
            if order and order["site"] in ([site] if site else account.options["sites"]):
                return order
        raise wire.refused(404, "Not found")

    def order_read(self, request: Request, account: Account, uid: str) -> Response:
        order = self.order(account, uid, request.args.get("by", "externalId"), self.site(request, account))
        return answer({"success": True, "order": rules.shown(order)})

    def orders_list(self, request: Request, account: Account) -> Response:
        given = wire.filters(request)
        found = wire.selected(self._candidates(account, given), given, _order_filters())
        page, block = wire.paged(request, found)
        return answer({"success": True, "pagination": block, "orders": [rules.shown(order) for order in page]})

    def _candidates(self, account: Account, given: Thing) -> Iterable[Thing]:
        """All orders, newest first; for external ids only what the index finds."""
        table, sites = account.table("orders"), account.options["sites"]
        numbers: Iterable[int] = reversed(table)
        if "externalIds" in given:
            found = {number for one in wire.listed(given["externalIds"]) for number in self.by_external(account, one)}
            numbers = sorted(found, reverse=True)
        return (table[number] for number in numbers if table[number]["site"] in sites)

    def orders_statuses(self, request: Request, account: Account) -> Response:
        asked = wire.query(request)
        ids, externals = wire.listed(asked.get("ids")), wire.listed(asked.get("externalIds"))
        if len(ids) + len(externals) > MAX_STATUSES:
            return wire.refusal(400, wire.INPUT, {"ids": f"No more than {MAX_STATUSES} orders can be asked for."})
        numbers = {int(one) for one in ids if one.isdecimal()}
        numbers |= {number for one in externals for number in self.by_external(account, one)}
        table = account.table("orders")
        found = [_status_line(table[number]) for number in sorted(numbers) if number in table]
        return answer({"success": True, "orders": found})

    def orders_history(self, request: Request, account: Account) -> Response:
        given = wire.filters(request)
        after = str(given.pop("sinceId", "0"))
        if not after.isdecimal():
            return wire.refusal(400, wire.INPUT, {"filter.sinceId": "This value should be a number."})
        known: wire.Filters = {
            "startDate": wire.since("createdAt"),
            "endDate": wire.until("createdAt"),
            "orderId": lambda record, value: str(record["order"]["id"]) == str(value),
            "orderExternalId": lambda record, value: record["order"]["externalId"] == str(value),
        }
        table = account.table("history")
        later = (table[number] for number in range(int(after) + 1, len(table) + 1))
        page, block = wire.paged(request, wire.selected(later, given, known))
        return answer({"success": True, "generatedAt": rules.now(), "history": page, "pagination": block})


def partly(done: list[Thing], failed: list[Thing], errors: list[str], orders: list[Thing]) -> Response:
    """The answer of orders/upload: 460 as soon as one order failed."""
    body: Thing = {"success": not failed, "uploadedOrders": done, "failedOrders": failed, "orders": orders}
    if failed:
        return answer(body | {"errorMsg": "Orders are loaded with errors", "errors": errors}, 460)
    return answer(body, 201)


def _status_line(order: Thing) -> Thing:
    group = data.STATUSES[order["status"]]["group"]
    return {"id": order["id"], "externalId": order.get("externalId"), "status": order["status"], "group": group}


def _differences(before: Thing, after: Thing) -> Iterable[tuple[str, Any, Any]]:
    """Changed fields as the history names them, with old and new value."""
    for field, name in TRACKED.items():
        old, new = before.get(field), after.get(field)
        if old != new:
            yield name, *(({"code": old}, {"code": new}) if field == "status" else (old, new))
    old_delivery, new_delivery = before.get("delivery") or {}, after.get("delivery") or {}
    for field, name in (("code", "delivery_type"), ("cost", "delivery_cost"), ("address", "delivery_address")):
        old, new = old_delivery.get(field), new_delivery.get(field)
        if old != new:
            yield name, *(({"code": old}, {"code": new}) if field == "code" else (old, new))
    if before.get("items") != after.get("items"):
        yield "order_product", None, [line["id"] for line in after.get("items", ())]


def _order_filters() -> wire.Filters:
    return {
        "ids": wire.any_of("id"),
        "externalIds": wire.any_of("externalId"),
        "numbers": wire.any_of("number"),
        "sites": wire.any_of("site"),
        "email": wire.equal("email"),
        "createdAtFrom": wire.since("createdAt"),
        "createdAtTo": wire.until("createdAt"),
        "statusUpdatedAtFrom": wire.since("statusUpdatedAt"),
        "statusUpdatedAtTo": wire.until("statusUpdatedAt"),
        "extendedStatus": wire.any_of("status"),
        "customerExternalId": lambda order, value: order["customer"]["externalId"] == str(value),
        "paymentStatuses": lambda order, value: any(one["status"] in wire.listed(value) for one in order["payments"]),
        "customFields": lambda order, value: all(
            str((order.get("customFields") or {}).get(code)) == text for code, text in value.items()
        ),
    }
