"""The shapes of the API, as JSON Schema (2020-12, the dialect of OpenAPI 3.1). Requests are checked against these same
objects that /api/v1/openapi.json prints: what the description says is what happens."""

from __future__ import annotations

from typing import Any

from models import SCOPES
from orders.outbox import EVENTS

from ..order_form import CURRENCIES

Schema = dict[str, Any]

#: no control characters: no column and no header takes them
LINE = "^[^\\u0000-\\u001f\\u007f]*$"
MULTILINE = "^[^\\u0000]*$"
MONEY: Schema = {
    "type": "string",
    "pattern": "^[0-9]{1,9}([.][0-9]{1,2})?$",
    "examples": ["1250.00"],
    "description": "Amount in the order's currency, with a point, as a string.",
}
QUANTITY: Schema = {"type": "string", "pattern": "^[0-9]{1,5}([.][0-9]{1,3})?$", "examples": ["2", "0.5"]}
CODE: Schema = {"type": "string", "pattern": "^[a-z0-9-]{1,40}$", "description": "A code that GET /lists shows."}
PHONE: Schema = {"type": "string", "pattern": "^[+][1-9][0-9]{6,14}$", "examples": ["+380501112233"]}
EMAIL: Schema = {
    "type": "string",
    "maxLength": 254,
    "pattern": "^[^@\\u0000-\\u0020\\u007f]{1,64}@[^@\\u0000-\\u0020\\u007f]{1,180}$",
    "examples": ["olena@example.com"],
}
TIME: Schema = {"type": "string", "format": "date-time", "examples": ["2026-01-31T12:00:00Z"]}
CURRENCY: Schema = {"type": "string", "enum": list(CURRENCIES)}
GRAMS: Schema = {"type": "integer", "minimum": 0, "maximum": 10_000_000, "description": "Grams."}
MILLIMETRES: Schema = {"type": "integer", "minimum": 0, "maximum": 100_000, "description": "Millimetres."}
FLAG: Schema = {"type": "boolean"}


def text(longest: int, pattern: str = LINE, **more: Any) -> Schema:
    return {"type": "string", "maxLength": longest, "pattern": pattern, **more}


def closed(properties: Schema, required: tuple[str, ...] = (), **more: Any) -> Schema:
    """An object with these properties and no others: a misspelt name is told, not ignored."""
    shape: Schema = {"type": "object", "properties": properties, "additionalProperties": False, **more}
    return {**shape, "required": list(required)} if required else shape


def shown(properties: Schema, **more: Any) -> Schema:
    """An object of an answer: each property is always there; new ones may come."""
    return {"type": "object", "properties": properties, "required": list(properties), **more}


def maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


STRING: Schema = {"type": "string"}
NAMED = shown({"code": CODE, "name": STRING})

_ADDRESS: Schema = {
    "country": {"type": "string", "pattern": "^[A-Z]{2}$", "description": "ISO 3166-1 alpha-2."},
    "region": text(120),
    "city": text(120),
    "street": text(160),
    "house": text(32),
    "flat": text(32),
    "postal_code": text(12),
    "pickup_code": text(64, description="The carrier's code of the branch or pickup point."),
    "pickup_address": text(300),
    "address": text(500, MULTILINE, description="The whole address as one text, where its parts are not known."),
}
_RECIPIENT: Schema = {"last_name": text(120), "first_name": text(120), "patronymic": text(120)}
_LINE_IN: Schema = {
    "sku": text(100),
    "name": text(300),
    "quantity": QUANTITY,
    "price": {**MONEY, "description": "Of one piece."},
    "discount": {**MONEY, "description": "Off the whole line."},
    "weight": {**GRAMS, "description": "Grams a piece."},
}
_SIZES: Schema = {"weight": GRAMS, "length": MILLIMETRES, "width": MILLIMETRES, "height": MILLIMETRES}
_PRODUCT_IN: Schema = {
    "name": text(300, minLength=1),
    "price": MONEY,
    "currency": CURRENCY,
    "barcode": text(64),
    "active": FLAG,
    **_SIZES,
}

#: of an order that is made
ORDER_CREATE = closed(
    {
        "number": {
            "type": "string",
            "pattern": "^[^\\u0000-\\u001f\\u007f\\\\?#%]{1,64}$",
            "description": "Your number of the order. Without it the hub makes one of date and time.",
        },
        "external_number": text(64),
        "placed_at": {**TIME, "description": "When the customer ordered; now, if absent."},
        "type": {**CODE, "description": 'Code of the order type; "standard" if absent.'},
        "status": {**CODE, "description": 'Code of the status; "new" if absent.'},
        "recipient": closed(
            {**_RECIPIENT, "phone": PHONE, "email": EMAIL},
            anyOf=[{"required": ["phone"]}, {"required": ["email"]}],
        ),
        "buyer": closed({"name": text(250), "phone": PHONE, "email": EMAIL}, description="If not the recipient."),
        "delivery": closed({"method": CODE, "cost": MONEY, **_ADDRESS}),
        "payment": closed(
            {
                "method": CODE,
                "paid": FLAG,
                "cod": {**FLAG, "description": "Collect the money on delivery; as the method says, if absent."},
                "cod_method": {"type": "string", "enum": ["cash", "card"]},
                "cod_amount": {**MONEY, "description": "The order's total, if absent."},
            }
        ),
        "lines": {"type": "array", "minItems": 1, "maxItems": 200, "items": closed(_LINE_IN, ("name", "price"))},
        "currency": CURRENCY,
        "discount": {**MONEY, "description": "Off the whole order."},
        "declared_value": MONEY,
        "coupon": text(60),
        "customer_comment": text(5000, MULTILINE),
        "staff_comment": text(5000, MULTILINE),
        "do_not_call": FLAG,
        "fulfilment": FLAG,
        "utm": {
            "type": "object",
            "maxProperties": 20,
            "propertyNames": {"pattern": "^[a-z_]{1,40}$"},
            "additionalProperties": text(200),
        },
    },
    ("recipient", "lines"),
)

