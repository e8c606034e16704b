"""Orders and products as the API and webhooks write them: money as decimal strings, times in UTC, phones E.164,
entries of registries by their code (the key of the hub's own ones, the id of all others)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from models import Connection, Link, Order, PaymentMethod, Product, db

from . import lists, statuses, totals

#: of an order's JSON -> columns; the groups are objects
PLAIN = ("number", "external_number", "currency", "coupon", "customer_comment", "staff_comment", "do_not_call",
         "fulfilment")  # fmt: skip
RECIPIENT = ("last_name", "first_name", "patronymic", "phone", "email")
BUYER = ("name", "phone", "email")
DELIVERY = ("country", "region", "city", "street", "house", "flat", "postal_code", "pickup_code", "pickup_address")
LINE_TEXTS = ("sku", "name")
LINE_NUMBERS = ("quantity", "price", "discount")
MONEY = ("discount", "declared_value")
SIZES = ("weight", "length", "width", "height")
PRODUCT = ("sku", "name", "currency", "barcode", "active", *SIZES)

#: where a field that orders.editing complains of stands in the request
POINTERS = {
    "number": "/number",
    "postal_code": "/delivery/postal_code",
    "cod_method": "/payment/cod_method",
    "delivery_method_id": "/delivery/method",
    "discount": "/discount",
    "lines": "/lines",
    "weight": "/lines",
    "status": "/status",
}


class Unfit(Exception):
    """What was sent fits the schema and can't be done all the same. `errors`: [(JSON pointer, what to do)]."""

    def __init__(self, errors: Iterable[tuple[str, str]]) -> None:
        self.errors = list(errors)
        super().__init__("; ".join(f"{pointer}: {text}" for pointer, text in self.errors))


def code(entry: Any) -> str:
    """The name by which programs know an entry of a registry: renaming it changes nothing for them."""
    return entry.key or str(entry.id)


def entry(known: lists.Lists, name: str, wanted: str, pointer: str) -> lists.Entry:
    """The entry of this code. Raises Unfit, which lists the codes there are."""
    entries: Sequence[lists.Entry] = [e for e in getattr(known, name) if e.active]
    for found in entries:
        if code(found) == wanted:
            return found
    there = ", ".join(code(e) for e in entries[:50])
    raise Unfit([(pointer, f"There is no {wanted!r}. Use one of: {there}.")])


# ---- read


