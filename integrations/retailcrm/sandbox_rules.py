"""What the RetailCRM sandbox demands of an order, and how it lays one out.

Chosen here, not published: unknown fields are ignored; a line needs an offer that exists, or a `productName`; a linked
customer must exist. Texts of single errors are ours, their places and containers are RetailCRM's.
"""

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from typing import Any

from integrations.retailcrm import sandbox_data as data
from integrations.sandbox_store import Account, Thing
from integrations.sandbox_values import decimal

ZERO = Decimal(0)
ACCOUNT_ZONE = timezone(timedelta(hours=3))
TEXT = (
    "externalId",
    "number",
    "statusComment",
    "firstName",
    "lastName",
    "patronymic",
    "phone",
    "additionalPhone",
    "email",
    "customerComment",
    "managerComment",
    "privilegeType",
)
NUMBERS = ("weight", "discountManualAmount", "discountManualPercent", "managerId", "dialogId")
WHOLE = ("length", "width", "height")
FLAGS = ("call", "shipped", "applyRound", "expired")
CODES: dict[str, Any] = {
    "status": data.STATUSES,
    "orderType": data.ORDER_TYPES,
    "orderMethod": data.ORDER_METHODS,
    "shipmentStore": data.STORES,
    "countryIso": dict.fromkeys(data.COUNTRIES, {}),
}
PLAIN = ("createdAt", "shipmentDate", "contragent", "source")
KEPT = frozenset((*NUMBERS, *WHOLE, *FLAGS, *CODES, *PLAIN))
ITEM_FIELDS = ("initialPrice", "quantity", "productName", "vatRate", "comment", "status", "purchasePrice", "priceType")
ITEM_MORE = ("discountManualAmount", "discountManualPercent", "properties", "externalIds", "markingCodes")
PAYMENT_FIELDS = ("externalId", "type", "status", "amount", "paidAt", "comment")
DELIVERY_FIELDS = (
    "code",
    "integrationCode",
    "service",
    "cost",
    "netCost",
    "vatRate",
    "date",
    "time",
    "address",
    "data",
)
Problems = Iterator[tuple[str, str]]


def now() -> str:
    """The account's local time, as all times are written."""
    return _written(int(time.time()))


@lru_cache(maxsize=1)
def _written(second: int) -> str:
    return datetime.fromtimestamp(second, ACCOUNT_ZONE).strftime("%Y-%m-%d %H:%M:%S")


def known(value: Any) -> Decimal:
    """A value checked before, or absent: then 0."""
    return (decimal(value) or ZERO) if value else ZERO


def plain(number: Decimal) -> int | float:
    """As PHP writes amounts: an integer when it is whole."""
    if not number:
        return 0
    number = round(number, 2)
    return int(number) if number == number.to_integral() else float(number)


def order_problems(order: Thing, account: Account) -> dict[str, str]:
    """Place -> text of everything wrong with the fields given; empty when the order can be taken."""
    return dict(_order_problems(order, account))


def _order_problems(order: Thing, account: Account) -> Problems:
    yield from _scalars(order)
    yield from _codes(order)
    yield from _customer(order, account)
    yield from _items(order.get("items"), account)
    yield from _delivery(order.get("delivery"))
    payments = order.get("payments") or []
    for place, payment in enumerate(payments if isinstance(payments, list) else [None]):
        for field, text in payment_problems(payment):
            yield f"payments[{place}].{field}", text
    yield from _custom_fields(order.get("customFields"))


def _custom_fields(given: Any) -> Problems:
    codes = {field["code"] for field in data.CUSTOM_FIELDS}
    if given and not isinstance(given, dict):
        yield "customFields", "This value is not valid."
        return
    for code in given or {}:
        if code not in codes:
            yield f"customFields.{code}", f"Custom field with code {code} does not exist."


def _scalars(order: Thing) -> Problems:
    for field, value in order.items():
        if field in CHECKS and value is not None and not CHECKS[field][0](value):
            yield field, CHECKS[field][1]
    created = order.get("createdAt")
    if created is not None and not _is_time(created):
        yield "createdAt", "This value is not a valid datetime."


def _is_number(value: Any) -> bool:
    return type(value) is int or decimal(value) is not None


def _is_amount(value: Any) -> bool:
    """A number, 0 or more."""
    number = value if type(value) is int else decimal(value)
    return number is not None and number >= 0


