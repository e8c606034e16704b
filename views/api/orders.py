"""Orders of the API: made, read, listed, given a status."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from flask import g, request, url_for

from jobs import wake
from models import db
from orders import lists, once, placing, wire

from .. import text
from ..problem_json import Problem
from . import checking
from .blueprint import actor, operation
from .schemas import CODE, CURSOR, KEY, TIME

LIMIT = {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}


@operation(
    "POST", "/orders", scope="orders:write", body="OrderCreate", answers={201: "Order"}, problems=(409, 413, 415, 422)
)
def create_order(body: dict[str, Any]) -> Any:
    """Make an order

    With an Idempotency-Key the request may be repeated without fear: the same key and body bring the same answer."""
    for left in reversed(range(placing.TRIES)):
        try:
            return _create(body)
        except placing.Taken:
            if left and "number" not in body:
                continue  # another order took the number that was made: make the next one
            errors = [("/number", "Another order has this number. Read it, or send another one.")]
            raise Problem(409, "number-taken", "Another order has this number.", errors) from None
    raise AssertionError("unreachable")


def _create(body: dict[str, Any]) -> Any:
    key = _key()
    if key and (known := _answered(key)) is not None:
        return known.answer, known.status, {"Location": known.location, "Idempotency-Replayed": "true"}
    values, lines = wire.read(body, lists.read())
    order = placing.place(values, lines, g.token, actor(), text.ZONE)
    answer = wire.orders_json([order])[0]
    location = url_for("api.get_order", number=order.number)
    if key:
        once.settle(g.token.id, key, 201, answer, location[:300])
    wake.changed()
    db.session.commit()
    return answer, 201, {"Location": location}


def _key() -> str:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not checking.fits(key, KEY):
        raise Problem(400, "idempotency-key", "Use 1 to 255 printable ASCII characters as Idempotency-Key, no spaces.")
    return key or ""


def _answered(key: str) -> Any:
    sent = once.fingerprint(request.method.encode(), request.path.encode(), request.get_data())
    try:
        return once.reserve(g.token.id, key, sent)
    except once.Reused:
        raise Problem(409, "key-reused", "This Idempotency-Key came before with another body: use a new key.") from None


@operation("GET", "/orders/{number}", scope="orders:read", answers={200: "Order"}, problems=(404,))
def get_order(number: str) -> Any:
    """Read an order"""
    return wire.orders_json([_order(number)])[0]


def _order(number: str) -> Any:
    order = placing.find(number)
    if order is None:
        raise Problem(404, "no-order", "There is no order with this number.")
    return order


@operation(
    "GET",
    "/orders",
    scope="orders:read",
    query={
        "limit": LIMIT,
        "cursor": {**CURSOR, "description": "`next` of the page before."},
        "status": {**CODE, "description": "Only orders in this status."},
        "updated_since": {**TIME, "description": "Only orders changed from then on, the earliest change first."},
    },
    answers={200: "OrderPage"},
    problems=(422,),
)
def list_orders(query: dict[str, Any]) -> Any:
    """List orders, newest first; with updated_since, the earliest change first"""
    limit = query.get("limit", LIMIT["default"])
    since = wire.moment(query["updated_since"], "updated_since") if "updated_since" in query else None
    status = wire.entry(lists.read(), "statuses", query["status"], "status").id if "status" in query else None
    found = placing.page(limit + 1, _place(query.get("cursor", ""), since), status, since)
    page, more = found[:limit], len(found) > limit
    return {"orders": wire.orders_json(page), "next": _cursor(page[-1], since) if more else None}


def _cursor(order: Any, since: Any) -> str:
    place = f"{order.updated_at.isoformat()} {order.id}" if since else str(order.id)
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _place(cursor: str, since: Any) -> tuple[Any, int] | None:
    """Where the page before ended. Raises Unfit for a cursor that is none of this list."""
    if not cursor:
        return None
    try:
        words = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii").split(" ")
        row_id = int(words[-1])
        if len(words) != (2 if since else 1) or not 0 < row_id < 2**62:
            raise ValueError(cursor)
        return (wire.moment(words[0], "cursor") if since else None, row_id)
    except (ValueError, binascii.Error, wire.Unfit):
        raise wire.Unfit([("cursor", "Send `next` of the page before, with the same parameters.")]) from None


@operation(
    "POST",
    "/orders/{number}/status",
    scope="orders:write",
    body="StatusChange",
    answers={200: "Order"},
    problems=(404, 413, 415, 422),
)
def change_status(number: str, body: dict[str, Any]) -> Any:
    """Give an order a status"""
    order = _order(number)
    if placing.set_status(order, body["status"], body.get("reason", ""), body.get("text", ""), actor()):
        wake.changed()
    db.session.flush()
    answer = wire.orders_json([_order(number)])[0]
    db.session.commit()
    return answer
