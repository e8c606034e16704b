"""What the KeyCRM sandbox demands of an order or a card and how it lays them out.

Chosen here, not published: a line needs a name or an article; a line's discount_amount is of one piece; a payment
without a status counts as paid wherever it is given (documented of one added later); grand_total holds shipping,
wrapping and taxes. Unknown fields are dropped without a word, and so is a cost inside `shipping`.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from integrations.keycrm import sandbox_data as data
from integrations.keycrm import sandbox_wire as wire
from integrations.sandbox_store import Account, Thing
from integrations.sandbox_values import decimal

ZERO = Decimal(0)
UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
ORDER_TEXT = ("source_uuid", "buyer_comment", "manager_comment", "promocode", "gift_message")
ORDER_NUMBERS = ("discount_percent", "discount_amount", "shipping_price", "wrap_price", "taxes")
SHIPPING_TEXT = (
    "tracking_code",
    "shipping_address_city",
    "shipping_address_country",
    "shipping_address_region",
    "shipping_address_zip",
    "shipping_secondary_line",
    "shipping_receive_point",
    "recipient_full_name",
    "recipient_phone",
    "warehouse_ref",
)
LINE_NUMBERS = ("price", "purchased_price", "discount_percent", "discount_amount", "quantity")
LINE_TEXT = ("sku", "name", "unit_type", "comment", "picture")
PAYMENT_STATUSES = ("paid", "not_paid", "canceled")
SWITCHED = (True, False, "1", "0", "true", "false")
NOVA_POSHTA = {row["id"] for row in data.DELIVERY_SERVICES if row["source_name"] == "novaposhta"}


def known(value: Any) -> Decimal:
    """A number that was checked, 0 for none."""
    return decimal(value) or ZERO


def plain(number: Decimal) -> int | float:
    number = round(number, 2)
    return int(number) if number == number.to_integral() else float(number)


def _texts(given: Thing, names: tuple[str, ...], at: str = "") -> wire.Problems:
    for name in names:
        if given.get(name) is not None and not isinstance(given[name], str):
            yield f"{at}{name}", f"The {at}{name} must be a string."


def _amounts(given: Thing, names: tuple[str, ...], at: str = "") -> wire.Problems:
    for name in names:
        number = decimal(given.get(name, 0) or 0)
        if number is None or number < 0:
            yield f"{at}{name}", f"The {at}{name} must be a number, at least 0."


def _one_of(given: Thing, name: str, ids: Any, at: str = "", required: bool = False) -> wire.Problems:
    value = given.get(name)
    if value is None:
        if required:
            yield f"{at}{name}", f"The {at}{name} field is required."
    elif isinstance(value, bool) or not isinstance(value, int) or value not in ids:
        yield f"{at}{name}", f"The selected {at}{name} is invalid."


def _of_kind(given: Thing, name: str, kind: type, at: str, required: bool = False) -> wire.Problems:
    value = given.get(name)
    if required and not value:
        yield f"{at}{name}", f"The {at}{name} field is required."
    elif value is not None and not isinstance(value, kind):
        yield f"{at}{name}", f"The {at}{name} must be {'an object' if kind is dict else 'an array'}."


# Problems


def order_problems(given: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """What is wrong with a new order; `at`: "orders.3." within a batch."""
    if not isinstance(given, dict):
        yield at.rstrip("."), f"The {at.rstrip('.')} must be an object."
        return
    yield from _one_of(given, "source_id", data.by_id(data.SOURCES), at, required=True)
    yield from _one_of(given, "manager_id", data.by_id(data.USERS), at)
    yield from _of_kind(given, "buyer", dict, at, required=True)
    yield from _texts(part(given, "buyer"), ("full_name", "email", "phone"), f"{at}buyer.")
    if given.get("ordered_at") is not None and wire.moment(given["ordered_at"]) is None:
        yield f"{at}ordered_at", f"The {at}ordered_at does not match the format Y-m-d H:i:s."
    yield from _of_kind(given, "marketing", dict, at)
    yield from _texts(part(given, "marketing"), UTM, f"{at}marketing.")
    yield from payments_problems(given, at)
    yield from change_problems(given, at)


def change_problems(given: Thing, at: str = "") -> wire.Problems:
    """What is wrong with the fields that a new order and a change have alike."""
    yield from _texts(given, ORDER_TEXT, at)
    yield from _amounts(given, ORDER_NUMBERS, at)
    yield from _one_of(given, "status_id", data.by_id(data.LISTS["status"]), at)
    yield from shipping_problems(given, at)
    yield from products_problems(given, at)
    yield from field_problems(given, "order", at)


def shipping_problems(given: Thing, at: str) -> wire.Problems:
    yield from _of_kind(given, "shipping", dict, at)
    shipping, at = part(given, "shipping"), f"{at}shipping."
    yield from _texts(shipping, SHIPPING_TEXT, at)
    yield from _one_of(shipping, "delivery_service_id", data.by_id(data.DELIVERY_SERVICES), at)
    if shipping.get("warehouse_ref") and shipping.get("delivery_service_id") not in NOVA_POSHTA:
        yield f"{at}warehouse_ref", f"The {at}delivery_service_id of Nova Poshta is required with warehouse_ref."
    if shipping.get("shipping_date") is not None and wire.moment(shipping["shipping_date"], "%Y-%m-%d") is None:
        yield f"{at}shipping_date", f"The {at}shipping_date does not match the format Y-m-d."


def products_problems(given: Thing, at: str) -> wire.Problems:
    yield from _of_kind(given, "products", list, at)
    for number, line in enumerate(rows(given, "products")):
        here = f"{at}products.{number}."
        yield from _texts(line, LINE_TEXT, here)
        yield from _amounts(line, LINE_NUMBERS, here)
        if not (line.get("name") or line.get("sku") or line.get("id")):
            yield f"{here}name", f"The {here}name field is required when {here}sku is not present."


def product_problems(given: Thing, at: str, numbers: tuple[str, ...], texts: tuple[str, ...]) -> wire.Problems:
    """What is wrong with a product or an offer of the catalogue."""
    yield from _texts(given, texts, at)
    yield from _amounts(given, numbers, at)


def payments_problems(given: Thing, at: str) -> wire.Problems:
    yield from _of_kind(given, "payments", list, at)
    for number, payment in enumerate(rows(given, "payments")):
        yield from payment_problems(payment, f"{at}payments.{number}.")


def payment_problems(payment: Thing, at: str = "") -> wire.Problems:
    if decimal(payment.get("amount")) is None:
        yield f"{at}amount", f"The {at}amount field is required."
    yield from _one_of(payment, "payment_method_id", data.by_id(data.PAYMENT_METHODS), at)
    yield from _texts(payment, ("payment_method", "description"), at)
    if not payment.get("payment_method_id") and not payment.get("payment_method"):
        yield f"{at}payment_method_id", f"The {at}payment_method_id field is required."
    if payment.get("payment_date") is not None and wire.moment(payment["payment_date"]) is None:
        yield f"{at}payment_date", f"The {at}payment_date does not match the format Y-m-d H:i:s."
    yield from status_problems(payment, at)


def status_problems(payment: Thing, at: str = "") -> wire.Problems:
    if payment.get("status") is not None and payment["status"] not in PAYMENT_STATUSES:
        yield f"{at}status", f"The selected {at}status is invalid."


def field_problems(given: Thing, model: str, at: str = "") -> wire.Problems:
    yield from _of_kind(given, "custom_fields", list, at)
    for number, row in enumerate(rows(given, "custom_fields")):
        field = data.FIELD_BY_UUID.get(str(row.get("uuid")))
        here = f"{at}custom_fields.{number}."
        if field is None or field["model"] != model:
            yield f"{here}uuid", f"The selected {here}uuid is invalid."
        elif not _fits(field, row.get("value")):
            yield f"{here}value", f"The selected {here}value is invalid."


def _fits(field: Thing, value: Any) -> bool:
    if field["type"] == "select":
        options = {option["value"] for option in field["options"]}
        return set(map(str, value if isinstance(value, list) else [value])) <= options
    return value in SWITCHED if field["type"] == "switcher" else isinstance(value, str)


def card_problems(given: Thing, is_new: bool = True) -> wire.Problems:
    yield from _texts(given, ("title", "manager_comment", "note", *UTM))
    yield from _one_of(given, "source_id", data.by_id(data.SOURCES))
    yield from _one_of(given, "pipeline_id", data.by_id(data.PIPELINES))
    yield from _one_of(given, "manager_id", data.by_id(data.USERS))
    yield from _one_of(given, "status_id", data.STAGE_BY_ID)
    yield from _of_kind(given, "contact", dict, "", required=is_new)
    yield from _texts(part(given, "contact"), ("full_name", "email", "phone"), "contact.")
    yield from products_problems(given, "")
    yield from payments_problems(given, "")
    yield from field_problems(given, "lead")


# Laying out


def part(given: Thing, name: str) -> Thing:
    found = given.get(name)
    return found if isinstance(found, dict) else {}


def rows(given: Thing, name: str) -> list[Thing]:
    """The objects of a list; what is none counts as an empty one."""
    found = given.get(name)
    return [one if isinstance(one, dict) else {} for one in found] if isinstance(found, list) else []


def laid_line(given: Thing, account: Account) -> Thing:
    """A new line with its id and its sums; properties that lack a name or a value are left out."""
    line: Thing = {name: given.get(name) for name in LINE_TEXT} | {"comment": given.get("comment") or ""}
    line |= {name: plain(known(given[name])) if given.get(name) is not None else None for name in LINE_NUMBERS}
    properties = [one for one in rows(given, "properties") if one.get("name") and one.get("value")]
    line |= {"id": account.next_id("lines", 1001), "properties": properties, "upsale": False, "product_status_id": 1}
    line["quantity"] = line["quantity"] or 1
    return line_summed(line)


def line_summed(line: Thing) -> Thing:
    price = known(line["price"])
    discount = known(line["discount_amount"]) + price * known(line["discount_percent"]) / 100
    sold, times = max(price - discount, ZERO), known(line["quantity"])
    return line | {
        "price": plain(price),
        "purchased_price": plain(known(line["purchased_price"])),
        "price_sold": plain(sold),
        "total_discount": plain((price - sold) * times),
    }


def laid_payment(given: Thing, account: Account) -> Thing:
    """A new payment; a name that comes with an id makes it one of the method "Other", as an integrator has found."""
    method = given.get("payment_method_id")
    if given.get("payment_method"):
        names = {row["name"]: row["id"] for row in data.PAYMENT_METHODS}
        method = data.OTHER_METHOD if method else names.get(given["payment_method"], data.OTHER_METHOD)
    status = given.get("status") or "paid"
    now = wire.stamp()
    return {
        "id": account.next_id("payments", 501),
        "payment_method_id": method,
        "amount": plain(known(given["amount"])),
        "actual_currency": "UAH",
        "transaction_uuid": None,
        "description": given.get("description"),
        "status": status,
        "fiscal_result": None,
        "payment_date": given.get("payment_date"),
        "created_at": now,
        "updated_at": now,
    }


def payment_shown(payment: Thing) -> Thing:
    """As the calls that make or change one answer it."""
    return payment | {"payment_method": data.by_id(data.PAYMENT_METHODS)[payment["payment_method_id"]]}


def laid_fields(before: list[Thing], given: Thing) -> list[Thing]:
    """Filled custom fields, {uuid, value}, after those given."""
    held = {row["uuid"]: row["value"] for row in before}
    held |= {row["uuid"]: row.get("value") for row in rows(given, "custom_fields")}
    return [{"uuid": uuid, "value": value} for uuid, value in held.items() if value not in (None, "")]


def fields_shown(held: list[Thing]) -> list[Thing]:
    return [
        {
            "id": data.FIELD_BY_UUID[row["uuid"]]["id"],
            "uuid": row["uuid"],
            "name": data.FIELD_BY_UUID[row["uuid"]]["name"],
            "type": data.FIELD_BY_UUID[row["uuid"]]["type"],
            "value": row["value"],
        }
        for row in held
    ]


def summed(order: Thing) -> Thing:
    """The order with its sums and the state of its payment."""
    lines = [(known(line["price_sold"]) * known(line["quantity"]), line) for line in order["products"]]
    goods = sum((amount for amount, _line in lines), ZERO)
    discount = known(order["discount_amount"]) + goods * known(order["discount_percent"]) / 100
    extra = sum((known(order[name]) for name in ("shipping_price", "wrap_price", "taxes")), ZERO)
    total = max(goods - discount, ZERO) + extra
    paid = sum((known(one["amount"]) for one in order["payments"] if one["status"] == "paid"), ZERO)
    return order | {
        "grand_total": plain(total),
        "total_discount": plain(discount + sum((known(line["total_discount"]) for _amount, line in lines), ZERO)),
        "expenses_sum": plain(sum((known(one["amount"]) for one in order["expenses"]), ZERO)),
        "payments_total": plain(paid),
        "payment_status": _payment_status(paid, total),
    }


def _payment_status(paid: Decimal, total: Decimal) -> str:
    if not paid:
        return "not_paid"
    if paid < total:
        return "part_paid"
    return "paid" if paid == total else "overpaid"