def _is_whole(value: Any) -> bool:
    number = decimal(value)
    return number is not None and number == number.to_integral() and number >= 0


def _is_time(value: Any) -> bool:
    try:
        datetime.strptime(str(value), "%Y-%m-%d %H:%M:%S").replace(tzinfo=ACCOUNT_ZONE)
    except ValueError:
        return False
    return True


CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(TEXT, (lambda value: isinstance(value, str | int | float), "This value should be a string.")),
    **dict.fromkeys(NUMBERS, (_is_number, "This value should be a number.")),
    **dict.fromkeys(WHOLE, (_is_whole, "This value should be an integer.")),
    **dict.fromkeys(FLAGS, (lambda value: value in (True, False, "0", "1"), "This value should be a boolean.")),
}


def _codes(order: Thing) -> Problems:
    for field, codes in CODES.items():
        code = order.get(field)
        if code is not None and not codes.get(str(code), {"active": False}).get("active", True):
            yield field, f"{field} with code {code} does not exist or is not active."


def _customer(order: Thing, account: Account) -> Problems:
    customer = order.get("customer")
    if not customer:
        return
    if not isinstance(customer, dict):
        yield "customer", "This value is not valid."
    elif find_customer(account, customer) is None and not customer.get("browserId"):
        yield "customer", "Customer not found."


def find_customer(account: Account, reference: Thing) -> int | None:
    if "id" in reference:
        number = decimal(reference["id"])
        return int(number) if number is not None and int(number) in account.table("customers") else None
    return account.find("customer", str(reference.get("externalId")))


def _items(items: Any, account: Account) -> Problems:
    if items is None:
        return
    if not isinstance(items, list):
        yield "items", "This value should be a list."
        return
    for place, item in enumerate(items):
        for field, text in _item(item, account):
            yield f"items[{place}].{field}", text


def _item(item: Any, account: Account) -> Problems:
    offer = item.get("offer") or {} if isinstance(item, dict) else None
    if not isinstance(offer, dict):
        yield "offer", "This value is not valid."
        return
    if not offer and not item.get("productName") and "id" not in item:
        yield "offer", "An offer or a productName is required."
    if "id" in offer and find_offer(account, offer) is None:
        yield "offer.id", f"Offer with id {offer['id']} not found."
    elif "externalId" in offer and find_offer(account, offer) is None and not (item.get("productName") or "id" in item):
        yield "offer.externalId", f"Offer with externalId {offer['externalId']} not found."
    yield from _item_values(item)


def _item_values(item: Thing) -> Problems:
    if not _is_amount(item.get("quantity", 1)) or not known(item.get("quantity", 1)):
        yield "quantity", "This value should be greater than 0."
    for field in ("initialPrice", "purchasePrice", "discountManualAmount", "discountManualPercent"):
        if item.get(field) and not _is_amount(item[field]):
            yield field, "This value should be a number, 0 or more."
    if item.get("status") and item["status"] not in data.PRODUCT_STATUSES:
        yield "status", f"Product status with code {item['status']} does not exist."


def find_offer(account: Account, offer: Thing) -> Thing | None:
    if "id" in offer:
        return account.table("offers").get(int(known(offer["id"])))
    return account.table("offers").get(account.find("offer", str(offer.get("externalId"))) or 0)


def _delivery(delivery: Any) -> Problems:
    if not delivery:
        return
    if not isinstance(delivery, dict):
        yield "delivery", "This value is not valid."
        return
    code = delivery.get("code")
    if code and code not in data.DELIVERY_TYPES:
        yield "delivery.code", f"Delivery type with code {code} does not exist."
    for field in ("cost", "netCost"):
        if decimal(delivery.get(field) or 0) is None:
            yield f"delivery.{field}", "This value should be a number."


def payment_problems(payment: Any, is_new: bool = True) -> Problems:
    if not isinstance(payment, dict):
        yield "type", "This value is not valid."
        return
    kind = payment.get("type")
    if is_new and not kind:
        yield "type", "This value should not be blank."
    if kind and kind not in data.PAYMENT_TYPES:
        yield "type", f"Payment type with code {kind} does not exist."
    status = payment.get("status")
    if status and status not in data.PAYMENT_STATUSES:
        yield "status", f"Payment status with code {status} does not exist."
    if payment.get("amount") is not None and decimal(payment["amount"]) is None:
        yield "amount", "This value should be a number."