def read(body: Mapping[str, Any], known: lists.Lists) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The values and lines for orders.editing.create. `body` fits the schema OrderCreate. Raises Unfit."""
    values: dict[str, Any] = {name: body[name] for name in PLAIN if name in body}
    values |= {name: Decimal(body[name]) for name in MONEY if name in body}
    values |= {name: body["recipient"][name] for name in RECIPIENT if name in body["recipient"]}
    values |= {f"buyer_{name}": body["buyer"][name] for name in BUYER if name in body.get("buyer", {})}
    if "utm" in body:
        values["utm"] = body["utm"]
    errors: list[tuple[str, str]] = []
    for part in (_lists, _delivery, _payment, _placed):
        try:
            values |= part(body, known)
        except Unfit as error:
            errors += error.errors
    lines = [_line(line) for line in body["lines"]]
    errors += [
        (f"/lines/{i}/quantity", "Make it more than zero.") for i, line in enumerate(lines) if not line["quantity"]
    ]
    if errors:
        raise Unfit(errors)
    return values, lines


def _lists(body: Mapping[str, Any], known: lists.Lists) -> dict[str, Any]:
    values = {}
    if "type" in body:
        values["type_id"] = entry(known, "types", body["type"], "/type").id
    if "status" in body:
        values["status_id"] = settable(known, body["status"]).id
    return values


def settable(known: lists.Lists, wanted: str) -> lists.Entry:
    """The status of this code, if programs may give it. Raises Unfit."""
    found = entry(known, "statuses", wanted, "/status")
    if not statuses.may_set_by_hand(found):
        raise Unfit([("/status", f"{wanted!r} is set by the hub alone, when a transfer succeeds.")])
    return found


def _delivery(body: Mapping[str, Any], known: lists.Lists) -> dict[str, Any]:
    given = body.get("delivery", {})
    values: dict[str, Any] = {name: given[name] for name in DELIVERY if name in given}
    if "address" in given:
        values["address_text"] = given["address"]
    if "cost" in given:
        values["delivery_cost"] = Decimal(given["cost"])
    if "method" in given:
        values["delivery_method_id"] = entry(known, "delivery", given["method"], "/delivery/method").id
    return values


def _payment(body: Mapping[str, Any], known: lists.Lists) -> dict[str, Any]:
    given = body.get("payment", {})
    kind = ""
    values: dict[str, Any] = {}
    if "method" in given:
        values["payment_method_id"] = entry(known, "payment", given["method"], "/payment/method").id
        method = db.session.get(PaymentMethod, values["payment_method_id"])
        kind = method.kind if method else ""
    values["cod"] = given.get("cod", kind.startswith("cod_"))
    values["cod_method"] = given.get("cod_method", "card" if kind == "cod_card" else "cash")
    values["paid"] = given.get("paid", False)
    if values["cod"] and values["paid"]:
        raise Unfit([("/payment/paid", "A paid order has nothing to collect on delivery: send one of the two.")])
    if "cod_amount" in given and values["cod"]:
        values["cod_amount"] = Decimal(given["cod_amount"])
    return values


def _placed(body: Mapping[str, Any], _known: lists.Lists) -> dict[str, Any]:
    if "placed_at" not in body:
        return {}
    return {"placed_at": moment(body["placed_at"], "/placed_at")}


def moment(text: str, pointer: str) -> datetime:
    """A time in UTC. Raises Unfit where no calendar of ours has it."""
    try:
        found = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unfit([(pointer, "Use a time such as 2026-01-31T12:00:00Z.")]) from None
    if not 2000 <= found.year < 2100:
        raise Unfit([(pointer, "Use a time between the years 2000 and 2100.")])
    return found


def _line(given: Mapping[str, Any]) -> dict[str, Any]:
    line: dict[str, Any] = {name: given[name] for name in LINE_TEXTS if name in given}
    line |= {name: Decimal(given[name]) for name in LINE_NUMBERS if name in given}
    line.setdefault("quantity", Decimal(1))
    line["name"] = line.get("name") or line.get("sku", "")
    line["weight"] = int(given.get("weight", 0))
    return line


# ---- write


def amount(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:.2f}"


def utc(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def named(found: Any) -> dict[str, Any] | None:
    return None if found is None else {"code": code(found), "name": found.name}


def orders_json(orders: Sequence[Order]) -> list[dict[str, Any]]:
    """Orders as the API shows them; lines are loaded already. Two queries more, however many there are."""
    known = lists.read()
    of = {name: known.of(name) for name in ("statuses", "types", "shops", "sources", "delivery", "payment")}
    copies = _copies([order.id for order in orders])
    return [_order(order, of, copies.get(order.id, [])) for order in orders]


def _copies(order_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    query = (
        db.select(Link.order_id, Connection.name, Link.role, Link.state, Link.external_number, Link.external_id)
        .join(Connection, Connection.id == Link.connection_id)
        .where(Link.order_id.in_(order_ids))
        .order_by(Link.id)
    )
    found: dict[int, list[dict[str, Any]]] = {}
    for row in db.session.execute(query):
        copy = {"system": row.name, "role": row.role, "state": row.state}
        found.setdefault(row.order_id, []).append(copy | {"number": row.external_number or row.external_id or ""})
    return found


def _order(order: Order, of: Mapping[str, Mapping[int, Any]], copies: list[dict[str, Any]]) -> dict[str, Any]:
    status = of["statuses"].get(order.status_id)
    return {
        **{name: getattr(order, name) for name in PLAIN},
        "version": order.version,
        "created_at": utc(order.created_at),
        "updated_at": utc(order.updated_at),
        "placed_at": utc(order.placed_at),
        "status": {**(named(status) or {}), "group": status.group if status else ""},
        "type": named(of["types"].get(order.type_id)),
        "shop": named(of["shops"].get(order.shop_id or 0)),
        "source": named(of["sources"].get(order.source_id or 0)),
        "recipient": {name: getattr(order, name) for name in RECIPIENT},
        "buyer": {name: getattr(order, f"buyer_{name}") for name in BUYER},
        "delivery": _delivery_json(order, of["delivery"].get(order.delivery_method_id or 0)),
        "payment": _payment_json(order, of["payment"].get(order.payment_method_id or 0)),
        "lines": [_line_json(line) for line in order.lines],
        "goods_total": amount(order.goods_total),
        "discount": amount(order.discount),
        "total": amount(order.total),
        "declared_value": amount(order.declared_value),
        "weight": order.weight,
        "utm": order.utm or {},
        "copies": copies,
    }


def _delivery_json(order: Order, method: Any) -> dict[str, Any]:
    return {
        "method": named(method),
        "cost": amount(order.delivery_cost),
        **{name: getattr(order, name) for name in DELIVERY},
        "address": order.address_text,
        "ttn": order.ttn,
        "ttn_state": order.ttn_state,
    }


def _payment_json(order: Order, method: Any) -> dict[str, Any]:
    return {
        "method": named(method),
        "paid": order.paid,
        "cod": order.cod,
        "cod_method": order.cod_method,
        "cod_amount": amount(order.cod_amount),
    }


def _line_json(line: Any) -> dict[str, Any]:
    texts = {name: getattr(line, name) for name in LINE_TEXTS}
    money = {"price": line.price, "discount": line.discount, "total": totals.cents(line.total)}
    money = {name: amount(value) for name, value in money.items()}
    return {**texts, **money, "quantity": f"{line.quantity.normalize():f}", "weight": line.weight}


def product_json(product: Product) -> dict[str, Any]:
    shown = {name: getattr(product, name) for name in PRODUCT}
    return {**shown, "price": amount(product.price), "updated_at": utc(product.updated_at)}


def lists_json() -> dict[str, list[dict[str, Any]]]:
    """The registries with the codes that orders name."""
    known = lists.read()
    names = {
        "statuses": "statuses",
        "types": "types",
        "shops": "shops",
        "sources": "sources",
        "delivery_methods": "delivery",
        "payment_methods": "payment",
    }
    return {
        shown: [{**(named(e) or {}), "active": e.active} for e in getattr(known, name)] for shown, name in names.items()
    }