ORDER = shown(
    {
        "number": STRING,
        "external_number": STRING,
        "version": {"type": "integer"},
        "created_at": TIME,
        "updated_at": TIME,
        "placed_at": TIME,
        "status": shown({"code": CODE, "name": STRING, "group": STRING}),
        "type": NAMED,
        "shop": maybe(NAMED),
        "source": maybe(NAMED),
        "recipient": shown({**dict.fromkeys(_RECIPIENT, STRING), "phone": STRING, "email": STRING}),
        "buyer": shown({"name": STRING, "phone": STRING, "email": STRING}),
        "delivery": shown(
            {
                "method": maybe(NAMED),
                "cost": STRING,
                **dict.fromkeys(_ADDRESS, STRING),
                "ttn": {**STRING, "description": "The carrier's tracking number."},
                "ttn_state": STRING,
            }
        ),
        "payment": shown(
            {"method": maybe(NAMED), "paid": FLAG, "cod": FLAG, "cod_method": STRING, "cod_amount": STRING}
        ),  # fmt: skip
        "lines": {
            "type": "array",
            "items": shown(
                {
                    **dict.fromkeys(("sku", "name", "quantity", "price", "discount", "total"), STRING),
                    "weight": {"type": "integer"},
                }
            ),
        },
        "currency": STRING,
        **dict.fromkeys(("goods_total", "discount", "total", "declared_value", "coupon"), STRING),
        "customer_comment": STRING,
        "staff_comment": STRING,
        "do_not_call": FLAG,
        "fulfilment": FLAG,
        "weight": {"type": "integer", "description": "Grams."},
        "utm": {"type": "object"},
        "copies": {
            "type": "array",
            "description": "The order in connected systems.",
            "items": shown({"system": STRING, "role": STRING, "state": STRING, "number": STRING}),
        },
    }
)

#: any text of the caller's, new for each order; the header Idempotency-Key
KEY: Schema = {"type": "string", "pattern": "^[!-~]{1,255}$"}
CURSOR: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,100}$"}
NEXT = maybe({**CURSOR, "description": "Send it as `cursor` for the next page; null = there is none."})
PRODUCT = shown(
    {
        **dict.fromkeys(("sku", "name", "price", "currency", "barcode"), STRING),
        "active": FLAG,
        **dict.fromkeys(_SIZES, {"type": "integer"}),
        "updated_at": TIME,
    }
)

PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `errors` names each field and what to do about it.",
    "properties": {
        "type": STRING,
        "title": STRING,
        "status": {"type": "integer"},
        "detail": STRING,
        "errors": {
            "type": "array",
            "items": shown(
                {
                    "pointer": {**STRING, "description": "JSON Pointer into the body, or the parameter's name."},
                    "detail": STRING,
                }
            ),
        },
    },
    "required": ["type", "title", "status", "detail"],
}

_LISTS = ("statuses", "types", "shops", "sources", "delivery_methods", "payment_methods")
_LIST = {"type": "array", "items": shown({"code": CODE, "name": STRING, "active": FLAG})}
SCHEMAS: dict[str, Schema] = {
    "OrderCreate": ORDER_CREATE,
    "Order": ORDER,
    "OrderPage": shown({"orders": {"type": "array", "items": ref("Order")}, "next": NEXT}),
    "StatusChange": closed(
        {
            "status": CODE,
            "reason": text(40, description="Why the order is cancelled: a code of yours."),
            "text": text(500, MULTILINE, description="The same in words."),
        },
        ("status",),
    ),
    "ProductPut": closed(_PRODUCT_IN, ("name", "price")),
    "Product": PRODUCT,
    "ProductPage": shown({"products": {"type": "array", "items": ref("Product")}, "next": NEXT}),
    "Lists": shown(dict.fromkeys(_LISTS, _LIST)),
    "Problem": PROBLEM,
    "Event": {
        "type": "object",
        "description": "What an endpoint is told, signed as standardwebhooks.com says.",
        "properties": {
            "type": {"type": "string", "enum": list(EVENTS)},
            "timestamp": TIME,
            "data": {
                "type": "object",
                "properties": {
                    "order": ref("Order"),
                    "changes": {
                        "type": "array",
                        "description": "[field, before, after] each.",
                        "items": {"type": "array"},
                    },
                },
            },
        },
        "required": ["type", "timestamp", "data"],
    },
}
_DO = ("read orders", "make orders and change their status", "read products", "write products")
SCOPE_NAMES = dict(zip(SCOPES, _DO, strict=True))