def laid_out(order: Thing, given: Thing, account: Account) -> Thing:
    """`order` with the fields of `given` taken in and the sums computed; payments are not touched."""
    made = order | {field: value for field, value in given.items() if field in KEPT}
    made |= {field: str(given[field]) for field in TEXT if given.get(field) is not None}
    if "customFields" in given:
        made["customFields"] = {**(order.get("customFields") or {}), **(given["customFields"] or {})}
    if isinstance(given.get("delivery"), dict):
        kept = {field: given["delivery"][field] for field in DELIVERY_FIELDS if field in given["delivery"]}
        made["delivery"] = {**(order.get("delivery") or {}), **kept}
    if "items" in given:
        made["items"] = [_laid_item(item, order, account) for item in given["items"]]
    return summed(made)


def _laid_item(item: Thing, order: Thing, account: Account) -> Thing:
    before: Thing = next((line for line in order.get("items", ()) if line["id"] == item.get("id")), {})
    line: Thing = {"status": "new", "quantity": 1, "initialPrice": 0, **before}
    line["id"] = before.get("id") or account.next_id("items")
    line |= {field: item[field] for field in (*ITEM_FIELDS, *ITEM_MORE) if field in item}
    if item.get("offer"):
        found = find_offer(account, item["offer"])
        line["offer"] = item["offer"] if found is None else _offer_of_line(found)
    line.setdefault("offer", {})
    line.setdefault("productName", line["offer"].get("name"))
    line["discountTotal"] = plain(_discount(line))
    return line


def _offer_of_line(offer: Thing) -> Thing:
    return {name: offer[name] for name in ("id", "externalId", "xmlId", "name", "article", "unit") if offer.get(name)}


def _discount(line: Thing) -> Decimal:
    """The discount of one unit."""
    amount, percent = line.get("discountManualAmount"), line.get("discountManualPercent")
    if not amount and not percent:
        return ZERO
    return known(amount) + known(line["initialPrice"]) * known(percent) / 100


def summed(order: Thing) -> Thing:
    """Sums: goods less discounts, with delivery, bought for, paid."""
    lines = [(known(line["quantity"]), line) for line in order.get("items", ())]
    goods = sum((count * (known(line["initialPrice"]) - known(line["discountTotal"])) for count, line in lines), ZERO)
    bought = sum((count * known(line["purchasePrice"]) for count, line in lines if line.get("purchasePrice")), ZERO)
    goods -= known(order.get("discountManualAmount")) + goods * known(order.get("discountManualPercent")) / 100
    paid = [one for one in order["payments"] if data.PAYMENT_STATUSES[one["status"]]["paymentComplete"]]
    prepaid = sum((known(one.get("amount")) for one in paid), ZERO)
    total = goods + known((order.get("delivery") or {}).get("cost"))
    full_paid = order.get("fullPaidAt") or (now() if paid and prepaid >= total else None)
    return order | {
        "summ": plain(goods),
        "totalSumm": plain(total),
        "purchaseSumm": plain(bought),
        "prepaySum": plain(prepaid),
        "fullPaidAt": full_paid if paid and prepaid >= total else None,
    }


def laid_payment(payment: Thing, before: Thing, account: Account) -> Thing:
    """A payment with its id; amount kept as given, status not-paid unless given."""
    made = {
        "status": "not-paid",
        **before,
        **{name: payment[name] for name in PAYMENT_FIELDS if payment.get(name) is not None},
    }
    made["id"] = before.get("id") or account.next_id("payments")
    return made


def shown(order: Thing, payments_by_id: bool = True) -> Thing:
    """An order as answers hold it: empty dictionaries are lists, payments keyed by id where RetailCRM does so."""
    public = dict(order)
    payments = order["payments"]
    public["payments"] = {str(one["id"]): one for one in payments} if payments and payments_by_id else payments
    public["customFields"] = order.get("customFields") or []
    delivery = dict(order.get("delivery") or {})
    delivery["data"] = delivery.get("data") or []
    public["delivery"] = delivery
    public["items"] = [line | {"properties": line.get("properties") or []} for line in order.get("items", ())]
    return public
